package tokens

import (
	"bufio"
	"encoding/json"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// python names a python3 that has transformers.
const python = "MONGE_TEST_TRANSFORMERS"

// A question is how a text is to be encoded, as encode.py takes it.
type question struct {
	Dir     string   `json:"dir"`
	Texts   []string `json:"texts"`
	Special bool     `json:"special"`
	Max     int      `json:"max"`
	Cut     string   `json:"cut"`
	Side    string   `json:"side"`
}

var cuts = map[string]Cut{"longest_first": Longest, "only_first": First, "only_second": Second}

// ask returns what Hugging Face's library answers; of an error it returns nil.
func ask(t testing.TB, questions []question) [][][]int32 {
	t.Helper()
	words := strings.Fields(os.Getenv(python))
	if len(words) == 0 {
		t.Skip(python + " names no python3 with transformers")
	}
	cmd := exec.Command(words[0], append(words[1:], filepath.Join("testdata", "encode.py"))...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		w := bufio.NewWriter(in)
		e := json.NewEncoder(w)
		for _, q := range questions {
			e.Encode(q)
		}
		w.Flush()
		in.Close()
	}()
	answers := make([][][]int32, 0, len(questions))
	r := bufio.NewReader(out)
	for {
		line, err := r.ReadBytes('\n')
		if err == io.EOF {
			break
		}
		var a [][]int32
		json.Unmarshal(line, &a) // else it is an error in words
		answers = append(answers, a)
	}
	if err := cmd.Wait(); err != nil || len(answers) != len(questions) {
		t.Fatalf("%d answers to %d questions, %v", len(answers), len(questions), err)
	}
	return answers
}

// compare asks both of all questions on one directory.
func compare(t *testing.T, tok *Tokenizer, questions []question) {
	t.Helper()
	wrong := 0
	for i, want := range ask(t, questions) {
		q := questions[i]
		var second *string
		if len(q.Texts) == 2 {
			second = &q.Texts[1]
		}
		if tok.left != (q.Side == "left") {
			t.Fatal("cut at another side")
		}
		got, err := tok.Encode(Options{Max: q.Max, Special: q.Special, Cut: cuts[q.Cut]}, q.Texts[0], second)
		switch {
		case err == nil && want != nil && slices.Equal(got.IDs, want[0]) && slices.Equal(got.Types, want[1]), err != nil && want == nil:
			continue
		}
		if wrong++; wrong <= 5 {
			t.Errorf("%+q %+v: %v, %v, want %d", q.Texts, q, got, err, want)
		}
	}
	if wrong > 0 {
		t.Errorf("%d of %d differ", wrong, len(questions))
	}
}

// nasty are pieces of random texts.
var nasty = append([]string{
	" ", " ", "  ", "\t", "\n", "\r\n", "\x00", "\x01", "\x7f", "\u0085", "\u00a0", "\u2028", "\u3000", "\u200b", "\u200d", "\ufeff", "\ufffd", "\u00ad",
	"a", "b", "e", "i", "n", "o", "s", "t", "A", "E", "S", "I", "İ", "ı", "ß", "ẞ", "ﬁ", "é", "Å", "ñ", "ệ", "ガ", "ｶﾞ", "각", "ᄀ", "ᅡ", "ᆨ", "中", "文", "\U0002a6d6", "\uf900", "ー", "の",
	"\u0301", "\u0308", "\u0323", "\u0345", "\u0344", "\u0f71\u0f72", "\u093c", "\u05b0", "\u20e3", "\ufe0f", "\u09be", "\u09c7", "\U000e0100", "\u1dfa", "\U0001e023", "\u035c",
	"👍", "🏽", "👩‍👩‍👧", "🇩", "🇪", "1", "23", "456", "٣", "²", "½", "Ⅷ", "①", "𝟙", "一", "'", "'s", "'ll", "'", ".", ",", "!", "?", "-", "_", "#", "##", "$", "+", "<", ">", "[", "]", "|", "…", "¿", "„", "、", "。", "€", "~", "⸺", "\U00010100",
	"▁", "Ġ", "<s>", "</s>", "<mask>", "<unk>", "[MASK]", "[CLS]", "[UNK]", "[unk]", "[X]", "[ X ]", "<0x41>", "the", "The", "of", "and", " the ", "abc", "ab", "éa", "ing", "tion", "w", "word", "<|endoftext|>", "Σ", "ς", "Ж", "я", "ا", "ل", "ש", "ก", "ุ", "न", "ि",
	"x\u0301", "y\u0301\u0302", "n\u0303\u0323", "ﷺ", "\u1100\u1161\u11a8", "\U00010d50", "\ua7da", "\u1c89", "\U0001e900", "\u0897", "\u2e5d", "\U00016d40",
}, "")

// randomText returns nasty pieces in random order, now and then any character.
func randomText(r *rand.Rand) string {
	var b strings.Builder
	for range r.IntN(30) {
		switch r.IntN(12) {
		case 0:
			b.WriteRune(rune(r.IntN(0x3000)))
		case 1:
			if c := rune(r.IntN(unicode.MaxRune + 1)); c < 0xd800 || c >= 0xe000 {
				b.WriteRune(c)
			}
		default:
			b.WriteString(strings.Repeat(nasty[r.IntN(len(nasty))], 1+r.IntN(40)*(1/(1+r.IntN(40)))))
		}
	}
	return b.String()
}

// kinds are the directories of small tokenizers.
func kinds(t testing.TB) []string {
	t.Helper()
	var all []golden
	readTestdata(t, "tokens.json", &all)
	var names []string
	for _, g := range all {
		names = append(names, g.Name)
	}
	return names
}

// TestLive compares random texts of nasty characters with Hugging Face's library; ever new ones with
// MONGE_TEST_EXHAUSTIVE.
func TestLive(t *testing.T) {
	n, seed := 400, uint64(1)
	if os.Getenv("MONGE_TEST_EXHAUSTIVE") != "" {
		n, seed = 20000, rand.Uint64()
	}
	for i, name := range kinds(t) {
		t.Run(name, func(t *testing.T) {
			t.Logf("seed %d", seed)
			r := rand.New(rand.NewPCG(seed, uint64(i)))
			dir, err := filepath.Abs(filepath.Join("testdata", name))
			if err != nil {
				t.Fatal(err)
			}
			for side, left := range map[string]bool{"right": false, "left": true} {
				var questions []question
				for range n / 2 {
					q := question{Dir: dir, Texts: []string{randomText(r)}, Special: r.IntN(4) > 0, Cut: "longest_first", Side: side}
					if r.IntN(3) == 0 {
						q.Texts = append(q.Texts, randomText(r))
						q.Cut = []string{"longest_first", "only_first", "only_second"}[r.IntN(3)]
					}
					if r.IntN(3) == 0 {
						q.Max = 4 + r.IntN(20)
					}
					questions = append(questions, q)
				}
				tok := open(t, dir)
				tok.left = left
				compare(t, tok, questions)
			}
		})
	}
}
