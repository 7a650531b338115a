// Package tokenizer cuts captions into the tokens of CLIP's text models, by byte-pair
// encoding.
//
// There are three versions of what happens to a caption before that, which agree on plain
// text. This is Hugging Face's CLIPTokenizerFast, the one that AutoTokenizer and
// CLIPProcessor use: Unicode's composed form (NFC), lower case one character at a time,
// then words. The others are
//
//   - OpenAI's own code and OpenCLIP's, which mend text with ftfy and unescape HTML first, see
//     [Clean]. <|endoftext|> right after punctuation is punctuation to them.
//   - Hugging Face's slow CLIPTokenizer, which mends with ftfy, or without it drops control
//     characters and puts spaces around Chinese ones.
//
// Both use Python's lower case, to which a capital sigma is another letter at the end of a
// word; Clean makes it one. To OpenCLIP <|endoftext|> within a caption is no token but words.
package tokenizer

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Length is the number of tokens that OpenAI's text models take.
const Length = 77

// maxText bounds the bytes of a caption.
const maxText = 1 << 20

const (
	startOfText = "<|startoftext|>"
	endOfText   = "<|endoftext|>"
	endOfWord   = "</w>"
)

// A Tokenizer may be used by several goroutines at once.
type Tokenizer struct {
	// Start and End are the tokens before and after a caption. Pad fills what is left.
	// It is what special_tokens_map.json or tokenizer_config.json says, else End as for
	// Hugging Face's CLIP; OpenAI's own code pads with 0.
	Start, End, Pad int

	// Max is how many tokens a text has at most, by model_max_length of tokenizer_config.json; of 0
	// nothing is said.
	Max int

	// Clean says that captions are mended before everything else as OpenCLIP does, see [Clean].
	Clean bool

	names    []string       // of tokens, as in vocab.json
	tokens   []string       // their bytes; a space for the end of a word
	inner    [256]int32     // tokens of bytes
	final    [256]int32     // and of bytes that end a word
	ranks    map[pair]int32 // of pairs that are merged, by precedence
	merges   []string       // lines of merges.txt, by rank
	products []int32        // tokens that pairs become, by rank
	made     int            // tokens of vocab.json; what comes after was added

	added  addedTokens
	exact  matcher // added tokens as they stand in a caption
	normal matcher // and in normalized text; most often the start and the end alone
}

// Tokens are a caption as a text model takes it.
type Tokens struct {
	IDs []int // as many as asked for
	Len int   // how many of them come before the padding
	End int   // place of the first end of text, where CLIP reads a caption's features
}

// Mask returns 1 for each token and 0 for padding: Hugging Face's attention_mask.
func (t Tokens) Mask() []int {
	mask := make([]int, len(t.IDs))
	for i := range t.Len {
		mask[i] = 1
	}
	return mask
}

// Size returns the number of tokens of the vocabulary.
func (t *Tokenizer) Size() int { return len(t.tokens) }

// Most returns how many tokens a text may have for a model that takes so many.
func (t *Tokenizer) Most(length int) int {
	if t.Max > 0 {
		return min(t.Max, length)
	}
	return length
}

// Encode returns length tokens: the start, the caption's, the end, padding. A long caption
// is cut so that the end comes last. A run of bytes that are not UTF-8 counts as U+FFFD;
// <|startoftext|> and <|endoftext|> within a caption are the tokens of these names, in any case
// unless the files say that they are not normalized, and so are added tokens.
//
// It is an error if length is less than 2 or the caption has more than 1 MiB.
func (t *Tokenizer) Encode(text string, length int) (Tokens, error) {
	if length < 2 {
		return Tokens{}, fmt.Errorf("length is %d; a caption's start and end alone take 2 tokens", length)
	}
	if len(text) > maxText {
		return Tokens{}, fmt.Errorf("the caption has %d bytes; at most %d are taken", len(text), maxText)
	}
	if t.Clean {
		text = Clean(text)
	}
	ids := append(make([]int, 0, length), t.Start)
	ids = t.appendText(ids, strings.ToValidUTF8(text, string(utf8.RuneError)), length-1)
	ids = append(ids, t.End)
	enc := Tokens{Len: len(ids)}
	for ids[enc.End] != t.End {
		enc.End++
	}
	for len(ids) < length {
		ids = append(ids, t.Pad)
	}
	enc.IDs = ids
	return enc, nil
}

// appendText appends the tokens of a text until there are limit.
func (t *Tokenizer) appendText(ids []int, text string, limit int) []int {
	w := words.Get().(*word)
	defer w.release()
	for part, id := range t.exact.split(text) {
		if len(ids) == limit {
			break
		}
		if id >= 0 {
			ids = append(ids, id)
			continue
		}
		part = normalize(part)
		if t.normal.spaces {
			part = oneSpace(part)
		}
		ids = t.appendNormal(ids, part, limit, w)
	}
	return ids
}

// appendNormal is appendText of normalized text, whose bytes w has room for.
func (t *Tokenizer) appendNormal(ids []int, text string, limit int, w *word) []int {
	for part, id := range t.normal.split(text) {
		if len(ids) < limit && id >= 0 {
			ids = append(ids, id)
			continue
		}
		for len(ids) < limit {
			var next string
			if next, part = cutWord(part); next == "" {
				break
			}
			w.merge(t, next)
			for i := 0; i < len(next) && len(ids) < limit; i = int(w.next[i]) {
				ids = append(ids, int(w.ids[i]))
			}
		}
		if len(ids) == limit {
			break
		}
	}
	return ids
}

// Decode returns the words of tokens up to the first end of text, with a space between any
// two. Parts of characters, and tokens that the vocabulary lacks, become U+FFFD.
func (t *Tokenizer) Decode(ids []int) string {
	var b strings.Builder
	for _, id := range ids {
		switch {
		case id == t.End:
			return decoded(b.String())
		case id == t.Start:
		case id < 0 || id >= len(t.tokens):
			b.WriteRune(utf8.RuneError)
		default:
			b.WriteString(t.tokens[id])
		}
	}
	return decoded(b.String())
}

func decoded(text string) string {
	return strings.ToValidUTF8(strings.TrimRight(text, " "), string(utf8.RuneError))
}
