package data

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/data/picture"
)

// idOf is a word's id, by the standard library's FNV-1a.
func idOf(word string) float32 {
	h := fnv.New64a()
	h.Write([]byte(word))
	return float32(2 + h.Sum64()%(Vocabulary-2))
}

func TestHashedWords(t *testing.T) {
	for _, tt := range []struct {
		text string
		want []string // of words
	}{
		{"", nil},
		{" -- !", nil},
		{"Real-time strategy, 2nd edition.", []string{"real", "time", "strategy", "2nd", "edition"}},
		{"Große ÄRGER ΣΟΦΙΑ हिन्दी", []string{"große", "ärger", "σοφια", "हिन्दी"}},
		{"one two three four five six seven eight nine", []string{"one", "two", "three", "four", "five", "six", "seven"}},
	} {
		got := make([]float32, 8)
		for i := range got {
			got[i] = -1 // must be overwritten
		}
		HashedWords(got, tt.text)
		want := []float32{1}
		for _, w := range tt.want {
			want = append(want, idOf(w))
		}
		want = append(want, make([]float32, len(got)-len(want))...)
		if !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", tt.text, got, want)
		}
	}
	HashedWords(nil, "no room") // writes nothing
}

// textFile writes a file of a test, gzipped if its name says so.
func textFile(t *testing.T, dir, name, text string) string {
	t.Helper()
	b := []byte(text)
	if strings.HasSuffix(name, ".gz") {
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		z.Write(b)
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		b = packed.Bytes()
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// openTokens opens texts and makes hashed words of them.
func openTokens(spec string, o Options) (*Splits, error) {
	s, err := Open(spec, o)
	if err != nil {
		return nil, err
	}
	return s.Tokenized(nil, 0)
}

// labelled are the labels and the first words' ids of a set.
func labelled(t *testing.T, s *Splits, set *Set) (list []string) {
	t.Helper()
	for i, l := range set.Labels {
		list = append(list, fmt.Sprint(s.Classes[l], " ", example(t, set, i)[:3]))
	}
	return list
}

func TestTextFormats(t *testing.T) {
	line := func(label, a, b string) string { return fmt.Sprint(label, " ", []float32{1, idOf(a), idOf(b)}) }
	want := []string{line("pos", "very", "good"), line("neg", "no", "thanks"), line("pos", "a", "tab")}
	for name, text := range map[string]string{
		"train.tsv":      "pos\tVery good\nneg\tNo, thanks!\r\n\n  \npos\ta\ttab",
		"train.txt.gz":   "\uFEFFlabel\ttext\npos\tVery good\nneg\tNo, thanks!\npos\ta tab\n",
		"train.jsonl":    `{"label": "pos", "text": "Very good", "id": 3}` + "\n" + `{"text": "No, thanks!", "label": "neg"}` + "\n" + ` {"label":"pos","text":"a\ttab"}`,
		"train.jsonl.gz": `{"label":"pos","text":"very good"}` + "\n" + `{"label":"neg","text":"no thanks"}` + "\n" + `{"label":"pos","text":"a tab"}`,
	} {
		dir := t.TempDir()
		textFile(t, dir, name, text)
		s, err := openTokens("text:"+dir, Options{Size: Square(8)})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := labelled(t, s, s.Train); !slices.Equal(got, want) || !slices.Equal(s.Classes, []string{"neg", "pos"}) || !slices.Equal(s.Train.Shape, []int{8}) {
			t.Errorf("%s: %q of %q, want %q", name, got, s.Classes, want)
		}
	}
	dir := t.TempDir()
	textFile(t, dir, "train.tsv", "10\ta\n9\tb\n")
	textFile(t, dir, "val.jsonl", `{"label": 9, "text": "c"}`)
	textFile(t, dir, "test.tsv", "11\td\n")
	s, err := openTokens("text:"+dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	x := []float32{7: 5, 63: 5} // must be overwritten
	if err := s.Train.Read(x, 0); err != nil || x[0] != 1 || x[1] != idOf("a") || slices.Max(x[2:]) != 0 {
		t.Errorf("%v, %v", x, err)
	}
	if !slices.Equal(s.Classes, []string{"9", "10", "11"}) || !slices.Equal(s.Train.Labels, []int{1, 0}) || !slices.Equal(s.Val.Labels, []int{0}) || !slices.Equal(s.Test.Labels, []int{2}) || s.Train.ExampleLen() != 64 {
		t.Errorf("%+v", s)
	}
}

// numbered are so many different texts of three classes, as TSV.
func numbered(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "c%d\ttext number %d\n", i%3, i)
	}
	return b.String()
}

// A tenth is the test split, whatever else is in the file, and the same text is never in
// both; the options are those of all data sets.
func TestTextSplits(t *testing.T) {
	dir := t.TempDir()
	once := numbered(2000)
	path := textFile(t, dir, "all.tsv", once+once)
	s, err := openTokens("text:"+path, Options{Val: .1, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if n := s.Test.Len(); n < 2*150 || n > 2*250 || s.Val == nil || s.Train.Len()+s.Val.Len()+n != 4000 {
		t.Errorf("%d to train, %d to validate, %d to test", s.Train.Len(), s.Val.Len(), s.Test.Len())
	}
	in := map[string]bool{}
	for i := range s.Test.Len() {
		in[fmt.Sprint(example(t, s.Test, i))] = true
	}
	for _, set := range []*Set{s.Train, s.Val} {
		for i := range set.Len() {
			if in[fmt.Sprint(example(t, set, i))] {
				t.Fatal("a text to train on is in the test split as well")
			}
		}
	}
	other, err := openTokens("text:"+textFile(t, dir, "more.tsv", numbered(3000)), Options{Classes: []string{"c2", "c0"}, Subset: 100})
	if err != nil {
		t.Fatal(err)
	}
	if counts := other.Train.Counts(2); !slices.Equal(counts, []int{50, 50}) || other.Val != nil {
		t.Errorf("%v examples of each class", counts)
	}
	test := 0
	for i := range other.Test.Len() {
		if in[fmt.Sprint(example(t, other.Test, i))] {
			test++
		}
	}
	if want := len(in) / 3; test < want {
		t.Errorf("of the %d texts of the first file in the test split %d are in that of the second", len(in), test)
	}
	short, err := openTokens("text:"+path, Options{Val: .1, Seed: 1, Size: Square(2)})
	if err != nil || !slices.Equal(short.Test.Labels, s.Test.Labels) || short.Test.ExampleLen() != 2 {
		t.Errorf("the test split of shorter texts is another one, %v", err)
	}
	a, err := s.Fingerprint()
	if err != nil {
		t.Fatal(err)
	}
	changed, err := openTokens("text:"+textFile(t, dir, "changed.tsv", strings.Replace(once+once, "number 7\n", "digit 7\n", 1)), Options{Val: .1, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if b, err := changed.Fingerprint(); err != nil || a == b {
		t.Errorf("fingerprint %s of other texts, %v", b, err)
	}
}

func TestTextErrors(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string { return textFile(t, dir, name, text) }
	packed := file("cut.tsv.gz", numbered(5000))
	b, err := os.ReadFile(packed)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(packed, b[:len(b)/2], 0o666); err != nil {
		t.Fatal(err)
	}
	two := t.TempDir()
	textFile(t, two, "train.tsv", "a\tb\n")
	textFile(t, two, "train.jsonl", "a\tb\n")
	for _, tt := range []struct{ spec, want string }{
		{"text:" + dir + "/none.tsv", "none.tsv"},
		{"text:" + t.TempDir(), "no texts there; they are named train.tsv"},
		{"text:" + two, "are both the train split: keep one"},
		{"text:" + file("empty.tsv", ""), "there is no text; a line is LABEL<TAB>TEXT"},
		{"text:" + file("head.tsv", "label\ttext\n"), "there is no text"},
		{"text:" + file("plain.tsv", "a\tb\njust words\n"), `line 2: "just words" has no label and tab`},
		{"text:" + file("unlabelled.tsv", "\tb\n"), "line 1: "},
		{"text:" + file("latin1.tsv", "a\tb\na\tcaf\xe9\n"), "line 2 is not UTF-8"},
		{"text:" + file("long.tsv", "a\tb\na\t"+strings.Repeat("x ", 5<<20)), "line 2 is longer than 1048576 bytes"},
		{"text:" + file("broken.jsonl", `{"label": "a", "text": "b"}`+"\n{\"label\": \n"), "line 2: "},
		{"text:" + file("list.jsonl", `{"label": {"a": 1}, "text": "b"}`), "the label is no text and no number"},
		{"text:" + file("none.jsonl", `{"label": "a"}`), "no text; the keys are label: say which it is with ?text=KEY"},
		{"text:" + packed, "cut short or damaged after line"},
		{"text:" + file("many.tsv", manyLabels()), "line 65537: more than 65536 labels"},
		{"debian:" + dir + "/none", "none"},
		{"debian:" + file("Empty", "\n\n"), `there is no package; "apt-cache dumpavail" prints an index`},
		{"debian:" + file("Words", "Package: a\nhello\n"), `line 2: "hello" is no field`},
		{"debian:" + file("Bare", "Package: a\nSection: net\n\nPackage: b\nDescription: c\n"), "none of its 2 packages has both"},
		{"debian:" + file("Latin", "Package: a\nMaintainer: \xe9\n"), "line 2 is not UTF-8"},
	} {
		_, err := Open(tt.spec, Options{})
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), strings.SplitN(tt.spec, ":", 2)[1]) {
			t.Errorf("%s: error %v, want %q", tt.spec, err, tt.want)
		}
	}
	var bad UsageError
	if _, err := Open("text:"+dir+"/plain.tsv", Options{Size: Square(maxSize + 1)}); !errors.As(err, &bad) {
		t.Errorf("error %v", err)
	}
}

func TestTextLimit(t *testing.T) {
	c := newCorpus()
	c.most = 3
	if err := c.parse(strings.NewReader(numbered(4)), textColumns{}, true); err == nil || !strings.Contains(err.Error(), "line 4: more than 3 texts") {
		t.Errorf("error %v", err)
	}
}

func manyLabels() string {
	var b strings.Builder
	for i := range maxTextClasses + 1 {
		fmt.Fprintf(&b, "%d\tx\n", i)
	}
	return b.String()
}

// What is for images is refused for texts.
func TestTextLoader(t *testing.T) {
	s, err := openTokens("text:"+textFile(t, t.TempDir(), "a.tsv", numbered(50)), Options{Size: Square(3)})
	if err != nil {
		t.Fatal(err)
	}
	cifar, err := picture.ParseNormalization("cifar10")
	if err != nil {
		t.Fatal(err)
	}
	for _, settings := range []LoaderSettings{
		{Normalize: cifar}, {Augment: Augment{Pad: 1}}, {Augment: Augment{Flip: true}}, {Augment: Augment{Cutout: 1}}, {Augment: Augment{Mixup: .2}},
	} {
		settings.Batch = 4
		if _, err := NewLoader(s.Train, settings); err == nil || !strings.Contains(err.Error(), "are for images; the examples are texts") {
			t.Errorf("%+v: error %v", settings, err)
		}
	}
	noisy, err := s.WithNoise(Noise{Copies: 2}, 1)
	if err != nil || !noisy.Train.Texts() || !noisy.Train.Select([]int{0}).Texts() {
		t.Errorf("copies of texts are no texts, %v", err)
	}
	if _, err := ContactSheet(s.Train, s.Classes); err == nil || !strings.Contains(err.Error(), "shape [3] are no pictures") {
		t.Errorf("error %v", err)
	}
}

const packages = `Package: gamma-data
Source: gamma (1:2-3+b1)
Section: games
Description: Data of a game
Homepage: https://example.org

Package: gamma-doc
Source: gamma
Section: doc
Description: Manual of a game

Package: alpha
section: contrib/net
Tag: role::program,
 use::chatting
DESCRIPTION: Chat
 with your friends
 .
 and others
Priority: optional

Package: beta
Section: non-free/net
Description-en: chat with your FRIENDS, and others!
Description-md5: 00

Package: nothing
Section: net

Package: silent
Section: net
Description: .

Package: delta
Section: games
Description: Cards
`

// Of each source there is one package, and of each description; sections have no areas.
func TestDebian(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"Packages", "Packages.gz"} {
		s, err := openTokens("debian:"+textFile(t, dir, name, packages), Options{Size: Square(6)})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range s.Parts() {
			got = append(got, labelled(t, s, p.Set)...)
		}
		slices.Sort(got)
		want := []string{
			fmt.Sprint("games ", []float32{1, idOf("cards"), 0}),
			fmt.Sprint("games ", []float32{1, idOf("data"), idOf("of")}),
			fmt.Sprint("net ", []float32{1, idOf("chat"), idOf("with")}),
		}
		slices.Sort(want)
		if !slices.Equal(got, want) || !slices.Equal(s.Classes, []string{"games", "net"}) {
			t.Errorf("%q of %q, want %q", got, s.Classes, want)
		}
		const why = "2 packages of a source or with a description that another has, 0 of sections with less than 1%, 2 without section or description"
		if s.Ignored != 4 || s.IgnoredWhy != why {
			t.Errorf("%d ignored: %s", s.Ignored, s.IgnoredWhy)
		}
	}
}

// Sections with less than one in a hundred packages are dropped; a tenth of the sources
// is the test split.
func TestDebianSections(t *testing.T) {
	var b strings.Builder
	const n = 1000
	for i := range n {
		section := "net"
		switch {
		case i < 9:
			section = "rare"
		case i < 19:
			section = "games"
		}
		fmt.Fprintf(&b, "Package: p%d\nSection: %s\nDescription: number %d of %d\n\n", i, section, i, 7*i)
	}
	s, err := openTokens("debian:"+textFile(t, t.TempDir(), "Packages", b.String()), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(s.Classes, []string{"games", "net"}) || s.Ignored != 9 || s.Train.Len()+s.Test.Len() != n-9 || s.Test.Len() < 70 || s.Test.Len() > 130 {
		t.Errorf("%d to train and %d to test of %q, %d ignored", s.Train.Len(), s.Test.Len(), s.Classes, s.Ignored)
	}
}

// The index of a machine with Debian.
func TestDebianIndex(t *testing.T) {
	path := os.Getenv("MONGE_TEST_DEBIAN")
	if path == "" {
		t.Skip("MONGE_TEST_DEBIAN is not set to the path of what apt-cache dumpavail prints")
	}
	s, err := openTokens("debian:"+path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Classes) < 20 || !slices.Contains(s.Classes, "games") || s.Train.Len() < 20000 || s.Test.Len() < 2000 {
		t.Errorf("%d to train, %d to test, sections %q", s.Train.Len(), s.Test.Len(), s.Classes)
	}
}
