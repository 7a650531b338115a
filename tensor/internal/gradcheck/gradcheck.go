// Package gradcheck holds the one check of all operations: the gradient that backward
// computes against finite differences of forward.
package gradcheck

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/monge-ml/monge/tensor"
)

// An Op computes a result from inputs on a tape.
type Op func(t *tensor.Tape, in []*tensor.Tensor) *tensor.Tensor

// Settings of a check. The zero value is the default.
type Settings struct {
	Mode      tensor.Mode                              // Train unless given
	Step      float64                                  // of the finite differences, 1e-2 unless given
	Tolerance float64                                  // of a relative error, 2e-3 unless given
	Fill      func(rng *rand.Rand, x []float32)        // inputs, standard normal unless given
	Skip      func(input, element int, x float32) bool // elements near a kink
}

// Check compares the gradient of a random linear functional of op's result, with
// respect to every element of inputs of the given shapes, with central differences. The
// functional is accumulated in float64. Gradients are computed twice, once over memory
// full of NaNs and once adding to ones, so that a gradient that is not written, or not
// added, shows.
func Check(t *testing.T, name string, s Settings, op Op, shapes ...[]int) {
	t.Helper()
	s = s.withDefaults()
	rng := rand.New(rand.NewPCG(11, 12))
	c := check{op: op, mode: s.Mode, tape: tensor.NewTape()}
	for _, shape := range shapes {
		x, err := tensor.Parameter(shape...)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		n := 1
		for _, d := range shape {
			n *= d
		}
		data, grad := make([]float32, n), make([]float32, n)
		s.Fill(rng, data)
		c.in, c.data, c.grad = append(c.in, x), append(c.data, data), append(c.grad, grad)
	}
	y := c.forward(false)
	if err := c.tape.Err(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	c.weight = make([]float32, y.Len())
	for i := range c.weight {
		c.weight[i] = float32(rng.NormFloat64())
	}
	c.backward(t, name, float32(math.NaN()), false)
	first := make([][]float32, len(c.grad))
	for i, g := range c.grad {
		first[i] = append([]float32(nil), g...)
	}
	c.backward(t, name, 1, true)
	for i, g := range c.grad {
		for j := range g {
			if d := math.Abs(float64(g[j] - 1 - first[i][j])); !(d <= 1e-4*(1+math.Abs(float64(first[i][j])))) {
				t.Fatalf("%s: input %d, element %d: gradient %g, but %g after adding to 1", name, i, j, first[i][j], g[j])
			}
		}
	}
	c.compare(t, name, s, first)
}

func (s Settings) withDefaults() Settings {
	if s.Mode == tensor.Eval {
		s.Mode = tensor.Train
	}
	if s.Step == 0 {
		s.Step = 1e-2
	}
	if s.Tolerance == 0 {
		s.Tolerance = 2e-3
	}
	if s.Fill == nil {
		s.Fill = func(rng *rand.Rand, x []float32) {
			for i := range x {
				x[i] = float32(rng.NormFloat64())
			}
		}
	}
	if s.Skip == nil {
		s.Skip = func(int, int, float32) bool { return false }
	}
	return s
}

type check struct {
	op         Op
	mode       tensor.Mode
	tape       *tensor.Tape
	in         []*tensor.Tensor
	data, grad [][]float32
	weight     []float32
}

func (c *check) forward(add bool) *tensor.Tensor {
	c.tape.Reset(c.mode)
	for i, x := range c.in {
		x.Bind(c.data[i], c.grad[i], add)
	}
	return c.op(c.tape, c.in)
}

// value is the functional at the current inputs.
func (c *check) value() (sum float64) {
	for i, v := range c.forward(false).Data {
		sum += float64(v) * float64(c.weight[i])
	}
	return sum
}

func (c *check) backward(t *testing.T, name string, fill float32, add bool) {
	t.Helper()
	for _, g := range c.grad {
		for j := range g {
			g[j] = fill
		}
	}
	if err := c.tape.BackwardFrom(c.forward(add), c.weight); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	for _, x := range c.in {
		x.FinishGrad()
	}
}

// compare holds gradients against central differences, relative to the largest one.
func (c *check) compare(t *testing.T, name string, s Settings, grad [][]float32) {
	t.Helper()
	for i, g := range grad {
		largest := 1e-3
		for _, v := range g {
			largest = math.Max(largest, math.Abs(float64(v)))
		}
		for j, x := range c.data[i] {
			if s.Skip(i, j, x) {
				continue
			}
			hi, lo := x+float32(s.Step), x-float32(s.Step)
			c.data[i][j] = hi
			up := c.value()
			c.data[i][j] = lo
			down := c.value()
			c.data[i][j] = x
			want := (up - down) / (float64(hi) - float64(lo))
			if !(math.Abs(float64(g[j])-want) <= s.Tolerance*(largest+math.Abs(want))) {
				t.Fatalf("%s: input %d, element %d: gradient %g, finite differences %g", name, i, j, g[j], want)
			}
		}
	}
}
