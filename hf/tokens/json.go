package tokens

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/monge-ml/monge/internal/foreign"
	"github.com/monge-ml/monge/internal/words"
)

// What sequences have at most: others within them, and parts.
const (
	maxNested = 3
	maxParts  = 32
)

// An object is settings of a part.
type object map[string]json.RawMessage

// What is known of the keys of tokenizer.json. Lengths are the caller's.
var (
	fileKeys = foreign.IdleKeys("decoder").With(foreign.Keys{
		"version": foreign.Only("1.0"), "truncation": foreign.Read, "padding": foreign.Read, "added_tokens": foreign.Read,
		"normalizer": foreign.Read, "pre_tokenizer": foreign.Read, "post_processor": foreign.Read, "model": foreign.Read,
	})
	truncationKeys = foreign.IdleKeys("max_length", "strategy", "stride").With(foreign.Keys{"direction": foreign.Only("Right", "Left")})
	paddingKeys    = foreign.IdleKeys("strategy", "pad_to_multiple_of", "pad_id", "pad_type_id", "pad_token").With(foreign.Keys{"direction": foreign.Only("Right")})
	addedKeys      = foreign.IdleKeys("id", "content", "single_word", "lstrip", "rstrip", "normalized", "special", "__type") // all are read
)

// parseJSON makes a tokenizer of tokenizer.json, but for its added tokens.
func parseJSON(data []byte) (t *Tokenizer, added []addedToken, err error) {
	var file object
	if err := words.Unmarshal(foreign.Text(data), &file); err != nil {
		return nil, nil, err
	}
	if err := fileKeys.Check("", file); err != nil {
		return nil, nil, err
	}
	t = &Tokenizer{Pad: -1}
	for _, step := range []func() error{
		func() (err error) { t.vocab, t.model, err = parseModel(file["model"]); return },
		func() error { return t.parseNormalizer(file["normalizer"]) },
		func() error { return t.parseSplitter(file["pre_tokenizer"]) },
		func() (err error) { t.post, err = parsePost(file["post_processor"], "post_processor", 0); return },
		func() (err error) { added, err = parseAdded(file["added_tokens"]); return },
		func() error { return t.parseLengths(file) },
	} {
		if err := step(); err != nil {
			return nil, nil, err
		}
	}
	return t, added, nil
}

// parseNormalizer reads the normalizer, and keeps BERT's, which tokenizer_config.json tells of as well.
func (t *Tokenizer) parseNormalizer(b json.RawMessage) (err error) {
	const name = "normalizer"
	if t.normalize, err = parseNormalizer(b, name, 0); err != nil || isNull(b) {
		return err
	}
	p, err := parsePart(b, name, normalizerKeys)
	if err == nil && p.typ == "BertNormalizer" {
		o, _ := p.bert() // it has been read
		t.bert = &o
	}
	return err
}

func isNull(b json.RawMessage) bool { return b == nil || string(b) == "null" }

// A partOf is a part of a tokenizer, whose keys are known by its type.
type partOf struct {
	object
	where string // as "normalizer.normalizers[1]."
	typ   string
}

// parsePart reads a part, which is of a type that is known.
func parsePart(b json.RawMessage, where string, known map[string]foreign.Keys) (p partOf, err error) {
	p.where = where + "."
	if p.object, err = foreign.Object(b); err != nil {
		return p, fmt.Errorf("%s: %w", where, err)
	}
	if err := p.read("type", &p.typ); err != nil {
		return p, err
	}
	keys, ok := known[p.typ]
	if !ok {
		return p, fmt.Errorf("%stype is %.80q; those known here are %s", p.where, p.typ, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
	}
	return p, keys.With(foreign.Keys{"type": foreign.Read}).Check(p.where, p.object)
}

// read reads a key that must be there.
func (p partOf) read(key string, to any) error {
	if isNull(p.object[key]) {
		return fmt.Errorf("%s%s is missing", p.where, key)
	}
	return p.readIf(key, to)
}

// readIf reads a key that may be missing.
func (p partOf) readIf(key string, to any) error {
	if isNull(p.object[key]) {
		return nil
	}
	if err := words.Unmarshal(p.object[key], to); err != nil {
		return fmt.Errorf("%s%s is %.80s: %w", p.where, key, p.object[key], err)
	}
	return nil
}

// list reads the parts of a sequence.
func (p partOf) list(key string, nested int) (list []json.RawMessage, err error) {
	if nested == maxNested {
		return nil, fmt.Errorf("%s%s: sequences lie within each other; up to %d are taken", p.where, key, maxNested)
	}
	err = p.read(key, &list)
	if len(list) > maxParts {
		err = fmt.Errorf("%s%s has %d parts; up to %d are taken", p.where, key, len(list), maxParts)
	}
	return list, err
}

// parseAdded reads added tokens. Their numbers are the vocabulary's.
func parseAdded(b json.RawMessage) ([]addedToken, error) {
	if isNull(b) {
		return nil, nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal(b, &list); err != nil {
		return nil, errors.New("added_tokens is no list")
	}
	tokens := make([]addedToken, len(list))
	for i, b := range list {
		var err error
		if tokens[i], err = parseToken(b); err != nil {
			return nil, fmt.Errorf("added_tokens[%d]: %w", i, err)
		}
	}
	return tokens, nil
}

// parseToken reads an added token.
func parseToken(b json.RawMessage) (t addedToken, err error) {
	all, err := foreign.Object(b)
	if err == nil {
		err = addedKeys.Check("an added token's ", all)
	}
	if err == nil {
		err = words.Unmarshal(b, &t)
	}
	if err == nil && isNull(all["normalized"]) {
		t.Normalized = !t.Special
	}
	return t, err
}

// parseLengths reads at which side texts are cut and padded.
func (t *Tokenizer) parseLengths(file object) error {
	for _, part := range []struct {
		name string
		keys foreign.Keys
	}{{"truncation", truncationKeys}, {"padding", paddingKeys}} {
		o, err := foreign.Object(orNull(file[part.name]))
		if err == nil {
			err = part.keys.Check(part.name+".", o)
		}
		if err != nil {
			return err
		}
		if string(o["direction"]) == `"Left"` {
			t.left = true
		}
		if b := o["pad_id"]; !isNull(b) {
			if err := json.Unmarshal(b, &t.Pad); err != nil || t.Pad < 0 || t.Pad >= maxID {
				return fmt.Errorf("padding.pad_id is %.80s; it should be the number of a token", b)
			}
		}
	}
	return nil
}

func orNull(b json.RawMessage) []byte {
	if b == nil {
		return []byte("null")
	}
	return b
}
