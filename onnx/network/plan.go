package network

import (
	"fmt"
	"slices"

	"github.com/monge-ml/monge/onnx"
	"github.com/monge-ml/monge/onnx/array"
	"github.com/monge-ml/monge/tensor"
)

// A plan is the steps of a pass over a batch of one size. All that depends on shapes alone was
// computed when it was made.
type plan struct {
	steps   []step
	tensors int // places that the steps use
	arrays  int
	outputs []*value
	blocked error // the first node that gradients don't go through, nil if they go through all
}

// A step is an operation on a tape, or on whole numbers that depend on the input.
type step struct {
	name  string
	run   func(m *machine)
	reads []int // tensors
	free  []int // tensors that no later step reads
}

// A machine is what a plan runs on.
type machine struct {
	tape *tensor.Tape
	x    []*tensor.Tensor
	a    []*array.Array
}

// run takes all steps. Errors are the tape's.
func (p *plan) run(m *machine) {
	for i := range p.steps {
		s := &p.steps[i]
		m.tape.Scope(s.name)
		s.run(m)
		if m.tape.Err() != nil {
			return
		}
		if m.tape.Mode() == tensor.Eval {
			for _, k := range s.free {
				m.tape.Release(m.x[k])
			}
		}
	}
}

// A value is what a name of the graph stands for while a plan is made.
//
// A live one is a tensor of the tape. Its dimensions lie in memory in an order of their own:
// dimension i there is dimension order[i] of the graph's. So images are channels-last whatever the
// graph says, a Transpose changes the order and moves nothing, and what needs another order in
// memory asks for it.
//
// One that is not live is an array: known, or a stand-in of the right shape for what steps compute.
type value struct {
	dtype onnx.DType
	shape []int // the graph's

	live    bool
	slot    int // of the tensor, or of an array that steps compute
	order   []int
	repeats *value // what a live one repeats along dimensions of 1, nil if nothing

	known *array.Array
	host  bool // steps compute it
	id    int  // of the computed array
}

// memory returns the dimensions as they lie in memory; a scalar's are one of 1.
func (v *value) memory() []int {
	if len(v.shape) == 0 {
		return []int{1}
	}
	dims := make([]int, len(v.shape))
	for i, d := range v.order {
		dims[i] = v.shape[d]
	}
	return dims
}

func product(dims []int) int {
	n := 1
	for _, d := range dims {
		n *= d
	}
	return n
}

// inOrder is the order of the graph itself.
func inOrder(rank int) []int {
	order := make([]int, rank)
	for i := range order {
		order[i] = i
	}
	return order
}

// channelsLast is the order of images and their like.
func channelsLast(rank int) []int {
	if rank < 3 {
		return inOrder(rank)
	}
	order := []int{0}
	for i := 2; i < rank; i++ {
		order = append(order, i)
	}
	return append(order, 1)
}

// A builder makes a plan.
type builder struct {
	net     *Network
	opset   int
	plan    *plan
	values  map[string]*value
	node    *onnx.Node
	spent   int // elements of arrays so far
	read    int // elements that these are made of
	largest int // elements of a parameter
	batch   int
	once    bool // the plan is run once, in mode Eval
}

// maxSpent bounds the elements of all arrays of a plan.
const maxSpent = 1 << 26

// do appends a step that computes a tensor, of whose dimensions in memory the caller is sure.
func (b *builder) do(reads []*value, run func(m *machine) *tensor.Tensor) int {
	slot := b.plan.tensors
	b.plan.tensors++
	s := step{name: b.name(), run: func(m *machine) { m.x[slot] = run(m) }}
	for _, v := range reads {
		if v != nil {
			s.reads = append(s.reads, v.slot)
		}
	}
	b.plan.steps = append(b.plan.steps, s)
	return slot
}

func (b *builder) name() string {
	if b.node == nil {
		return "input"
	}
	return b.node.Label()
}

// tensor makes a live value of what a step computes.
func (b *builder) tensor(shape, order []int, reads []*value, run func(m *machine) *tensor.Tensor) (*value, error) {
	if err := b.fits(shape); err != nil {
		return nil, err
	}
	return &value{dtype: onnx.Float, shape: shape, live: true, order: order, slot: b.do(reads, run)}, nil
}

// maxNumbers bounds the elements of a tensor, for each example of a minibatch: what files of a few
// bytes may ask for.
const maxNumbers = 1 << 27

func (b *builder) fits(shape []int) error {
	if len(shape) > tensor.MaxRank {
		return fmt.Errorf("a tensor of shape %v; there may be %d dimensions", shape, tensor.MaxRank)
	}
	n := 1
	for _, d := range shape {
		if d <= 0 {
			return fmt.Errorf("a tensor of shape %v, which is empty, is %w", shape, errUnsupported)
		}
		if n > max(maxNumbers*max(b.batch, 1), b.largest)/d {
			return fmt.Errorf("a tensor of shape %v is too large", shape)
		}
		n *= d
	}
	return nil
}

// lively returns a value as a live one: constants become inputs of the tape.
func (b *builder) lively(v *value) (*value, error) {
	if v.live {
		return v, nil
	}
	if err := b.fits(v.shape); err != nil {
		return nil, err
	}
	dims := slices.Clone(v.shape)
	if len(dims) == 0 {
		dims = []int{1}
	}
	out := &value{dtype: v.dtype, shape: v.shape, live: true, order: inOrder(len(v.shape))}
	if !v.host {
		data := v.known.Floats()
		out.slot = b.do(nil, func(m *machine) *tensor.Tensor { return m.tape.Input(data, dims...) })
		return out, nil
	}
	data, id := make([]float32, product(dims)), v.id
	out.slot = b.do(nil, func(m *machine) *tensor.Tensor {
		m.a[id].CopyFloats(data)
		return m.tape.Input(data, dims...)
	})
	return out, nil
}

// hosted returns a value as an array: a live one is copied by a step.
func (b *builder) hosted(v *value) (*value, error) {
	if !v.live {
		return v, nil
	}
	v, err := b.as(v, inOrder(len(v.shape)))
	if err != nil {
		return nil, err
	}
	stand, err := array.New(onnx.Float, v.shape...)
	if err != nil {
		return nil, err
	}
	for i := range stand.F {
		stand.F[i] = 1
	}
	slot := v.slot
	return b.computed(stand, []*value{v}, func(m *machine) (*array.Array, error) {
		out, err := array.New(onnx.Float, stand.Shape...)
		if err != nil {
			return nil, err
		}
		for i, f := range m.x[slot].Data {
			out.F[i] = float64(f)
		}
		return out, nil
	}), nil
}

// computed is an array that a step computes, of the type and shape of a stand-in.
func (b *builder) computed(stand *array.Array, reads []*value, run func(m *machine) (*array.Array, error)) *value {
	id := b.plan.arrays
	b.plan.arrays++
	name := b.name()
	s := step{name: name, run: func(m *machine) {
		a, err := run(m)
		if err == nil && !slices.Equal(a.Shape, stand.Shape) {
			err = fmt.Errorf("its shape depends on the values of the input (%v, %v), which is not supported", stand.Shape, a.Shape)
		}
		if err != nil {
			m.tape.Fail(name, "%v", err)
			return
		}
		m.a[id] = a
	}}
	for _, v := range reads {
		if v.live {
			s.reads = append(s.reads, v.slot)
		}
	}
	b.plan.steps = append(b.plan.steps, s)
	return &value{dtype: stand.DType, shape: stand.Shape, known: stand, host: true, id: id}
}

// fixed is a value that is known.
func fixed(a *array.Array) *value { return &value{dtype: a.DType, shape: a.Shape, known: a} }

// as returns a live value whose dimensions lie in memory in an order.
func (b *builder) as(v *value, order []int) (*value, error) {
	v, err := b.lively(v)
	if err != nil || slices.Equal(v.order, order) {
		return v, err
	}
	out := &value{dtype: v.dtype, shape: v.shape, live: true, order: order}
	dims := out.memory()
	from := v.slot
	if slices.Equal(v.long(v.order), v.long(order)) { // dimensions of 1 lie anywhere
		out.slot = b.do([]*value{v}, func(m *machine) *tensor.Tensor { return m.tape.Reshape(m.x[from], dims...) })
		return out, nil
	}
	moves := make([]int, len(order))
	for i, d := range order {
		moves[i] = slices.Index(v.order, d)
	}
	out.slot = b.do([]*value{v}, func(m *machine) *tensor.Tensor { return m.tape.Permute(m.x[from], moves...) })
	return out, nil
}

// long returns the dimensions of an order that are longer than 1.
func (v *value) long(order []int) (list []int) {
	for _, d := range order {
		if v.shape[d] != 1 {
			list = append(list, d)
		}
	}
	return list
}

// seen returns a live value's memory under other dimensions.
func (b *builder) seen(v *value, shape, order []int) (*value, error) {
	if err := b.fits(shape); err != nil {
		return nil, err
	}
	out := &value{dtype: v.dtype, shape: shape, live: true, order: order}
	dims, from := out.memory(), v.slot
	if slices.Equal(dims, v.memory()) {
		out.slot = v.slot
		return out, nil
	}
	out.slot = b.do([]*value{v}, func(m *machine) *tensor.Tensor { return m.tape.Reshape(m.x[from], dims...) })
	return out, nil
}

// reshape returns a live value in another shape. Where dimensions are joined or cut that lie side
// by side in memory, nothing moves.
func (b *builder) reshape(v *value, shape []int) (*value, error) {
	if groups := regroup(v.shape, shape); groups != nil {
		if order := v.regrouped(shape, groups); order != nil {
			return b.seen(v, shape, order)
		}
	}
	v, err := b.as(v, inOrder(len(v.shape)))
	if err != nil {
		return nil, err
	}
	return b.seen(v, shape, inOrder(len(shape)))
}

// A group is dimensions from to hi-1 that become dimensions of another shape with as many
// elements.
type group struct{ lo, hi, newLo, newHi int }

// regroup cuts two shapes of as many elements into the smallest groups that match; dimensions of
// 1 join what is beside them.
func regroup(from, to []int) (groups []group) {
	i, j := 0, 0
	for i < len(from) || j < len(to) {
		g := group{lo: i, newLo: j}
		a, b := 1, 1
		if i < len(from) {
			a = from[i]
			i++
		}
		if j < len(to) {
			b = to[j]
			j++
		}
		for a != b {
			switch {
			case a < b && i < len(from):
				a *= from[i]
				i++
			case b < a && j < len(to):
				b *= to[j]
				j++
			default:
				return nil
			}
		}
		g.hi, g.newHi = i, j
		groups = append(groups, g)
	}
	return groups
}

// regrouped returns the order in which the new dimensions lie in memory, nil if they don't.
func (v *value) regrouped(shape []int, groups []group) []int {
	var order []int
	done := make([]bool, len(groups))
	for at := 0; at < len(v.order); {
		d := v.order[at]
		k := slices.IndexFunc(groups, func(g group) bool { return g.lo <= d && d < g.hi })
		g := groups[k]
		if v.shape[d] == 1 && g.hi-g.lo > 1 { // it lies anywhere
			at++
			continue
		}
		if done[k] {
			return nil
		}
		// all of the group's longer dimensions must follow, in order
		want := []int{}
		for i := g.lo; i < g.hi; i++ {
			if v.shape[i] != 1 {
				want = append(want, i)
			}
		}
		for _, w := range want {
			for at < len(v.order) && v.shape[v.order[at]] == 1 && v.order[at] != w {
				at++
			}
			if at == len(v.order) || v.order[at] != w {
				return nil
			}
			at++
		}
		if len(want) == 0 {
			at++
		}
		done[k] = true
		for i := g.newLo; i < g.newHi; i++ {
			order = append(order, i)
		}
	}
	for k, g := range groups { // groups of nothing but 1
		if !done[k] {
			for i := g.newLo; i < g.newHi; i++ {
				order = append(order, i)
			}
		}
	}
	if len(order) != len(shape) {
		return nil
	}
	return order
}

// transposed changes the order alone.
func transposed(v *value, perm []int) *value {
	out := *v
	out.repeats = nil
	out.shape, out.order = make([]int, len(perm)), make([]int, len(perm))
	for i, d := range perm {
		out.shape[i] = v.shape[d]
	}
	for i, d := range v.order {
		out.order[i] = slices.Index(perm, d)
	}
	return &out
}

// errUnsupported is that of operators which the package does not have.
var errUnsupported = array.ErrUnsupported
