package hf

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"strings"

	"github.com/monge-ml/monge/internal/foreign"
	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/tensor"
	"github.com/monge-ml/monge/weights"
)

// ModulesFile lists what sentence-transformers does with what a transformer gives.
const ModulesFile = "modules.json"

// modules are the parts of such a directory behind its transformer.
type modules struct {
	pooling   string // mean, cls, max, mean_sqrt_len
	normalize bool   // the pooled rows, to length 1
	shortened bool   // they were, before a head that begins anew
	dense     []dense
	head      string // path of the dense module that makes the outputs, or where a new one is to be
	width     int    // of what goes into the head
	rows      int    // width of what is pooled
	tensors   []weights.Tensor
}

// A dense module is a linear layer with an activation.
type dense struct {
	path       string
	in, out    int
	bias       bool
	kind       string       // PyTorch's name of the activation
	activation nn.LayerFunc // nil for none
}

// module is an element of modules.json.
type module struct {
	Index int    `json:"idx"`
	Name  string `json:"name"`
	Path  string `json:"path"`
	Type  string `json:"type"`
}

// readModules reads what a directory of sentence-transformers does with rows of a width; nil if it is none.
func readModules(dir string, width int, said labels) (*modules, error) {
	path := filepath.Join(dir, ModulesFile)
	b, err := foreign.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list []module
	if err := json.Unmarshal(b, &list); err != nil {
		return nil, fmt.Errorf("%s: not a list of modules: %w", path, err)
	}
	m := &modules{width: width, rows: width}
	for i, one := range list {
		if err := m.add(dir, one, i, i == len(list)-1, said); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	if m.pooling == "" {
		return nil, fmt.Errorf("%s: it has no module Pooling, which makes one row of a text's", path)
	}
	if m.head == "" { // what is on the way to a new one is the embedding but for its length
		m.shortened, m.normalize, m.head = m.normalize, false, fmt.Sprintf("%d_Dense", len(m.dense)+2)
	}
	return m, nil
}

// maxModules is more than any directory has.
const maxModules = 16

func (m *modules) add(dir string, one module, i int, last bool, said labels) error {
	kind := one.Type[strings.LastIndexByte(one.Type, '.')+1:]
	if i >= maxModules || one.Path != "" && !filepath.IsLocal(one.Path) {
		return fmt.Errorf("module %d: its path is %.60q, and there may be %d modules in directories here", i, one.Path, maxModules)
	}
	switch {
	case i == 0 && kind == "Transformer" && one.Path == "":
		return nil
	case i == 1 && kind == "Pooling":
		return m.readPooling(filepath.Join(dir, one.Path, ConfigFile))
	case i > 1 && kind == "Normalize":
		m.normalize = true
		return nil
	case i > 1 && kind == "Dense" && !m.normalize:
		return m.readDense(dir, one.Path, last, said)
	}
	return fmt.Errorf("module %d is %.80q in %.60q; what can be read here is a Transformer in the directory itself, Pooling, Dense, Normalize, in this order", i, one.Type, one.Path)
}

var poolingKeys = foreign.IdleKeys("include_prompt").With(foreign.Keys{
	"word_embedding_dimension": foreign.Read, "embedding_dimension": foreign.Read, "pooling_mode": foreign.Read,
	"pooling_mode_cls_token": foreign.Read, "pooling_mode_mean_tokens": foreign.Read, "pooling_mode_max_tokens": foreign.Read,
	"pooling_mode_mean_sqrt_len_tokens": foreign.Read, "pooling_mode_weightedmean_tokens": foreign.Only(false), "pooling_mode_lasttoken": foreign.Only(false),
})

func (m *modules) readPooling(path string) error {
	var c struct {
		Width  int    `json:"word_embedding_dimension"`
		Width2 int    `json:"embedding_dimension"`
		Mode   string `json:"pooling_mode"`
		CLS    bool   `json:"pooling_mode_cls_token"`
		Mean   bool   `json:"pooling_mode_mean_tokens"`
		Max    bool   `json:"pooling_mode_max_tokens"`
		Sqrt   bool   `json:"pooling_mode_mean_sqrt_len_tokens"`
	}
	if err := readObject(path, poolingKeys, &c); err != nil {
		return err
	}
	var modes []string
	for _, one := range []struct {
		name string
		on   bool
	}{{"cls", c.CLS || c.Mode == "cls"}, {"mean", c.Mean || c.Mode == "mean"}, {"max", c.Max || c.Mode == "max"}, {"mean_sqrt_len", c.Sqrt || strings.HasPrefix(c.Mode, "mean_sqrt_len")}} {
		if one.on {
			modes = append(modes, one.name)
		}
	}
	switch w := max(c.Width, c.Width2); {
	case w != m.width:
		return fmt.Errorf("%s: it pools rows of %d numbers, and the transformer makes rows of %d", path, w, m.width)
	case len(modes) != 1:
		return fmt.Errorf("%s: it pools by %d ways; there must be one of cls, mean, max, mean_sqrt_len", path, len(modes))
	}
	m.pooling = modes[0]
	return nil
}

var denseActivations = map[string]nn.LayerFunc{"Identity": nil, "Tanh": nn.Tanh, "ReLU": nn.ReLU, "GELU": nn.GELU, "SiLU": nn.SiLU, "Sigmoid": nn.Sigmoid}

var denseKeys = foreign.Keys{"in_features": foreign.Read, "out_features": foreign.Read, "bias": foreign.Read, "activation_function": foreign.Read,
	"module_input_name": foreign.Only("sentence_embedding"), "module_output_name": foreign.Only("sentence_embedding")}

func (m *modules) readDense(dir, path string, last bool, said labels) error {
	c := struct {
		In         int    `json:"in_features"`
		Out        int    `json:"out_features"`
		Bias       bool   `json:"bias"`
		Activation string `json:"activation_function"`
	}{Bias: true, Activation: "Tanh"}
	file := filepath.Join(dir, path, ConfigFile)
	if err := readObject(file, denseKeys, &c); err != nil {
		return err
	}
	name := c.Activation[strings.LastIndexByte(c.Activation, '.')+1:]
	activation, ok := denseActivations[name]
	if !ok || c.In != m.width || c.Out < 1 || c.Out > maxLabels || path == "" {
		return fmt.Errorf("%s: a layer from %d to %d numbers with %.60q; it must be from %d, with one of Identity, Tanh, ReLU, GELU, SiLU, Sigmoid", file, c.In, c.Out, c.Activation, m.width)
	}
	list, err := readDenseWeights(filepath.Join(dir, path))
	if err != nil {
		return err
	}
	for _, t := range list {
		t.Name = path + "." + t.Name
		m.tensors = append(m.tensors, t)
	}
	if last && activation == nil && c.Bias && said.n == c.Out {
		m.head = path
		return nil
	}
	m.dense = append(m.dense, dense{path, c.In, c.Out, c.Bias, name, activation})
	m.width = c.Out
	return nil
}

func readDenseWeights(dir string) ([]weights.Tensor, error) {
	path, err := weights.Find(dir)
	if err != nil {
		return nil, err
	}
	f, err := weights.Read(path)
	if err != nil {
		return nil, err
	}
	return f.StateDict(), nil
}

// readObject reads a file of settings.
func readObject(path string, keys foreign.Keys, into any) error {
	b, err := foreign.ReadFile(path)
	if err != nil {
		return err
	}
	all, err := foreign.Object(b)
	if err == nil {
		if err = keys.Check("", all); err == nil {
			err = foreign.Decode(all, into)
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// become makes the design that of a network with these modules.
func (m *modules) become(d *design) {
	d.head, d.heads = m.head+".linear", []string{"classifier.", m.head + "."}
	for _, l := range m.dense {
		d.heads = append(d.heads, l.path+".")
	}
	d.unused = append(d.unused, d.prefix+"pooler.*", "classifier.*")
	if m.shortened {
		d.notes = append(d.notes, "the new head sees pooled rows as they are: the module Normalize, which brings them to length 1, is left out")
	}
}

// layers are those behind the transformer's.
func (m *modules) layers(b nn.Builder, of *sequences, outputs int) (net nn.Sequential) {
	net = m.embedding(b, of)
	return append(net, b.In(m.head).Linear("linear", m.width, outputs))
}

// embedding are those that make one row of a text's.
func (m *modules) embedding(b nn.Builder, of *sequences) (net nn.Sequential) {
	net = append(net, &pooled{mode: m.pooling, of: of})
	for _, l := range m.dense {
		linear := b.In(l.path).Linear
		if !l.bias {
			linear = b.In(l.path).Projection
		}
		if net = append(net, linear("linear", l.in, l.out)); l.activation != nil {
			net = append(net, l.activation)
		}
	}
	if m.normalize {
		net = append(net, nn.LayerFunc((*tensor.Tape).UnitRows))
	}
	return net
}

// pooled is one row of a text's: [N, T, width] to [N, width].
type pooled struct {
	mode string
	of   *sequences
	mask []float32
}

func (p *pooled) Forward(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor {
	t.Scope("pooling")
	if t.Err() != nil {
		return nil
	}
	n, rows, width := x.Dim(0), x.Dim(1), x.Dim(2)
	switch {
	case p.mode == "cls":
		return firstRow(width).Forward(t, x)
	case p.of.apart != nil:
		return p.apart(t, x)
	}
	switch p.mode {
	case "max":
		p.fill(func(float64) float32 { return 0 }, unseen)
		return t.Max(t.Add(x, t.Input(p.mask, n, rows, 1)), 1)
	case "mean_sqrt_len":
		p.fill(func(length float64) float32 { return float32(1 / math.Sqrt(length)) }, 0)
	default:
		p.fill(func(length float64) float32 { return float32(1 / length) }, 0)
	}
	return t.Reshape(t.MatMul(t.Input(p.mask, n, 1, rows), x, false, false), n, width)
}

// unseen is what is added to padding, which is then no maximum.
const unseen = -1e9

// fill makes the mask: of a text's tokens by its length, and of padding.
func (p *pooled) fill(of func(length float64) float32, padding float32) {
	p.mask = p.mask[:0]
	rows := p.of.tokens.Dim(1)
	for start := 0; start < len(p.of.tokens.Data); start += rows {
		text := p.of.tokens.Data[start : start+rows]
		length := 0
		for _, v := range text {
			if v != 0 {
				length++
			}
		}
		value := of(float64(max(length, 1)))
		for _, v := range text {
			if v != 0 {
				p.mask = append(p.mask, value)
			} else {
				p.mask = append(p.mask, padding)
			}
		}
	}
}
