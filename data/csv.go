package data

import (
	"cmp"
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
	Info: "a line an example, the first names the columns; ?label=COLUMN or ?target=COLUMN,COLUMN, &ignore=COLUMN,COLUMN, &keep=COLUMN,COLUMN, &shape=28x28x1, &scale=255; ?text=COLUMN for texts, as text:FILE reads them",
}

// csvSpec is what a spec says about a file of rows.
type csvSpec struct {
	label   string   // the column of the labels, "" for the one that is called so
	targets []string // or the columns of the targets
	ignore  []string // columns that are left out
	// features are the columns that are wanted, in this order; nil are all that are left.
	features []string
	keep     []string // columns that are features though they look like an index
	shape    []int    // of a row; nil is 1 x 1 x columns
	scale    float32  // divides the numbers of examples
}

// openCSV reads a file whose lines are examples, all of the training split.
func openCSV(place string, o *Options) (*Splits, error) {
	path, query := place, ""
	if i := strings.LastIndex(place, "?"); i >= 0 {
		path, query = place[:i], place[i+1:]
	}
	f, err := parseCSVSpec(query)
	if err != nil {
		return nil, fmt.Errorf("csv:%s: %w", place, err)
	}
	f.features = o.Features
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
	f = csvSpec{scale: 1}
	values, err := url.ParseQuery(query)
	if err != nil {
		return f, usage("%q is not like label=NAME&shape=28x28x1&scale=255", query)
	}
	for key, v := range values {
		switch key {
		case "label":
			f.label = v[0]
		case "target":
			f.targets, err = columnList(key, v[0])
		case "ignore":
			f.ignore, err = columnList(key, v[0])
		case "keep":
			f.keep, err = columnList(key, v[0])
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
			return f, usage("unknown setting %q; there are ignore, keep, label, shape, scale, target", key)
		}
		if err != nil {
			return f, err
		}
	}
	if values.Has("label") && values.Has("target") {
		return f, usage("label and target are given; examples have one of them")
	}
	return f, nil
}

// columnList splits a setting's list of columns.
func columnList(setting, list string) ([]string, error) {
	names := strings.Split(list, ",")
	for i, name := range names {
		if names[i] = strings.TrimSpace(name); names[i] == "" || slices.Contains(names[:i], names[i]) {
			return nil, usage("%s %q is no list of different columns, as in %[1]s=width,height", setting, list)
		}
	}
	return names, nil
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
