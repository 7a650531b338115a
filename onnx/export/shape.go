package export

import (
	"slices"

	"github.com/monge-ml/monge/onnx"
)

// reshaped is the elements of the first of a chain of reshapings in a new shape.
func (g *graph) reshaped(o *operation) {
	from, to := o.in[0], g.dims(o.out)
	if root := g.values[from].flat; root != 0 {
		from = root - 1
	}
	g.values[o.out].flat = from + 1
	if slices.Equal(g.dims(from), to) {
		g.native(from)
		g.values[o.out].forms = slices.Clone(g.values[from].forms)
		return
	}
	name, shape := g.rows(from)
	g.add(o.out, g.reshape(name, shape, to), plain(len(to)))
}

// permute needs no node: the variable lies in the graph as it was, in another order of its own.
func (g *graph) permute(o *operation) {
	g.native(o.in[0])
	for _, f := range g.values[o.in[0]].forms {
		order := make([]int, len(f.order))
		for i, d := range f.order {
			order[i] = slices.Index(o.Dims, d)
		}
		g.add(o.out, f.name, order)
	}
}

// slice cuts the dimensions that are cut.
func (g *graph) slice(o *operation) {
	x := g.native(o.in[0])
	var from, to, axes []int
	var long []int // axes that are cut to the length of the input
	for i, d := range x.order {
		whole, part := g.dims(o.in[0])[d], g.dims(o.out)[d]
		switch at := o.Dims[d]; {
		case whole == part:
		case part.long && at == 0 && !whole.open():
			long = append(long, i)
		case part.open():
			g.fail("a slice whose length follows the input")
			return
		default:
			from, to, axes = append(from, at), append(to, at+part.n), append(axes, i)
		}
	}
	y := x.name
	if axes != nil {
		y = g.node("Slice", []string{y, g.ints("from", from...), g.ints("to", to...), g.ints("axes", axes...)})
	}
	for _, axis := range long {
		y = g.node("Slice", []string{y, g.ints("from", 0), g.length(), g.ints("axes", axis)})
	}
	g.add(o.out, y, x.order)
}

// pad adds zeros.
func (g *graph) pad(o *operation) {
	x := g.native(o.in[0])
	rank := len(x.order)
	pads := make([]int, 2*rank)
	for i, d := range x.order {
		part, whole := g.dims(o.in[0])[d], g.dims(o.out)[d]
		if (part.open() || whole.open()) && part != whole {
			g.fail("a padding whose length follows the input")
			return
		}
		pads[i], pads[rank+i] = o.Dims[d], whole.n-part.n-o.Dims[d]
	}
	g.add(o.out, g.node("Pad", []string{x.name, g.ints("pads", pads...)}), x.order)
}

// concat joins in the order of the first that an operation has made.
func (g *graph) concat(o *operation) {
	lead := max(0, slices.IndexFunc(o.in, func(id int) bool { return !g.leaf(id) }))
	order := g.native(o.in[lead]).order
	var in []string
	for _, id := range o.in {
		in = append(in, g.as(id, order))
	}
	g.add(o.out, g.node("Concat", in, onnx.IntAttr("axis", slices.Index(order, o.Axis))), order)
}

// reduce is a sum or the like over dimensions, which the result lacks.
func (g *graph) reduce(o *operation, op string) {
	x := g.native(o.in[0])
	var axes, order []int
	for i, d := range x.order {
		if o.Dims[d] == 1 {
			axes = append(axes, i)
			continue
		}
		before := 0 // dimensions in front of it that go
		for _, gone := range o.Dims[:d] {
			before += gone
		}
		order = append(order, d-before)
	}
	in, attrs := []string{x.name}, []*onnx.Attr{onnx.IntAttr("keepdims", 0)}
	if op == "ReduceSum" { // the first that takes them as an input
		in = append(in, g.ints("axes", axes...))
	} else {
		attrs = append(attrs, onnx.IntsAttr("axes", axes...))
	}
	y := g.node(op, in, attrs...)
	if order == nil { // a number, which is [1] on the tape
		y, order = g.reshape(y, nil, []dim{{n: 1}}), plain(1)
	}
	g.add(o.out, y, order)
}

// along returns what an operation along one dimension reads, and which dimension that is there. Its
// size must not follow the minibatch, nor, unless long, the length of the inputs.
func (g *graph) along(o *operation, long bool) (x form, axis int, ok bool) {
	if d := g.dims(o.in[0])[o.Axis]; d.each || d.long && !long {
		g.fail("it goes along a dimension that follows the input")
		return x, 0, false
	}
	x = g.native(o.in[0])
	return x, slices.Index(x.order, o.Axis), true
}

// sliceStep is every so many-th of a dimension.
func (g *graph) sliceStep(o *operation) {
	if x, axis, ok := g.along(o, false); ok {
		to := o.Start + o.Step*g.dims(o.out)[o.Axis].n
		if to < 0 {
			to = -toEnd
		}
		y := g.node("Slice", []string{x.name, g.ints("from", o.Start), g.ints("to", to), g.ints("axes", axis), g.ints("steps", o.Step)})
		g.add(o.out, y, x.order)
	}
}

func (g *graph) gather(o *operation) {
	if x, axis, ok := g.along(o, false); ok {
		g.add(o.out, g.node("Gather", []string{x.name, g.ints("rows", o.Numbers...)}, onnx.IntAttr("axis", axis)), x.order)
	}
}

func (g *graph) cumSum(o *operation) {
	if x, axis, ok := g.along(o, true); ok {
		flags := map[bool]int{true: 1}
		y := g.node("CumSum", []string{x.name, g.ints("axes", axis)}, onnx.IntAttr("exclusive", flags[o.Exclusive]), onnx.IntAttr("reverse", flags[o.Reverse]))
		g.add(o.out, y, x.order)
	}
}

// interpolate is the product with the matrix of its weights.
func (g *graph) interpolate(o *operation) {
	if _, _, ok := g.along(o, false); !ok {
		return
	}
	dims := g.dims(o.in[0])
	order := append(slices.DeleteFunc(plain(len(dims)), func(d int) bool { return d == o.Axis }), o.Axis)
	from, to := dims[o.Axis].n, g.dims(o.out)[o.Axis].n
	matrix := make([]float32, from*to)
	for i, row := range o.Numbers {
		matrix[row*to+i/o.Taps] += o.Weights[i]
	}
	w := g.floats(g.unique(g.at.Layer, "weights"), matrix, from, to)
	g.add(o.out, g.node("MatMul", []string{g.as(o.in[0], order), w}), order)
}

// expand repeats along dimensions of 1.
func (g *graph) expand(o *operation) {
	dims, out := g.dims(o.in[0]), g.dims(o.out)
	shape := make([]int, len(out))
	for i, d := range out {
		switch at := i - (len(out) - len(dims)); {
		case at >= 0 && dims[at] == d:
			shape[i] = 1 // as it is
		case d.open():
			g.fail("it repeats as often as the input is large")
			return
		default:
			shape[i] = d.n
		}
	}
	g.add(o.out, g.node("Expand", []string{g.plainly(o.in[0]), g.ints("shape", shape...)}), plain(len(out)))
}
