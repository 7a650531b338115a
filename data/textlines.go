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
	"maps"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	wording "github.com/monge-ml/monge/internal/words"
)

// textColumns say where in a line the label and the text stand, as a spec gives it: by name, or by
// number as in #2; "" where it does not.
type textColumns struct{ label, text string }

func (c textColumns) given() bool { return c.label != "" || c.text != "" }

// parseTextSpec takes the columns off a place.
func parseTextSpec(place string) (string, textColumns, error) {
	at := strings.LastIndex(place, "?")
	if at < 0 || !strings.Contains(place[at:], "=") {
		return place, textColumns{}, nil
	}
	var c textColumns
	values, err := url.ParseQuery(strings.ReplaceAll(place[at+1:], "#", "%23"))
	if err != nil {
		return place, c, usage("%q is not like label=NAME&text=NAME", place[at+1:])
	}
	for key, v := range values {
		switch key {
		case "label":
			c.label = v[0]
		case "text":
			c.text = v[0]
		default:
			return place, c, usage("unknown setting %q; there are label, text", key)
		}
	}
	return place[:at], c, nil
}

// What columns and keys of labels and of texts are called.
var (
	labelWords = append(slices.Clone(labelNames), "sentiment", "polarity", "intent", "stars", "rating", "gold_label", "label_id", "label-id",
		"is_duplicate", "quality", "score", "stance", "emotion", "topic", "answer")
	textWords = []string{
		"text", "texts", "sentence", "sentences", "content", "review", "title", "question", "premise", "tweet", "message", "comment", "body",
		"document", "utterance", "query", "phrase", "description", "sentence1", "question1",
	}
)

// readFile reads a file of texts; with cut, some of them are the test split.
func (c *corpus) readFile(path string, columns textColumns, cut bool) error {
	r, err := openPlain(path)
	if err != nil {
		return err
	}
	defer r.Close()
	if strings.EqualFold(filepath.Ext(strings.TrimSuffix(path, ".gz")), ".csv") {
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
	columns     textColumns
	cut         bool
	split       func(line []byte) (label string, text []byte, err error) // nil before the first line
	label, text int                                                      // columns, of a file that has some
	fields      int
	named       bool            // the first line names the columns, or its keys were told
	used        map[string]bool // keys of the first object
	ids         []uint16
	other       distinct
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
	label, text, err := p.split(line)
	if err != nil {
		return err
	}
	return p.example(label, text)
}

// hasHead reports whether the fields of a first line are names: one of labels, and one of texts
// or what the spec names.
func (p *textParser) hasHead(fields []string) bool {
	if p.columns.given() {
		byName := func(c string) bool { return c != "" && !strings.HasPrefix(c, "#") }
		if byName(p.columns.label) || byName(p.columns.text) {
			return true
		}
	}
	if len(fields) < 2 || slices.ContainsFunc(fields, isSentence) && len(fields) == 2 {
		return false
	}
	return place(fields, labelWords) >= 0 && (place(fields, textWords) >= 0 || len(fields) == 2) ||
		len(fields) > 2 && (place(fields, textWords) >= 0 || place(fields, labelWords) >= 0) && !slices.ContainsFunc(fields, isSentence)
}

// numbered reports whether a spec gives both columns by number, and the first line of a table is an
// example like others: it has no name of labels or texts there.
func (p *textParser) numbered(fields []string) bool {
	l, ok := byNumber(p.columns.label, len(fields))
	t, also := byNumber(p.columns.text, len(fields))
	return ok && also && place(fields[l:l+1], labelWords) < 0 && place(fields[t:t+1], textWords) < 0
}

// isSentence reports whether a field is more than a name.
func isSentence(f string) bool { return len(strings.Fields(f)) != 1 || len(f) > 30 }

// place returns the place of the first field that is one of some names, in any case, or -1.
func place(fields, names []string) int {
	return slices.IndexFunc(fields, func(f string) bool { return slices.Contains(names, strings.ToLower(strings.TrimSpace(f))) })
}

// head finds the columns of labels and texts by the names in the first line.
func (p *textParser) head(fields []string) (err error) {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = strings.TrimSpace(f)
	}
	p.fields, p.named = len(names), true
	if p.label, err = columnOf(names, "label", p.columns.label, labelWords, -1); err != nil {
		return err
	}
	if p.text, err = columnOf(names, "text", p.columns.text, textWords, p.label); err != nil {
		return err
	}
	if p.label == p.text {
		return usage("label and text are both column %q", names[p.label])
	}
	if len(names) > 2 {
		var left []string
		for i, n := range names {
			if i != p.label && i != p.text {
				left = append(left, strconv.Quote(n))
			}
		}
		p.notes = append(p.notes, fmt.Sprintf("texts are of column %q, labels of %q; left out: %s", names[p.text], names[p.label], someOf(left)))
	}
	return nil
}

// columnOf returns the column that a spec names, or else the only one that is called as such
// columns are, or of two the one that the other is not.
func columnOf(names []string, what, given string, usual []string, other int) (int, error) {
	if given != "" {
		if i, ok := byNumber(given, len(names)); ok {
			return i, nil
		}
		i := slices.Index(names, given)
		if i < 0 {
			return 0, fmt.Errorf("no column %q%s; the first line names %s", given, wording.DidYouMean(given, names), someOf(names))
		}
		return i, nil
	}
	var found []int
	for i, n := range names {
		if i != other && slices.Contains(usual, strings.ToLower(n)) {
			found = append(found, i)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) == 0 && len(names) == 2 && other >= 0:
		return 1 - other, nil
	}
	return 0, fmt.Errorf("which column has the %ss? The first line names %s: say it with ?label=NAME&text=NAME", what, someOf(names))
}

// byNumber returns the column of a number like #2.
func byNumber(c string, n int) (int, bool) {
	digits, ok := strings.CutPrefix(c, "#")
	i, err := strconv.Atoi(digits)
	return i - 1, ok && err == nil && i >= 1 && i <= n
}

// number finds the columns that the spec numbers, of a file whose first line names none.
func (p *textParser) number(fields []string) error {
	p.fields = len(fields)
	var ok, also bool
	p.label, ok = byNumber(p.columns.label, len(fields))
	p.text, also = byNumber(p.columns.text, len(fields))
	if !ok || !also || p.label == p.text {
		return usage("label=%s&text=%s are no two of the %d columns: number them, as in label=#2&text=#1", p.columns.label, p.columns.text, len(fields))
	}
	return nil
}

// row reads the fields of a row.
func (p *textParser) row(fields []string) error {
	if len(fields) <= max(p.label, p.text) {
		return fmt.Errorf("%d columns of %d: mend the line, or delete it", len(fields), p.fields)
	}
	label := strings.TrimSpace(fields[p.label])
	if label == "" {
		return errors.New("it has no label")
	}
	return p.example(label, []byte(strings.TrimSpace(fields[p.text])))
}

// splitColumns takes label and text from a line's columns.
func (p *textParser) splitColumns(line []byte) (label string, text []byte, err error) {
	fields := bytes.Split(line, []byte{'\t'})
	if len(fields) <= max(p.label, p.text) {
		return "", nil, fmt.Errorf("%d columns of %d: mend the line, or delete it", len(fields), p.fields)
	}
	if label = string(bytes.TrimSpace(fields[p.label])); label == "" {
		return "", nil, errors.New("it has no label")
	}
	return label, bytes.TrimSpace(fields[p.text]), nil
}

// example adds a text.
func (p *textParser) example(label string, text []byte) error {
	test := false
	if p.cut {
		p.ids = appendTokens(p.ids[:0], string(text), maxSize)
		test = inTest(keyOf(p.ids))
	}
	p.other.see(text)
	return p.add(text, label, test)
}

// end checks a whole file.
func (p *textParser) end() error {
	switch n := len(p.labels); {
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

func splitTSV(line []byte) (label string, text []byte, err error) {
	l, text, ok := bytes.Cut(line, []byte{'\t'})
	if l = bytes.TrimSpace(l); !ok || len(l) == 0 {
		return "", nil, fmt.Errorf("%q has no label and tab; %s", shortened(line), textLine)
	}
	return string(l), bytes.TrimSpace(text), nil
}

// splitJSON takes the label, a string, a number, true or false, and the text of an object.
func (p *textParser) splitJSON(line []byte) (label string, text []byte, err error) {
	var v map[string]json.RawMessage
	if err := wording.JSON(line, json.Unmarshal(line, &v)); err != nil {
		return "", nil, fmt.Errorf("%q: %w; %s", shortened(line), err, textLine)
	}
	if !p.named {
		defer func() { p.tellKeys(v) }()
	}
	l, err := p.keyed(v, "label", p.columns.label, labelWords)
	if err != nil {
		return "", nil, fmt.Errorf("%q: %w", shortened(line), err)
	}
	t, err := p.keyed(v, "text", p.columns.text, textWords)
	if err != nil {
		return "", nil, fmt.Errorf("%q: %w", shortened(line), err)
	}
	var words string
	if json.Unmarshal(t, &words) != nil {
		return "", nil, fmt.Errorf("%q: the text is none; %s", shortened(line), textLine)
	}
	switch {
	case json.Unmarshal(l, &label) == nil && string(l) != "null":
	case len(l) > 0 && strings.IndexByte("-0123456789tf", l[0]) >= 0: // a number, true or false
		label = string(l)
	}
	if label == "" {
		return "", nil, fmt.Errorf("%q: the label is no text and no number; %s", shortened(line), textLine)
	}
	return label, []byte(words), nil
}

// use notes that a key is used.
func (p *textParser) use(key string) {
	if p.named {
		return
	}
	if p.used == nil {
		p.used = map[string]bool{}
	}
	p.used[key] = true
}

// tellKeys tells which keys of the first object are left out.
func (p *textParser) tellKeys(v map[string]json.RawMessage) {
	p.named = true
	left := slices.DeleteFunc(slices.Sorted(maps.Keys(v)), func(k string) bool { return p.used[k] })
	if len(left) > 0 {
		p.notes = append(p.notes, "keys left out: "+someOf(left))
	}
}

// keyed returns the value of the key that a spec names, or else of the first that is called as such
// keys are.
func (p *textParser) keyed(v map[string]json.RawMessage, what, given string, usual []string) (json.RawMessage, error) {
	if given != "" {
		if raw, ok := v[given]; ok {
			p.use(given)
			return raw, nil
		}
		return nil, fmt.Errorf("no key %q", given)
	}
	for _, name := range usual {
		if raw, ok := v[name]; ok {
			p.use(name)
			return raw, nil
		}
	}
	keys := slices.Sorted(maps.Keys(v))
	if i := place(keys, usual); i >= 0 {
		p.use(keys[i])
		return v[keys[i]], nil
	}
	return nil, fmt.Errorf("no %s; the keys are %s: say which it is with ?%s=KEY", what, someOf(keys), what)
}
