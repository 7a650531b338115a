package network

import (
	"fmt"
	"math"

	"github.com/monge-ml/monge/onnx"
	"github.com/monge-ml/monge/onnx/array"
	"github.com/monge-ml/monge/tensor"
)

// inputs sets the values of the graph's inputs for a minibatch, which is tensor 0: images in
// N x H x W x C, numbers, or tokens.
func (b *builder) inputs(batch int, shape []int) error {
	n := b.net
	switch {
	case n.Images != nil:
		if len(shape) != 3 {
			return fmt.Errorf("inputs of shape %v; the network takes images", shape)
		}
		v := &value{dtype: onnx.Float, live: true, shape: []int{batch, shape[2], shape[0], shape[1]}, order: channelsLast(4)}
		if n.options.BGR {
			back := []int{2, 1, 0}
			from, err := b.tensor(v.shape, v.order, []*value{v}, func(m *machine) *tensor.Tensor { return m.tape.Gather(m.x[0], 3, back) })
			if err != nil {
				return err
			}
			v = from
		}
		if n.Images.last {
			v = transposed(v, []int{0, 2, 3, 1})
		}
		b.values[n.Images.name] = v
	case n.Texts != nil:
		if len(shape) != 1 {
			return fmt.Errorf("inputs of shape %v; the network takes texts", shape)
		}
		return b.tokens(batch, shape[0])
	default:
		v := &value{dtype: onnx.Float, live: true, shape: append([]int{batch}, shape...), order: inOrder(1 + len(shape))}
		v, err := b.seen(v, []int{batch, product(shape)}, []int{0, 1})
		if err != nil {
			return err
		}
		b.values[n.Vector] = v
	}
	return nil
}

// tokens sets the inputs of a network of texts: the numbers of tokens, of which 0 at the end is
// padding, and what follows from them.
func (b *builder) tokens(batch, length int) error {
	t := b.net.Texts
	add := func(name string, f func(id float32, place int) float64) error {
		stand, err := array.New(t.dtypes[name], batch, length)
		if err != nil {
			return err
		}
		for i := range stand.I {
			stand.I[i] = int64(f(1, i%length))
		}
		out := &array.Array{DType: stand.DType, Shape: stand.Shape, I: make([]int64, len(stand.I))}
		b.values[name] = b.computed(stand, nil, func(m *machine) (*array.Array, error) {
			for i, id := range m.x[0].Data {
				v := f(id, i%length)
				if v != math.Trunc(v) || math.IsNaN(v) {
					return nil, fmt.Errorf("token %d of text %d is %g; it must be a whole number", i%length, i/length, id)
				}
				out.I[i] = int64(v)
			}
			return out, nil
		})
		return nil
	}
	fixedValue := func(name string, f func(place int) int64) error {
		a, err := array.New(t.dtypes[name], batch, length)
		if err != nil {
			return err
		}
		for i := range a.I {
			a.I[i] = f(i % length)
		}
		b.values[name] = fixed(a)
		return nil
	}
	if err := add(t.ids, func(id float32, _ int) float64 { return float64(id) }); err != nil {
		return err
	}
	for _, name := range t.masks {
		err := add(name, func(id float32, place int) float64 {
			if id != 0 || place == 0 { // a text of nothing keeps one token
				return 1
			}
			return 0
		})
		if err != nil {
			return err
		}
	}
	for _, name := range t.zeros {
		if err := fixedValue(name, func(int) int64 { return 0 }); err != nil {
			return err
		}
	}
	for _, name := range t.places {
		if err := fixedValue(name, func(place int) int64 { return int64(place) }); err != nil {
			return err
		}
	}
	return nil
}
