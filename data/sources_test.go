package data

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func writeFile(t testing.TB, b []byte, elems ...string) string {
	t.Helper()
	path := filepath.Join(elems...)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func mustOpen(t testing.TB, spec string, o Options) *Splits {
	t.Helper()
	s, err := Open(spec, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func gzipped(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	z.Write(b)
	z.Close()
	return out.Bytes()
}

// idxOf is an idx file of bytes.
func idxOf(dims []int, data ...byte) []byte {
	b := []byte{0, 0, 8, byte(len(dims))}
	for _, d := range dims {
		b = binary.BigEndian.AppendUint32(b, uint32(d))
	}
	return append(b, data...)
}

func TestIDX(t *testing.T) {
	images, labels := idxOf([]int{2, 1, 3}, 0, 51, 255, 1, 2, 3), idxOf([]int{2}, 2, 0)
	for name, files := range map[string]map[string][]byte{
		"plain":  {"train-images-idx3-ubyte": images, "train-labels-idx1-ubyte": labels},
		"gzip":   {"train-images-idx3-ubyte.gz": gzipped(images), "train-labels-idx1-ubyte.gz": gzipped(labels)},
		"dots":   {"train-images.idx3-ubyte": images, "train-labels.idx1-ubyte": labels},
		"misled": {"train-images-idx3-ubyte": gzipped(images), "train-labels-idx1-ubyte.gz": labels},
	} {
		dir := t.TempDir()
		for f, b := range files {
			writeFile(t, b, dir, f)
		}
		s := mustOpen(t, "idx:"+dir, Options{})
		if s.Test != nil || s.Val != nil || !slices.Equal(s.Train.Labels, []int{2, 0}) || !slices.Equal(s.Train.Shape, []int{1, 3, 1}) || !slices.Equal(s.Classes, []string{"0", "1", "2"}) {
			t.Errorf("%s: %+v", name, s)
		}
		if x := example(t, s.Train, 0); !slices.Equal(x, []float32{0, .2, 1}) {
			t.Errorf("%s: pixels %v", name, x)
		}
	}
	dir := t.TempDir()
	writeFile(t, images, dir, "t10k-images-idx3-ubyte")
	if _, err := Open("idx:"+dir, Options{}); err == nil || !strings.Contains(err.Error(), "not the other of images and labels") {
		t.Errorf("error %v", err)
	}
	writeFile(t, labels, dir, "t10k-labels-idx1-ubyte")
	writeFile(t, []byte("\uFEFFshirt\r\ncoat \n  \nshoe\n"), dir, "classes.txt")
	if s := mustOpen(t, "idx:"+dir, Options{}); s.Train != nil || s.Test.Len() != 2 || !slices.Equal(s.Classes, []string{"shirt", "coat", "shoe"}) {
		t.Errorf("%+v", s)
	}
	for text, want := range map[string]string{"a\nb\na\n": "two classes are called", "a\n\xe9\nb\n": "line 2 is not UTF-8"} {
		writeFile(t, []byte(text), dir, "classes.txt")
		if _, err := Open("idx:"+dir, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
	writeFile(t, []byte("shirt\n"), dir, "classes.txt")
	if _, err := Open("idx:"+dir, Options{}); err == nil || !strings.Contains(err.Error(), "classes.txt: it names 1 classes, but there are labels up to 2") {
		t.Errorf("error %v", err)
	}
}

func TestParseIDXErrors(t *testing.T) {
	good := idxOf([]int{2, 1, 3}, 0, 51, 255, 1, 2, 3)
	for name, tt := range map[string]struct {
		b    []byte
		want string
	}{
		"empty":   {nil, "header is 16 bytes"},
		"header":  {good[:9], "header is 16 bytes"},
		"cut":     {good[:20], "only 4 bytes follow"},
		"long":    {append(slices.Clone(good), 0), "more than 6 bytes follow"},
		"rank":    {idxOf([]int{2}, 1, 2), "it holds labels, where images should be"},
		"floats":  {append([]byte{0, 0, 13, 3}, good[4:]...), "it holds float32; only"},
		"nothing": {idxOf([]int{0, 28, 28}), "dimension 1 is 0"},
		"huge":    {idxOf([]int{1 << 31, 1 << 31, 1 << 31}), "over the limit"},
		"claims":  {idxOf([]int{60000, 28, 28}, 1), "only 1 bytes follow"},
	} {
		if _, _, err := parseIDX(bytes.NewReader(tt.b), 3); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want %q", name, err, tt.want)
		}
	}
}

// cifarPixel is element i of the planes that gen_cifar.py writes.
func cifarPixel(i int) byte { return byte(i * 7 % 251) }

// cifarRecords is those two images as binary records.
func cifarRecords(labels ...[]byte) []byte {
	var b []byte
	for i, l := range labels {
		b = append(b, l...)
		for k := range 3 * cifarPixels {
			b = append(b, cifarPixel(i*3*cifarPixels+k))
		}
	}
	return b
}

// checkCIFAR checks the two images, whose channels are interleaved.
func checkCIFAR(t *testing.T, name string, s *Set, labels ...int) {
	t.Helper()
	if !slices.Equal(s.Labels, labels) || !slices.Equal(s.Shape, []int{32, 32, 3}) {
		t.Errorf("%s: labels %v, shape %v", name, s.Labels, s.Shape)
		return
	}
	for i := range labels {
		for k, v := range example(t, s, i) {
			if want := float32(cifarPixel((i%2*3+k%3)*cifarPixels+k/3)) / 255; v != want {
				t.Fatalf("%s: image %d, element %d is %g, want %g", name, i, k, v, want)
			}
		}
	}
}

func TestCIFARBinary(t *testing.T) {
	dir := t.TempDir()
	test := writeFile(t, cifarRecords([]byte{3}, []byte{7}), dir, "cifar-10-batches-bin", "test_batch.bin")
	s := mustOpen(t, "cifar10:"+dir, Options{})
	checkCIFAR(t, "test alone", s.Test, 3, 7)
	if s.Train != nil || len(s.Classes) != 10 {
		t.Errorf("%+v", s)
	}
	for i := range 4 {
		writeFile(t, cifarRecords([]byte{byte(i)}, []byte{9}), dir, "cifar-10-batches-bin", fmt.Sprintf("data_batch_%d.bin", i+1))
	}
	if _, err := Open("cifar10:"+dir, Options{}); err == nil || !strings.Contains(err.Error(), "data_batch_5.bin is missing") {
		t.Errorf("error %v", err)
	}
	last := writeFile(t, cifarRecords([]byte{4}, []byte{9}), dir, "cifar-10-batches-bin", "data_batch_5.bin")
	names := "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n"
	writeFile(t, []byte(names), dir, "cifar-10-batches-bin", "batches.meta.txt")
	s = mustOpen(t, "cifar10:"+filepath.Dir(test), Options{})
	checkCIFAR(t, "train", s.Train, 0, 9, 1, 9, 2, 9, 3, 9, 4, 9)
	if s.Classes[9] != "truck" {
		t.Errorf("classes %q", s.Classes)
	}
	for name, tt := range map[string]struct {
		b    []byte
		want string
	}{
		"label": {cifarRecords([]byte{3}, []byte{10}), "record 2 has label 10"},
		"empty": {nil, "0 bytes are no whole records of 3073"},
		"cut":   {cifarRecords([]byte{3})[:3000], "3000 bytes are no whole records of 3073"},
	} {
		writeFile(t, tt.b, last)
		if _, err := Open("cifar10:"+dir, Options{}); err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), last) {
			t.Errorf("%s: error %v, want %q", name, err, tt.want)
		}
	}
	if _, err := Open("cifar100:"+dir, Options{}); err == nil || !strings.Contains(err.Error(), "no files of cifar100 there: train.bin") {
		t.Errorf("error %v", err)
	}

	dir = t.TempDir()
	writeFile(t, cifarRecords([]byte{1, 99}, []byte{2, 42}), dir, "train.bin")
	checkCIFAR(t, "cifar100", mustOpen(t, "cifar100:"+dir, Options{}).Train, 99, 42)
}

func cifarPickles(t testing.TB) map[string][]byte {
	t.Helper()
	b, err := os.ReadFile("testdata/cifar_pickles.json")
	if err != nil {
		t.Fatal(err)
	}
	var packed map[string][]byte
	if err := json.Unmarshal(b, &packed); err != nil {
		t.Fatal(err)
	}
	for name, p := range packed {
		r, err := zlib.NewReader(bytes.NewReader(p))
		if err != nil {
			t.Fatal(err)
		}
		if packed[name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
	return packed
}

func TestCIFARPickles(t *testing.T) {
	pickles := cifarPickles(t)
	for name, b := range pickles {
		if strings.HasPrefix(name, "meta") || name == "float64" {
			continue
		}
		dir := t.TempDir()
		writeFile(t, b, dir, "cifar-10-batches-py", "test_batch")
		writeFile(t, pickles["meta, python2"], dir, "cifar-10-batches-py", "batches.meta")
		s := mustOpen(t, "cifar10:"+dir, Options{})
		checkCIFAR(t, name, s.Test, 3, 7)
		if s.Classes[9] != "class 9" {
			t.Errorf("%s: classes %q", name, s.Classes)
		}
	}
	good := string(pickles["protocol 4"])
	swap := func(old, new string) []byte {
		if !strings.Contains(good, old) {
			t.Fatalf("no %q", old)
		}
		return []byte(strings.Replace(good, old, new, 1))
	}
	for name, tt := range map[string]struct {
		b    []byte
		want string
	}{
		"float64":   {pickles["float64"], "an array of NumPy's type f8: only arrays of uint8"},
		"meta":      {pickles["meta, protocol 4"], `no array "data" with a list "labels"`},
		"os.system": {[]byte("\x80\x02cposix\nsystem\n(X\x01\x00\x00\x00atR."), "posix.system, which is refused: only arrays"},
		"loads":     {[]byte("\x80\x02cnumpy.core.multiarray\nloads\n."), "numpy.core.multiarray.loads, which is refused"},
		"cut":       {[]byte(good[:3000]), "cut short"},
		"label":     {swap("K\x03K\x07e", "K\x03K\x0ae"), "label 2 of 2 is not a whole number from 0 to 9"},
		"labels":    {swap("K\x03K\x07e", "K\x03K\x07K\x01e"), "data of shape [2 3072] with 3 labels"},
		"shape":     {swap("K\x02M\x00\x0c\x86", "K\x03M\x00\x0c\x86"), "an array of shape [3 3072] has 6144 bytes"},
		"negative":  {swap("K\x02M\x00\x0c\x86", "J\xff\xff\xff\xffM\x00\x0c\x86"), "in a way that NumPy never does"},
		"a list":    {[]byte("\x80\x02]."), "the pickle holds a list"},
		"empty":     {nil, "cut short"},
	} {
		dir := t.TempDir()
		path := writeFile(t, tt.b, dir, "test_batch")
		if _, err := Open("cifar10:"+dir, Options{}); err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error %v, want %q", name, err, tt.want)
		}
	}
}

func TestCSV(t *testing.T) {
	dir := t.TempDir()
	path := writeFile(t, []byte("\uFEFFx, kind ,y\n1,10,-2.5\n0.5,9,1e3\n\n3,10,4\n"), dir, "a.csv")
	s := mustOpen(t, "csv:"+path+"?label=kind", Options{})
	if !slices.Equal(s.Classes, []string{"9", "10"}) || !slices.Equal(s.Train.Labels, []int{1, 0, 1}) || !slices.Equal(s.Train.Shape, []int{1, 1, 2}) {
		t.Errorf("%+v, %v", s, s.Train)
	}
	if x := example(t, s.Train, 1); !slices.Equal(x, []float32{.5, 1000}) {
		t.Errorf("%v", x)
	}
	zipped := writeFile(t, gzipped([]byte("label,a,b,c,d\nno,0,51,255,0\nyes,1,2,3,4\n")), dir, "b.csv.gz")
	s = mustOpen(t, "csv:"+zipped+"?shape=2x2x1&scale=255", Options{})
	if x := example(t, s.Train, 0); !slices.Equal(s.Train.Shape, []int{2, 2, 1}) || !slices.Equal(x, []float32{0, .2, 1, 0}) || s.Classes[1] != "yes" {
		t.Errorf("%v %v %q", s.Train.Shape, x, s.Classes)
	}
	for _, tt := range []struct{ query, text, want string }{
		{"", "", "the file is empty"},
		{"", "1,2\n3,4\n", `no column "label"; the first line names 1, 2: say which with ?label=NAME`},
		{"", "label,x\n", "no line follows"},
		{"", "label\na\n", "no column of features"},
		{"", "label,x\na,1\nb,1,2\n", "line 3 has 3 fields, the first line names 2 columns"},
		{"", "label,x\na,one\n", `line 2, column "x": "one" is no finite number`},
		{"", "label,x\na,\n", `line 2, column "x": there is no value: fill it in, or delete the line, or leave the column out with &ignore=x`},
		{"", "label,x\na,1\nb,nan\n", `line 3, column "x": there is no value`},
		{"", "label,x\na,1e39\n", `line 2, column "x"`},
		{"", "label,x\n ,1\n", "line 2 has no label"},
		{"?shape=2x1x1", "label,x\na,1\n", "1 columns of features"},
		{"?shape=2x1", "label,x\na,1\n", "HEIGHTxWIDTHxCHANNELS"},
		{"?scale=0", "label,x\na,1\n", "not a number above 0"},
		{"?labels=x", "label,x\na,1\n", `unknown setting "labels"; there are ignore, keep, label, shape, scale`},
	} {
		path := writeFile(t, []byte(tt.text), dir, "bad.csv")
		if _, err := Open("csv:"+path+tt.query, Options{}); err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%q %q: error %v, want %q", tt.query, tt.text, err, tt.want)
		}
	}
}

func TestOpenErrors(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "none")
	for _, tt := range []struct {
		spec  string
		o     Options
		want  string
		usage bool
	}{
		{"mnist", Options{}, `unknown data set "mnist"; there are digits, idx:DIR, cifar10:DIR, cifar100:DIR, imagefolder:DIR, csv:FILE`, true},
		{"", Options{}, "unknown data set", true},
		{"idx", Options{}, "it is written idx:DIR", true},
		{"digits:here", Options{}, "it is written digits", true},
		{"idx:" + missing, Options{}, missing, false},
		{"cifar10:" + missing, Options{}, missing, false},
		{"cifar100:" + missing, Options{}, missing, false},
		{"imagefolder:" + missing, Options{}, missing, false},
		{"csv:" + missing, Options{}, missing, false},
		{"idx:" + filepath.Dir(missing), Options{}, "no idx files there", false},
		{"digits", Options{Size: Square(32)}, "8x8 and can't be brought to size 32", true},
		{"digits", Options{Size: Square(-1)}, "size is -1", true},
		{"digits", Options{Classes: []string{"3", "ten"}}, `no class "ten"; there are 0, 1,`, true},
		{"digits", Options{Classes: []string{"3", "3"}}, "named twice", true},
		{"digits", Options{Subset: 1001}, "1001 examples are asked for; there are 1000", false},
		{"digits", Options{TestSubset: -5}, "-5 examples are asked for; there are 497", false},
	} {
		_, err := Open(tt.spec, tt.o)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s %+v: error %v, want %q", tt.spec, tt.o, err, tt.want)
		}
		if bad := UsageError(""); errors.As(err, &bad) != tt.usage {
			t.Errorf("%s %+v: %v: a usage error: %v, want %v", tt.spec, tt.o, err, !tt.usage, tt.usage)
		}
	}
}

// Subsets have the number that was asked for, of each class as many as its share.
func TestOptions(t *testing.T) {
	d := mustOpen(t, "digits", Options{Subset: 100, TestSubset: 10, Seed: 3})
	all, _ := Digits()
	if d.Train.Len() != 100 || d.Test.Len() != 10 || d.Val.Len() != 300 || all.Train.Len() != 1000 || all.Name != "digits" {
		t.Fatalf("%d, %d, %d", d.Train.Len(), d.Test.Len(), d.Val.Len())
	}
	full := all.Train.Counts(10)
	for c, n := range d.Train.Counts(10) {
		if d := float64(n) - float64(full[c])/10; math.Abs(d) >= 1 {
			t.Errorf("class %d: %d of %d", c, n, full[c])
		}
	}
	again := mustOpen(t, "digits", Options{Subset: 100, Seed: 3})
	other := mustOpen(t, "digits", Options{Subset: 100, Seed: 4})
	if !slices.Equal(d.Train.index, again.Train.index) || slices.Equal(d.Train.index, other.Train.index) {
		t.Error("the subset is not a function of the seed")
	}

	two := mustOpen(t, "digits", Options{Classes: []string{"8", "1"}})
	if !slices.Equal(two.Classes, []string{"8", "1"}) || !slices.Equal(two.Train.Counts(2), []int{full[8], full[1]}) {
		t.Errorf("%q %v", two.Classes, two.Train.Counts(2))
	}
	first := slices.Index(two.Train.Labels, 0)
	if want := example(t, all.Train, slices.Index(all.Train.Labels, 8)); !slices.Equal(example(t, two.Train, first), want) {
		t.Error("the first 8 is not the first 8")
	}

	x := make([]float32, 100)
	labels := make([]int, 100)
	for i := range x {
		x[i], labels[i] = float32(i), min(i/60, 1)
	}
	set, err := NewSet(x, labels, []int{1, 1, 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		val  float64
		want []int
	}{{.1, []int{6, 4}}, {20, []int{12, 8}}, {1, []int{1, 0}}, {.995, nil}, {0.001, nil}, {100, nil}, {1.5, nil}, {-1, nil}, {math.NaN(), nil}, {math.Inf(1), nil}} {
		s := &Splits{Classes: []string{"a", "b"}, Train: set}
		err := s.choose(&Options{Val: tt.val})
		if tt.want == nil {
			if err == nil {
				t.Errorf("a validation part of %g was accepted", tt.val)
			}
			continue
		}
		if err != nil || !slices.Equal(s.Val.Counts(2), tt.want) || s.Train.Len()+s.Val.Len() != 100 {
			t.Errorf("validation part %g: %v, error %v", tt.val, s.Val, err)
			continue
		}
		all := slices.Sorted(slices.Values(append(slices.Clone(s.Train.index), s.Val.index...)))
		for i, j := range all {
			if i != j {
				t.Fatalf("the parts are not one whole: %v", all)
			}
		}
	}
	// Shares of 1.4, 2.1 and 3.5: the largest remainder is rounded up.
	three, _ := NewSet(make([]float32, 10), []int{0, 0, 1, 1, 1, 2, 2, 2, 2, 2}, []int{1, 1, 1})
	if s, err := three.Stratified(7, 3, 1); err != nil || !slices.Equal(s.Counts(3), []int{1, 2, 4}) {
		t.Errorf("%v, %v", s.Counts(3), err)
	}
	if _, err := set.Stratified(5, 1, 0); err == nil || !strings.Contains(err.Error(), "label 1; there are 1 classes") {
		t.Errorf("error %v", err)
	}
	for n := 1; n <= 100; n++ {
		if s, err := set.Stratified(n, 2, 1); err != nil || s.Len() != n || math.Abs(float64(s.Counts(2)[0])-.6*float64(n)) >= 1 {
			t.Fatalf("%d examples: %v, %v", n, s, err)
		}
	}
}

func TestMoments(t *testing.T) {
	x := []float32{0, 1, .5, 1, 1, 1, 0, 1}
	s, err := NewSet(x, []int{0, 0}, []int{1, 2, 2})
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	mean, std, err := s.Moments(context.Background(), func(done int) { told = done })
	// Channel 0 is 0, .5, 1, 0.
	if err != nil || told != 2 || !slices.Equal(mean, []float64{.375, 1}) || math.Abs(std[0]-math.Sqrt(1.25/4-.375*.375)) > 1e-15 || std[1] != 0 {
		t.Errorf("%v %v %v, told %d", mean, std, err, told)
	}
	stop, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := s.Moments(stop, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestFingerprint(t *testing.T) {
	print := func(change func(x []float32, labels []int, s *Splits)) string {
		x, labels := []float32{1, 2, 3, 4}, []int{0, 1}
		set, err := NewSet(x, labels, []int{1, 2, 1})
		if err != nil {
			t.Fatal(err)
		}
		s := &Splits{Classes: []string{"a", "b"}, Train: set}
		change(x, labels, s)
		f, err := s.Fingerprint()
		if err != nil || len(f) != 64 {
			t.Fatal(f, err)
		}
		return f
	}
	seen := map[string]string{print(func([]float32, []int, *Splits) {}): "nothing"}
	for name, change := range map[string]func(x []float32, labels []int, s *Splits){
		"pixel": func(x []float32, _ []int, _ *Splits) { x[3] = 5 },
		"label": func(_ []float32, l []int, _ *Splits) { l[1] = 0 },
		"class": func(_ []float32, _ []int, s *Splits) { s.Classes[1] = "c" },
		"shape": func(_ []float32, _ []int, s *Splits) { s.Train.Shape = []int{2, 1, 1} },
		"order": func(_ []float32, _ []int, s *Splits) { s.Train = s.Train.Select([]int{1, 0}) },
		"fewer": func(_ []float32, _ []int, s *Splits) { s.Train = s.Train.Select([]int{0}) },
		"split": func(_ []float32, _ []int, s *Splits) { s.Train, s.Test = nil, s.Train },
	} {
		f := print(change)
		if seen[f] != "" {
			t.Errorf("a change of %s looks like one of %s", name, seen[f])
		}
		seen[f] = name
	}
	if f := print(func(_ []float32, _ []int, s *Splits) { s.Name, s.Train = "else", s.Train.Select([]int{0, 1}) }); seen[f] != "nothing" {
		t.Error("the same data have another fingerprint")
	}
}

// Published facts of Fashion-MNIST.
func TestFashionMNIST(t *testing.T) {
	dir := os.Getenv("MONGE_TEST_FASHION_MNIST")
	if dir == "" {
		t.Skip("MONGE_TEST_FASHION_MNIST is not set (Debian's dataset-fashion-mnist: /usr/share/datasets/fashion-mnist)")
	}
	s := mustOpen(t, "idx:"+dir, Options{})
	if s.Train.Len() != 60000 || s.Test.Len() != 10000 || !slices.Equal(s.Train.Shape, []int{28, 28, 1}) {
		t.Fatalf("%d, %d of %v", s.Train.Len(), s.Test.Len(), s.Train.Shape)
	}
	for c := range 10 {
		if a, b := s.Train.Counts(10)[c], s.Test.Counts(10)[c]; a != 6000 || b != 1000 {
			t.Errorf("class %d: %d and %d", c, a, b)
		}
	}
	mean, std, err := s.Train.Moments(context.Background(), nil)
	if err != nil || math.Abs(mean[0]-.2860) > 5e-5 || math.Abs(std[0]-.3530) > 5e-5 {
		t.Errorf("mean %v, deviation %v, %v; want .2860 and .3530", mean, std, err)
	}
	if small := mustOpen(t, "idx:"+dir, Options{Val: .1, Subset: 1000}); small.Val.Len() != 6000 || !slices.Equal(small.Train.Counts(10), slices.Repeat([]int{100}, 10)) {
		t.Errorf("%d, %v", small.Val.Len(), small.Train.Counts(10))
	}
}
