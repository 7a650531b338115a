package nn

import (
	"slices"

	"github.com/monge-ml/monge/tensor"
)

// A Target says what the outputs for a minibatch should be: one class of several, any of several
// labels, or numbers.
type Target struct {
	Labels []int
	// Values are numbers, in place of all else here: a row of [Model.Classes] numbers for each
	// input. The loss is the mean of the squared difference over all numbers of all inputs.
	Values []float32
	// Binary says of each output whether it applies, 1 or 0 or what mixing makes between, in place of
	// all else here: a row for each input, of which the outputs are logits of their own. The loss is
	// the mean binary cross-entropy over all outputs of all inputs.
	Binary []float32
	// Mixed are the labels of the examples mixed into the inputs (mixup), nil for none:
	// the loss is Lambda times that of Labels and 1-Lambda times that of Mixed.
	Mixed  []int
	Lambda float64
	// Smoothing is the share of the target spread evenly over the classes.
	Smoothing float64
	// Weights of the classes make the loss a weighted mean, PyTorch's; nil is 1 each. What the sum
	// over Labels, or Mixed, is divided by is their number times the mean weight of the minibatch
	// that they are a part of: so the parts' gradients add up to the minibatch's.
	Weights                 []float32
	MeanWeight, MixedWeight float64 // of the whole minibatch; 0 where these are all of it
	// Shares are those of the inputs' own losses in the loss, in place of 1/n each of a mean: the loss is
	// the sum of Shares[i] times that of input i, and so is its gradient. They may be negative. An input's
	// own loss is n times what it adds to the mean, its class's weight included. Nil is a mean.
	Shares []float32
	// Inputs is how many there are, where they may be shorter rows of tokens than those that the
	// model was built for; 0 says that they are not.
	Inputs int
}

// loss is the target's cross-entropy with logits, or its mean squared error.
func (y *Target) loss(t *tensor.Tape, logits *tensor.Tensor) *tensor.Tensor {
	switch {
	case t.Err() != nil:
		return nil
	case y.Shares != nil && len(y.Shares) != logits.Dim(0):
		return t.Fail("loss", "%d shares of %d inputs; there must be one for each", len(y.Shares), logits.Dim(0))
	case y.Values != nil:
		return y.squares(t, logits)
	case y.Binary != nil:
		if y.hasLabels() {
			return t.Fail("loss", "a binary target has no labels, nothing mixed, no smoothing, no weights")
		}
		return t.BinaryCrossEntropyOf(logits, y.Binary, y.Shares)
	case y.Mixed == nil:
		return y.entropy(t, logits, y.Labels, y.MeanWeight)
	}
	share := func(v float64) *tensor.Tensor { return t.Input([]float32{float32(v)}, 1) }
	return t.Add(t.Mul(y.entropy(t, logits, y.Labels, y.MeanWeight), share(y.Lambda)),
		t.Mul(y.entropy(t, logits, y.Mixed, y.MixedWeight), share(1-y.Lambda)))
}

// entropy is the cross-entropy with labels, of which the minibatch has this mean weight.
func (y *Target) entropy(t *tensor.Tape, logits *tensor.Tensor, labels []int, mean float64) *tensor.Tensor {
	o := tensor.CrossEntropyOptions{LabelSmoothing: float32(y.Smoothing), Weights: y.Weights, Shares: y.Shares}
	switch {
	case y.Weights == nil && y.Smoothing == 0 && y.Shares == nil:
		return t.CrossEntropy(logits, labels)
	case y.Weights == nil || mean == 0:
		return t.CrossEntropyWith(logits, labels, o)
	}
	o.Sum = true
	return t.Mul(t.CrossEntropyWith(logits, labels, o), t.Input([]float32{float32(1 / (mean * float64(len(labels))))}, 1))
}

// hasLabels reports whether the target says something of classes.
func (y *Target) hasLabels() bool {
	return y.Labels != nil || y.Mixed != nil || y.Smoothing != 0 || y.Weights != nil
}

// squares is the mean squared error of a network's outputs.
func (y *Target) squares(t *tensor.Tape, outputs *tensor.Tensor) *tensor.Tensor {
	switch {
	case y.hasLabels() || y.Binary != nil:
		return t.Fail("loss", "a target of values has no labels, nothing mixed, no smoothing, no weights")
	case len(y.Values) != len(outputs.Data):
		return t.Fail("loss", "%d values for %d outputs; there must be one for each", len(y.Values), len(outputs.Data))
	}
	values := t.Input(y.Values, outputs.Dim(0), outputs.Dim(-1))
	if y.Shares == nil {
		return t.MSE(outputs, values, false)
	}
	d := t.Sub(outputs, values)
	return t.Sum(t.Mul(t.Mean(t.Mul(d, d), 1), t.Input(y.Shares, len(y.Shares))))
}

// hits counts the rows of logits whose largest is that of the label.
func hits(logits []float32, labels []int) (n int) {
	classes := len(logits) / len(labels)
	for i, y := range labels {
		row := logits[i*classes : (i+1)*classes]
		if row[y] == slices.Max(row) {
			n++
		}
	}
	return n
}
