package tokenizer

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// addedCases are testdata/added.json, see testdata/gen_added.py.
type addedCases struct {
	Captions []string
	Cases    []addedCase
}

type addedCase struct {
	Name  string
	Files map[string]json.RawMessage
	IDs   [][]int
}

func readAddedCases(t testing.TB) (c addedCases) {
	t.Helper()
	b, err := os.ReadFile("testdata/added.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// withSmall returns a tokenizer.json with the vocabulary and merges of the small directory.
func withSmall(t testing.TB, file []byte) []byte {
	t.Helper()
	vocab, err := os.ReadFile(filepath.Join(small, vocabFile))
	if err != nil {
		t.Fatal(err)
	}
	merges, err := os.ReadFile(filepath.Join(small, mergesName))
	if err != nil {
		t.Fatal(err)
	}
	lines, err := json.Marshal(strings.Split(strings.TrimSpace(string(merges)), "\n")[1:])
	if err != nil {
		t.Fatal(err)
	}
	file = bytes.Replace(file, []byte(`"vocab": "SMALL"`), append([]byte(`"vocab": `), vocab...), 1)
	return bytes.Replace(file, []byte(`"merges": "SMALL"`), append([]byte(`"merges": `), lines...), 1)
}

// dirOf is a directory with the small vocabulary and some files.
func dirOf(t testing.TB, files map[string]json.RawMessage) string {
	t.Helper()
	dir := t.TempDir()
	if files[jsonFile] == nil {
		if err := os.CopyFS(dir, os.DirFS(small)); err != nil {
			t.Fatal(err)
		}
	}
	for name, content := range files {
		write(t, dir, name, string(withSmall(t, content)))
	}
	return dir
}

// Added tokens, and what tokenizer.json has, mean what they mean to Hugging Face's CLIPTokenizer.
func TestAddedAsTransformers(t *testing.T) {
	all := readAddedCases(t)
	for _, c := range all.Cases {
		tok := open(t, dirOf(t, c.Files))
		again := t.TempDir()
		if err := tok.Save(again); err != nil {
			t.Fatal(err)
		}
		saved := open(t, again)
		for i, text := range all.Captions {
			for _, tok := range []*Tokenizer{tok, saved} {
				got, err := tok.Encode(text, 100)
				if err != nil || !slices.Equal(got.IDs[:got.Len], c.IDs[i]) {
					t.Errorf("%s: %q: %v, want %v (error %v)", c.Name, text, got.IDs[:got.Len], c.IDs[i], err)
				}
			}
		}
	}
}

// Merges are lines in older files and pairs in newer ones, and the words may be found by either
// expression.
func TestFormsOfJSON(t *testing.T) {
	all := readAddedCases(t)
	i := slices.IndexFunc(all.Cases, func(c addedCase) bool { return c.Name == "tokenizer.json" })
	file := string(withSmall(t, all.Cases[i].Files[jsonFile]))
	change := func(old, new string) string {
		if !strings.Contains(file, old) {
			t.Fatalf("no %s", old)
		}
		return strings.Replace(file, old, new, 1)
	}
	for text, want := range map[string]string{
		change(`<\\|startoftext\\|>|<\\|endoftext\\|>|'s`, `'s`):                                      "",
		change(`"merges": ["i n",`, `"merges": [["i", "n"],`):                                         "",
		change(`"padding": null`, `"padding": {"direction": "Right", "pad_id": 0, "pad_token": "!"}`): "",
		change(`"padding": null`, `"padding": {"direction": "Left"}`):                                 `padding.direction is "Left"; only models where it is "Right"`,
		change(`"Lowercase"`, `"NFKC"`):                                                               `normalizer.normalizers[2].type is "NFKC"; only models where it is "Lowercase" can be read here: it is not the tokenizer of a CLIP model`,
		change(`, {"type": "Lowercase"}`, ``):                                                         "that of a CLIP model has 3 steps",
		change(`"normalizer": {"type": "Sequence", "normalizers"`, `"normalizer": {"normalizers"`):    "",
		change(`'re|`, ``):                          "pre_tokenizer.pretokenizers[0].pattern",
		change(`"invert": true`, `"invert": false`): "pre_tokenizer.pretokenizers[0].invert is false",
		change(`, "invert": true`, ``):              "pre_tokenizer.pretokenizers[0] has no invert",
		change(`"add_prefix_space": false, "trim_offsets": true`, `"add_prefix_space": true`): "pre_tokenizer.pretokenizers[1].add_prefix_space is true",
		change(`"sep": ["<|endoftext|>"`, `"sep": ["</s>"`):                                   "post_processor puts",
		change(`"RobertaProcessing"`, `"ByteLevel"`):                                          `post_processor.type is "ByteLevel"`,
		change(`"type": "BPE"`, `"type": "WordPiece"`):                                        `model.type is "WordPiece"; only models where it is "BPE"`,
		change(`"dropout": null`, `"dropout": 0.1`):                                           "model.dropout is 0.1",
		change(`"end_of_word_suffix": "</w>"`, `"end_of_word_suffix": ""`):                    `model.end_of_word_suffix is ""`,
		change(`"version"`, `"Version"`):                                                      "Version is",
		change(`"merges": ["i n",`, `"merges": [["i"],`):                                      "model.merges[0] is",
		change(`"merges": ["i n",`, `"merges": ["i 猫",`):                                      `model.merges[0]: token "猫" is not in model.vocab`,
		change(`"id": 1214`, `"id": 1300`):                                                    "and numbers have no gaps",
		change(`"id": 1214`, `"id": 7`):                                                       `has number 7, which is`,
		change(`"content": "<Cat-Toy>"`, `"content": ""`):                                     "added token 1214 has no content",
		change(`"content": "<Cat-Toy>"`, `"content": "<Cat-Toy>", "strip": true`):             "an added token's strip is true: this setting is not known",
		change(`"model": {`, `"model": {"unk": 1, `):                                          "model.unk is 1: this setting is not known",
		`{"version": "1.0"}`:                                                                  "model.vocab is no object of tokens",
		`[]`:                                                                                  "tokenizer.json: line 1",
	} {
		dir := dirOf(t, map[string]json.RawMessage{jsonFile: json.RawMessage(text)})
		tok, err := Open(dir)
		if want == "" {
			if err != nil {
				t.Errorf("%v", err)
			} else if got, err := tok.Encode(all.Captions[0], 100); err != nil || !slices.Equal(got.IDs[:got.Len], all.Cases[i].IDs[0]) {
				t.Errorf("other tokens %v, %v", got.IDs[:got.Len], err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), dir) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

// What other files say of a tokenizer is done, of no account, or an error that names it.
func TestSettings(t *testing.T) {
	for _, c := range []struct{ file, text, want string }{
		{settingsFile, `{"tokenizer_class": "CLIPTokenizerFast", "do_lower_case": true, "errors": "replace", "add_prefix_space": false, "name_or_path": "x", "unk_token": "?"}`, ""},
		{settingsFile, `{"tokenizer_class": "T5Tokenizer"}`, `tokenizer_class is "T5Tokenizer"`},
		{settingsFile, `{"padding_side": "left"}`, `padding_side is "left"`},
		{settingsFile, `{"truncation_side": "left"}`, `truncation_side is "left"`},
		{settingsFile, `{"split_special_tokens": true}`, "split_special_tokens is true"},
		{settingsFile, `{"prefix_text": "a photo of"}`, "prefix_text is"},
		{settingsFile, `{"model_max_length": 1}`, "model_max_length is 1"},
		{settingsFile, `{"model_max_length": 1e30}`, ""},
		{settingsFile, `{"added_tokens_decoder": {"x": {}}}`, `added_tokens_decoder has "x"`},
		{settingsFile, `{"eos_token": "!"}`, `eos_token is "!"; that of a CLIP model is <|endoftext|>`},
		{settingsFile, `{"additional_special_tokens": ["<new>"]}`, `special token "<new>" has no number`},
		{specialFile, `{"additional_special_tokens": [3]}`, "additional_special_tokens has 3"},
		{specialFile, `{"mask_token": "<mask>"}`, `mask_token "<mask>" is not in vocab.json, nor among the added tokens`},
		{specialFile, `{"image_token": "<image>"}`, "image_token is"},
		{addedFile, `{"<new>": 1214}`, ""},
		{addedFile, `{"<new>": 1300}`, `"<new>" has number 1300; there are 1214 tokens before it`},
		{addedFile, `["<new>"]`, "line 1"},
	} {
		dir := dirOf(t, map[string]json.RawMessage{c.file: json.RawMessage(c.text)})
		_, err := Open(dir)
		if (err != nil) != (c.want != "") || err != nil && (!strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), dir)) {
			t.Errorf("%s %s: error %v, want %q", c.file, c.text, err, c.want)
		}
	}
	tok := open(t, dirOf(t, map[string]json.RawMessage{settingsFile: json.RawMessage(`{"model_max_length": 12}`)}))
	if tok.Most(77) != 12 || tok.Most(8) != 8 {
		t.Errorf("at most %d of 77 tokens, %d of 8", tok.Most(77), tok.Most(8))
	}
}

// FuzzJSON reads anything as a tokenizer.json, beside whatever settings.
func FuzzJSON(f *testing.F) {
	for _, c := range readAddedCases(f).Cases {
		f.Add([]byte(withSmall(f, c.Files[jsonFile])), []byte(c.Files[settingsFile]), "a <cat-Toy> thing")
	}
	f.Fuzz(func(t *testing.T, file, config []byte, text string) {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(small)); err != nil {
			t.Fatal(err)
		}
		if len(file) > 0 {
			write(t, dir, jsonFile, string(file))
		}
		if len(config) > 0 {
			write(t, dir, settingsFile, string(config))
		}
		tok, err := Open(dir)
		if err != nil || len(text) > 1000 {
			return
		}
		got, err := tok.Encode(text, 40)
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
