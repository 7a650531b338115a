package bench

import (
	"fmt"
	"slices"
	"strings"

	"github.com/monge-ml/monge/tensor"
)

// A Workload is a training step to compare, or with method "eval" the logits of a minibatch
// without gradients.
type Workload struct {
	Model      string `json:"model"`
	Batch      int    `json:"batch"`
	Method     string `json:"method"`
	Microbatch int    `json:"microbatch,omitempty"`  // pairs at a time, of a CLIP model; 0 means all
	Direct     bool   `json:"direct_conv,omitempty"` // convolutions without Winograd's algorithm
	// Size is the side of the images of a file's or a directory's network, or the tokens of its texts; 0 means what
	// that says, or if it leaves it open 224, or 128.
	Size int `json:"size,omitempty"`
	// Product is what is multiplied where the method is that.
	Product GemmShape `json:"product,omitzero"`
	// Ascent and Descent are our precisions of gradients that are for the perturbation, and of all
	// others.
	Ascent  tensor.Precision `json:"our_ascent,omitempty"`
	Descent tensor.Precision `json:"our_precision,omitempty"`
}

// Methods of workloads that do not train.
const (
	methodEval    = "eval"
	methodProduct = "product"
)

// mainWorkloads are what a comparison runs unless it is told which.
var mainWorkloads = []Workload{
	{Model: "resnet18", Batch: 32, Method: "m-sam"},
	{Model: "resnet20", Batch: 128, Method: "m-sam"},
	{Model: "mlp-512", Batch: 128, Method: "m-sam"},
	{Model: "vit-tiny", Batch: 128, Method: "m-sam"},
	{Model: "clip-vit-base-patch32", Batch: 16, Method: "m-sam"},
	{Model: "bert-base", Batch: 16, Method: "m-sam"},
	{Model: "resnet18-imagenet", Batch: 16, Method: "m-sam"},
	{Model: "resnet50-imagenet", Batch: 16, Method: "m-sam"},
	{Model: "gemm1024", Method: methodProduct, Product: GemmShape{1024, 1024, 1024, "nn"}},
}

// moreWorkloads are the others: the base optimizer's steps, evaluation, and networks that PyTorch
// exports.
var moreWorkloads = []Workload{
	{Model: "resnet18", Batch: 32, Method: "sgd"}, {Model: "resnet18", Batch: 128, Method: methodEval},
	{Model: "resnet20", Batch: 128, Method: "sgd"}, {Model: "resnet20", Batch: 128, Method: methodEval},
	{Model: "mlp-512", Batch: 128, Method: "sgd"},
	{Model: "vit-tiny", Batch: 128, Method: "sgd"},
	{Model: "clip-vit-base-patch32", Batch: 16, Method: "sgd"},
	{Model: "bert-base", Batch: 16, Method: "sgd"},
	{Model: "mobilenet_v3_small", Batch: 16, Method: "m-sam"},
	{Model: "efficientnet_b0", Batch: 16, Method: "m-sam"},
	{Model: "efficientnet_lite0", Batch: 16, Method: "m-sam"},
}

// Workloads returns what a comparison runs: all of some models, or without any the M-SAM steps
// that are usual, or all there are.
func Workloads(only []string, all bool) ([]Workload, error) {
	for _, m := range only {
		if names := VersusModels(); !slices.Contains(names, m) {
			return nil, fmt.Errorf("unknown model %q; there are %s", m, strings.Join(names, ", "))
		}
	}
	if len(only) == 0 && !all {
		return slices.Clone(mainWorkloads), nil
	}
	var some []Workload
	for _, w := range slices.Concat(mainWorkloads, moreWorkloads) {
		if len(only) == 0 || slices.Contains(only, w.Model) {
			some = append(some, w)
		}
	}
	return some, nil
}

// VersusModels returns the models of a comparison.
func VersusModels() []string {
	var names []string
	for _, w := range slices.Concat(mainWorkloads, moreWorkloads) {
		if !slices.Contains(names, w.Model) {
			names = append(names, w.Model)
		}
	}
	return names
}

// exported are the models of a comparison that PyTorch has and writes as an ONNX file, with its
// batch normalisation kept, which is what is run here.
var exported = []string{"mobilenet_v3_small", "efficientnet_b0", "efficientnet_lite0"}

// seconds is about how long a step of a workload takes, for the time that is left.
func (w Workload) seconds() float64 {
	s := map[string]float64{"clip-vit-base-patch32": 8, "bert-base": 12, "resnet50-imagenet": 4}[w.Model]
	if w.Method == "sgd" {
		s /= 2
	}
	return max(s, roundSeconds)
}

// images reports whether the inputs are images alone, which PyTorch can keep channels last.
func (w Workload) images() bool {
	return !slices.Contains([]string{"mlp-512", "bert-base"}, w.Model) && w.Method != methodProduct
}

// FLOPs returns the operations of a product, 0 of other workloads.
func (w Workload) FLOPs() float64 { return w.Product.FLOPs() }
