package weights

import (
	"fmt"
)

// A pickle is a program for a stack machine; the opcodes are documented in CPython's
// Lib/pickletools.py. The machine here knows those of protocols 1 to 5 that make plain
// values. A GLOBAL, which in Python imports an object, asks a fixed list here; nothing
// is ever called that the list doesn't hold.
//
// Values are nil, bool, int64, long, float64, string, pybytes, *seq, *dict, global and
// what the machine's user makes of a REDUCE or a persistent id.

// A long is an integer that int64 can't hold, as two's complement little-endian bytes.
type long string

// pybytes is Python's bytes.
type pybytes string

// A seq is a list or a tuple.
type seq struct {
	items []any
	tuple bool
}

// A dict keeps the order of its keys, as Python's does.
type dict struct {
	items   []item
	index   map[any]int // from key to item, once there are many
	ordered bool        // an OrderedDict
}

type item struct{ key, value any }

const indexFrom = 9

func (d *dict) find(key any) int {
	if d.index != nil {
		if i, ok := d.index[key]; ok {
			return i
		}
		return -1
	}
	for i := range d.items {
		if d.items[i].key == key {
			return i
		}
	}
	return -1
}

func (d *dict) get(key any) (any, bool) {
	if i := d.find(key); i >= 0 {
		return d.items[i].value, true
	}
	return nil, false
}

func (d *dict) set(key, value any) error {
	switch key.(type) {
	case nil, bool, int64, long, float64, string, pybytes:
	default:
		return fmt.Errorf("a dict whose keys are not plain values (%s): save the model's state_dict() alone", kind(key))
	}
	if i := d.find(key); i >= 0 {
		d.items[i].value = value
		return nil
	}
	if d.index == nil && len(d.items) == indexFrom {
		d.index = make(map[any]int, 2*indexFrom)
		for i := range d.items {
			d.index[d.items[i].key] = i
		}
	}
	if d.index != nil {
		d.index[key] = len(d.items)
	}
	d.items = append(d.items, item{key, value})
	return nil
}

// A global is the name of a Python object.
type global struct{ module, name string }

func (g global) String() string { return g.module + "." + g.name }

// kind describes a value for an error.
func kind(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case bool:
		return "a bool"
	case int64, long:
		return "an int"
	case float64:
		return "a float"
	case string:
		return "a str"
	case pybytes:
		return "bytes"
	case *dict:
		return "a dict"
	case global:
		return v.String()
	case *seq:
		if v.tuple {
			return "a tuple"
		}
		return "a list"
	case *storage:
		return "a storage"
	case *view:
		return "a tensor"
	}
	return fmt.Sprintf("%T", v)
}

// The limits of a pickle. The largest real checkpoints' pickles have some 100,000
// operations in a few megabytes: tensors' elements lie outside.
const (
	maxPickle = 64 << 20
	maxOps    = 4 << 20
)

// A machine runs one pickle.
type machine struct {
	src   *source
	stack []any
	marks []int // stack heights
	memo  map[uint64]any
	ops   int

	find func(g global) (any, error)            // a GLOBAL's meaning, or an error that names it
	call func(f global, args *seq) (any, error) // a REDUCE
	load func(id *seq) (any, error)             // a persistent id
}

// run runs the machine to the pickle's STOP and returns its value. The source is then
// behind the STOP.
func (m *machine) run() (any, error) {
	for {
		at := m.src.offset()
		op, err := m.src.byte()
		if err != nil {
			return nil, err
		}
		if m.ops++; m.ops > maxOps {
			return nil, fmt.Errorf("the pickle has more than %d operations: save the model's state_dict() alone", maxOps)
		}
		if op == opStop {
			return m.pop()
		}
		f := operations[op]
		if f == nil {
			return nil, m.refuse(op, at)
		}
		if err := f(m); err != nil {
			if err == errUnderflow || err == errType {
				return nil, damaged("the pickle's opcode %#02x at offset %d %v", op, at, err)
			}
			return nil, err
		}
	}
}

// refuse names an opcode that makes anything but plain values.
func (m *machine) refuse(op byte, at int64) error {
	switch op {
	case 'i':
		module, err := m.src.line()
		if err != nil {
			return err
		}
		name, err := m.src.line()
		if err != nil {
			return err
		}
		return refused(global{module, name})
	case 'o', 0x81, 0x92:
		return fmt.Errorf("the pickle makes an object of a class (opcode %#02x at offset %d): only tensors and plain values are read; "+resave, op, at)
	case 0x8f, 0x90, 0x91:
		return fmt.Errorf("the pickle holds a set (opcode %#02x at offset %d): only tensors and plain values are read; "+resave, op, at)
	}
	return damaged("the pickle's opcode %#02x at offset %d is not one that PyTorch writes", op, at)
}

const resave = "where it is trusted, save it again with torch.save(model.state_dict(), file) or as safetensors"

// refused names a Python object that is no part of a file of weights.
func refused(g global) error {
	return fmt.Errorf("the pickle asks for the Python object %s, which is refused: only tensors and plain values are read; "+resave, show(g.String()))
}

func (m *machine) push(v any) { m.stack = append(m.stack, v) }

// floor is the height below which only the mark's own operations may pop.
func (m *machine) floor() int {
	if len(m.marks) == 0 {
		return 0
	}
	return m.marks[len(m.marks)-1]
}

func (m *machine) pop() (any, error) {
	n := len(m.stack)
	if n <= m.floor() {
		return nil, errUnderflow
	}
	v := m.stack[n-1]
	m.stack[n-1] = nil
	m.stack = m.stack[:n-1]
	return v, nil
}

func (m *machine) top() (any, error) {
	n := len(m.stack)
	if n <= m.floor() {
		return nil, errUnderflow
	}
	return m.stack[n-1], nil
}

// popMark returns what lies above the last mark. The slice is good until the next push.
func (m *machine) popMark() ([]any, error) {
	if len(m.marks) == 0 {
		return nil, errUnderflow
	}
	i := m.floor()
	items := m.stack[i:]
	m.stack, m.marks = m.stack[:i], m.marks[:len(m.marks)-1]
	return items, nil
}
