package tokens

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/monge-ml/monge/internal/foreign"
	"github.com/monge-ml/monge/internal/words"
)

// namedTokens are the keys of tokens with a purpose, in the order in which those that a vocabulary lacks are
// added to it.
var namedTokens = []string{"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"}

var specialKeys = foreign.IdleKeys(namedTokens...).With(foreign.Keys{"additional_special_tokens": foreign.Read, "extra_special_tokens": foreign.Read})

// settingsKeys are those of tokenizer_config.json. do_basic_tokenize, never_split and
// max_input_chars_per_word are of tokenizers that transformers has no longer.
var settingsKeys = specialKeys.With(foreign.IdleKeys("name_or_path", "special_tokens_map_file", "tokenizer_file", "vocab_file", "merges_file",
	"processor_class", "auto_map", "errors", "clean_up_tokenization_spaces", "model_input_names", "chat_template", "backend", "is_local",
	"local_files_only", "transformers_version", "use_fast", "legacy", "trust_remote_code", "max_length", "pad_to_multiple_of", "pad_token_type_id",
	"stride", "truncation_strategy", "return_token_type_ids", "return_attention_mask", "padding", "truncation", "return_tensors", "add_special_tokens",
	"trim_offsets", "full_tokenizer_file", "sp_model_kwargs",
)).With(foreign.Keys{
	"max_len": foreign.Read, "wordpieces_prefix": foreign.Only("##"),
	"tokenizer_class": foreign.Read, "added_tokens_decoder": foreign.Read, "model_max_length": foreign.Read, "do_lower_case": foreign.Read,
	"strip_accents": foreign.Read, "tokenize_chinese_chars": foreign.Read, "add_prefix_space": foreign.Read,
	"do_basic_tokenize": foreign.Only(true), "never_split": foreign.Only([]any{}), "max_input_chars_per_word": foreign.Only(100.),
	"model_specific_special_tokens": foreign.Only(map[string]any{}), "split_special_tokens": foreign.Only(false), "do_word_tokenize": foreign.Only(true),
	"init_inputs": foreign.Only([]any{}), "padding_side": foreign.Only("right"), "truncation_side": foreign.Only("right", "left"),
})

// keysBesideJSON are of tokenizers whose tokenizer.json says it all.
var keysBesideJSON = foreign.IdleKeys("add_bos_token", "add_eos_token", "fuse_unk", "keep_accents", "remove_space", "split_by_punct", "sp_model_file",
	"unk_id", "use_default_system_prompt", "vocab_size", "vocab_type")

// settings are what the files beside the vocabulary say.
type settings struct {
	json  bool   // tokenizer.json is there
	class string // of the tokenizer in transformers, without "Fast"
	max   int
	left  *bool // texts are cut at the beginning
	lower, strip, chinese,
	prefix *bool

	named   map[string]addedToken // by key
	extra   []addedToken
	added   []addedToken // by their numbers
	decoder bool         // tokenizer_config.json has them; then the older files are not read
}

// readSettings reads tokenizer_config.json.
func (s *settings) readSettings(data []byte) error {
	var all object
	if err := words.Unmarshal(foreign.Text(data), &all); err != nil {
		return err
	}
	keys := settingsKeys
	if s.json {
		keys = keys.With(keysBesideJSON)
	}
	if err := keys.Check("", all); err != nil {
		return err
	}
	p := partOf{object: all}
	var side string
	var most float64 // 1e30 stands for none
	if err := first(p.readIf("tokenizer_class", &s.class), p.readIf("do_lower_case", &s.lower), p.readIf("strip_accents", &s.strip),
		p.readIf("tokenize_chinese_chars", &s.chinese), p.readIf("add_prefix_space", &s.prefix), p.readIf("truncation_side", &side),
		p.readIf("max_len", &most), p.readIf("model_max_length", &most)); err != nil {
		return err
	}
	s.class = strings.TrimSuffix(s.class, "Fast")
	if side != "" {
		left := side == "left"
		s.left = &left
	}
	if most < 0 {
		return fmt.Errorf("model_max_length is %g; it is how many tokens a text has at most", most)
	}
	if most < math.MaxInt32 {
		s.max = int(most)
	}
	return first(s.readNamed(all), s.readDecoder(all["added_tokens_decoder"]))
}

// readSpecial reads special_tokens_map.json.
func (s *settings) readSpecial(data []byte) error {
	var all object
	if err := words.Unmarshal(foreign.Text(data), &all); err != nil {
		return err
	}
	if err := specialKeys.Check("", all); err != nil {
		return err
	}
	return s.readNamed(all)
}

// readNamed takes the special tokens of a file. Later files count.
func (s *settings) readNamed(all object) error {
	for _, key := range namedTokens {
		if isNull(all[key]) {
			continue
		}
		token, err := parseNamed(all[key])
		if err != nil {
			return fmt.Errorf("%s is %.80s: %w", key, all[key], err)
		}
		s.named[key] = token
	}
	for _, key := range []string{"additional_special_tokens", "extra_special_tokens"} {
		b := all[key]
		if isNull(b) || string(b) == "{}" {
			continue
		}
		var list []json.RawMessage
		if err := json.Unmarshal(b, &list); err != nil {
			return fmt.Errorf("%s is %.80s; it should be a list of tokens", key, b)
		}
		for _, b := range list {
			token, err := parseNamed(b)
			if err != nil {
				return fmt.Errorf("%s has %.80s: %w", key, b, err)
			}
			s.extra = append(s.extra, token)
		}
	}
	return nil
}

// parseNamed reads a special token, which is a text or an object.
func parseNamed(b json.RawMessage) (t addedToken, err error) {
	if json.Unmarshal(b, &t.Content) == nil {
		t.Special, t.plain = true, true
		return t, nil
	}
	t, err = parseToken(b)
	if err == nil && t.Content == "" {
		err = errors.New("it should be a token, or an object whose content is one")
	}
	t.Special = true
	return t, err
}

// readDecoder reads added tokens by their numbers.
func (s *settings) readDecoder(b json.RawMessage) error {
	if isNull(b) {
		return nil
	}
	all, err := foreign.Object(b)
	if err != nil {
		return fmt.Errorf("added_tokens_decoder: %w", err)
	}
	byID := map[int]addedToken{}
	for key, b := range all {
		id, err := strconv.Atoi(key)
		if err != nil {
			return fmt.Errorf("added_tokens_decoder has %.80q, which is no number of a token", key)
		}
		if byID[id], err = parseToken(b); err != nil {
			return fmt.Errorf("added_tokens_decoder.%s: %w", key, err)
		}
	}
	s.decoder = true
	s.take(byID)
	return nil
}

// readAdded reads added_tokens.json, which says nothing of tokens but their numbers.
func (s *settings) readAdded(data []byte) error {
	var ids map[string]int
	if err := words.Unmarshal(foreign.Text(data), &ids); err != nil {
		return err
	}
	special := map[string]bool{}
	for _, t := range slices.Concat(s.extra, slices.Collect(maps.Values(s.named))) {
		special[t.Content] = true
	}
	byID := map[int]addedToken{}
	for content, id := range ids {
		byID[id] = addedToken{Content: content, Normalized: !special[content], Special: special[content]}
	}
	s.take(byID)
	return nil
}

// take notes added tokens in the order of their numbers.
func (s *settings) take(byID map[int]addedToken) {
	for _, id := range sortedKeys(byID) {
		s.added = append(s.added, byID[id])
	}
}

// tokens returns the tokens that are added to a vocabulary, of which some may be added already.
func (s *settings) tokens(already []addedToken) []addedToken {
	more := slices.Clone(s.added)
	for _, key := range namedTokens {
		if t, ok := s.named[key]; ok {
			more = append(more, t)
		}
	}
	all := slices.Clone(already)
	has := map[string]bool{}
	for _, t := range already {
		has[t.Content] = true
	}
	for _, t := range append(more, s.extra...) {
		if !has[t.Content] {
			has[t.Content] = true
			all = append(all, t)
		}
	}
	return all
}
