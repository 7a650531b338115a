package network

import (
	"fmt"
	"slices"

	"github.com/monge-ml/monge/onnx/array"
	"github.com/monge-ml/monge/tensor"
)

func init() {
	for name, f := range map[string]func(b *builder, n *node, x *value) (*value, error){
		"BatchNormalization":        batchNorm,
		"LayerNormalization":        layerNorm,
		"InstanceNormalization":     instanceNorm,
		"GroupNormalization":        groupNorm,
		"RMSNormalization":          rmsNorm,
		"MeanVarianceNormalization": meanVariance,
		"LpNormalization":           lpNorm,
		"LRN":                       lrn,
		"Softmax":                   softmax,
		"LogSoftmax":                softmax,
	} {
		operators[name] = oneInput(f)
	}
	for name, f := range map[string]func(*tensor.Tape, *tensor.Tensor, ...int) *tensor.Tensor{
		"ReduceSum": (*tensor.Tape).Sum, "ReduceMean": (*tensor.Tape).Mean, "ReduceMax": (*tensor.Tape).Max,
		"ReduceMin": (*tensor.Tape).Min, "ReduceProd": (*tensor.Tape).Prod, "ReduceLogSumExp": (*tensor.Tape).LogSumExp,
		"ReduceL1": reduceL1, "ReduceL2": reduceL2, "ReduceSumSquare": reduceSumSquare, "ReduceLogSum": reduceLogSum,
	} {
		operators[name] = oneInput(func(b *builder, n *node, x *value) (*value, error) {
			axes, err := n.list("axes", 1)
			if err != nil {
				return nil, err
			}
			if len(axes) == 0 && n.Int("noop_with_empty_axes", 0) != 0 {
				return x, nil
			}
			return b.reduced(x, axes, n.Int("keepdims", 1) != 0, f)
		})
	}
}

func reduceL1(t *tensor.Tape, x *tensor.Tensor, dims ...int) *tensor.Tensor {
	return t.Sum(t.Map(tensor.Abs, x, 0, 0), dims...)
}

func reduceSumSquare(t *tensor.Tape, x *tensor.Tensor, dims ...int) *tensor.Tensor {
	return t.Sum(t.Mul(x, x), dims...)
}

func reduceL2(t *tensor.Tape, x *tensor.Tensor, dims ...int) *tensor.Tensor {
	const tiny = 1e-38 // the norm of zeros has a gradient of 0
	return t.Map(tensor.Sqrt, t.Map(tensor.Affine, reduceSumSquare(t, x, dims...), 1, tiny), 0, 0)
}

func reduceLogSum(t *tensor.Tape, x *tensor.Tensor, dims ...int) *tensor.Tensor {
	return t.Map(tensor.Log, t.Sum(x, dims...), 0, 0)
}

// reduced is a reduction over dimensions of the graph, all if there are none.
func (b *builder) reduced(x *value, axes []int, keep bool, f func(*tensor.Tape, *tensor.Tensor, ...int) *tensor.Tensor) (*value, error) {
	x, err := b.lively(x)
	if err != nil {
		return nil, err
	}
	if len(x.shape) == 0 {
		x, err = b.seen(x, []int{1}, []int{0})
		if err != nil {
			return nil, err
		}
		axes, keep = []int{0}, false
	}
	over, left, err := array.Axes(x.shape, axes, keep)
	if err != nil {
		return nil, err
	}
	var dims, order []int // in memory
	kept := 0
	rank := make([]int, len(over)) // of a dimension among those left
	for d := range over {
		if rank[d] = kept; keep || !over[d] {
			kept++
		}
	}
	for i, d := range x.order {
		if over[d] {
			dims = append(dims, i)
		}
		if keep || !over[d] {
			order = append(order, rank[d])
		}
	}
	from := x.slot
	memory := (&value{shape: left, order: order}).memory()
	return b.tensor(left, order, []*value{x}, func(m *machine) *tensor.Tensor {
		return m.tape.Reshape(f(m.tape, m.x[from], dims...), memory...)
	})
}

// onRows brings dimension d of a value to the end of its memory, calls f with that, and returns
// the result, of the same shape.
func (b *builder) onRows(x *value, d int, reads []*value, f func(m *machine, x *tensor.Tensor) *tensor.Tensor) (*value, error) {
	x, err := b.lively(x)
	if err != nil {
		return nil, err
	}
	order := slices.DeleteFunc(slices.Clone(x.order), func(o int) bool { return o == d })
	if x, err = b.as(x, append(order, d)); err != nil {
		return nil, err
	}
	from := x.slot
	return b.tensor(x.shape, x.order, append([]*value{x}, reads...), func(m *machine) *tensor.Tensor { return f(m, m.x[from]) })
}

// vectors returns inputs of one dimension each as live values, nil where they are left out.
func (b *builder) vectors(n *node, size int, at ...int) (list []*value, err error) {
	for _, i := range at {
		v := n.optional(i)
		if v == nil {
			list = append(list, nil)
			continue
		}
		if product(v.shape) != size {
			return nil, fmt.Errorf("input %d of shape %v; it must have %d numbers", i, v.shape, size)
		}
		if v, err = b.lively(v); err == nil {
			v, err = b.reshape(v, []int{size})
		}
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

// of returns a value's tensor, nil for none.
func (m *machine) of(v *value) *tensor.Tensor {
	if v == nil {
		return nil
	}
	return m.x[v.slot]
}

// channels brings dimension 1 to the end of the memory.
func (b *builder) channels(x *value) (*value, error) {
	if len(x.shape) < 2 {
		return nil, fmt.Errorf("shape %v has no channels", x.shape)
	}
	return b.as(x, channelsLast(len(x.shape)))
}

func batchNorm(b *builder, n *node, x *value) (*value, error) {
	x, err := b.channels(x)
	if err != nil {
		return nil, err
	}
	affine, err := b.vectors(n, x.shape[1], 1, 2)
	if err != nil {
		return nil, err
	}
	if b.net.states[n.Outputs[0]] == nil {
		return b.normalizedBent(n, x)
	}
	state, err := b.net.statistics(n, x.shape[1])
	if err != nil {
		return nil, err
	}
	res := n.optional(5) // of a fused node
	if res != nil {
		if !slices.Equal(res.shape, x.shape) {
			return b.normAddReLU(n, x, res)
		}
		if res, err = b.lively(res); err == nil {
			res, err = b.as(res, x.order)
		}
		if err != nil {
			return nil, err
		}
	}
	relu := n.FullOp() == opNormReLU
	return b.tensor(x.shape, x.order, append([]*value{x, res}, affine...), func(m *machine) *tensor.Tensor {
		state.count(m.tape)
		if relu {
			return m.tape.BatchNormReLU(m.x[x.slot], m.of(res), m.of(affine[0]), m.of(affine[1]), &state.BatchNormState)
		}
		return m.tape.BatchNorm(m.x[x.slot], m.of(affine[0]), m.of(affine[1]), &state.BatchNormState)
	})
}

// normalizedBent is [builder.normalized] with what a fused node does behind it.
func (b *builder) normalizedBent(n *node, x *value) (*value, error) {
	y, err := b.normalized(n, x)
	if err != nil || n.FullOp() != opNormReLU {
		return y, err
	}
	if res := n.optional(5); res != nil {
		if y, err = b.pair(y, res, (*tensor.Tape).Add); err != nil {
			return nil, err
		}
	}
	return b.each(y, (*tensor.Tape).ReLU)
}

// normalized is batch normalisation by statistics that are computed: elsewhere in the graph, or in
// training mode here.
func (b *builder) normalized(n *node, x *value) (*value, error) {
	own := n.Int("training_mode", 0) != 0
	at := []int{1, 2, 3, 4}
	if own {
		at = at[:2]
	}
	along, err := b.vectors(n, x.shape[1], at...)
	if err != nil {
		return nil, err
	}
	for i, v := range along {
		if v == nil {
			return nil, fmt.Errorf("input %d is missing", 1+i)
		}
		if along[i], err = b.seen(v, append([]int{x.shape[1]}, make1(len(x.shape)-2)...), inOrder(len(x.shape)-1)); err != nil {
			return nil, err
		}
	}
	if own {
		mean, variance, err := b.moments(x)
		if err != nil {
			return nil, err
		}
		along = append(along, mean, variance)
	}
	eps := n.Float("epsilon", 1e-5)
	inverse, err := b.each(along[3], func(t *tensor.Tape, v *tensor.Tensor) *tensor.Tensor {
		return t.Map(tensor.Reciprocal, t.Map(tensor.Sqrt, t.Map(tensor.Affine, v, 1, eps), 0, 0), 0, 0)
	})
	if err != nil {
		return nil, err
	}
	y := x
	for _, s := range []struct {
		f func(*tensor.Tape, *tensor.Tensor, *tensor.Tensor) *tensor.Tensor
		v *value
	}{{(*tensor.Tape).Sub, along[2]}, {(*tensor.Tape).Mul, inverse}, {(*tensor.Tape).Mul, along[0]}, {(*tensor.Tape).Add, along[1]}} {
		if y, err = b.pair(y, s.v, s.f); err != nil {
			return nil, err
		}
	}
	return y, nil
}

// moments are the mean and variance of each channel, as networks normalise their weights.
func (b *builder) moments(x *value) (mean, variance *value, err error) {
	axes := []int{0}
	for d := 2; d < len(x.shape); d++ {
		axes = append(axes, d)
	}
	if mean, err = b.reduced(x, axes, true, (*tensor.Tape).Mean); err != nil {
		return nil, nil, err
	}
	off, err := b.pair(x, mean, (*tensor.Tape).Sub)
	if err != nil {
		return nil, nil, err
	}
	variance, err = b.reduced(off, axes, true, func(t *tensor.Tape, x *tensor.Tensor, dims ...int) *tensor.Tensor {
		return t.Mean(t.Mul(x, x), dims...)
	})
	return mean, variance, err
}

// normAddReLU is a fused node whose addition broadcasts.
func (b *builder) normAddReLU(n *node, x, res *value) (*value, error) {
	alone := *n.Node
	alone.Op, alone.Domain = "BatchNormalization", ""
	y, err := batchNorm(b, &node{Node: &alone, opset: n.opset, in: n.in[:5]}, x)
	if err != nil {
		return nil, err
	}
	if y, err = b.pair(y, res, (*tensor.Tape).Add); err != nil {
		return nil, err
	}
	return b.each(y, (*tensor.Tape).ReLU)
}

// layerNorm normalizes over the dimensions from an axis on.
func layerNorm(b *builder, n *node, x *value) (*value, error) {
	for i, name := range n.Outputs {
		if i > 0 && name != "" && b.net.reads(name) {
			return nil, fmt.Errorf("output %d is %w", i, errUnsupported)
		}
	}
	d, err := array.Axis(n.Int("axis", -1), len(x.shape))
	if err != nil {
		return nil, err
	}
	eps := n.Float("epsilon", 1e-5)
	shape := x.shape
	flat := x
	if d != len(shape)-1 {
		if flat, err = b.reshape(x, append(slices.Clone(shape[:d]), product(shape[d:]))); err != nil {
			return nil, err
		}
	}
	affine, err := b.vectors(n, product(shape[d:]), 1, 2)
	if err != nil {
		return nil, err
	}
	y, err := b.onRows(flat, d, affine, func(m *machine, x *tensor.Tensor) *tensor.Tensor {
		return m.tape.LayerNorm(x, m.of(affine[0]), m.of(affine[1]), eps)
	})
	if err != nil || flat == x {
		return y, err
	}
	return b.reshape(y, shape)
}

func rmsNorm(b *builder, n *node, x *value) (*value, error) {
	d, err := array.Axis(n.Int("axis", -1), len(x.shape))
	if err != nil || d != len(x.shape)-1 {
		return nil, fmt.Errorf("axis %d of %v is %w", d, x.shape, errUnsupported)
	}
	affine, err := b.vectors(n, x.shape[d], 1)
	if err != nil {
		return nil, err
	}
	eps := n.Float("epsilon", 1e-5)
	return b.onRows(x, d, affine, func(m *machine, x *tensor.Tensor) *tensor.Tensor {
		return m.tape.RMSNorm(x, m.of(affine[0]), eps)
	})
}

func instanceNorm(b *builder, n *node, x *value) (*value, error) {
	if len(x.shape) < 2 {
		return nil, fmt.Errorf("shape %v has no channels", x.shape)
	}
	return b.groups(n, x, x.shape[1])
}

func groupNorm(b *builder, n *node, x *value) (*value, error) {
	return b.groups(n, x, n.Int("num_groups", 1))
}

func (b *builder) groups(n *node, x *value, groups int) (*value, error) {
	x, err := b.channels(x)
	if err != nil {
		return nil, err
	}
	channels := x.shape[1]
	if groups < 1 || channels%groups != 0 {
		return nil, fmt.Errorf("%d channels in %d groups", channels, groups)
	}
	if v := n.optional(1); v != nil && product(v.shape) == groups && groups != channels {
		return nil, fmt.Errorf("a scale for each group is %w", errUnsupported) // of opset 18
	}
	affine, err := b.vectors(n, channels, 1, 2)
	if err != nil {
		return nil, err
	}
	eps := n.Float("epsilon", 1e-5)
	return b.tensor(x.shape, x.order, append([]*value{x}, affine...), func(m *machine) *tensor.Tensor {
		return m.tape.GroupNorm(m.x[x.slot], m.of(affine[0]), m.of(affine[1]), groups, eps)
	})
}

// meanVariance is (x - mean) / deviation over dimensions.
func meanVariance(b *builder, n *node, x *value) (*value, error) {
	axes := n.Ints("axes")
	if axes == nil {
		axes = []int{0, 2, 3}
	}
	mean, err := b.reduced(x, axes, true, (*tensor.Tape).Mean)
	if err != nil {
		return nil, err
	}
	d, err := b.pair(x, mean, (*tensor.Tape).Sub)
	if err != nil {
		return nil, err
	}
	variance, err := b.reduced(d, axes, true, func(t *tensor.Tape, x *tensor.Tensor, dims ...int) *tensor.Tensor {
		return t.Mean(t.Mul(x, x), dims...)
	})
	if err != nil {
		return nil, err
	}
	const tiny = 1e-9
	if variance, err = b.mapped(variance, tensor.Sqrt, 0, 0); err != nil {
		return nil, err
	}
	if variance, err = b.mapped(variance, tensor.Affine, 1, tiny); err != nil {
		return nil, err
	}
	return b.pair(d, variance, (*tensor.Tape).Div)
}

func lpNorm(b *builder, n *node, x *value) (*value, error) {
	d, err := array.Axis(n.Int("axis", -1), len(x.shape))
	if err != nil {
		return nil, err
	}
	f := reduceL2
	if p := n.Int("p", 2); p == 1 {
		f = reduceL1
	} else if p != 2 {
		return nil, fmt.Errorf("p = %d is %w", p, errUnsupported)
	}
	norm, err := b.reduced(x, []int{d}, true, f)
	if err != nil {
		return nil, err
	}
	return b.pair(x, norm, (*tensor.Tape).Div)
}

func lrn(b *builder, n *node, x *value) (*value, error) {
	x, err := b.channels(x)
	if err != nil {
		return nil, err
	}
	size, alpha, beta, bias := n.Int("size", 0), n.Float("alpha", .0001), n.Float("beta", .75), n.Float("bias", 1)
	return b.tensor(x.shape, x.order, []*value{x}, func(m *machine) *tensor.Tensor {
		return m.tape.LRN(m.x[x.slot], size, alpha, beta, bias)
	})
}

// softmax is over one dimension, or before opset 13 over all from one on.
func softmax(b *builder, n *node, x *value) (*value, error) {
	f := (*tensor.Tape).Softmax
	if n.Op == "LogSoftmax" {
		f = (*tensor.Tape).LogSoftmax
	}
	shape, flat := x.shape, x
	axis, rows := n.Int("axis", -1), false
	if n.opset < 13 {
		axis = n.Int("axis", 1)
		rows = true
	}
	d, err := array.Axis(axis, len(shape))
	if err != nil {
		return nil, err
	}
	if rows && d != len(shape)-1 {
		two, err := array.FlattenTo(shape, d)
		if err != nil {
			return nil, err
		}
		if flat, err = b.reshape(x, two); err != nil {
			return nil, err
		}
		d = 1
	}
	y, err := b.onRows(flat, d, nil, func(m *machine, x *tensor.Tensor) *tensor.Tensor { return f(m.tape, x) })
	if err != nil || flat == x {
		return y, err
	}
	return b.reshape(y, shape)
}
