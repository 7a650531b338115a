package data

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"

	"github.com/monge-ml/monge/internal/pickle"
)

// An array is NumPy's, of uint8 elements, in rows (C's order) or columns (Fortran's).
type array struct {
	shape   []int64
	columns bool
	data    pickle.Bytes
}

func (*array) Kind() string { return "an array" }

// A dtype is NumPy's; uint8 is the one that is read.
type dtype struct{}

func (dtype) Kind() string { return "a dtype" }

// What a pickle with an array may name. NumPy 2 renamed numpy.core. The first pair is how
// protocols below 5 spell an array, whose elements come by a BUILD; the second protocol 5.
var arrayGlobals = map[pickle.Global]func(args []any) (any, error){
	"numpy.core.multiarray._reconstruct":  reconstruct,
	"numpy._core.multiarray._reconstruct": reconstruct,
	"numpy.core.numeric._frombuffer":      fromBuffer,
	"numpy._core.numeric._frombuffer":     fromBuffer,
	"numpy.dtype":                         makeDType,
	"numpy.ndarray":                       nil, // a name only
}

var cifarWords = pickle.Words{
	Reads:  "arrays",
	Writer: "NumPy",
	Advice: "get the binary version of the data set, which needs no pickles",
}

// unpickle reads a pickle of plain values and arrays of uint8.
func unpickle(b []byte) (any, error) {
	m := &pickle.Machine{
		Src: pickle.NewSource(bytes.NewReader(b), 0, int64(len(b))), Words: cifarWords, StrBytes: true,
		Find: func(g pickle.Global) (any, error) {
			if _, ok := arrayGlobals[g]; ok {
				return g, nil
			}
			return nil, cifarWords.Refused(g)
		},
		Call: func(f pickle.Global, args []any) (any, error) {
			call := arrayGlobals[f]
			if call == nil {
				return nil, pickle.Damaged("the pickle calls %s", f)
			}
			return call(args)
		},
		Build: func(v, state any) error {
			switch v := v.(type) {
			case dtype:
				return nil // byte order, which bytes don't have
			case *array:
				return v.setState(state)
			}
			return pickle.Damaged("the pickle gives a state to %s", pickle.Kind(v))
		},
	}
	return m.Run()
}

// reconstruct makes an array that has no elements yet.
func reconstruct(args []any) (any, error) {
	if len(args) != 3 || args[0] != pickle.Global("numpy.ndarray") {
		return nil, errNoArray
	}
	return &array{}, nil
}

var errNoArray = pickle.Damaged("the pickle describes an array in a way that NumPy never does")

// setState takes version, shape, dtype, whether in Fortran's order, and the elements.
func (a *array) setState(state any) error {
	s, ok := state.(*pickle.Seq)
	if !ok || len(s.Items) != 5 || a.shape != nil {
		return errNoArray
	}
	columns, ok := s.Items[3].(bool)
	if !ok {
		return errNoArray
	}
	made, err := makeArray(s.Items[4], s.Items[2], s.Items[1], columns)
	if err != nil {
		return err
	}
	*a = *made
	return nil
}

// fromBuffer takes the elements, dtype, shape and "C" or "F".
func fromBuffer(args []any) (any, error) {
	if len(args) != 4 {
		return nil, errNoArray
	}
	order := text(args[3])
	if order != "C" && order != "F" {
		return nil, errNoArray
	}
	return makeArray(args[0], args[1], args[2], order == "F")
}

func makeArray(data, kind, shape any, columns bool) (*array, error) {
	a := &array{columns: columns}
	dims, ok := shape.(*pickle.Seq)
	_, ok2 := kind.(dtype)
	var ok3 bool
	a.data, ok3 = data.(pickle.Bytes)
	if !ok || !ok2 || !ok3 || len(dims.Items) > 8 {
		return nil, errNoArray
	}
	n := int64(1)
	for _, d := range dims.Items {
		d, ok := d.(int64)
		if !ok || d < 0 || d > 0 && n > math.MaxInt64/d {
			return nil, errNoArray
		}
		a.shape = append(a.shape, d)
		n *= d
	}
	if n != int64(len(a.data)) {
		return nil, pickle.Damaged("an array of shape %v has %d bytes", a.shape, len(a.data))
	}
	return a, nil
}

// makeDType takes the type's name and two flags.
func makeDType(args []any) (any, error) {
	if len(args) != 3 {
		return nil, errNoArray
	}
	if name := text(args[0]); name != "u1" {
		return nil, fmt.Errorf("an array of NumPy's type %s: only arrays of uint8 are read; %s", pickle.Show(name), cifarWords.Advice)
	}
	return dtype{}, nil
}

// text returns a str, Python 2's too, or "".
func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case pickle.Bytes:
		return string(v)
	}
	return ""
}

// lookup returns a dict's value by a key that is text.
func lookup(d *pickle.Dict, key string) any {
	for _, k := range []any{key, pickle.Bytes(key)} {
		if v, ok := d.Get(k); ok {
			return v
		}
	}
	return nil
}

// parsePickle reads a dict of an array "data", a row an image, and a list of labels.
func (c cifar) parsePickle(b []byte) (planes []byte, labels []int, err error) {
	v, err := unpickle(b)
	if err != nil {
		return nil, nil, err
	}
	d, ok := v.(*pickle.Dict)
	if !ok {
		return nil, nil, fmt.Errorf("the pickle holds %s, not the dict of a batch of %s", pickle.Kind(v), c.name)
	}
	a, ok := lookup(d, "data").(*array)
	l, ok2 := lookup(d, c.key).(*pickle.Seq)
	if !ok || !ok2 {
		return nil, nil, fmt.Errorf("the pickle's dict has no array %q with a list %q; is it a batch of %s?", "data", c.key, c.name)
	}
	n := int64(len(l.Items))
	if len(a.shape) != 2 || a.shape[0] != n || a.shape[1] != 3*cifarPixels || n == 0 {
		return nil, nil, fmt.Errorf("data of shape %v with %d labels; they must be N x %d with N labels, N at least 1", a.shape, n, 3*cifarPixels)
	}
	for i, v := range l.Items {
		v, ok := v.(int64)
		if !ok || v < 0 || v >= int64(c.classes) {
			return nil, nil, fmt.Errorf("label %d of %d is not a whole number from 0 to %d", i+1, n, c.classes-1)
		}
		labels = append(labels, int(v))
	}
	return a.rows(), labels, nil
}

// rows returns a matrix's elements row by row.
func (a *array) rows() []byte {
	b := []byte(a.data)
	if !a.columns {
		return b
	}
	n, m := int(a.shape[0]), int(a.shape[1])
	for i := range n {
		for j := range m {
			b[i*m+j] = a.data[j*n+i]
		}
	}
	return b
}

// pickleNames reads the classes' names from the pickle of names.
func (c cifar) pickleNames(path string, n int) ([]string, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return classNames(path, n)
	}
	if err != nil {
		return nil, err
	}
	v, err := unpickle(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	bad := fmt.Errorf("%s: the pickle has no list %q of names; unpack the archive again", path, c.nameKey)
	d, ok := v.(*pickle.Dict)
	if !ok {
		return nil, bad
	}
	l, ok := lookup(d, c.nameKey).(*pickle.Seq)
	if !ok {
		return nil, bad
	}
	var names []string
	for _, v := range l.Items {
		name := text(v)
		if name == "" {
			return nil, bad
		}
		names = append(names, name)
	}
	return names, nil
}
