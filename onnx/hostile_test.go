package onnx

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// Pieces of files.

func field(num protowire.Number, content ...[]byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, num, protowire.BytesType), join(content...))
}

func name(num protowire.Number, s string) []byte { return field(num, []byte(s)) }

func varint(num protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, num, protowire.VarintType), v)
}

func join(parts ...[]byte) (all []byte) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// inGraph is a file whose graph has these fields, and one that gives its output y.
func inGraph(parts ...[]byte) []byte {
	return field(7, join(parts...), field(12, name(1, "y")))
}

func nodeOf(op string, in, out []string, more ...[]byte) []byte {
	var b []byte
	for _, s := range in {
		b = append(b, name(1, s)...)
	}
	for _, s := range out {
		b = append(b, name(2, s)...)
	}
	return field(1, b, name(4, op), join(more...))
}

func input(s string) []byte { return field(11, name(1, s)) }

// plain is a file of one node with these fields beside it.
func plain(more ...[]byte) []byte {
	return inGraph(input("x"), nodeOf("Relu", []string{"x"}, []string{"y"}), join(more...))
}

func weight(parts ...[]byte) []byte { return field(5, parts...) }

func heap() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// parseBounded parses, and fails if that took more memory or time than it may.
func parseBounded(t testing.TB, b []byte) (*Model, error) {
	t.Helper()
	before, start := heap(), time.Now()
	m, err := Parse(b)
	if got, most := heap()-before, 4<<20+128*uint64(len(b)); got > most {
		t.Errorf("%d bytes allocated to read %d, error %v", got, len(b), err)
	}
	if d := time.Since(start); d > 20*time.Second {
		t.Errorf("%v to read %d bytes", d, len(b))
	}
	return m, err
}

func TestHostile(t *testing.T) {
	small := weight(varint(1, 2), varint(2, 1), name(8, "w"), field(9, make([]byte, 8)))
	attr := func(parts ...[]byte) []byte {
		return inGraph(input("x"), nodeOf("Relu", []string{"x"}, []string{"y"}, field(5, parts...)))
	}
	for what, c := range map[string]struct {
		file []byte
		says string
	}{
		"nothing":                  {nil, "empty"},
		"a web page":               {[]byte("\n<!DOCTYPE html><html>404</html>"), "a web page"},
		"an XML error":             {[]byte("<?xml version='1.0'?><Error/>"), "a web page"},
		"Git LFS":                  {[]byte("version https://git-lfs.github.com/spec/v1\noid sha256:1"), "git lfs pull"},
		"zip":                      {[]byte("PK\x03\x04\x00"), "a zip archive"},
		"gzip":                     {[]byte("\x1f\x8b\x08"), "a gzip file"},
		"text":                     {[]byte("Not Found"), "not an ONNX file"},
		"zeros":                    {make([]byte, 100), "not an ONNX file"},
		"no graph":                 {varint(1, 8), "no graph"},
		"no output":                {field(7, input("x")), "no output"},
		"wire type":                {[]byte{0x0b}, "wire type 3"},
		"length beyond":            {[]byte{0x3a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, "middle of a field"},
		"endless varint":           {append([]byte{0x08}, []byte(strings.Repeat("\xff", 20))...), "middle of a field"},
		"no operator":              {inGraph(input("x"), field(1, name(1, "x"), name(2, "y"))), `node  "y" has no operator`},
		"no result":                {inGraph(input("y"), nodeOf("Relu", []string{"y"}, nil, name(3, "a"))), `node Relu "a" has no operator, or no output`},
		"cycle":                    {inGraph(input("x"), nodeOf("Add", []string{"x", "y"}, []string{"z"}), nodeOf("Relu", []string{"z"}, []string{"y"})), `node Add "z" waits for its own result`},
		"itself":                   {inGraph(nodeOf("Relu", []string{"y"}, []string{"y"})), `node Relu "y" waits for its own result`},
		"dangling input":           {inGraph(nodeOf("Relu", []string{"gone"}, []string{"y"})), `node Relu "y" reads "gone", which nothing gives`},
		"dangling output":          {inGraph(), `output "y" is computed by no node`},
		"two writers":              {inGraph(input("x"), nodeOf("Relu", []string{"x"}, []string{"y"}), nodeOf("Abs", []string{"x"}, []string{"y"})), `node Abs "y" writes "y", which is there already`},
		"a writer twice":           {inGraph(input("x"), nodeOf("Split", []string{"x"}, []string{"y", "y"})), "there already"},
		"a node writes an input":   {inGraph(input("x"), input("y"), nodeOf("Relu", []string{"x"}, []string{"y"})), "there already"},
		"a node writes a weight":   {plain(weight(varint(1, 2), varint(2, 1), name(8, "y"), field(9, make([]byte, 8)))), "there already"},
		"two inputs":               {plain(input("x")), `the name "x"`},
		"input without name":       {plain(field(11, name(2, ""))), `two inputs, or none, of the name ""`},
		"two initializers":         {plain(small, small), `the name "w"`},
		"initializer without name": {plain(weight(varint(1, 2), varint(2, 1), field(9, make([]byte, 8)))), `none, of the name ""`},
		"output without name":      {field(7, input("x"), field(12, name(2, ""))), `output ""`},
		"name not UTF-8":           {plain(weight(name(8, "w\xff"), varint(2, 1))), "is not UTF-8"},
		"operator not UTF-8":       {inGraph(input("x"), nodeOf("Re\xfflu", []string{"x"}, []string{"y"})), "is not UTF-8"},
		"terminal escapes":         {inGraph(nodeOf("Re\x1b[31mlu", []string{"\x1b]0;owned\a"}, []string{"y"})), `node Re?[31mlu "y" reads "?]0;owned?"`},
		"long name":                {inGraph(nodeOf("Relu", []string{strings.Repeat("n", 1<<20)}, []string{"y"})), "nnn...\","},

		"dimension of 2^62":      {plain(weight(varint(1, 1<<62), varint(2, 1), name(8, "w"))), "a dimension of 4611686018427387904"},
		"negative dimension":     {plain(weight(varint(1, math.MaxUint64), varint(2, 1), name(8, "w"))), "a dimension of -1"},
		"dimensions of 2^40":     {plain(weight(varint(1, 1<<40), varint(1, 1<<40), varint(2, 1), name(8, "w"))), "larger than any file"},
		"packed dimensions":      {plain(weight(field(1, protowire.AppendVarint(nil, 1<<63)), varint(2, 1), name(8, "w"))), "a dimension of -9223372036854775808"},
		"packed, cut":            {plain(weight(field(1, []byte{0x80}), varint(2, 1), name(8, "w"))), "middle of a field"},
		"65 dimensions":          {plain(weight(field(1, []byte(strings.Repeat("\x01", 65))), varint(2, 1), name(8, "w"))), "more than 64 dimensions"},
		"a million dimensions":   {plain(weight(field(1, []byte(strings.Repeat("\x01", 1<<20))), varint(2, 1), name(8, "w"))), "more than 64 dimensions"},
		"raw data, short":        {plain(weight(varint(1, 3), varint(2, 1), name(8, "w"), field(9, make([]byte, 8)))), "needs 12 bytes and has 8"},
		"raw data, long":         {plain(weight(varint(1, 1), varint(2, 1), name(8, "w"), field(9, make([]byte, 8)))), "needs 4 bytes and has 8"},
		"no data":                {plain(weight(varint(1, 2), varint(2, 1), name(8, "w"))), "needs 8 bytes and has 0"},
		"floats, short":          {plain(weight(varint(1, 3), varint(2, 1), name(8, "w"), field(4, make([]byte, 8)))), "needs 12 bytes and has 8"},
		"floats, odd":            {plain(weight(varint(1, 3), varint(2, 1), name(8, "w"), field(4, make([]byte, 11)))), "needs 12 bytes and has 11"},
		"floats of integers":     {plain(weight(varint(1, 2), varint(2, 6), name(8, "w"), field(4, make([]byte, 8)))), "needs 8 bytes and has 0"},
		"integers of floats":     {plain(weight(varint(1, 2), varint(2, 1), name(8, "w"), field(5, []byte{1, 2}))), "needs 8 bytes and has 0"},
		"doubles of floats":      {plain(weight(varint(1, 2), varint(2, 1), name(8, "w"), field(10, make([]byte, 8)))), "needs 8 bytes and has 0"},
		"integers, cut":          {plain(weight(varint(1, 2), varint(2, 7), name(8, "w"), field(7, []byte{1, 0x80}))), "middle of a field"},
		"no type":                {plain(weight(varint(1, 2), name(8, "w"))), `tensor "w" has no type`},
		"sparse":                 {plain(field(15, name(1, "w"))), "sparse"},
		"attribute, odd floats":  {attr(name(1, "a"), field(7, make([]byte, 5))), `node Relu "y": it ends in the middle`},
		"attribute, bad tensor":  {attr(name(1, "a"), field(5, varint(1, 1<<50), varint(2, 1))), `node Relu "y": tensor "" has a dimension`},
		"attribute, cut":         {attr([]byte{0x0a, 0x05, 'a'}), "middle of a field"},
		"65 dimensions of input": {plain(field(11, name(1, "a"), field(2, field(1, varint(1, 1), field(2, []byte(strings.Repeat("\x0a\x00", 65))))))), "more than 64 dimensions"},

		"many nodes":      {inGraph(input("x"), []byte(strings.Repeat(string(nodeOf("Relu", []string{"x"}, []string{"y"})), maxNodes+1))), "more than 262144 nodes"},
		"many empty":      {inGraph([]byte(strings.Repeat("\x0a\x00", 1<<20))), "more than 262144 nodes"},
		"many inputs":     {inGraph([]byte(strings.Repeat("\x5a\x00", 1<<20))), "more than 262144"},
		"many values":     {inGraph([]byte(strings.Repeat("\x6a\x00", 1<<20))), "more than 262144"},
		"many attributes": {inGraph(input("x"), nodeOf("Relu", []string{"x"}, []string{"y"}, []byte(strings.Repeat("\x2a\x00", 1<<20)))), "more than 1024 attributes"},
	} {
		t.Run(what, func(t *testing.T) {
			_, err := parseBounded(t, c.file)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v, want one with %q", err, c.says)
			}
			if err != nil && (strings.ContainsAny(err.Error(), "\x1b\a") || len(err.Error()) > 500) {
				t.Errorf("error %q", err)
			}
		})
	}
}

// What is odd but harmless is read: graphs within graphs are kept unread, however deep.
func TestOdd(t *testing.T) {
	deep := nodeOf("Relu", []string{"x"}, []string{"y"})
	for range 2000 { // a graph in an attribute of a node in a graph ...
		deep = nodeOf("If", []string{"x"}, []string{"y"}, field(5, name(1, "then"), field(6, deep)))
	}
	many := inGraph(input("n0"), []byte(chain(maxNodes-1)), nodeOf("Relu", []string{fmt.Sprintf("n%d", maxNodes-1)}, []string{"y"}))
	for what, file := range map[string][]byte{
		"deep":                  inGraph(input("x"), deep),
		"zero-sized dimension":  plain(weight(varint(1, 0), varint(1, 1<<40), varint(1, 1<<40), varint(2, 1), name(8, "w"))),
		"strings":               plain(weight(varint(1, 1), varint(2, 8), name(8, "w"), field(6, []byte("a")))),
		"unknown type":          plain(weight(varint(1, 1<<40), varint(1, 1<<40), varint(2, 99), name(8, "w"))),
		"input is initializer":  inGraph(input("w"), weight(varint(1, 1), varint(2, 1), name(8, "w"), field(9, make([]byte, 4))), nodeOf("Relu", []string{"w"}, []string{"y"})),
		"outputs left out":      inGraph(input("x"), nodeOf("Split", []string{"x", "", ""}, []string{"", "y", ""})),
		"most nodes there are":  many,
		"opset of 2^62":         append(plain(), field(8, varint(2, 1<<62))...),
		"negative version":      append(plain(), varint(1, math.MaxUint64)...),
		"metadata of any bytes": append(plain(), field(14, name(1, "a\xff"), name(2, "\x00\xfe"))...),
	} {
		t.Run(what, func(t *testing.T) {
			m, err := parseBounded(t, file)
			if err != nil {
				t.Fatal(err)
			}
			checkMarshal(t, m)
		})
	}
}

// chain is n nodes, each of the one before.
func chain(n int) string {
	var b strings.Builder
	for i := range n {
		b.Write(nodeOf("Relu", []string{fmt.Sprintf("n%d", i)}, []string{fmt.Sprintf("n%d", i+1)}))
	}
	return b.String()
}

// A file that is cut short is an error, unless it is cut between fields of the model itself.
func TestTruncated(t *testing.T) {
	b := everything(t)
	whole := map[int]bool{}
	for at := 0; at < len(b); {
		num, _, n := protowire.ConsumeField(b[at:])
		if n < 0 {
			t.Fatal(protowire.ParseError(n))
		}
		if at += n; num == 7 || len(whole) > 0 {
			whole[at] = true
		}
	}
	for i := range len(b) {
		_, err := parseBounded(t, b[:i])
		if (err == nil) != whole[i] {
			t.Errorf("cut after %d of %d bytes: %v", i, len(b), err)
		}
	}
}

func elsewhere(values ...string) []byte {
	b := join(varint(1, 2), varint(2, 1), name(8, "w"), varint(14, 1))
	for i := 0; i < len(values); i += 2 {
		b = append(b, field(13, name(1, values[i]), name(2, values[i+1]))...)
	}
	return weight(b)
}

// What a file says of others can't lead out of its directory, nor take more memory than they have.
func TestExternalHostile(t *testing.T) {
	dir := t.TempDir()
	model := filepath.Join(dir, "in", "model.onnx")
	write := func(path string, b []byte) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(dir, "secret"), make([]byte, 8))
	write(filepath.Join(dir, "in", "data"), []byte("\x00\x00\x80\x3f\x00\x00\x00\x40"))
	write(filepath.Join(dir, "in", "sub", "data"), make([]byte, 8))
	cases := map[string]struct {
		tensor []byte
		says   string // "" for no error
	}{
		"good":              {elsewhere("location", "data"), ""},
		"offset and length": {elsewhere("location", "data", "offset", "0", "length", "8"), ""},
		"below":             {elsewhere("location", "sub/data"), ""},
		"checksum":          {elsewhere("location", "data", "checksum", "abc"), ""},
		"up":                {elsewhere("location", "../secret"), `the file "../secret" lies outside`},
		"up and down":       {elsewhere("location", "sub/../../secret"), "lies outside"},
		"absolute":          {elsewhere("location", filepath.Join(dir, "secret")), "lies outside"},
		"empty":             {elsewhere("location", ""), "no file is named"},
		"no location":       {elsewhere("offset", "0"), "no file is named"},
		"nothing":           {elsewhere(), "no file is named"},
		"missing":           {elsewhere("location", "gone"), `no file "gone" beside the model`},
		"a directory":       {elsewhere("location", "sub"), `"sub" is not a regular file`},
		"itself":            {elsewhere("location", "."), "is not a regular file"},
		"length":            {elsewhere("location", "data", "length", "9223372036854775807"), "needs 8 bytes, the file says 9223372036854775807"},
		"negative length":   {elsewhere("location", "data", "length", "-1"), "length is \"-1\""},
		"offset":            {elsewhere("location", "data", "offset", "9223372036854775807"), "cut off"},
		"negative offset":   {elsewhere("location", "data", "offset", "-8"), "offset is \"-8\""},
		"no number":         {elsewhere("location", "data", "offset", "1e9\x1b[31m"), `offset is "1e9?[31m"`},
		"beyond":            {elsewhere("location", "data", "offset", "4"), "has 8 bytes, 8 from 4 on"},
		"large": {weight(varint(1, 1<<39), varint(1, 1<<16), varint(2, 1), name(8, "w"), varint(14, 1), field(13, name(1, "location"), name(2, "data"))),
			"cut off"},
		"strings": {weight(varint(1, 2), varint(2, 8), name(8, "w"), varint(14, 1), field(13, name(1, "location"), name(2, "data"))), "is not read"},
	}
	if runtime.GOOS != "windows" {
		for link, to := range map[string]string{"link": "../secret", "within": "sub/data", "directory": "..", "circle": "circle", "device": "/dev/zero"} {
			if err := os.Symlink(to, filepath.Join(dir, "in", link)); err != nil {
				t.Fatal(err)
			}
		}
		if err := exec.Command("mkfifo", filepath.Join(dir, "in", "pipe")).Run(); err != nil {
			t.Fatal(err)
		}
		for what, c := range map[string]struct {
			tensor []byte
			says   string
		}{
			"link out":           {elsewhere("location", "link"), "a link out of it is not followed"},
			"link within":        {elsewhere("location", "within"), ""},
			"link of directory":  {elsewhere("location", "directory/secret"), "a link out of it is not followed"},
			"link to itself":     {elsewhere("location", "circle"), "can't be opened"},
			"link to a device":   {elsewhere("location", "device"), "can't be opened"},
			"a pipe":             {elsewhere("location", "pipe"), "not a regular file"},
			"terminal escapes":   {elsewhere("location", "\x1b[31m"), `"?[31m"`},
			"a zero in the name": {elsewhere("location", "a\x00b"), `"a?b"`},
		} {
			cases[what] = c
		}
	}
	for what, c := range cases {
		t.Run(what, func(t *testing.T) {
			write(model, inGraph(c.tensor, nodeOf("Relu", []string{"w"}, []string{"y"})))
			before := heap()
			m, err := Read(model)
			if got := heap() - before; got > 1<<20 {
				t.Errorf("%d bytes allocated", got)
			}
			if c.says == "" {
				if err != nil || m.Graph.Initializer("w").External() {
					t.Fatal(err)
				}
				if _, err := m.Marshal(); err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.says) || !strings.HasPrefix(err.Error(), model+`: the data of tensor "w": `) || strings.Contains(err.Error(), "\x1b") {
				t.Errorf("error %v, want one with %q", err, c.says)
			}
		})
	}
}

// Tensors that share their data can't ask for many times of it.
func TestExternalShared(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "data"), make([]byte, 8<<20), 0o666); err != nil {
		t.Fatal(err)
	}
	read := func(n int) error {
		var b []byte
		for i := range n {
			b = append(b, weight(varint(1, 2<<20), varint(2, 1), name(8, fmt.Sprint("w", i)), varint(14, 1), field(13, name(1, "location"), name(2, "data")))...)
		}
		path := filepath.Join(dir, "m.onnx")
		if err := os.WriteFile(path, inGraph(b, nodeOf("Relu", []string{"w0"}, []string{"y"})), 0o666); err != nil {
			t.Fatal(err)
		}
		_, err := Read(path)
		return err
	}
	if err := read(4); err != nil {
		t.Error(err)
	}
	if err := read(100); err == nil || !strings.Contains(err.Error(), "many times") {
		t.Error(err)
	}
}

func TestReadNoFile(t *testing.T) {
	dir := t.TempDir()
	if _, err := Read(filepath.Join(dir, "gone.onnx")); err == nil || !strings.Contains(err.Error(), "gone.onnx") {
		t.Error(err)
	}
	if _, err := Read(dir); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Error(err)
	}
	big := filepath.Join(dir, "big.onnx")
	f, err := os.Create(big)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(maxFile); err != nil {
		t.Skip(err)
	}
	if _, err := Read(big); err == nil || !strings.Contains(err.Error(), "an ONNX file has less") {
		t.Error(err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(everything(f))
	f.Add(plain(elsewhere("location", "data")))
	f.Add(plain(weight(varint(1, 2), varint(2, 6), name(8, "w"), field(5, []byte{1, 2}))))
	f.Add(plain(weight(varint(1, 1), varint(2, 8), name(8, "w"), field(6, []byte("a")))))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<16 { // larger ones find nothing new
			return
		}
		m, err := parseBounded(t, b)
		if err == nil {
			checkMarshal(t, m)
		}
		if x, err := ParseTensor(b); err == nil {
			x.Floats()
			x.Doubles()
			x.Ints()
		}
	})
}

// checkMarshal checks that a model which was read is written, read again, and written as the same.
func checkMarshal(t testing.TB, m *Model) {
	t.Helper()
	for _, x := range m.tensors() {
		if x.External() {
			if _, err := m.Marshal(); err == nil {
				t.Error("written without its data")
			}
			return
		}
		if _, err := x.Floats(); err == nil && x.DType.IsFloat() == false {
			t.Errorf("floats of %v", x.DType)
		}
		if _, err := x.Ints(); err == nil && x.DType.IsFloat() {
			t.Errorf("whole numbers of %v", x.DType)
		}
	}
	out, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse(out)
	if err != nil {
		t.Fatal(err)
	}
	same, err := again.Marshal()
	if err != nil || string(same) != string(out) {
		t.Errorf("written again it differs: %d and %d bytes, %v", len(out), len(same), err)
	}
}

// Nodes in any order that is none of a circle are brought into one.
func TestSorted(t *testing.T) {
	file := inGraph(input("x"), nodeOf("Exp", []string{"z"}, []string{"y"}), nodeOf("Relu", []string{"x"}, []string{"z"}))
	m, err := Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	if n := m.Graph.Nodes; len(n) != 2 || n[0].Op != "Relu" || n[1].Op != "Exp" {
		t.Errorf("%v", n)
	}
}
