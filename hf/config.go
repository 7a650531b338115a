package hf

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/monge-ml/monge/internal/foreign"
	"github.com/monge-ml/monge/nn"
)

// A config is a config.json.
type config struct {
	all           map[string]json.RawMessage
	kind          string // model_type
	architectures []string
}

func readConfig(path string) (c config, err error) {
	b, err := foreign.ReadFile(path)
	if err != nil {
		return c, err
	}
	if c, err = parseConfig(b); err != nil {
		err = fmt.Errorf("%s: %w", path, err)
	}
	return c, err
}

func parseConfig(b []byte) (c config, err error) {
	if c.all, err = foreign.Object(b); err != nil {
		return c, fmt.Errorf("not a config.json: %w", err)
	}
	var head struct {
		Kind          string   `json:"model_type"`
		Architectures []string `json:"architectures"`
		Timm          string   `json:"architecture"`
	}
	if err := foreign.Decode(c.all, &head); err != nil {
		return c, err
	}
	c.kind, c.architectures = head.Kind, head.Architectures
	return c, nil
}

// design returns the network that the settings describe.
func (c *config) design(dir string) (*design, error) {
	if c.kind == "" && c.all["architecture"] != nil {
		return c.timm()
	}
	k, ok := kinds[c.kind]
	if !ok {
		what := fmt.Sprintf("model_type %.60q", c.kind)
		if c.kind == "" {
			what = "a config.json without model_type"
		}
		return nil, fmt.Errorf("%s can't be read here; there are %s", what, strings.Join(slices.Sorted(maps.Keys(kinds)), ", "))
	}
	return k(c, dir)
}

// A kind makes the design of a model_type's settings.
type kind func(c *config, dir string) (*design, error)

// kinds are the architectures by their model_type.
var kinds = map[string]kind{}

// decode reads the settings that decide, under the names that other architectures give them, and checks
// that all others are known.
func (c *config) decode(keys foreign.Keys, renamed map[string]string, into any) error {
	settings := maps.Clone(c.all)
	for is, as := range renamed {
		if v, there := settings[is]; there {
			if _, both := settings[as]; both {
				return fmt.Errorf("%s and %s are both there, and mean the same: take one out", is, as)
			}
			settings[as] = v
			delete(settings, is)
		}
	}
	return decode("", settings, keys, into)
}

func decode(prefix string, settings map[string]json.RawMessage, keys foreign.Keys, into any) error {
	for _, key := range []string{"image_size", "patch_size"} {
		if err := foreign.Square(settings, key); err != nil {
			return fmt.Errorf("%s%w", prefix, err)
		}
	}
	if err := keys.Check(prefix, settings); err != nil {
		return err
	}
	known := maps.Clone(settings)
	maps.DeleteFunc(known, func(k string, _ json.RawMessage) bool { _, ok := keys[k]; return !ok })
	return foreign.Decode(known, into)
}

// labels are what the outputs are called.
type labels struct {
	names   []string // nil if the settings name none, or number them alone
	problem string   // problem_type: whether they are classes, labels or numbers
	n       int      // how many the settings say there are, 0 if they don't
}

// maxLabels is more classes than any network tells apart.
const maxLabels = 1 << 17

func (c *config) labels() (l labels, err error) {
	var said struct {
		Names   map[string]string `json:"id2label"`
		N       *int              `json:"num_labels"`
		Problem string            `json:"problem_type"`
	}
	if err := foreign.Decode(c.all, &said); err != nil {
		return l, err
	}
	if c.kind == "" { // as timm has it
		return c.timmLabels()
	}
	if l.n = len(said.Names); said.N != nil {
		if l.n != 0 && l.n != *said.N || *said.N < 1 || *said.N > maxLabels {
			return l, fmt.Errorf("num_labels is %d, and id2label has %d names", *said.N, l.n)
		}
		l.n = *said.N
	}
	l.problem = said.Problem
	if !slices.Contains([]string{"", "single_label_classification", "multi_label_classification", "regression"}, l.problem) {
		return l, fmt.Errorf("problem_type is %.60q; there are single_label_classification, multi_label_classification, regression", l.problem)
	}
	if len(said.Names) == 0 {
		return l, nil
	}
	names, numbered := make([]string, l.n), true
	for i := range names {
		name, ok := said.Names[fmt.Sprint(i)]
		if !ok {
			return l, fmt.Errorf("id2label has %d names, and none for %d", l.n, i)
		}
		names[i] = name
		numbered = numbered && name == fmt.Sprintf("LABEL_%d", i)
	}
	if !numbered {
		l.names = names
	}
	return l, nil
}

// activations are transformers' names of them.
var activations = map[string]nn.LayerFunc{
	"gelu": nn.GELU, "gelu_python": nn.GELU, "gelu_new": nn.GELUTanh, "gelu_fast": nn.GELUTanh, "gelu_pytorch_tanh": nn.GELUTanh,
	"gelu_accurate": nn.GELUTanh, "quick_gelu": nn.QuickGELU, "relu": nn.ReLU, "silu": nn.SiLU, "swish": nn.SiLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid,
}

func checkActivation(key, name string) error {
	if _, ok := activations[name]; !ok {
		return fmt.Errorf("%s is %.60q; there are %s", key, name, strings.Join(slices.Sorted(maps.Keys(activations)), ", "))
	}
	return nil
}

// A size is a setting and what it can be.
type size struct {
	key         string
	value, most int
}

func checkSizes(list ...size) error {
	for _, s := range list {
		if s.value < 1 || s.value > s.most {
			return fmt.Errorf("%s is %d; it must be from 1 to %d", s.key, s.value, s.most)
		}
	}
	return nil
}

// Bounds on sizes.
const (
	maxWidth     = 1 << 14
	maxHidden    = 1 << 16
	maxLayers    = 1 << 9
	maxPositions = 1 << 16
	maxSide      = 1 << 13
)

// A share is a setting that is a probability.
type share struct {
	key   string
	value float32
}

func checkShares(list ...share) error {
	for _, s := range list {
		if !(s.value >= 0 && s.value < 1) {
			return fmt.Errorf("%s is %g; it must be at least 0 and below 1", s.key, s.value)
		}
	}
	return nil
}

func checkEpsilon(key string, e float32) error {
	if !(e > 0 && e <= 1) {
		return fmt.Errorf("%s is %g; it must be above 0 and at most 1", key, e)
	}
	return nil
}
