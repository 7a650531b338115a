package data

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

var csvFormat = Format{
	Name: "csv", Place: "FILE", Open: openCSV,
	Info: "a line an example, the first names the columns; ?label=COLUMN or ?target=COLUMN,COLUMN, &shape=28x28x1, &scale=255",
}

// csvSpec is what a spec says about a file of rows.
type csvSpec struct {
	label   string   // the column of the labels
	targets []string // or the columns of the targets
	shape   []int    // of a row; nil is 1 x 1 x columns
	scale   float32  // divides the numbers of examples
}

// openCSV reads a file whose lines are examples, all of the training split.
func openCSV(place string, _ *Options) (*Splits, error) {
	path, query := place, ""
	if i := strings.LastIndex(place, "?"); i >= 0 {
		path, query = place[:i], place[i+1:]
	}
	f, err := parseCSVSpec(query)
	if err != nil {
		return nil, fmt.Errorf("csv:%s: %w", place, err)
	}
	r, err := openPlain(path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	s, err := f.parse(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

func parseCSVSpec(query string) (f csvSpec, err error) {
	f = csvSpec{label: "label", scale: 1}
	values, err := url.ParseQuery(query)
	if err != nil {
		return f, usage("%q is not like label=NAME&shape=28x28x1&scale=255", query)
	}
	for key, v := range values {
		switch key {
		case "label":
			f.label = v[0]
		case "target":
			if f.targets, err = targetColumns(v[0]); err != nil {
				return f, err
			}
		case "shape":
			for _, d := range strings.Split(v[0], "x") {
				n, err := strconv.Atoi(d)
				if err != nil || n < 1 || n > maxSize {
					return f, usage("shape %q is not HEIGHTxWIDTHxCHANNELS", v[0])
				}
				f.shape = append(f.shape, n)
			}
			if len(f.shape) != 3 {
				return f, usage("shape %q is not HEIGHTxWIDTHxCHANNELS", v[0])
			}
		case "scale":
			s, err := strconv.ParseFloat(v[0], 32)
			if err != nil || !(s > 0) || math.IsInf(s, 0) {
				return f, usage("scale %q is not a number above 0", v[0])
			}
			f.scale = float32(s)
		default:
			return f, usage("unknown setting %q; there are label, shape, scale, target", key)
		}
	}
	if values.Has("label") && values.Has("target") {
		return f, usage("label and target are given; examples have one of them")
	}
	return f, nil
}

// targetColumns splits a list of columns.
func targetColumns(list string) ([]string, error) {
	names := strings.Split(list, ",")
	for i, name := range names {
		if names[i] = strings.TrimSpace(name); names[i] == "" || slices.Contains(names[:i], names[i]) {
			return nil, usage("target %q is no list of different columns, as in target=width,height", list)
		}
	}
	return names, nil
}

// parse reads a line of column names, then a line an example.
func (f csvSpec) parse(r io.Reader) (*Splits, error) {
	in := &limited{r, maxMemory}
	rows := csv.NewReader(in)
	rows.ReuseRecord = true
	rows.TrimLeadingSpace = true
	head, err := rows.Read()
	if err == io.EOF {
		return nil, fmt.Errorf("the file is empty; its first line must name the columns")
	}
	if err != nil {
		return nil, err
	}
	t := &csvTable{Reader: rows, csvSpec: f, number: map[string]int{}}
	if err := t.columnsOf(head); err != nil {
		return nil, err
	}
	for {
		row, err := rows.Read()
		if err == io.EOF {
			return t.splits()
		}
		if err != nil {
			return nil, err
		}
		if err := t.add(row); err != nil {
			return nil, err
		}
	}
}

// A csvTable is a file of rows being read.
type csvTable struct {
	*csv.Reader
	csvSpec
	columns []string
	at      []int // of a column: isNumber, isLabel, or the target's number

	x, targets []float32
	labels     []int // numbers of names, in the order of their first lines
	names      []string
	number     map[string]int // of a name
}

// What a column is, if no target.
const (
	isNumber = -1 - iota
	isLabel
)

// columnsOf finds out what the columns are that the first line names.
func (t *csvTable) columnsOf(head []string) error {
	t.columns = slices.Clone(head)
	t.columns[0] = strings.TrimPrefix(t.columns[0], "\uFEFF") // what Excel starts a file with
	for i := range t.columns {
		t.columns[i] = strings.TrimSpace(t.columns[i])
	}
	t.at = slices.Repeat([]int{isNumber}, len(head))
	wanted, setting, kind := t.csvSpec.targets, "target", 0
	if wanted == nil {
		wanted, setting, kind = []string{t.label}, "label", isLabel
	}
	for k, name := range wanted {
		i := slices.Index(t.columns, name)
		if i < 0 {
			return fmt.Errorf("no column %q; the first line names %s: say which with ?%s=NAME", name, someOf(t.columns), setting)
		}
		t.at[i] = kind + k
	}
	left := len(head) - len(wanted)
	if t.shape == nil {
		t.shape = []int{1, 1, left}
	}
	if n := (&Set{Shape: t.shape}).ExampleLen(); n != left || n == 0 {
		return fmt.Errorf("%d columns beside %q; shape %v has room for %d", left, strings.Join(wanted, ","), t.shape, n)
	}
	return nil
}

// add reads a row.
func (t *csvTable) add(row []string) error {
	first := len(t.targets)
	t.targets = append(t.targets, make([]float32, len(t.csvSpec.targets))...)
	for i, field := range row {
		field = strings.TrimSpace(field)
		if t.at[i] == isLabel {
			if err := t.addLabel(i, field); err != nil {
				return err
			}
			continue
		}
		v, err := strconv.ParseFloat(field, 32)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			line, _ := t.FieldPos(i)
			return fmt.Errorf("line %d, column %q: %q is no finite number", line, t.columns[i], field)
		}
		if t.at[i] == isNumber {
			t.x = append(t.x, float32(v)/t.scale)
		} else {
			t.targets[first+t.at[i]] = float32(v)
		}
	}
	return nil
}

func (t *csvTable) addLabel(i int, name string) error {
	if name == "" {
		line, _ := t.FieldPos(i)
		return fmt.Errorf("line %d has no label", line)
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
	s = &Splits{}
	switch {
	case len(t.x) == 0:
		return nil, fmt.Errorf("no line follows the names of the columns")
	case t.csvSpec.targets != nil:
		s.Targets = t.csvSpec.targets
		s.Train, err = NewTargets(t.x, t.targets, t.shape)
		return s, err
	}
	s.Classes = inOrder(t.names)
	for i, c := range s.Classes {
		t.number[c] = i
	}
	for i, l := range t.labels {
		t.labels[i] = t.number[t.names[l]]
	}
	s.Train, err = NewSet(t.x, t.labels, t.shape)
	return s, err
}

// inOrder sorts the names of classes: as numbers if all are whole numbers, else by the
// alphabet.
func inOrder(names []string) []string {
	names = slices.Clone(names)
	slices.Sort(names)
	numbers := map[string]int{}
	for _, c := range names {
		n, err := strconv.Atoi(c)
		if err != nil {
			return names
		}
		numbers[c] = n
	}
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(numbers[a], numbers[b]) })
	return names
}

// limited fails where a file, perhaps unpacked, is too large to be held.
type limited struct {
	r    io.Reader
	left int
}

func (l *limited) Read(b []byte) (int, error) {
	n, err := l.r.Read(b)
	if l.left -= n; l.left < 0 {
		return 0, fmt.Errorf("more than %d bytes: split it", maxMemory)
	}
	return n, err
}
