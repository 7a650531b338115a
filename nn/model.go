package nn

import (
	"fmt"
	"math/rand/v2"

	"github.com/monge-ml/monge/sam"
	"github.com/monge-ml/monge/tensor"
)

// A Model is a classifier: a network from a batch of inputs to a row of logits each,
// and the mean cross-entropy as its loss.
type Model struct {
	Params  []*Param
	Buffers []*Buffer

	input   []int // shape of one input
	classes int
	size    int
	flops   int
	seed    uint64
	step    uint64 // of the random numbers that layers draw
	net     Layer
	tape    *tensor.Tape
}

// NewModel returns the model of a network whose parameters came from b, for inputs of
// one shape (height, width, channels for images). It runs the network once on zeros,
// so that layers that don't fit are an error here.
func NewModel(b Builder, net Layer, input []int) (*Model, error) {
	if b.set.err != nil {
		return nil, b.set.err
	}
	if b.set.size == 0 {
		return nil, fmt.Errorf("the network has no parameters")
	}
	m := &Model{Params: b.set.params, Buffers: b.set.buffers, input: input, size: b.set.size, net: net, tape: tensor.NewTape()}
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

// FLOPs returns the floating-point operations of the products and convolutions of one
// forward pass of one input, done directly.
func (m *Model) FLOPs() int { return m.flops }

// Tape returns the tape that the model computes on, for profiles.
func (m *Model) Tape() *tensor.Tape { return m.tape }

// Size returns the number of parameters.
func (m *Model) Size() int { return m.size }

// Classes returns the number of logits of one input.
func (m *Model) Classes() int { return m.classes }

// Init fills theta with the network's initial parameters, a function of seed alone.
func (m *Model) Init(theta []float32, seed uint64) {
	m.seed = seed
	for i, p := range m.Params {
		// a stream for each parameter: adding a layer leaves the others' numbers alone
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		p.init(rng, theta[p.Offset:p.Offset+p.Len()])
	}
}

// bind points all parameters at theta and grad.
func (m *Model) bind(theta, grad []float32, add bool) {
	for _, p := range m.Params {
		var g []float32
		end := p.Offset + p.Len()
		if grad != nil {
			g = grad[p.Offset:end]
		}
		p.view.Bind(theta[p.Offset:end], g, add)
	}
}

// forward runs the network on a batch of inputs, one after the other in x.
func (m *Model) forward(x []float32, n int) *tensor.Tensor {
	var shape [tensor.MaxRank]int
	shape[0] = n
	rank := 1 + copy(shape[1:], m.input)
	return m.net.Forward(m.tape, m.tape.Input(x, shape[:rank]...))
}

// inputs returns how many inputs x holds.
func (m *Model) inputs(theta, x []float32) (int, error) {
	one := m.InputLen()
	switch {
	case len(theta) != m.size:
		return 0, fmt.Errorf("the model has %d parameters, got %d", m.size, len(theta))
	case len(x) == 0 || len(x)%one != 0:
		return 0, fmt.Errorf("%d numbers are no batch of inputs of shape %v", len(x), m.input)
	}
	return len(x) / one, nil
}

// Logits returns the rows of logits for a batch of inputs. They are valid until the
// model's next call.
func (m *Model) Logits(theta, x []float32) ([]float32, error) {
	n, err := m.inputs(theta, x)
	if err != nil {
		return nil, err
	}
	m.tape.Reset(tensor.Eval)
	m.bind(theta, nil, false)
	y := m.forward(x, n)
	if err := m.tape.Err(); err != nil {
		return nil, err
	}
	return y.Data, nil
}

// Gradient returns the mean cross-entropy over a batch of inputs x with integer labels
// at theta, and writes its gradient as [sam.Objective] says.
func (m *Model) Gradient(grad, theta, x []float32, labels []int, c sam.Call) (float64, error) {
	n, err := m.inputs(theta, x)
	if err != nil {
		return 0, err
	}
	mode := tensor.Train
	if c.Perturbed {
		mode = tensor.Perturbed
	}
	if c.Micro == 0 && !c.Perturbed {
		m.step++ // a new step draws new numbers, its second pass the same
	}
	m.tape.Reset(mode)
	m.tape.SetRandom(m.seed, m.step<<16|uint64(c.Micro&0xffff))
	m.bind(theta, grad, c.Add)
	loss := m.tape.CrossEntropy(m.forward(x, n), labels)
	if err := m.tape.Backward(loss, float32(c.Weight)); err != nil {
		return 0, err
	}
	for _, p := range m.Params {
		p.view.FinishGrad()
	}
	return float64(loss.Data[0]), nil
}

// A Minibatch is a model's loss on one minibatch, as an objective to step on.
type Minibatch struct {
	Model  *Model
	X      []float32 // inputs, one after the other
	Labels []int
}

var _ sam.Objective[float32] = Minibatch{}

// Gradient is [Model.Gradient] on the minibatch.
func (b Minibatch) Gradient(grad, theta []float32, c sam.Call) (float64, error) {
	return b.Model.Gradient(grad, theta, b.X, b.Labels, c)
}
