package hf

import (
	"fmt"

	"github.com/monge-ml/monge/internal/foreign"
	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/tensor"
)

// resnetConfig are the settings of a residual network, under transformers' names.
type resnetConfig struct {
	Channels   int    `json:"num_channels"`
	Stem       int    `json:"embedding_size"`
	Widths     []int  `json:"hidden_sizes"`
	Depths     []int  `json:"depths"`
	Layer      string `json:"layer_type"`
	FirstHalf  bool   `json:"downsample_in_first_stage"`
	EarlyHalf  bool   `json:"downsample_in_bottleneck"` // by the first convolution of a bottleneck, not the second
	Activation string `json:"hidden_act"`
}

// A resnet is a residual network as somebody names its parts.
type resnet struct {
	stem     [2]string // convolution and normalisation
	layer    func(stage, layer int) string
	part     func(i int) [2]string // the i-th convolution of a layer, and its normalisation
	shortcut [2]string
	head     string
}

var resnetKeys = foreign.Transformers.With(foreign.IdleKeys("out_features", "out_indices", "stage_names", "_out_features", "_out_indices")).With(foreign.Keys{
	"num_channels": foreign.Read, "embedding_size": foreign.Read, "hidden_sizes": foreign.Read, "depths": foreign.Read, "layer_type": foreign.Read,
	"downsample_in_first_stage": foreign.Read, "downsample_in_bottleneck": foreign.Read, "hidden_act": foreign.Only("relu"),
})

var huggingResNet = resnet{
	stem:  [2]string{"embedder.embedder.convolution", "embedder.embedder.normalization"},
	layer: func(stage, layer int) string { return fmt.Sprintf("encoder.stages.%d.layers.%d", stage, layer) },
	part: func(i int) [2]string {
		return [2]string{fmt.Sprintf("layer.%d.convolution", i), fmt.Sprintf("layer.%d.normalization", i)}
	},
	shortcut: [2]string{"shortcut.convolution", "shortcut.normalization"},
	head:     "classifier.1",
}

func init() {
	kinds["resnet"] = func(c *config, _ string) (*design, error) {
		s := &resnetConfig{Channels: 3, Stem: 64, Widths: []int{256, 512, 1024, 2048}, Depths: []int{3, 4, 6, 3}, Layer: "bottleneck"}
		if err := c.decode(resnetKeys, nil, s); err != nil {
			return nil, err
		}
		d := &design{name: "ResNet", classifier: "ResNetForImageClassification", prefix: "resnet."}
		return d, huggingResNet.design(d, s)
	}
}

func (s *resnetConfig) check() error {
	if s.Layer != "basic" && s.Layer != "bottleneck" {
		return fmt.Errorf("layer_type is %.60q; there are basic, bottleneck", s.Layer)
	}
	if err := checkSizes(size{"num_channels", s.Channels, 1 << 8}, size{"embedding_size", s.Stem, maxWidth}); err != nil {
		return err
	}
	return checkStages(s.Widths, s.Depths)
}

// checkStages is of networks whose stages have widths and depths.
func checkStages(widths, depths []int) error {
	if len(widths) == 0 || len(widths) > 16 || len(depths) != len(widths) {
		return fmt.Errorf("hidden_sizes has %d numbers and depths %d; there must be one each for up to 16 stages", len(widths), len(depths))
	}
	for i := range widths {
		if err := checkSizes(size{fmt.Sprintf("hidden_sizes[%d]", i), widths[i], maxWidth}, size{fmt.Sprintf("depths[%d]", i), depths[i], maxLayers}); err != nil {
			return err
		}
	}
	return nil
}

// usualSide is that of images whose size no file says.
const usualSide = 224

func (r *resnet) design(d *design, s *resnetConfig) error {
	d.anchor, d.head, d.heads = r.stem[0]+".weight", r.head, []string{r.head + "."}
	d.input, d.anySize = []int{usualSide, usualSide, s.Channels}, true
	d.layers = func(b nn.Builder, _ []int, outputs int) nn.Layer { return r.build(b, d.prefix, s, outputs) }
	return s.check()
}

func (r *resnet) build(b nn.Builder, prefix string, s *resnetConfig, outputs int) nn.Layer {
	trunk := under(b, prefix)
	net := nn.Sequential{newConvNorm(trunk, r.stem, s.Channels, s.Stem, 7, 2), nn.MaxPool(3, 2, 1)}
	in := s.Stem
	for stage, width := range s.Widths {
		for i := range s.Depths[stage] {
			stride := 1
			if i == 0 && (stage > 0 || s.FirstHalf) {
				stride = 2
			}
			net = append(net, r.block(trunk.In(r.layer(stage, i)), s, in, width, stride))
			in = width
		}
	}
	return append(net, nn.GlobalAvgPool, b.Linear(r.head, in, outputs))
}

// under is a builder below a prefix, which may be none.
func under(b nn.Builder, prefix string) nn.Builder {
	if prefix == "" {
		return b
	}
	return b.In(prefix[:len(prefix)-1])
}

// convNorm is a convolution and a normalisation.
type convNorm struct {
	conv nn.Layer
	norm nn.Norm
}

func newConvNorm(b nn.Builder, names [2]string, in, out, kernel, stride int) *convNorm {
	o := nn.ConvOptions{Stride: stride, Pad: kernel / 2, NoBias: true, Init: nn.KaimingFanOut(out, kernel)}
	return &convNorm{b.Conv2d(names[0], in, out, kernel, o), b.BatchNorm(names[1], out)}
}

// Forward is relu(norm(conv(x))).
func (c *convNorm) Forward(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor {
	return c.rectified(t, x, nil)
}

// rectified is relu(norm(conv(x)) + residual).
func (c *convNorm) rectified(t *tensor.Tape, x, residual *tensor.Tensor) *tensor.Tensor {
	y := c.conv.Forward(t, x)
	z := c.norm.ReLU(t, y, residual)
	t.Release(y)
	return z
}

// residualBlock is relu(body(x) + shortcut(x)).
type residualBlock struct {
	body     []*convNorm
	shortcut *convNorm // nil is the identity
}

// bottleneckShare is how much narrower the inside of a bottleneck is.
const bottleneckShare = 4

func (r *resnet) block(b nn.Builder, s *resnetConfig, in, out, stride int) nn.Layer {
	blk := &residualBlock{}
	add := func(from, to, kernel, stride int) {
		blk.body = append(blk.body, newConvNorm(b, r.part(len(blk.body)), from, to, kernel, stride))
	}
	switch inside := out / bottleneckShare; {
	case s.Layer == "basic":
		add(in, out, 3, stride)
		add(out, out, 3, 1)
	case s.EarlyHalf:
		add(in, inside, 1, stride)
		add(inside, inside, 3, 1)
		add(inside, out, 1, 1)
	default:
		add(in, inside, 1, 1)
		add(inside, inside, 3, stride)
		add(inside, out, 1, 1)
	}
	if stride != 1 || in != out {
		blk.shortcut = newConvNorm(b, r.shortcut, in, out, 1, stride)
	}
	return blk
}

func (b *residualBlock) Forward(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor {
	residual := x
	if b.shortcut != nil {
		y := b.shortcut.conv.Forward(t, x)
		residual = b.shortcut.norm.Forward(t, y)
		t.Release(y)
	}
	y, last := b.body[0].Forward(t, x), len(b.body)-1
	for _, c := range b.body[1:last] {
		z := c.Forward(t, y)
		t.Release(y)
		y = z
	}
	out := b.body[last].rectified(t, y, residual)
	t.Release(y)
	if b.shortcut != nil {
		t.Release(residual)
	}
	t.Release(x)
	return out
}
