package data

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Texts become rows of token ids, held as numbers, by a [Tokenizer]. With [HashedWords] a row starts with the token that stands
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

// A Tokenizer writes the ids of a text's tokens to dst: as many as there is room for, then
// zeros. It may be called concurrently.
type Tokenizer func(dst []float32, text string)

// HashedWords is the [Tokenizer] of networks that bring none of their own, see [Vocabulary].
func HashedWords(dst []float32, text string) {
	clear(dst)
	w := words{rest: text}
	for i := range dst {
		if i == 0 {
			dst[0] = textToken
			continue
		}
		id, ok := w.next()
		if !ok {
			return
		}
		dst[i] = float32(id)
	}
}

// appendTokens appends the hashed tokens of a text, at most so many.
func appendTokens(ids []uint16, text string, most int) []uint16 {
	ids = append(ids, textToken)
	w := words{rest: text}
	for range most - 1 {
		id, ok := w.next()
		if !ok {
			break
		}
		ids = append(ids, id)
	}
	return ids
}

// words goes through the words of a text.
type words struct{ rest string }

// FNV-1a of 64 bits.
const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

// next returns the id of the next word, false if there is none.
func (w *words) next() (id uint16, ok bool) {
	hash, inside := uint64(fnvOffset), false
	var lower [utf8.UTFMax]byte
	for len(w.rest) > 0 {
		r, n := utf8.DecodeRuneInString(w.rest)
		w.rest = w.rest[n:]
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) {
			if inside {
				break
			}
			continue
		}
		for _, b := range lower[:utf8.EncodeRune(lower[:], unicode.ToLower(r))] {
			hash = (hash ^ uint64(b)) * fnvPrime
		}
		inside = true
	}
	return firstWord + uint16(hash%(Vocabulary-firstWord)), inside
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

// texts are texts in memory, one after the other, without tokens yet.
type texts struct {
	all  string
	ends []int // of each text
}

func (x *texts) at(i int) string {
	begin := 0
	if i > 0 {
		begin = x.ends[i-1]
	}
	return x.all[begin:x.ends[i]]
}

var errNoTokens = errors.New("the texts have no tokens yet: Splits.Tokenized makes them")

func (x *texts) read([]float32, int) error { return errNoTokens }

// tokenized are texts as the tokens of a tokenizer.
type tokenized struct {
	*texts
	tokenizer Tokenizer
	hashed    int // tokens of a text, if they are hashed words, else 0
}

func (x *tokenized) read(dst []float32, i int) error {
	x.tokenizer(dst, x.at(i))
	return nil
}

// identify writes the hashed words that a network sees, or for other tokens the text.
func (x *tokenized) identify(w io.Writer, i int) {
	if x.hashed > 0 {
		io.WriteString(w, keyOf(appendTokens(nil, x.at(i), x.hashed)))
		return
	}
	io.WriteString(w, x.at(i)+"\x00")
}

// NewTexts returns the set of some texts in UTF-8, without labels, targets or tokens: see
// [Set.WithLabels], [Set.WithTargets] and [Splits.Tokenized].
func NewTexts(list []string) (*Set, error) {
	c := newCorpus()
	for i, text := range list {
		if !utf8.ValidString(text) {
			return nil, fmt.Errorf("text %d is not UTF-8", i)
		}
		c.all.WriteString(text)
		c.ends = append(c.ends, c.all.Len())
	}
	if len(list) == 0 {
		return nil, errors.New("no texts")
	}
	s := newLazy(len(list), nil, c.texts())
	s.text = true
	return s, nil
}

// Texts reports whether the examples are texts: rows of token ids, or without tokens yet.
func (s *Set) Texts() bool { return s != nil && s.text }

// Tokenized returns the data set with its texts as rows of tokens: so many, or with 0 as many
// as Options.Size said, or else 64. A nil tokenizer is [HashedWords]. A data set without texts
// is returned as it is; one that has tokens gets these instead.
func (s *Splits) Tokenized(t Tokenizer, length int) (*Splits, error) {
	if length == 0 {
		length = cmp.Or(s.tokens, usualTokens)
	}
	if length < 1 || length > maxSize {
		return nil, usage("texts of %d tokens; there must be between 1 and %d", length, maxSize)
	}
	out := *s
	for _, set := range []**Set{&out.Train, &out.Val, &out.Test} {
		if !(*set).Texts() {
			continue
		}
		bound, err := (*set).tokenize(t, length)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.Name, err)
		}
		*set = bound
	}
	return &out, nil
}

func (s *Set) tokenize(t Tokenizer, length int) (*Set, error) {
	bound := &tokenized{tokenizer: t}
	switch source := s.source.(type) {
	case *texts:
		bound.texts = source
	case *tokenized:
		bound.texts = source.texts
	default:
		return nil, errors.New("the texts were copied or changed: make their tokens before that")
	}
	if t == nil {
		bound.tokenizer, bound.hashed = HashedWords, length
	}
	out := *s
	out.source, out.Shape = bound, []int{length}
	return &out, nil
}

// A corpus is labelled texts as they are read.
type corpus struct {
	most    int // texts
	classes []string
	number  map[string]int
	test    []bool // whether a text is in the test split
	labels  []int
	all     strings.Builder
	ends    []int // of each text in all
}

func newCorpus() *corpus { return &corpus{most: maxTexts, number: map[string]int{}} }

func (c *corpus) texts() *texts { return &texts{c.all.String(), c.ends} }

// add adds a text.
func (c *corpus) add(text []byte, label string, test bool) error {
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
	c.all.Write(text)
	c.labels = append(c.labels, l)
	c.test = append(c.test, test)
	c.ends = append(c.ends, c.all.Len())
	return nil
}

// part returns the texts of the training or of the test split, nil for none, with their
// classes numbered as in names.
func (c *corpus) part(test bool, names []string) *Set {
	all := &Set{Labels: make([]int, len(c.labels)), text: true, source: c.texts()}
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
func openText(place string, _ *Options) (*Splits, error) {
	info, err := os.Stat(place)
	if err != nil {
		return nil, err
	}
	s := &Splits{}
	if !info.IsDir() {
		c := newCorpus()
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
		c := newCorpus()
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
	var ids []uint16
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
		test := false
		if cut {
			ids = appendTokens(ids[:0], string(words), maxSize)
			test = inTest(keyOf(ids))
		}
		if err := c.add(words, label, test); err != nil {
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
