package pickle

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

var (
	errUnderflow = errors.New("takes from an empty stack")
	errType      = errors.New("meets a value of another kind than it works on")
)

const opStop = '.'

// operations are the opcodes that are carried out, by CPython's names. Those of protocol
// 0 for strings and the memo are left out: nobody writes tensors or arrays with it.
var operations [256]func(*Machine) error

func init() {
	for op, f := range map[byte]func(*Machine) error{
		OpProto: func(m *Machine) error { _, err := m.Src.Byte(); return err },
		0x95:    func(m *Machine) error { _, err := m.Src.Uint(8); return err }, // FRAME
		'(':     func(m *Machine) error { m.marks = append(m.marks, len(m.stack)); return nil },
		'0':     func(m *Machine) error { _, err := m.pop(); return err },
		'1':     func(m *Machine) error { _, err := m.popMark(); return err },
		'2':     (*Machine).dup,
		'N':     pushes(nil), 0x88: pushes(true), 0x89: pushes(false),
		'I': (*Machine).intLine, 'L': (*Machine).intLine, 'F': (*Machine).floatLine, 'G': (*Machine).binFloat,
		'K': unsigned(1), 'M': unsigned(2), 'J': (*Machine).binInt,
		0x8a: longOf(1), 0x8b: longOf(4),
		'X': text(4), 0x8c: text(1), 0x8d: text(8), // BINUNICODE and its kin
		'U': str(1), 'T': str(4), // Python 2's
		'C': bytesOf(1), 'B': bytesOf(4), 0x8e: bytesOf(8), 0x96: bytesOf(8), // the last a bytearray
		']':  func(m *Machine) error { m.push(&Seq{}); return nil },
		')':  func(m *Machine) error { m.push(&Seq{Tuple: true}); return nil },
		'}':  func(m *Machine) error { m.push(&Dict{}); return nil },
		'l':  func(m *Machine) error { return m.marked(false) },
		't':  func(m *Machine) error { return m.marked(true) },
		'd':  func(m *Machine) error { return m.markedDict() },
		0x85: tuple(1), 0x86: tuple(2), 0x87: tuple(3),
		'a': (*Machine).appendOne, 'e': (*Machine).appends,
		's': (*Machine).setItem, 'u': (*Machine).setItems,
		'q': put(1), 'r': put(4), 0x94: (*Machine).memoize,
		'h': get(1), 'j': get(4),
		'c': (*Machine).global, 0x93: (*Machine).stackGlobal,
		'R': (*Machine).reduce, 'b': (*Machine).build, 'Q': (*Machine).persistent,
	} {
		operations[op] = f
	}
}

func pushes(v any) func(*Machine) error {
	return func(m *Machine) error { m.push(v); return nil }
}

func (m *Machine) dup() error {
	v, err := m.top()
	if err == nil {
		m.push(v)
	}
	return err
}

// intLine reads INT or LONG of protocol 0, where I00 and I01 are bools.
func (m *Machine) intLine() error {
	s, err := m.Src.Line()
	if err != nil {
		return err
	}
	if s == "00" || s == "01" {
		m.push(s == "01")
		return nil
	}
	s = strings.TrimSuffix(s, "L")
	v, err := strconv.ParseInt(s, 10, 64)
	if errors.Is(err, strconv.ErrRange) {
		m.push(Long(s))
		return nil
	}
	if err != nil {
		return Damaged("the pickle's number %s is none", Show(s))
	}
	m.push(v)
	return nil
}

func (m *Machine) floatLine() error {
	s, err := m.Src.Line()
	if err != nil {
		return err
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return Damaged("the pickle's number %s is none", Show(s))
	}
	m.push(v)
	return nil
}

// binFloat is the one number that is big-endian.
func (m *Machine) binFloat() error {
	b, err := m.Src.Take(8)
	if err != nil {
		return err
	}
	var u uint64
	for _, c := range b {
		u = u<<8 | uint64(c)
	}
	m.push(math.Float64frombits(u))
	return nil
}

func unsigned(n int) func(*Machine) error {
	return func(m *Machine) error {
		v, err := m.Src.Uint(n)
		m.push(int64(v))
		return err
	}
}

func (m *Machine) binInt() error {
	v, err := m.Src.Uint(4)
	m.push(int64(int32(v)))
	return err
}

// longOf reads LONG1 or LONG4: two's complement of as many bytes as the number in size
// bytes says.
func longOf(size int) func(*Machine) error {
	return func(m *Machine) error {
		n, err := m.Src.Uint(size)
		if err != nil {
			return err
		}
		b, err := m.Src.Take(n)
		if err != nil {
			return err
		}
		if len(b) > 8 {
			m.push(Long(b))
			return nil
		}
		var v int64
		for i, c := range b {
			v |= int64(c) << (8 * i)
		}
		if k := len(b); k > 0 && k < 8 && b[k-1] >= 0x80 {
			v |= -1 << (8 * k)
		}
		m.push(v)
		return nil
	}
}

func text(size int) func(*Machine) error {
	return func(m *Machine) error {
		n, err := m.Src.Uint(size)
		if err != nil {
			return err
		}
		b, err := m.Src.Take(n)
		if err != nil {
			return err
		}
		m.push(strings.ToValidUTF8(string(b), "\uFFFD"))
		return nil
	}
}

func str(size int) func(*Machine) error {
	asText, asBytes := text(size), bytesOf(size)
	return func(m *Machine) error {
		if m.StrBytes {
			return asBytes(m)
		}
		return asText(m)
	}
}

func bytesOf(size int) func(*Machine) error {
	return func(m *Machine) error {
		n, err := m.Src.Uint(size)
		if err != nil {
			return err
		}
		b, err := m.Src.Take(n)
		m.push(Bytes(b))
		return err
	}
}

func (m *Machine) marked(tuple bool) error {
	items, err := m.popMark()
	if err != nil {
		return err
	}
	m.push(&Seq{Items: append([]any(nil), items...), Tuple: tuple})
	return nil
}

func (m *Machine) markedDict() error {
	items, err := m.popMark()
	if err != nil {
		return err
	}
	d := &Dict{}
	if err := m.setAll(d, items); err != nil {
		return err
	}
	m.push(d)
	return nil
}

// setAll puts keys and values, in turn, into a dict.
func (m *Machine) setAll(d *Dict, items []any) error {
	if len(items)%2 != 0 {
		return errUnderflow
	}
	for i := 0; i < len(items); i += 2 {
		if !m.Inert && !plainKey(items[i]) {
			return fmt.Errorf("a dict whose keys are not plain values (%s): %s", Kind(items[i]), m.Words.Advice)
		}
		d.set(items[i], items[i+1])
	}
	return nil
}

func tuple(n int) func(*Machine) error {
	return func(m *Machine) error {
		i := len(m.stack) - n
		if i < m.floor() {
			return errUnderflow
		}
		t := &Seq{Items: append([]any(nil), m.stack[i:]...), Tuple: true}
		m.stack = append(m.stack[:i], t)
		return nil
	}
}

func (m *Machine) appendOne() error {
	v, err := m.pop()
	if err != nil {
		return err
	}
	return m.appendAll([]any{v})
}

func (m *Machine) appends() error {
	items, err := m.popMark()
	if err != nil {
		return err
	}
	return m.appendAll(items)
}

func (m *Machine) appendAll(items []any) error {
	v, err := m.top()
	if err != nil {
		return err
	}
	switch v := v.(type) {
	case *Object:
		v.List = append(v.List, items...)
		return nil
	case *Seq:
		if !v.Tuple {
			v.Items = append(v.Items, items...)
			return nil
		}
	}
	return errType
}

func (m *Machine) setItem() error {
	value, err := m.pop()
	if err != nil {
		return err
	}
	key, err := m.pop()
	if err != nil {
		return err
	}
	return m.setTop([]any{key, value})
}

func (m *Machine) setItems() error {
	items, err := m.popMark()
	if err != nil {
		return err
	}
	return m.setTop(items)
}

func (m *Machine) setTop(items []any) error {
	v, err := m.top()
	if err != nil {
		return err
	}
	switch v := v.(type) {
	case *Object:
		return m.setAll(&v.Items, items)
	case *Dict:
		return m.setAll(v, items)
	}
	return errType
}

func put(size int) func(*Machine) error {
	return func(m *Machine) error {
		i, err := m.Src.Uint(size)
		if err != nil {
			return err
		}
		return m.remember(i)
	}
}

func (m *Machine) memoize() error { return m.remember(uint64(len(m.memo))) }

func (m *Machine) remember(i uint64) error {
	v, err := m.top()
	if err != nil {
		return err
	}
	if m.memo == nil {
		m.memo = map[uint64]any{}
	}
	m.memo[i] = v
	return nil
}

func get(size int) func(*Machine) error {
	return func(m *Machine) error {
		i, err := m.Src.Uint(size)
		if err != nil {
			return err
		}
		v, ok := m.memo[i]
		if !ok {
			return Damaged("the pickle recalls value %d, which it never stored", i)
		}
		m.push(v)
		return nil
	}
}

func (m *Machine) global() error {
	module, err := m.Src.Line()
	if err != nil {
		return err
	}
	name, err := m.Src.Line()
	if err != nil {
		return err
	}
	return m.pushGlobal(module, name)
}

func (m *Machine) stackGlobal() error {
	name, err := m.pop()
	if err != nil {
		return err
	}
	module, err := m.pop()
	if err != nil {
		return err
	}
	mod, ok := module.(string)
	n, ok2 := name.(string)
	if !ok || !ok2 {
		return errType
	}
	return m.pushGlobal(mod, n)
}

func globalOf(module, name string) Global {
	switch module { // Python 2's, which protocols below 3 write
	case "__builtin__", "exceptions":
		module = "builtins"
	case "copy_reg":
		module = "copyreg"
	}
	return Global(module + "." + name)
}

func (m *Machine) pushGlobal(module, name string) error {
	g := globalOf(module, name)
	if plainGlobals[g] || m.Inert {
		m.push(g)
		return nil
	}
	v, err := m.Find(g)
	if err != nil {
		return err
	}
	m.push(v)
	return nil
}

func (m *Machine) reduce() error {
	args, err := m.pop()
	if err != nil {
		return err
	}
	f, err := m.pop()
	if err != nil {
		return err
	}
	g, ok := f.(Global)
	a, ok2 := args.(*Seq)
	if !ok2 || !a.Tuple || !ok && !m.Inert {
		return errType
	}
	v, err := m.call(f, g, a.Items)
	if err != nil {
		return err
	}
	m.push(v)
	return nil
}

// call carries out a REDUCE of f, which is the global g if it is not "".
func (m *Machine) call(f any, g Global, args []any) (any, error) {
	switch {
	case g == "":
		return Stand(f, args), nil
	case plainGlobals[g]:
		return m.callPlain(g, args)
	}
	if m.Inert {
		if d, ok := callDict(g, args); ok {
			return d, nil
		}
	}
	return m.Call(g, args)
}

// build is Python's __setstate__. An OrderedDict's state is a state dict's _metadata
// (module versions), which is passed over.
func (m *Machine) build() error {
	state, err := m.pop()
	if err != nil {
		return err
	}
	v, err := m.top()
	if err != nil {
		return err
	}
	if d, ok := v.(*Dict); ok && d.ordered {
		return nil
	}
	if o, ok := v.(*Object); ok {
		o.State = state
		return nil
	}
	switch {
	case m.Build == nil && m.Inert:
		return nil
	case m.Build == nil:
		return errType
	}
	return m.Build(v, state)
}

func (m *Machine) persistent() error {
	id, err := m.pop()
	if err != nil {
		return err
	}
	s, ok := id.(*Seq)
	if !ok || !s.Tuple || m.Load == nil {
		if !m.Inert {
			return errType
		}
		m.push(&Object{Class: persistentID})
		return nil
	}
	v, err := m.Load(s)
	if err != nil {
		return err
	}
	m.push(v)
	return nil
}
