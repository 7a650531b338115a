package tokenizer

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/monge-ml/monge/internal/foreign"
)

// What is known of the keys of tokenizer.json and of its parts. The parts are CLIP's or
// refused; where one is missing it is CLIP's, as in transformers.
var (
	fileKeys = foreign.IdleKeys("version", "decoder").With(foreign.Keys{
		"truncation": foreign.Read, "padding": foreign.Read, "added_tokens": foreign.Read,
		"normalizer": foreign.Read, "pre_tokenizer": foreign.Read, "post_processor": foreign.Read, "model": foreign.Read,
	})
	// every byte has a token, so that none is unknown
	modelKeys = foreign.IdleKeys("unk_token", "fuse_unk").With(foreign.Keys{
		"type": foreign.Only("BPE"), "dropout": foreign.Only(0.), "continuing_subword_prefix": foreign.Only(""),
		"end_of_word_suffix": foreign.Only(endOfWord), "byte_fallback": foreign.Only(false), "ignore_merges": foreign.Only(false),
		"vocab": foreign.Read, "merges": foreign.Read,
	})
	// lengths are a model's
	truncationKeys = foreign.IdleKeys("max_length", "strategy", "stride").With(foreign.Keys{"direction": foreign.Only("Right")})
	paddingKeys    = foreign.IdleKeys("strategy", "pad_to_multiple_of", "pad_id", "pad_type_id", "pad_token").With(foreign.Keys{"direction": foreign.Only("Right")})
	addedKeys      = foreign.IdleKeys("id", "content", "single_word", "lstrip", "rstrip", "normalized", "special", "__type") // all are read
)

// patterns are the expressions by which CLIP's words are found. The second is the newer one.
var patterns = []any{
	`'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+`,
	`<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+`,
}

var (
	normalizers = []foreign.Keys{
		{"type": foreign.Only("NFC")},
		{"type": foreign.Only("Replace"), "pattern": foreign.Only(map[string]any{"Regex": `\s+`}), "content": foreign.Only(" ")},
		{"type": foreign.Only("Lowercase")},
	}
	preTokenizers = []foreign.Keys{
		{"type": foreign.Only("Split"), "pattern": foreign.Only(map[string]any{"Regex": patterns[0]}, map[string]any{"Regex": patterns[1]}),
			"behavior": foreign.Only("Removed"), "invert": foreign.Only(true)},
		{"type": foreign.Only("ByteLevel"), "add_prefix_space": foreign.Only(false), "trim_offsets": foreign.Idle, "use_regex": foreign.Idle},
	}
)

// parseJSON reads a tokenizer.json.
func parseJSON(data []byte) (ids map[string]int32, merges []string, added addedTokens, err error) {
	var file map[string]json.RawMessage
	if err := unmarshal(data, &file); err != nil {
		return nil, nil, nil, err
	}
	model, err := object(file, "model")
	if err != nil {
		return nil, nil, nil, err
	}
	for _, check := range []func() error{
		func() error { return fileKeys.Check("", file) },
		func() error { return modelKeys.Check("model.", model) },
		func() error { return checkObject(file, "truncation", truncationKeys) },
		func() error { return checkObject(file, "padding", paddingKeys) },
		func() error { return checkSequence(file, "normalizer", "normalizers", normalizers) },
		func() error { return checkSequence(file, "pre_tokenizer", "pretokenizers", preTokenizers) },
		func() error { return checkPost(file["post_processor"]) },
	} {
		if err := check(); err != nil {
			return nil, nil, nil, err
		}
	}
	if err := json.Unmarshal(model["vocab"], &ids); err != nil || len(ids) == 0 {
		return nil, nil, nil, fmt.Errorf("model.vocab is no object of tokens and their numbers")
	}
	if merges, err = mergeLines(model["merges"]); err != nil {
		return nil, nil, nil, err
	}
	added, err = parseAdded(file["added_tokens"])
	return ids, merges, added, err
}

// object returns a part of a file, empty if it is missing.
func object(file map[string]json.RawMessage, name string) (map[string]json.RawMessage, error) {
	if file[name] == nil {
		return nil, nil
	}
	o, err := foreign.Object(file[name])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return o, nil
}

func checkObject(file map[string]json.RawMessage, name string, keys foreign.Keys) error {
	o, err := object(file, name)
	if err != nil {
		return err
	}
	return keys.Check(name+".", o)
}

// checkSequence holds the steps of a part against CLIP's.
func checkSequence(file map[string]json.RawMessage, name, list string, steps []foreign.Keys) error {
	if b := file[name]; b == nil || string(b) == "null" {
		return nil
	}
	o, err := object(file, name)
	if err != nil {
		return err
	}
	sequence := foreign.Keys{"type": foreign.Only("Sequence"), list: foreign.Read}
	if err := sequence.Check(name+".", o); err != nil {
		return fmt.Errorf("%w: it is not the tokenizer of a CLIP model", err)
	}
	var got []map[string]json.RawMessage
	if err := json.Unmarshal(o[list], &got); err != nil || len(got) != len(steps) {
		return fmt.Errorf("%s is %.200s; that of a CLIP model has %d steps", name, file[name], len(steps))
	}
	for i, keys := range steps {
		if err := keys.Check(fmt.Sprintf("%s.%s[%d].", name, list, i), got[i]); err != nil {
			return fmt.Errorf("%w: it is not the tokenizer of a CLIP model", err)
		}
		for key := range keys {
			if keys[key].Limited() && got[i][key] == nil {
				return fmt.Errorf("%s.%s[%d] has no %s: it is not the tokenizer of a CLIP model", name, list, i, key)
			}
		}
	}
	return nil
}

// checkPost holds what puts the start and the end about a text against CLIP's.
func checkPost(b json.RawMessage) error {
	var post struct {
		Type     string
		Sep, Cls []any
		Single   []map[string]struct{ ID string }
	}
	if b == nil || string(b) == "null" {
		return nil
	}
	if err := json.Unmarshal(b, &post); err != nil {
		return fmt.Errorf("post_processor is %.80s: %w", b, err)
	}
	var around []string
	switch post.Type {
	case "RobertaProcessing":
		for _, end := range [][]any{post.Cls, post.Sep} {
			if len(end) == 2 {
				around = append(around, fmt.Sprint(end[0]))
			}
		}
	case "TemplateProcessing":
		for _, part := range post.Single {
			if id := part["SpecialToken"].ID; id != "" {
				around = append(around, id)
			}
		}
		if len(post.Single) != 3 || post.Single[1]["Sequence"].ID != "A" {
			around = nil
		}
	default:
		return fmt.Errorf("post_processor.type is %.80q; that of a CLIP model is RobertaProcessing or TemplateProcessing", post.Type)
	}
	if !slices.Equal(around, []string{startOfText, endOfText}) {
		return fmt.Errorf("post_processor puts %.80q about a text; a CLIP model's puts %s and %s", around, startOfText, endOfText)
	}
	return nil
}

// mergeLines returns merges as lines of merges.txt. They are lines or, in newer files, pairs.
func mergeLines(b json.RawMessage) ([]string, error) {
	var list []json.RawMessage
	if err := json.Unmarshal(b, &list); err != nil {
		return nil, fmt.Errorf("model.merges is no list")
	}
	lines := make([]string, len(list))
	for i, m := range list {
		var pair []string
		if json.Unmarshal(m, &lines[i]) == nil {
			continue
		}
		if json.Unmarshal(m, &pair) != nil || len(pair) != 2 {
			return nil, fmt.Errorf("model.merges[%d] is %.80s; it should be two tokens", i, m)
		}
		lines[i] = strings.Join(pair, " ")
	}
	return lines, nil
}

// parseAdded reads a list of added tokens.
func parseAdded(b json.RawMessage) (addedTokens, error) {
	added := addedTokens{}
	if b == nil {
		return added, nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal(b, &list); err != nil {
		return nil, fmt.Errorf("added_tokens is no list")
	}
	for _, b := range list {
		id := struct{ ID *int32 }{}
		token, err := parseToken(b)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(b, &id); err != nil || id.ID == nil {
			return nil, fmt.Errorf("added_tokens has %.80s, without a number", b)
		}
		if err := added.add(*id.ID, token); err != nil {
			return nil, err
		}
	}
	return added, nil
}

// parseToken reads an added token.
func parseToken(b json.RawMessage) (t addedToken, err error) {
	all, err := foreign.Object(b)
	if err == nil {
		err = addedKeys.Check("an added token's ", all)
	}
	if err == nil {
		err = json.Unmarshal(b, &t)
	}
	if err == nil && all["normalized"] == nil {
		t.Normalized = !t.Special
	}
	return t, err
}
