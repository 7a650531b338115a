// Package nn holds the layers that networks are made of. All parameters of a model lie
// in one flat vector; a layer knows its places in it. A [Model] evaluates a loss and its gradient at any parameter vector it is
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
	Offset int // of its first element in the flat vector; 0 if frozen
	// Kernel is set for the weight of a convolution, of shape [height, width, in, out] here
	// and [out, in, height, width] in PyTorch.
	Kernel bool
	// Scalar is set for a single number, of shape [1] here and [] in PyTorch.
	Scalar bool

	Init func(rng *rand.Rand, dst []float32) // sets its first values

	view   *tensor.Tensor
	frozen []float32 // its values, where it is no part of the flat vector
}

// Frozen reports whether the parameter was taken out of the flat vector.
func (p *Param) Frozen() bool { return p.frozen != nil }

// values returns the parameter's elements, in theta unless it is frozen.
func (p *Param) values(theta []float32) []float32 {
	if p.frozen != nil {
		return p.frozen
	}
	return theta[p.Offset : p.Offset+p.Len()]
}

// Len returns the number of elements.
func (p *Param) Len() int {
	n := 1
	for _, d := range p.Shape {
		n *= d
	}
	return n
}

// Tensor returns the parameter as operations take it; that of a missing one is nil.
func (p *Param) Tensor() *tensor.Tensor {
	if p == nil {
		return nil
	}
	return p.view
}

// A Buffer is a named array of a model that no gradient moves: running statistics.
type Buffer struct {
	Name  string
	Data  []float32
	Count bool // a whole number, without dimensions in PyTorch
}

// A Builder collects the parameters of a model while its layers are made. Names are
// joined with dots below the builder's prefix. The first error sticks and is returned
// by [NewModel].
type Builder struct {
	set    *paramSet
	prefix string
}

type paramSet struct {
	params  []*Param
	buffers []*Buffer
	names   map[string]bool
	norms   []*tensor.BatchNormState
	head    []*Param
	lora    *LoRA
	linears []*linear
	size    int
	err     error
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
	if b.set.err != nil {
		return
	}
	b.set.err = fmt.Errorf(format, args...)
	if b.prefix != "" {
		b.set.err = fmt.Errorf("%s: %w", b.scope(), b.set.err)
	}
}

// Param adds a parameter with an initialisation.
func (b Builder) Param(name string, init func(rng *rand.Rand, dst []float32), shape ...int) *Param {
	p := &Param{Name: b.prefix + name, Shape: shape, Offset: b.set.size, Init: init}
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

// Buffer adds a buffer of n elements that start as value.
func (b Builder) Buffer(name string, n int, value float32) *Buffer {
	buf := &Buffer{Name: b.prefix + name, Data: make([]float32, max(n, 0))}
	for i := range buf.Data {
		buf.Data[i] = value
	}
	b.set.buffers = append(b.set.buffers, buf)
	return buf
}

// AddBatchNorm tells of a batch normalisation that a layer has, for [Network.FreezeBatchNorm].
func (b Builder) AddBatchNorm(s *tensor.BatchNormState) { b.set.norms = append(b.set.norms, s) }

// SetHead says which parameters make the outputs, the weight first, for [Model.Head], where that
// is not the last linear layer.
func (b Builder) SetHead(params ...*Param) { b.set.head = params }

// scope is the builder's prefix as a layer's name.
func (b Builder) scope() string { return b.prefix[:max(0, len(b.prefix)-1)] }

// Normal is an initialisation by normal numbers of a deviation.
func Normal(deviation float64) func(*rand.Rand, []float32) {
	return func(rng *rand.Rand, dst []float32) {
		for i := range dst {
			dst[i] = float32(rng.NormFloat64() * deviation)
		}
	}
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

// Import sets the parameter in theta from values in PyTorch's order, of which there must
// be as many as the parameter has.
func (p *Param) Import(theta, values []float32) error {
	dst := p.values(theta)
	if len(values) != len(dst) {
		return fmt.Errorf("parameter %s has %d elements, got %d", p.Name, len(dst), len(values))
	}
	if !p.Kernel {
		copy(dst, values)
		return nil
	}
	p.reorder(func(ours, theirs int) { dst[ours] = values[theirs] })
	return nil
}

// Export returns the parameter's values in theta, in PyTorch's order.
func (p *Param) Export(theta []float32) []float32 {
	src := p.values(theta)
	out := make([]float32, len(src))
	if !p.Kernel {
		copy(out, src)
		return out
	}
	p.reorder(func(ours, theirs int) { out[theirs] = src[ours] })
	return out
}

// TorchShape returns the parameter's shape in PyTorch.
func (p *Param) TorchShape() []int {
	switch {
	case p.Scalar:
		return []int{}
	case !p.Kernel:
		return p.Shape
	}
	return []int{p.Shape[3], p.Shape[2], p.Shape[0], p.Shape[1]}
}

// reorder calls move with the places of every element here, [KH, KW, I, O], and in
// PyTorch, [O, I, KH, KW].
func (p *Param) reorder(move func(ours, theirs int)) {
	window, in, out := p.Shape[0]*p.Shape[1], p.Shape[2], p.Shape[3]
	ours := 0
	for k := range window {
		for i := range in {
			for o := range out {
				move(ours, (o*in+i)*window+k)
				ours++
			}
		}
	}
}
