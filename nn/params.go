// Package nn holds the layers that networks are made of. All parameters of a model lie
// in one flat vector, all running statistics in another; a layer knows its places in
// them. A [Model] evaluates a loss and its gradient at any parameter vector it is
// given, which is what package sam asks for.
//
// Parameters are named, and initialised, as PyTorch names and initialises them.
package nn

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/monge-ml/monge/tensor"
)

// A Param is a named part of a model's flat parameter vector.
type Param struct {
	Name   string
	Shape  []int
	Offset int // of its first element in the flat vector

	init func(rng *rand.Rand, dst []float32)
	view *tensor.Tensor
}

// Len returns the number of elements.
func (p *Param) Len() int {
	n := 1
	for _, d := range p.Shape {
		n *= d
	}
	return n
}

// A Builder collects the parameters of a model while its layers are made. Names are
// joined with dots below the builder's prefix. The first error sticks and is returned
// by [NewModel].
type Builder struct {
	set    *paramSet
	prefix string
}

type paramSet struct {
	params []*Param
	names  map[string]bool
	size   int
	err    error
}

// NewBuilder returns an empty builder.
func NewBuilder() Builder {
	return Builder{set: &paramSet{names: map[string]bool{}}}
}

// In returns a builder for a part of the model, whose names are below name.
func (b Builder) In(name string) Builder {
	return Builder{set: b.set, prefix: b.prefix + name + "."}
}

// Fail records an error that NewModel returns.
func (b Builder) Fail(format string, args ...any) {
	if b.set.err == nil {
		b.set.err = fmt.Errorf("%s: %s", b.prefix[:max(0, len(b.prefix)-1)], fmt.Sprintf(format, args...))
	}
}

// Param adds a parameter with an initialisation.
func (b Builder) Param(name string, init func(rng *rand.Rand, dst []float32), shape ...int) *Param {
	p := &Param{Name: b.prefix + name, Shape: shape, Offset: b.set.size, init: init}
	view, err := tensor.Parameter(shape...)
	if err != nil {
		b.Fail("parameter %s: %v", name, err)
		return p
	}
	p.view = view
	if b.set.names[p.Name] {
		b.Fail("parameter %s: there are two of that name", name)
	}
	b.set.names[p.Name] = true
	b.set.params = append(b.set.params, p)
	b.set.size += p.Len()
	return p
}

// uniform fills with numbers from [-bound, bound).
func uniform(bound float64) func(*rand.Rand, []float32) {
	return func(rng *rand.Rand, dst []float32) {
		for i := range dst {
			dst[i] = float32((2*rng.Float64() - 1) * bound)
		}
	}
}

// fanIn is PyTorch's default for linear and convolution weights and biases: uniform in
// ±1/sqrt(fan in) (Kaiming uniform with a = sqrt 5).
func fanIn(n int) func(*rand.Rand, []float32) { return uniform(1 / math.Sqrt(float64(n))) }
