// Package classifier holds trained networks together with what it takes to use them:
// the names of their classes, or of the numbers they predict, the size of their inputs, and how
// pixels are normalized.
//
// [Load] reads a file of weights, [Classifier.Predict] classifies images,
// [Evaluate] measures accuracy and loss on a data set, [EvaluateLabels] where any of several labels may apply;
// [Classifier.Outputs] and [EvaluateTargets] are for networks that predict numbers. Files that this package wrote
// say all of it themselves; published checkpoints are known by their content or name.
package classifier

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/monge-ml/monge/data"
	"github.com/monge-ml/monge/data/picture"
	"github.com/monge-ml/monge/internal/atomicfile"
	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/onnx/network"
	"github.com/monge-ml/monge/weights"
)

// Info is what a file of weights says of itself, as safetensors metadata.
type Info struct {
	Model   string   // one of models.Names
	Norm    string   // of residual networks: batch, group, or "" for batch
	Input   []int    // shape of one input: height, width, channels of images, tokens of texts
	Classes []string // in the order of the logits; nil of a network that predicts numbers
	Targets []string // names of the numbers or labels, in the order of the outputs; nil of one with classes
	// MultiLabel says that any of Targets may apply, and that the outputs are their logits.
	MultiLabel bool
	Features   []string              // names of the columns of a table that an input is, in their order; nil of other inputs
	Normalize  picture.Normalization // of pixels in [0, 1]
	BGR        bool                  // the network of a file takes channels in the order blue, green, red
	Output     string                // of the network of a file, where another is meant than the file says
}

// A Classifier is a network with its weights.
type Classifier struct {
	Info
	Net    *nn.Model
	Theta  []float32
	Source string // how Normalize was chosen, to print
}

// The keys of the metadata.
const (
	keyModel     = "model"
	keyNorm      = "norm"
	keyInput     = "input"
	keyClasses   = "classes"
	keyTargets   = "targets"
	keyProblem   = "problem_type" // MultiLabel, or nothing
	keyFeatures  = "features"
	keyNormalize = "normalize"
	keyChannels  = "channels" // "bgr", or nothing
)

// Save writes a classifier as safetensors, whole or not at all: PyTorch's names and
// shapes, with what adapters add in the weights, and metadata model, norm, input and classes or targets, features (JSON) and normalize. Extra
// metadata must have other keys.
func Save(path string, c *Classifier, extra map[string]string) error {
	if len(c.Theta) != c.Net.Size() || len(c.outputs()) != c.Net.Classes() {
		return fmt.Errorf("%s: %d parameters and %d classes for a network of %d and %d", path, len(c.Theta), len(c.outputs()), c.Net.Size(), c.Net.Classes())
	}
	if err := c.check(); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	metadata, err := c.metadata()
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for k, v := range extra {
		if _, taken := metadata[k]; taken {
			return fmt.Errorf("%s: metadata %q is the classifier's own; choose another key", path, k)
		}
		metadata[k] = v
	}
	return atomicfile.Write(path, func(w io.Writer) error {
		return weights.WriteSafetensors(w, c.Net.Merged(c.Theta), metadata)
	})
}

func (i *Info) metadata() (map[string]string, error) {
	input, err := json.Marshal(i.Input)
	if err != nil {
		return nil, err
	}
	names, err := json.Marshal(i.outputs())
	if err != nil {
		return nil, err
	}
	key := keyClasses
	if i.Targets != nil {
		key = keyTargets
	}
	m := map[string]string{keyModel: i.Model, keyNorm: i.Norm, keyInput: string(input), key: string(names), keyNormalize: i.Normalize.String()}
	if i.BGR {
		m[keyChannels] = "bgr"
	}
	if i.MultiLabel {
		m[keyProblem] = MultiLabel
	}
	if i.Features != nil {
		features, err := json.Marshal(i.Features)
		if err != nil {
			return nil, err
		}
		m[keyFeatures] = string(features)
	}
	return m, nil
}

// outputs returns the names of the network's outputs.
func (i *Info) outputs() []string {
	if i.Targets != nil {
		return i.Targets
	}
	return i.Classes
}

// Fit returns what makes inputs of image files: of the network's size, squeezed or cut with crop, and
// grey if it takes one channel. Networks that take no images are an error.
func (i *Info) Fit(crop bool) (picture.Fit, error) {
	in := i.Input
	switch {
	case len(in) == 1:
		return picture.Fit{}, errors.New("the network is for texts, not for images")
	case len(in) != 3:
		return picture.Fit{}, fmt.Errorf("the network is for inputs of shape %v, not for images", in)
	case in[0] == 1 && in[1] == 1:
		return picture.Fit{}, fmt.Errorf("the network is for rows of %d numbers, not for images: 'monge eval --data csv:FILE' takes rows", in[2])
	case in[2] != 3 && in[2] != 1:
		return picture.Fit{}, fmt.Errorf("the network is for images of %d channels; files are read in colour, which is 3, and in grey, which is 1", in[2])
	}
	f := picture.Fit{Height: in[0], Width: in[1], Crop: crop, Grey: in[2] == 1}
	if !crop {
		f.As = Prepared(i.Model, in)
	}
	return f, nil
}

// CheckChannels returns an error that says the way out for data in colour and a network for grey, or the
// other way round. It says nothing of other differences.
func (i *Info) CheckChannels(shape []int) error {
	kinds := map[int]string{1: "grey", 3: "colour"}
	if len(i.Input) != 3 || len(shape) != 3 || i.Input[2] == shape[2] || kinds[i.Input[2]] == "" || kinds[shape[2]] == "" {
		return nil
	}
	is, has, n := kinds[i.Input[2]], kinds[shape[2]], i.Input[2]
	return fmt.Errorf("the network is for images in %s, the data's are in %s: a folder is read in %s as imagefolder:DIR?channels=%d", is, has, is, n)
}

// Predict returns the probability of each class for one image or more, one after the
// other in x with pixels in [0, 1], which it normalizes: a row of len(c.Classes) for each
// image, or of len(c.Targets) where any label may apply. They add up to 1, but for such labels and for a file
// whose network closes with a Sigmoid, which give each its own. Logits that are NaN or infinite are an error.
func (c *Classifier) Predict(x []float32) ([]float32, error) {
	if c.MultiLabel {
		return c.rows(x, appendSigmoid)
	}
	if c.Targets != nil {
		return nil, fmt.Errorf("the network predicts numbers (%s), no classes: call Outputs", quoted(c.Targets))
	}
	if n, ok := c.Net.Layer().(*network.Network); ok && n.Closing == "Sigmoid" {
		return c.rows(x, appendSigmoid)
	}
	return c.rows(x, appendSoftmax)
}

// Outputs returns what the network predicts for inputs as [Classifier.Predict] takes them: a row
// of len(c.Targets) numbers for each. Of a network with classes or labels they are the logits. Numbers
// that are NaN or infinite are an error.
func (c *Classifier) Outputs(x []float32) ([]float32, error) { return c.rows(x, appendFinite) }

// rows runs the network on inputs, and appends what it is of each row of outputs.
func (c *Classifier) rows(x []float32, add func(dst, row []float32) ([]float32, error)) ([]float32, error) {
	one := c.Net.InputLen()
	if c.Net.Tokens() && len(x) < one { // a text that is not padded
		logits, err := c.Net.LogitsOf(c.Theta, x, 1)
		if err != nil {
			return nil, err
		}
		return add(nil, logits)
	}
	if len(x) == 0 || len(x)%one != 0 {
		return nil, fmt.Errorf("%d numbers are no images of shape %v", len(x), c.Input)
	}
	set, err := data.NewSet(x, make([]int, len(x)/one), c.Input)
	if err != nil {
		return nil, err
	}
	loader, err := data.NewLoader(set, data.LoaderSettings{Batch: batchOf(one), Normalize: c.Normalize})
	if err != nil {
		return nil, err
	}
	defer loader.Close()
	var out []float32
	for {
		b, err := loader.Next(context.Background())
		if err != nil || b == nil {
			return out, err
		}
		logits, err := c.Net.Logits(c.Theta, b.X)
		if err != nil {
			return nil, err
		}
		for row := range slices.Chunk(logits, c.Net.Classes()) {
			if out, err = add(out, row); err != nil {
				return nil, err
			}
		}
	}
}

// appendSoftmax appends exp(x) over its sum.
func appendSoftmax(dst, x []float32) ([]float32, error) {
	sum := logSumExp(x)
	if math.IsNaN(sum) || math.IsInf(sum, 0) {
		return nil, errNotFinite
	}
	for _, v := range x {
		dst = append(dst, float32(math.Exp(float64(v)-sum)))
	}
	return dst, nil
}

// appendSigmoid appends 1/(1 + exp(-x)).
func appendSigmoid(dst, x []float32) ([]float32, error) {
	dst, err := appendFinite(dst, x)
	if err != nil {
		return nil, err
	}
	row := dst[len(dst)-len(x):]
	for i, v := range row {
		row[i] = float32(1 / (1 + math.Exp(-float64(v))))
	}
	return dst, nil
}

var errNotFinite = errors.New("the network's outputs are NaN or infinite: its weights or the normalization are wrong")

// appendFinite appends numbers that are finite.
func appendFinite(dst, x []float32) ([]float32, error) {
	for _, v := range x {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return nil, errNotFinite
		}
	}
	return append(dst, x...), nil
}

// logSumExp is the logarithm of the sum of exp(x).
func logSumExp(x []float32) float64 {
	top := float64(slices.Max(x))
	var sum float64
	for _, v := range x {
		sum += math.Exp(float64(v) - top)
	}
	return top + math.Log(sum)
}
