package hf

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/monge-ml/monge/data"
	"github.com/monge-ml/monge/hf/tokens"
	"github.com/monge-ml/monge/internal/foreign"
)

// text is how texts become rows of packed tokens.
type text struct {
	length    int // tokens of a text, unless somebody says otherwise
	tokenizer *tokens.Tokenizer
}

// usualLength is how many tokens a text may have unless the files say fewer.
const usualLength = 512

// openText opens the tokenizer of a directory, which may have none.
func openText(dir string, d *design) (*text, error) {
	t := &text{length: min(usualLength, d.positions)}
	if !tokens.In(dir) {
		return t, nil
	}
	var err error
	if t.tokenizer, err = tokens.Open(dir); err != nil {
		return nil, err
	}
	if n := t.tokenizer.Size(); n > d.vocabulary {
		return nil, fmt.Errorf("%s: the tokenizer has %d tokens, and vocab_size is %d: the files are not of one network", dir, n, d.vocabulary)
	}
	if m := t.tokenizer.Max; m > 0 {
		t.length = min(t.length, m)
	}
	said, err := sentenceLength(dir)
	if said > 0 {
		t.length = min(t.length, said)
	}
	if least := t.tokenizer.Added(true) + 2; t.length < least {
		return nil, fmt.Errorf("%s: texts have %d tokens at most; a pair with its special tokens needs %d", dir, t.length, least)
	}
	return t, err
}

// sentenceFile has the length of texts where sentence-transformers keeps it.
const sentenceFile = "sentence_bert_config.json"

// sentenceLength returns how many tokens sentence-transformers cuts texts to, 0 if it does not say.
func sentenceLength(dir string) (int, error) {
	if !foreign.Has(dir, sentenceFile) {
		return 0, nil
	}
	var c struct {
		Length int `json:"max_seq_length"`
	}
	path := filepath.Join(dir, sentenceFile)
	b, err := foreign.ReadFile(path)
	if err != nil {
		return 0, err
	}
	all, err := foreign.Object(b)
	if err == nil {
		err = foreign.Decode(all, &c)
	}
	if err != nil || c.Length < 0 {
		return 0, fmt.Errorf("%s: max_seq_length is %d: %w", path, c.Length, err)
	}
	return c.Length, nil
}

// pack is a [data.PairTokenizer]. What can't be cut into tokens, as a word that is unknown to a tokenizer
// without a token for such, is a text of special tokens alone.
func (t *text) pack(dst []float32, first, second string, pair bool) (n int) {
	clear(dst)
	o := tokens.Options{Max: len(dst), Special: true}
	second = cut(second)
	other := &second
	if !pair {
		other = nil
	}
	e, err := t.tokenizer.Encode(o, cut(first), other)
	if err != nil {
		if e, err = t.tokenizer.Encode(o, "", nil); err != nil {
			return 0
		}
	}
	for i, id := range e.IDs {
		dst[i] = data.PackToken(int(id), int(e.Types[i]))
	}
	return len(e.IDs)
}

// maxText is what the tokenizer takes, in bytes.
const maxText = 1 << 20

func cut(s string) string {
	if len(s) <= maxText {
		return s
	}
	return strings.ToValidUTF8(s[:maxText], "")
}
