package hf

import (
	"fmt"

	"github.com/monge-ml/monge/internal/foreign"
	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/tensor"
)

// convnextConfig are the settings of a ConvNeXt (Liu et al. 2022, arXiv 2201.03545), under transformers'
// names.
type convnextConfig struct {
	Channels   int      `json:"num_channels"`
	Patch      int      `json:"patch_size"`
	Stages     *int     `json:"num_stages"`
	Widths     []int    `json:"hidden_sizes"`
	Depths     []int    `json:"depths"`
	Activation string   `json:"hidden_act"`
	Epsilon    float32  `json:"layer_norm_eps"` // of the last norm
	Scale      *float32 `json:"layer_scale_init_value"`
	DropPath   float32  `json:"drop_path_rate"`
	Size       int      `json:"image_size"`
}

// A convnext is such a network as somebody names its parts.
type convnext struct {
	stem, stemNorm      string
	downNorm, down      string // of a stage
	layer               func(stage, layer int) string
	stage               func(stage int) string
	depthwise, norm     string
	wide, narrow, scale string
	last, head          string
}

var convnextKeys = foreign.Transformers.With(foreign.IdleKeys("out_features", "out_indices", "stage_names", "_out_features", "_out_indices")).With(foreign.Keys{
	"num_channels": foreign.Read, "patch_size": foreign.Read, "num_stages": foreign.Read, "hidden_sizes": foreign.Read, "depths": foreign.Read,
	"hidden_act": foreign.Read, "layer_norm_eps": foreign.Read, "layer_scale_init_value": foreign.Read, "drop_path_rate": foreign.Read, "image_size": foreign.Read,
})

var huggingConvNeXt = convnext{
	stem: "embeddings.patch_embeddings", stemNorm: "embeddings.layernorm", downNorm: "downsampling_layer.0", down: "downsampling_layer.1",
	stage:     func(stage int) string { return fmt.Sprintf("encoder.stages.%d", stage) },
	layer:     func(stage, layer int) string { return fmt.Sprintf("encoder.stages.%d.layers.%d", stage, layer) },
	depthwise: "dwconv", norm: "layernorm", wide: "pwconv1", narrow: "pwconv2", scale: "layer_scale_parameter",
	last: "layernorm", head: "classifier",
}

func newConvNeXtConfig() *convnextConfig {
	scale := float32(1e-6)
	return &convnextConfig{Channels: 3, Patch: 4, Widths: []int{96, 192, 384, 768}, Depths: []int{3, 3, 9, 3}, Activation: "gelu", Epsilon: 1e-12, Scale: &scale, Size: usualSide}
}

func init() {
	kinds["convnext"] = func(c *config, _ string) (*design, error) {
		s := newConvNeXtConfig()
		if err := c.decode(convnextKeys, nil, s); err != nil {
			return nil, err
		}
		d := &design{name: "ConvNeXt", classifier: "ConvNextForImageClassification", prefix: "convnext."}
		return d, huggingConvNeXt.design(d, s)
	}
}

func (s *convnextConfig) check() error {
	if s.Stages != nil && *s.Stages != len(s.Depths) {
		return fmt.Errorf("num_stages is %d, and depths has %d numbers", *s.Stages, len(s.Depths))
	}
	if err := checkSizes(size{"num_channels", s.Channels, 1 << 8}, size{"patch_size", s.Patch, 1 << 8}, size{"image_size", s.Size, maxSide}); err != nil {
		return err
	}
	if err := checkActivation("hidden_act", s.Activation); err != nil {
		return err
	}
	if err := checkEpsilon("layer_norm_eps", s.Epsilon); err != nil {
		return err
	}
	if err := checkShares(share{"drop_path_rate", s.DropPath}); err != nil {
		return err
	}
	return checkStages(s.Widths, s.Depths)
}

func (n *convnext) design(d *design, s *convnextConfig) error {
	d.anchor, d.head, d.heads = n.stem+".weight", n.head, []string{n.head + "."}
	d.input, d.anySize = []int{s.Size, s.Size, s.Channels}, true
	d.layers = func(b nn.Builder, _ []int, outputs int) nn.Layer { return n.build(b, d.prefix, s, outputs) }
	return s.check()
}

// innerEpsilon is that of all norms but the last.
const innerEpsilon = 1e-6

func (n *convnext) build(b nn.Builder, prefix string, s *convnextConfig, outputs int) nn.Layer {
	trunk := under(b, prefix)
	net := nn.Sequential{
		trunk.Conv2d(n.stem, s.Channels, s.Widths[0], s.Patch, nn.ConvOptions{Stride: s.Patch}),
		trunk.LayerNormWith(n.stemNorm, s.Widths[0], innerEpsilon),
	}
	all, done := -1, 0
	for _, depth := range s.Depths {
		all += depth
	}
	for stage, width := range s.Widths {
		if stage > 0 {
			p, in := trunk.In(n.stage(stage)), s.Widths[stage-1]
			net = append(net, p.LayerNormWith(n.downNorm, in, innerEpsilon), p.Conv2d(n.down, in, width, 2, nn.ConvOptions{Stride: 2}))
		}
		for i := range s.Depths[stage] {
			net = append(net, n.block(trunk.In(n.layer(stage, i)), s, width, s.DropPath*float32(done)/float32(max(all, 1))))
			done++
		}
	}
	width := s.Widths[len(s.Widths)-1]
	return append(net, nn.GlobalAvgPool, trunk.LayerNormWith(n.last, width, s.Epsilon), b.Linear(n.head, width, outputs))
}

// convnextBlock adds to images what a depthwise convolution, a norm and a perceptron make of them.
type convnextBlock struct {
	inside nn.Sequential
	scale  *nn.Param // nil for none
	drop   float32   // probability that an image skips the block in training
	ones   []float32
}

func (n *convnext) block(b nn.Builder, s *convnextConfig, width int, drop float32) nn.Layer {
	const kernel, wider = 7, 4
	l := &convnextBlock{drop: drop, inside: nn.Sequential{
		b.Conv2d(n.depthwise, width, width, kernel, nn.ConvOptions{Pad: kernel / 2, Groups: width}),
		b.LayerNormWith(n.norm, width, innerEpsilon),
		b.Linear(n.wide, width, wider*width), activations[s.Activation], b.Linear(n.narrow, wider*width, width),
	}}
	if s.Scale != nil && *s.Scale > 0 {
		l.scale = b.Param(n.scale, nn.Constant(*s.Scale), width)
	}
	return l
}

func (l *convnextBlock) Forward(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor {
	y := l.inside.Forward(t, x)
	if t.Err() != nil {
		return nil
	}
	if l.scale != nil {
		y = t.Mul(y, l.scale.Tensor())
	}
	if l.drop > 0 && t.Mode() != tensor.Eval {
		for len(l.ones) < x.Dim(0) {
			l.ones = append(l.ones, 1)
		}
		y = t.Mul(y, t.Dropout(t.Input(l.ones[:x.Dim(0)], x.Dim(0), 1, 1, 1), l.drop))
	}
	return plus(t, x, y, nil)
}
