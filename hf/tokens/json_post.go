package tokens

import (
	"encoding/json"
	"fmt"

	"github.com/monge-ml/monge/internal/foreign"
)

var postKeys = map[string]foreign.Keys{
	"BertProcessing":     {"sep": foreign.Read, "cls": foreign.Read},
	"RobertaProcessing":  {"sep": foreign.Read, "cls": foreign.Read, "trim_offsets": foreign.Idle, "add_prefix_space": foreign.Idle},
	"TemplateProcessing": {"single": foreign.Read, "pair": foreign.Read, "special_tokens": foreign.Read},
	"ByteLevel":          foreign.IdleKeys("add_prefix_space", "trim_offsets", "use_regex"), // of places in texts
	"Sequence":           {"processors": foreign.Read},
}

func parsePost(b json.RawMessage, where string, nested int) (post []processor, err error) {
	if isNull(b) {
		return nil, nil
	}
	p, err := parsePart(b, where, postKeys)
	if err != nil {
		return nil, err
	}
	switch p.typ {
	case "ByteLevel":
		return nil, nil
	case "TemplateProcessing":
		t, err := p.template()
		return []processor{t}, err
	case "Sequence":
		list, err := p.list("processors", nested)
		for i, b := range list {
			more, err := parsePost(b, fmt.Sprintf("%sprocessors[%d]", p.where, i), nested+1)
			if err != nil {
				return nil, err
			}
			post = append(post, more...)
		}
		return post, err
	}
	ends := bertEnds{roberta: p.typ == "RobertaProcessing"}
	err = first(p.end("cls", &ends.start), p.end("sep", &ends.sep))
	return []processor{ends}, err
}

// end reads a token with its number.
func (p partOf) end(key string, id *int32) error {
	var name string
	pair := []any{&name, id}
	if err := p.read(key, &pair); err != nil {
		return err
	}
	if len(pair) != 2 || *id < 0 {
		return fmt.Errorf("%s%s is %.80s; it should be a token and its number", p.where, key, p.object[key])
	}
	return nil
}

// A templatePart is a text, by its letter, or a special token.
type templatePart struct {
	Sequence, SpecialToken *struct {
		ID   string `json:"id"`
		Type uint16 `json:"type_id"`
	}
}

func (p partOf) template() (t template, err error) {
	var single, pair []templatePart
	var special map[string]struct{ IDs []int32 }
	if err := first(p.read("single", &single), p.read("pair", &pair), p.read("special_tokens", &special)); err != nil {
		return t, err
	}
	for name, tokens := range special {
		for _, id := range tokens.IDs {
			if id < 0 {
				return t, fmt.Errorf("%sspecial_tokens: %.80q has number %d", p.where, name, id)
			}
		}
	}
	slots := func(key string, parts []templatePart, texts int) (slots []slot, err error) {
		if len(parts) > maxParts {
			return nil, fmt.Errorf("%s%s has %d parts; up to %d are taken", p.where, key, len(parts), maxParts)
		}
		for i, part := range parts {
			where := fmt.Sprintf("%s%s[%d]", p.where, key, i)
			switch {
			case (part.Sequence == nil) == (part.SpecialToken == nil):
				return nil, fmt.Errorf("%s should be a Sequence or a SpecialToken", where)
			case part.SpecialToken != nil:
				tokens, ok := special[part.SpecialToken.ID]
				if !ok {
					return nil, fmt.Errorf("%s is token %.80q, which special_tokens does not have", where, part.SpecialToken.ID)
				}
				slots = append(slots, slot{-1, tokens.IDs, int32(part.SpecialToken.Type)})
			case part.Sequence.ID == "A":
				slots = append(slots, slot{0, nil, int32(part.Sequence.Type)})
			case part.Sequence.ID == "B" && texts == 2:
				slots = append(slots, slot{1, nil, int32(part.Sequence.Type)})
			default:
				return nil, fmt.Errorf("%s is text %.80q, of %d", where, part.Sequence.ID, texts)
			}
		}
		return slots, nil
	}
	if t.single, err = slots("single", single, 1); err == nil {
		t.pair, err = slots("pair", pair, 2)
	}
	return t, err
}
