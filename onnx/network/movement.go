package network

import (
	"fmt"
	"slices"

	"github.com/monge-ml/monge/onnx"
	"github.com/monge-ml/monge/onnx/array"
	"github.com/monge-ml/monge/tensor"
)

func init() {
	for name, f := range map[string]func(b *builder, n *node, x *value) (*value, error){
		"Reshape": reshape, "Flatten": flatten, "Squeeze": squeeze, "Unsqueeze": unsqueeze, "Transpose": transpose,
		"Slice": slice, "Gather": gather, "Expand": expand, "Pad": pad, "CumSum": cumSum,
		"DepthToSpace": depthToSpace, "SpaceToDepth": spaceToDepth,
		"ScatterND": scatter, "ScatterElements": scatter, "Scatter": scatter,
	} {
		operators[name] = oneInput(f)
	}
	for _, name := range []string{"Tile", "GatherElements", "GatherND", "ReverseSequence", "Trilu", "Compress"} {
		operators[name] = oneInput((*builder).rearranged)
	}
	operators["Concat"], operators["Split"] = concat, split
}

// ofShapes are operators that look at an input's shape alone, and so are known whatever its
// values are.
var ofShapes = map[string]func(n *node, shape []int) (*value, error){
	"Shape": shapeOf,
	"Size": func(_ *node, shape []int) (*value, error) {
		return fixed(array.Ints([]int64{int64(product(shape))})), nil
	},
}

func shapeOf(n *node, shape []int) (*value, error) {
	a := &array.Array{DType: onnx.Uint8, Shape: shape} // of which no element is looked at
	out, err := array.Eval(n.Node, n.opset, []*array.Array{a})
	if err != nil {
		return nil, err
	}
	return fixed(out[0]), nil
}

// known returns an input's numbers, which must not depend on the network's input; nil if it was
// left out.
func (n *node) known(i int) ([]int, error) {
	v := n.optional(i)
	switch {
	case v == nil:
		return nil, nil
	case v.live || v.host:
		return nil, fmt.Errorf("input %d, %s, depends on the values of the network's input, which is not supported", i, onnx.Show(n.Inputs[i]))
	}
	return v.known.Whole(), nil
}

// list returns numbers that are an attribute in earlier versions and input i in later ones.
func (n *node) list(name string, i int) ([]int, error) {
	if n.optional(i) != nil {
		return n.known(i)
	}
	return n.Ints(name), nil
}

func reshape(b *builder, n *node, x *value) (*value, error) {
	target, err := n.list("shape", 1)
	if err != nil {
		return nil, err
	}
	target = slices.Clone(target)
	if b.net.moving[n.Inputs[0]] {
		target = b.rebatched(x, target)
	}
	if b.net.options.Classes > 0 && b.net.behind[n.Outputs[0]] {
		for i, d := range target {
			if d == b.net.classes() {
				target[i] = b.net.options.Classes
			}
		}
	}
	shape, err := array.ReshapeTo(x.shape, target, n.Int("allowzero", 0) != 0)
	if err != nil {
		return nil, err
	}
	return b.reshape(x, shape)
}

// rebatched puts the batch in place of the one that the file was made for, where that was written
// into a shape.
func (b *builder) rebatched(x *value, target []int) []int {
	made, now := b.net.madeFor, b.batch
	if made == 0 || made == now || len(target) == 0 || len(x.shape) == 0 {
		return target
	}
	if x.shape[0] == now && target[0] == made {
		target[0] = now
	} else if x.shape[0]%now == 0 && target[0] > 0 && target[0]%made == 0 && product(target) > 0 && product(target)*now == product(x.shape)*made {
		target[0] = target[0] / made * now
	}
	return target
}

func flatten(b *builder, n *node, x *value) (*value, error) {
	shape, err := array.FlattenTo(x.shape, n.Int("axis", 1))
	if err != nil {
		return nil, err
	}
	return b.reshape(x, shape)
}

func squeeze(b *builder, n *node, x *value) (*value, error) {
	axes, err := n.list("axes", 1)
	if err != nil {
		return nil, err
	}
	shape, err := array.SqueezeTo(x.shape, axes)
	if err != nil {
		return nil, err
	}
	return b.reshape(x, shape)
}

func unsqueeze(b *builder, n *node, x *value) (*value, error) {
	axes, err := n.list("axes", 1)
	if err != nil {
		return nil, err
	}
	shape, err := array.UnsqueezeTo(x.shape, axes)
	if err != nil {
		return nil, err
	}
	return b.reshape(x, shape)
}

func transpose(b *builder, n *node, x *value) (*value, error) {
	perm, err := array.Order(n.Ints("perm"), len(x.shape))
	if err != nil {
		return nil, err
	}
	return transposed(x, perm), nil
}

// inMemory returns where dimension d of the graph lies.
func (v *value) inMemory(d int) int { return slices.Index(v.order, d) }

// changed is x's shape with another dimension d.
func changed(shape []int, d, size int) []int {
	out := slices.Clone(shape)
	out[d] = size
	return out
}

func slice(b *builder, n *node, x *value) (*value, error) {
	var bad error
	starts, ends, axes, steps := array.SliceArgs(n.Node, func(i int) []int {
		v, err := n.known(i)
		if err != nil {
			bad = err
		}
		return v
	})
	if bad != nil {
		return nil, bad
	}
	ranges, err := array.Ranges(x.shape, starts, ends, axes, steps)
	if err != nil {
		return nil, err
	}
	for d, r := range ranges {
		if r.Step == 1 && r.Len == x.shape[d] {
			continue
		}
		from, k := x.slot, x.inMemory(d)
		x, err = b.tensor(changed(x.shape, d, r.Len), x.order, []*value{x}, func(m *machine) *tensor.Tensor {
			if r.Step == 1 {
				return m.tape.Slice(m.x[from], k, r.Start, r.Start+r.Len)
			}
			return m.tape.SliceStep(m.x[from], k, r.Start, r.Step, r.Len)
		})
		if err != nil {
			return nil, err
		}
	}
	return x, nil
}

func concat(b *builder, n *node) ([]*value, error) {
	var list []*value
	for i := range n.in {
		v, err := n.input(i)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("nothing to join")
	}
	d, err := array.Axis(n.Int("axis", 0), len(list[0].shape))
	if err != nil {
		return nil, err
	}
	var most *value
	for _, v := range list {
		if v.live && (most == nil || product(v.shape) > product(most.shape)) {
			most = v
		}
	}
	for _, v := range list {
		if len(v.shape) != len(list[0].shape) {
			return nil, fmt.Errorf("%v and %v are joined", list[0].shape, v.shape)
		}
	}
	shape := changed(most.shape, d, 0)
	for i, v := range list {
		if v, err = b.repeatedBatch(v, most, d); err != nil {
			return nil, err
		}
		if v, err = b.as(v, most.order); err != nil {
			return nil, err
		}
		list[i] = v
		shape[d] += v.shape[d]
	}
	xs, k := make([]*tensor.Tensor, len(list)), most.inMemory(d)
	out, err := b.tensor(shape, most.order, list, func(m *machine) *tensor.Tensor {
		for i, v := range list {
			xs[i] = m.x[v.slot]
		}
		return m.tape.Concat(k, xs...)
	})
	return []*value{out}, err
}

// repeatedBatch repeats what a file that was made for one example has once, as a class token.
func (b *builder) repeatedBatch(v, other *value, axis int) (*value, error) {
	if axis == 0 || b.net.madeFor != 1 || len(v.shape) == 0 || v.shape[0] != 1 || other.shape[0] != b.batch || b.batch == 1 {
		return v, nil
	}
	v, err := b.lively(v)
	if err != nil {
		return nil, err
	}
	return b.expandTo(v, changed(v.shape, 0, b.batch))
}

func split(b *builder, n *node) ([]*value, error) {
	x, err := n.input(0)
	if err == nil {
		x, err = b.lively(x)
	}
	if err != nil {
		return nil, err
	}
	d, err := array.Axis(n.Int("axis", 0), len(x.shape))
	if err != nil {
		return nil, err
	}
	sizes, err := n.list("split", 1)
	if err != nil {
		return nil, err
	}
	if sizes, err = array.Parts(x.shape[d], sizes, len(n.Outputs)); err != nil {
		return nil, err
	}
	var out []*value
	from, k, at := x.slot, x.inMemory(d), 0
	for _, size := range sizes {
		lo := at
		at += size
		v, err := b.tensor(changed(x.shape, d, size), x.order, []*value{x}, func(m *machine) *tensor.Tensor {
			return m.tape.Slice(m.x[from], k, lo, lo+size)
		})
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

func gather(b *builder, n *node, x *value) (*value, error) {
	index, err := n.input(1)
	if err != nil {
		return nil, err
	}
	if index.dtype.IsFloat() {
		return nil, fmt.Errorf("indices of %v", index.dtype)
	}
	if index, err = b.hosted(index); err != nil {
		return nil, err
	}
	d, err := array.Axis(n.Int("axis", 0), len(x.shape))
	if err != nil {
		return nil, err
	}
	ids, size, what := make([]int, index.known.Len()), x.shape[d], b.name()
	if len(ids) == 0 {
		return nil, fmt.Errorf("no indices")
	}
	read := func(a *array.Array) error {
		for i, v := range a.I {
			if v < 0 {
				v += int64(size)
			}
			if v < 0 || v >= int64(size) {
				return fmt.Errorf("index %d of %d", a.I[i], size)
			}
			ids[i] = int(v)
		}
		return nil
	}
	if !index.host {
		if err := read(index.known); err != nil {
			return nil, err
		}
	}
	// along one dimension first, whose place the indices' dimensions then take
	from, k := x.slot, x.inMemory(d)
	rows, err := b.tensor(changed(x.shape, d, len(ids)), x.order, []*value{x}, func(m *machine) *tensor.Tensor {
		if index.host {
			if err := read(m.a[index.id]); err != nil {
				return m.tape.Fail(what, "%v", err)
			}
		}
		return m.tape.Gather(m.x[from], k, ids)
	})
	if err != nil {
		return nil, err
	}
	shape := slices.Concat(x.shape[:d], index.shape, x.shape[d+1:])
	var order []int
	for _, o := range x.order {
		switch more := len(index.shape) - 1; {
		case o < d:
			order = append(order, o)
		case o > d:
			order = append(order, o+more)
		default:
			for i := range index.shape {
				order = append(order, d+i)
			}
		}
	}
	return b.seen(rows, shape, order)
}

func expand(b *builder, n *node, x *value) (*value, error) {
	target, err := n.known(1)
	if err != nil {
		return nil, err
	}
	shape, err := array.Broadcast(x.shape, target)
	if err != nil {
		return nil, err
	}
	return b.expandTo(x, shape)
}

func (b *builder) expandTo(x *value, shape []int) (*value, error) {
	if slices.Equal(x.shape, shape) {
		return x, nil
	}
	var err error
	if k := len(shape) - len(x.shape); k > 0 {
		if x, err = b.seen(x, append(make1(k), x.shape...), raised(x.order, len(shape))); err != nil {
			return nil, err
		}
	}
	if err := b.fits(shape); err != nil {
		return nil, err
	}
	dims, from := (&value{shape: shape, order: x.order}).memory(), x.slot
	out, err := b.tensor(shape, x.order, []*value{x}, func(m *machine) *tensor.Tensor { return m.tape.Expand(m.x[from], dims...) })
	if err == nil {
		out.repeats = x
	}
	return out, err
}

func pad(b *builder, n *node, x *value) (*value, error) {
	list, err := n.list("pads", 1)
	if err != nil {
		return nil, err
	}
	axes, err := n.known(3)
	if err != nil {
		return nil, err
	}
	pads, err := array.Pads(len(x.shape), list, axes)
	if err != nil {
		return nil, err
	}
	mode, fill := n.Text("mode", "constant"), n.Float("value", 0)
	if v := n.optional(2); v != nil {
		if v.live || v.host || v.known.Len() > 1 {
			return nil, fmt.Errorf("a value that is computed is %w", errUnsupported)
		}
		if v.known.Len() == 1 {
			fill = v.known.Floats()[0]
		}
	}
	if mode == "constant" && fill == 0 {
		return b.padded(x, pads)
	}
	for d, p := range pads { // what lies outside first: cut
		if p[0] != 0 || p[1] != 0 {
			if x, err = b.bordered(x, d, p, mode, fill); err != nil {
				return nil, err
			}
		}
	}
	return x, nil
}

// padded puts zeros around, and cuts where there is less than none.
func (b *builder) padded(x *value, pads [][2]int) (*value, error) {
	shape, cut := slices.Clone(x.shape), slices.Clone(x.shape)
	pairs := make([][2]int, len(shape)) // in memory
	var err error
	for d, p := range pads {
		lo, hi := max(0, -p[0]), x.shape[d]-max(0, -p[1])
		if hi <= lo {
			return nil, fmt.Errorf("%v padded by %v", x.shape, pads)
		}
		if hi-lo != x.shape[d] {
			from, k := x.slot, x.inMemory(d)
			cut[d] = hi - lo
			if x, err = b.tensor(slices.Clone(cut), x.order, []*value{x}, func(m *machine) *tensor.Tensor { return m.tape.Slice(m.x[from], k, lo, hi) }); err != nil {
				return nil, err
			}
		}
		p = [2]int{max(0, p[0]), max(0, p[1])}
		pairs[x.inMemory(d)] = p
		shape[d] = hi - lo + p[0] + p[1]
	}
	if slices.Equal(shape, x.shape) {
		return x, nil
	}
	from := x.slot
	return b.tensor(shape, x.order, []*value{x}, func(m *machine) *tensor.Tensor { return m.tape.Pad(m.x[from], pairs...) })
}

// bordered pads one dimension by its own elements, or by a number other than 0.
func (b *builder) bordered(x *value, d int, p [2]int, mode string, fill float32) (*value, error) {
	size := x.shape[d]
	n := size + p[0] + p[1]
	if n <= 0 || n > array.MaxLen {
		return nil, fmt.Errorf("dimension %d of %v padded by %v", d, x.shape, p)
	}
	if err := b.spend(3 * n); err != nil {
		return nil, err
	}
	index, weight := make([]int32, n), make([]float32, n)
	outside := make([]float32, n)
	for i := range n {
		at, err := array.Padded(i-p[0], size, mode)
		if err != nil {
			return nil, err
		}
		if weight[i] = 1; at < 0 {
			at, weight[i], outside[i] = 0, 0, fill
		}
		index[i] = int32(at)
	}
	from, k := x.slot, x.inMemory(d)
	y, err := b.tensor(changed(x.shape, d, n), x.order, []*value{x}, func(m *machine) *tensor.Tensor {
		return m.tape.Interpolate(m.x[from], k, index, weight, 1)
	})
	if err != nil || fill == 0 || mode != "constant" {
		return y, err
	}
	along := make1(len(x.shape))
	along[k] = n
	slot := y.slot
	return b.tensor(y.shape, y.order, []*value{y}, func(m *machine) *tensor.Tensor {
		return m.tape.Add(m.x[slot], m.tape.Input(outside, along...))
	})
}

func cumSum(b *builder, n *node, x *value) (*value, error) {
	axis, err := n.known(1)
	if err != nil {
		return nil, err
	}
	if len(axis) != 1 {
		return nil, fmt.Errorf("axes %v", axis)
	}
	d, err := array.Axis(axis[0], len(x.shape))
	if err != nil {
		return nil, err
	}
	from, k := x.slot, x.inMemory(d)
	exclusive, reverse := n.Int("exclusive", 0) != 0, n.Int("reverse", 0) != 0
	return b.tensor(x.shape, x.order, []*value{x}, func(m *machine) *tensor.Tensor {
		return m.tape.CumSum(m.x[from], k, exclusive, reverse)
	})
}

func (n *node) blocks(x *value) (int, error) {
	size := n.Int("blocksize", 0)
	if size < 1 || size > 1<<10 || len(x.shape) != 4 {
		return 0, fmt.Errorf("blocks of %d of shape %v", size, x.shape)
	}
	return size, nil
}

func depthToSpace(b *builder, n *node, x *value) (*value, error) {
	s, err := n.blocks(x)
	if err != nil {
		return nil, err
	}
	ch := x.shape[1] / (s * s)
	if ch*s*s != x.shape[1] {
		return nil, fmt.Errorf("blocks of %d of shape %v", s, x.shape)
	}
	six, perm := []int{x.shape[0], s, s, ch, x.shape[2], x.shape[3]}, []int{0, 3, 4, 1, 5, 2}
	if n.Text("mode", "DCR") == "CRD" {
		six, perm = []int{x.shape[0], ch, s, s, x.shape[2], x.shape[3]}, []int{0, 1, 4, 2, 5, 3}
	}
	return b.shuffled(x, six, perm, []int{x.shape[0], ch, x.shape[2] * s, x.shape[3] * s})
}

func spaceToDepth(b *builder, n *node, x *value) (*value, error) {
	s, err := n.blocks(x)
	if err != nil {
		return nil, err
	}
	h, w := x.shape[2]/s, x.shape[3]/s
	if h*s != x.shape[2] || w*s != x.shape[3] {
		return nil, fmt.Errorf("blocks of %d of shape %v", s, x.shape)
	}
	return b.shuffled(x, []int{x.shape[0], x.shape[1], h, s, w, s}, []int{0, 3, 5, 1, 2, 4}, []int{x.shape[0], x.shape[1] * s * s, h, w})
}

// shuffled reshapes, transposes and reshapes.
func (b *builder) shuffled(x *value, shape, perm, last []int) (*value, error) {
	x, err := b.reshape(x, shape)
	if err != nil {
		return nil, err
	}
	return b.reshape(transposed(x, perm), last)
}

// rearranged is an operator that moves elements alone: done on their places it says where each
// result comes from.
func (b *builder) rearranged(n *node, x *value) (*value, error) {
	x, err := b.as(x, inOrder(len(x.shape)))
	if err != nil {
		return nil, err
	}
	places, err := array.New(onnx.Int64, x.shape...)
	if err != nil {
		return nil, err
	}
	if err := b.spend(places.Len()); err != nil {
		return nil, err
	}
	for i := range places.I {
		places.I[i] = int64(i) + 1 // 0 is none
	}
	in := []*array.Array{places}
	for i := 1; i < len(n.in); i++ {
		if v := n.in[i]; v == nil {
			in = append(in, nil)
		} else if v.live || v.host {
			return nil, fmt.Errorf("input %d depends on the values of the network's input, which is not supported", i)
		} else {
			in = append(in, v.known)
		}
	}
	out, err := array.Eval(n.Node, n.opset, in)
	if err != nil {
		return nil, err
	}
	index := make([]int32, out[0].Len())
	for i, p := range out[0].I {
		index[i] = int32(p - 1)
	}
	shape := out[0].Shape
	dims, from := shape, x.slot
	if len(dims) == 0 {
		dims = []int{1}
	}
	return b.tensor(shape, inOrder(len(shape)), []*value{x}, func(m *machine) *tensor.Tensor {
		return m.tape.Take(m.x[from], index, dims...)
	})
}

// scatter is ScatterND and ScatterElements at known places.
func scatter(b *builder, n *node, x *value) (*value, error) {
	index, err := n.input(1)
	if err != nil {
		return nil, err
	}
	u, err := n.input(2)
	if err != nil {
		return nil, err
	}
	reduction := n.Text("reduction", "none")
	if index.live || index.host || reduction != "none" && reduction != "add" {
		return nil, errUnsupported
	}
	var places []int
	if n.Op == "ScatterND" {
		places, err = array.ScatterPlaces(x.shape, index.known)
	} else {
		places, err = array.ElementPlaces(x.shape, index.known, n.Int("axis", 0))
	}
	if err != nil {
		return nil, err
	}
	if len(places) != product(u.shape) {
		return nil, fmt.Errorf("%d updates for %d places", product(u.shape), len(places))
	}
	if x, err = b.as(x, inOrder(len(x.shape))); err != nil {
		return nil, err
	}
	if u, err = b.lively(u); err == nil {
		u, err = b.as(u, inOrder(len(u.shape)))
	}
	if err != nil {
		return nil, err
	}
	at := make([]int32, len(places))
	for i, p := range places {
		at[i] = int32(p)
	}
	p, q := x.slot, u.slot
	return b.tensor(x.shape, x.order, []*value{x, u}, func(m *machine) *tensor.Tensor {
		return m.tape.Put(m.x[p], at, m.x[q], reduction == "add")
	})
}
