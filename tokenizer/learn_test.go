package tokenizer_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/tokenizer"
)

// The words and numbers are those of Sennrich et al. 2016, whose merges, with the end of a
// word as a part of its last letter, are counted by hand: of es and st</w> (9 each) es comes
// first in the alphabet.
var newest = strings.Repeat("low ", 5) + strings.Repeat("lower ", 2) + strings.Repeat("newest ", 6) + strings.Repeat("widest ", 3)

func TestLearn(t *testing.T) {
	const first = 512
	tok, err := tokenizer.Learn([]string{newest}, first+2+4)
	if err != nil {
		t.Fatal(err)
	}
	if tok.Size() != first+2+4 || tok.Start != first+4 || tok.End != first+5 {
		t.Errorf("%d tokens, start %d, end %d", tok.Size(), tok.Start, tok.End)
	}
	// es (9), est</w> (9), lo (7), and of n e, e w and w est</w> (6 each) e w
	for caption, want := range map[string][]int{
		"newest": {'n', first + 3, first + 1},
		"west":   {'w', first + 1},
		"es":     {'e', 256 + 's'}, // another s: it ends a word
		"lot":    {first + 2, 256 + 't'},
		"slow":   {'s', first + 2, 256 + 'w'},
		"ß":      {0xc3, 256 + 0x9f},
	} {
		got, err := tok.Encode(caption, 16)
		if err != nil {
			t.Fatal(err)
		}
		if ids := got.IDs[1:got.End]; !slices.Equal(ids, want) {
			t.Errorf("%s: tokens %v, want %v", caption, ids, want)
		}
	}
}

// What is saved is what is opened, a vocabulary that has no merge too; and a vocabulary ends
// where nothing occurs twice.
func TestLearnSaveOpen(t *testing.T) {
	for _, size := range []int{514, 520, 100_000} {
		tok, err := tokenizer.Learn([]string{newest, "a café, a <b>"}, size)
		if err != nil {
			t.Fatal(err)
		}
		if tok.Size() > size || size > 1000 && tok.Size() > 600 {
			t.Errorf("%d tokens of at most %d", tok.Size(), size)
		}
		dir := t.TempDir()
		if err := tok.Save(dir); err != nil {
			t.Fatal(err)
		}
		got, err := tokenizer.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, tok) {
			t.Errorf("size %d: it was read as another one", size)
		}
	}
	if _, err := tokenizer.Learn(nil, 513); err == nil || !strings.Contains(err.Error(), "those of bytes alone are 514") {
		t.Errorf("error %v", err)
	}
}
