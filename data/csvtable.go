package data

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	wording "github.com/monge-ml/monge/internal/words"
)

// parse reads a line of column names, then a line an example.
func (f csvSpec) parse(r io.Reader) (*Splits, error) {
	in := bufio.NewReaderSize(&limited{r, maxMemory}, 1<<16)
	delimiter, err := delimiterOf(in)
	if err != nil {
		return nil, err
	}
	rows := csv.NewReader(in)
	rows.Comma, rows.ReuseRecord, rows.TrimLeadingSpace, rows.FieldsPerRecord = delimiter, true, delimiter != '\t', -1
	head, err := rows.Read()
	if err == io.EOF {
		return nil, fmt.Errorf("the file is empty; its first line must name the columns")
	}
	if err != nil {
		return nil, csvError(err)
	}
	t := &csvTable{Reader: rows, csvSpec: f, number: map[string]int{}, decimal: delimiter == ';'}
	head = slices.Clone(head)
	for first := true; ; first = false {
		row, err := rows.Read()
		if err != nil && err != io.EOF {
			return nil, csvError(err)
		}
		if first {
			if len(row) == len(head)+1 { // as R writes the names of rows, with none for their column
				head = append([]string{""}, head...)
			}
			if err := t.columnsOf(head); err != nil {
				return nil, err
			}
		}
		if err == io.EOF {
			return t.splits()
		}
		if len(row) != len(t.columns) {
			line, _ := rows.FieldPos(0)
			return nil, fmt.Errorf("line %d has %d fields, the first line names %d columns: mend the line, or delete it", line, len(row), len(t.columns))
		}
		if err := t.add(row); err != nil {
			return nil, err
		}
	}
}

// delimiterOf finds out what stands between the fields of the first line: a comma, or for want of
// one a semicolon, a tab or a bar.
func delimiterOf(in *bufio.Reader) (rune, error) {
	b, err := in.Peek(in.Size())
	if err != nil && err != io.EOF {
		return 0, err
	}
	if bytes.HasPrefix(b, []byte("\xff\xfe")) || bytes.HasPrefix(b, []byte("\xfe\xff")) {
		return 0, errors.New("the file is UTF-16: save it as UTF-8")
	}
	line, _, whole := bytes.Cut(b, []byte("\n"))
	if sep, ok := bytes.CutPrefix(bytes.TrimPrefix(line, []byte("\uFEFF")), []byte("sep=")); ok && len(bytes.TrimSpace(sep)) == 1 { // Excel's own line
		_, err := in.Discard(len(line) + 1)
		return rune(sep[0]), err
	}
	if !whole && bytes.IndexByte(line, '\r') >= 0 {
		return 0, errors.New("its lines end with a carriage return alone: save it with line feeds (LF or CRLF)")
	}
	switch {
	case bytes.IndexByte(line, ',') >= 0:
	case bytes.IndexByte(line, ';') >= 0:
		return ';', nil
	case bytes.IndexByte(line, '\t') >= 0:
		return '\t', nil
	case bytes.IndexByte(line, '|') >= 0:
		return '|', nil
	}
	return ',', nil
}

// csvError says what is wrong with a line.
func csvError(err error) error {
	var parse *csv.ParseError
	if !errors.As(err, &parse) {
		return err
	}
	if errors.Is(err, csv.ErrQuote) || errors.Is(err, csv.ErrBareQuote) {
		return fmt.Errorf("line %d, column %d: a quotation mark in the middle of a field, or one that is not closed (a quoted field doubles its own)", parse.Line, parse.Column)
	}
	return fmt.Errorf("line %d: %w", parse.Line, parse.Err)
}

// A csvTable is a file of rows being read.
type csvTable struct {
	*csv.Reader
	csvSpec
	decimal bool // a comma may stand for the decimal point
	columns []string
	at      []int // of a column: isNumber, isLabel, isIgnored, or the target's number
	index   []indexLike
	notes   []string
	// arranged are the columns of features in their order, where that was given.
	arranged []int

	x, targets []float32
	rows       int
	labels     []int // numbers of names, in the order of their first lines
	names      []string
	number     map[string]int // of a name
}

// What a column is, if no target.
const (
	isNumber = -1 - iota
	isLabel
	isIgnored
)

// labelNames are what columns of labels are called, where the spec does not say.
var labelNames = []string{"label", "labels", "class", "category", "target", "y"}

// columnsOf finds out what the columns are that the first line names.
func (t *csvTable) columnsOf(head []string) error {
	t.columns = slices.Clone(head)
	t.columns[0] = strings.TrimPrefix(t.columns[0], "\uFEFF") // what Excel starts a file with
	for i := range t.columns {
		if t.columns[i] = strings.Trim(strings.TrimSpace(t.columns[i]), `"`); !utf8.ValidString(t.columns[i]) {
			return fmt.Errorf("the name of column %d is not UTF-8: save the file as UTF-8", i+1)
		}
	}
	t.at = slices.Repeat([]int{isNumber}, len(head))
	for _, name := range t.ignore {
		i, err := t.find("ignore", name)
		if err != nil {
			return err
		}
		t.at[i] = isIgnored
	}
	kept := map[int]bool{}
	for _, name := range t.keep {
		i, err := t.find("keep", name)
		if err != nil {
			return err
		}
		kept[i] = true
	}
	if err := t.findOutputs(); err != nil {
		return err
	}
	for i, name := range t.columns {
		if j := slices.Index(t.columns, name); t.at[i] == isNumber && t.at[j] == isNumber && j < i && !nameless(name) {
			return fmt.Errorf("two columns are called %q: give them different names, or leave one out with &ignore=#%d", name, i+1)
		}
	}
	if t.features != nil {
		return t.findFeatures()
	}
	for i, at := range t.at {
		if at == isNumber && !kept[i] {
			t.index = append(t.index, indexLike{column: i, nameless: nameless(t.columns[i])})
		}
	}
	return nil
}

// findFeatures leaves out all columns but those that are wanted.
func (t *csvTable) findFeatures() error {
	wanted := map[int]bool{}
	for _, name := range t.features {
		i := slices.Index(t.columns, name)
		if n, ok := strings.CutPrefix(name, "#"); ok && i < 0 { // one without a name
			i, _ = strconv.Atoi(n)
			i--
		}
		if i < 0 || i >= len(t.columns) || t.at[i] != isNumber {
			return fmt.Errorf("no column %q%s, which the network was trained on (%s); the first line names %s", name, wording.DidYouMean(name, t.columns), someOf(t.features), someOf(t.columns))
		}
		wanted[i] = true
		t.arranged = append(t.arranged, i)
	}
	var left []string
	for i, at := range t.at {
		if at == isNumber && !wanted[i] {
			t.at[i] = isIgnored
			left = append(left, strings.TrimSuffix(t.called(i), ","))
		}
	}
	if left != nil {
		t.notes = append(t.notes, "left out, as the network was not trained on it: "+someOf(left))
	}
	return nil
}

// findOutputs finds the columns of the targets or of the labels.
func (t *csvTable) findOutputs() error {
	for k, name := range t.csvSpec.targets {
		i, err := t.find("target", name)
		if err != nil {
			return err
		}
		if t.at[i] == isIgnored {
			return usage("column %q is a target and ignored", name)
		}
		t.at[i] = k
	}
	if t.csvSpec.targets != nil {
		return nil
	}
	if t.label == "" {
		t.label = t.usualLabel()
	}
	i, err := t.find("label", t.label)
	if err != nil {
		return err
	}
	if t.at[i] == isIgnored {
		return usage("column %q is the label and ignored", t.label)
	}
	t.at[i] = isLabel
	return nil
}

// usualLabel is the one column that is called as labels are, or "label".
func (t *csvTable) usualLabel() string {
	if slices.Contains(t.columns, labelNames[0]) {
		return labelNames[0]
	}
	var found []string
	for i, c := range t.columns {
		if t.at[i] == isNumber && slices.Contains(labelNames, strings.ToLower(c)) {
			found = append(found, c)
		}
	}
	if len(found) != 1 {
		return labelNames[0]
	}
	t.notes = append(t.notes, fmt.Sprintf("labels are those of column %q", found[0]))
	return found[0]
}

// find returns the number of a column by its name, or of one without a name by #NUMBER.
func (t *csvTable) find(setting, name string) (int, error) {
	if n, ok := strings.CutPrefix(name, "#"); ok {
		if i, err := strconv.Atoi(n); err == nil && i >= 1 && i <= len(t.columns) {
			return i - 1, nil
		}
	}
	i := slices.Index(t.columns, name)
	if i < 0 {
		return 0, fmt.Errorf("no column %q%s; the first line names %s: say which with ?%s=NAME", name, wording.DidYouMean(name, t.columns), someOf(t.columns), setting)
	}
	if slices.Contains(t.columns[i+1:], name) {
		return 0, fmt.Errorf("two columns are called %q: give them different names, or say which with ?%s=#%d", name, setting, i+1)
	}
	return i, nil
}

// nameless reports whether a column's name is none: that of an index which pandas has written.
func nameless(name string) bool {
	return name == "" || regexp.MustCompile(`^Unnamed: [0-9]+$`).MatchString(name)
}

// called is a column as messages call it.
func (t *csvTable) called(i int) string {
	if t.columns[i] == "" {
		return fmt.Sprintf("column %d, which has no name,", i+1)
	}
	return fmt.Sprintf("column %q", t.columns[i])
}

// setting is a column as ignore and keep name it.
func (t *csvTable) setting(i int) string {
	if t.columns[i] == "" {
		return fmt.Sprintf("#%d", i+1)
	}
	return t.columns[i]
}

// add reads a row.
func (t *csvTable) add(row []string) error {
	first := len(t.targets)
	t.targets = append(t.targets, make([]float32, len(t.csvSpec.targets))...)
	for i, field := range row {
		field = strings.TrimSpace(field)
		switch t.at[i] {
		case isIgnored:
		case isLabel:
			if err := t.addLabel(i, field); err != nil {
				return err
			}
		case isNumber:
			v, err := t.parseNumber(i, field)
			if err != nil {
				return err
			}
			t.x = append(t.x, float32(v))
		default:
			v, err := t.parseNumber(i, field)
			if err != nil {
				return err
			}
			t.targets[first+t.at[i]] = float32(v)
		}
	}
	for k := range t.index {
		t.index[k].see(strings.TrimSpace(row[t.index[k].column]))
	}
	t.rows++
	return nil
}

// parseNumber reads a field that is a number, true or false.
func (t *csvTable) parseNumber(i int, field string) (float64, error) {
	switch strings.ToLower(field) {
	case "true":
		return 1, nil
	case "false":
		return 0, nil
	}
	text := field
	if t.decimal && strings.Count(text, ",") == 1 && !strings.Contains(text, ".") {
		text = strings.Replace(text, ",", ".", 1)
	}
	v, err := strconv.ParseFloat(text, 32)
	if err == nil && !math.IsNaN(v) && !math.IsInf(v, 0) {
		return v, nil
	}
	line, _ := t.FieldPos(i)
	what, out := fmt.Sprintf("%.60q is no finite number", field), ""
	if t.at[i] == isNumber {
		out = ", or leave the column out with &ignore=" + t.setting(i)
	}
	switch strings.ToLower(field) {
	case "", "na", "n/a", "nan", "null", "none", "?":
		what = "there is no value: fill it in, or delete the line" + out
	default:
		if what += out; out != "" {
			what += "; texts are of a column that ?text=NAME names"
		}
	}
	return 0, fmt.Errorf("line %d, %s: %s", line, strings.TrimSuffix(t.called(i), ","), what)
}

func (t *csvTable) addLabel(i int, name string) error {
	line, _ := t.FieldPos(i)
	if name == "" || strings.EqualFold(name, "nan") {
		return fmt.Errorf("line %d has no label: fill it in, or delete the line", line)
	}
	if !utf8.ValidString(name) {
		return fmt.Errorf("line %d: the label %q is not UTF-8: save the file as UTF-8", line, name)
	}
	l, seen := t.number[name]
	if !seen {
		l = len(t.names)
		t.names = append(t.names, strings.Clone(name))
		t.number[t.names[l]] = l
	}
	t.labels = append(t.labels, l)
	return nil
}

// splits returns what was read.
func (t *csvTable) splits() (s *Splits, err error) {
	if t.rows == 0 {
		return nil, fmt.Errorf("no line follows the names of the columns")
	}
	if err := t.dropIndex(); err != nil {
		return nil, err
	}
	s = &Splits{Notes: t.notes, Features: t.arrange()}
	if err := t.fitShape(); err != nil {
		return nil, err
	}
	if t.csvSpec.targets != nil {
		s.Targets = t.csvSpec.targets
		s.Train, err = NewTargets(t.x, t.targets, t.shape)
		return s, err
	}
	if t.rows >= fewRows && len(t.names) == t.rows {
		return nil, fmt.Errorf("column %q has another label in each of %d rows: numbers to predict are ?target=%[1]s, classes are of a column that ?label=NAME names", t.label, t.rows)
	}
	names := mergeNumbers(t.names)
	s.Notes = append(s.Notes, mergedNotes(t.names, names)...)
	s.Classes = slices.Compact(inOrder(names))
	for i, c := range s.Classes {
		t.number[c] = i
	}
	for i, l := range t.labels {
		t.labels[i] = t.number[names[l]]
	}
	s.Train, err = NewSet(t.x, t.labels, t.shape)
	return s, err
}

// fitShape holds the shape against the columns of features, and scales these.
func (t *csvTable) fitShape() error {
	left := len(t.x) / t.rows
	if t.shape == nil {
		t.shape = []int{1, 1, left}
	}
	if left == 0 {
		return errors.New("no column of features is left beside the labels or targets")
	}
	if n := (&Set{Shape: t.shape}).ExampleLen(); n != left {
		return fmt.Errorf("%d columns of features; shape %v has room for %d", left, t.shape, n)
	}
	for i := range t.x {
		t.x[i] /= t.scale
	}
	return nil
}

// An indexLike is a column that may be an index: it has another whole number in each row.
type indexLike struct {
	column   int
	nameless bool
	other    bool // it is none
	first    int64
	last     int64
	rows     int64
	jumps    bool // it does not count up by one
	seen     map[int64]bool
}

// see looks at the column's field of the next row.
func (c *indexLike) see(field string) {
	v, err := strconv.ParseInt(strings.TrimSuffix(field, ".0"), 10, 64)
	switch {
	case c.other:
		return
	case err != nil:
		c.other, c.seen = true, nil
		return
	case c.rows == 0:
		c.first, c.seen = v, map[int64]bool{}
	default:
		c.jumps = c.jumps || v != c.last+1
	}
	if c.seen[v] {
		c.other, c.seen = true, nil
		return
	}
	c.seen[v], c.last = true, v
	c.rows++
}

// counts reports whether the column counts the rows, from 0 or from 1.
func (c *indexLike) counts() bool { return !c.other && !c.jumps && (c.first == 0 || c.first == 1) }

// fewRows is of how many rows numbers may all be different by chance.
const fewRows = 10

// indexName is what an index is called: id, row, PassengerId, customer_id.
var indexName = regexp.MustCompile(`^(?i:ids?|idx|index|row|rownum|uid)$|[_ .-](?i:id)$|[a-z]I[Dd]$`)

func calledIndex(name string) bool { return indexName.MatchString(name) }

// dropIndex leaves out a column without a name that counts the rows, and asks about other columns
// without a name or that have another whole number in each row as an index has.
func (t *csvTable) dropIndex() error {
	var drop []int
	for _, c := range t.index {
		switch {
		case c.nameless && c.counts():
			t.notes = append(t.notes, fmt.Sprintf("%s counts the rows and was left out (&keep=%s makes it a feature)", t.called(c.column), t.setting(c.column)))
			drop = append(drop, c.column)
		case c.nameless:
			return fmt.Errorf("%s is a feature or none? Name it in the first line, leave it out with &ignore=%[2]s, or keep it with &keep=%[2]s", t.called(c.column), t.setting(c.column))
		case !c.other && t.rows >= fewRows && (calledIndex(t.columns[c.column]) || c.permutes()):
			return fmt.Errorf("%s has another whole number in each of %d rows, as an index has: leave it out with &ignore=%[3]s, or keep it as a feature with &keep=%[3]s", t.called(c.column), t.rows, t.setting(c.column))
		}
	}
	if drop != nil {
		t.dropColumns(drop)
	}
	return nil
}

// permutes reports whether the column's numbers are those of a range in any order.
func (c *indexLike) permutes() bool {
	lo, hi := c.first, c.first
	for v := range c.seen {
		lo, hi = min(lo, v), max(hi, v)
	}
	return hi-lo == c.rows-1
}

// dropColumns takes features out.
func (t *csvTable) dropColumns(drop []int) {
	for i, at := range t.at {
		if at == isNumber && !slices.Contains(drop, i) {
			t.arranged = append(t.arranged, i)
		}
	}
}

// arrange brings the features of the rows that were read into their order, leaves the others out,
// and returns their names.
func (t *csvTable) arrange() (names []string) {
	place, width := map[int]int{}, 0 // of a column among those that were read
	for i, at := range t.at {
		if at == isNumber {
			place[i], width = width, width+1
		}
	}
	if t.arranged == nil {
		for i, at := range t.at {
			if at == isNumber {
				t.arranged = append(t.arranged, i)
			}
		}
	}
	for _, i := range t.arranged {
		names = append(names, t.setting(i))
	}
	if len(t.arranged) == width && slices.IsSorted(t.arranged) {
		return names
	}
	x := make([]float32, 0, t.rows*len(t.arranged))
	for r := range t.rows {
		for _, i := range t.arranged {
			x = append(x, t.x[r*width+place[i]])
		}
	}
	t.x = x
	return names
}
