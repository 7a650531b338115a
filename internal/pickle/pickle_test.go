package pickle

import (
	"encoding/binary"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

var words = Words{Reads: "numbers", Writer: "nobody", Advice: "ask again"}

func run(pickle string, change func(*Machine)) (any, error) {
	m := &Machine{
		Src: NewSource(strings.NewReader(pickle), 0, int64(len(pickle))), Words: words,
		Find: func(g Global) (any, error) { return nil, words.Refused(g) },
	}
	if change != nil {
		change(m)
	}
	return m.Run()
}

func text32(s string) string {
	return "X" + string(binary.LittleEndian.AppendUint32(nil, uint32(len(s)))) + s
}

// What CPython 3.11's pickle.dumps writes, by protocol.
func TestValues(t *testing.T) {
	for _, tt := range []struct {
		pickle string
		want   any
	}{
		{"\x80\x02(K\x01J\xff\xff\xff\xff\x8a\x05\x00\x00\x00\x00\x01G?\xf8\x00\x00\x00\x00\x00\x00\x88Nt.", // (1, -1, 1<<32, 1.5, True, None)
			&Seq{Tuple: true, Items: []any{int64(1), int64(-1), int64(1 << 32), 1.5, true, nil}}},
		{"\x80\x03]q\x00(X\x02\x00\x00\x00\xc3\xa9q\x01C\x01\xe9q\x02e.", &Seq{Items: []any{"é", Bytes("\xe9")}}}, // ["é", b"\xe9"]
		{"\x80\x02c_codecs\nencode\nq\x00X\x03\x00\x00\x00a\xc3\xa9q\x01X\x06\x00\x00\x00latin1q\x02\x86q\x03Rq\x04.", // b"a\xe9"
			Bytes("a\xe9")},
		{"\x80\x05\x95\x0d\x00\x00\x00\x00\x00\x00\x00\x96\x02\x00\x00\x00\x00\x00\x00\x00ab\x94.", Bytes("ab")}, // bytearray(b"ab")
	} {
		if got, err := run(tt.pickle, nil); err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%q: %#v, %v; want %#v", tt.pickle, got, err, tt.want)
		}
	}
}

// Python 2's str is bytes or text, as the machine's user says.
func TestStrBytes(t *testing.T) {
	const pickle = "\x80\x02U\x02a\xe9."
	if v, err := run(pickle, nil); v != "a\uFFFD" || err != nil {
		t.Errorf("%q, %v", v, err)
	}
	if v, err := run(pickle, func(m *Machine) { m.StrBytes = true }); v != Bytes("a\xe9") || err != nil {
		t.Errorf("%q, %v", v, err)
	}
}

func TestRefused(t *testing.T) {
	for _, tt := range []struct{ pickle, want string }{
		{"\x80\x02cos\nsystem\n.", "os.system, which is refused: only numbers and plain values are read; ask again"},
		{"\x80\x02K\x01Q.", "another kind"},
		{"\x80\x02)Q.", "another kind"},
		{"\x80\x02}}b.", "another kind"},
		{"\x80\x02}]K\x01s.", "keys are not plain values (a list): ask again"},
		{"\x80\x02S'a'\n.", "not one that nobody writes"},
	} {
		if v, err := run(tt.pickle, nil); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %v, %v; want %q", tt.pickle, v, err, tt.want)
		}
	}
}

// A value can be recalled for two bytes; calls may not copy it as often.
func TestCopiesAreBounded(t *testing.T) {
	again := func(global, arg string) string {
		return fmt.Sprintf("\x80\x02c%sq\x00%sq\x01(%s.", global, arg, strings.Repeat("h\x00h\x01R", 1000))
	}
	for name, pickle := range map[string]string{
		"encode":      again("_codecs\nencode\n", text32(strings.Repeat("a", 10000))+text32("latin1")+"\x86"),
		"OrderedDict": again("collections\nOrderedDict\n", "]("+strings.Repeat("NN\x86", 1000)+"e\x85"),
	} {
		if _, err := run(pickle, nil); err == nil || !strings.Contains(err.Error(), "more of its values") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}
