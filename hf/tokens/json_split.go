package tokens

import (
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/monge-ml/monge/internal/foreign"
	"github.com/monge-ml/monge/internal/letters"
)

var splitterKeys = map[string]foreign.Keys{
	"BertPreTokenizer": {}, "Whitespace": {}, "WhitespaceSplit": {},
	"ByteLevel":          {"add_prefix_space": foreign.Read, "use_regex": foreign.Read, "trim_offsets": foreign.Idle},
	"Metaspace":          {"replacement": foreign.Read, "add_prefix_space": foreign.Read, "prepend_scheme": foreign.Only("always", "first", "never"), "split": foreign.Read, "str_rep": foreign.Idle},
	"Punctuation":        {"behavior": foreign.Read},
	"Digits":             {"individual_digits": foreign.Read},
	"Split":              {"pattern": foreign.Read, "behavior": foreign.Read, "invert": foreign.Read},
	"CharDelimiterSplit": {"delimiter": foreign.Read},
	"FixedLength":        {"length": foreign.Read},
	"Sequence":           {"pretokenizers": foreign.Read},
}

var simpleSplitters = map[string]func() splitter{
	"BertPreTokenizer": bertWords,
	"Whitespace":       onlyWords,
	"WhitespaceSplit":  func() splitter { return removed.by(charactersThat(ofClass(letters.Space))) },
}

// parseSplitter reads the pre-tokenizer. If its last step makes bytes of words, the model does.
func (t *Tokenizer) parseSplitter(b json.RawMessage) error {
	steps, bytes, err := parseSplitters(b, "pre_tokenizer", 0)
	if err != nil {
		return err
	}
	if bytes {
		t.model = byteModel{t.model}
	}
	t.split = oneByOne(steps)
	if p, err := parsePart(b, "pre_tokenizer", splitterKeys); err == nil && p.typ == "ByteLevel" {
		p.readIf("add_prefix_space", &t.prefix) // it has been read
	}
	return nil
}

// parseSplitters returns the steps of a pre-tokenizer, and whether bytes are still to be made of words.
func parseSplitters(b json.RawMessage, where string, nested int) (steps []splitter, bytes bool, err error) {
	if isNull(b) {
		return nil, false, nil
	}
	p, err := parsePart(b, where, splitterKeys)
	if err != nil {
		return nil, false, err
	}
	switch p.typ {
	case "Sequence":
		return p.splitters(nested)
	case "ByteLevel":
		steps, err = p.byteLevel()
		return steps, true, err
	}
	s, err := p.splitter()
	return []splitter{s}, false, err
}

func (p partOf) splitters(nested int) (steps []splitter, bytes bool, err error) {
	list, err := p.list("pretokenizers", nested)
	if err != nil {
		return nil, false, err
	}
	for i, b := range list {
		if bytes {
			steps = append(steps, bytewise)
		}
		var more []splitter
		if more, bytes, err = parseSplitters(b, fmt.Sprintf("%spretokenizers[%d]", p.where, i), nested+1); err != nil {
			return nil, false, err
		}
		steps = append(steps, more...)
	}
	return steps, bytes, nil
}

func (p partOf) byteLevel() (steps []splitter, err error) {
	var prefix bool
	regex := true
	if err := first(p.read("add_prefix_space", &prefix), p.readIf("use_regex", &regex)); err != nil {
		return nil, err
	}
	if prefix {
		steps = append(steps, spaced)
	}
	if regex {
		steps = append(steps, gptWords())
	}
	return steps, nil
}

func (p partOf) splitter() (splitter, error) {
	if simple, ok := simpleSplitters[p.typ]; ok {
		return simple(), nil
	}
	switch p.typ {
	case "Metaspace":
		return p.metaspace()
	case "Punctuation":
		b, err := p.behavior(p.readIf)
		return b.by(charactersThat(ofClass(letters.Punctuation))), err
	case "Digits":
		var single bool
		err := p.read("individual_digits", &single)
		b := contiguous
		if single {
			b = isolated
		}
		return b.by(charactersThat(ofClass(letters.Numeric))), err
	case "Split":
		var invert bool
		b, err := p.behavior(p.read)
		if err := first(err, p.read("invert", &invert)); err != nil {
			return nil, err
		}
		find, err := p.pattern()
		if invert && err == nil {
			find = inverted(find)
		}
		return b.by(find), err
	case "CharDelimiterSplit":
		delimiter, err := p.character("delimiter")
		return removed.by(literally(delimiter)), err
	}
	n := 5
	if err := p.readIf("length", &n); err != nil {
		return nil, err
	}
	if n < 1 {
		return nil, fmt.Errorf("%slength is %d; words have at least one character", p.where, n)
	}
	return ofLength(n), nil
}

func (p partOf) behavior(read func(string, any) error) (behavior, error) {
	name := "Isolated"
	if err := read("behavior", &name); err != nil {
		return 0, err
	}
	b, ok := behaviors[name]
	if !ok {
		return 0, fmt.Errorf("%sbehavior is %.80q, which is not known here", p.where, name)
	}
	return b, nil
}

func (p partOf) character(key string) (string, error) {
	var text string
	err := p.read(key, &text)
	if err == nil && utf8.RuneCountInString(text) != 1 {
		err = fmt.Errorf("%s%s is %.80q; it should be one character", p.where, key, text)
	}
	return text, err
}

func (p partOf) metaspace() (splitter, error) {
	mark, err := p.character("replacement")
	scheme, prefix, split := "always", true, true
	if err := first(err, p.readIf("prepend_scheme", &scheme), p.readIf("add_prefix_space", &prefix), p.readIf("split", &split)); err != nil {
		return nil, err
	}
	if !prefix && scheme != "never" {
		return nil, errors.New(p.where + "add_prefix_space is false; then prepend_scheme should be never")
	}
	return metaspace{mark: mark, first: scheme == "first", always: scheme == "always", split: split}.splitter(), nil
}
