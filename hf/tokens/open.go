package tokens

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/monge-ml/monge/internal/foreign"
	"github.com/monge-ml/monge/internal/letters"
	"github.com/monge-ml/monge/internal/words"
)

// maxFile bounds the bytes of a file. The largest vocabularies that are published take half of it.
const maxFile = 64 << 20

// maxSpecial bounds the special tokens around a text.
const maxSpecial = 1024

// The files of a directory. Where the first is there the next three are not read.
const (
	jsonFile     = "tokenizer.json"
	vocabText    = "vocab.txt"
	vocabJSON    = "vocab.json"
	mergesText   = "merges.txt"
	settingsFile = "tokenizer_config.json"
	specialFile  = "special_tokens_map.json"
	addedFile    = "added_tokens.json"
	modelFile    = "config.json"
)

// In reports whether a directory has a tokenizer's files.
func In(dir string) bool {
	for _, name := range []string{jsonFile, vocabText, vocabJSON} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return true
		}
	}
	return false
}

// Open reads the tokenizer of a directory: tokenizer.json, or vocab.txt of BERT, DistilBERT, ELECTRA and
// MPNet, or vocab.json and merges.txt of RoBERTa, and beside them tokenizer_config.json,
// special_tokens_map.json and added_tokens.json if they are there. What they ask for is done, does not
// matter, or is an error.
func Open(dir string) (*Tokenizer, error) {
	s := &settings{named: map[string]addedToken{}}
	if err := s.open(dir); err != nil {
		return nil, err
	}
	for _, way := range []struct {
		name string
		make func(s *settings, data []byte, dir string) (*Tokenizer, error)
	}{{jsonFile, fromJSON}, {vocabText, fromVocabText}, {vocabJSON, fromVocabJSON}} {
		path := filepath.Join(dir, way.name)
		data, err := foreign.ReadUpTo(path, maxFile)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		t, err := way.make(s, data, dir)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		return t, nil
	}
	return nil, fmt.Errorf("%s has no %s, %s, or %s with %s", dir, jsonFile, vocabText, vocabJSON, mergesText)
}

// open reads what lies beside the vocabulary.
func (s *settings) open(dir string) error {
	_, err := os.Stat(filepath.Join(dir, jsonFile))
	s.json = err == nil
	for _, f := range []struct {
		name string
		read func([]byte) error
	}{{settingsFile, s.readSettings}, {specialFile, s.readSpecial}, {addedFile, s.readAdded}, {modelFile, s.readModelType}} {
		older := f.name == specialFile || f.name == addedFile
		path := filepath.Join(dir, f.name)
		data, err := foreign.ReadUpTo(path, maxFile)
		if errors.Is(err, fs.ErrNotExist) || older && s.decoder {
			continue
		}
		if err == nil {
			if err = f.read(data); err != nil {
				err = fmt.Errorf("%s: %w", path, err)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// readModelType takes the class of the tokenizer from config.json, if nothing says it.
func (s *settings) readModelType(data []byte) error {
	var config struct {
		Type string `json:"model_type"`
	}
	if json.Unmarshal(data, &config) == nil && s.class == "" { // what is wrong with it is told elsewhere
		s.class = map[string]string{"bert": "BertTokenizer", "distilbert": "BertTokenizer", "electra": "BertTokenizer", "mpnet": "MPNetTokenizer", "roberta": "RobertaTokenizer"}[config.Type]
	}
	return nil
}

// fromJSON makes a tokenizer of tokenizer.json.
func fromJSON(s *settings, data []byte, _ string) (*Tokenizer, error) {
	t, added, err := parseJSON(data)
	if err != nil {
		return nil, err
	}
	if err := t.addAll(s, added); err != nil {
		return nil, err
	}
	return t, t.check(s)
}

// An agreement is of what is said of a part and what it is, if either is known.
type agreement struct {
	part, name string
	said, is   *bool
}

// check holds what is made of texts against what tokenizer_config.json says: transformers follows the one
// or the other.
func (t *Tokenizer) check(s *settings) error {
	if n := t.Added(true); n > maxSpecial {
		return fmt.Errorf("post_processor puts %d tokens around a pair; up to %d are taken", n, maxSpecial)
	}
	if t.Pad >= t.Size() {
		return fmt.Errorf("padding.pad_id is %d; there are %d tokens", t.Pad, t.Size())
	}
	for _, p := range t.post {
		if id := p.largest(); id >= t.Size() {
			return fmt.Errorf("post_processor has token %d; there are %d", id, t.Size())
		}
	}
	checks := []agreement{{"pre_tokenizer", "add_prefix_space", s.prefix, t.prefix}}
	if b := t.bert; b != nil {
		checks = append(checks, agreement{"normalizer", "do_lower_case", s.lower, &b.lower}, agreement{"normalizer", "strip_accents", s.strip, &b.strip},
			agreement{"normalizer", "tokenize_chinese_chars", s.chinese, &b.chinese})
	}
	for _, c := range checks {
		if c.said != nil && c.is != nil && *c.said != *c.is {
			return fmt.Errorf("%s is as of %s %v, and %s says %v; delete the wrong one", c.part, c.name, *c.is, settingsFile, *c.said)
		}
	}
	return nil
}

// byDefault names special tokens that no file names.
func (s *settings) byDefault(names map[string]string) {
	for key, content := range names {
		if _, said := s.named[key]; !said {
			s.named[key] = addedToken{Content: content, Special: true, plain: true}
		}
	}
}

// fromVocabText makes a tokenizer of a line for each token.
func fromVocabText(s *settings, data []byte, _ string) (*Tokenizer, error) {
	switch s.class {
	case "MPNetTokenizer":
		s.byDefault(map[string]string{"bos_token": "<s>", "eos_token": "</s>", "sep_token": "</s>", "cls_token": "<s>", "unk_token": "[UNK]", "pad_token": "<pad>", "mask_token": "<mask>"})
		s.mpnet()
	case "", "BertTokenizer", "DistilBertTokenizer", "ElectraTokenizer":
		s.byDefault(map[string]string{"unk_token": "[UNK]", "sep_token": "[SEP]", "pad_token": "[PAD]", "cls_token": "[CLS]", "mask_token": "[MASK]"})
	default:
		return nil, fmt.Errorf("tokenizer_class is %.80q, whose %s is not known here; those known are of BertTokenizer, DistilBertTokenizer, ElectraTokenizer and MPNetTokenizer. Save it with transformers as %s", s.class, vocabText, jsonFile)
	}
	v, err := parseVocabText(string(data))
	if err != nil {
		return nil, err
	}
	lower := or(s.lower, true)
	t := &Tokenizer{
		Pad: -1, vocab: v, split: bertWords(),
		normalize: bert{clean: true, chinese: or(s.chinese, true), strip: or(s.strip, lower), lower: lower}.normalizer(),
		model:     newWordPiece(v.ids, s.named["unk_token"].Content, "##", 100),
	}
	return t, t.finish(s, nil, s.class == "MPNetTokenizer")
}

// mpnet makes the mask take spaces before it along.
func (s *settings) mpnet() {
	mask := s.named["mask_token"]
	mask.LStrip = mask.LStrip || mask.plain
	s.named["mask_token"] = mask
}

// parseVocabText reads a token from each line. Spaces at its end don't count; of a token that is there twice
// the second number does.
func parseVocabText(text string) (v vocabulary, err error) {
	v.ids = map[string]int32{}
	space := ofClass(letters.Space)
	id := 0
	for line := range strings.Lines(text) {
		if !utf8.ValidString(line) {
			return v, fmt.Errorf("line %d is not UTF-8", id+1)
		}
		if err := v.set(strings.TrimRightFunc(line, space), id); err != nil {
			return v, err
		}
		id++
	}
	v.size = len(v.ids)
	return v, nil
}

// fromVocabJSON makes a tokenizer of an object of tokens and a list of merges.
func fromVocabJSON(s *settings, data []byte, dir string) (*Tokenizer, error) {
	if s.class != "" && s.class != "RobertaTokenizer" {
		return nil, fmt.Errorf("tokenizer_class is %.80q, whose %s is not known here; RobertaTokenizer's is. Save it with transformers as %s", s.class, vocabJSON, jsonFile)
	}
	s.byDefault(map[string]string{"bos_token": "<s>", "eos_token": "</s>", "sep_token": "</s>", "cls_token": "<s>", "unk_token": "<unk>", "pad_token": "<pad>", "mask_token": "<mask>"})
	var ids map[string]int64
	if err := words.Unmarshal(foreign.Text(data), &ids); err != nil {
		return nil, err
	}
	v, err := newVocabulary(ids)
	if err != nil {
		return nil, err
	}
	m := &pairs{ids: v.own()}
	if err := m.open(filepath.Join(dir, mergesText)); err != nil {
		return nil, err
	}
	t := &Tokenizer{Pad: -1, vocab: v, normalize: asItIs, split: gptWords(), model: byteModel{m}}
	if or(s.prefix, false) {
		t.split = oneByOne([]splitter{spaced, t.split})
	}
	return t, t.finish(s, nil, true)
}

// open reads merges.txt.
func (m *pairs) open(path string) error {
	data, err := foreign.ReadUpTo(path, maxFile)
	if err != nil {
		return err
	}
	var merges [][2]string
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		pair, err := mergeOf(strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"))
		if err != nil {
			return fmt.Errorf("line %d of %s: %w", n, path, err)
		}
		if pair[0] != "" || pair[1] != "" {
			merges = append(merges, pair)
		}
	}
	if err := m.build(merges); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func or(said *bool, otherwise bool) bool {
	if said != nil {
		return *said
	}
	return otherwise
}

// finish adds the special tokens of a vocabulary without settings of its own.
func (t *Tokenizer) finish(s *settings, already []addedToken, roberta bool) error {
	if err := t.addAll(s, already); err != nil {
		return err
	}
	t.post = []processor{bertEnds{start: t.vocab.ids[s.named["cls_token"].Content], sep: t.vocab.ids[s.named["sep_token"].Content], roberta: roberta}}
	return nil
}

// addAll adds tokens to those of the model, and takes what the settings say of texts.
func (t *Tokenizer) addAll(s *settings, already []addedToken) error {
	added := map[int32]addedToken{}
	if err := t.add(added, s.tokens(already)); err != nil {
		return err
	}
	if pad, ok := s.named["pad_token"]; ok {
		t.Pad = int(t.vocab.ids[pad.Content])
	}
	t.Max = s.max
	t.left = or(s.left, t.left)
	return t.match(added)
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
