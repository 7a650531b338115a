package tokenizer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/monge-ml/monge/internal/atomicfile"
)

// maxFile bounds the bytes of a file. CLIP's vocabulary is a tenth of it.
const maxFile = 8 << 20

// Open reads vocab.json and merges.txt from a directory laid out as Hugging Face's CLIP
// models are. From special_tokens_map.json, or else tokenizer_config.json, it takes the token
// for padding if they are there.
func Open(dir string) (*Tokenizer, error) {
	path := filepath.Join(dir, "vocab.json")
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	ids, err := parseVocab(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	t, err := fromVocab(ids)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	path = filepath.Join(dir, "merges.txt")
	if data, err = readFile(path); err != nil {
		return nil, err
	}
	if err := t.parseMerges(data, ids); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, name := range []string{"tokenizer_config.json", "special_tokens_map.json"} {
		path := filepath.Join(dir, name)
		data, err := readFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if err := t.parsePad(data, ids); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return t, nil
}

// Save writes the files that [Open] reads into a directory.
func (t *Tokenizer) Save(dir string) error {
	ids := make(map[string]int, len(t.names))
	for id, name := range t.names {
		ids[name] = id
	}
	vocab, err := json.Marshal(ids)
	if err != nil {
		return err
	}
	special, err := json.Marshal(map[string]string{"bos_token": startOfText, "eos_token": endOfText, "pad_token": t.names[t.Pad]})
	if err != nil {
		return err
	}
	return errors.Join(writeFile(dir, "vocab.json", vocab), writeFile(dir, "merges.txt", mergesFile(t.merges)),
		writeFile(dir, "special_tokens_map.json", special))
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
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("%s: it has more than %d MiB; CLIP's has 1", path, maxFile>>20)
	}
	return data, err
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
	t := &Tokenizer{names: make([]string, len(ids)), tokens: make([]string, len(ids))}
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
	t.ranks = make(map[pair]int32, len(lines))
	t.products = make([]int32, 0, len(lines))
	for i, line := range lines[first:] {
		left, right, ok := strings.Cut(strings.TrimSuffix(line, "\r"), " ")
		if !ok || left == "" || right == "" || strings.Contains(right, " ") {
			return fmt.Errorf("line %d is %.80q; it should be two tokens with a space between", i+first+1, line)
		}
		var known [3]int32
		for k, token := range []string{left, right, left + right} {
			if known[k], ok = ids[token]; !ok {
				return fmt.Errorf("line %d: token %.80q is not in vocab.json; the two files should be of one model", i+first+1, token)
			}
		}
		p := pairOf(known[0], known[1])
		if _, ok := t.ranks[p]; ok {
			return fmt.Errorf("line %d: %.80q stands there for the second time", i+first+1, line)
		}
		t.ranks[p] = int32(len(t.products))
		t.merges = append(t.merges, left+" "+right)
		t.products = append(t.products, known[2])
	}
	return nil
}

// parsePad reads the token for padding, which is a string or an object that has one.
func (t *Tokenizer) parsePad(data []byte, ids map[string]int32) error {
	var config struct {
		Pad json.RawMessage `json:"pad_token"`
	}
	if err := unmarshal(data, &config); err != nil {
		return err
	}
	if config.Pad == nil || string(config.Pad) == "null" {
		return nil
	}
	var token string
	if json.Unmarshal(config.Pad, &token) != nil {
		var object struct{ Content *string }
		if json.Unmarshal(config.Pad, &object) != nil || object.Content == nil {
			return fmt.Errorf("pad_token is %.80s; it should be a token, or an object whose content is one", config.Pad)
		}
		token = *object.Content
	}
	id, ok := ids[token]
	if !ok {
		return fmt.Errorf("pad_token %.80q is not in vocab.json", token)
	}
	t.Pad = int(id)
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
