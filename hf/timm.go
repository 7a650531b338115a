package hf

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/monge-ml/monge/data/picture"
	"github.com/monge-ml/monge/internal/foreign"
)

// timm is what a config.json of timm says: an architecture's name, which says its sizes, what differs from
// them, and how its images are prepared.
type timm struct {
	Architecture string                     `json:"architecture"`
	Args         map[string]json.RawMessage `json:"model_args"`
	Classes      *int                       `json:"num_classes"`
	Labels       []string                   `json:"label_names"`
	Pretrained   map[string]json.RawMessage `json:"pretrained_cfg"`
}

var timmKeys = foreign.IdleKeys("num_features", "label_descriptions", "architectures", "license", "problem_type").With(foreign.Keys{
	"architecture": foreign.Read, "model_args": foreign.Read, "num_classes": foreign.Read, "label_names": foreign.Read, "pretrained_cfg": foreign.Read,
	"global_pool": foreign.Read,
})

// pretrainedKeys are those of pretrained_cfg. Sizes for training and testing are other people's choices.
var pretrainedKeys = foreign.IdleKeys("tag", "custom_load", "min_input_size", "fixed_input_size", "pool_size", "first_conv", "classifier", "license", "url", "file",
	"hf_hub_id", "hf_hub_filename", "source", "architecture", "num_classes", "test_input_size", "test_crop_pct", "origin_url", "paper_name", "paper_ids", "notes",
	"state_dict", "local_dir", "label_names", "label_descriptions", "label_offset").With(foreign.Keys{
	"input_size": foreign.Read, "interpolation": foreign.Read, "crop_pct": foreign.Read, "crop_mode": foreign.Read, "mean": foreign.Read, "std": foreign.Read,
})

// timmFamilies are the architectures that can be read, by patterns of their names.
var timmFamilies = []struct {
	names   *regexp.Regexp
	example string
	design  func(t *timm, parts []string) (*design, error)
}{
	{regexp.MustCompile(`^resnet(18|34|50|101|152)$`), "resnet18 to resnet152", timmResNet},
	{regexp.MustCompile(`^(?:vit|deit)_(tiny|small|base|large)_patch(8|14|16|32)_(224|384)$`), "vit_tiny_patch16_224 and alike", timmViT},
	{regexp.MustCompile(`^convnext_(tiny|small|base|large|xlarge)$`), "convnext_tiny to convnext_xlarge", timmConvNeXt},
}

func (c *config) timm() (*design, error) {
	if err := timmKeys.Check("", c.all); err != nil {
		return nil, err
	}
	t := &timm{}
	if err := foreign.Decode(c.all, t); err != nil {
		return nil, err
	}
	name, _, _ := strings.Cut(t.Architecture, ".") // a tag of the weights may follow
	var known []string
	for _, f := range timmFamilies {
		known = append(known, f.example)
		parts := f.names.FindStringSubmatch(name)
		if parts == nil {
			continue
		}
		d, err := f.design(t, parts)
		if err == nil {
			d.timm = t
			d.preprocessor, err = t.preprocessor(d)
		}
		return d, err
	}
	return nil, fmt.Errorf("timm's architecture %.60q can't be read here; there are %s", t.Architecture, strings.Join(known, ", "))
}

// args reads what differs from an architecture's sizes.
func (t *timm) args(keys foreign.Keys, into any) error {
	return decode("model_args.", t.Args, keys, into)
}

var timmResNetNames = resnet{
	stem:     [2]string{"conv1", "bn1"},
	layer:    func(stage, layer int) string { return fmt.Sprintf("layer%d.%d", stage+1, layer) },
	part:     func(i int) [2]string { return [2]string{fmt.Sprintf("conv%d", i+1), fmt.Sprintf("bn%d", i+1)} },
	shortcut: [2]string{"downsample.0", "downsample.1"},
	head:     "fc",
}

// depthsOf are the blocks of published residual networks.
var depthsOf = map[string][]int{"18": {2, 2, 2, 2}, "34": {3, 4, 6, 3}, "50": {3, 4, 6, 3}, "101": {3, 4, 23, 3}, "152": {3, 8, 36, 3}}

func timmResNet(t *timm, parts []string) (*design, error) {
	a := struct {
		Layers   []int `json:"layers"`
		Channels []int `json:"channels"`
		In       int   `json:"in_chans"`
	}{depthsOf[parts[1]], []int{64, 128, 256, 512}, 3}
	if err := t.args(foreign.Keys{"layers": foreign.Read, "channels": foreign.Read, "in_chans": foreign.Read,
		"num_classes": foreign.Idle, "global_pool": foreign.Only("avg")}, &a); err != nil {
		return nil, err
	}
	s := &resnetConfig{Channels: a.In, Stem: 64, Widths: slices.Clone(a.Channels), Depths: a.Layers, Layer: "basic"}
	if len(parts[1]) > 2 || parts[1] == "50" {
		s.Layer = "bottleneck"
		for i := range s.Widths {
			s.Widths[i] = min(max(s.Widths[i], -1), maxWidth) * bottleneckShare
		}
	}
	d := &design{name: "timm's ResNet"}
	return d, timmResNetNames.design(d, s)
}

var timmConvNeXtNames = convnext{
	stem: "stem.0", stemNorm: "stem.1", downNorm: "downsample.0", down: "downsample.1",
	stage:     func(stage int) string { return fmt.Sprintf("stages.%d", stage) },
	layer:     func(stage, layer int) string { return fmt.Sprintf("stages.%d.blocks.%d", stage, layer) },
	depthwise: "conv_dw", norm: "norm", wide: "mlp.fc1", narrow: "mlp.fc2", scale: "gamma", last: "head.norm", head: "head.fc",
}

func timmConvNeXt(t *timm, parts []string) (*design, error) {
	depths := []int{3, 3, 27, 3}
	if parts[1] == "tiny" {
		depths[2] = 9
	}
	width := map[string]int{"tiny": 96, "small": 96, "base": 128, "large": 192, "xlarge": 256}[parts[1]]
	a := struct {
		Depths []int    `json:"depths"`
		Widths []int    `json:"dims"`
		In     int      `json:"in_chans"`
		Patch  int      `json:"patch_size"`
		Drop   float32  `json:"drop_path_rate"`
		Scale  *float32 `json:"ls_init_value"`
	}{depths, []int{width, 2 * width, 4 * width, 8 * width}, 3, 4, 0, newConvNeXtConfig().Scale}
	if err := t.args(foreign.Keys{"depths": foreign.Read, "dims": foreign.Read, "in_chans": foreign.Read, "patch_size": foreign.Read, "drop_path_rate": foreign.Read,
		"ls_init_value": foreign.Read, "num_classes": foreign.Idle, "global_pool": foreign.Only("avg")}, &a); err != nil {
		return nil, err
	}
	s := newConvNeXtConfig()
	s.Depths, s.Widths, s.Channels, s.Patch, s.DropPath, s.Scale, s.Epsilon = a.Depths, a.Widths, a.In, a.Patch, a.Drop, a.Scale, innerEpsilon
	d := &design{name: "timm's ConvNeXt"}
	return d, timmConvNeXtNames.design(d, s)
}

var timmViTNames = tower{
	name: "timm's ViT", patches: "patch_embed.proj", tokens: []string{"cls_token"}, token: []int{1, 1}, positions: "pos_embed", position: []int{1},
	layer: "blocks.%d", names: blockNames{fused: "attn.qkv.", out: "attn.proj", norm1: "norm1", up: "mlp.fc1", down: "mlp.fc2", norm2: "norm2"},
	after: "norm", heads: []string{"head"},
}

func timmViT(t *timm, parts []string) (*design, error) {
	var size, patch int
	fmt.Sscan(parts[2], &patch)
	fmt.Sscan(parts[3], &size)
	a := struct {
		Size  int     `json:"img_size"`
		Patch int     `json:"patch_size"`
		In    int     `json:"in_chans"`
		Width int     `json:"embed_dim"`
		Depth int     `json:"depth"`
		Heads int     `json:"num_heads"`
		Wider float64 `json:"mlp_ratio"`
		Bias  bool    `json:"qkv_bias"`
	}{size, patch, 3, 768, 12, 12, 4, true}
	switch parts[1] {
	case "tiny":
		a.Width, a.Heads = 192, 3
	case "small":
		a.Width, a.Heads = 384, 6
	case "large":
		a.Width, a.Depth, a.Heads = 1024, 24, 16
	}
	if err := foreign.Square(t.Args, "img_size"); err != nil {
		return nil, fmt.Errorf("model_args: %w", err)
	}
	if err := t.args(foreign.Keys{"img_size": foreign.Read, "patch_size": foreign.Read, "in_chans": foreign.Read, "embed_dim": foreign.Read, "depth": foreign.Read,
		"num_heads": foreign.Read, "mlp_ratio": foreign.Read, "qkv_bias": foreign.Read, "num_classes": foreign.Idle, "global_pool": foreign.Only("token"),
		"class_token": foreign.Only(true), "dynamic_img_size": foreign.Only(false), "drop_rate": foreign.Only(0.), "drop_path_rate": foreign.Only(0.),
		"attn_drop_rate": foreign.Only(0.)}, &a); err != nil {
		return nil, err
	}
	if !(a.Wider > 0 && a.Wider < 1024) {
		return nil, fmt.Errorf("model_args: mlp_ratio is %g; it must be above 0 and below 1024", a.Wider)
	}
	s := &towerConfig{Width: a.Width, Layers: a.Depth, Heads: a.Heads, Hidden: int(float64(a.Width) * a.Wider), Activation: "gelu", Epsilon: 1e-6,
		Size: a.Size, Patch: a.Patch, Channels: a.In, Bias: a.Bias}
	d, err := timmViTNames.designOf(s)
	if err == nil {
		d.sized.part, d.sized.key = "model_args", "img_size"
	}
	return d, err
}

// preprocessor is how images are prepared. Without pretrained_cfg nothing says so.
func (t *timm) preprocessor(d *design) (*picture.Preprocessor, error) {
	if len(t.Pretrained) == 0 {
		return nil, nil
	}
	if err := pretrainedKeys.Check("pretrained_cfg.", t.Pretrained); err != nil {
		return nil, err
	}
	c := struct {
		Input         []int     `json:"input_size"`
		Interpolation string    `json:"interpolation"`
		Share         float64   `json:"crop_pct"`
		Mode          string    `json:"crop_mode"`
		Mean          []float32 `json:"mean"`
		Std           []float32 `json:"std"`
	}{[]int{3, usualSide, usualSide}, "bicubic", .875, "center", []float32{.485, .456, .406}, []float32{.229, .224, .225}}
	if err := foreign.Decode(t.Pretrained, &c); err != nil {
		return nil, fmt.Errorf("pretrained_cfg: %w", err)
	}
	switch {
	case len(c.Input) != 3 || min(c.Input[1], c.Input[2]) < 1 || max(c.Input[1], c.Input[2]) > maxSide:
		return nil, fmt.Errorf("pretrained_cfg: input_size is %v; it must be channels, height and width, of at most %d", c.Input, maxSide)
	case c.Input[1] != c.Input[2] && !d.anySize:
		return nil, fmt.Errorf("pretrained_cfg: input_size is %v; it must be that of a square", c.Input)
	case c.Interpolation != "bicubic" && c.Interpolation != "bilinear":
		return nil, fmt.Errorf("pretrained_cfg: interpolation is %.60q; there are bicubic, bilinear", c.Interpolation)
	case c.Mode != "center" && c.Mode != "squash" || !(c.Share > .01 && c.Share <= 1):
		return nil, fmt.Errorf("pretrained_cfg: crop_mode is %.60q and crop_pct %g; there are center and squash, of a share above .01 and at most 1", c.Mode, c.Share)
	}
	if c.Input[1] != c.Input[2] { // how such are cut out nothing says
		d.input = []int{c.Input[1], c.Input[2], d.input[2]}
		return nil, nil
	}
	d.share = c.Share
	side := c.Input[1]
	if !d.anySize {
		side = d.input[0]
	}
	p := &picture.Preprocessor{Size: sizeForCrop(side, c.Share), Crop: side, Squeeze: c.Mode == "squash", Bicubic: c.Interpolation == "bicubic",
		Normalize: picture.Normalization{Mean: c.Mean, Std: c.Std}}
	if err := p.Check(); err != nil {
		return nil, fmt.Errorf("pretrained_cfg: %w", err)
	}
	return p, nil
}

// describe says in a config.json for how many classes the head is.
func (t *timm) describe(set func(key string, v any), s Saved, args map[string]json.RawMessage) {
	set("num_classes", len(s.Labels))
	set("label_names", s.Labels)
	for key, part := range map[string]map[string]json.RawMessage{"pretrained_cfg": t.Pretrained, "model_args": args} {
		if len(part) > 0 {
			part = maps.Clone(part)
			if key == "pretrained_cfg" && len(s.Input) == 3 {
				part["input_size"] = json.RawMessage(fmt.Sprintf("[%d, %d, %d]", s.Input[2], s.Input[0], s.Input[1]))
			}
			part["num_classes"] = json.RawMessage(fmt.Sprint(len(s.Labels)))
			set(key, part)
		}
	}
}

// timmLabels are what the outputs are called.
func (c *config) timmLabels() (l labels, err error) {
	t := &timm{}
	err = foreign.Decode(c.all, t)
	if l.names = t.Labels; t.Classes != nil {
		l.n = *t.Classes
	}
	if l.names != nil && l.n != len(l.names) {
		return l, fmt.Errorf("num_classes is %d, and label_names has %d", l.n, len(l.names))
	}
	return l, err
}
