package network

import (
	"fmt"
	"math"
	"slices"

	"github.com/monge-ml/monge/onnx"
	"github.com/monge-ml/monge/onnx/array"
	"github.com/monge-ml/monge/tensor"
)

// opAttention is softmax(scale Q K + what is added) V, of queries, transposed keys and values that
// exporters have taken apart: stacks of matrices in the last two dimensions. With attrFilled, softmaxes
// of nothing are 0.
const (
	opAttention = "monge.Attention"
	attrFilled  = "filled"
)

func init() {
	operators[opAttention] = func(b *builder, n *node) ([]*value, error) {
		var in []*value
		for i := range max(3, len(n.in)) {
			v, err := n.input(i)
			if err == nil && i < 3 {
				v, err = b.lively(v)
			}
			if err != nil {
				return nil, err
			}
			in = append(in, v)
		}
		y, err := b.attendApart(in[0], in[1], in[2], in[3:], n.Float("scale", 1), n.Int(attrFilled, 0) != 0)
		return []*value{y}, err
	}
	operators["Attention"] = attention
}

// attendApart is softmax(scale q k + added) v as exporters write it, at once where the tape can.
func (b *builder) attendApart(q, k, v *value, added []*value, scale float32, filled bool) (*value, error) {
	if len(k.shape) == 4 {
		if keys := transposed(k, []int{0, 1, 3, 2}); fitting(q, keys, v) {
			if o, ok := overScores(added, q.shape, keys.shape[2]); ok {
				return b.attend(q, keys, v, o, float64(scale), false)
			}
		}
	}
	return b.attendByParts(q, k, v, added, scale, filled)
}

// attendByParts computes all scores; keys are transposed.
func (b *builder) attendByParts(q, k, v *value, added []*value, scale float32, filled bool) (*value, error) {
	s, err := b.matMul(q, k)
	if err == nil && scale != 1 {
		s, err = b.mapped(s, tensor.Affine, scale, 0)
	}
	for _, a := range added {
		if err == nil {
			s, err = b.pair(s, a, (*tensor.Tape).Add)
		}
	}
	if err != nil {
		return nil, err
	}
	p, err := b.onRows(s, len(s.shape)-1, nil, func(m *machine, x *tensor.Tensor) *tensor.Tensor { return m.tape.Softmax(x) })
	if err == nil && filled {
		p, err = b.filled(p)
	}
	if err != nil {
		return nil, err
	}
	return b.matMul(p, v)
}

// filled has 0 for NaNs.
func (b *builder) filled(x *value) (*value, error) {
	zero, err := array.New(onnx.Float)
	if err != nil {
		return nil, err
	}
	is, err := b.onHost(&node{Node: &onnx.Node{Op: "IsNaN"}, opset: b.opset, in: []*value{x}})
	if err != nil {
		return nil, err
	}
	y, err := where(b, &node{in: []*value{is[0], fixed(zero), x}})
	if err != nil {
		return nil, err
	}
	return y[0], nil
}

// fitting reports whether queries, keys and values are [N, heads, rows, width] and alike but for the rows
// of queries.
func fitting(q, k, v *value) bool {
	return len(q.shape) == 4 && len(k.shape) == 4 && slices.Equal(changed(q.shape, 2, k.shape[2]), k.shape) && slices.Equal(k.shape, v.shape)
}

// over is what the tape's attention adds to scores; either may be nil.
type over struct {
	bias, mask *value // of [heads, rows, keys], and of four dimensions
}

// overScores sorts what is added to scores of queries [N, heads, rows, width]: what the tape computes is a
// bias, which has a gradient, other arrays are a mask. It reports whether the tape takes all of it, in which
// it repeats what it has to itself.
func overScores(added []*value, q []int, keys int) (o over, ok bool) {
	all := []int{q[0], q[1], q[2], keys}
	for _, a := range added {
		if !within(a.shape, all) {
			return o, false
		}
		if a.repeats != nil {
			a = a.repeats
		}
		shape := append(make1(4-len(a.shape)), a.shape...)
		switch {
		case a.live && o.bias == nil && slices.Equal(shape, changed(all, 0, 1)):
			o.bias = a
		case !a.live && o.mask == nil && shape[3] == keys:
			o.mask = a
		default:
			return o, false
		}
	}
	return o, true
}

// within reports whether a shape broadcasts to another one.
func within(shape, all []int) bool {
	to, err := array.Broadcast(shape, all)
	return err == nil && slices.Equal(to, all)
}

// inMemory returns what is added as a live value of a shape.
func (b *builder) inMemory(v *value, shape []int) (*value, error) {
	v, err := b.as(v, inOrder(len(v.shape)))
	if err != nil {
		return nil, err
	}
	return b.seen(v, shape, inOrder(len(shape)))
}

// attend is the tape's attention of [N, heads, rows, width] with scores times scale. In memory the
// heads lie side by side, as they come out of the linear layers before.
func (b *builder) attend(q, k, v *value, over over, scale float64, causal bool) (*value, error) {
	n, heads, width := q.shape[0], q.shape[1], q.shape[3]
	beside := []int{0, 2, 1, 3}
	var in []*value
	for i, x := range []*value{q, k, v} {
		x, err := b.as(x, beside)
		if err == nil && i == 0 {
			if by := float32(scale * math.Sqrt(float64(width))); by != 1 { // the tape divides by the root
				x, err = b.mapped(x, tensor.Affine, by, 0)
			}
		}
		if err == nil {
			x, err = b.seen(x, []int{n, x.shape[2], heads * width}, inOrder(3))
		}
		if err != nil {
			return nil, err
		}
		in = append(in, x)
	}
	var err error
	if over.bias != nil {
		over.bias, err = b.inMemory(over.bias, []int{heads, q.shape[2], k.shape[2]})
	}
	if m := over.mask; m != nil && err == nil {
		over.mask, err = b.inMemory(m, append(make1(4-len(m.shape)), m.shape...))
	}
	if err != nil {
		return nil, err
	}
	y, err := b.tensor([]int{n, q.shape[2], heads * width}, inOrder(3), append(in, over.bias, over.mask), func(m *machine) *tensor.Tensor {
		o := tensor.AttentionOptions{Heads: heads, Causal: causal, Bias: m.at(over.bias), Mask: m.at(over.mask)}
		return m.tape.Attention(m.x[in[0].slot], m.x[in[1].slot], m.x[in[2].slot], o)
	})
	if err != nil {
		return nil, err
	}
	return b.seen(y, q.shape, beside)
}

// at is the tensor of a live value, nil for none.
func (m *machine) at(v *value) *tensor.Tensor {
	if v == nil {
		return nil
	}
	return m.x[v.slot]
}

// attention is the operator of opset 23, without caches.
func attention(b *builder, n *node) ([]*value, error) {
	for i := 4; i < len(n.in); i++ {
		if n.in[i] != nil {
			return nil, fmt.Errorf("input %d is %w", i, errUnsupported)
		}
	}
	if n.Float("softcap", 0) != 0 {
		return nil, fmt.Errorf("a cap of scores is %w", errUnsupported)
	}
	q, err := b.heads(n, 0, "q_num_heads")
	if err != nil {
		return nil, err
	}
	k, err := b.heads(n, 1, "kv_num_heads")
	if err != nil {
		return nil, err
	}
	v, err := b.heads(n, 2, "kv_num_heads")
	if err != nil {
		return nil, err
	}
	if k, err = b.shared(k, q.shape[1]); err == nil {
		v, err = b.shared(v, q.shape[1])
	}
	if err != nil {
		return nil, err
	}
	scale, causal, mask := float64(n.Float("scale", 0)), n.Int("is_causal", 0) != 0, n.optional(3)
	if scale == 0 {
		scale = 1 / math.Sqrt(float64(q.shape[3]))
	}
	var added []*value
	if mask != nil {
		if mask, err = b.added(mask); err != nil {
			return nil, err
		}
		added = append(added, mask)
	}
	var y *value
	if o, ok := overScores(added, q.shape, k.shape[2]); ok && fitting(q, k, v) {
		y, err = b.attend(q, k, v, o, scale, causal)
	} else {
		y, err = b.attendMasked(q, k, v, added, scale, causal)
	}
	if err != nil || len(n.in[0].shape) == 4 {
		return []*value{y}, err
	}
	y, err = b.reshape(transposed(y, []int{0, 2, 1, 3}), []int{y.shape[0], y.shape[2], y.shape[1] * y.shape[3]})
	return []*value{y}, err
}

// heads returns an input as [N, heads, T, width]; of three dimensions, the heads lie side by side.
func (b *builder) heads(n *node, i int, attr string) (*value, error) {
	x, err := n.input(i)
	if err == nil {
		x, err = b.lively(x)
	}
	if err != nil {
		return nil, err
	}
	switch heads := n.Int(attr, 0); {
	case len(x.shape) == 4:
		return x, nil
	case len(x.shape) != 3 || heads < 1 || x.shape[2]%heads != 0:
		return nil, fmt.Errorf("input %d of shape %v in %d heads", i, x.shape, heads)
	default:
		x, err = b.reshape(x, []int{x.shape[0], x.shape[1], heads, x.shape[2] / heads})
		if err != nil {
			return nil, err
		}
		return transposed(x, []int{0, 2, 1, 3}), nil
	}
}

// shared repeats each head of keys or values for the queries' heads that share it.
func (b *builder) shared(x *value, heads int) (*value, error) {
	own := x.shape[1]
	if own == heads {
		return x, nil
	}
	if own < 1 || heads%own != 0 {
		return nil, fmt.Errorf("%d heads of queries for %d of keys", heads, own)
	}
	five := []int{x.shape[0], own, 1, x.shape[2], x.shape[3]}
	x, err := b.reshape(x, five)
	if err != nil {
		return nil, err
	}
	if x, err = b.expandTo(x, changed(five, 2, heads/own)); err != nil {
		return nil, err
	}
	return b.reshape(x, []int{five[0], heads, five[3], five[4]})
}

// attendMasked computes all scores, and adds to them.
func (b *builder) attendMasked(q, k, v *value, added []*value, scale float64, causal bool) (*value, error) {
	if len(k.shape) != 4 || len(v.shape) != 4 {
		return nil, fmt.Errorf("keys of shape %v and values of shape %v", k.shape, v.shape)
	}
	if causal {
		future, err := futureOf(q.shape[2], k.shape[2])
		if err != nil {
			return nil, err
		}
		added = append([]*value{fixed(future)}, added...)
	}
	return b.attendByParts(q, transposed(k, []int{0, 1, 3, 2}), v, added, float32(scale), false)
}

// unseen is what is added to scores of what may not be seen.
const unseen = -1e30

// futureOf is added to scores of rows that come later.
func futureOf(rows, cols int) (*array.Array, error) {
	a, err := array.New(onnx.Float, rows, cols)
	if err != nil {
		return nil, err
	}
	for i := range rows {
		for j := i + 1; j < cols; j++ {
			a.F[i*cols+j] = unseen
		}
	}
	return a, nil
}

// added returns a mask as what is added to scores; truth values say what is seen.
func (b *builder) added(mask *value) (*value, error) {
	if mask.live || mask.dtype.IsFloat() {
		return mask, nil
	}
	convert := func(a *array.Array) (*array.Array, error) {
		out, err := array.New(onnx.Float, a.Shape...)
		if err != nil {
			return nil, err
		}
		for i, v := range a.I {
			if v == 0 {
				out.F[i] = unseen
			}
		}
		return out, nil
	}
	known, err := convert(mask.known)
	if err != nil || !mask.host {
		return fixed(known), err
	}
	id := mask.id
	return b.computed(known, nil, func(m *machine) (*array.Array, error) { return convert(m.a[id]) }), nil
}
