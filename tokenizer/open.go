package tokenizer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/monge-ml/monge/internal/atomicfile"
	"github.com/monge-ml/monge/internal/foreign"
)

// maxFile bounds the bytes of a file. CLIP's vocabulary is a tenth of it.
const maxFile = 8 << 20

// The files of a directory. Where the first is there the next two are not read.
const (
	jsonFile     = "tokenizer.json"
	vocabFile    = "vocab.json"
	mergesName   = "merges.txt"
	settingsFile = "tokenizer_config.json"
	specialFile  = "special_tokens_map.json"
	addedFile    = "added_tokens.json"
)

// In reports whether a directory has a tokenizer's files, or some of them.
func In(dir string) bool {
	for _, name := range []string{jsonFile, vocabFile, mergesName} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return true
		}
	}
	return false
}

// Open reads a tokenizer from a directory laid out as Hugging Face's CLIP models are:
// tokenizer.json, or vocab.json and merges.txt, and beside them tokenizer_config.json,
// special_tokens_map.json and added_tokens.json if they are there. What they ask for is done, does
// not matter, or is an error.
func Open(dir string) (*Tokenizer, error) {
	t, ids, added, err := openVocabulary(dir)
	if err != nil {
		return nil, err
	}
	s := settings{added: addedTokens{}, named: map[string]named{}}
	for _, f := range []struct {
		name string
		read func(data []byte, path string) error
	}{{settingsFile, s.readSettings}, {specialFile, s.readSpecial}, {addedFile, s.readAdded}} {
		path := filepath.Join(dir, f.name)
		data, err := readFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if err := f.read(data, path); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(added)) {
		if err := s.added.add(id, added[id]); err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Join(dir, jsonFile), err)
		}
	}
	if err := t.addTokens(s.added, ids); err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return t, s.apply(t, ids)
}

// openVocabulary reads what is in tokenizer.json, or in vocab.json and merges.txt.
func openVocabulary(dir string) (*Tokenizer, map[string]int32, addedTokens, error) {
	path := filepath.Join(dir, jsonFile)
	data, err := readFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		t, ids, err := openOlder(dir)
		return t, ids, nil, err
	}
	if err != nil {
		return nil, nil, nil, err
	}
	ids, merges, added, err := parseJSON(data)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, name := range []string{startOfText, endOfText} { // some have them among the added alone
		for id, token := range added {
			if _, in := ids[name]; !in && token.Content == name {
				ids[name] = id
			}
		}
	}
	t, err := fromVocab(ids)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("%s: model.vocab: %w", path, err)
	}
	for i, line := range merges {
		if err := t.addMerge(line, ids, "model.vocab"); err != nil {
			return nil, nil, nil, fmt.Errorf("%s: model.merges[%d]%w", path, i, err)
		}
	}
	return t, ids, added, nil
}

// openOlder reads vocab.json and merges.txt.
func openOlder(dir string) (*Tokenizer, map[string]int32, error) {
	path := filepath.Join(dir, vocabFile)
	data, err := readFile(path)
	if err != nil {
		return nil, nil, wanting(err)
	}
	ids, err := parseVocab(data)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	t, err := fromVocab(ids)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	path = filepath.Join(dir, mergesName)
	if data, err = readFile(path); err != nil {
		return nil, nil, wanting(err)
	}
	if err := t.parseMerges(data, ids); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, ids, nil
}

// wanting adds to the error of a file that is not there what should be.
func wanting(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: a tokenizer is %s, or %s and %s", err, jsonFile, vocabFile, mergesName)
	}
	return err
}

// Save writes files that [Open] reads, and transformers' CLIPTokenizer, into a directory.
func (t *Tokenizer) Save(dir string) error {
	vocab, outside := map[string]int{}, map[string]int{}
	decoder := map[string]addedToken{}
	for id, name := range t.names {
		a, added := t.added[int32(id)]
		if added {
			decoder[strconv.Itoa(id)] = a
		}
		if added && id >= t.made {
			outside[name] = id
		} else {
			vocab[name] = id
		}
	}
	named := map[string]string{"bos_token": startOfText, "eos_token": endOfText, "unk_token": endOfText, "pad_token": t.names[t.Pad]}
	settings := map[string]any{"tokenizer_class": "CLIPTokenizer", "added_tokens_decoder": decoder}
	for key, token := range named {
		settings[key] = token
	}
	if t.Max > 0 {
		settings["model_max_length"] = t.Max
	}
	if t.Clean {
		settings[cleanKey] = true
	}
	files := []struct {
		name  string
		value any
	}{{vocabFile, vocab}, {specialFile, named}, {settingsFile, settings}, {addedFile, outside}}
	err := writeFile(dir, mergesName, mergesFile(t.merges))
	for _, f := range files {
		if f.name == addedFile && len(outside) == 0 {
			continue
		}
		data, errJSON := json.Marshal(f.value)
		err = errors.Join(err, errJSON, writeFile(dir, f.name, data))
	}
	return err
}

func mergesFile(lines []string) []byte {
	return []byte("#version: 0.2\n" + strings.Join(lines, "\n") + "\n")
}

func writeFile(dir, name string, data []byte) error {
	return atomicfile.Write(filepath.Join(dir, name), func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

func readFile(path string) ([]byte, error) {
	data, err := foreign.ReadUpTo(path, maxFile)
	return foreign.Text(data), err
}

// parseVocab reads a JSON object of tokens and their numbers.
func parseVocab(data []byte) (map[string]int32, error) {
	var ids map[string]int32
	if err := unmarshal(data, &ids); err != nil {
		return nil, err
	}
	return ids, nil
}

// unmarshal is json.Unmarshal with the line in its errors.
func unmarshal(data []byte, to any) error {
	err := json.Unmarshal(data, to)
	offset := int64(-1)
	if syntax := (*json.SyntaxError)(nil); errors.As(err, &syntax) {
		offset = syntax.Offset
	}
	if kind := (*json.UnmarshalTypeError)(nil); errors.As(err, &kind) {
		offset = kind.Offset
	}
	if offset < 0 {
		return err
	}
	return fmt.Errorf("line %d: %w", 1+bytes.Count(data[:min(offset, int64(len(data)))], []byte("\n")), err)
}

// fromVocab returns a tokenizer that merges nothing. The numbers of n tokens are 0 to n-1.
func fromVocab(ids map[string]int32) (*Tokenizer, error) {
	t := &Tokenizer{names: make([]string, len(ids)), tokens: make([]string, len(ids)), made: len(ids), ranks: map[pair]int32{}}
	taken := make([]bool, len(ids))
	for token, id := range ids {
		if id < 0 || int(id) >= len(ids) || taken[id] {
			return nil, fmt.Errorf("token %.80q has number %d; each of the %d tokens should have its own from 0 on", token, id, len(ids))
		}
		text, err := toBytes(token)
		if err != nil {
			return nil, err
		}
		t.names[id], t.tokens[id], taken[id] = token, text, true
	}
	for b := range 256 {
		c := string(alphabet[b])
		var ok, okFinal bool
		t.inner[b], ok = ids[c]
		t.final[b], okFinal = ids[c+endOfWord]
		if !ok || !okFinal {
			return nil, fmt.Errorf("token %q or %q is missing; this is not the vocabulary of a CLIP model", c, c+endOfWord)
		}
	}
	for _, special := range []struct {
		id   *int
		name string
	}{{&t.Start, startOfText}, {&t.End, endOfText}} {
		id, ok := ids[special.name]
		if !ok {
			return nil, fmt.Errorf("token %q is missing; this is not the vocabulary of a CLIP model", special.name)
		}
		*special.id = int(id)
	}
	t.Pad = t.End
	return t, nil
}

// parseMerges reads lines of two tokens that become one, most important first, after a line
// with a version.
func (t *Tokenizer) parseMerges(data []byte, ids map[string]int32) error {
	lines := strings.Split(strings.TrimRight(string(data), "\r\n"), "\n")
	first := 0
	if strings.HasPrefix(lines[0], "#version") {
		first = 1
	}
	for i, line := range lines[first:] {
		if err := t.addMerge(strings.TrimSuffix(line, "\r"), ids, "vocab.json; the two files should be of one model"); err != nil {
			return fmt.Errorf("line %d%w", i+first+1, err)
		}
	}
	return nil
}

// addMerge adds the next pair that is merged. Its error goes on after the pair's place.
func (t *Tokenizer) addMerge(line string, ids map[string]int32, vocabulary string) error {
	left, right, ok := strings.Cut(line, " ")
	if !ok || left == "" || right == "" || strings.Contains(right, " ") {
		return fmt.Errorf(" is %.80q; it should be two tokens with a space between", line)
	}
	var known [3]int32
	for k, token := range []string{left, right, left + right} {
		if known[k], ok = ids[token]; !ok {
			return fmt.Errorf(": token %.80q is not in %s", token, vocabulary)
		}
	}
	p := pairOf(known[0], known[1])
	if _, ok := t.ranks[p]; ok {
		return fmt.Errorf(": %.80q stands there for the second time", line)
	}
	t.ranks[p] = int32(len(t.products))
	t.merges = append(t.merges, line)
	t.products = append(t.products, known[2])
	return nil
}

// alphabet has the character of each byte in the files, which is GPT-2's: itself, or one from
// U+0100 on for what is no printable character of Latin-1.
var alphabet, byteOf = func() (chars [256]rune, bytes map[rune]byte) {
	bytes = map[rune]byte{}
	next := rune(256)
	for b := range 256 {
		chars[b] = rune(b)
		if b <= ' ' || b > '~' && b <= 0xa0 || b == 0xad {
			chars[b] = next
			next++
		}
		bytes[chars[b]] = byte(b)
	}
	return chars, bytes
}()

// toBytes returns the bytes that a token's characters stand for, and a space if it ends a word.
func toBytes(token string) (string, error) {
	token, final := strings.CutSuffix(token, endOfWord)
	text := make([]byte, 0, len(token)+1)
	for _, r := range token {
		b, ok := byteOf[r]
		if !ok {
			return "", fmt.Errorf("token %.80q has the character %q, which stands for no byte; this is not the vocabulary of a CLIP model", token, r)
		}
		text = append(text, b)
	}
	if final {
		text = append(text, ' ')
	}
	return string(text), nil
}
