package weights

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"
)

// Pieces of pickles.

func pkGlobal(module, name string) string { return "c" + module + "\n" + name + "\n" }

func pkStr(s string) string {
	return "X" + string(binary.LittleEndian.AppendUint32(nil, uint32(len(s)))) + s
}

func pkInt(v int64) string {
	return "\x8a\x08" + string(binary.LittleEndian.AppendUint64(nil, uint64(v)))
}

func pkTuple(items ...string) string { return "(" + strings.Join(items, "") + "t" }

func pkInts(v ...int64) string {
	var s []string
	for _, n := range v {
		s = append(s, pkInt(n))
	}
	return pkTuple(s...)
}

func pkStorage(key string, n int64, part string) string {
	return pkTuple(pkStr("storage"), pkGlobal("torch", "FloatStorage"), pkStr(key), pkStr("cpu"), pkInt(n), part) + "Q"
}

func pkTensor(storage string, off int64, shape, stride string) string {
	return pkGlobal("torch._utils", "_rebuild_tensor_v2") +
		pkTuple(storage, pkInt(off), shape, stride, "\x89", pkGlobal("collections", "OrderedDict")+")R") + "R"
}

// pkDict is a dict of one tensor w.
func pkDict(tensor string) string { return "\x80\x02}" + pkStr("w") + tensor + "s." }

const fourKey = "0"

// four is a good tensor of four elements.
func four() string { return pkTensor(pkStorage(fourKey, 4, ""), 0, pkInts(2, 2), pkInts(2, 1)) }

type entry struct {
	name   string
	data   []byte
	method uint16
}

func zipOf(t testing.TB, entries ...entry) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, e := range entries {
		f, err := w.CreateHeader(&zip.FileHeader{Name: e.name, Method: e.method})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(e.data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zipCheckpoint(t testing.TB, pickle string) []byte {
	return zipOf(t, entry{name: "a/data.pkl", data: []byte(pickle)}, entry{name: "a/data/0", data: make([]byte, 16)})
}

func legacyCheckpoint(pickle string) []byte {
	const header = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19." + "\x80\x02M\xe9\x03." +
		"\x80\x02}X\x0d\x00\x00\x00little_endian\x88s."
	tail := "\x80\x02]" + pkStr("0") + "a." + string(binary.LittleEndian.AppendUint64(nil, 4)) + string(make([]byte, 16))
	return []byte(header + pickle + tail)
}

// pickles that are refused, and what the error says.
var hostilePickles = map[string]struct{ pickle, says string }{
	"huge string":      {"\x80\x02X\xff\xff\xff\xff.", "4294967295 bytes"},
	"huge string 8":    {"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\xff.", "18446744073709551615 bytes"},
	"huge bytes":       {"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7f.", "9223372036854775807 bytes"},
	"huge long":        {"\x80\x02\x8b\xff\xff\xff\x7f.", "2147483647 bytes"},
	"endless line":     {"\x80\x02c" + strings.Repeat("a", 5000) + "\n\n.", "longer than 4096"},
	"no memo":          {"\x80\x02h\x05.", "recalls value 5"},
	"doubling":         {"\x80\x02" + doubling(four(), 60) + ".", "more memory"},
	"deep":             {"\x80\x02" + strings.Repeat("]", 100) + four() + strings.Repeat("a", 100) + ".", "deeper than"},
	"deep tuples":      {"\x80\x02" + four() + strings.Repeat("\x85", 100) + ".", "deeper than"},
	"NEWOBJ, no tuple": {"\x80\x02" + pkGlobal("a", "B") + "N\x81.", "another kind"},
	"complex":          {pkDict(pkTensor(pkTuple(pkStr("storage"), pkGlobal("torch", "ComplexFloatStorage"), pkStr("0"), "N", pkInt(2))+"Q", 0, pkInts(2), pkInts(1))), "tensor w is of torch.ComplexFloatStorage"},
	"sparse":           {pkDict(pkGlobal("torch._utils", "_rebuild_sparse_tensor") + ")R"), "tensor w is sparse: call to_dense()"},
	"to come":          {pkDict(pkGlobal("torch._utils", "_rebuild_tensor_v9") + ")R"), "tensor w is made by torch._utils._rebuild_tensor_v9"},
	"parameter of it":  {pkDict(pkGlobal("torch._utils", "_rebuild_parameter") + pkTuple(pkGlobal("a", "B")+")R", "\x88", "N") + "R"), "tensor w is a.B"},
	"no subclass":      {pkDict(pkGlobal("torch._tensor", "_rebuild_from_type_v2") + ")R"), "_rebuild_from_type_v2 with arguments"},
	"foreign storage":  {pkDict(pkTensor(pkTuple(pkStr("storage"), pkGlobal("a", "B"), pkStr("0"), "N", pkInt(4))+"Q", 0, pkInts(1), pkInts(1))), "description of a storage"},
	"long names":       {"\x80\x02" + longNames() + ".", "deeper than"},
	"many operations":  {"\x80\x02" + strings.Repeat("N0", maxOps/2+1) + ".", "operations"},
	"marks only":       {"\x80\x02" + strings.Repeat("(", 1000) + ".", "empty stack"},
	"pop below mark":   {"\x80\x02K\x01(0.", "empty stack"},
	"tuple below mark": {"\x80\x02K\x01(\x85.", "empty stack"},
	"odd items":        {"\x80\x02}(K\x01u.", "empty stack"},
	"append to dict":   {"\x80\x02}K\x01a.", "another kind"},
	"append to tuple":  {"\x80\x02)K\x01a.", "another kind"},
	"nothing":          {".", "empty stack"},
	"no tensor":        {"\x80\x02}.", "without a tensor"},
	"text string":      {"\x80\x02S'a'\n.", "not one that PyTorch writes"},
	"twice":            {"\x80\x02}" + pkStr("a.b") + four() + "s" + pkStr("a") + "}" + pkStr("b") + four() + "ss.", "two tensors"},

	"storage, short":  {"\x80\x02" + pkTuple(pkStr("storage")) + "Q.", "description of a storage"},
	"storage, type":   {pkDict(pkTensor(pkTuple(pkStr("storage"), pkGlobal("collections", "OrderedDict"), pkStr("0"), "N", pkInt(4))+"Q", 0, pkInts(1), pkInts(1))), "description of a storage"},
	"storage, size":   {pkDict(pkTensor(pkStorage("0", -1, ""), 0, pkInts(1), pkInts(1))), "description of a storage"},
	"storage, huge":   {pkDict(pkTensor(pkStorage("0", 1<<62, ""), 0, pkInts(1), pkInts(1))), "description of a storage"},
	"storage, large":  {pkDict(pkTensor(pkStorage("0", 1<<55, ""), 0, pkInts(1), pkInts(1))), "bytes"},
	"storage, two":    {pkDict(pkTuple(four(), pkTensor(pkStorage("0", 3, ""), 0, pkInts(1), pkInts(1)))), "two ways"},
	"no storage":      {pkDict(pkTensor("N", 0, pkInts(1), pkInts(1))), "storage in the pickle"},
	"offset":          {pkDict(pkTensor(pkStorage("0", 4, ""), 3, pkInts(2), pkInts(1))), "outside its storage"},
	"offset, neg":     {pkDict(pkTensor(pkStorage("0", 4, ""), -1, pkInts(2), pkInts(1))), "offset"},
	"offset, huge":    {pkDict(pkTensor(pkStorage("0", 4, ""), 1<<62, pkInts(2), pkInts(1<<62))), "outside its storage"},
	"stride, neg":     {pkDict(pkTensor(pkStorage("0", 4, ""), 3, pkInts(2), pkInts(-1))), "outside its storage"},
	"stride, wraps":   {pkDict(pkTensor(pkStorage("0", 4, ""), 0, pkInts(5, 2), pkInts(1<<62, 1))), "outside its storage"},
	"stride, few":     {pkDict(pkTensor(pkStorage("0", 4, ""), 0, pkInts(2, 2), pkInts(1))), "stride"},
	"shape, neg":      {pkDict(pkTensor(pkStorage("0", 4, ""), 0, pkInts(-2), pkInts(1))), "shape"},
	"shape, huge":     {pkDict(pkTensor(pkStorage("0", 4, ""), 0, pkInts(1<<40, 1<<40), pkInts(0, 0))), "shape"},
	"shape, rank":     {pkDict(pkTensor(pkStorage("0", 4, ""), 0, pkInts(make([]int64, 65)...), pkInts(make([]int64, 65)...))), "shape"},
	"expanded":        {pkDict(pkTensor(pkStorage("0", 4, ""), 0, pkInts(1<<32), pkInts(0))), "more memory"},
	"many views":      {"\x80\x02" + manyViews(30000) + ".", "more memory"},
	"negated":         {pkDict(pkGlobal("torch._utils", "_rebuild_tensor_v2") + pkTuple(pkStorage("0", 4, ""), pkInt(0), pkInts(1), pkInts(1), "\x89", "N", "}"+pkStr("neg")+"\x88s") + "R"), "resolve_neg"},
	"parameter":       {pkDict(pkGlobal("torch._utils", "_rebuild_parameter") + pkTuple("N", "\x89", "N") + "R"), "_rebuild_parameter"},
	"ints for floats": {pkDict(pkTensor(pkStorage("0", 4, ""), 0, pkTuple("G"+strings.Repeat("\x00", 8)), pkInts(1))), "shape"},
}

// inertPickles hold what is not made: alone it is no tensor, and beside one it is passed over.
var inertPickles = map[string]struct{ value, class string }{
	"os.system":       {pkGlobal("posix", "system") + pkTuple(pkStr("echo harm")) + "R", "posix.system"},
	"eval":            {pkGlobal("__builtin__", "eval") + pkTuple(pkStr("1")) + "R", "builtins.eval"},
	"eval by stack":   {pkStr("builtins") + pkStr("eval") + "\x93" + pkTuple(pkStr("1")) + "R", "builtins.eval"},
	"INST":            {"(" + pkStr("echo") + "ios\nsystem\n", "os.system"},
	"NEWOBJ":          {pkGlobal("mine", "Net") + ")\x81", "mine.Net"},
	"set":             {"\x8f", "builtins.set"},
	"terminal":        {pkGlobal("os\x1b[31m", "x"), "os\x1b[31m.x"},
	"TorchScript":     {pkGlobal("__torch__", "Net"), "__torch__.Net"},
	"storage's type":  {pkGlobal("torch", "ComplexFloatStorage"), "torch.ComplexFloatStorage"},
	"storage alone":   {pkStorage("0", 4, ""), "torch.FloatStorage"},
	"call of a type":  {pkGlobal("torch", "FloatStorage") + ")R", "torch.FloatStorage"},
	"call of a value": {"K\x01)R", "what is called"},
	"encode":          {pkGlobal("_codecs", "encode") + pkTuple(pkStr("a"), pkStr("rot13")) + "R", "_codecs.encode"},
	"OrderedDict":     {pkGlobal("collections", "OrderedDict") + pkTuple("](K\x01e") + "R", "collections.OrderedDict"},
	"persistent id":   {"K\x01Q", "persistent id"},
	"foreign id":      {pkTuple(pkStr("mine"), "N") + "Q", "persistent id"},
	"module's source": {pkTuple(pkStr("module"), pkGlobal("mine", "Net"), pkStr("net.py"), pkStr("class Net")) + "Q)\x81", "mine.Net"},
	"BUILD":           {"}}b", ""},
	"itself":          {"]q\x00h\x00a", ""},
	"itself, dict":    {"}q\x00" + pkStr("model") + "h\x00s", ""},
	"itself, wide":    {"]q\x00(" + strings.Repeat("h\x00", 9) + "e", ""},
	"itself, object":  {pkGlobal("mine", "Net") + ")\x81q\x00}" + pkStr("parent") + "h\x00sb", "mine.Net"},
	"doubling":        {doubling("]", 60), ""},
	"deep":            {strings.Repeat("]", 100000) + strings.Repeat("a", 99999), ""},
	"deep tuples":     {")" + strings.Repeat("\x85", 100000), ""},
	"list key":        {"}]K\x01s", ""},
	"tuple key":       {"})K\x01s", ""},
}

func TestInertPickles(t *testing.T) {
	for name, c := range inertPickles {
		t.Run(name, func(t *testing.T) {
			alone := "\x80\x04" + c.value + "."
			beside := "\x80\x04}(" + pkStr("it") + c.value + pkStr("w") + four() + "u."
			for format, make := range map[string]func(string) []byte{"zip": func(s string) []byte { return zipCheckpoint(t, s) }, "legacy": legacyCheckpoint} {
				if _, err := readBounded(t, make(alone)); err == nil || !strings.Contains(err.Error(), "without a tensor") || strings.Contains(err.Error(), "\x1b") {
					t.Errorf("%s: alone: %v", format, err)
				}
				f, err := readBounded(t, make(beside))
				if err != nil {
					t.Errorf("%s: %v", format, err)
					continue
				}
				var want []Passed
				if c.class != "" {
					want = []Passed{{Name: "it", Class: c.class}}
				}
				if got := names(f.StateDict()); !slices.Equal(got, []string{"w"}) || !slices.Equal(f.Passed, want) {
					t.Errorf("%s: %q, passed over %+v, want %+v", format, got, f.Passed, want)
				}
			}
		})
	}
}

// A file whose tensors are NumPy's says so.
func TestNoTensor(t *testing.T) {
	b := zipCheckpoint(t, "\x80\x02}"+pkStr("model")+"}"+pkStr("w")+"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87Rss.")
	if _, err := readBounded(t, b); err == nil || !strings.Contains(err.Error(), "it holds numpy.ndarray under model.w, which is no tensor") {
		t.Error(err)
	}
}

// Objects that lead back to themselves, are made from their own items, or keep moments of the
// parameters, don't hide the network.
func TestInertWalk(t *testing.T) {
	w := pkStr("w") + four() + "s"
	pair := pkTuple(pkStr("w"), "h\x01")
	for name, c := range map[string]struct{ pickle, names string }{
		"PyTorch 0.3":  {"}" + pkStr("w") + pkGlobal("torch.nn.parameter", "Parameter") + pkTuple(four()) + "R" + pkTuple("\x88", "\x89", "N") + "bs", "w"},
		"cycle":        {pkGlobal("mine", "Net") + ")\x81q\x00}" + w + pkStr("parent") + "h\x00sb", "w"},
		"deep cycle":   {pkGlobal("mine", "Net") + ")\x81q\x00}" + w + pkStr("list") + "](h\x00h\x00esb", "w"},
		"own items":    {four() + "q\x010" + pkGlobal("addict", "Dict") + pkTuple(pair) + "\x81" + pkStr("w") + "h\x01s", "w"},
		"entry, twice": {four() + "q\x010" + pkGlobal("easydict", "EasyDict") + ")\x81" + pkStr("w") + "h\x01s}" + pkStr("w") + "h\x01sb", "w"},
		"optimizer":    {"}" + pkStr("solver") + "}" + pkStr("state") + "}K\x00}" + w + "ss" + pkStr("param_groups") + "]ss" + pkStr("mine") + "}" + w + "s", "w"},
	} {
		f, err := readBounded(t, zipCheckpoint(t, "\x80\x04"+c.pickle+"."))
		if err != nil || strings.Join(names(f.StateDict()), " ") != c.names {
			t.Errorf("%s: %+v, %v", name, f, err)
		}
	}
}

// Numbers of a big-endian machine are read, whatever they are of; a checkpoint that was packed
// again may lie in folders, or in none.
func TestBigEndian(t *testing.T) {
	pickle := pkDict(pkTensor(pkStorage("0", 4, ""), 0, pkInts(2, 2), pkInts(1, 2)))
	for _, root := range []string{"x/a/", "a/", ""} {
		b := zipOf(t, entry{name: root + "data.pkl", data: []byte(pickle)}, entry{name: root + "byteorder", data: []byte("big")},
			entry{name: root + "data/0", data: []byte("\x3f\x80\x00\x00\x40\x00\x00\x00\x40\x40\x00\x00\x40\x80\x00\x00")})
		f, err := readBounded(t, b)
		if err != nil || !slices.Equal(f.Tensors[0].Data, []float32{1, 3, 2, 4}) {
			t.Errorf("%q: %+v, %v", root, f, err)
		}
	}
}

// doubling is lists of two, each the one before twice: 2^n ways to the innermost.
func doubling(innermost string, n int) string {
	var b strings.Builder
	b.WriteString(innermost)
	for range n {
		b.WriteString("q\x000](h\x00h\x00e")
	}
	return b.String()
}

// longNames is a dict in a dict 50 times, the key of each 3000 letters.
func longNames() string {
	return strings.Repeat("}"+pkStr(strings.Repeat("k", 3000)), 50) + four() + strings.Repeat("s", 50)
}

// manyViews is a list of n tensors of 1000 elements, all of one storage of 4.
func manyViews(n int) string {
	return pkTensor(pkStorage("0", 4, ""), 0, pkInts(1000), pkInts(0)) + "q\x000](" + strings.Repeat("h\x00", n) + "e"
}

// heap returns the bytes allocated so far.
func heap() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// mostHeap is the bound that a file of n bytes must keep: a pickle's operation makes at
// most a container with its first elements, and all that grow leave the smaller behind.
func mostHeap(n int) uint64 { return 8<<20 + 256*uint64(n) }

// readBounded reads, and fails if that took more memory than it may.
func readBounded(t testing.TB, b []byte) (*File, error) {
	t.Helper()
	before := heap()
	f, err := ReadFrom(bytes.NewReader(b), int64(len(b)), "file")
	if got := heap() - before; got > mostHeap(len(b)) {
		t.Errorf("%d bytes allocated to read %d, error %v", got, len(b), err)
	}
	return f, err
}

func TestHostilePickles(t *testing.T) {
	for name, c := range hostilePickles {
		for format, b := range map[string][]byte{"zip": zipCheckpoint(t, c.pickle), "legacy": legacyCheckpoint(c.pickle)} {
			t.Run(name+"/"+format, func(t *testing.T) {
				_, err := readBounded(t, b)
				says := c.says
				if format == "legacy" && c.pickle[len(c.pickle)-1] != '.' {
					says = ""
				}
				if err == nil || !strings.Contains(err.Error(), says) {
					t.Errorf("error %v, want one with %q", err, says)
				}
			})
		}
	}
}

// The pieces are right: a pickle that is not hostile is read.
func TestPlainPickle(t *testing.T) {
	for format, b := range map[string][]byte{"zip": zipCheckpoint(t, pkDict(four())), "legacy": legacyCheckpoint(pkDict(four()))} {
		f, err := readBounded(t, b)
		if err != nil || len(f.Tensors) != 1 || f.Tensors[0].Len() != 4 {
			t.Errorf("%s: %+v, %v", format, f, err)
		}
	}
}

func TestHostileLegacy(t *testing.T) {
	good := string(legacyCheckpoint(pkDict(four())))
	tail := func(keys string) []byte {
		i := strings.LastIndex(good, "\x80\x02]")
		return []byte(good[:i] + keys + string(binary.LittleEndian.AppendUint64(nil, 4)) + string(make([]byte, 16)))
	}
	part := func(p string) []byte {
		return legacyCheckpoint(pkDict(pkTensor(pkStorage("0", 4, p), 0, pkInts(1), pkInts(1))))
	}
	for name, c := range map[string]struct {
		b    []byte
		says string
	}{
		"magic":        {[]byte("\x80\x02K\x01."), "not a PyTorch checkpoint"},
		"version":      {[]byte(strings.Replace(good, "M\xe9\x03", "M\xe8\x03", 1)), "another version"},
		"big-endian":   {[]byte(strings.Replace(good, "endian\x88", "endian\x89", 1)), "little-endian"},
		"info":         {[]byte(strings.Replace(good, "}X\x0d\x00\x00\x00little_endian\x88s", "]X\x0d\x00\x00\x00little_endian\x88\x86", 1)), "no dict"},
		"keys":         {tail("\x80\x02}."), "list of storages is a dict"},
		"unknown key":  {tail("\x80\x02]" + pkStr("1") + "a."), "no tensor has"},
		"key twice":    {tail("\x80\x02](" + pkStr("0") + pkStr("0") + "e."), "twice"},
		"int key":      {tail("\x80\x02]K\x00a."), "no tensor has"},
		"missing key":  {tail("\x80\x02]."), "not in the list"},
		"count":        {append([]byte(good[:len(good)-24]), make([]byte, 24)...), "0 elements"},
		"cut short":    {[]byte(good[:len(good)-1]), "cut short: tensor w needs 24 bytes"},
		"part":         {part("K\x01"), "part of storage"},
		"part, beyond": {part(pkTuple(pkStr("p"), pkInt(2), pkInt(3))), "part of storage"},
		"part, wraps":  {part(pkTuple(pkStr("p"), pkInt(1<<62), pkInt(1<<62))), "part of storage"},
		"part, neg":    {part(pkTuple(pkStr("p"), pkInt(-1), pkInt(3))), "part of storage"},
		"part, empty":  {part(pkTuple(pkStr("p"), pkInt(4), pkInt(0))), "outside its storage"},
	} {
		if _, err := readBounded(t, c.b); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.says)
		}
	}
}

func TestHostileZip(t *testing.T) {
	pickle := entry{name: "a/data.pkl", data: []byte(pkDict(four()))}
	big := entry{name: "a/data.pkl", method: zip.Deflate,
		data: []byte(pkDict(pkTensor(pkStorage("0", 1<<24, ""), 0, pkInts(1<<24), pkInts(1))))}
	good := entry{name: "a/data/0", data: make([]byte, 16)}
	for name, c := range map[string]struct {
		b    []byte
		says string
	}{
		"empty":      {zipOf(t), "no data.pkl"},
		"no pickle":  {zipOf(t, good), "no data.pkl"},
		"npz":        {zipOf(t, entry{name: "arr_0.npy"}), "NumPy arrays"},
		"export":     {zipOf(t, entry{name: "a/archive_format"}, entry{name: "a/data/sample_inputs/model.pt"}), "a program of torch.export"},
		"package":    {zipOf(t, entry{name: "a/.data/extern_modules"}), "torch.package"},
		"keras":      {zipOf(t, entry{name: "config.json"}, entry{name: "model.weights.h5"}), "a .keras file"},
		"in a zip":   {zipOf(t, entry{name: "a/README"}, entry{name: "a/best.pth"}), "unpack it, and name a/best.pth"},
		"document":   {zipOf(t, entry{name: "word/document.xml"}), "office document"},
		"two":        {zipOf(t, pickle, good, entry{name: "b/data.pkl"}), "two checkpoints"},
		"twice":      {zipOf(t, pickle, good, good), "two zip entries"},
		"no storage": {zipOf(t, pickle), "a/data/0 is missing"},
		"short":      {zipOf(t, pickle, entry{name: "a/data/0", data: make([]byte, 15)}), "15 bytes"},
		"long":       {zipOf(t, pickle, entry{name: "a/data/0", data: make([]byte, 17)}), "17 bytes"},
		"byte order": {zipOf(t, pickle, good, entry{name: "a/byteorder", data: []byte("middle")}), "neither little nor big"},
		"bomb":       {zipOf(t, big, entry{name: "a/data/0", data: make([]byte, 1<<26), method: zip.Deflate}), "more memory"},
		"bomb, size": {lyingSizes(t, 100), "bytes it says"},
		"less":       {lyingSizes(t, 1<<20), "can't be unpacked"},
		"overlap":    {overlapping(t), "overlap"},
		"method":     {rawZip(rawEntry{name: "a/data.pkl", data: "x", method: 12, size: 1}), "method 12"},
		"encrypted":  {rawZip(rawEntry{name: "a/data.pkl", data: "x", flags: 1, size: 1}), "encrypted"},
		"two sizes":  {rawZip(rawEntry{name: "a/data.pkl", data: "x", size: 2}), "two sizes"},
		"checksum":   {rawZip(rawEntry{name: "a/data.pkl", data: "x", size: 1, crc: 77}), "checksum"},
		"huge":       {rawZip(rawEntry{name: "a/data.pkl", data: "x", size: 1<<32 - 2, method: 8}), "more memory"},
		"directory":  {rawZip(make([]rawEntry, maxDirectory/46+1)...), "zip directory is larger"},
		"pickle":     {rawZip(rawEntry{name: "a/data.pkl", data: "x", size: 1}), "opcode"},
	} {
		if _, err := readBounded(t, c.b); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.says)
		}
	}
}

func deflated(data []byte) string {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, 9)
	w.Write(data)
	w.Close()
	return b.String()
}

// lyingSizes has a pickle of 1 MB of zeros, deflated, that claims to be of n bytes.
func lyingSizes(t testing.TB, n int) []byte {
	return rawZip(rawEntry{name: "a/data.pkl", data: deflated(make([]byte, 1<<19)), method: 8, size: uint32(n)})
}

type rawEntry struct {
	name, data    string
	method, flags uint16
	size, crc     uint32 // as claimed; the compressed size is the data's
	at            int    // offset to claim, if not 0
}

// rawZip writes a zip file as it is told (APPNOTE.TXT 4.3).
func rawZip(entries ...rawEntry) []byte {
	le := binary.LittleEndian
	var b, dir []byte
	for _, e := range entries {
		at := len(b)
		if e.at != 0 {
			at = e.at
		}
		common := le.AppendUint16(nil, 20)
		common = le.AppendUint16(common, e.flags)
		common = le.AppendUint16(common, e.method)
		common = le.AppendUint32(common, 0)
		common = le.AppendUint32(common, e.crc)
		common = le.AppendUint32(common, uint32(len(e.data)))
		common = le.AppendUint32(common, e.size)
		common = le.AppendUint16(common, uint16(len(e.name)))
		common = le.AppendUint16(common, 0)
		b = append(append(append(append(b, "PK\x03\x04"...), common...), e.name...), e.data...)
		dir = append(append(dir, "PK\x01\x02\x14\x00"...), common...)
		dir = append(dir, make([]byte, 10)...)
		dir = append(le.AppendUint32(dir, uint32(at)), e.name...)
	}
	at := len(b)
	b = append(append(b, dir...), "PK\x05\x06\x00\x00\x00\x00"...)
	b = le.AppendUint16(b, uint16(len(entries)))
	b = le.AppendUint16(b, uint16(len(entries)))
	b = le.AppendUint32(b, uint32(len(dir)))
	b = le.AppendUint32(b, uint32(at))
	return le.AppendUint16(b, 0)
}

// overlapping has two entries of the same bytes.
func overlapping(t testing.TB) []byte {
	pickle := pkDict(four())
	data := string(make([]byte, 16))
	first := rawEntry{name: "a/data.pkl", data: pickle, size: uint32(len(pickle))}
	second := rawEntry{name: "a/data/0", data: data, size: 16}
	start := 30 + len(first.name) + len(pickle)
	third := rawEntry{name: "a/data/1", data: data, size: 16, at: start}
	return rawZip(first, second, third)
}

// The bytes of rawZip are a zip file where nothing is wrong with them.
func TestRawZip(t *testing.T) {
	pickle := pkDict(four())
	b := rawZip(rawEntry{name: "a/data.pkl", data: deflated([]byte(pickle)), method: 8, size: uint32(len(pickle)), crc: crc32.ChecksumIEEE([]byte(pickle))},
		rawEntry{name: "a/data/0", data: string(make([]byte, 16)), size: 16})
	if _, err := readBounded(t, b); err != nil {
		t.Error(err)
	}
}

func safetensorsOf(header, data string) []byte {
	return append(append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...), data...)
}

func TestHostileSafetensors(t *testing.T) {
	one := func(s string) string { return `{"a":{` + s + `}}` }
	data := string(make([]byte, 16))
	for name, c := range map[string]struct{ header, data, says string }{
		"empty header":  {"", "", "zeros"},
		"no object":     {"[]", "", "neither"},
		"cut":           {`{"a":`, "", "unexpected"},
		"comma":         {`{"a":{"dtype":"F32" "shape":[0],"data_offsets":[0,0]}}`, "", "invalid character"},
		"more":          {`{}{}`, "", "more text"},
		"not UTF-8":     {"{\"\xff\":1}", "", "UTF-8"},
		"hole before":   {one(`"dtype":"F32","shape":[2],"data_offsets":[8,16]`), data, "begins at offset 8"},
		"hole behind":   {one(`"dtype":"F32","shape":[2],"data_offsets":[0,8]`), data, "the tensors end at"},
		"no tensors":    {`{}`, data, "the tensors end at"},
		"overlap":       {`{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},"b":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}`, data, "begins at offset 8"},
		"same":          {`{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},"b":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}`, data, "begins at offset 0"},
		"cut short":     {one(`"dtype":"F32","shape":[8],"data_offsets":[0,32]`), data, "cut short: tensor a needs 32 bytes"},
		"huge":          {one(`"dtype":"F32","shape":[1099511627776],"data_offsets":[0,4398046511104]`), data, "cut short: tensor a needs 4,398,046,511,104 bytes"},
		"wraps":         {one(`"dtype":"F32","shape":[4294967296,4294967296,4],"data_offsets":[0,0]`), "", "shape"},
		"backwards":     {one(`"dtype":"F32","shape":[2],"data_offsets":[0,-8]`), data, "no size"},
		"order":         {`{"a":{"dtype":"U8","shape":[16],"data_offsets":[0,16]},"b":{"dtype":"U8","shape":[0],"data_offsets":[16,8]}}`, data, "offsets 16 to 8"},
		"shape":         {one(`"dtype":"F32","shape":[3],"data_offsets":[0,16]`), data, "needs 12 bytes"},
		"negative":      {one(`"dtype":"F32","shape":[-1],"data_offsets":[0,16]`), data, "no size"},
		"fraction":      {one(`"dtype":"F32","shape":[0.5],"data_offsets":[0,16]`), data, "no size"},
		"exponent":      {one(`"dtype":"F32","shape":[1e300],"data_offsets":[0,16]`), data, "no size"},
		"rank":          {one(`"dtype":"F32","shape":[` + strings.Repeat("1,", 64) + `1],"data_offsets":[0,16]`), data, "more than 64"},
		"offsets":       {one(`"dtype":"F32","shape":[4],"data_offsets":[0]`), data, "not two"},
		"offsets, 3":    {one(`"dtype":"F32","shape":[4],"data_offsets":[0,16,16]`), data, "more than 2"},
		"type":          {one(`"dtype":"F8_E4M3FNUZ","shape":[16],"data_offsets":[0,16]`), data, "F8_E4M3FNUZ"},
		"no type":       {one(`"shape":[4],"data_offsets":[0,16]`), data, "missing"},
		"null":          {`{"a":null}`, "", "instead of {"},
		"type, number":  {one(`"dtype":32,"shape":[4],"data_offsets":[0,16]`), data, "instead of a type"},
		"nested":        {`{"a":` + strings.Repeat("[", 100000), "", "instead of {"},
		"unknown":       {one(`"dtype":"F32","shape":[4],"data_offsets":[0,16],"x":1`), data, "unknown key"},
		"key twice":     {one(`"dtype":"F32","shape":[4],"shape":[4],"data_offsets":[0,16]`), data, "occurs twice"},
		"name twice":    {`{"a":{"dtype":"U8","shape":[16],"data_offsets":[0,16]},"a":{"dtype":"U8","shape":[0],"data_offsets":[16,16]}}`, data, "occurs twice"},
		"name escaped":  {`{"a":{"dtype":"U8","shape":[16],"data_offsets":[0,16]},"\u0061":{"dtype":"U8","shape":[0],"data_offsets":[16,16]}}`, data, "occurs twice"},
		"metadata":      {`{"__metadata__":{"a":1}}`, "", "instead of a string"},
		"metadata, two": {`{"__metadata__":{},"__metadata__":{}}`, "", "occurs twice"},
		"metadata, key": {`{"__metadata__":{"a":"1","a":"2"}}`, "", "occur twice"},
	} {
		if _, err := readBounded(t, safetensorsOf(c.header, c.data)); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.says)
		}
	}
	long := binary.LittleEndian.AppendUint64(nil, 99_999_999)
	if _, err := readBounded(t, append(long, "{}"...)); err == nil || !strings.Contains(err.Error(), "cut short: the header needs 99,999,999 bytes") {
		t.Errorf("long header: %v", err)
	}
}

func TestUnknownFormats(t *testing.T) {
	tar := make([]byte, 1024)
	copy(tar[257:], "ustar")
	for content, says := range map[string]string{
		"":                                       "empty",
		"<!DOCTYPE html><html>":                  "a web page",
		"version https://git-lfs.github.com/":    "git lfs pull",
		"monge/checkpoint 1\n":                   "weights.safetensors or best.safetensors that the run leaves",
		"\x1f\x8b\x08":                           "gunzip",
		"GGUF\x03":                               "GGUF",
		"\x89HDF\r\n":                            "HDF5",
		"hello":                                  "a text, not weights (it starts with hello)",
		"\ufeff \n<!-- saved -->\n<html>":        "a web page",
		"\xff\xfe<\x00h\x00t\x00m\x00l\x00>\x00": "a web page",
		"<?xml version=\"1.0\"?><Error>":         "a web page",
		"Entry not found":                        "a server's answer",
		"{\"error\": \"Invalid username\"}":      "JSON, not weights",
		"BZh91":                                  "bunzip2",
		"\xfd7zXZ\x00":                           "unxz",
		"7z\xbc\xaf\x27\x1c":                     "7z",
		"\x93NUMPY\x01":                          "NumPy array",
		"\x89PNG\r\n":                            "an image",
		"\xff\xd8\xff\xe0":                       "an image",
		string(make([]byte, 100)):                "nothing but zeros",
		"\x08\x07\x12\x07pytorch\x1a\x03":        "an ONNX",
		"\x1c\x00\x00\x00TFL3\x00\x00":           "TensorFlow Lite",
		"\x81\xa6params\x82":                     "msgpack",
		"\xde\x00\x20\xa4bert":                   "msgpack",
		"\x12\x01\x00\x00\x00\x00\x00\x00\x01":   "MXNet",
		"\x01\x02\x03\x04":                       "neither",
		"\x80\x04K\x01.":                         "a Python pickle, but not a PyTorch checkpoint",
		"\x80\x02}K\x01cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87Rs.": "of NumPy arrays",
		"\x80\x02}" + pkStr("StructuredToParameterName@@") + "}s.":                                    "PaddlePaddle",
		string(tar): "tar archive",
	} {
		if _, err := ReadFrom(strings.NewReader(content), int64(len(content)), "x"); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", content[:min(len(content), 20)], err)
		}
	}
	if _, err := ReadFrom(strings.NewReader("PK\x03\x04"), 4, "__0_0.distcp"); err == nil || !strings.Contains(err.Error(), "dcp_to_torch") {
		t.Error(err)
	}
	if _, err := Read(t.TempDir()); err == nil || !strings.Contains(err.Error(), "regular file") {
		t.Errorf("directory: %v", err)
	}
	if _, err := Read(t.TempDir() + "/none"); err == nil {
		t.Error("no error without a file")
	}
}

type failing struct{ at int64 }

func (f failing) ReadAt(b []byte, off int64) (int, error) {
	if off+int64(len(b)) > f.at {
		return 0, fmt.Errorf("the disk fails")
	}
	for i := range b {
		b[i] = "\x80\x02N0"[min(off+int64(i), 3)]
	}
	return len(b), nil
}

func TestReadError(t *testing.T) {
	var _ io.ReaderAt = failing{}
	if _, err := ReadFrom(failing{600}, 1<<40, "x"); err == nil || !strings.Contains(err.Error(), "the disk fails") {
		t.Error(err)
	}
}

// Only a dict is a wrapper: a prefix of the names themselves belongs to them, unless it
// is DataParallel's and before all.
func TestStateDict(t *testing.T) {
	w := func(key string) string { return pkStr(key) + four() + "s" }
	for pickle, want := range map[string]string{
		"}" + w("model.a") + w("b"):                                            "model.a b",
		"}" + w("module.a") + w("module.b"):                                    "a b",
		"}" + w("module.a") + w("b"):                                           "module.a b",
		"}" + pkStr("model") + "}" + w("a") + "s" + w("b"):                     "a",
		"}" + pkStr("model") + "}" + pkStr("net") + "}" + w("module.a") + "ss": "a",
		"}" + pkStr("optimizer") + "}" + w("a") + "s" + w("b"):                 "optimizer.a b",
		"]" + four() + "a":                                                     "0",
	} {
		b := zipCheckpoint(t, "\x80\x02"+pickle+".")
		f, err := ReadFrom(bytes.NewReader(b), int64(len(b)), "file")
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(names(f.StateDict()), " "); got != want {
			t.Errorf("%q: state dict %q, want %q", names(f.Tensors), got, want)
		}
	}
}
