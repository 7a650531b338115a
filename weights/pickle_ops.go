package weights

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

var (
	errUnderflow = errors.New("takes from an empty stack")
	errType      = errors.New("meets a value of another kind than it works on")
)

const (
	opStop  = '.'
	opProto = 0x80
)

// operations are the opcodes that are carried out, by CPython's names. Those of protocol
// 0 for strings and the memo are left out: PyTorch's persistent ids need protocol 1.
var operations [256]func(*machine) error

func init() {
	for op, f := range map[byte]func(*machine) error{
		opProto: func(m *machine) error { _, err := m.src.byte(); return err },
		0x95:    func(m *machine) error { _, err := m.src.uint(8); return err }, // FRAME
		'(':     func(m *machine) error { m.marks = append(m.marks, len(m.stack)); return nil },
		'0':     func(m *machine) error { _, err := m.pop(); return err },
		'1':     func(m *machine) error { _, err := m.popMark(); return err },
		'2':     (*machine).dup,
		'N':     pushes(nil), 0x88: pushes(true), 0x89: pushes(false),
		'I': (*machine).intLine, 'L': (*machine).intLine, 'F': (*machine).floatLine, 'G': (*machine).binFloat,
		'K': unsigned(1), 'M': unsigned(2), 'J': (*machine).binInt,
		0x8a: longOf(1), 0x8b: longOf(4),
		'X': text(4), 0x8c: text(1), 0x8d: text(8), // BINUNICODE and its kin
		'U': text(1), 'T': text(4), // Python 2's str
		'C': bytesOf(1), 'B': bytesOf(4), 0x8e: bytesOf(8),
		']':  func(m *machine) error { m.push(&seq{}); return nil },
		')':  func(m *machine) error { m.push(&seq{tuple: true}); return nil },
		'}':  func(m *machine) error { m.push(&dict{}); return nil },
		'l':  func(m *machine) error { return m.marked(false) },
		't':  func(m *machine) error { return m.marked(true) },
		'd':  func(m *machine) error { return m.markedDict() },
		0x85: tuple(1), 0x86: tuple(2), 0x87: tuple(3),
		'a': (*machine).appendOne, 'e': (*machine).appends,
		's': (*machine).setItem, 'u': (*machine).setItems,
		'q': put(1), 'r': put(4), 0x94: (*machine).memoize,
		'h': get(1), 'j': get(4),
		'c': (*machine).global, 0x93: (*machine).stackGlobal,
		'R': (*machine).reduce, 'b': (*machine).build, 'Q': (*machine).persistent,
	} {
		operations[op] = f
	}
}

func pushes(v any) func(*machine) error {
	return func(m *machine) error { m.push(v); return nil }
}

func (m *machine) dup() error {
	v, err := m.top()
	if err == nil {
		m.push(v)
	}
	return err
}

// intLine reads INT or LONG of protocol 0, where I00 and I01 are bools.
func (m *machine) intLine() error {
	s, err := m.src.line()
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
		m.push(long(s))
		return nil
	}
	if err != nil {
		return damaged("the pickle's number %s is none", show(s))
	}
	m.push(v)
	return nil
}

func (m *machine) floatLine() error {
	s, err := m.src.line()
	if err != nil {
		return err
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return damaged("the pickle's number %s is none", show(s))
	}
	m.push(v)
	return nil
}

// binFloat is the one number that is big-endian.
func (m *machine) binFloat() error {
	b, err := m.src.take(8)
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

func unsigned(n int) func(*machine) error {
	return func(m *machine) error {
		v, err := m.src.uint(n)
		m.push(int64(v))
		return err
	}
}

func (m *machine) binInt() error {
	v, err := m.src.uint(4)
	m.push(int64(int32(v)))
	return err
}

// longOf reads LONG1 or LONG4: two's complement of as many bytes as the number in size
// bytes says.
func longOf(size int) func(*machine) error {
	return func(m *machine) error {
		n, err := m.src.uint(size)
		if err != nil {
			return err
		}
		b, err := m.src.take(n)
		if err != nil {
			return err
		}
		if len(b) > 8 {
			m.push(long(b))
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

func text(size int) func(*machine) error {
	return func(m *machine) error {
		n, err := m.src.uint(size)
		if err != nil {
			return err
		}
		b, err := m.src.take(n)
		if err != nil {
			return err
		}
		m.push(strings.ToValidUTF8(string(b), "\uFFFD"))
		return nil
	}
}

func bytesOf(size int) func(*machine) error {
	return func(m *machine) error {
		n, err := m.src.uint(size)
		if err != nil {
			return err
		}
		b, err := m.src.take(n)
		m.push(pybytes(b))
		return err
	}
}

func (m *machine) marked(tuple bool) error {
	items, err := m.popMark()
	if err != nil {
		return err
	}
	m.push(&seq{items: append([]any(nil), items...), tuple: tuple})
	return nil
}

func (m *machine) markedDict() error {
	items, err := m.popMark()
	if err != nil {
		return err
	}
	d := &dict{}
	if err := d.setAll(items); err != nil {
		return err
	}
	m.push(d)
	return nil
}

func (d *dict) setAll(items []any) error {
	if len(items)%2 != 0 {
		return errUnderflow
	}
	for i := 0; i < len(items); i += 2 {
		if err := d.set(items[i], items[i+1]); err != nil {
			return err
		}
	}
	return nil
}

func tuple(n int) func(*machine) error {
	return func(m *machine) error {
		i := len(m.stack) - n
		if i < m.floor() {
			return errUnderflow
		}
		t := &seq{items: append([]any(nil), m.stack[i:]...), tuple: true}
		m.stack = append(m.stack[:i], t)
		return nil
	}
}

func (m *machine) appendOne() error {
	v, err := m.pop()
	if err != nil {
		return err
	}
	return m.appendAll([]any{v})
}

func (m *machine) appends() error {
	items, err := m.popMark()
	if err != nil {
		return err
	}
	return m.appendAll(items)
}

func (m *machine) appendAll(items []any) error {
	v, err := m.top()
	if err != nil {
		return err
	}
	l, ok := v.(*seq)
	if !ok || l.tuple {
		return errType
	}
	l.items = append(l.items, items...)
	return nil
}

func (m *machine) setItem() error {
	value, err := m.pop()
	if err != nil {
		return err
	}
	key, err := m.pop()
	if err != nil {
		return err
	}
	return m.setAll([]any{key, value})
}

func (m *machine) setItems() error {
	items, err := m.popMark()
	if err != nil {
		return err
	}
	return m.setAll(items)
}

func (m *machine) setAll(items []any) error {
	v, err := m.top()
	if err != nil {
		return err
	}
	d, ok := v.(*dict)
	if !ok {
		return errType
	}
	return d.setAll(items)
}

func put(size int) func(*machine) error {
	return func(m *machine) error {
		i, err := m.src.uint(size)
		if err != nil {
			return err
		}
		return m.remember(i)
	}
}

func (m *machine) memoize() error { return m.remember(uint64(len(m.memo))) }

func (m *machine) remember(i uint64) error {
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

func get(size int) func(*machine) error {
	return func(m *machine) error {
		i, err := m.src.uint(size)
		if err != nil {
			return err
		}
		v, ok := m.memo[i]
		if !ok {
			return damaged("the pickle recalls value %d, which it never stored", i)
		}
		m.push(v)
		return nil
	}
}

func (m *machine) global() error {
	module, err := m.src.line()
	if err != nil {
		return err
	}
	name, err := m.src.line()
	if err != nil {
		return err
	}
	return m.pushGlobal(module, name)
}

func (m *machine) stackGlobal() error {
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

func (m *machine) pushGlobal(module, name string) error {
	if module == "__builtin__" { // Python 2's
		module = "builtins"
	}
	v, err := m.find(global{module, name})
	if err != nil {
		return err
	}
	m.push(v)
	return nil
}

func (m *machine) reduce() error {
	args, err := m.pop()
	if err != nil {
		return err
	}
	f, err := m.pop()
	if err != nil {
		return err
	}
	g, ok := f.(global)
	a, ok2 := args.(*seq)
	if !ok || !ok2 || !a.tuple {
		return errType
	}
	v, err := m.call(g, a)
	if err != nil {
		return err
	}
	m.push(v)
	return nil
}

// build is Python's __setstate__. Of the values here only an OrderedDict is given any: a
// state dict's _metadata (module versions), which is passed over.
func (m *machine) build() error {
	if _, err := m.pop(); err != nil {
		return err
	}
	v, err := m.top()
	if err != nil {
		return err
	}
	if d, ok := v.(*dict); !ok || !d.ordered {
		return errType
	}
	return nil
}

func (m *machine) persistent() error {
	id, err := m.pop()
	if err != nil {
		return err
	}
	s, ok := id.(*seq)
	if !ok || !s.tuple {
		return errType
	}
	v, err := m.load(s)
	if err != nil {
		return err
	}
	m.push(v)
	return nil
}
