package tokens

import (
	"fmt"
	"maps"
)

// maxID bounds the numbers of tokens, the others their bytes, each and together.
const (
	maxID     = 1 << 20
	maxToken  = 1024
	maxTokens = 8 << 20
)

// A vocabulary has tokens by their numbers, of which some may be missing.
type vocabulary struct {
	ids   map[string]int32
	names []string // "" of a number that is missing
	size  int      // tokens of the model; others were added
	bytes int      // of all tokens
}

// set gives a token a number.
func (v *vocabulary) set(token string, id int) error {
	if id < 0 || id >= maxID {
		return fmt.Errorf("token %.80q has number %d; numbers up to %d are taken", token, id, maxID-1)
	}
	if v.bytes += len(token); len(token) > maxToken || v.bytes > maxTokens {
		return fmt.Errorf("token %.80q has %d bytes; up to %d are taken, and %d MiB of all together", token, len(token), maxToken, maxTokens>>20)
	}
	if more := id + 1 - len(v.names); more > 0 {
		v.names = append(v.names, make([]string, more)...)
	}
	v.names[id] = token
	v.ids[token] = int32(id)
	return nil
}

// newVocabulary returns the vocabulary of an object of tokens.
func newVocabulary(ids map[string]int64) (vocabulary, error) {
	v := vocabulary{ids: make(map[string]int32, len(ids))}
	for token, id := range ids {
		if id >= 0 && id < int64(len(v.names)) && v.names[id] != "" {
			a, b := v.names[id], token
			return v, fmt.Errorf("tokens %.80q and %.80q have the same number, %d", min(a, b), max(a, b), id)
		}
		if err := v.set(token, int(min(max(id, -1), maxID))); err != nil {
			return v, err
		}
	}
	v.size = len(ids)
	return v, nil
}

// own returns the tokens of now, for a model; those that are added later are none of its.
func (v *vocabulary) own() map[string]int32 { return maps.Clone(v.ids) }
