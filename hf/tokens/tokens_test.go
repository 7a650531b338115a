package tokens

import (
	"os"
	"slices"
	"testing"
)

// minilm names a directory of all-MiniLM-L6-v2.
const minilm = "MONGE_TEST_MINILM"

func open(t testing.TB, dir string) *Tokenizer {
	t.Helper()
	tok, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func openMiniLM(t testing.TB) *Tokenizer {
	t.Helper()
	dir := os.Getenv(minilm)
	if dir == "" {
		t.Skip(minilm + " names no directory of all-MiniLM-L6-v2")
	}
	return open(t, dir)
}

func encode(t testing.TB, tok *Tokenizer, o Options, texts ...string) Encoding {
	t.Helper()
	var second *string
	if len(texts) == 2 {
		second = &texts[1]
	}
	e, err := tok.Encode(o, texts[0], second)
	if err != nil {
		t.Fatalf("%q: %v", texts, err)
	}
	return e
}

// TestPublished has what transformers makes of texts.
func TestPublished(t *testing.T) {
	tok := openMiniLM(t)
	for text, want := range map[string][]int32{
		"A static binary fine-tunes a published network.": {101, 1037, 10763, 12441, 2986, 1011, 13281, 1037, 2405, 2897, 1012, 102},
		"Der Löwe schläft heute nicht.":                   {101, 4315, 14086, 8040, 7317, 10354, 2102, 2002, 10421, 27969, 11039, 1012, 102},
		"[CLS] x [MASK]ing [UNK]":                         {101, 101, 1060, 103, 13749, 100, 102},
	} {
		if got := encode(t, tok, Options{Special: true}, text); !slices.Equal(got.IDs, want) {
			t.Errorf("%q: %d, want %d", text, got.IDs, want)
		}
	}
	if tok.Size() != 30522 || tok.Pad != 0 || tok.Max != 512 {
		t.Errorf("%d tokens, padding %d, at most %d", tok.Size(), tok.Pad, tok.Max)
	}
	pair := encode(t, tok, Options{Special: true, Max: 7}, "one two three", "four")
	if ids, types := []int32{101, 2028, 2048, 2093, 102, 2176, 102}, []int32{0, 0, 0, 0, 0, 1, 1}; !slices.Equal(pair.IDs, ids) || !slices.Equal(pair.Types, types) {
		t.Errorf("%v, want %d and %d", pair, ids, types)
	}
}
