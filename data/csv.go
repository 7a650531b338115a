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
	Info: "a line an example, the first names the columns; ?label=COLUMN&shape=28x28x1&scale=255",
}

// csvSpec is what a spec says about a file of rows.
type csvSpec struct {
	label string  // the column of the labels
	shape []int   // of a row; nil is 1 x 1 x columns
	scale float32 // divides the numbers
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
	s := &Splits{}
	if s.Train, s.Classes, err = f.parse(r); err != nil {
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
			return f, usage("unknown setting %q; there are label, shape, scale", key)
		}
	}
	return f, nil
}

// parse reads a line of column names, then a line an example.
func (f csvSpec) parse(r io.Reader) (*Set, []string, error) {
	in := &limited{r, maxMemory}
	rows := csv.NewReader(in)
	rows.ReuseRecord = true
	rows.TrimLeadingSpace = true
	head, err := rows.Read()
	if err == io.EOF {
		return nil, nil, fmt.Errorf("the file is empty; its first line must name the columns")
	}
	if err != nil {
		return nil, nil, err
	}
	columns := slices.Clone(head)
	columns[0] = strings.TrimPrefix(columns[0], "\uFEFF") // what Excel starts a file with
	for i := range columns {
		columns[i] = strings.TrimSpace(columns[i])
	}
	at := slices.Index(columns, f.label)
	if at < 0 {
		return nil, nil, fmt.Errorf("no column %q; the first line names %s: say which with ?label=NAME", f.label, someOf(columns))
	}
	shape := f.shape
	if shape == nil {
		shape = []int{1, 1, len(columns) - 1}
	}
	if n := (&Set{Shape: shape}).ExampleLen(); n != len(columns)-1 || n == 0 {
		return nil, nil, fmt.Errorf("%d columns beside %q; shape %v has room for %d", len(columns)-1, f.label, shape, n)
	}
	var (
		x      []float32
		labels []int // numbers of names, in the order of their first lines
		names  []string
		number = map[string]int{}
	)
	for {
		row, err := rows.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, nil, err
		}
		for i, field := range row {
			field = strings.TrimSpace(field)
			if i == at {
				if field == "" {
					line, _ := rows.FieldPos(i)
					return nil, nil, fmt.Errorf("line %d has no label", line)
				}
				l, seen := number[field]
				if !seen {
					l = len(names)
					names = append(names, strings.Clone(field))
					number[names[l]] = l
				}
				labels = append(labels, l)
				continue
			}
			v, err := strconv.ParseFloat(field, 32)
			if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
				line, _ := rows.FieldPos(i)
				return nil, nil, fmt.Errorf("line %d, column %q: %q is no finite number", line, columns[i], field)
			}
			x = append(x, float32(v)/f.scale)
		}
	}
	if len(names) == 0 {
		return nil, nil, fmt.Errorf("no line follows the names of the columns")
	}
	classes := inOrder(names)
	for i, c := range classes {
		number[c] = i
	}
	for i, l := range labels {
		labels[i] = number[names[l]]
	}
	s, err := NewSet(x, labels, shape)
	return s, classes, err
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
