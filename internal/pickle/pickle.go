// Package pickle reads Python's pickles, and makes plain values of them and nothing else.
//
// A pickle is a program for a stack machine; the opcodes are documented in CPython's
// Lib/pickletools.py. The machine here knows those of protocols 1 to 5 that make plain
// values. A GLOBAL, which in Python imports an object, asks the machine's user here, whose
// list is fixed; nothing is ever called that the list doesn't hold. An inert machine keeps the
// name alone, and an [Object] for what Python would make by it.
//
// Values are nil, bool, int64, [Long], float64, string, [Bytes], *[Seq], *[Dict], *[Object],
// [Global] and what the machine's user makes of a REDUCE, a BUILD or a persistent id. Memory is
// bounded by a multiple of the pickle's size.
package pickle

import "fmt"

// A Long is an integer that int64 can't hold, as two's complement little-endian bytes.
type Long string

// Bytes is Python's bytes.
type Bytes string

// A Seq is a list or a tuple.
type Seq struct {
	Items []any
	Tuple bool
}

// A Dict keeps the order of its keys, as Python's does.
type Dict struct {
	Items   []Item
	index   map[any]int // from key to item, once there are many
	ordered bool        // an OrderedDict
}

// An Item of a dict.
type Item struct{ Key, Value any }

const indexFrom = 9

func (d *Dict) find(key any) int {
	if d.index != nil {
		if i, ok := d.index[key]; ok {
			return i
		}
		return -1
	}
	for i := range d.Items {
		if d.Items[i].Key == key {
			return i
		}
	}
	return -1
}

// Get returns the value of a key.
func (d *Dict) Get(key any) (any, bool) {
	if i := d.find(key); i >= 0 {
		return d.Items[i].Value, true
	}
	return nil, false
}

func plainKey(key any) bool {
	switch key.(type) {
	case nil, bool, int64, Long, float64, string, Bytes:
		return true
	}
	return false
}

// set takes any key; those that are not plain are the same only if they are one value.
func (d *Dict) set(key, value any) {
	if i := d.find(key); i >= 0 {
		d.Items[i].Value = value
		return
	}
	if d.index == nil && len(d.Items) == indexFrom {
		d.index = make(map[any]int, 2*indexFrom)
		for i := range d.Items {
			d.index[d.Items[i].Key] = i
		}
	}
	if d.index != nil {
		d.index[key] = len(d.Items)
	}
	d.Items = append(d.Items, Item{key, value})
}

// A Global is the name of a Python object, with its module's: "collections.OrderedDict".
type Global string

// Kind describes a value for an error. What is not of this package describes itself by
// a method Kind.
func Kind(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case bool:
		return "a bool"
	case int64, Long:
		return "an int"
	case float64:
		return "a float"
	case string:
		return "a str"
	case Bytes:
		return "bytes"
	case *Dict:
		return "a dict"
	case Global:
		return Show(string(v))
	case *Seq:
		if v.Tuple {
			return "a tuple"
		}
		return "a list"
	case interface{ Kind() string }:
		return v.Kind()
	}
	return fmt.Sprintf("%T", v)
}

// MaxOps is the number of operations that a pickle may have. The largest real
// checkpoints have some 100,000, a data set of 50,000 images with names 300,000.
const MaxOps = 4 << 20

// OpProto starts every pickle since protocol 2.
const OpProto = 0x80

// Words are what a machine's user says in errors.
type Words struct {
	Reads  string // beside plain values: "tensors"
	Writer string // of the pickles that are read: "PyTorch"
	Advice string // what to do about a pickle that holds anything else
}

// Refused names a Python object that is not read.
func (w Words) Refused(g Global) error {
	return fmt.Errorf("the pickle asks for the Python object %s, which is refused: only %s and plain values are read; %s", Show(string(g)), w.Reads, w.Advice)
}

// A Machine runs one pickle.
type Machine struct {
	Src   *Source
	Words Words
	// StrBytes makes Bytes of Python 2's str, which may be text or not; else it is taken
	// for UTF-8.
	StrBytes bool
	// Inert lets a pickle hold anything: an [Object] stands for what is not a plain value. A
	// GLOBAL then means its name, and Find is not asked.
	Inert bool

	Find  func(g Global) (any, error)             // a GLOBAL's meaning, or an error that names it
	Call  func(f Global, args []any) (any, error) // a REDUCE
	Build func(v, state any) error                // a BUILD, Python's __setstate__; nil if there is none
	Load  func(id *Seq) (any, error)              // a persistent id; nil if there are none

	stack  []any
	marks  []int // stack heights
	memo   map[uint64]any
	ops    int
	copies int64 // bytes and items that calls may copy still
}

// Run runs the machine to the pickle's STOP and returns its value. The source is then
// behind the STOP.
func (m *Machine) Run() (any, error) {
	m.copies = m.Src.Left()
	for {
		at := m.Src.Offset()
		op, err := m.Src.Byte()
		if err != nil {
			return nil, err
		}
		if m.ops++; m.ops > MaxOps {
			return nil, fmt.Errorf("the pickle has more than %d operations: %s", MaxOps, m.Words.Advice)
		}
		if op == opStop {
			return m.pop()
		}
		f := operations[op]
		if f == nil && m.Inert {
			f = inertOperations[op]
		}
		if f == nil {
			return nil, m.refuse(op, at)
		}
		if err := f(m); err != nil {
			if err == errUnderflow || err == errType {
				return nil, Damaged("the pickle's opcode %#02x at offset %d %v", op, at, err)
			}
			return nil, err
		}
	}
}

// refuse names an opcode that makes anything but plain values.
func (m *Machine) refuse(op byte, at int64) error {
	switch op {
	case 'i':
		module, err := m.Src.Line()
		if err != nil {
			return err
		}
		name, err := m.Src.Line()
		if err != nil {
			return err
		}
		return m.Words.Refused(Global(module + "." + name))
	case 'o', 0x81, 0x92:
		return fmt.Errorf("the pickle makes an object of a class (opcode %#02x at offset %d): only %s and plain values are read; %s", op, at, m.Words.Reads, m.Words.Advice)
	case 0x8f, 0x90, 0x91:
		return fmt.Errorf("the pickle holds a set (opcode %#02x at offset %d): only %s and plain values are read; %s", op, at, m.Words.Reads, m.Words.Advice)
	}
	return Damaged("the pickle's opcode %#02x at offset %d is not one that %s writes", op, at, m.Words.Writer)
}

func (m *Machine) push(v any) { m.stack = append(m.stack, v) }

// floor is the height below which only the mark's own operations may pop.
func (m *Machine) floor() int {
	if len(m.marks) == 0 {
		return 0
	}
	return m.marks[len(m.marks)-1]
}

func (m *Machine) pop() (any, error) {
	n := len(m.stack)
	if n <= m.floor() {
		return nil, errUnderflow
	}
	v := m.stack[n-1]
	m.stack[n-1] = nil
	m.stack = m.stack[:n-1]
	return v, nil
}

func (m *Machine) top() (any, error) {
	n := len(m.stack)
	if n <= m.floor() {
		return nil, errUnderflow
	}
	return m.stack[n-1], nil
}

// popMark returns what lies above the last mark. The slice is good until the next push.
func (m *Machine) popMark() ([]any, error) {
	if len(m.marks) == 0 {
		return nil, errUnderflow
	}
	i := m.floor()
	items := m.stack[i:]
	m.stack, m.marks = m.stack[:i], m.marks[:len(m.marks)-1]
	return items, nil
}
