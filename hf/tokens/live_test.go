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

// Hugging Face's library: in a python3 that has transformers, or a directory of node_modules with the npm
// package tokenizers.
const (
	python = "MONGE_TEST_TRANSFORMERS"
	npm    = "MONGE_TEST_TOKENIZERS"
)

// library returns the command that answers questions. That of npm is 0.23.2, which compares what it has read
// of the texts of a pair once that is enough, not the texts, and knows tokenizer.json alone.
func library(t testing.TB) (cmd *exec.Cmd, old bool) {
	t.Helper()
	if words := strings.Fields(os.Getenv(python)); len(words) > 0 {
		return exec.Command(words[0], append(words[1:], filepath.Join("testdata", "encode.py"))...), false
	}
	dir := os.Getenv(npm)
	if dir == "" {
		t.Skip(python + " names no python3 with transformers, and " + npm + " no directory of node_modules with tokenizers")
	}
	cmd = exec.Command("node", filepath.Join("testdata", "encode.cjs"))
	cmd.Env = append(os.Environ(), "NODE_PATH="+dir)
	return cmd, true
}

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
	cmd, _ := library(t)
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

// compare asks both.
func compare(t *testing.T, questions []question) {
	t.Helper()
	opened := map[string]*Tokenizer{}
	wrong := map[string]int{}
	for i, want := range ask(t, questions) {
		q := questions[i]
		tok := opened[q.Dir+q.Side]
		if tok == nil {
			tok = open(t, q.Dir)
			tok.left = q.Side == "left"
			opened[q.Dir+q.Side] = tok
		}
		var second *string
		if len(q.Texts) == 2 {
			second = &q.Texts[1]
		}
		got, err := tok.Encode(Options{Max: q.Max, Special: q.Special, Cut: cuts[q.Cut]}, q.Texts[0], second)
		if err != nil && want == nil || err == nil && want != nil && slices.Equal(got.IDs, want[0]) && slices.Equal(got.Types, want[1]) {
			continue
		}
		if wrong[q.Dir]++; wrong[q.Dir] <= 3 {
			t.Errorf("%+q %+v: %v, %v, want %d", q.Texts, q, got, err, want)
		}
	}
	for dir, n := range wrong {
		t.Errorf("%s: %d differ", dir, n)
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

// kinds are the directories of small tokenizers; those of tokenizer.json alone if only they are asked for.
func kinds(t testing.TB, jsonOnly bool) (dirs []string) {
	t.Helper()
	var all []golden
	readTestdata(t, "tokens.json", &all)
	for _, g := range all {
		dir, err := filepath.Abs(filepath.Join("testdata", g.Name))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(dir, jsonFile)); err == nil || !jsonOnly {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// TestLive compares random texts of nasty characters with Hugging Face's library; ever new ones with
// MONGE_TEST_EXHAUSTIVE.
func TestLive(t *testing.T) {
	n, seed := 200, uint64(1)
	if os.Getenv("MONGE_TEST_EXHAUSTIVE") != "" {
		n, seed = 20000, rand.Uint64()
	}
	_, old := library(t)
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	var questions []question
	for _, dir := range kinds(t, old) {
		for range n {
			q := question{Dir: dir, Texts: []string{randomText(r)}, Special: r.IntN(4) > 0, Cut: "longest_first", Side: []string{"left", "right"}[r.IntN(2)]}
			if r.IntN(3) == 0 {
				q.Texts = append(q.Texts, randomText(r))
				q.Cut = []string{"longest_first", "only_first", "only_second"}[r.IntN(3)]
			}
			if r.IntN(3) == 0 && !(old && len(q.Texts) == 2) {
				q.Max = 4 + r.IntN(20)
			}
			questions = append(questions, q)
		}
	}
	compare(t, questions)
}

// translations names a directory of Debian's descriptions of packages in several languages: files of apt's
// named *Translation-*.
const translations = "MONGE_TEST_TRANSLATIONS"

// debian returns lines of Debian's descriptions, of each language as many.
func debian(t testing.TB, n int) (lines []string) {
	t.Helper()
	dir := os.Getenv(translations)
	files, err := filepath.Glob(filepath.Join(dir, "*Translation-*"))
	if dir == "" || err != nil || len(files) == 0 {
		t.Skip(translations + " names no directory with apt's Translation files")
	}
	for i, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all := slices.Collect(strings.Lines(string(data)))
		want := (n - len(lines)) / (len(files) - i)
		step := max(len(all)/want, 1)
		for k := 0; k < len(all) && want > 0; k += step {
			lines = append(lines, strings.TrimSpace(all[k]))
			want--
		}
	}
	return lines
}

// TestDebian compares 10,000 lines of Debian's descriptions of packages with what Hugging Face's library
// makes of them.
func TestDebian(t *testing.T) {
	lines := debian(t, 10000)
	_, old := library(t)
	dirs := kinds(t, old)
	if dir := os.Getenv(minilm); dir != "" {
		dirs = append(dirs, dir)
	}
	var questions []question
	for k, dir := range dirs {
		for i, line := range lines {
			if i%4 != k%4 && dir != os.Getenv(minilm) {
				continue // a quarter of the lines for each of the small ones
			}
			questions = append(questions, question{Dir: dir, Texts: []string{line}, Special: true, Cut: "longest_first", Side: "right"})
		}
	}
	compare(t, questions)
}
