package nn

import (
	"fmt"

	"github.com/monge-ml/monge/objective"
	"github.com/monge-ml/monge/tensor"
)

// A Model is a network from a batch of inputs to a row of outputs each, with the loss that a
// [Target] says: a mean cross-entropy, of which the outputs are logits, or the mean squared error.
type Model struct {
	Network

	// HashedWords says that an input is the numbers of hashed words, so that weights of a
	// vocabulary do not fit, whatever their shape.
	HashedWords bool

	input   []int // shape of one input
	classes int
	flops   int
	step    uint64 // of the random numbers that layers draw
	correct int    // see Correct
	net     Layer
	tape    *tensor.Tape

	ascent, descent tensor.Precision // see SetPrecision
}

// NewModel returns the model of a network whose parameters came from b, for inputs of
// one shape (height, width, channels for images). It runs the network once on zeros,
// so that layers that don't fit are an error here.
func NewModel(b Builder, net Layer, input []int) (*Model, error) {
	parts, err := b.Network()
	if err != nil {
		return nil, err
	}
	m := &Model{Network: parts, input: input, net: net, tape: tensor.NewTape()}
	for _, d := range input {
		if d <= 0 {
			return nil, fmt.Errorf("input shape %v: every dimension must be positive", input)
		}
	}
	out, err := m.Logits(make([]float32, m.size), make([]float32, m.InputLen()))
	if err != nil {
		return nil, err
	}
	m.classes, m.flops = len(out), m.tape.FLOPs()
	return m, nil
}

// InputLen returns the number of elements of one input.
func (m *Model) InputLen() int {
	n := 1
	for _, d := range m.input {
		n *= d
	}
	return n
}

// Tokens reports whether an input is a row of the numbers of tokens.
func (m *Model) Tokens() bool { return len(m.input) == 1 }

// FLOPs returns the floating-point operations of the products and convolutions of one
// forward pass of one input, done directly.
func (m *Model) FLOPs() int { return m.flops }

// Layer returns the network's layer.
func (m *Model) Layer() Layer { return m.net }

// Tape returns the tape that the model computes on, for profiles.
func (m *Model) Tape() *tensor.Tape { return m.tape }

// SetDirectConv says whether the model convolves directly, as [tensor.Tape.SetDirect] does.
func (m *Model) SetDirectConv(on bool) { m.tape.SetDirect(on) }

// SetPrecision says in which precision the model multiplies for gradients: those that are for the
// perturbation (see [objective.Call]), and all others. Logits are computed in float32.
func (m *Model) SetPrecision(ascent, descent tensor.Precision) { m.ascent, m.descent = ascent, descent }

// Classes returns the number of logits, or other outputs, of one input.
func (m *Model) Classes() int { return m.classes }

// forward runs the network on a batch of n inputs, one after the other in x.
func (m *Model) forward(x []float32, n int) *tensor.Tensor {
	var shape [tensor.MaxRank]int
	shape[0] = n
	rank := 1 + copy(shape[1:], m.input)
	if row := len(x) / n; m.Tokens() && row < m.input[0] { // of which less is padding
		shape[1] = row
		m.tape.SetMixed(true)
	}
	return m.net.Forward(m.tape, m.tape.Input(x, shape[:rank]...))
}

// check returns an error for parameters or a batch of n inputs that are none of the model's. Rows of
// tokens may be shorter than those that it was built for.
func (m *Model) check(theta, x []float32, n int) error {
	one := m.InputLen()
	switch {
	case len(theta) != m.size:
		return fmt.Errorf("the model has %d parameters, got %d", m.size, len(theta))
	case n > 0 && len(x) == n*one || n > 0 && m.Tokens() && len(x) > 0 && len(x)%n == 0 && len(x)/n < one:
		return nil
	}
	return fmt.Errorf("%d numbers are no batch of inputs of shape %v", len(x), m.input)
}

// Logits returns the rows of logits for a batch of inputs. They are valid until the
// model's next call.
func (m *Model) Logits(theta, x []float32) ([]float32, error) {
	return m.LogitsOf(theta, x, len(x)/m.InputLen())
}

// LogitsOf is [Model.Logits] for a batch of n inputs, which may be shorter rows of tokens than those that
// the model was built for.
func (m *Model) LogitsOf(theta, x []float32, n int) ([]float32, error) {
	if err := m.check(theta, x, n); err != nil {
		return nil, err
	}
	m.tape.Reset(tensor.Eval)
	m.Bind(theta, nil, false)
	y := m.forward(x, n)
	if err := m.tape.Err(); err != nil {
		return nil, err
	}
	return y.Data, nil
}

// mostLeast bounds the fewest inputs that a network may need.
const mostLeast = 64

// LeastBatch returns the fewest inputs that a gradient can be computed of: one, or more where a
// layer needs them, as batch normalisation does that sees a single value a channel of each
// input; then why is the error with fewer. It is 0 if no number will do. Nothing of the model
// moves.
func (m *Model) LeastBatch() (n int, why error) {
	var before []float32
	for _, b := range m.Buffers {
		before = append(before, b.Data...)
	}
	defer func() {
		for _, b := range m.Buffers {
			before = before[copy(b.Data, before):]
		}
	}()
	theta := make([]float32, m.size)
	for n = 1; n <= mostLeast; n *= 2 {
		m.tape.Reset(tensor.Train)
		m.Bind(theta, nil, false)
		m.forward(make([]float32, n*m.InputLen()), n)
		if err := m.tape.Err(); err != nil {
			why = err
			continue
		}
		return n, why
	}
	return 0, why
}

// Gradient returns the mean cross-entropy over a batch of inputs x with integer labels
// at theta, and writes its gradient as [objective.Objective] says.
func (m *Model) Gradient(grad, theta, x []float32, labels []int, c objective.Call) (float64, error) {
	return m.GradientOf(Target{Labels: labels}, grad, theta, x, c)
}

// GradientOf is [Model.Gradient] for any target.
func (m *Model) GradientOf(y Target, grad, theta, x []float32, c objective.Call) (float64, error) {
	return m.gradient(y, nil, grad, theta, x, c)
}

// gradient is GradientOf, and Gram unless k is nil.
func (m *Model) gradient(y Target, k []float64, grad, theta, x []float32, c objective.Call) (float64, error) {
	n := y.inputs(m, x)
	if err := m.check(theta, x, n); err != nil {
		return 0, err
	}
	mode := tensor.Train
	if c.Perturbed {
		mode = tensor.Perturbed
	}
	defer m.tape.SetPrecision(tensor.Float32)
	if m.tape.SetPrecision(m.descent); c.Ascent {
		m.tape.SetPrecision(m.ascent)
	}
	if c.Micro == 0 && !c.Perturbed {
		m.step++ // a new step draws new numbers, its second pass the same
	}
	m.tape.Reset(mode)
	m.tape.SetRandom(m.seed, m.step<<16|uint64(c.Micro&0xffff))
	m.BindPart(theta, grad, c.Add, c.Part)
	logits := m.forward(x, n)
	loss := y.loss(m.tape, logits)
	if m.correct = 0; m.tape.Err() == nil && y.Labels != nil {
		m.correct = hits(logits.Data, y.Labels)
	}
	if k != nil {
		m.tape.Gram(k, n)
	}
	if err := m.tape.Backward(loss, float32(c.Weight)); err != nil {
		return 0, err
	}
	m.FinishGrad()
	return float64(loss.Data[0]), nil
}

// Correct returns how many inputs of the last gradient's batch have their label's logit
// as the largest; 0 where the target has none.
func (m *Model) Correct() int { return m.correct }

// Steps returns how many steps have drawn random numbers (dropout), which is all the
// state that a model has beside its parameters and buffers.
func (m *Model) Steps() uint64 { return m.step }

// SetSteps sets that number, to go on where another process stopped.
func (m *Model) SetSteps(n uint64) { m.step = n }

// A Minibatch is a model's loss on one minibatch, as an objective to step on.
type Minibatch struct {
	Model  *Model
	X      []float32 // inputs, one after the other
	Labels []int
}

var _ objective.Sampler[float32] = Minibatch{}

// Gram is [Model.Gram] on the minibatch, see [objective.Sampler].
func (b Minibatch) Gram(grad, theta []float32, c objective.Call) (k []float64, loss float64, err error) {
	n := c.Examples(len(b.Labels), 1)
	k = make([]float64, n*n)
	loss, err = b.Model.Gram(Target{Labels: b.Labels[:n]}, k, grad, theta, b.X[:n*len(b.X)/len(b.Labels)], c)
	return k, loss, err
}

// Weighted is the gradient of the examples' losses, each times its weight.
func (b Minibatch) Weighted(grad, theta []float32, w []float64, c objective.Call) error {
	y := Target{Labels: b.Labels[:len(w)], Shares: make([]float32, len(w))}
	for i, v := range w {
		y.Shares[i] = float32(v)
	}
	_, err := b.Model.GradientOf(y, grad, theta, b.X[:len(w)*len(b.X)/len(b.Labels)], c)
	return err
}

// Gradient is [Model.Gradient] on the minibatch.
func (b Minibatch) Gradient(grad, theta []float32, c objective.Call) (float64, error) {
	n := c.Examples(len(b.Labels), 1)
	return b.Model.Gradient(grad, theta, b.X[:n*len(b.X)/len(b.Labels)], b.Labels[:n], c)
}
