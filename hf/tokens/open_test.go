package tokens

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// directory makes one of files.
func directory(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// file is a tokenizer.json of some parts; a model is there in any case.
func file(parts string) map[string]string {
	if !strings.Contains(parts, `"model"`) {
		parts = `"model":{"type":"WordLevel","unk_token":"u","vocab":{"u":0,"a":1}},` + parts
	}
	return map[string]string{jsonFile: "{" + strings.TrimSuffix(parts, ",") + "}"}
}

func TestOpenErrors(t *testing.T) {
	deep := strings.Repeat(`{"type":"Sequence","normalizers":[`, 5) + strings.Repeat(`]}`, 5)
	for _, c := range []struct {
		files map[string]string
		want  string
	}{
		{nil, "has no tokenizer.json, vocab.txt, or vocab.json with merges.txt"},
		{map[string]string{jsonFile: ""}, "tokenizer.json: "},
		{map[string]string{jsonFile: `{"model":{"type":"BPE","vocab":{"a":0`}, "tokenizer.json: "},
		{map[string]string{jsonFile: "[]"}, "tokenizer.json: "},
		{map[string]string{jsonFile: "{}"}, "model is missing"},
		{map[string]string{jsonFile: strings.Repeat("[", 20000)}, "tokenizer.json: "},
		{file(`"colour":1`), "colour is 1: this setting is not known here"},
		{file(`"version":"2.0"`), `version is "2.0"`},
		{file(`"truncation":{"direction":"Up"}`), "truncation.direction is"},
		{file(`"padding":{"direction":"Left"}`), "padding.direction is"},
		{file(`"padding":{"pad_id":7}`), "padding.pad_id is 7; there are 2 tokens"},
		{file(`"padding":{"pad_id":-1}`), "padding.pad_id is -1"},

		{file(`"model":{"type":"Magic"}`), `model.type is "Magic"; those known here are BPE, Unigram, WordLevel, WordPiece`},
		{file(`"model":{"type":"WordLevel","vocab":{"a":0}}`), "model.unk_token is missing"},
		{file(`"model":{"type":"WordLevel","unk_token":"a","vocab":{"a":0,"b":0}}`), `tokens "a" and "b" have the same number, 0`},
		{file(`"model":{"type":"WordLevel","unk_token":"a","vocab":{"a":1048576}}`), `token "a" has number 1048576; numbers up to 1048575 are taken`},
		{file(`"model":{"type":"WordLevel","unk_token":"a","vocab":{"a":-1}}`), `token "a" has number -1`},
		{file(`"model":{"type":"WordLevel","unk_token":"a","vocab":{"a":1.5}}`), "model.vocab is"},
		{file(`"model":{"type":"WordLevel","unk_token":"a","vocab":{"` + strings.Repeat("a", 1025) + `":1}}`), "has 1025 bytes; up to 1024 are taken"},
		{file(`"model":{"type":"WordPiece","unk_token":"a","vocab":{"a":1}}`), "model.continuing_subword_prefix is missing"},
		{file(`"model":{"type":"BPE","vocab":{"a":1}}`), "model.merges is missing"},
		{file(`"model":{"type":"BPE","dropout":0.5,"vocab":{"a":1},"merges":[]}`), "model.dropout is 0.5"},
		{file(`"model":{"type":"BPE","vocab":{"a":1,"b":2},"merges":["a b"]}`), `merge 0, of "a" and "b": token "ab" is not in the vocabulary`},
		{file(`"model":{"type":"BPE","vocab":{"a":1,"b":2},"merges":[["a","c"]]}`), `token "c" is not in the vocabulary`},
		{file(`"model":{"type":"BPE","vocab":{"a":1,"b":2},"merges":["a b c"]}`), "it should be two tokens with a space between"},
		{file(`"model":{"type":"BPE","vocab":{"a":1,"b":2},"merges":[["a"]]}`), "it should be two tokens"},
		{file(`"model":{"type":"BPE","vocab":{"a":1,"b":2},"merges":[7]}`), "it should be two tokens"},
		{file(`"model":{"type":"BPE","continuing_subword_prefix":"##","vocab":{"a":1,"b":2},"merges":[["a","b"]]}`), "does not begin with continuing_subword_prefix"},
		{file(`"model":{"type":"Unigram","unk_id":2,"vocab":[["a",-1.5],["b",0]]}`), "model.unk_id is 2; there are 2 tokens"},
		{file(`"model":{"type":"Unigram","unk_id":0,"vocab":[["a"]]}`), "model.vocab is"},
		{file(`"model":{"type":"Unigram","unk_id":0,"vocab":[["a","b"]]}`), "model.vocab is"},

		{file(`"normalizer":{"type":"Spellcheck"}`), `normalizer.type is "Spellcheck"; those known here are BertNormalizer, ByteLevel, Lowercase`},
		{file(`"normalizer":{"type":"Lowercase","hard":true}`), "normalizer.hard is true: this setting is not known here"},
		{file(`"normalizer":{"type":"Strip","strip_left":1,"strip_right":true}`), "normalizer.strip_left is 1"},
		{file(`"normalizer":{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Replace","pattern":{"Regex":"(?=a)"},"content":""}]}`), `normalizer.normalizers[1].pattern: expression "(?=a)": the group "(?=a)" is not known here`},
		{file(`"normalizer":{"type":"Replace","pattern":{"String":""},"content":""}`), "normalizer.pattern is"},
		{file(`"normalizer":{"type":"Precompiled","precompiled_charsmap":"AAAA"}`), "precompiled_charsmap is not as SentencePiece writes it"},
		{file(`"normalizer":` + deep), "sequences lie within each other; up to 3 are taken"},
		{file(`"normalizer":{"type":"Sequence","normalizers":[` + strings.Repeat(`{"type":"NFC"},`, 32) + `{"type":"NFC"}]}`), "normalizer.normalizers has 33 parts; up to 32 are taken"},
		{file(`"pre_tokenizer":{"type":"UnicodeScripts"}`), `pre_tokenizer.type is "UnicodeScripts"`},
		{file(`"pre_tokenizer":{"type":"Metaspace","replacement":"__"}`), "it should be one character"},
		{file(`"pre_tokenizer":{"type":"Metaspace","replacement":"_","add_prefix_space":false}`), "then prepend_scheme should be never"},
		{file(`"pre_tokenizer":{"type":"Split","pattern":{"Regex":"[a"},"behavior":"Isolated","invert":false}`), `expression "[a" is not understood: missing closing ]`},
		{file(`"pre_tokenizer":{"type":"Split","pattern":{"Regex":"` + strings.Repeat(`\\W`, 2000) + `["},"behavior":"Isolated","invert":false}`), "is not understood: missing closing ]"},
		{file(`"pre_tokenizer":{"type":"Split","pattern":{"Regex":"` + strings.Repeat(`\\s`, 2100) + `"},"behavior":"Isolated","invert":false}`), "has 4200 bytes; up to 4096 are taken"},
		{file(`"pre_tokenizer":{"type":"Split","pattern":{"Regex":"a++"},"behavior":"Isolated","invert":false}`), "is not understood: invalid nested repetition operator"},
		{file(`"pre_tokenizer":{"type":"Split","pattern":{"Regex":"\\bA"},"behavior":"Isolated","invert":false}`), `is not known here`},
		{file(`"pre_tokenizer":{"type":"Split","pattern":{"String":"a"},"behavior":"Sideways","invert":false}`), `behavior is "Sideways"`},
		{file(`"pre_tokenizer":{"type":"FixedLength","length":0}`), "length is 0"},
		{file(`"post_processor":{"type":"Magic"}`), `post_processor.type is "Magic"`},
		{file(`"post_processor":{"type":"BertProcessing","sep":["a",9],"cls":["a",1]}`), "post_processor has token 9; there are 2"},
		{file(`"post_processor":{"type":"BertProcessing","sep":["a",-9],"cls":["a",1]}`), "it should be a token and its number"},
		{file(`"post_processor":{"type":"TemplateProcessing","single":[{"Sequence":{"id":"B","type_id":0}}],"pair":[],"special_tokens":{}}`), `post_processor.single[0] is text "B", of 1`},
		{file(`"post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"x","type_id":0}}],"pair":[],"special_tokens":{}}`), `token "x", which special_tokens does not have`},
		{file(`"added_tokens":[{"content":"A","colour":1}]`), "added_tokens[0]: an added token's colour is 1"},
		{file(`"normalizer":{"type":"Lowercase"},"added_tokens":[{"id":2,"content":"B","normalized":true},{"id":3,"content":"b","normalized":true}]`), `once it is normalized, as is`},

		{map[string]string{vocabText: "a\n", settingsFile: `{"tokenizer_class":"BertJapaneseTokenizer"}`}, `tokenizer_class is "BertJapaneseTokenizer"`},
		{map[string]string{vocabText: "a\n\xff\n"}, "line 2 is not UTF-8"},
		{map[string]string{vocabText: "a\n", settingsFile: `{"never_split":["a"]}`}, `tokenizer_config.json: never_split is ["a"]`},
		{map[string]string{vocabText: "a\n", settingsFile: `{"do_lower_case":1}`}, "do_lower_case is 1"},
		{map[string]string{vocabText: "a\n", settingsFile: `{"padding_side":"left"}`}, `padding_side is "left"`},
		{map[string]string{vocabText: "a\n", settingsFile: `{"model_max_length":-4}`}, "model_max_length is -4"},
		{map[string]string{vocabText: "a\n", settingsFile: `{"add_bos_token":true}`}, "add_bos_token is true: this setting is not known here"},
		{map[string]string{vocabText: "a\n", settingsFile: `{"mask_token":7}`}, "mask_token is 7"},
		{map[string]string{vocabText: "a\n", settingsFile: `{"added_tokens_decoder":{"x":{"content":"b"}}}`}, `added_tokens_decoder has "x"`},
		{map[string]string{vocabText: "a\n", specialFile: `{"colour":7}`}, "special_tokens_map.json: colour is 7"},
		{map[string]string{vocabText: "a\n", addedFile: `[]`}, "added_tokens.json: "},
		{map[string]string{vocabJSON: `{"a":0}`}, mergesText},
		{map[string]string{vocabJSON: `{"a":0}`, mergesText: "a"}, "line 1 of"},
		{map[string]string{vocabJSON: `{"a":0}`, mergesText: "#version: 0.2\na b\n"}, `token "b" is not in the vocabulary`},
		{map[string]string{vocabJSON: `{"a":0}`, mergesText: "", settingsFile: `{"tokenizer_class":"GPT2Tokenizer"}`}, `tokenizer_class is "GPT2Tokenizer"`},
		{map[string]string{jsonFile: file(`"normalizer":{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"lowercase":true}`)[jsonFile], settingsFile: `{"do_lower_case":false}`},
			"normalizer is as of do_lower_case true, and tokenizer_config.json says false; delete the wrong one"},
		{map[string]string{jsonFile: file(`"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false}`)[jsonFile], settingsFile: `{"add_prefix_space":true}`},
			"pre_tokenizer is as of add_prefix_space false, and tokenizer_config.json says true"},
	} {
		_, err := Open(directory(t, c.files))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.200q: %v, want %s", c.files, err, c.want)
		}
	}
}

// TestSettings has what published directories say beside tokenizer.json.
func TestSettings(t *testing.T) {
	files := file(`"padding":{"pad_id":1},"truncation":{"direction":"Left"}`)
	files[settingsFile] = "\ufeff" + `{"add_bos_token":true,"vocab_type":"spm","max_len":512,"pad_token":"a","mask_token":{"content":"[M]","lstrip":true},"additional_special_tokens":["[X]"]}`
	files[specialFile] = `{"pad_token":"u"}`
	tok := open(t, directory(t, files))
	if tok.Pad != 0 || tok.Max != 512 || !tok.left || tok.Size() != 4 {
		t.Errorf("padding %d, at most %d, left %v, %d tokens", tok.Pad, tok.Max, tok.left, tok.Size())
	}
	if got := encode(t, tok, Options{}, "a  [M][X]"); fmt.Sprint(got.IDs) != "[1 2 3]" {
		t.Errorf("%v", got)
	}
}

// TestConcurrent encodes beside others.
func TestConcurrent(t *testing.T) {
	texts := readTexts(t)
	for _, dir := range kinds(t, false) {
		tok := open(t, dir)
		want := make([]Encoding, len(texts))
		for i, text := range texts {
			want[i] = encode(t, tok, Options{}, text)
		}
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for i, text := range texts {
					if got, err := tok.Encode(Options{}, text, nil); err != nil || !slices.Equal(got.IDs, want[i].IDs) {
						t.Errorf("%s: %q: %v, %v, want %v", dir, text, got, err, want[i])
					}
				}
			})
		}
		wg.Wait()
	}
}

// TestHoles has numbers without tokens, and merges and tokens that are there twice.
func TestHoles(t *testing.T) {
	tok := open(t, directory(t, file(`"model":{"type":"BPE","vocab":{"a":3,"b":9,"ab":5,"a":4},"merges":["a b","a b"]}`)))
	if name, ok := tok.Token(7); ok || tok.Size() != 10 {
		t.Errorf("%q, %v, %d tokens", name, ok, tok.Size())
	}
	if name, ok := tok.Token(5); !ok || name != "ab" {
		t.Errorf("%q, %v", name, ok)
	}
	if got := encode(t, tok, Options{}, "abb?a"); len(got.IDs) != 3 || got.IDs[0] != 5 || got.IDs[1] != 9 || got.IDs[2] != 4 {
		t.Errorf("%v", got)
	}
	text := open(t, directory(t, map[string]string{vocabText: "[UNK]\n[CLS]\n[SEP]\n[PAD]\n[MASK]\na\na\n"}))
	if got := encode(t, text, Options{}, "a"); text.Size() != 7 || len(got.IDs) != 1 || got.IDs[0] != 6 {
		t.Errorf("%v, %d tokens", got, text.Size())
	}
}

// TestModelType has config.json say of which class a vocabulary is.
func TestModelType(t *testing.T) {
	words := "[UNK]\n<s>\n</s>\n<pad>\n<mask>\na\n"
	tok := open(t, directory(t, map[string]string{vocabText: words, modelFile: `{"model_type":"mpnet"}`}))
	if got := encode(t, tok, Options{Special: true}, "a <mask>"); len(got.IDs) != 4 || got.IDs[0] != 1 || got.IDs[2] != 4 {
		t.Errorf("%v", got)
	}
	if _, err := Open(directory(t, map[string]string{vocabText: words, modelFile: `{`})); err != nil {
		t.Error(err)
	}
}

func TestEncodeErrors(t *testing.T) {
	level := open(t, directory(t, file(`"model":{"type":"WordLevel","unk_token":"u","vocab":{"a":1}}`)))
	single := open(t, directory(t, file(`"model":{"type":"Unigram","vocab":[["a",-1.5]]}`)))
	bert := open(t, filepath.Join("testdata", "bert"))
	slow := open(t, directory(t, file(`"pre_tokenizer":{"type":"Split","pattern":{"Regex":"(a*)*b"},"behavior":"Isolated","invert":false}`)))
	grow := open(t, directory(t, file(`"normalizer":{"type":"Replace","pattern":{"String":"a"},"content":"`+strings.Repeat("b", 1000)+`"}`)))
	for _, c := range []struct {
		tok    *Tokenizer
		o      Options
		text   string
		second *string
		want   string
	}{
		{level, Options{}, "b", nil, `the token for such, "u", is not in the vocabulary`},
		{single, Options{}, "b", nil, "names no token for such (unk_id)"},
		{bert, Options{Max: 1, Special: true}, "b", nil, "at most 1 tokens are asked for; the special ones alone are 2"},
		{bert, Options{Max: -1}, "b", nil, "at most -1 tokens are asked for"},
		{bert, Options{Max: 4, Special: true, Cut: First}, "b", ptr("b"), "the texts have 2 tokens where 1 fit; the one to be cut has 1"},
		{bert, Options{Max: 5, Special: true, Cut: First}, "b", ptr("b b b b b"), "the one to be cut has 1"},
		{bert, Options{Max: 2, Cut: Second}, "a a a a", nil, "the second of a pair is to be cut, and there is none"},
		{bert, Options{}, strings.Repeat("a", maxText+1), nil, "a text has 1048577 bytes; at most 1048576 are taken"},
		{slow, Options{}, strings.Repeat("a", 1000), nil, "an expression takes too long on the text"},
		{grow, Options{}, strings.Repeat("a", 20000), nil, "a normalizer makes more than 16 MiB of a text"},
	} {
		_, err := c.tok.Encode(c.o, c.text, c.second)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v, %.20q: %v, want %s", c.o, c.text, err, c.want)
		}
	}
}

func ptr(s string) *string { return &s }

// encodeAnything checks what is true of any tokens.
func encodeAnything(t *testing.T, tok *Tokenizer, text string) {
	for _, o := range []Options{{}, {Special: true}, {Special: true, Max: 7}, {Max: 3, Cut: First}, {Max: 3, Cut: Second}} {
		for _, second := range []*string{nil, &text} {
			e, err := tok.Encode(o, text, second)
			if err != nil {
				continue
			}
			if len(e.IDs) != len(e.Types) || o.Max > 0 && len(e.IDs) > o.Max {
				t.Errorf("%+v, %q: %d tokens, %d segments", o, text, len(e.IDs), len(e.Types))
			}
			for _, id := range e.IDs {
				if id < 0 || int(id) >= tok.Size() {
					t.Errorf("%+v, %q: token %d of %d", o, text, id, tok.Size())
				}
			}
		}
	}
}

func FuzzEncode(f *testing.F) {
	for _, text := range readTexts(f) {
		f.Add(text)
	}
	var toks []*Tokenizer
	for _, dir := range kinds(f, false) {
		toks = append(toks, open(f, dir))
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, tok := range toks {
			encodeAnything(t, tok, text)
		}
	})
}

func FuzzJSON(f *testing.F) {
	for _, dir := range kinds(f, true) {
		data, err := os.ReadFile(filepath.Join(dir, jsonFile))
		if err != nil {
			f.Fatal(err)
		}
		// few tokens, so that there is more else to change
		var all map[string]any
		if err := json.Unmarshal(data, &all); err != nil {
			f.Fatal(err)
		}
		shorten(all["model"].(map[string]any))
		data, _ = json.Marshal(all)
		f.Add(data)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(filepath.Join(dir, jsonFile), data, 0o644); err != nil {
			t.Fatal(err)
		}
		if tok, err := Open(dir); err == nil {
			encodeAnything(t, tok, "The  quick\n[MASK] bröwn \U0001f98a it's 12 ▁</s>漢a\u0301\x00")
		}
	})
}

// shorten leaves a model the tokens of single characters.
func shorten(model map[string]any) {
	switch vocab := model["vocab"].(type) {
	case []any:
		model["vocab"] = vocab[:20]
	case map[string]any:
		for token, id := range vocab {
			if id.(float64) > 30 {
				delete(vocab, token)
			}
		}
	}
	if model["merges"] != nil {
		model["merges"] = []any{}
	}
}

func FuzzFiles(f *testing.F) {
	f.Add("[UNK]\n[CLS]\na\n##b\n", "", "", `{"do_lower_case":false,"tokenizer_class":"MPNetTokenizer"}`, `{"mask_token":{"content":"x"}}`, `{"y":9}`)
	f.Add("", `{"a":0,"b":1,"ab":2}`, "#version: 0.2\na b\n", `{"add_prefix_space":true,"added_tokens_decoder":{"4":{"content":"z","lstrip":true}}}`, "", "")
	f.Fuzz(func(t *testing.T, text, vocab, merges, settings, special, added string) {
		files := map[string]string{}
		for name, data := range map[string]string{vocabText: text, vocabJSON: vocab, mergesText: merges, settingsFile: settings, specialFile: special, addedFile: added} {
			if data != "" {
				files[name] = data
			}
		}
		if tok, err := Open(directory(t, files)); err == nil {
			encodeAnything(t, tok, "ab xyz \x00é")
		}
	})
}

func FuzzPattern(f *testing.F) {
	f.Add(`\s+(?!\S)|[^\s\p{L}]+|'s|(?i:a)b{2,3}`, "a  b's abbb")
	f.Fuzz(func(t *testing.T, expr, text string) {
		if len(expr) > 200 || len(text) > 1000 {
			return
		}
		p, err := newPattern(expr)
		if err != nil {
			return
		}
		at := 0
		p.find(text, func(end int, match bool) error {
			if end < at || end > len(text) || end == at && !match {
				t.Errorf("%q, %q: %d after %d, %v", expr, text, end, at, match)
			}
			at = end
			return nil
		})
	})
}

// TestScores has numbers as the library says that it has read them.
func TestScores(t *testing.T) {
	for text, want := range map[string]string{
		"0": "0", "-1.5": "-1.5", "1e3": "1000", "1E-3": "0.001", "-12.25e+1": "-122.5", "0.1": "0.1", "5e-324": "5e-324", "1e-400": "0",
		"-7.123456789012345678": "-7.123456789012346", "-7.1234567890123456": "-7.123456789012345", "-12.345678901234567": "-12.345678901234567",
		"-3.3219280948873626": "-3.321928094887362", "123456789012345678901234567890": "1.2345678901234568e+29",
		"0.184467440737095516159": "0.1844674407370955", "-9.87654321098765432109876e2": "-987.6543210987655",
	} {
		if got := strconv.FormatFloat(scoreOf(json.Number(text)), 'g', -1, 64); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}
