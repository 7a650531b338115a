package tokens

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/monge-ml/monge/internal/foreign"
)

var modelKeys = map[string]foreign.Keys{
	"WordPiece": {"unk_token": foreign.Read, "continuing_subword_prefix": foreign.Read, "max_input_chars_per_word": foreign.Read, "vocab": foreign.Read},
	"WordLevel": {"unk_token": foreign.Read, "vocab": foreign.Read},
	"Unigram":   {"unk_id": foreign.Read, "vocab": foreign.Read, "byte_fallback": foreign.Read},
	"BPE": {"dropout": foreign.Only(0.), "unk_token": foreign.Read, "continuing_subword_prefix": foreign.Read, "end_of_word_suffix": foreign.Read,
		"fuse_unk": foreign.Read, "byte_fallback": foreign.Read, "ignore_merges": foreign.Read, "vocab": foreign.Read, "merges": foreign.Read},
}

func parseModel(b json.RawMessage) (vocabulary, model, error) {
	if isNull(b) {
		return vocabulary{}, nil, errors.New("model is missing")
	}
	p, err := parsePart(withType(b), "model", modelKeys)
	if err != nil {
		return vocabulary{}, nil, err
	}
	if p.typ == "Unigram" {
		return p.unigram()
	}
	var ids map[string]int64
	if err := p.read("vocab", &ids); err != nil {
		return vocabulary{}, nil, err
	}
	v, err := newVocabulary(ids)
	if err != nil {
		return vocabulary{}, nil, fmt.Errorf("model.vocab: %w", err)
	}
	var m model
	switch p.typ {
	case "WordPiece":
		m, err = p.wordPiece(v.ids)
	case "WordLevel":
		level := wordLevel{ids: v.own()}
		err = p.read("unk_token", &level.unknown)
		m = level
	default:
		m, err = p.pairs(v.own())
	}
	return v, m, err
}

// withType adds the type that earlier versions left out.
func withType(b json.RawMessage) json.RawMessage {
	o, err := foreign.Object(b)
	if err != nil || o["type"] != nil {
		return b
	}
	typ := "WordLevel"
	switch {
	case o["merges"] != nil:
		typ = "BPE"
	case o["continuing_subword_prefix"] != nil:
		typ = "WordPiece"
	case strings.HasPrefix(strings.TrimSpace(string(o["vocab"])), "["):
		typ = "Unigram"
	}
	o["type"] = json.RawMessage(`"` + typ + `"`)
	b, _ = json.Marshal(o)
	return b
}

func (p partOf) wordPiece(ids map[string]int32) (model, error) {
	var unknown, prefix string
	var most int
	err := first(p.read("unk_token", &unknown), p.read("continuing_subword_prefix", &prefix), p.read("max_input_chars_per_word", &most))
	if err != nil {
		return nil, err
	}
	return newWordPiece(ids, unknown, prefix, most), nil
}

func (p partOf) pairs(ids map[string]int32) (model, error) {
	m := &pairs{ids: ids}
	var list []json.RawMessage
	err := first(p.readIf("unk_token", &m.unknown), p.readIf("continuing_subword_prefix", &m.prefix), p.readIf("end_of_word_suffix", &m.suffix),
		p.readIf("fuse_unk", &m.fuse), p.readIf("byte_fallback", &m.bytes), p.readIf("ignore_merges", &m.wholes), p.read("merges", &list))
	if err != nil {
		return nil, err
	}
	merges := make([][2]string, 0, len(list))
	for i, b := range list {
		pair, err := parseMerge(b)
		if err != nil {
			return nil, fmt.Errorf("model.merges[%d] is %.80s: %w", i, b, err)
		}
		if pair[0] != "" || pair[1] != "" {
			merges = append(merges, pair)
		}
	}
	if err := m.build(merges); err != nil {
		return nil, fmt.Errorf("model.merges: %w", err)
	}
	return m, nil
}

// parseMerge reads two tokens: a line of merges.txt or, in newer files, a list.
func parseMerge(b json.RawMessage) (pair [2]string, err error) {
	var list []string
	if b[0] == '[' {
		if json.Unmarshal(b, &list) != nil || len(list) != 2 {
			return pair, errors.New("it should be two tokens")
		}
		return [2]string(list), nil
	}
	var line string
	if err := json.Unmarshal(b, &line); err != nil {
		return pair, errors.New("it should be two tokens")
	}
	return mergeOf(line)
}

// mergeOf reads a line of merges.txt; of one that tells the version nothing is returned.
func mergeOf(line string) (pair [2]string, err error) {
	if strings.HasPrefix(line, "#version") {
		return pair, nil
	}
	left, right, ok := strings.Cut(line, " ")
	if !ok || strings.Contains(right, " ") {
		return pair, errors.New("it should be two tokens with a space between")
	}
	return [2]string{left, right}, nil
}

// A scored is a token with its score.
type scored struct {
	token string
	score float64
}

func (s *scored) UnmarshalJSON(b []byte) error {
	var score json.Number
	pair := []any{&s.token, &score}
	if err := json.Unmarshal(b, &pair); err != nil {
		return err
	}
	s.score = scoreOf(score)
	if len(pair) != 2 || score == "" || math.IsInf(s.score, 0) {
		return errors.New("a token should be a list of its text and its score")
	}
	return nil
}

func (p partOf) unigram() (v vocabulary, m model, err error) {
	var list []scored
	var unknown *int
	var bytes bool
	if err := first(p.read("vocab", &list), p.readIf("unk_id", &unknown), p.readIf("byte_fallback", &bytes)); err != nil {
		return v, nil, err
	}
	v.ids = make(map[string]int32, len(list))
	scores := make([]float64, len(list))
	for id, s := range list {
		scores[id] = s.score
		if err := v.set(s.token, id); err != nil {
			return v, nil, fmt.Errorf("model.vocab: %w", err)
		}
	}
	v.size = len(list)
	none := -1
	if unknown == nil {
		unknown = &none
	} else if *unknown < 0 || *unknown >= len(list) {
		return v, nil, fmt.Errorf("model.unk_id is %d; there are %d tokens", *unknown, len(list))
	}
	return v, newUnigram(v.ids, scores, int32(*unknown), bytes), nil
}
