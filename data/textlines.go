package data

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	wording "github.com/monge-ml/monge/internal/words"
)

// readFile reads a file of texts; with cut, some of them are the test split.
func (c *corpus) readFile(path string, columns textColumns, cut bool) error {
	r, err := openPlain(path)
	if err != nil {
		return err
	}
	defer r.Close()
	if columns.csv || strings.EqualFold(filepath.Ext(strings.TrimSuffix(path, ".gz")), ".csv") {
		err = c.parseCSV(r, columns, cut)
	} else {
		err = c.parse(r, columns, cut)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// parse reads lines LABEL<TAB>TEXT, or of columns that the first line names, or of JSON if the
// first starts with a brace. Empty lines say nothing.
func (c *corpus) parse(r io.Reader, columns textColumns, cut bool) error {
	in := bufio.NewReaderSize(r, 1<<16)
	if b, _ := in.Peek(64); bytes.HasPrefix(bytes.TrimLeft(bytes.TrimPrefix(b, []byte("\uFEFF")), " \t\r\n"), []byte("[{")) {
		return c.parseArray(in, columns, cut)
	}
	p := textParser{corpus: c, columns: columns, cut: cut}
	for line, err := range lines(in) {
		if err != nil {
			return err
		}
		text := bytes.TrimSpace(line.text)
		if len(text) == 0 {
			continue
		}
		if p.split == nil && text[0] == '{' {
			p.split = p.splitJSON
		}
		if err := p.line(line.text); err != nil {
			return fmt.Errorf("line %d: %w", line.n, err)
		}
	}
	return p.end()
}

// parseArray reads a JSON array of objects.
func (c *corpus) parseArray(r io.Reader, columns textColumns, cut bool) error {
	d := json.NewDecoder(&limited{r, maxMemory})
	if _, err := d.Token(); err != nil {
		return err
	}
	p := textParser{corpus: c, columns: columns, cut: cut}
	p.split = p.splitJSON
	for n := 1; d.More(); n++ {
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return fmt.Errorf("entry %d: the JSON is damaged or cut short%s", n, wording.Because(err))
		}
		if len(raw) > maxLine {
			return fmt.Errorf("entry %d is longer than %d bytes: cut it, or delete it", n, maxLine)
		}
		if !utf8.Valid(raw) {
			return fmt.Errorf("entry %d is not UTF-8: convert the file", n)
		}
		if err := p.line(raw); err != nil {
			return fmt.Errorf("entry %d: %w", n, err)
		}
	}
	if _, err := d.Token(); err != nil {
		return errors.New("the JSON array does not end: the file is cut short")
	}
	return p.end()
}

// parseCSV reads rows of columns that the first line names.
func (c *corpus) parseCSV(r io.Reader, columns textColumns, cut bool) error {
	in := bufio.NewReaderSize(&limited{r, maxMemory}, 1<<16)
	delimiter, err := delimiterOf(in)
	if err != nil {
		return err
	}
	rows := csv.NewReader(in)
	rows.Comma = delimiter
	p := textParser{corpus: c, columns: columns, cut: cut}
	for first := true; ; first = false {
		row, err := rows.Read()
		if err == io.EOF {
			return p.end()
		}
		if err != nil {
			return csvError(err)
		}
		line, _ := rows.FieldPos(0)
		if i := slices.IndexFunc(row, func(f string) bool { return !utf8.ValidString(f) }); i >= 0 {
			return fmt.Errorf("line %d is not UTF-8: convert the file", line)
		}
		if first {
			row[0] = strings.TrimPrefix(row[0], "\uFEFF")
			if !p.numbered(row) {
				if err := p.head(row); err != nil {
					return fmt.Errorf("line 1: %w", err)
				}
				continue
			}
			if err := p.number(row); err != nil {
				return err
			}
		}
		if err := p.row(row); err != nil {
			return fmt.Errorf("line %d: %w", line, err)
		}
	}
}

// A textParser reads the lines of a file of texts.
type textParser struct {
	*corpus
	columns textColumns
	cut     bool
	split   func(line []byte) (entry, error) // nil before the first line
	at      columnPlaces                     // of a file that has columns
	fields  int
	named   bool            // the first line names the columns, or its keys were told
	used    map[string]bool // keys of the first object
	keys    textColumns     // of objects, once they are known
	ids     []uint16
	other   distinct
}

// line reads a line.
func (p *textParser) line(line []byte) error {
	if p.split == nil {
		fields := strings.Split(string(line), "\t")
		p.split = splitTSV
		switch {
		case p.hasHead(fields):
			p.split = p.splitColumns
			return p.head(fields)
		case p.columns.given():
			if err := p.number(fields); err != nil {
				return err
			}
			p.split = p.splitColumns
		case len(fields) > 2:
			return fmt.Errorf("it has %d columns, and none is called as labels or texts are: say which they are with ?label=#1&text=#%[1]d, or name them in the first line", len(fields))
		}
	}
	e, err := p.split(line)
	if err != nil {
		return err
	}
	return p.example(e)
}

// hasHead reports whether the fields of a first line are names: one of labels, and one of texts
// or what the spec names.
func (p *textParser) hasHead(fields []string) bool {
	if slices.ContainsFunc(p.columns.all(), func(c string) bool { return !strings.HasPrefix(c, "#") }) {
		return true
	}
	if len(fields) < 2 || slices.ContainsFunc(fields, isSentence) && len(fields) == 2 {
		return false
	}
	texts, label := place(fields, textWords) >= 0 || pairOf(fields) != nil, place(fields, labelWords) >= 0
	return label && (texts || len(fields) == 2) ||
		len(fields) > 2 && (texts || label) && !slices.ContainsFunc(fields, isSentence)
}

// numbered reports whether a spec gives all columns by number, and the first line of a table is an
// example like others: it has no name of labels or texts there.
func (p *textParser) numbered(fields []string) bool {
	at, ok := p.columns.numbers(len(fields))
	if !ok {
		return false
	}
	of := func(places []int, names []string) bool {
		return slices.ContainsFunc(places, func(i int) bool { return place(fields[i:i+1], names) >= 0 })
	}
	return !of(at.outputs(), labelWords) && !of(at.texts, textWords) && pairOf(fields) == nil
}

// isSentence reports whether a field is more than a name.
func isSentence(f string) bool { return len(strings.Fields(f)) != 1 || len(f) > 30 }

// head finds the columns of labels and texts by the names in the first line.
func (p *textParser) head(fields []string) (err error) {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = strings.TrimSpace(f)
	}
	p.fields, p.named = len(names), true
	if p.at, err = p.columns.find(names); err != nil {
		return err
	}
	p.begin(&p.at, names)
	p.notes = append(p.notes, p.at.note(names)...)
	return nil
}

// begin says what the corpus is of.
func (c *corpus) begin(at *columnPlaces, names []string) {
	c.pairs, c.chosen, c.several = len(at.texts) == 2, at.chosen, at.labels >= 0
	for _, i := range at.targets {
		c.targetNames = append(c.targetNames, names[i])
	}
}

// number finds the columns that the spec numbers, of a file whose first line names none.
func (p *textParser) number(fields []string) error {
	p.fields = len(fields)
	at, ok := p.columns.numbers(len(fields))
	if !ok || at.check(fields) != nil {
		return usage("label=%s&text=%s are no two of the %d columns: number them, as in label=#2&text=#1", strings.Join(p.columns.outputs(), ","), strings.Join(p.columns.texts, ","), len(fields))
	}
	p.at = at
	names := make([]string, len(fields))
	for i := range names {
		names[i] = fmt.Sprintf("#%d", i+1)
	}
	p.begin(&at, names)
	return nil
}

// row reads the fields of a row.
func (p *textParser) row(fields []string) error {
	e, err := p.entry(fields)
	if err != nil {
		return err
	}
	return p.example(e)
}

// splitColumns takes an example from a line's columns.
func (p *textParser) splitColumns(line []byte) (entry, error) {
	return p.entry(strings.Split(string(line), "\t"))
}

// entry takes an example from a row's columns.
func (p *textParser) entry(fields []string) (e entry, err error) {
	if len(fields) <= slices.Max(p.at.all()) {
		return e, fmt.Errorf("%d columns of %d: mend the line, or delete it", len(fields), p.fields)
	}
	for _, i := range p.at.texts {
		e.texts = append(e.texts, strings.TrimSpace(fields[i]))
	}
	for k, i := range p.at.targets {
		v, err := parseTarget(fields[i])
		if err != nil {
			return e, fmt.Errorf("target %s: %w", p.targetNames[k], err)
		}
		e.targets = append(e.targets, v)
	}
	if p.at.labels >= 0 {
		e.labels = labelList(fields[p.at.labels])
	}
	if p.at.label >= 0 {
		if e.label = strings.TrimSpace(fields[p.at.label]); e.label == "" {
			return e, errors.New("it has no label")
		}
	}
	return e, nil
}

// parseTarget reads a number to predict.
func parseTarget(field string) (float32, error) {
	v, err := strconv.ParseFloat(strings.TrimSpace(field), 32)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, fmt.Errorf("%q is no number that can be predicted: mend the line, or delete it", shortened([]byte(field)))
	}
	return float32(v), nil
}

// labelList splits a field of labels, which commas stand between.
func labelList(field string) (labels []string) {
	for _, name := range strings.Split(field, ",") {
		if name = strings.TrimSpace(name); name != "" && !slices.Contains(labels, name) {
			labels = append(labels, name)
		}
	}
	return labels
}

// example adds an example.
func (p *textParser) example(e entry) error {
	test := false
	if p.cut {
		p.ids = appendTokens(p.ids[:0], e.texts[0], maxSize)
		test = inTest(keyOf(p.ids))
	}
	p.other.see([]byte(e.texts[0]))
	return p.addEntry(e, test)
}

// end checks a whole file.
func (p *textParser) end() error {
	switch n := len(p.labels); {
	case n > 0 && (p.targetNames != nil || p.several):
	case n > fewRows && len(p.classes) <= n/4 && p.once():
		return fmt.Errorf("the label of the first line, %q, is that of no other: if the line names the columns, say which they are with ?label=%[1]s&text=NAME", p.classes[p.labels[0]])
	case n == 0:
		return errors.New("there is no text; " + textLine)
	case n >= fewRows && !p.columns.given() && (len(p.classes) == n || len(p.classes) > n/2 && p.other.few(n)):
		return fmt.Errorf("%d different labels in %d lines, and %s different texts: are they the other way around? "+
			"A line is LABEL<TAB>TEXT; say otherwise with ?label=#2&text=#1, or by the names of columns in the first line", len(p.classes), n, p.other.count())
	}
	return nil
}

// once reports whether the label of the first text is that of no other, where all others have
// several.
func (p *textParser) once() bool {
	counts := make([]int, len(p.classes))
	for _, l := range p.labels {
		counts[l]++
	}
	first := p.labels[0]
	if p.columns.given() || numeral.MatchString(p.classes[first]) {
		return false // no column is called so
	}
	for l, n := range counts {
		if (n == 1) != (l == first) {
			return false
		}
	}
	return !p.named
}

// distinct counts how many texts are different, up to a bound.
type distinct struct{ seen map[uint64]bool }

// manyTexts is enough to be no labels.
const manyTexts = 200

func (t *distinct) see(text []byte) {
	if len(t.seen) > manyTexts {
		return
	}
	if t.seen == nil {
		t.seen = map[uint64]bool{}
	}
	h := fnv.New64a()
	h.Write(text)
	t.seen[h.Sum64()] = true
}

// few reports whether n texts repeat themselves as labels do.
func (t *distinct) few(n int) bool { return len(t.seen) <= min(manyTexts, n/4) }

func (t *distinct) count() string {
	if len(t.seen) > manyTexts {
		return "many"
	}
	return strconv.Itoa(len(t.seen))
}

const textLine = `a line is LABEL<TAB>TEXT, or {"label": "LABEL", "text": "TEXT"}`

func splitTSV(line []byte) (e entry, err error) {
	l, text, ok := bytes.Cut(line, []byte{'\t'})
	if l = bytes.TrimSpace(l); !ok || len(l) == 0 {
		return e, fmt.Errorf("%q has no label and tab; %s", shortened(line), textLine)
	}
	return entry{texts: []string{string(bytes.TrimSpace(text))}, label: string(l)}, nil
}
