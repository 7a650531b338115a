package nn_test

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/tensor"
)

// named returns a model with parameters of these names and numbers of dimensions, which does nothing with them.
func named(t *testing.T, head string, names []string, dims []int) *nn.Model {
	t.Helper()
	b := nn.NewBuilder()
	var at []*nn.Param
	for i, name := range names {
		p := b.Param(name, nn.Constant(0), slices.Repeat([]int{1}, max(dims[i], 1))...)
		if name == head+".weight" || name == head+".bias" {
			at = append(at, p)
		}
	}
	b.SetHead(at...)
	m, err := nn.NewModel(b, nn.LayerFunc(func(_ *tensor.Tape, x *tensor.Tensor) *tensor.Tensor { return x }), []int{2})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Depths, and what is a weight, are timm's, of networks of blocks with and without stages.
func TestDepthsAreTimms(t *testing.T) {
	b, err := os.ReadFile("testdata/depths.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden map[string]struct {
		Head   string
		Params [][]any // name, dimensions, scale of the learning rate by a decay of a half, weight decay
	}
	if err := json.Unmarshal(b, &golden); err != nil || len(golden) < 5 {
		t.Fatal(len(golden), err)
	}
	for network, g := range golden {
		var names []string
		var dims []int
		for _, p := range g.Params {
			names, dims = append(names, p[0].(string)), append(dims, int(p[1].(float64)))
		}
		m := named(t, g.Head, names, dims)
		depths, most := m.Depths()
		for i, p := range g.Params {
			if got, want := math.Pow(.5, float64(most-depths[i])), p[2].(float64); got != want {
				t.Errorf("%s: %s is at depth %d of %d, a scale of %g; timm's is %g", network, p[0], depths[i], most, got, want)
			}
			if got, want := m.Params[i].IsWeight(), p[3].(float64) != 0; got != want {
				t.Errorf("%s: %s: weight %v, timm %v", network, p[0], got, want)
			}
		}
	}
}

// Names of other libraries, and those that say nothing.
func TestDepthsByNames(t *testing.T) {
	for name, tt := range map[string]struct {
		head  string
		names []string
		want  []int
	}{
		"Hugging Face's BERT": {"classifier", []string{"bert.embeddings.word_embeddings.weight", "bert.encoder.layer.0.output.dense.weight",
			"bert.encoder.layer.1.output.dense.weight", "bert.pooler.dense.weight", "classifier.weight", "classifier.bias"}, []int{0, 1, 2, 2, 3, 3}},
		"its RoBERTa": {"classifier.out_proj", []string{"roberta.embeddings.LayerNorm.weight", "roberta.encoder.layer.0.output.dense.weight",
			"classifier.dense.weight", "classifier.out_proj.weight"}, []int{0, 1, 2, 2}},
		"its DistilBERT": {"classifier", []string{"distilbert.embeddings.LayerNorm.weight", "distilbert.transformer.layer.0.ffn.lin1.weight",
			"pre_classifier.weight", "pre_classifier.bias", "classifier.weight", "classifier.bias"}, []int{0, 1, 2, 2, 2, 2}},
		"its ConvNeXt": {"classifier", []string{"convnext.embeddings.patch_embeddings.weight", "convnext.encoder.stages.0.layers.0.dwconv.weight",
			"convnext.encoder.stages.1.downsampling_layer.1.weight", "convnext.encoder.stages.1.layers.0.dwconv.weight", "convnext.encoder.stages.1.layers.1.dwconv.weight",
			"convnext.layernorm.weight", "classifier.weight"}, []int{0, 1, 2, 2, 3, 3, 4}},
		"torchvision's ViT": {"heads.head", []string{"class_token", "conv_proj.weight", "encoder.pos_embedding", "encoder.layers.encoder_layer_0.ln_1.weight",
			"encoder.layers.encoder_layer_1.mlp.0.weight", "encoder.ln.weight", "heads.head.weight"}, []int{0, 0, 0, 1, 2, 2, 3}},
		"torchvision's EfficientNet": {"classifier.1", []string{"features.0.0.weight", "features.1.0.block.0.0.weight", "features.1.0.block.1.fc1.weight",
			"features.1.1.block.0.0.weight", "classifier.1.weight", "classifier.1.bias"}, []int{1, 2, 2, 3, 4, 4}},
		"a perceptron":    {"layers.2", []string{"layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.2.weight", "layers.2.bias"}, []int{1, 1, 2, 3, 3}},
		"no blocks":       {"fc", []string{"conv.weight", "fc.weight"}, nil},
		"names of ONNX's": {"fc", []string{"onnx::Conv_12", "onnx::Conv_13", "fc.weight"}, nil},
	} {
		dims := slices.Repeat([]int{2}, len(tt.names))
		if got, _ := named(t, tt.head, tt.names, dims).Depths(); !slices.Equal(got, tt.want) {
			t.Errorf("%s: depths %v, want %v", name, got, tt.want)
		}
	}
}
