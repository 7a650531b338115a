package data

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// letters is a tokenizer of bytes.
func letters(dst []float32, text string) {
	clear(dst)
	for i := range min(len(dst), len(text)) {
		dst[i] = float32(text[i])
	}
}

// Texts have no tokens before they are made, and then those of the tokenizer, as often as one
// likes.
func TestTokenized(t *testing.T) {
	path := textFile(t, t.TempDir(), "a.tsv", numbered(50))
	bare := mustOpen(t, "text:"+path, Options{Size: Square(3), Val: .2})
	if !bare.Train.Texts() || bare.Train.Shape != nil {
		t.Errorf("%+v", bare.Train)
	}
	if _, err := NewLoader(bare.Train, LoaderSettings{Batch: 2}); !errors.Is(err, errNoTokens) {
		t.Errorf("loader: error %v", err)
	}
	if err := bare.Train.Read(make([]float32, 3), 0); !errors.Is(err, errNoTokens) {
		t.Errorf("read: error %v", err)
	}
	if _, err := bare.Fingerprint(); !errors.Is(err, errNoTokens) {
		t.Errorf("fingerprint: error %v", err)
	}
	if _, _, err := bare.Train.Moments(t.Context(), nil); !errors.Is(err, errNoTokens) {
		t.Errorf("moments: error %v", err)
	}
	hashed, err := bare.Tokenized(nil, 0)
	if err != nil || !slices.Equal(example(t, hashed.Val, 0)[:2], []float32{1, idOf("text")}) || !slices.Equal(hashed.Train.Shape, []int{3}) {
		t.Fatalf("%+v, %v", hashed, err)
	}
	own, err := hashed.Tokenized(letters, 5)
	if err != nil || !slices.Equal(example(t, own.Train, 0), []float32{'t', 'e', 'x', 't', ' '}) || !slices.Equal(own.Train.Labels, hashed.Train.Labels) {
		t.Fatalf("%+v, %v", own, err)
	}
	if x := example(t, hashed.Train, 0); x[0] != 1 || bare.Train.Shape != nil {
		t.Errorf("the sets before have changed: %v", x)
	}
	noisy, err := own.WithNoise(Noise{Copies: 2}, 1)
	if err != nil || !slices.Equal(example(t, noisy.Train, own.Train.Len()), example(t, own.Train, 0)) {
		t.Errorf("%v", err)
	}
	if _, err := noisy.Tokenized(nil, 0); err == nil || !strings.Contains(err.Error(), "make their tokens before that") {
		t.Errorf("error %v", err)
	}
	var bad UsageError
	if _, err := bare.Tokenized(nil, maxSize+1); !errors.As(err, &bad) {
		t.Errorf("error %v", err)
	}
	digits := mustOpen(t, "digits", Options{})
	if same, err := digits.Tokenized(letters, 5); err != nil || same.Train != digits.Train {
		t.Errorf("a data set of images has changed, %v", err)
	}
}

// The fingerprint of hashed words is what it was when texts were hashed as they were read, so
// that runs of then go on; that of other tokens covers the whole text.
func TestTextFingerprint(t *testing.T) {
	dir := t.TempDir()
	print := func(text string, own Tokenizer) string {
		s, err := mustOpen(t, "text:"+textFile(t, dir, "a.tsv", text), Options{Size: Square(3)}).Tokenized(own, 0)
		if err != nil {
			t.Fatal(err)
		}
		f, err := s.Fingerprint()
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	const before = "220a9919a24659764a01b0f90c9bade6f847a40c6d818beb192a57aa37c179a4"
	if got := print(numbered(50), nil); got != before {
		t.Errorf("%s, want %s", got, before)
	}
	louder := strings.Replace(numbered(50), "text", "TEXT", 1)
	if print(louder, nil) != before || print(louder, letters) == print(numbered(50), letters) {
		t.Error("the fingerprints do not tell the texts apart as their tokens do")
	}
}

func TestNewTexts(t *testing.T) {
	s, err := NewTexts([]string{"one two", "", "Three"})
	if err == nil {
		s, err = s.WithTargets([]float32{1, 0, 3})
	}
	if err != nil {
		t.Fatal(err)
	}
	all, err := (&Splits{Targets: []string{"count"}, Train: s}).Tokenized(nil, 2)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range [][]float32{{1, idOf("one")}, {1, 0}, {1, idOf("three")}} {
		if x := example(t, all.Train, i); !slices.Equal(x, want) || all.Train.Target(2)[0] != 3 {
			t.Errorf("%v, want %v", x, want)
		}
	}
	for want, list := range map[string][]string{"no texts": nil, "text 1 is not UTF-8": {"a", "\xff"}} {
		if _, err := NewTexts(list); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

func TestHashedWordsAllocateNothing(t *testing.T) {
	x := make([]float32, 16)
	if n := testing.AllocsPerRun(10, func() { HashedWords(x, "Library for reading PNG images, Größe 3") }); n != 0 {
		t.Errorf("%g allocations", n)
	}
}
