package tokenizer

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/monge-ml/monge/internal/foreign"
)

// namedTokens are the keys of tokens with a purpose, in tokenizer_config.json and
// special_tokens_map.json.
var namedTokens = []string{"bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token", "mask_token"}

var specialKeys = foreign.IdleKeys(namedTokens...).With(foreign.Keys{"additional_special_tokens": foreign.Read, "extra_special_tokens": foreign.Read})

// cleanKey is ours: captions are to be mended as OpenCLIP does. Other software passes it over.
const cleanKey = "clean_captions"

// settingsKeys are those of tokenizer_config.json. CLIP's tokenizers in transformers make lower case whatever
// do_lower_case says.
var settingsKeys = specialKeys.With(foreign.IdleKeys("name_or_path", "special_tokens_map_file", "tokenizer_file", "vocab_file", "merges_file",
	"processor_class", "auto_map", "do_lower_case", "errors", "clean_up_tokenization_spaces", "model_input_names", "chat_template", "backend", "is_local",
	"local_files_only", "transformers_version", "use_fast", "legacy", "trust_remote_code", "max_length", "pad_to_multiple_of", "pad_token_type_id",
	"stride", "truncation_strategy", "return_token_type_ids", "return_attention_mask", "padding", "truncation", "return_tensors", "add_special_tokens",
)).With(foreign.Keys{
	"added_tokens_decoder": foreign.Read, "model_max_length": foreign.Read, cleanKey: foreign.Only(true, false),
	"model_specific_special_tokens": foreign.Only(map[string]any{}),
	"tokenizer_class":               foreign.Only("CLIPTokenizer", "CLIPTokenizerFast", "PreTrainedTokenizerFast", "TokenizersBackend"),
	"add_prefix_space":              foreign.Only(false), "split_special_tokens": foreign.Only(false),
	"add_bos_token": foreign.Only(true), "add_eos_token": foreign.Only(true),
	"padding_side": foreign.Only("right"), "truncation_side": foreign.Only("right"),
})

// settings are what the files beside the vocabulary say.
type settings struct {
	added   addedTokens
	named   map[string]named // by key
	special []named          // others
	max     int
	clean   bool
}

// named is a token with a purpose, and the file that says so.
type named struct{ token, path string }

// readNamed takes the special tokens of a file. Later files count.
func (s *settings) readNamed(all map[string]json.RawMessage, path string) error {
	for _, key := range namedTokens {
		b := all[key]
		if b == nil || string(b) == "null" {
			continue
		}
		token, err := content(b)
		if err != nil {
			return fmt.Errorf("%s is %.80s; it should be a token, or an object whose content is one", key, b)
		}
		s.named[key] = named{token, path}
	}
	for _, key := range []string{"additional_special_tokens", "extra_special_tokens"} {
		b := all[key]
		if b == nil || string(b) == "null" || string(b) == "{}" {
			continue
		}
		var list []json.RawMessage
		if err := json.Unmarshal(b, &list); err != nil {
			return fmt.Errorf("%s is %.80s; it should be a list of tokens", key, b)
		}
		for _, b := range list {
			token, err := content(b)
			if err != nil {
				return fmt.Errorf("%s has %.80s; it should be a token, or an object whose content is one", key, b)
			}
			s.special = append(s.special, named{token, path})
		}
	}
	return nil
}

// content returns a token, which is a string or an object that has one.
func content(b json.RawMessage) (string, error) {
	var token string
	if json.Unmarshal(b, &token) == nil {
		return token, nil
	}
	var o struct{ Content *string }
	if err := json.Unmarshal(b, &o); err != nil || o.Content == nil {
		return "", fmt.Errorf("no token")
	}
	return *o.Content, nil
}

// readSpecial reads special_tokens_map.json.
func (s *settings) readSpecial(data []byte, path string) error {
	var all map[string]json.RawMessage
	if err := unmarshal(data, &all); err != nil {
		return err
	}
	if err := specialKeys.Check("", all); err != nil {
		return err
	}
	return s.readNamed(all, path)
}

// readSettings reads tokenizer_config.json.
func (s *settings) readSettings(data []byte, path string) error {
	var all map[string]json.RawMessage
	if err := unmarshal(data, &all); err != nil {
		return err
	}
	if err := settingsKeys.Check("", all); err != nil {
		return err
	}
	s.clean = string(all[cleanKey]) == "true"
	if b := all["model_max_length"]; b != nil && string(b) != "null" {
		var most float64 // 1e30 stands for none
		if err := json.Unmarshal(b, &most); err != nil || most < 2 {
			return fmt.Errorf("model_max_length is %.80s; a text's start and end alone take 2 tokens", b)
		}
		if most < math.MaxInt32 {
			s.max = int(most)
		}
	}
	decoder, err := object(all, "added_tokens_decoder")
	if err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(decoder)) {
		id, err := strconv.ParseInt(key, 10, 32)
		if err != nil {
			return fmt.Errorf("added_tokens_decoder has %.80q, which is no number of a token", key)
		}
		token, err := parseToken(decoder[key])
		if err != nil {
			return fmt.Errorf("added_tokens_decoder.%s: %w", key, err)
		}
		if err := s.added.add(int32(id), token); err != nil {
			return err
		}
	}
	return s.readNamed(all, path)
}

// readAdded reads added_tokens.json, which says nothing of tokens but their numbers.
func (s *settings) readAdded(data []byte, _ string) error {
	ids, err := parseVocab(data)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(ids)) {
		is := func(n named) bool { return n.token == name }
		special := slices.ContainsFunc(s.special, is) || slices.ContainsFunc(slices.Collect(maps.Values(s.named)), is)
		if err := s.added.add(ids[name], addedToken{Content: name, Normalized: !special, Special: special}); err != nil {
			return err
		}
	}
	return nil
}

// apply gives a tokenizer what the files say.
func (s *settings) apply(t *Tokenizer, ids map[string]int32) error {
	for _, key := range namedTokens {
		n, said := s.named[key]
		token := n.token
		if !said || key == "unk_token" { // nothing is unknown
			continue
		}
		id, ok := ids[token]
		switch {
		case !ok:
			return fmt.Errorf("%s: %s %.80q is not in vocab.json, nor among the added tokens", n.path, key, token)
		case key == "bos_token" && token != startOfText || key == "eos_token" && token != endOfText:
			return fmt.Errorf("%s: %s is %.80q; that of a CLIP model is %s", n.path, key, token, map[string]string{"bos_token": startOfText, "eos_token": endOfText}[key])
		case key == "pad_token":
			t.Pad = int(id)
		}
	}
	for _, n := range s.special {
		if _, ok := ids[n.token]; !ok {
			return fmt.Errorf("%s: special token %.80q has no number: it is not in vocab.json, nor among the added tokens", n.path, n.token)
		}
	}
	t.Max, t.Clean = s.max, s.clean
	return nil
}
