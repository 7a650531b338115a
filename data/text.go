package data

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"slices"
	"unicode/utf8"

	wording "github.com/monge-ml/monge/internal/words"
)

// Texts become rows of token ids, held as numbers, by a [Tokenizer]. With [HashedWords] a row starts with the token that stands
// for the text as a whole, as BERT's [CLS] does; then comes a token for each word, and
// then 0, which is padding. A word is a run of letters, marks and digits, in lower case; of scripts
// that put no spaces between words each character is one, and so is each emoji.
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

// texts are texts in memory, or pairs of texts, one after the other, without tokens yet.
type texts struct {
	all   string
	ends  []int // of each text, of both of a pair
	pairs bool
	// chosen says that a spec names the texts of pairs, so that one alone is not meant.
	chosen bool
	// pictures says that they are the bytes of images.
	pictures bool
}

func (x *texts) len() int {
	if x.pairs {
		return len(x.ends) / 2
	}
	return len(x.ends)
}

func (x *texts) at(i int) string {
	begin := 0
	if i > 0 {
		begin = x.ends[i-1]
	}
	return x.all[begin:x.ends[i]]
}

// pair returns both texts of a pair, or a text and nothing.
func (x *texts) pair(i int) (first, second string) {
	if !x.pairs {
		return x.at(i), ""
	}
	return x.at(2 * i), x.at(2*i + 1)
}

// first returns a text, or the first of a pair.
func (x *texts) first(i int) string {
	text, _ := x.pair(i)
	return text
}

// identify writes an example's texts.
func (x *texts) identify(w io.Writer, i int) {
	first, second := x.pair(i)
	io.WriteString(w, first+"\x00")
	if x.pairs {
		io.WriteString(w, second+"\x00")
	}
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
	x.tokenizer(dst, x.first(i))
	return nil
}

// identify writes the hashed words that a network sees, or for other tokens the text.
func (x *tokenized) identify(w io.Writer, i int) {
	if x.hashed > 0 {
		io.WriteString(w, keyOf(appendTokens(nil, x.first(i), x.hashed)))
		return
	}
	x.texts.identify(w, i)
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

// Pairs reports whether the examples are pairs of texts.
func (s *Set) Pairs() bool {
	if !s.Texts() {
		return false
	}
	x, err := s.texts()
	return err == nil && x.pairs
}

// Tokenized returns the data set with its texts as rows of tokens: so many, or with 0 as many
// as Options.Size said, or else 64. A nil tokenizer is [HashedWords]. A data set without texts
// is returned as it is; one that has tokens gets these instead.
func (s *Splits) Tokenized(t Tokenizer, length int) (*Splits, error) {
	pairs := false
	for _, p := range s.Parts() {
		x, err := p.texts()
		if err == nil && x.pairs && x.chosen {
			return nil, fmt.Errorf("%s: %w", s.Name, errPairs)
		}
		pairs = pairs || err == nil && x.pairs
	}
	out, err := s.bind(length, func(x *texts, _ *Set, length int) source {
		if t == nil {
			return &tokenized{texts: x, tokenizer: HashedWords, hashed: length}
		}
		return &tokenized{texts: x, tokenizer: t}
	})
	if err != nil {
		return nil, err
	}
	if pairs {
		out.Notes = append(slices.Clip(out.Notes), "the network takes one text: of each pair it sees the first")
	}
	if t != nil {
		return out, nil
	}
	wordless := 0
	for _, p := range out.Parts() {
		if p.Texts() {
			wordless += p.wordless()
		}
	}
	if wordless > 0 {
		out.Notes = append(slices.Clip(out.Notes), count(wordless, "text")+" without a word: to a network they are all the same")
	}
	return out, nil
}

// textLength is how many tokens a text has, see [Splits.Tokenized].
func (s *Splits) textLength(length int) (int, error) {
	if length == 0 {
		length = cmp.Or(s.tokens, usualTokens)
	}
	if length < 1 || length > maxSize {
		return 0, usage("texts of %d tokens; there must be between 1 and %d", length, maxSize)
	}
	return length, nil
}

// texts returns the texts that the examples are of.
func (s *Set) texts() (*texts, error) {
	switch source := s.source.(type) {
	case *texts:
		return source, nil
	case *tokenized:
		return source.texts, nil
	case *packed:
		return source.texts, nil
	}
	return nil, errors.New("the texts were copied or changed: make their tokens before that")
}

// Words returns how many words each example has, of a pair both texts together; nil of examples that
// are no texts.
func (s *Set) Words() []int {
	if !s.Texts() {
		return nil
	}
	x, err := s.texts()
	if err != nil {
		return nil
	}
	counts := make([]int, s.Len())
	for i := range counts {
		first, second := x.pair(s.Number(i))
		for _, text := range []string{first, second} {
			w := words{rest: text}
			for _, ok := w.next(); ok; _, ok = w.next() {
				counts[i]++
			}
		}
	}
	return counts
}

// wordless counts the texts without a word.
func (s *Set) wordless() (n int) {
	x := s.source.(*tokenized)
	for i := range s.Len() {
		w := words{rest: x.first(s.Number(i))}
		if _, ok := w.next(); !ok {
			n++
		}
	}
	return n
}

var textFormat = Format{
	Name: "text", Place: "FILE", Sized: true, Open: openText,
	Info: "a line a text: LABEL<TAB>TEXT, or columns with names, or JSON with label and text (?label=NAME&text=NAME, &text=FIRST,SECOND of pairs, target=NAME,NAME or labels=NAME in place of the label); or a directory with train.tsv, val.tsv, test.tsv, or .csv or .jsonl",
}

// openText reads labelled texts: a file, a tenth of whose texts is the test split, or a
// directory with files train, val and test, which may end in .tsv, .csv, .jsonl, .json, .txt and .gz.
func openText(place string, _ *Options) (*Splits, error) {
	path, columns, err := parseTextSpec(place)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return openTexts(path, columns)
}

// csvTextFormat is what csv:FILE is where the spec names columns of texts.
var csvTextFormat = Format{Name: csvFormat.Name, Place: csvFormat.Place, Info: csvFormat.Info, Sized: true, Open: openCSVTexts}

func openCSVTexts(place string, _ *Options) (*Splits, error) {
	path, columns, err := parseTextSpec(place)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	columns.csv = true
	return openTexts(path, columns)
}

// namesTexts reports whether the spec of a table says that it has texts.
func namesTexts(place string) bool {
	_, columns, err := parseTextSpec(place)
	return err == nil && columns.texts != nil
}

// jsonlFormat is texts by another name: what a line is decides.
var jsonlFormat = Format{
	Name: "jsonl", Place: "FILE", Sized: true, Open: openText,
	Info: "likewise: a line an object with label and text",
}

// openTexts reads texts of a file or a directory.
func openTexts(path string, columns textColumns) (*Splits, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return openTextDirectory(path, columns)
	}
	c := newCorpus()
	if err := c.readFile(path, columns, true); err != nil {
		return nil, err
	}
	return c.splits(path)
}

// splits are those of a file, of whose texts some are in the test split.
func (c *corpus) splits(path string) (*Splits, error) {
	c.trainAll()
	s := &Splits{Notes: c.notes}
	if err := s.nameOutputs([]*corpus{c}); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	s.Train, s.Test = c.part(false, s.outputNames()), c.part(true, s.outputNames())
	return s, nil
}

// openTextDirectory reads a file for each split. A test file without labels, as of contests, is
// left out.
func openTextDirectory(dir string, columns textColumns) (*Splits, error) {
	var parts [3]*corpus
	s, found := &Splits{}, 0
	for i := range parts {
		path, err := findText(dir, splitFolders[i])
		if err != nil {
			return nil, err
		}
		if path == "" {
			continue
		}
		found++
		c := newCorpus()
		err = c.readFile(path, columns, false)
		if none := unlabelled(""); i == len(parts)-1 && errors.As(err, &none) {
			s.Notes = append(s.Notes, path+" has no labels, and is left out")
			continue
		}
		if err != nil {
			return nil, err
		}
		parts[i], s.Notes = c, append(s.Notes, c.notes...)
	}
	if found == 0 {
		return nil, fmt.Errorf("%s: no texts there; they are named train.tsv, val.tsv and test.tsv, or .csv, .jsonl, .json, .txt, with or without .gz", dir)
	}
	return s, s.join(dir, parts)
}

// join makes splits of corpora: for training, validation and test, nil where there is none.
func (s *Splits) join(dir string, parts [3]*corpus) error {
	list := slices.DeleteFunc(slices.Clone(parts[:]), func(c *corpus) bool { return c == nil })
	if len(list) == 0 {
		return fmt.Errorf("%s: no split there has labels", dir)
	}
	if err := s.nameOutputs(list); err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	for i, set := range []**Set{&s.Train, &s.Val, &s.Test} {
		if parts[i] != nil {
			*set = parts[i].part(false, s.outputNames())
		}
	}
	return nil
}

// findText returns the path of a split's file, or "".
func findText(dir string, names []string) (string, error) {
	found := ""
	for _, name := range names {
		for _, ext := range []string{".tsv", ".csv", ".jsonl", ".json", ".txt"} {
			for _, gz := range []string{"", ".gz"} {
				path := filepath.Join(dir, name+ext+gz)
				if !isFile(path) {
					continue
				}
				if found != "" {
					return "", fmt.Errorf("%s and %s are both the %s split: keep one", found, path, names[0])
				}
				found = path
			}
		}
	}
	return found, nil
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
			yield(numberedLine{}, fmt.Errorf("cut short or damaged after line %d%s; get it again", n, wording.Because(err)))
		}
	}
}
