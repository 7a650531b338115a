package tokens

import (
	"encoding/json"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A golden has checksums of what Hugging Face's library makes of each text, and of each with the next as a
// pair of at most 12 tokens; -1 where it fails.
type golden struct {
	Name          string
	Single, Pairs []int64
}

func readTexts(t testing.TB) []string {
	t.Helper()
	var all struct{ Texts []string }
	readTestdata(t, "texts.json", &all)
	if len(all.Texts) < 150 {
		t.Fatalf("%d texts", len(all.Texts))
	}
	return all.Texts
}

func readTestdata(t testing.TB, name string, to any) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, to); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// checksum is gen_tokens.py's.
func checksum(e Encoding, err error) int64 {
	if err != nil {
		return -1
	}
	list := func(ids []int32) string { return strings.ReplaceAll(fmt.Sprint(ids), " ", ",") }
	return int64(crc32.ChecksumIEEE([]byte("[" + list(e.IDs) + "," + list(e.Types) + "]")))
}

func TestGolden(t *testing.T) {
	texts := readTexts(t)
	var all []golden
	readTestdata(t, "tokens.json", &all)
	if len(all) < 17 {
		t.Fatalf("%d tokenizers", len(all))
	}
	for _, g := range all {
		t.Run(g.Name, func(t *testing.T) {
			tok := open(t, filepath.Join("testdata", g.Name))
			for i, text := range texts {
				e, err := tok.Encode(Options{Special: true}, text, nil)
				if got := checksum(e, err); got != g.Single[i] {
					t.Errorf("%q: %d, %v: checksum %d, want %d", text, e.IDs, err, got, g.Single[i])
				}
				if i == 0 {
					continue
				}
				e, err = tok.Encode(Options{Special: true, Max: 12}, texts[i-1], &text)
				if got := checksum(e, err); got != g.Pairs[i-1] {
					t.Errorf("%.99q, %.99q: %v, %v: checksum %d, want %d", texts[i-1], text, e, err, got, g.Pairs[i-1])
				}
			}
		})
	}
}

// A partGolden is a normalizer or a pre-tokenizer, and checksums of what the library's makes of every
// character, in blocks.
type partGolden struct {
	Part       json.RawMessage
	Normalizer bool
	Sums       []uint32
}

// function returns what a part makes of a text, words with a line between.
func (g partGolden) function(t *testing.T) func(text string) string {
	if g.Normalizer {
		n, err := parseNormalizer(g.Part, "", 0)
		if err != nil {
			t.Fatal(err)
		}
		return func(text string) string {
			p, _ := n(part{text, true})
			return p.text
		}
	}
	steps, bytes, err := parseSplitters(g.Part, "", 0)
	if err != nil {
		t.Fatal(err)
	}
	if bytes {
		steps = append(steps, bytewise)
	}
	split := oneByOne(steps)
	return func(text string) string {
		var words []string
		split(part{text, true}, func(p part) error {
			if p.text != "" {
				words = append(words, p.text)
			}
			return nil
		})
		return strings.Join(words, "|")
	}
}

// TestCharacters holds normalizers and pre-tokenizers against the library's, on every character.
func TestCharacters(t *testing.T) {
	if testing.Short() {
		t.Skip("a second and a half for each part")
	}
	var all []partGolden
	readTestdata(t, "characters.json", &all)
	if len(all) < 18 {
		t.Fatalf("%d parts", len(all))
	}
	const block = 0x4000
	for _, g := range all {
		t.Run(fmt.Sprintf("%.40s", g.Part), func(t *testing.T) {
			t.Parallel()
			function := g.function(t)
			for i, want := range g.Sums {
				sum := uint32(0)
				for c := rune(i * block); c < rune(i+1)*block; c++ {
					if c >= 0xd800 && c < 0xe000 {
						continue
					}
					for _, around := range [][2]string{{"a", "\u0301b"}, {"1", ""}, {"\u1100\u0345", "\u0323"}} {
						sum = crc32.Update(sum, crc32.IEEETable, []byte(function(around[0]+string(c)+around[1])+"\n"))
					}
				}
				if sum != want {
					t.Errorf("characters %#x to %#x differ", i*block, (i+1)*block-1)
				}
			}
		})
	}
}
