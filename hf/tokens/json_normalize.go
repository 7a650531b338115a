package tokens

import (
	"encoding/json"
	"fmt"

	"golang.org/x/text/unicode/norm"

	"github.com/monge-ml/monge/internal/foreign"
	"github.com/monge-ml/monge/internal/letters"
)

var normalizerKeys = map[string]foreign.Keys{
	"BertNormalizer": {"clean_text": foreign.Read, "handle_chinese_chars": foreign.Read, "strip_accents": foreign.Read, "lowercase": foreign.Read},
	"Lowercase":      {}, "NFC": {}, "NFD": {}, "NFKC": {}, "NFKD": {}, "StripAccents": {}, "Nmt": {}, "ByteLevel": {},
	"Strip":       {"strip_left": foreign.Read, "strip_right": foreign.Read},
	"Replace":     {"pattern": foreign.Read, "content": foreign.Read},
	"Prepend":     {"prepend": foreign.Read},
	"Precompiled": {"precompiled_charsmap": foreign.Read},
	"Sequence":    {"normalizers": foreign.Read},
}

var simpleNormalizers = map[string]func() normalizer{
	"Lowercase":    lowercase,
	"NFC":          func() normalizer { return toForm(norm.NFC) },
	"NFD":          func() normalizer { return toForm(norm.NFD) },
	"NFKC":         func() normalizer { return toForm(norm.NFKC) },
	"NFKD":         func() normalizer { return toForm(norm.NFKD) },
	"StripAccents": func() normalizer { return without(ofClass(letters.Mark)) },
	"Nmt":          nmt,
	"ByteLevel":    func() normalizer { return func(p part) (part, error) { return part{asBytes(p.text), p.start}, nil } },
}

func parseNormalizer(b json.RawMessage, where string, nested int) (normalizer, error) {
	if isNull(b) {
		return asItIs, nil
	}
	p, err := parsePart(b, where, normalizerKeys)
	if err != nil {
		return nil, err
	}
	if simple, ok := simpleNormalizers[p.typ]; ok {
		return simple(), nil
	}
	switch p.typ {
	case "BertNormalizer":
		o, err := p.bert()
		return o.normalizer(), err
	case "Strip":
		var left, right bool
		err = first(p.read("strip_left", &left), p.read("strip_right", &right))
		return stripped(left, right), err
	case "Replace":
		var content string
		find, err := p.pattern()
		err = first(err, p.read("content", &content))
		return replaced(find, content), err
	case "Prepend":
		var prefix string
		err = p.read("prepend", &prefix)
		return prepended(prefix), err
	case "Precompiled":
		var charsmap []byte // base64 is what Go takes for one
		if err := p.read("precompiled_charsmap", &charsmap); err != nil {
			return nil, err
		}
		return newCharsMap(charsmap)
	}
	list, err := p.list("normalizers", nested)
	if err != nil {
		return nil, err
	}
	steps := make([]normalizer, len(list))
	for i, b := range list {
		if steps[i], err = parseNormalizer(b, fmt.Sprintf("%snormalizers[%d]", p.where, i), nested+1); err != nil {
			return nil, err
		}
	}
	return inSequence(steps), nil
}

// first returns the first error.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (p partOf) bert() (o bert, err error) {
	if err := first(p.read("clean_text", &o.clean), p.read("handle_chinese_chars", &o.chinese), p.read("lowercase", &o.lower)); err != nil {
		return o, err
	}
	o.strip = o.lower
	return o, p.readIf("strip_accents", &o.strip)
}

// pattern reads what is looked for: a text, or an expression.
func (p partOf) pattern() (finder, error) {
	var kinds map[string]string
	if err := p.read("pattern", &kinds); err != nil {
		return nil, err
	}
	text, isText := kinds["String"]
	expr, isExpr := kinds["Regex"]
	switch {
	case len(kinds) != 1 || !isText && !isExpr || isText && text == "":
		return nil, fmt.Errorf("%spattern is %.80s; it should be an object with a String or a Regex", p.where, p.object["pattern"])
	case isText:
		return literally(text), nil
	}
	found, err := newPattern(expr)
	if err != nil {
		return nil, fmt.Errorf("%spattern: %w", p.where, err)
	}
	return found.find, nil
}
