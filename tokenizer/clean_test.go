package tokenizer

import (
	"encoding/json"
	"os"
	"testing"
	"unicode/utf8"
)

func readClean(t testing.TB) (all [][2]string) {
	t.Helper()
	b, err := os.ReadFile("testdata/clean.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// Captions are mended as OpenCLIP does it, see testdata/gen_clean.py.
func TestCleanAsOpenCLIP(t *testing.T) {
	for _, c := range readClean(t) {
		if got := Clean(c[0]); got != c[1] {
			t.Errorf("%q: %q, want %q", c[0], got, c[1])
		}
	}
}

// A tokenizer mends captions if it is told to, and says so where it is saved.
func TestCleanEncode(t *testing.T) {
	const text = "it’s Tom &amp;amp; Jerry"
	tok := open(t, small)
	plain, err := tok.Encode("it's tom & jerry", 20)
	if err != nil {
		t.Fatal(err)
	}
	tok.Clean = true
	dir := t.TempDir()
	if err := tok.Save(dir); err != nil {
		t.Fatal(err)
	}
	for _, tok := range []*Tokenizer{tok, open(t, dir)} {
		got, err := tok.Encode(text, 20)
		if err != nil {
			t.Fatal(err)
		}
		if tok.Decode(got.IDs) != tok.Decode(plain.IDs) {
			t.Errorf("%q, want %q", tok.Decode(got.IDs), tok.Decode(plain.IDs))
		}
	}
}

func FuzzClean(f *testing.F) {
	for _, c := range readClean(f) {
		f.Add(c[0])
	}
	f.Add("\xff&#x;")
	f.Fuzz(func(t *testing.T, text string) {
		if got := Clean(text); !utf8.ValidString(got) || len(got) > 4*len(text)+16 {
			t.Errorf("%q: %q", text, got)
		}
	})
}
