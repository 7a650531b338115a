package export

import (
	"slices"
	"strings"

	"github.com/monge-ml/monge/onnx"
)

// operations write nodes for each operation of the tape, by its name there.
var operations map[string]func(g *graph, o *operation)

func init() {
	operations = map[string]func(g *graph, o *operation){
		"attention": (*graph).attention,
		"avgPool":   (*graph).avgPool,
		"batchNorm": (*graph).batchNorm,
		"concat":    (*graph).concat,
		"conv":      func(g *graph, o *operation) { g.conv(o, "Conv") },
		"convTranspose": func(g *graph, o *operation) {
			g.conv(o, "ConvTranspose", onnx.IntsAttr("output_padding", o.More[:]...))
		},
		"cumSum":        (*graph).cumSum,
		"embedding":     (*graph).embedding,
		"expand":        (*graph).expand,
		"gather":        (*graph).gather,
		"globalAvgPool": (*graph).globalAvgPool,
		"groupNorm":     (*graph).groupNorm,
		"interpolate":   (*graph).interpolate,
		"layerNorm":     (*graph).layerNorm,
		"linear":        (*graph).linear,
		"lrn":           (*graph).lrn,
		"rmsNorm":       (*graph).rmsNorm,
		"logSoftmax":    func(g *graph, o *operation) { g.softmax(o, "LogSoftmax") },
		"matmul":        (*graph).matmul,
		"maxPool":       (*graph).maxPool,
		"pad":           (*graph).pad,
		"permute":       (*graph).permute,
		"reshape":       (*graph).reshaped,
		"slice":         (*graph).slice,
		"sliceStep":     (*graph).sliceStep,
		"softmax":       func(g *graph, o *operation) { g.softmax(o, "Softmax") },
		"subsample":     (*graph).subsample,
		"unitRows":      (*graph).unitRows,
	}
	for name, f := range functions {
		operations[name] = func(g *graph, o *operation) {
			x := g.native(o.in[0])
			g.add(o.out, f(g, o, x.name), x.order)
		}
	}
	for name, op := range reductions {
		operations[name] = func(g *graph, o *operation) { g.reduce(o, op) }
	}
	for name, op := range binaries {
		operations[name] = func(g *graph, o *operation) { g.combine(o, op) }
	}
}

// binaries are the operators on two variables that broadcast.
var binaries = map[string]string{
	"add": "Add", "sub": "Sub", "mul": "Mul", "div": "Div", "pow": "Pow", "minimum": "Min", "maximum": "Max",
}

// reductions are the operators that take dimensions away.
var reductions = map[string]string{
	"sum": "ReduceSum", "mean": "ReduceMean", "max": "ReduceMax", "min": "ReduceMin", "prod": "ReduceProd", "logSumExp": "ReduceLogSumExp",
}

// combine is a node on two variables that broadcast.
func (g *graph) combine(o *operation, op string) {
	a, b := o.in[0], o.in[1]
	if g.values[a].merged || g.values[b].merged {
		g.combineMerged(o, op)
		return
	}
	rank := len(g.dims(o.out))
	lead := a
	if len(g.dims(a)) < rank || g.leaf(a) && len(g.dims(b)) == rank {
		lead = b
	}
	order := g.native(lead).order
	g.add(o.out, g.node(op, []string{g.aligned(a, rank, order), g.aligned(b, rank, order)}), order)
}

// leaf reports whether no operation has made a variable.
func (g *graph) leaf(id int) bool {
	v := &g.vars[id]
	return v.param != nil || v.constant != nil
}

// combineMerged leaves out what an adapter adds to its layer, times its scale.
func (g *graph) combineMerged(o *operation, op string) {
	keep := o.in[0]
	if g.values[keep].merged {
		keep = o.in[1]
	}
	if g.values[o.out].merged = op == "Mul"; op == "Add" {
		g.native(keep)
		g.values[o.out].forms = g.values[keep].forms
	}
}

func (g *graph) relu(name string, on bool) string {
	if !on {
		return name
	}
	return g.node("Relu", []string{name})
}

// conv is a convolution, or a transposed one, whose kernels lie in the same order.
func (g *graph) conv(o *operation, op string, more ...*onnx.Attr) {
	in := []string{g.first(o.in[0]), g.as(o.in[1], kernelOrder)}
	if o.in[2] >= 0 {
		in = append(in, g.plainly(o.in[2]))
	}
	attrs := []*onnx.Attr{onnx.IntsAttr("dilations", o.Dilations[:]...), onnx.IntAttr("group", o.Groups)}
	attrs = append(attrs, windows(o, o.Pads)...)
	g.add(o.out, g.node(op, in, append(attrs, more...)...), channelsFirst(4))
}

func windows(o *operation, pads [4]int) []*onnx.Attr {
	return []*onnx.Attr{onnx.IntsAttr("kernel_shape", o.Kernel[:]...), onnx.IntsAttr("pads", pads[:]...), onnx.IntsAttr("strides", o.Strides[:]...)}
}

// beyond is how far the last windows of a pooling reach beyond the padding, down and across: with
// what rounds up the number of windows, servers do not agree on it.
func (g *graph) beyond(o *operation) (n [2]int) {
	for i := range n {
		in, out := g.dims(o.in[0])[1+i].n, g.dims(o.out)[1+i].n
		n[i] = max(0, (out-1)*o.Strides[i]+(o.Kernel[i]-1)*o.Dilations[i]+1-(in+o.Pads[i]+o.Pads[i+2]))
	}
	return n
}

func (g *graph) maxPool(o *operation) {
	more, pads := g.beyond(o), o.Pads
	pads[2], pads[3] = pads[2]+more[0], pads[3]+more[1]
	attrs := append(windows(o, pads), onnx.IntsAttr("dilations", o.Dilations[:]...))
	g.add(o.out, g.node("MaxPool", []string{g.first(o.in[0])}, attrs...), channelsFirst(4))
}

// avgPool is a mean, in which the padding counts or not, but never what is beyond it.
func (g *graph) avgPool(o *operation) {
	if o.Dilations != [2]int{1, 1} {
		g.fail("dilations %v, which average poolings have from opset 19 on", o.Dilations)
		return
	}
	x, count := g.first(o.in[0]), 1
	more, pads := g.beyond(o), o.Pads
	if !o.SkipZero && more != [2]int{} { // the padding as a part of the image
		x = g.node("Pad", []string{x, g.ints("pads", 0, 0, pads[0], pads[1], 0, 0, pads[2], pads[3])})
		pads = [4]int{}
	}
	if o.SkipZero || more != [2]int{} {
		count = 0
	}
	pads[2], pads[3] = pads[2]+more[0], pads[3]+more[1]
	attrs := append(windows(o, pads), onnx.IntAttr("count_include_pad", count))
	g.add(o.out, g.node("AveragePool", []string{x}, attrs...), channelsFirst(4))
}

func (g *graph) globalAvgPool(o *operation) {
	pooled := g.node("GlobalAveragePool", []string{g.first(o.in[0])})
	g.add(o.out, g.node("Flatten", []string{pooled}, onnx.IntAttr("axis", 1)), plain(2))
}

// subsample is every stride-th pixel, with zeros for channels that are not there.
func (g *graph) subsample(o *operation) {
	y := g.first(o.in[0])
	if o.Strides != [2]int{1, 1} {
		y = g.node("Slice", []string{y, g.ints("from", 0, 0), g.ints("to", toEnd, toEnd), g.ints("axes", 2, 3), g.ints("steps", o.Strides[:]...)})
	}
	if side := (g.dims(o.out)[3].n - g.dims(o.in[0])[3].n) / 2; side > 0 {
		y = g.node("Pad", []string{y, g.ints("pads", 0, side, 0, 0, 0, side, 0, 0)})
	}
	g.add(o.out, y, channelsFirst(4))
}

func (g *graph) batchNorm(o *operation) {
	if o.Stats.Mean == nil {
		g.fail("it normalises by the minibatch, as it keeps no running statistics")
		return
	}
	x, channels := o.in[0], len(o.Stats.Mean)
	in := []string{g.first(x), g.orFilled(o.in[1], 1, channels), g.orFilled(o.in[2], 0, channels), g.statistics(o.Stats.Mean, "mean"), g.statistics(o.Stats.Var, "variance")}
	y := g.node("BatchNormalization", in, onnx.FloatAttr("epsilon", o.Epsilon))
	if res := o.in[3]; res >= 0 {
		y = g.node("Add", []string{y, g.first(res)})
	}
	g.add(o.out, g.relu(y, o.ReLU), channelsFirst(len(g.dims(x))))
}

// orFilled returns a parameter, or a constant in its place.
func (g *graph) orFilled(id int, v float32, n int) string {
	if id < 0 {
		return g.filled(v, n)
	}
	return g.plainly(id)
}

// statistics returns running ones, under the name of the model's buffer that holds them.
func (g *graph) statistics(data []float32, what string) string {
	for _, b := range g.program.net.Buffers {
		if &b.Data[0] != &data[0] {
			continue
		}
		if g.Initializer(b.Name) == nil {
			g.floats(b.Name, data, len(data))
		}
		return b.Name
	}
	return g.floats(g.unique(g.at.Layer, what), data, len(data))
}

func (g *graph) layerNorm(o *operation) {
	x := o.in[0]
	rank := len(g.dims(x))
	channels := g.dims(x)[rank-1].n
	in := []string{g.plainly(x), g.orFilled(o.in[1], 1, channels)}
	if o.in[2] >= 0 {
		in = append(in, g.plainly(o.in[2]))
	}
	g.add(o.out, g.node("LayerNormalization", in, onnx.IntAttr("axis", -1), onnx.FloatAttr("epsilon", o.Epsilon)), plain(rank))
}

// rmsNorm is x over the root of the mean of its squares; there is no operator of its own in opset 17.
func (g *graph) rmsNorm(o *operation) {
	x := g.plainly(o.in[0])
	rank := len(g.dims(o.in[0]))
	mean := g.node("ReduceMean", []string{g.node("Mul", []string{x, x})}, onnx.IntsAttr("axes", rank-1))
	y := g.node("Div", []string{x, g.node("Sqrt", []string{g.of("Add", mean, float64(o.Epsilon))})})
	if o.in[1] >= 0 {
		y = g.node("Mul", []string{y, g.plainly(o.in[1])})
	}
	g.add(o.out, y, plain(rank))
}

// lrn is a normalisation across channels.
func (g *graph) lrn(o *operation) {
	y := g.node("LRN", []string{g.first(o.in[0])}, onnx.FloatAttr("alpha", o.A), onnx.FloatAttr("beta", o.B), onnx.FloatAttr("bias", o.C), onnx.IntAttr("size", o.Size))
	g.add(o.out, y, channelsFirst(len(g.dims(o.in[0]))))
}

// groupNorm is a normalisation of rows, a group each; there is no operator of its own in opset 17.
func (g *graph) groupNorm(o *operation) {
	dims := g.dims(o.in[0])
	order := channelsFirst(len(dims))
	shape := ordered(dims, order)
	rows := g.node("Reshape", []string{g.first(o.in[0]), g.ints("shape", 0, o.Groups, -1)})
	y := g.node("InstanceNormalization", []string{rows, g.filled(1, o.Groups), g.filled(0, o.Groups)}, onnx.FloatAttr("epsilon", o.Epsilon))
	y = g.reshape(y, []dim{dims[0], {n: o.Groups}}, shape)
	for i, op := range []string{"Mul", "Add"} {
		if p := o.in[1+i]; p >= 0 {
			y = g.node(op, []string{y, g.aligned(p, len(dims), order)})
		}
	}
	g.add(o.out, y, order)
}

func (g *graph) unitRows(o *operation) {
	x := g.native(o.in[0])
	axis := slices.Index(x.order, len(x.order)-1)
	norm := g.node("ReduceL2", []string{x.name}, onnx.IntsAttr("axes", axis))
	norm = g.node("Max", []string{norm, g.scalar(1e-12)})
	g.add(o.out, g.node("Div", []string{x.name, norm}), x.order)
}

// linear is a Gemm of matrices, and a MatMul of others.
func (g *graph) linear(o *operation) {
	x, w, b := o.in[0], o.in[1], o.in[2]
	if p := g.vars[w].param; p != nil && strings.HasSuffix(p.Name, adapterSuffix) {
		g.values[o.out].merged = true
		return
	}
	rank := len(g.dims(x))
	var y string
	if rank == 2 {
		in := []string{g.plainly(x), g.plainly(w)}
		if b >= 0 {
			in = append(in, g.plainly(b))
		}
		y = g.node("Gemm", in, onnx.IntAttr("transB", 1))
	} else {
		y = g.node("MatMul", []string{g.plainly(x), g.as(w, []int{1, 0})})
		if b >= 0 {
			y = g.node("Add", []string{y, g.plainly(b)})
		}
	}
	g.add(o.out, g.relu(y, o.ReLU), plain(rank))
}

// adapterSuffix ends the names of what an adapter multiplies with last.
const adapterSuffix = ".lora_B.weight"

func (g *graph) softmax(o *operation, op string) {
	x := g.native(o.in[0])
	axis := slices.Index(x.order, len(x.order)-1)
	g.add(o.out, g.node(op, []string{x.name}, onnx.IntAttr("axis", axis)), x.order)
}

// matmul is NumPy's.
func (g *graph) matmul(o *operation) {
	side := func(id int, transposed bool) string {
		order := plain(len(g.dims(id)))
		if n := len(order); transposed {
			order[n-1], order[n-2] = n-2, n-1
		}
		return g.as(id, order)
	}
	y := g.node("MatMul", []string{side(o.in[0], o.TransA), side(o.in[1], o.TransB)})
	g.add(o.out, y, plain(len(g.dims(o.out))))
}

func (g *graph) embedding(o *operation) {
	if o.in[1] < 0 {
		list := make([]int64, len(o.Numbers))
		for i, v := range o.Numbers {
			list[i] = int64(v)
		}
		ids := g.numbers(g.unique(g.at.Layer, "ids"), list)
		g.add(o.out, g.node("Gather", []string{g.plainly(o.in[0]), ids}), plain(2))
		return
	}
	g.add(o.out, g.node("Gather", []string{g.plainly(o.in[0]), g.integers(o.in[1])}), plain(len(g.dims(o.out))))
}
