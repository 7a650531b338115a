package tokenizer

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"
)

// small has 700 of CLIP's 48,894 merges.
const small = "testdata/small"

// vocabulary names a directory of the whole one; see testdata/gen_tokens.cjs.
const vocabulary = "MONGE_TEST_CLIP_VOCAB"

func open(t testing.TB, dir string) *Tokenizer {
	t.Helper()
	tok, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// A golden caption has the tokens that Hugging Face's tokenizers library makes of it.
type golden struct {
	Text        string
	Full, Small []int
}

func readGolden(t testing.TB) []golden {
	t.Helper()
	data, err := os.ReadFile("testdata/tokens.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []golden
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	if len(all) < 100 {
		t.Fatalf("%d captions", len(all))
	}
	return all
}

// check compares the tokens of a caption, cut to length as Hugging Face does: what
// comes between start and end is cut, so that both stay.
func check(t *testing.T, tok *Tokenizer, text string, want []int, length int) {
	t.Helper()
	if len(want) > length {
		want = append(slices.Clone(want[:length-1]), tok.End)
	}
	got, err := tok.Encode(text, length)
	if err != nil {
		t.Errorf("%q: %v", text, err)
		return
	}
	if len(got.IDs) != length || !slices.Equal(got.IDs[:got.Len], want) {
		t.Errorf("%q: %v, want %v and padding up to %d", text, got.IDs, want, length)
	}
	for _, id := range got.IDs[got.Len:] {
		if id != tok.Pad {
			t.Errorf("%q: %d pads it, want %d", text, id, tok.Pad)
		}
	}
	if end := slices.Index(want, tok.End); got.End != end {
		t.Errorf("%q: end at %d, want %d", text, got.End, end)
	}
}

func TestGolden(t *testing.T) {
	tok := open(t, small)
	for _, g := range readGolden(t) {
		for _, length := range []int{2, 3, 16, Length, 2000} {
			check(t, tok, g.Text, g.Small, length)
		}
	}
}

func TestGoldenFull(t *testing.T) {
	dir := os.Getenv(vocabulary)
	if dir == "" {
		t.Skip(vocabulary + " names no directory of CLIP's vocab.json and merges.txt")
	}
	tok := open(t, dir)
	if tok.Size() != 49408 || tok.Start != 49406 || tok.End != 49407 || tok.Pad != 49407 {
		t.Errorf("%d tokens, start %d, end %d, padding %d", tok.Size(), tok.Start, tok.End, tok.Pad)
	}
	for _, g := range readGolden(t) {
		for _, length := range []int{2, 3, 16, Length, 2000} {
			check(t, tok, g.Text, g.Full, length)
		}
	}
}

// TestPublished has what the README files of CLIP's ports show.
func TestPublished(t *testing.T) {
	dir := os.Getenv(vocabulary)
	if dir == "" {
		t.Skip(vocabulary + " names no directory of CLIP's vocab.json and merges.txt")
	}
	tok := open(t, dir)
	tok.Pad = 0
	got, err := tok.Encode("hello world!", Length)
	if err != nil {
		t.Fatal(err)
	}
	want := append([]int{49406, 3306, 1002, 256, 49407}, make([]int, 72)...)
	if !slices.Equal(got.IDs, want) {
		t.Errorf("%v, want %v", got.IDs, want)
	}
}

func TestMask(t *testing.T) {
	tok := open(t, small)
	got, err := tok.Encode("a", 5)
	if err != nil {
		t.Fatal(err)
	}
	if mask := fmt.Sprint(got.Mask()); got.Len != 3 || got.End != 2 || mask != "[1 1 1 0 0]" {
		t.Errorf("%d tokens, end at %d, mask %s", got.Len, got.End, mask)
	}
}

func TestEncodeErrors(t *testing.T) {
	tok := open(t, small)
	for _, c := range []struct {
		text   string
		length int
		want   string
	}{
		{"a", 1, "length is 1; a caption's start and end alone take 2 tokens"},
		{"a", -3, "length is -3; a caption's start and end alone take 2 tokens"},
		{strings.Repeat("a", 1<<20+1), 77, "the caption has 1048577 bytes; at most 1048576 are taken"},
	} {
		if _, err := tok.Encode(c.text, c.length); err == nil || err.Error() != c.want {
			t.Errorf("%.10q, %d: %v, want %s", c.text, c.length, err, c.want)
		}
	}
}

func TestInvalidUTF8(t *testing.T) {
	tok := open(t, small)
	for _, c := range []struct{ text, same string }{
		{"a\xffb", "a\ufffdb"},
		{"\xf0\x9f\x98", "\ufffd"},
		{"caf\xe9", "caf\ufffd"},
		{"\xff\xfe\xfd", "\ufffd"},
		{"\xed\xa0\x80", "\ufffd"}, // a surrogate
	} {
		got, err := tok.Encode(c.text, 20)
		want, err2 := tok.Encode(c.same, 20)
		if err != nil || err2 != nil || !slices.Equal(got.IDs, want.IDs) {
			t.Errorf("%q: %v %v, want %v", c.text, got, err, want)
		}
	}
}

func TestDecode(t *testing.T) {
	tok := open(t, small)
	for _, c := range []struct{ text, want string }{
		{"", ""},
		{"A  Photo of a CAT.", "a photo of a cat ."},
		{"let's see, 42", "let 's see , 4 2"},
		{"猫😀é", "猫 😀 é"},
		{"one<|endoftext|>two", "one"},
		{"one<|startoftext|>two", "one two"},
	} {
		got, err := tok.Encode(c.text, 60)
		if err != nil {
			t.Fatal(err)
		}
		if back := tok.Decode(got.IDs); back != c.want {
			t.Errorf("%q: %q, want %q", c.text, back, c.want)
		}
	}
	for _, c := range []struct {
		ids  []int
		want string
	}{
		{nil, ""},
		{[]int{-1, 320, 1 << 40}, "\ufffda \ufffd"},
		{[]int{int(tok.inner[0xf0]), int(tok.final['a'])}, "\ufffda"},
	} {
		if got := tok.Decode(c.ids); got != c.want {
			t.Errorf("%v: %q, want %q", c.ids, got, c.want)
		}
	}
}

// spaced returns the words of normalized text with spaces between them.
func spaced(text string) string {
	var all []string
	for text = normalize(text); ; {
		var word string
		if word, text = cutWord(text); word == "" {
			return strings.Join(all, " ")
		}
		all = append(all, word)
	}
}

func TestConcurrent(t *testing.T) {
	tok := open(t, small)
	captions := readGolden(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for _, g := range captions {
				if got, err := tok.Encode(g.Text, 2000); err != nil || !slices.Equal(got.IDs[:got.Len], g.Small) {
					t.Errorf("%q: %v %v", g.Text, got, err)
				}
			}
		})
	}
	wg.Wait()
}

// TestLong takes captions that would need minutes if a word's cost grew with its square.
func TestLong(t *testing.T) {
	tok := open(t, small)
	for _, part := range []string{"a", "ab", "in", "the", "mississippi", "漢", "'", "e\u0301", "\xff", "<|", "<|endoftext|>", "a "} {
		text := strings.Repeat(part, (1<<18)/len(part))
		got, err := tok.Encode(text, 1<<18+2)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(part, endOfText) {
			continue
		}
		if back := tok.Decode(got.IDs); back != spaced(text) {
			t.Errorf("%q repeated: %.40q is not what went in", part, back)
		}
	}
}

func TestUnescape(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{" &lt;b&gt; ", "<b>"},
		{"&amp;quot;x&amp;#39;", "\"x'"},
		{"&eacute;&#233;&#xE9;&eacute", "éééé"},
		{"&notit; &nope; & &;", "¬it; &nope; & &;"},
		{"&#0; &#x80; &#xD800; &#x110000;", "\ufffd € \ufffd \ufffd"},
	} {
		if got := Unescape(c.text); got != c.want {
			t.Errorf("%q: %q, want %q", c.text, got, c.want)
		}
	}
}

func TestOpenErrors(t *testing.T) {
	read := func(name string) string {
		data, err := os.ReadFile(filepath.Join(small, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	vocab, merges := read("vocab.json"), read("merges.txt")
	for _, c := range []struct {
		name          string
		vocab, merges string
		config        string
		want          string
	}{
		{"empty vocab", "", merges, "", "vocab.json: line 1: unexpected end of JSON input"},
		{"cut vocab", vocab[:1000], merges, "", "vocab.json: line 121: unexpected end of JSON input"},
		{"list", "[1]", merges, "", "vocab.json: line 1: json: cannot unmarshal array"},
		{"words for numbers", "{\n\"a\":\n\"b\"}", merges, "", "vocab.json: line 3: json: cannot unmarshal string"},
		{"huge number", "{\"a\":1e99}", merges, "", "vocab.json: line 1: json: cannot unmarshal number 1e99"},
		{"null", "null", merges, "", "vocab.json: token \"Ā\" or \"Ā</w>\" is missing; this is not the vocabulary of a CLIP model"},
		{"hole", strings.Replace(vocab, `:0,`, `:-1,`, 1), merges, "", `vocab.json: token "!" has number -1; each of the 1214 tokens should have its own from 0 on`},
		{"twice", strings.Replace(vocab, `:1213`, `:5`, 1), merges, "", "has number 5; each of"},
		{"not bytes", strings.Replace(vocab, `"!"`, `"猫"`, 1), merges, "", `vocab.json: token "猫" has the character '猫', which stands for no byte`},
		{"no end", strings.Replace(vocab, "<|endoftext|>", "<|end|>", 1), merges, "", `vocab.json: token "<|endoftext|>" is missing`},
		{"empty merges", vocab, "", "", "merges.txt: line 1 is \"\"; it should be two tokens with a space between"},
		{"one token", vocab, "#version: 0.2\ni n\nth\n", "", "merges.txt: line 3 is \"th\"; it should be two tokens"},
		{"three tokens", vocab, "i n g\n", "", "merges.txt: line 1 is \"i n g\"; it should be"},
		{"unknown token", vocab, "i n\ni 猫\n", "", "merges.txt: line 2: token \"猫\" is not in vocab.json; the two files should be of one model"},
		{"unknown product", vocab, "q q\n", "", "merges.txt: line 1: token \"qq\" is not in vocab.json"},
		{"repeated", vocab, "i n\nt h\ni n\n", "", "merges.txt: line 3: \"i n\" stands there for the second time"},
		{"large", vocab, strings.Repeat("i n\n", 1<<21+1), "", "merges.txt: it has more than 8388608 bytes"},
		{"config", vocab, merges, "{", "special_tokens_map.json: line 1: unexpected end"},
		{"padding's kind", vocab, merges, `{"pad_token": 3}`, "special_tokens_map.json: pad_token is 3; it should be a token, or an object whose content is one"},
		{"padding without content", vocab, merges, `{"pad_token": {}}`, "special_tokens_map.json: pad_token is {}; it should be"},
		{"unknown padding", vocab, merges, `{"pad_token": "[PAD]"}`, "special_tokens_map.json: pad_token \"[PAD]\" is not in vocab.json"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, "vocab.json", c.vocab)
			write(t, dir, "merges.txt", c.merges)
			if c.config != "" {
				write(t, dir, "special_tokens_map.json", c.config)
			}
			if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), dir) {
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none")); err == nil || !strings.Contains(err.Error(), "vocab.json") {
		t.Errorf("no directory: %v", err)
	}
}

func write(t testing.TB, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

func TestPad(t *testing.T) {
	for _, c := range []struct {
		config, special string
		want            int
	}{
		{"", "", 1213},
		{`{"pad_token": "<|endoftext|>", "model_max_length": 77}`, "", 1213},
		{`{"pad_token": "<|endoftext|>"}`, `{"pad_token": "!"}`, 0}, // as in Stable Diffusion 2
		{`{"pad_token": {"content": "!", "lstrip": false}}`, `{"bos_token": "<|startoftext|>"}`, 0},
		{`{"pad_token": null}`, "", 1213},
	} {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(small)); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{"tokenizer_config.json": c.config, "special_tokens_map.json": c.special} {
			if text != "" {
				write(t, dir, name, text)
			}
		}
		if tok := open(t, dir); tok.Pad != c.want {
			t.Errorf("%s %s: padding %d, want %d", c.config, c.special, tok.Pad, c.want)
		}
	}
}

func TestLineEnds(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"vocab.json", "merges.txt"} {
		data, err := os.ReadFile(filepath.Join(small, name))
		if err != nil {
			t.Fatal(err)
		}
		write(t, dir, name, strings.ReplaceAll(string(data), "\n", "\r\n"))
	}
	tok := open(t, dir)
	for _, g := range readGolden(t) {
		check(t, tok, g.Text, g.Small, 2000)
	}
}

func FuzzEncode(f *testing.F) {
	tok := open(f, small)
	for _, g := range readGolden(f) {
		f.Add(g.Text, 77)
	}
	f.Add("a\xff", 2)
	f.Add("&lt;", -1)
	f.Fuzz(func(t *testing.T, text string, n int) {
		got, err := tok.Encode(text, n%300)
		if err != nil {
			if n%300 >= 2 && len(text) <= maxText {
				t.Fatal(err)
			}
			return
		}
		if len(got.IDs) != n%300 || got.Len > len(got.IDs) || got.End >= got.Len || got.IDs[0] != tok.Start || got.IDs[got.Len-1] != tok.End || got.IDs[got.End] != tok.End {
			t.Fatalf("%q: %+v", text, got)
		}
		for _, id := range got.IDs {
			if id < 0 || id >= tok.Size() {
				t.Fatalf("%q: token %d", text, id)
			}
		}
		if back := tok.Decode(got.IDs); !utf8.ValidString(back) {
			t.Fatalf("%q: decoded as %q", text, back)
		}
		if lower := normalize(text); strings.Contains(lower, startOfText) || strings.Contains(lower, endOfText) {
			return
		}
		whole, err := tok.Encode(text, len(normalize(text))+2)
		if err != nil {
			t.Fatal(err)
		}
		back := tok.Decode(whole.IDs)
		if back != spaced(text) {
			t.Fatalf("%q: decoded as %q, want %q", text, back, spaced(text))
		}
		if again, err := tok.Encode(back, len(whole.IDs)); err != nil || !slices.Equal(again.IDs, whole.IDs) {
			t.Fatalf("%q: %v, and of that %q: %v %v", text, whole.IDs, back, again.IDs, err)
		}
	})
}

// FuzzOpen reads anything as each of the files; the others are whole.
func FuzzOpen(f *testing.F) {
	data, err := os.ReadFile(filepath.Join(small, "vocab.json"))
	if err != nil {
		f.Fatal(err)
	}
	known, err := parseVocab(data)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data, []byte("#version: 0.2\ni n\nt h\n"), []byte(`{"pad_token": "!"}`))
	f.Add([]byte(`{"a": 0, "b": 1}`), []byte("i n\r\nt h"), []byte(`{"pad_token": {"content": "!"}}`))
	f.Add([]byte("null"), []byte(""), []byte("null"))
	f.Fuzz(func(t *testing.T, vocab, merges, config []byte) {
		ids, err := parseVocab(vocab)
		tok, err2 := fromVocab(ids)
		if err != nil || err2 != nil {
			ids = known
			tok, _ = fromVocab(ids)
		}
		s := settings{added: addedTokens{}, named: map[string]named{}}
		if tok.parseMerges(merges, ids) != nil || s.readSettings(config, "") != nil && s.readSpecial(config, "") != nil && s.readAdded(config, "") != nil {
			return
		}
		if tok.addTokens(s.added, maps.Clone(ids)) != nil || s.apply(tok, ids) != nil {
			return
		}
		got, err := tok.Encode("a thing in the inn", 12)
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range got.IDs {
			if id < 0 || id >= tok.Size() {
				t.Fatalf("token %d of %d", id, tok.Size())
			}
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	dir := small
	if full := os.Getenv(vocabulary); full != "" {
		dir = full
	}
	tok := open(b, dir)
	for _, c := range []struct{ name, text string }{
		{"class", "a photo of a golden retriever, a type of pet."},
		{"caption", "A close-up photograph of a weathered fisherman mending his nets at dawn, golden light, 35mm, shallow depth of field"},
		{"accents", "Le café près de l'église, décoré à Noël"},
		{"word of 10,000", strings.Repeat("mississippi", 910)[:10000]},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(c.text)))
			for b.Loop() {
				if _, err := tok.Encode(c.text, Length); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
