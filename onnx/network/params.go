package network

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/monge-ml/monge/onnx"
	"github.com/monge-ml/monge/tensor"
)

// trained says which inputs of an operator are parameters where they are constants.
var trained = map[string][]int{
	"Conv": {1, 2}, "ConvTranspose": {1, 2}, "Gemm": {0, 1, 2}, "MatMul": {0, 1}, "Einsum": {0, 1}, "PRelu": {1},
	"BatchNormalization": {1, 2}, opNormReLU: {1, 2}, "LayerNormalization": {1, 2}, "InstanceNormalization": {1, 2},
	"GroupNormalization": {1, 2}, "RMSNormalization": {1}, "Gather": {0}, opAttention: {0, 1, 2},
}

// elementwise are operators whose constants are parameters, if they look like it and have several
// elements, or are one number of a module's.
var elementwise = []string{"Add", "Sub", "Mul", "Div", "Concat", "Sum", "Where", "Attention"}

// passing are operators through which a parameter may go on its way to where it is read.
var passing = []string{"Identity", "Cast", "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Flatten", "Expand", "Slice", "Split",
	"Gather", "GatherElements", "GatherND", "Concat", "Tile", "Pad", "Resize", "Upsample", "Mul", "Add", "Sub", "Div", "Neg", "Sqrt", "Pow", "Reciprocal", "ReduceSum", "ReduceMean", "ReduceL2",
	"Relu", "Gelu", "Sigmoid", "Tanh", "Softmax", "Softplus", "Exp", "Abs", "Clip", "Min", "Max", "LpNormalization", "Einsum", "MatMul", "Gemm", "Conv", "LayerNormalization", "BatchNormalization"}

// settled are operators whose first input alone is looked at for its numbers.
var settled = []string{"Gather", "GatherElements", "GatherND", "Reshape", "Expand", "Slice", "Tile", "Pad", "Clip", "Resize", "Upsample"}

// still are operators whose results do not depend on values.
var still = []string{"Shape", "Size", "ConstantOfShape", "Range"}

// preparing are operators that images go through before the network proper: what is added and
// multiplied there is a normalisation of pixels.
var preparing = []string{"Identity", "Cast", "Transpose", "Reshape", "Sub", "Div", "Mul", "Add", "Slice", "Gather", "Concat", "Split", "Unsqueeze", "Squeeze", "Resize", "Pad", "Clip"}

// A search tells which tensors of a graph are trained, and which are constants.
type search struct {
	*File
	makers    map[string]*onnx.Node
	origins   map[string][]string // tensors that what is computed of constants alone is made of
	raw       map[string]bool     // is the images of the input, brought into form
	rotations map[*onnx.Tensor]bool
	chosen    map[string]bool
	order     []string
}

// findParameters sets the parameters and constants, and takes the nodes away that only name a tensor.
func (f *File) findParameters() {
	s := &search{File: f, makers: makersOf(f.nodes), origins: map[string][]string{}, raw: map[string]bool{}, rotations: rotations(f.tensors), chosen: map[string]bool{}}
	f.moving = map[string]bool{}
	for _, v := range f.given() {
		f.moving[v.Name], s.raw[v.Name] = true, f.Images != nil
	}
	for name := range f.tensors {
		s.origins[name] = []string{name}
	}
	for _, n := range f.nodes {
		if !f.isName(n) && !slices.Contains(still, n.Op) {
			s.visit(n)
		}
	}
	f.named = map[string]*parameter{}
	kernels := f.kernels()
	for _, name := range s.order {
		t := f.tensors[name]
		p := &parameter{name: name, tensor: t, kernel: kernels[name] && len(t.Dims) == 4}
		f.parameters, f.named[name] = append(f.parameters, p), p
	}
	f.constants = map[string]*onnx.Tensor{}
	for name, t := range f.tensors {
		if !s.chosen[name] && f.reads(name) {
			f.constants[name] = t
		}
	}
	f.nodes = slices.DeleteFunc(f.nodes, f.isName)
	f.makers = makersOf(f.nodes)
}

// visit follows the input through a node, and chooses what the node reads as parameters.
func (s *search) visit(n *onnx.Node) {
	moves, unformed := false, slices.Contains(preparing, n.Op)
	for _, name := range n.Inputs {
		if s.moving[name] {
			moves = true
			unformed = unformed && s.raw[name]
		}
	}
	if !moves {
		s.pass(n)
		return
	}
	for _, name := range n.Outputs {
		s.moving[name], s.raw[name] = true, unformed
	}
	if !s.needed[n] || unformed {
		return
	}
	for i, name := range n.Inputs {
		switch {
		case s.moving[name] || name == "":
		case isStandIn(n, i, name, s.tensors[name]):
		case slices.Contains(trained[n.FullOp()], i):
			s.choose(name, true)
		case slices.Contains(elementwise, n.Op):
			s.choose(name, n.Op == "Add" && s.isOnlyBias(n, i))
		case n.Op == "Pow" && i == 1 && s.own.has(name): // of generalised means
			s.choose(name, true)
		}
	}
	if isBatchNorm(n) && s.hasStatistics(n) {
		s.normalized = append(s.normalized, n)
	}
}

// choose makes parameters of the tensors that a name is made of: those that look like it, or with
// sure all but single numbers of arithmetic that are no module's.
func (s *search) choose(name string, sure bool) {
	for _, o := range s.origins[name] {
		t := s.tensors[o]
		switch {
		case s.chosen[o] || s.own.refuses(o) || !t.DType.IsFloat() || t.Len() == 0 || len(t.Dims) > tensor.MaxRank:
		case t.Len() == 1 && !s.own.hasNumber(o, t) && (!sure || o != name):
		case !sure && (isMask(t) || s.rotations[t]):
		default:
			s.chosen[o] = true
			s.order = append(s.order, o)
		}
	}
}

// isOnlyBias reports whether input i of an addition, of one number, is the bias of a layer with one
// output.
func (s *search) isOnlyBias(n *onnx.Node, i int) bool {
	t := s.tensors[n.Inputs[i]]
	if t == nil || t.Len() != 1 || len(n.Inputs) != 2 {
		return false
	}
	m := s.makers[n.Inputs[1-i]]
	if m == nil || m.Op != "MatMul" || len(m.Inputs) != 2 {
		return false
	}
	w := s.tensors[m.Inputs[1]]
	return w != nil && len(w.Dims) == 2 && w.Dims[1] == 1
}

// pass notes what a result of constants is made of.
func (s *search) pass(n *onnx.Node) {
	if !slices.Contains(passing, n.Op) {
		return
	}
	var from []string
	const most = 64
	for i, name := range n.Inputs {
		if i > 0 && slices.Contains(settled, n.Op) || i > 2 && n.Op == "BatchNormalization" && n.Int("training_mode", 0) != 0 {
			break
		}
		for _, o := range s.origins[name] {
			if !slices.Contains(from, o) && len(from) < most {
				from = append(from, o)
			}
		}
	}
	for _, name := range n.Outputs {
		s.origins[name] = from
	}
}

// isMask tells masks of attention, which are 0 and one very negative number, from parameters.
func isMask(t *onnx.Tensor) bool {
	v, err := t.Floats()
	if err != nil {
		return true
	}
	low := slices.Min(v)
	return low <= -50 && !slices.ContainsFunc(v, func(x float32) bool { return x != 0 && x != low }) || math.IsInf(float64(low), -1)
}

// rotations returns the tables of sines and cosines by which positions turn queries and keys:
// pairs whose squares add up to 1 everywhere, or one tensor with both side by side.
func rotations(tensors map[string]*onnx.Tensor) map[*onnx.Tensor]bool {
	found, byShape := map[*onnx.Tensor]bool{}, map[string][][]float32{}
	owners := map[string][]*onnx.Tensor{}
	for _, name := range slices.Sorted(maps.Keys(tensors)) {
		t := tensors[name]
		const most = 1 << 22
		if !t.DType.IsFloat() || len(t.Dims) < 2 || t.Len() < 4 || t.Len() > most || isUniform(t) {
			continue
		}
		v, err := t.Floats()
		if err != nil || slices.ContainsFunc(v, func(x float32) bool { return !(x >= -1.001 && x <= 1.001) }) {
			continue
		}
		if width := t.Dims[len(t.Dims)-1]; width%2 == 0 && halvesTurn(v, width) {
			found[t] = true
			continue
		}
		shape := fmt.Sprint(t.Dims)
		for i, o := range byShape[shape] {
			if turn(v, o) {
				found[t], found[owners[shape][i]] = true, true
			}
		}
		const tables = 64 // of a shape
		if len(byShape[shape]) >= tables {
			continue
		}
		byShape[shape], owners[shape] = append(byShape[shape], v), append(owners[shape], t)
	}
	return found
}

// turn reports whether two lists are sines and cosines.
func turn(s, c []float32) bool {
	for i := range s {
		if !(math.Abs(float64(s[i]*s[i]+c[i]*c[i])-1) < 1e-2) {
			return false
		}
	}
	return true
}

// halvesTurn reports whether the halves of all rows do.
func halvesTurn(v []float32, width int) bool {
	for row := range slices.Chunk(v, width) {
		if !turn(row[:width/2], row[width/2:]) {
			return false
		}
	}
	return true
}

// kernels are the tensors that are read as the weight of convolutions alone.
func (f *File) kernels() map[string]bool {
	list := map[string]bool{}
	for _, n := range f.nodes {
		for i, in := range n.Inputs {
			is := i == 1 && (n.Op == "Conv" || n.Op == "ConvTranspose")
			if was, read := list[in]; !read || was {
				list[in] = is
			}
		}
	}
	return list
}

// copied is an initialisation by the file's values.
func copied(values []float32, kernel bool, shape []int) func(*rand.Rand, []float32) {
	return func(_ *rand.Rand, dst []float32) {
		if !kernel {
			copy(dst, values)
			return
		}
		window, in, out := shape[0]*shape[1], shape[2], shape[3]
		for o := range out {
			for i := range in {
				row := values[(o*in+i)*window:]
				for k := range window {
					dst[(k*in+i)*out+o] = row[k]
				}
			}
		}
	}
}
