package pickle

import (
	"reflect"
	"strings"
	"testing"
)

func inert(m *Machine) {
	m.Find, m.Inert = nil, true
	m.Call = func(f Global, args []any) (any, error) { return Stand(f, args), nil }
}

// What CPython 3.11 writes for objects, by hand where it is short.
func TestInert(t *testing.T) {
	for name, tt := range map[string]struct {
		pickle string
		want   any
	}{
		"Namespace": {"\x80\x02cargparse\nNamespace\n)\x81}" + text32("lr") + "K\x01sb.",
			&Object{Class: "argparse.Namespace", Args: []any(nil), State: &Dict{Items: []Item{{"lr", int64(1)}}}}},
		"harm":          {"\x80\x02cposix\nsystem\n" + text32("echo") + "\x85R.", &Object{Class: "posix.system", Args: []any{"echo"}}},
		"class":         {"\x80\x02c__builtin__\nint\n.", Global("builtins.int")},
		"Python 2's":    {"\x80\x02cexceptions\nValueError\n.", Global("builtins.ValueError")},
		"INST":          {"\x80\x02(K\x01imine\nNet\n.", &Object{Class: "mine.Net", Args: []any{int64(1)}}},
		"OBJ":           {"\x80\x02(cmine\nNet\nK\x01o.", &Object{Class: "mine.Net", Args: []any{int64(1)}}},
		"NEWOBJ_EX":     {"\x80\x04cmine\nNet\n)}\x92.", &Object{Class: "mine.Net", Args: []any(nil), State: &Dict{}}},
		"set":           {"\x80\x04\x8f(K\x01K\x02\x90.", &Object{Class: "builtins.set", List: []any{int64(1), int64(2)}}},
		"frozenset":     {"\x80\x04(K\x01\x91.", &Object{Class: "builtins.frozenset", List: []any{int64(1)}}},
		"deque":         {"\x80\x02ccollections\ndeque\n])\x86R(K\x01e.", &Object{Class: "collections.deque", Args: []any{&Seq{}, &Seq{Tuple: true}}, List: []any{int64(1)}}},
		"reconstructor": {"\x80\x01ccopy_reg\n_reconstructor\n(cmine\nNet\nc__builtin__\nobject\nNtR.", &Object{Class: "mine.Net", Args: []any{Global("builtins.object"), nil}}},
		"nested class":  {"\x80\x02cbuiltins\ngetattr\ncmine\nNet\n" + text32("Part") + "\x86R)\x81.", &Object{Class: "mine.Net.Part", Args: []any(nil)}},
		"call of call":  {"\x80\x02cmine\nf\n)R)R.", &Object{Class: "mine.f", Args: []any(nil)}},
		"call of None":  {"\x80\x02N)R.", &Object{Class: "what is called", Args: []any(nil)}},
		"extension":     {"\x80\x02\x82\x07.", Global("extension 7")},
		"persistent":    {"\x80\x02K\x01Q.", &Object{Class: "persistent id"}},
		"subclass":      {"\x80\x02cmine\nD\n)\x81K\x01K\x02s.", &Object{Class: "mine.D", Args: []any(nil), Items: Dict{Items: []Item{{int64(1), int64(2)}}}}},
		"key":           {"\x80\x02})K\x01s.", &Dict{Items: []Item{{&Seq{Tuple: true}, int64(1)}}}},
		"codec":         {"\x80\x02c_codecs\nencode\n" + text32("a") + text32("rot13") + "\x86R.", &Object{Class: "_codecs.encode", Args: []any{"a", "rot13"}}},
	} {
		if got, err := run(tt.pickle, inert); err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %#v, %v; want %#v", name, got, err, tt.want)
		}
	}
	for name, pickle := range map[string]string{
		"defaultdict": "\x80\x02ccollections\ndefaultdict\nc__builtin__\nlist\n\x85RK\x01K\x02s.",
		"Counter":     "\x80\x02ccollections\nCounter\n}K\x01K\x02s\x85R.",
		"OrderedDict": "\x80\x02ccollections\nOrderedDict\n)\x81K\x01K\x02s}b.",
	} {
		v, err := run(pickle, inert)
		d, ok := v.(*Dict)
		if !ok || err != nil {
			t.Errorf("%s: %#v, %v", name, v, err)
			continue
		}
		if two, _ := d.Get(int64(1)); two != int64(2) {
			t.Errorf("%s: %#v", name, d)
		}
	}
}

// An inert machine keeps the stack's rules.
func TestInertErrors(t *testing.T) {
	for _, pickle := range []string{"\x80\x02(o.", "\x80\x02o.", "\x80\x02cmine\nNet\nN\x81.", "\x80\x02)\x81.", "\x80\x02NNa.", "\x80\x02NNNs.", "\x80\x04\x92.", "\x80\x02NNR.", "\x80\x04\x91.", "\x80\x02(imine\n"} {
		if v, err := run(pickle, inert); err == nil || strings.Contains(err.Error(), "panic") {
			t.Errorf("%q: %v, no error", pickle, v)
		}
	}
}

func FuzzInert(f *testing.F) {
	for _, s := range []string{"\x80\x02cargparse\nNamespace\n)\x81}b.", "\x80\x04\x8f(K\x01K\x02\x90.", "\x80\x02(cmine\nNet\nK\x01o.", "\x80\x02cbuiltins\ngetattr\ncmine\nNet\n\x86R)\x81."} {
		f.Add(s)
	}
	f.Fuzz(func(_ *testing.T, pickle string) { run(pickle, inert) })
}
