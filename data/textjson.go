package data

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	wording "github.com/monge-ml/monge/internal/words"
)

// splitJSON takes an example from an object. A label is a string, a number, true or false, and a list
// of them where a text has several.
func (p *textParser) splitJSON(line []byte) (e entry, err error) {
	var v map[string]json.RawMessage
	if err := wording.JSON(line, json.Unmarshal(line, &v)); err != nil {
		return e, fmt.Errorf("%q: %w; %s", shortened(line), err, textLine)
	}
	if !p.named {
		p.chooseKeys(v)
		defer p.tellKeys(v)
	}
	if e, err = p.object(v); err != nil {
		return e, fmt.Errorf("%q: %w", shortened(line), err)
	}
	return e, nil
}

// chooseKeys finds out by the first object what the file is of.
func (p *textParser) chooseKeys(v map[string]json.RawMessage) {
	names := slices.Sorted(maps.Keys(v))
	p.keys = p.columns
	if at := pairOf(names); at != nil && p.keys.texts == nil {
		p.keys.texts = []string{names[at[0]], names[at[1]]}
	}
	if len(p.keys.targets) == 0 && p.keys.labels == "" {
		name, raw, err := p.keyed(v, "label", p.keys.label, labelWords)
		switch {
		case err != nil: // it will come again
		case len(raw) > 0 && raw[0] == '[':
			p.keys.label, p.keys.labels = "", name
		case p.keys.label == "" && len(p.keys.texts) == 2 && strings.EqualFold(name, scoreWord):
			p.keys.targets = []string{name}
		}
	}
	p.pairs, p.chosen, p.several, p.targetNames = len(p.keys.texts) == 2, p.columns.texts != nil, p.keys.labels != "", p.keys.targets
}

// object takes an example from an object's keys.
func (p *textParser) object(v map[string]json.RawMessage) (e entry, err error) {
	switch {
	case p.targetNames != nil:
		e.targets, err = p.objectTargets(v)
	case p.several:
		e.labels, err = p.objectLabels(v)
	default:
		e.label, err = p.objectLabel(v)
	}
	if err != nil {
		return e, err
	}
	for _, key := range textKeys(p.keys.texts) {
		_, t, err := p.keyed(v, "text", key, textWords)
		if err != nil {
			return e, err
		}
		var words string
		if json.Unmarshal(t, &words) != nil {
			return e, errors.New("the text is none; " + textLine)
		}
		e.texts = append(e.texts, words)
	}
	return e, nil
}

// textKeys are the keys of texts, of one that is not given if there is none.
func textKeys(keys []string) []string {
	if keys == nil {
		return []string{""}
	}
	return keys
}

func (p *textParser) objectTargets(v map[string]json.RawMessage) (list []float32, err error) {
	for _, key := range p.keys.targets {
		_, raw, err := p.keyed(v, "target", key, nil)
		if err != nil {
			return nil, err
		}
		y, err := parseTarget(jsonName(raw))
		if err != nil {
			return nil, fmt.Errorf("target %s: %w", key, err)
		}
		list = append(list, y)
	}
	return list, nil
}

func (p *textParser) objectLabels(v map[string]json.RawMessage) (names []string, err error) {
	_, raw, err := p.keyed(v, "label", p.keys.labels, nil)
	if err != nil {
		return nil, err
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil || list == nil {
		return nil, errors.New("the labels are no list")
	}
	for _, l := range list {
		name := jsonName(l)
		if name == "" {
			return nil, errors.New("a label is no text and no number; " + textLine)
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names, nil
}

func (p *textParser) objectLabel(v map[string]json.RawMessage) (string, error) {
	_, raw, err := p.keyed(v, "label", p.keys.label, labelWords)
	if err != nil {
		return "", err
	}
	label := jsonName(raw)
	if label == "" {
		return "", errors.New("the label is no text and no number; " + textLine)
	}
	return label, nil
}

// jsonName is a string, or a number, true or false as it is written; "" of other values.
func jsonName(raw json.RawMessage) (name string) {
	switch {
	case json.Unmarshal(raw, &name) == nil && string(raw) != "null":
	case len(raw) > 0 && strings.IndexByte("-0123456789tf", raw[0]) >= 0:
		return string(raw)
	}
	return name
}

// use notes that a key is used.
func (p *textParser) use(key string) {
	if p.named {
		return
	}
	if p.used == nil {
		p.used = map[string]bool{}
	}
	p.used[key] = true
}

// tellKeys tells which keys of the first object are left out.
func (p *textParser) tellKeys(v map[string]json.RawMessage) {
	p.named = true
	left := slices.DeleteFunc(slices.Sorted(maps.Keys(v)), func(k string) bool { return p.used[k] })
	if len(left) > 0 {
		p.notes = append(p.notes, "keys left out: "+someOf(left))
	}
}

// keyed returns the key that a spec names and its value, or else the first that is called as such
// keys are.
func (p *textParser) keyed(v map[string]json.RawMessage, what, given string, usual []string) (string, json.RawMessage, error) {
	if given != "" {
		if raw, ok := v[given]; ok {
			p.use(given)
			return given, raw, nil
		}
		return "", nil, fmt.Errorf("no key %q", given)
	}
	for _, name := range usual {
		if raw, ok := v[name]; ok {
			p.use(name)
			return name, raw, nil
		}
	}
	keys := slices.Sorted(maps.Keys(v))
	if i := place(keys, usual); i >= 0 {
		p.use(keys[i])
		return keys[i], v[keys[i]], nil
	}
	why := fmt.Sprintf("no %s; the keys are %s: say which it is with ?%s=KEY", what, someOf(keys), what)
	if what == "label" {
		return "", nil, unlabelled(why)
	}
	return "", nil, errors.New(why)
}
