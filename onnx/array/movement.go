package array

import (
	"errors"
	"fmt"
	"slices"

	"github.com/monge-ml/monge/onnx"
)

func init() {
	register(map[string]func(c *call) ([]*Array, error){
		"Shape": one(shapeOf), "Size": one(func(_ *call, a *Array) (*Array, error) { return Ints([]int64{int64(a.Len())}), nil }),
		"Reshape": one(reshape), "Flatten": one(flatten), "Squeeze": one(squeeze), "Unsqueeze": one(unsqueeze),
		"Transpose": one(transpose), "Slice": one(slice), "Concat": concat, "Split": split,
		"Gather": one(gather), "GatherElements": one(gatherElements), "GatherND": one(gatherND),
		"ScatterElements": one(scatterElements), "Scatter": one(scatterElements), "ScatterND": one(scatterND),
		"Expand": one(expand), "Tile": one(tile), "Pad": one(pad), "Trilu": one(trilu), "Compress": one(compress),
		"DepthToSpace": one(depthToSpace), "SpaceToDepth": one(spaceToDepth), "ReverseSequence": one(reverseSequence),
		"Constant": constant, "ConstantOfShape": one(constantOfShape), "Range": rangeOf, "EyeLike": one(eyeLike),
		"OneHot": oneHot, "NonZero": one(nonZero),
	})
}

// rebuilt returns the elements of a at the places that f gives for each index of a shape; -1 is
// zero.
func (a *Array) rebuilt(shape []int, f func(index []int) int) (*Array, error) {
	out, err := New(a.DType, shape...)
	if err != nil {
		return nil, err
	}
	index := make([]int, len(shape))
	for n := range out.Len() {
		rest := n
		for d := len(shape) - 1; d >= 0; d-- {
			index[d] = rest % shape[d]
			rest /= shape[d]
		}
		p := f(index)
		switch {
		case p < 0:
		case a.IsFloat():
			out.F[n] = a.F[p]
		default:
			out.I[n] = a.I[p]
		}
	}
	return out, nil
}

func shapeOf(c *call, a *Array) (*Array, error) {
	lo, hi := bounded(c.Int("start", 0), len(a.Shape), 0, len(a.Shape)), bounded(c.Int("end", len(a.Shape)), len(a.Shape), 0, len(a.Shape))
	out := []int64{}
	for _, d := range a.Shape[lo:max(lo, hi)] {
		out = append(out, int64(d))
	}
	return Ints(out, len(out)), nil
}

func reshape(c *call, a *Array) (*Array, error) {
	shape, err := ReshapeTo(a.Shape, c.list("shape", 1), c.Int("allowzero", 0) != 0)
	if err == nil {
		_, err = Size(shape)
	}
	if err != nil {
		return nil, err
	}
	return a.reshaped(shape), nil
}

func flatten(c *call, a *Array) (*Array, error) {
	shape, err := FlattenTo(a.Shape, c.Int("axis", 1))
	if err != nil {
		return nil, err
	}
	return a.reshaped(shape), nil
}

func squeeze(c *call, a *Array) (*Array, error) {
	shape, err := SqueezeTo(a.Shape, c.list("axes", 1))
	if err != nil {
		return nil, err
	}
	return a.reshaped(shape), nil
}

func unsqueeze(c *call, a *Array) (*Array, error) {
	shape, err := UnsqueezeTo(a.Shape, c.list("axes", 1))
	if err != nil {
		return nil, err
	}
	return a.reshaped(shape), nil
}

func transpose(c *call, a *Array) (*Array, error) {
	order, err := Order(c.Ints("perm"), len(a.Shape))
	if err != nil {
		return nil, err
	}
	s := strides(a.Shape)
	shape, steps := make([]int, len(order)), make([]int, len(order))
	for i, d := range order {
		shape[i], steps[i] = a.Shape[d], s[d]
	}
	return a.walked(shape, 0, steps), nil
}

// walked returns the elements of a from a place on by steps.
func (a *Array) walked(shape []int, start int, steps []int) *Array {
	var places []int
	walk(shape, []int{start}, [][]int{steps}, func(at []int) { places = append(places, at[0]) })
	return a.take(shape, places)
}

// SliceArgs returns the starts, ends, axes and steps of a Slice node, from its attributes or inputs.
func SliceArgs(n *onnx.Node, input func(i int) []int) (starts, ends, axes, steps []int) {
	if n.Attr("starts") != nil {
		return n.Ints("starts"), n.Ints("ends"), n.Ints("axes"), nil
	}
	return input(1), input(2), input(3), input(4)
}

func slice(c *call, a *Array) (*Array, error) {
	starts, ends, axes, steps := SliceArgs(c.Node, func(i int) []int {
		if b := c.optional(i); b != nil {
			return b.Whole()
		}
		return nil
	})
	ranges, err := Ranges(a.Shape, starts, ends, axes, steps)
	if err != nil {
		return nil, err
	}
	s := strides(a.Shape)
	shape, at := make([]int, len(ranges)), 0
	for i, r := range ranges {
		shape[i] = r.Len
		at += r.Start * s[i]
		s[i] *= r.Step
	}
	return a.walked(shape, at, s), nil
}

func concat(c *call) ([]*Array, error) {
	first, err := c.input(0)
	if err != nil {
		return nil, err
	}
	axis, err := Axis(c.Int("axis", 0), len(first.Shape))
	if err != nil {
		return nil, err
	}
	shape := slices.Clone(first.Shape)
	shape[axis] = 0
	for i := range c.in {
		a, err := c.input(i)
		if err != nil {
			return nil, err
		}
		same := slices.Clone(a.Shape)
		if len(same) == len(shape) {
			same[axis] = first.Shape[axis]
		}
		if !slices.Equal(same, first.Shape) || a.IsFloat() != first.IsFloat() {
			return nil, fmt.Errorf("%v and %v differ elsewhere than in dimension %d", first.Shape, a.Shape, axis)
		}
		shape[axis] += a.Shape[axis]
	}
	out, err := New(first.DType, shape...)
	if err != nil {
		return nil, err
	}
	to, outer := 0, 1
	for _, d := range shape[:axis] {
		outer *= d
	}
	parts := slices.DeleteFunc(slices.Clone(c.in), func(a *Array) bool { return a.Len() == 0 })
	for o := range outer {
		if len(parts) == 0 {
			break
		}
		for _, a := range parts {
			n := a.Len() / outer
			if a.IsFloat() {
				copy(out.F[to:], a.F[o*n:(o+1)*n])
			} else {
				copy(out.I[to:], a.I[o*n:(o+1)*n])
			}
			to += n
		}
	}
	return []*Array{out}, nil
}

func split(c *call) ([]*Array, error) {
	a, err := c.input(0)
	if err != nil {
		return nil, err
	}
	axis, err := Axis(c.Int("axis", 0), len(a.Shape))
	if err != nil {
		return nil, err
	}
	sizes, err := Parts(a.Shape[axis], c.list("split", 1), len(c.Outputs))
	if err != nil {
		return nil, err
	}
	s, at := strides(a.Shape), 0
	var out []*Array
	for _, n := range sizes {
		shape := slices.Clone(a.Shape)
		shape[axis] = n
		out = append(out, a.walked(shape, at*s[axis], s))
		at += n
	}
	return out, nil
}

// place resolves an index of a dimension, which counts from the end if negative.
func place(v int64, d int) (int, error) {
	if v < 0 {
		v += int64(d)
	}
	if v < 0 || v >= int64(d) {
		return 0, fmt.Errorf("index %d of a dimension of %d", v, d)
	}
	return int(v), nil
}

func (c *call) indices() (*Array, error) {
	b, err := c.input(1)
	if err == nil && b.IsFloat() {
		err = fmt.Errorf("indices of %v", b.DType)
	}
	return b, err
}

func gather(c *call, a *Array) (*Array, error) {
	b, err := c.indices()
	if err != nil {
		return nil, err
	}
	axis, err := Axis(c.Int("axis", 0), len(a.Shape))
	if err != nil {
		return nil, err
	}
	inner := 1
	for _, d := range a.Shape[axis+1:] {
		inner *= d
	}
	outer := 1
	for _, d := range a.Shape[:axis] {
		outer *= d
	}
	shape := slices.Concat(a.Shape[:axis], b.Shape, a.Shape[axis+1:])
	n, err := Size(shape)
	if err != nil {
		return nil, err
	}
	places := make([]int, 0, n)
	for o := range outer {
		for _, v := range b.I {
			k, err := place(v, a.Shape[axis])
			if err != nil {
				return nil, err
			}
			for i := range inner {
				places = append(places, (o*a.Shape[axis]+k)*inner+i)
			}
		}
	}
	return a.take(shape, places), nil
}

func gatherElements(c *call, a *Array) (*Array, error) {
	b, err := c.indices()
	if err != nil {
		return nil, err
	}
	places, err := elementPlaces(a.Shape, b, c.Int("axis", 0))
	if err != nil {
		return nil, err
	}
	return a.take(b.Shape, places), nil
}

// elementPlaces are the places in an array of a shape that the indices b along an axis mean.
func elementPlaces(shape []int, b *Array, axis int) ([]int, error) {
	axis, err := Axis(axis, len(shape))
	if err != nil || len(b.Shape) != len(shape) || b.IsFloat() {
		return nil, fmt.Errorf("indices of shape %v, axis %d, for %v", b.Shape, axis, shape)
	}
	for i, d := range b.Shape {
		if i != axis && d > shape[i] {
			return nil, fmt.Errorf("indices of shape %v for %v", b.Shape, shape)
		}
	}
	s := strides(shape)
	step := s[axis]
	s[axis] = 0
	var places []int
	var bad error
	n := 0
	walk(b.Shape, []int{0}, [][]int{s}, func(at []int) {
		k, err := place(b.I[n], shape[axis])
		if err != nil {
			bad = err
		}
		places = append(places, at[0]+k*step)
		n++
	})
	return places, bad
}

// tuplePlaces are where the slices begin that the tuples in b's last dimension mean, of inner
// elements each; the first batch dimensions are walked together.
func tuplePlaces(shape []int, b *Array, batch int) (places []int, inner int, err error) {
	if b.IsFloat() || len(b.Shape) == 0 || batch < 0 || batch >= len(b.Shape) || batch > len(shape) {
		return nil, 0, fmt.Errorf("indices of shape %v for %v", b.Shape, shape)
	}
	k := b.Shape[len(b.Shape)-1]
	if k > len(shape)-batch || !slices.Equal(shape[:batch], b.Shape[:batch]) {
		return nil, 0, fmt.Errorf("indices of shape %v for %v", b.Shape, shape)
	}
	s := strides(shape)
	inner = 1
	for _, d := range shape[batch+k:] {
		inner *= d
	}
	per := 1
	for _, d := range b.Shape[batch : len(b.Shape)-1] {
		per *= d
	}
	step := 0 // elements of one batch
	if batch > 0 {
		step = s[batch-1]
	}
	if k == 0 {
		return nil, 0, errors.New("empty indices")
	}
	for t := range b.Len() / k {
		at := t / max(per, 1) * step
		for i := range k {
			p, err := place(b.I[t*k+i], shape[batch+i])
			if err != nil {
				return nil, 0, err
			}
			at += p * s[batch+i]
		}
		places = append(places, at)
	}
	return places, inner, nil
}

func gatherND(c *call, a *Array) (*Array, error) {
	b, err := c.indices()
	if err != nil {
		return nil, err
	}
	batch := c.Int("batch_dims", 0)
	starts, inner, err := tuplePlaces(a.Shape, b, batch)
	if err != nil {
		return nil, err
	}
	shape := slices.Concat(b.Shape[:len(b.Shape)-1], a.Shape[batch+b.Shape[len(b.Shape)-1]:])
	if _, err := Size(shape); err != nil {
		return nil, err
	}
	var places []int
	for _, at := range starts {
		for i := range inner {
			places = append(places, at+i)
		}
	}
	return a.take(shape, places), nil
}

// scatter returns a with u's elements put at places.
func scatter(c *call, a, u *Array, places []int) (*Array, error) {
	if u.Len() != len(places) || u.IsFloat() != a.IsFloat() {
		return nil, fmt.Errorf("%d updates of %v for %d places of %v", u.Len(), u.DType, len(places), a.DType)
	}
	out := a.take(slices.Clone(a.Shape), iota(a.Len()))
	op, ok := map[string]binaryOp{"none": {}, "add": binary["Add"], "mul": binary["Mul"], "min": binary["Min"], "max": binary["Max"]}[c.Text("reduction", "none")]
	if !ok {
		return nil, fmt.Errorf("unknown reduction %q", c.Text("reduction", ""))
	}
	for i, p := range places {
		switch {
		case a.IsFloat() && op.float == nil:
			out.F[p] = u.F[i]
		case a.IsFloat():
			out.F[p] = round(a.DType, op.float(out.F[p], u.F[i]))
		case op.int == nil:
			out.I[p] = u.I[i]
		default:
			v, err := op.int(out.I[p], u.I[i])
			if err != nil {
				return nil, err
			}
			out.I[p] = wrap(a.DType, v)
		}
	}
	return out, nil
}

func iota(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

func scatterElements(c *call, a *Array) (*Array, error) {
	b, err := c.indices()
	if err != nil {
		return nil, err
	}
	u, err := c.input(2)
	if err != nil {
		return nil, err
	}
	places, err := elementPlaces(a.Shape, b, c.Int("axis", 0))
	if err != nil {
		return nil, err
	}
	return scatter(c, a, u, places)
}

func scatterND(c *call, a *Array) (*Array, error) {
	b, err := c.indices()
	if err != nil {
		return nil, err
	}
	u, err := c.input(2)
	if err != nil {
		return nil, err
	}
	places, err := ScatterPlaces(a.Shape, b)
	if err != nil {
		return nil, err
	}
	return scatter(c, a, u, places)
}

// ScatterPlaces returns where ScatterND puts each update.
func ScatterPlaces(shape []int, indices *Array) ([]int, error) {
	starts, inner, err := tuplePlaces(shape, indices, 0)
	if err != nil {
		return nil, err
	}
	if len(starts) > MaxLen/max(inner, 1) {
		return nil, fmt.Errorf("indices of shape %v for %v", indices.Shape, shape)
	}
	places := make([]int, 0, len(starts)*inner)
	for _, at := range starts {
		for i := range inner {
			places = append(places, at+i)
		}
	}
	return places, nil
}

// ElementPlaces returns where ScatterElements puts each update.
func ElementPlaces(shape []int, indices *Array, axis int) ([]int, error) {
	return elementPlaces(shape, indices, axis)
}

func expand(c *call, a *Array) (*Array, error) {
	b, err := c.input(1)
	if err != nil {
		return nil, err
	}
	shape, err := Broadcast(a.Shape, b.Whole())
	if err == nil {
		_, err = Size(shape)
	}
	if err != nil {
		return nil, err
	}
	return a.walked(shape, 0, repeated(a.Shape, shape)), nil
}

func tile(c *call, a *Array) (*Array, error) {
	b, err := c.input(1)
	if err != nil {
		return nil, err
	}
	times := b.Whole()
	if len(times) != len(a.Shape) {
		return nil, fmt.Errorf("%d repeats for %d dimensions", len(times), len(a.Shape))
	}
	shape := slices.Clone(a.Shape)
	for i, t := range times {
		if t < 0 || t > MaxLen {
			return nil, fmt.Errorf("%d repeats", t)
		}
		shape[i] *= t
	}
	s := strides(a.Shape)
	return a.rebuilt(shape, func(index []int) int {
		at := 0
		for i, k := range index {
			at += k % a.Shape[i] * s[i]
		}
		return at
	})
}

func pad(c *call, a *Array) (*Array, error) {
	var axes []int
	if b := c.optional(3); b != nil {
		axes = b.Whole()
	}
	pads, err := Pads(len(a.Shape), c.list("pads", 1), axes)
	if err != nil {
		return nil, err
	}
	var fill *Array
	if c.opset >= 11 {
		fill = c.optional(2)
	}
	mode := c.Text("mode", "constant")
	shape := slices.Clone(a.Shape)
	for i, p := range pads {
		if shape[i] += p[0] + p[1]; shape[i] < 0 {
			return nil, fmt.Errorf("%v padded by %v", a.Shape, pads)
		}
	}
	s := strides(a.Shape)
	var bad error
	out, err := a.rebuilt(shape, func(index []int) int {
		at := 0
		for i, k := range index {
			k, err := Padded(k-pads[i][0], a.Shape[i], mode)
			if err != nil {
				bad = err
			}
			if k < 0 {
				return -1
			}
			at += k * s[i]
		}
		return at
	})
	if err != nil || bad != nil {
		return nil, errors.Join(err, bad)
	}
	if mode == "constant" {
		v := float64(c.Float("value", 0))
		if fill != nil && fill.Len() > 0 {
			v = fill.at(0)
		}
		if v != 0 {
			return out, fillOutside(out, a, pads, v)
		}
	}
	return out, nil
}

// fillOutside sets what lies outside a.
func fillOutside(out, a *Array, pads [][2]int, v float64) error {
	index := make([]int, len(out.Shape))
	for n := range out.Len() {
		rest, outside := n, false
		for d := len(index) - 1; d >= 0; d-- {
			k := rest%out.Shape[d] - pads[d][0]
			rest /= out.Shape[d]
			outside = outside || k < 0 || k >= a.Shape[d]
		}
		if outside {
			if out.IsFloat() {
				out.F[n] = round(out.DType, v)
			} else {
				out.I[n] = wrap(out.DType, toInt(v))
			}
		}
	}
	return nil
}

// Padded returns the element of d that stands at place k, which may lie before or after them: -1
// in mode constant where it does.
func Padded(k, d int, mode string) (int, error) {
	switch {
	case k >= 0 && k < d:
		return k, nil
	case mode == "constant":
		return -1, nil
	case d == 0:
		return -1, errors.New("nothing to pad with")
	case mode == "edge":
		return min(max(k, 0), d-1), nil
	case mode == "wrap":
		return ((k % d) + d) % d, nil
	case mode != "reflect":
		return -1, fmt.Errorf("unknown mode %q of padding", mode)
	case d == 1:
		return 0, nil
	}
	period := 2 * (d - 1)
	k = ((k % period) + period) % period
	return min(k, period-k), nil
}

func trilu(c *call, a *Array) (*Array, error) {
	rank := len(a.Shape)
	if rank < 2 {
		return nil, fmt.Errorf("%v is no matrix", a.Shape)
	}
	k := 0
	if b := c.optional(1); b != nil && b.Len() == 1 {
		k = b.Whole()[0]
	}
	upper := c.Int("upper", 1) != 0
	s := strides(a.Shape)
	return a.rebuilt(a.Shape, func(index []int) int {
		i, j := index[rank-2], index[rank-1]
		if upper && j-i < k || !upper && j-i > k {
			return -1
		}
		at := 0
		for d, v := range index {
			at += v * s[d]
		}
		return at
	})
}

func compress(c *call, a *Array) (*Array, error) {
	b, err := c.input(1)
	if err != nil {
		return nil, err
	}
	shape, axis := a.Shape, 0
	if c.Attr("axis") == nil {
		shape = []int{a.Len()}
	} else if axis, err = Axis(c.Int("axis", 0), len(a.Shape)); err != nil {
		return nil, err
	}
	var kept []int64
	for i, v := range b.Whole() {
		if v != 0 && i < shape[axis] {
			kept = append(kept, int64(i))
		}
	}
	n := &onnx.Node{Attrs: []*onnx.Attr{onnx.IntAttr("axis", axis)}}
	return gather(&call{Node: n, in: []*Array{nil, Ints(kept, len(kept))}}, a.reshaped(shape))
}

func (c *call) blocks(a *Array) (b int, err error) {
	b = c.Int("blocksize", 0)
	if b < 1 || b > 1<<10 || len(a.Shape) != 4 {
		return 0, fmt.Errorf("blocks of %d of shape %v", b, a.Shape)
	}
	return b, nil
}

func depthToSpace(c *call, a *Array) (*Array, error) {
	b, err := c.blocks(a)
	if err != nil || a.Shape[1]%(b*b) != 0 {
		return nil, fmt.Errorf("blocks of %d of shape %v", b, a.Shape)
	}
	n, ch, h, w := a.Shape[0], a.Shape[1]/(b*b), a.Shape[2], a.Shape[3]
	six, order := []int{n, b, b, ch, h, w}, []int{0, 3, 4, 1, 5, 2}
	if c.Text("mode", "DCR") == "CRD" {
		six, order = []int{n, ch, b, b, h, w}, []int{0, 1, 4, 2, 5, 3}
	}
	return a.reordered(six, order, []int{n, ch, h * b, w * b})
}

// reordered reshapes, transposes and reshapes.
func (a *Array) reordered(shape, order, last []int) (*Array, error) {
	t, err := transpose(&call{Node: &onnx.Node{Attrs: []*onnx.Attr{onnx.IntsAttr("perm", order...)}}}, a.reshaped(shape))
	if err != nil {
		return nil, err
	}
	return t.reshaped(last), nil
}

func spaceToDepth(c *call, a *Array) (*Array, error) {
	b, err := c.blocks(a)
	if err != nil || a.Shape[2]%b != 0 || a.Shape[3]%b != 0 {
		return nil, fmt.Errorf("blocks of %d of shape %v", b, a.Shape)
	}
	n, ch, h, w := a.Shape[0], a.Shape[1], a.Shape[2]/b, a.Shape[3]/b
	return a.reordered([]int{n, ch, h, b, w, b}, []int{0, 3, 5, 1, 2, 4}, []int{n, ch * b * b, h, w})
}

func reverseSequence(c *call, a *Array) (*Array, error) {
	lens, err := c.input(1)
	batch, time := c.Int("batch_axis", 1), c.Int("time_axis", 0)
	if err != nil || len(a.Shape) < 2 || batch+time != 1 || batch*time != 0 || len(lens.Shape) != 1 || lens.Len() != a.Shape[batch] {
		return nil, fmt.Errorf("lengths for shape %v, batch axis %d", a.Shape, batch)
	}
	n := lens.Whole()
	s := strides(a.Shape)
	return a.rebuilt(a.Shape, func(index []int) int {
		at := 0
		for d, v := range index {
			if last := n[index[batch]]; d == time && v < last && last <= a.Shape[time] {
				v = last - 1 - v
			}
			at += v * s[d]
		}
		return at
	})
}

func constant(c *call) ([]*Array, error) {
	for _, a := range c.Attrs {
		switch {
		case a.Name == "value" && a.Tensor != nil:
			out, err := Of(a.Tensor)
			return []*Array{out}, err
		case a.Name == "value_float":
			return []*Array{{DType: onnx.Float, Shape: []int{}, F: []float64{float64(a.Float)}}}, nil
		case a.Name == "value_int":
			return []*Array{Ints([]int64{a.Int})}, nil
		case a.Name == "value_ints":
			return []*Array{Ints(a.Ints, len(a.Ints))}, nil
		case a.Name == "value_floats":
			out := &Array{DType: onnx.Float, Shape: []int{len(a.Floats)}}
			for _, v := range a.Floats {
				out.F = append(out.F, float64(v))
			}
			return []*Array{out}, nil
		}
	}
	return nil, errors.New("its value is of a kind that is not read")
}

func constantOfShape(c *call, a *Array) (*Array, error) {
	fill := &Array{DType: onnx.Float, Shape: []int{1}, F: []float64{0}}
	if t := c.Attr("value"); t != nil && t.Tensor != nil {
		var err error
		if fill, err = Of(t.Tensor); err != nil {
			return nil, err
		}
	}
	if fill.Len() != 1 {
		return nil, fmt.Errorf("a value of shape %v; it must be one number", fill.Shape)
	}
	out, err := New(fill.DType, a.Whole()...)
	if err != nil {
		return nil, err
	}
	for i := range out.F {
		out.F[i] = fill.F[0]
	}
	for i := range out.I {
		out.I[i] = fill.I[0]
	}
	return out, nil
}

func rangeOf(c *call) ([]*Array, error) {
	var v [3]float64
	var in *Array
	for i := range v {
		a, err := c.input(i)
		if err != nil || a.Len() != 1 {
			return nil, fmt.Errorf("start, limit and step must be numbers")
		}
		in, v[i] = a, a.at(0)
	}
	n := (v[1] - v[0]) / v[2]
	if !(n < MaxLen) {
		return nil, fmt.Errorf("from %g to %g by %g", v[0], v[1], v[2])
	}
	count := max(0, int(n))
	if n > float64(count) {
		count++
	}
	out, err := New(in.DType, count)
	if err != nil {
		return nil, err
	}
	for i := range out.Len() {
		at := v[0] + float64(i)*v[2]
		if in.IsFloat() {
			out.F[i] = round(in.DType, at)
		} else {
			out.I[i] = int64(at)
		}
	}
	return []*Array{out}, nil
}

func eyeLike(c *call, a *Array) (*Array, error) {
	if len(a.Shape) != 2 {
		return nil, fmt.Errorf("shape %v is no matrix's", a.Shape)
	}
	out, err := New(onnx.DType(c.Int("dtype", int(a.DType))), a.Shape...)
	if err != nil {
		return nil, err
	}
	for i := range a.Shape[0] {
		if j := i + c.Int("k", 0); j >= 0 && j < a.Shape[1] {
			if out.IsFloat() {
				out.F[i*a.Shape[1]+j] = 1
			} else {
				out.I[i*a.Shape[1]+j] = 1
			}
		}
	}
	return out, nil
}

func oneHot(c *call) ([]*Array, error) {
	a, err := c.input(0)
	if err != nil {
		return nil, err
	}
	depth, err := c.input(1)
	if err != nil {
		return nil, err
	}
	values, err := c.input(2)
	if err != nil {
		return nil, err
	}
	if depth.Len() != 1 || values.Len() != 2 {
		return nil, fmt.Errorf("a depth of shape %v and values of shape %v", depth.Shape, values.Shape)
	}
	rank, d := len(a.Shape)+1, depth.Whole()[0]
	axis, err := Axis(c.Int("axis", -1), rank)
	if err != nil || d < 1 {
		return nil, fmt.Errorf("axis %d, depth %d", axis, d)
	}
	shape := slices.Concat(a.Shape[:axis], []int{d}, a.Shape[axis:])
	s := strides(a.Shape)
	ids := a.Whole()
	out, err := values.rebuilt(shape, func(index []int) int {
		at := 0
		for i, k := range index {
			switch {
			case i < axis:
				at += k * s[i]
			case i > axis:
				at += k * s[i-1]
			}
		}
		if id := ids[at]; id == index[axis] || id == index[axis]-d {
			return 1
		}
		return 0
	})
	return []*Array{out}, err
}

func nonZero(_ *call, a *Array) (*Array, error) {
	s := strides(a.Shape)
	var hits []int
	for i := range a.Len() {
		if a.at(i) != 0 {
			hits = append(hits, i)
		}
	}
	out, err := New(onnx.Int64, len(a.Shape), len(hits))
	if err != nil {
		return nil, err
	}
	for d := range a.Shape {
		for k, p := range hits {
			out.I[d*len(hits)+k] = int64(p / s[d] % a.Shape[d])
		}
	}
	return out, nil
}
