package data

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"slices"
	"unicode"
	"unicode/utf8"
)

// Texts are rows of token ids, held as numbers. A row starts with the token that stands
// for the text as a whole, as BERT's [CLS] does; then comes a token for each word, and
// then 0, which is padding. A word is a run of letters, marks and digits, in lower case.
// Words are not looked up but hashed (Weinberger et al. 2009, arXiv 0902.2206): a word's
// id is 2 plus the remainder of its FNV-1a hash of 64 bits by Vocabulary - 2. So no list
// of words has to be kept, and words with the same remainder are one to a network.
const (
	Vocabulary  = 8192 // ids of tokens are below it
	textToken   = 1    // what every text starts with
	firstWord   = 2
	usualTokens = 64 // of a text, unless Options.Size says otherwise
)

// Bounds on files of texts.
const (
	maxLine        = 1 << 20
	maxTextClasses = 1 << 16
	maxTexts       = 1 << 23
)

// Tokens writes the ids of a text's tokens to dst: as many words as there is room for,
// then zeros. See [Vocabulary].
func Tokens(dst []float32, text string) {
	clear(dst)
	ids := appendTokens(nil, []byte(text), len(dst))
	for i, id := range ids[:min(len(ids), len(dst))] {
		dst[i] = float32(id)
	}
}

// appendTokens appends the tokens of a text, at most so many.
func appendTokens(ids []uint16, text []byte, most int) []uint16 {
	return appendWords(append(ids, textToken), text, len(ids)+most)
}

// appendWords appends a text's words up to a number of tokens.
func appendWords(ids []uint16, text []byte, most int) []uint16 {
	word, inside := fnv.New64a(), false
	end := func() {
		if inside && len(ids) < most {
			ids = append(ids, firstWord+uint16(word.Sum64()%(Vocabulary-firstWord)))
		}
		word.Reset()
		inside = false
	}
	var lower [utf8.UTFMax]byte
	for len(text) > 0 && len(ids) < most {
		r, n := utf8.DecodeRune(text)
		text = text[n:]
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) {
			end()
			continue
		}
		word.Write(lower[:utf8.EncodeRune(lower[:], unicode.ToLower(r))])
		inside = true
	}
	end()
	return ids
}

// inTest draws the test split: a tenth, by a hash of what must not be in both. It does not
// depend on how many tokens are kept.
func inTest(key string) bool {
	h := fnv.New64a()
	io.WriteString(h, key)
	return h.Sum64()%10 == 0
}

// keyOf is a text as the key of a map.
func keyOf(ids []uint16) string {
	b := make([]byte, 0, 2*len(ids))
	for _, id := range ids {
		b = binary.LittleEndian.AppendUint16(b, id)
	}
	return string(b)
}

// texts are examples in memory, without their padding.
type texts struct {
	ids  []uint16
	ends []int // of each text in ids
}

func (x *texts) at(i int) []uint16 {
	begin := 0
	if i > 0 {
		begin = x.ends[i-1]
	}
	return x.ids[begin:x.ends[i]]
}

func (x *texts) read(dst []float32, i int) error {
	clear(dst)
	for k, id := range x.at(i) {
		dst[k] = float32(id)
	}
	return nil
}

func (x *texts) identify(w io.Writer, i int) {
	io.WriteString(w, keyOf(x.at(i)))
}

// A corpus is labelled texts as they are read.
type corpus struct {
	tokens  int // of a text, at most
	most    int // texts
	classes []string
	number  map[string]int
	test    []bool // whether a text is in the test split
	labels  []int
	texts
}

func newCorpus(tokens int) *corpus {
	return &corpus{tokens: tokens, most: maxTexts, number: map[string]int{}}
}

// end ends the text whose tokens are those of ids from begin on, and cuts it.
func (c *corpus) end(begin int, label string, test bool) error {
	if len(c.labels) == c.most {
		return fmt.Errorf("more than %d texts: split the file", c.most)
	}
	l, seen := c.number[label]
	if !seen {
		if len(c.classes) == maxTextClasses {
			return fmt.Errorf("more than %d labels: what comes first in a line must be the class", maxTextClasses)
		}
		l = len(c.classes)
		c.classes = append(c.classes, label)
		c.number[label] = l
	}
	c.ids = c.ids[:min(len(c.ids), begin+c.tokens)]
	c.labels = append(c.labels, l)
	c.test = append(c.test, test)
	c.ends = append(c.ends, len(c.ids))
	return nil
}

// part returns the texts of the training or of the test split, nil for none, with their
// classes numbered as in names.
func (c *corpus) part(test bool, names []string) *Set {
	all := &Set{Labels: make([]int, len(c.labels)), Shape: []int{c.tokens}, Text: true, source: &c.texts}
	renumber := make([]int, len(c.classes))
	for l, name := range c.classes {
		renumber[l] = slices.Index(names, name)
	}
	var idx []int
	for i, l := range c.labels {
		if all.Labels[i] = renumber[l]; all.Labels[i] >= 0 && c.test[i] == test {
			idx = append(idx, i)
		}
	}
	if len(idx) == 0 {
		return nil
	}
	return all.Select(idx)
}

var textFormat = Format{
	Name: "text", Place: "FILE", Sized: true, Open: openText,
	Info: "a line a text: LABEL<TAB>TEXT, or JSON with label and text; or a directory with train.tsv, val.tsv, test.tsv or .jsonl",
}

// openText reads labelled texts: a file, a tenth of whose texts is the test split, or a
// directory with files train, val and test, which may end in .tsv, .jsonl, .txt and .gz.
func openText(place string, o *Options) (*Splits, error) {
	tokens, err := o.Size.tokens()
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(place)
	if err != nil {
		return nil, err
	}
	s := &Splits{}
	if !info.IsDir() {
		c := newCorpus(tokens)
		if err := c.readFile(place, true); err != nil {
			return nil, err
		}
		s.Classes = inOrder(c.classes)
		s.Train, s.Test = c.part(false, s.Classes), c.part(true, s.Classes)
		return s, nil
	}
	var names []string
	parts := map[string]*corpus{}
	for _, part := range []string{"train", "val", "test"} {
		path, err := findText(place, part)
		if err != nil {
			return nil, err
		}
		if path == "" {
			continue
		}
		c := newCorpus(tokens)
		if err := c.readFile(path, false); err != nil {
			return nil, err
		}
		parts[part] = c
		names = append(names, c.classes...)
	}
	if len(parts) == 0 {
		return nil, fmt.Errorf("%s: no texts there; they are named train.tsv, val.tsv and test.tsv, or .jsonl, .txt, with or without .gz", place)
	}
	slices.Sort(names)
	s.Classes = inOrder(slices.Compact(names))
	for part, set := range map[string]**Set{"train": &s.Train, "val": &s.Val, "test": &s.Test} {
		if c := parts[part]; c != nil {
			*set = c.part(false, s.Classes)
		}
	}
	return s, nil
}

// findText returns the path of a split's file, or "".
func findText(dir, part string) (string, error) {
	found := ""
	for _, ext := range []string{".tsv", ".jsonl", ".txt"} {
		for _, gz := range []string{"", ".gz"} {
			path := filepath.Join(dir, part+ext+gz)
			if !isFile(path) {
				continue
			}
			if found != "" {
				return "", fmt.Errorf("%s and %s are both the %s split: keep one", found, path, part)
			}
			found = path
		}
	}
	return found, nil
}

// readFile reads a file of texts; with cut, some of them are the test split.
func (c *corpus) readFile(path string, cut bool) error {
	r, err := openPlain(path)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := c.parse(r, cut); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// parse reads lines LABEL<TAB>TEXT, or of JSON if the first starts with a brace. Empty
// lines say nothing, and nor does a first line "label<TAB>text".
func (c *corpus) parse(r io.Reader, cut bool) error {
	split, first := splitTSV, true
	for line, err := range lines(r) {
		if err != nil {
			return err
		}
		text := bytes.TrimSpace(line.text)
		if len(text) == 0 {
			continue
		}
		if first && text[0] == '{' {
			split = splitJSON
		}
		label, words, err := split(line.text)
		if err != nil {
			return fmt.Errorf("line %d: %w", line.n, err)
		}
		head := first && label == "label" && string(words) == "text"
		if first = false; head {
			continue
		}
		begin := len(c.ids)
		c.ids = appendTokens(c.ids, words, maxSize)
		if err := c.end(begin, label, cut && inTest(keyOf(c.ids[begin:]))); err != nil {
			return fmt.Errorf("line %d: %w", line.n, err)
		}
	}
	if len(c.labels) == 0 {
		return errors.New("there is no text; " + textLine)
	}
	return nil
}

const textLine = `a line is LABEL<TAB>TEXT, or {"label": "LABEL", "text": "TEXT"}`

func splitTSV(line []byte) (label string, text []byte, err error) {
	l, text, ok := bytes.Cut(line, []byte{'\t'})
	if l = bytes.TrimSpace(l); !ok || len(l) == 0 {
		return "", nil, fmt.Errorf("%q has no label and tab; %s", shortened(line), textLine)
	}
	return string(l), bytes.TrimSpace(text), nil
}

// splitJSON takes the label, a string or a number, and the text of an object.
func splitJSON(line []byte) (label string, text []byte, err error) {
	var v struct {
		Label json.RawMessage
		Text  *string
	}
	if err := json.Unmarshal(line, &v); err != nil {
		return "", nil, fmt.Errorf("%q: %w; %s", shortened(line), err, textLine)
	}
	if json.Unmarshal(v.Label, &label) != nil {
		var number json.Number
		if json.Unmarshal(v.Label, &number) == nil {
			label = number.String()
		}
	}
	if label == "" || v.Text == nil {
		return "", nil, fmt.Errorf("%q has no label or no text; %s", shortened(line), textLine)
	}
	return label, []byte(*v.Text), nil
}

// shortened is the beginning of a line, for errors.
func shortened(line []byte) []byte { return line[:min(len(line), 60)] }

// A numberedLine is a line of a file, without its end; it is valid until the next.
type numberedLine struct {
	n    int
	text []byte
}

// lines goes through the lines of a text in UTF-8. An error ends it.
func lines(r io.Reader) func(yield func(numberedLine, error) bool) {
	return func(yield func(numberedLine, error) bool) {
		in := bufio.NewScanner(&limited{r, maxMemory})
		in.Buffer(make([]byte, 1<<16), maxLine)
		n := 0
		for in.Scan() {
			n++
			text := in.Bytes()
			if n == 1 {
				text = bytes.TrimPrefix(text, []byte("\uFEFF")) // what some editors start a file with
			}
			if !utf8.Valid(text) {
				yield(numberedLine{}, fmt.Errorf("line %d is not UTF-8: convert the file", n))
				return
			}
			if !yield(numberedLine{n, text}, nil) {
				return
			}
		}
		if err := in.Err(); errors.Is(err, bufio.ErrTooLong) {
			yield(numberedLine{}, fmt.Errorf("line %d is longer than %d bytes: cut it, or delete it", n+1, maxLine))
		} else if err != nil {
			yield(numberedLine{}, fmt.Errorf("cut short or damaged after line %d (%w); get it again", n, err))
		}
	}
}
