package tokenizer

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/hf/tokens"
)

// TestSameAsLibrary compares with package tokens, which is held to Hugging Face's library on every
// character: captions of rare ones and of many marks.
func TestSameAsLibrary(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, jsonFile), []byte(asJSON(t)), 0o644); err != nil {
		t.Fatal(err)
	}
	library, err := tokens.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	tok := open(t, small)
	pieces := strings.Split("a A é e\u0301 İ ß \u0301 \u0323 \u0344 x \U00010041 \U0001d400 \U00010d50 \ua7da \U0001e900 \u0897 1 ½ 𝟙 , '' 's \u3000 \u200d 👍 漢 각 \u1100 \u1161 \u11a8 <|endoftext|> | \u1c89", " ")
	r := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		var b strings.Builder
		for range 1 + r.IntN(12) {
			switch r.IntN(5) {
			case 0:
				b.WriteByte(' ')
			case 1:
				b.WriteString(strings.Repeat(pieces[r.IntN(len(pieces))], 1+r.IntN(40)))
			case 2:
				b.WriteRune(rune(r.IntN(0x20000)))
			default:
				b.WriteString(pieces[r.IntN(len(pieces))])
			}
		}
		text := b.String()
		want, err := library.Encode(tokens.Options{Special: true}, text, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := tok.Encode(text, len(want.IDs))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.EqualFunc(got.IDs, want.IDs, func(a int, b int32) bool { return a == int(b) }) {
			t.Errorf("%+q: %v, want %v", text, got.IDs, want.IDs)
		}
	}
}

// asJSON returns the small vocabulary as the tokenizer.json that transformers makes of it.
func asJSON(t *testing.T) string {
	t.Helper()
	vocab, err := os.ReadFile(filepath.Join(small, vocabFile))
	if err != nil {
		t.Fatal(err)
	}
	lines, err := os.ReadFile(filepath.Join(small, mergesName))
	if err != nil {
		t.Fatal(err)
	}
	var ids map[string]int
	if err := json.Unmarshal(vocab, &ids); err != nil {
		t.Fatal(err)
	}
	merges, _ := json.Marshal(strings.Split(strings.TrimSpace(string(lines)), "\n"))
	ends, _ := json.Marshal(map[string]any{"type": "RobertaProcessing", "cls": []any{startOfText, ids[startOfText]}, "sep": []any{endOfText, ids[endOfText]},
		"trim_offsets": false, "add_prefix_space": false})
	special := func(name string) map[string]any {
		return map[string]any{"id": ids[name], "content": name, "special": true, "normalized": true}
	}
	added, _ := json.Marshal([]any{special(startOfText), special(endOfText)})
	pattern, _ := json.Marshal(patterns[0])
	return `{"added_tokens":` + string(added) + `,"normalizer":{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Replace","pattern":{"Regex":"\\s+"},"content":" "},{"type":"Lowercase"}]},
"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":` + string(pattern) + `},"behavior":"Removed","invert":true},{"type":"ByteLevel","add_prefix_space":false}]},
"post_processor":` + string(ends) + `,"model":{"type":"BPE","unk_token":"` + endOfText + `","end_of_word_suffix":"</w>","vocab":` + string(vocab) + `,"merges":` + string(merges) + `}}`
}
