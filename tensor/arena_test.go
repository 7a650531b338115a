package tensor_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/monge-ml/monge/tensor"
)

// A perceptron is two layers on rows of so many numbers, and its gradient.
type perceptron struct {
	tape   *tensor.Tape
	params []*tensor.Tensor
	grads  [][]float32
	x      []float32
}

const width = 16

func newPerceptron(t *testing.T, rows int) *perceptron {
	p := &perceptron{tape: tensor.NewTape(), x: make([]float32, rows*width)}
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range p.x {
		p.x[i] = rng.Float32()
	}
	for _, shape := range [][]int{{4 * width, width}, {width, 4 * width}} {
		w, err := tensor.Parameter(shape...)
		if err != nil {
			t.Fatal(err)
		}
		data := make([]float32, shape[0]*shape[1])
		for i := range data {
			data[i] = rng.Float32() - .5
		}
		p.grads = append(p.grads, make([]float32, len(data)))
		w.Bind(data, p.grads[len(p.grads)-1], false)
		p.params = append(p.params, w)
	}
	return p
}

// step computes the gradient on so many rows.
func (p *perceptron) step(t *testing.T, rows int) [][]float32 {
	p.tape.Reset(tensor.Train)
	for i, w := range p.params {
		w.Bind(w.Data, p.grads[i], false)
	}
	x := p.tape.Input(p.x[:width*rows], rows, width)
	for range 3 {
		x = p.tape.Add(x, p.tape.Linear(p.tape.GELU(p.tape.Linear(x, p.params[0], nil)), p.params[1], nil))
	}
	if err := p.tape.Backward(p.tape.Mean(p.tape.Mul(x, x)), 1); err != nil {
		t.Fatal(err)
	}
	var grads [][]float32
	for _, g := range p.grads {
		grads = append(grads, slices.Clone(g))
	}
	return grads
}

// Passes of mixed sizes take little more memory than the largest, and compute what others do.
func TestMixedSizes(t *testing.T) {
	const most = 256
	largest := newPerceptron(t, most)
	largest.step(t, most)
	bound := tensor.ArenaSize(largest.tape)
	for name, order := range map[string]func(i int) int{
		"rising":    func(i int) int { return 4 * (1 + i%64) },
		"falling":   func(i int) int { return 4 * (64 - i%64) },
		"by chance": func(i int) int { return 4 * (1 + int(uint32(i)*2654435761>>16)%64) },
	} {
		mixed := newPerceptron(t, most)
		mixed.tape.SetMixed(true)
		for i := range 200 {
			mixed.step(t, order(i))
		}
		size := tensor.ArenaSize(mixed.tape)
		if float64(size) > 1.5*float64(bound) {
			t.Errorf("%s: %d floats, the largest pass takes %d", name, size, bound)
		}
		for i := range 64 {
			mixed.step(t, order(i))
		}
		if now := tensor.ArenaSize(mixed.tape); now > size+size/20 {
			t.Errorf("%s: the arena grew from %d to %d", name, size, now)
		}
		if err := tensor.CheckArena(mixed.tape); err != nil {
			t.Error(err)
		}
		for _, rows := range []int{4, 80, most} {
			got, want := mixed.step(t, rows), newPerceptron(t, most).step(t, rows)
			for k := range got {
				if !slices.Equal(got[k], want[k]) {
					t.Errorf("%s: other gradients on %d rows", name, rows)
				}
			}
		}
	}
}
