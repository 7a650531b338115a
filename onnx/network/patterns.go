package network

import (
	"math"
	"slices"

	"github.com/monge-ml/monge/onnx"
	"github.com/monge-ml/monge/onnx/array"
)

// patterns finds in a graph what exporters have taken apart.
type patterns struct {
	tensors map[string]*onnx.Tensor
	own     *owned
	nodes   []*onnx.Node
	makers  map[string]*onnx.Node
	readers map[string]int
	gone    map[*onnx.Node]bool
}

// fused returns a graph's nodes with those patterns replaced by single nodes that the engine
// does at once. The nodes of the graph itself stay as they are.
func fused(g *onnx.Graph, tensors map[string]*onnx.Tensor, own *owned, output string) []*onnx.Node {
	p := &patterns{tensors: tensors, own: own, makers: map[string]*onnx.Node{}, readers: map[string]int{}, gone: map[*onnx.Node]bool{}}
	for _, n := range g.Nodes {
		c := *n
		p.nodes = append(p.nodes, &c)
		for _, name := range n.Inputs {
			p.readers[name]++
		}
		for _, name := range n.Outputs {
			if name != "" {
				p.makers[name] = &c
			}
		}
	}
	for _, v := range g.Outputs {
		p.readers[v.Name]++
	}
	p.readers[output]++
	for _, n := range p.nodes {
		switch n.Op {
		case "Mul":
			p.silu(n)
			p.hardSwish(n)
			p.gelu(n)
		case "Div":
			p.hardSwishDivided(n)
		case "Add":
			p.layerNorm(n)
		case "MatMul":
			p.attention(n)
		case "Relu":
			p.normReLU(n)
		}
	}
	return slices.DeleteFunc(p.nodes, func(n *onnx.Node) bool { return p.gone[n] })
}

// by returns the node of an operator whose first result is a name that one node alone reads. It
// has an input.
func (p *patterns) by(name, op string) *onnx.Node { return p.byFor(name, op, 1) }

// byFor is by for a name that is read so many times.
func (p *patterns) byFor(name, op string, readers int) *onnx.Node {
	n := p.makers[name]
	if n == nil || n.Op != op || n.Domain != "" || p.readers[name] != readers || p.gone[n] || n.Outputs[0] != name || len(n.Inputs) == 0 {
		return nil
	}
	return n
}

// number returns a constant of one element, which is not trained.
func (p *patterns) number(name string) (float64, bool) {
	t := p.tensors[name]
	if n := p.makers[name]; t == nil && n != nil && n.Op == "Constant" && oneNumber(n) {
		out, err := array.Eval(n, 13, nil)
		if err != nil || out[0].Len() != 1 || !out[0].IsFloat() {
			return 0, false
		}
		return out[0].F[0], true
	}
	if t == nil || t.Len() != 1 || p.own.hasNumber(name, t) {
		return 0, false
	}
	v, err := t.Doubles()
	if err != nil {
		return 0, false
	}
	return v[0], true
}

// oneNumber reports whether a Constant is not a list, without making it.
func oneNumber(n *onnx.Node) bool {
	for _, a := range n.Attrs {
		if len(a.Floats) > 1 || len(a.Ints) > 1 || a.Tensor != nil && a.Tensor.Len() != 1 {
			return false
		}
	}
	return true
}

// near reports whether a name is a constant of about a value.
func (p *patterns) near(name string, want float64) bool {
	v, ok := p.number(name)
	return ok && math.Abs(v-want) <= 1e-3*math.Abs(want)
}

// other returns the inputs of a node of two, the one that is not name second; "" if name is
// none.
func other(n *onnx.Node, name string) string {
	if len(n.Inputs) != 2 {
		return ""
	}
	switch name {
	case n.Inputs[0]:
		return n.Inputs[1]
	case n.Inputs[1]:
		return n.Inputs[0]
	}
	return ""
}

// withNumber returns the other input of a node of two one of which is a constant of a value; ""
// if none is.
func (p *patterns) withNumber(n *onnx.Node, want float64) string {
	if len(n.Inputs) != 2 {
		return ""
	}
	for i, in := range n.Inputs {
		if p.near(in, want) {
			return n.Inputs[1-i]
		}
	}
	return ""
}

// become makes a node another one of the inputs, in place of others.
func (p *patterns) become(n *onnx.Node, op string, attrs []*onnx.Attr, inputs []string, gone ...*onnx.Node) {
	for _, g := range gone {
		p.gone[g] = true
	}
	domain := ""
	if after, ok := cutMonge(op); ok {
		domain, op = "monge", after
	}
	n.Op, n.Domain, n.Attrs, n.Inputs = op, domain, attrs, inputs
}

func cutMonge(op string) (string, bool) {
	const prefix = "monge."
	if len(op) > len(prefix) && op[:len(prefix)] == prefix {
		return op[len(prefix):], true
	}
	return op, false
}

// silu is x sigmoid(x).
func (p *patterns) silu(n *onnx.Node) {
	for i, in := range n.Inputs {
		if s := p.by(in, "Sigmoid"); s != nil && len(n.Inputs) == 2 && s.Inputs[0] == n.Inputs[1-i] {
			p.become(n, "monge.SiLU", nil, []string{s.Inputs[0]}, s)
			return
		}
	}
}

// relu6 returns x of clip(x + 3, 0, 6) if name is that, and the nodes that make it.
func (p *patterns) relu6(name string) (x string, nodes []*onnx.Node) {
	c := p.by(name, "Clip")
	if c == nil {
		return "", nil
	}
	lo, hi := c.Attr("min"), c.Attr("max")
	inputs := len(c.Inputs) == 3 && p.isZero(c.Inputs[1]) && p.near(c.Inputs[2], 6)
	if !inputs && (lo == nil || hi == nil || lo.Float != 0 || hi.Float != 6) {
		return "", nil
	}
	a := p.by(c.Inputs[0], "Add")
	if a == nil {
		return "", nil
	}
	return p.withNumber(a, 3), []*onnx.Node{c, a}
}

func (p *patterns) isZero(name string) bool {
	v, ok := p.number(name)
	return ok && v == 0
}

// hardSwish is x times its hard sigmoid, or times relu6(x + 3) / 6.
func (p *patterns) hardSwish(n *onnx.Node) {
	for i, in := range n.Inputs {
		if len(n.Inputs) != 2 {
			return
		}
		x := n.Inputs[1-i]
		if h := p.by(in, "HardSigmoid"); h != nil && h.Inputs[0] == x && math.Abs(float64(h.Float("alpha", .2))-1./6) < 1e-4 && h.Float("beta", .5) == .5 {
			p.become(n, "HardSwish", nil, []string{x}, h)
			return
		}
		for op, six := range map[string]float64{"Div": 6, "Mul": 1. / 6} {
			d := p.by(in, op)
			if d == nil {
				continue
			}
			from := p.withNumber(d, six)
			if op == "Div" && (len(d.Inputs) != 2 || !p.near(d.Inputs[1], 6)) {
				continue
			}
			if y, nodes := p.relu6(from); y == x && y != "" {
				p.become(n, "HardSwish", nil, []string{x}, append(nodes, d)...)
				return
			}
		}
	}
}

// hardSwishDivided is x relu6(x + 3) / 6.
func (p *patterns) hardSwishDivided(n *onnx.Node) {
	if len(n.Inputs) != 2 || !p.near(n.Inputs[1], 6) {
		return
	}
	m := p.by(n.Inputs[0], "Mul")
	if m == nil {
		return
	}
	for _, in := range m.Inputs {
		if x, nodes := p.relu6(in); x != "" && other(m, in) == x {
			p.become(n, "HardSwish", nil, []string{x}, append(nodes, m)...)
			return
		}
	}
}

// gelu is x/2 (1 + erf(x/sqrt 2)), multiplied in any order.
func (p *patterns) gelu(n *onnx.Node) {
	factors, nodes := p.factors(n)
	if len(factors) != 3 {
		return
	}
	for i, f := range factors {
		a := p.by(f, "Add")
		if a == nil {
			continue
		}
		e := p.by(p.withNumber(a, 1), "Erf")
		if e == nil {
			continue
		}
		x, scaled := "", p.by(e.Inputs[0], "Div")
		if scaled != nil && len(scaled.Inputs) == 2 && p.near(scaled.Inputs[1], math.Sqrt2) {
			x = scaled.Inputs[0]
		} else if scaled = p.by(e.Inputs[0], "Mul"); scaled != nil {
			x = p.withNumber(scaled, 1/math.Sqrt2)
		}
		rest := slices.Delete(slices.Clone(factors), i, i+1)
		if x == "" || !(rest[0] == x && p.near(rest[1], .5) || rest[1] == x && p.near(rest[0], .5)) {
			continue
		}
		p.become(n, "Gelu", nil, []string{x}, append(nodes, a, e, scaled)...)
		return
	}
}

// factors returns those of a product of three, and the node below that makes it.
func (p *patterns) factors(n *onnx.Node) (list []string, nodes []*onnx.Node) {
	if len(n.Inputs) != 2 {
		return nil, nil
	}
	for i, in := range n.Inputs {
		if m := p.by(in, "Mul"); m != nil && len(m.Inputs) == 2 {
			return append([]string{n.Inputs[1-i]}, m.Inputs...), []*onnx.Node{m}
		}
	}
	return nil, nil
}

// layerNorm is (x - mean) / sqrt(mean((x - mean)²) + epsilon) scale + bias, over the last
// dimension.
func (p *patterns) layerNorm(n *onnx.Node) {
	if len(n.Inputs) != 2 {
		return
	}
	for i, in := range n.Inputs {
		m := p.by(in, "Mul")
		if m == nil || len(m.Inputs) != 2 {
			continue
		}
		for j, side := range m.Inputs {
			d := p.by(side, "Div")
			if d == nil {
				continue
			}
			x, eps, nodes := p.standardized(d)
			if nodes == nil || p.vector(m.Inputs[1-j]) < 2 || p.vector(m.Inputs[1-j]) != p.vector(n.Inputs[1-i]) {
				continue
			}
			attrs := []*onnx.Attr{onnx.IntAttr("axis", -1), onnx.FloatAttr("epsilon", float32(eps))}
			p.become(n, "LayerNormalization", attrs, []string{x, m.Inputs[1-j], n.Inputs[1-i]}, append(nodes, m, d)...)
			return
		}
	}
}

// vector returns the length of a tensor of one dimension, 0 for others.
func (p *patterns) vector(name string) int {
	if t := p.tensors[name]; t != nil && len(t.Dims) == 1 {
		return t.Dims[0]
	}
	return 0
}

// standardized returns x and epsilon of a division by the deviation, and the nodes between.
func (p *patterns) standardized(d *onnx.Node) (x string, eps float64, nodes []*onnx.Node) {
	if len(d.Inputs) != 2 {
		return "", 0, nil
	}
	sub, root := p.makers[d.Inputs[0]], p.by(d.Inputs[1], "Sqrt")
	if sub == nil || sub.Op != "Sub" || len(sub.Inputs) != 2 || root == nil {
		return "", 0, nil
	}
	add := p.by(root.Inputs[0], "Add")
	if add == nil || len(add.Inputs) != 2 {
		return "", 0, nil
	}
	eps, ok := p.number(add.Inputs[1])
	mean, square := p.by(add.Inputs[0], "ReduceMean"), (*onnx.Node)(nil)
	if !ok || mean == nil || !p.overLast(mean) {
		return "", 0, nil
	}
	centred := ""
	if square = p.by(mean.Inputs[0], "Pow"); square != nil && len(square.Inputs) == 2 && p.near(square.Inputs[1], 2) {
		centred = square.Inputs[0]
	} else if square = p.by(mean.Inputs[0], "Mul"); square != nil && len(square.Inputs) == 2 && square.Inputs[0] == square.Inputs[1] {
		centred = square.Inputs[0]
	}
	average := p.by(sub.Inputs[1], "ReduceMean")
	nodes = []*onnx.Node{root, add, mean, square, sub, average}
	if average == nil {
		return "", 0, nil
	}
	readers := 2
	if square != nil && square.Op == "Mul" {
		readers = 3
	}
	x = sub.Inputs[0]
	if again := p.makers[centred]; again != nil && again != sub && again.Op == "Sub" && slices.Equal(again.Inputs, sub.Inputs) { // written twice
		return "", 0, nil
	}
	if centred != d.Inputs[0] || p.readers[centred] != readers || !p.overLast(average) || average.Inputs[0] != x {
		return "", 0, nil
	}
	return x, eps, nodes
}

// overLast reports whether a mean goes over the last dimension and keeps it.
func (p *patterns) overLast(n *onnx.Node) bool {
	axes := n.Ints("axes")
	if len(n.Inputs) > 1 {
		if t := p.tensors[n.Inputs[1]]; t != nil {
			if v, err := t.Ints(); err == nil && len(v) == 1 {
				axes = []int{int(v[0])}
			}
		} else if m := p.makers[n.Inputs[1]]; m != nil && m.Op == "Constant" {
			if out, err := array.Eval(m, 13, nil); err == nil {
				axes = out[0].Whole()
			}
		}
	}
	return len(axes) == 1 && axes[0] == -1 && n.Int("keepdims", 1) != 0
}

// attention is softmax(scale Q K + what is added) V over the last dimension.
func (p *patterns) attention(n *onnx.Node) {
	if len(n.Inputs) != 2 {
		return
	}
	s, filled, nodes := p.weights(n.Inputs[0])
	if s == nil {
		return
	}
	if a := s.Attr("axis"); a == nil || a.Int != -1 && a.Int != 3 { // of earlier versions, axis 1 is another operator
		return
	}
	c, ok := p.scores(s.Inputs[0])
	if !ok {
		return
	}
	attrs := []*onnx.Attr{onnx.FloatAttr("scale", float32(c.scale)), onnx.IntAttr(attrFilled, filled)}
	p.become(n, opAttention, attrs, append([]string{c.q, c.k, n.Inputs[1]}, c.added...), append(append(c.nodes, nodes...), s)...)
}

// weights returns the softmax of a name, and the nodes between: filled is 1 if they make NaNs 0, as PyTorch
// does where a mask hides all.
func (p *patterns) weights(name string) (s *onnx.Node, filled int, nodes []*onnx.Node) {
	for c := p.by(name, "Cast"); c != nil && onnx.DType(c.Int("to", 0)) == onnx.Float; c = p.by(name, "Cast") {
		nodes, name = append(nodes, c), c.Inputs[0]
	}
	w := p.by(name, "Where")
	if w == nil || len(w.Inputs) != 3 || !p.isZero(w.Inputs[1]) {
		return p.by(name, "Softmax"), 0, nodes
	}
	if is := p.by(w.Inputs[0], "IsNaN"); is != nil && is.Inputs[0] == w.Inputs[2] {
		return p.byFor(w.Inputs[2], "Softmax", 2), 1, append(nodes, is, w)
	}
	return nil, 0, nil
}

// scores are scale Q K + all that is added.
type scores struct {
	q, k  string
	scale float64
	added []string
	nodes []*onnx.Node
}

// scores finds those of a name.
func (p *patterns) scores(name string) (c scores, ok bool) {
	if m := p.by(name, "MatMul"); m != nil && len(m.Inputs) == 2 {
		return scores{q: m.Inputs[0], k: m.Inputs[1], scale: 1, nodes: []*onnx.Node{m}}, true
	}
	if a := p.by(name, "Add"); a != nil && len(a.Inputs) == 2 {
		for i, in := range a.Inputs {
			if c, ok = p.scores(in); ok {
				c.added, c.nodes = append(c.added, a.Inputs[1-i]), append(c.nodes, a)
				return c, true
			}
		}
		return c, false
	}
	for _, op := range []string{"Mul", "Div"} {
		by := p.by(name, op)
		if by == nil || len(by.Inputs) != 2 {
			continue
		}
		v, known := p.number(by.Inputs[1])
		if !known || !(v > 0) {
			continue
		}
		if op == "Div" {
			v = 1 / v
		}
		c, ok = p.scores(by.Inputs[0])
		c.scale, c.nodes = v, append(c.nodes, by)
		return c, ok && len(c.nodes) == 2 // what is added before is not scaled here
	}
	return c, false
}

// normReLU is ReLU behind batch normalisation, with another tensor added between or not.
func (p *patterns) normReLU(n *onnx.Node) {
	if len(n.Inputs) != 1 {
		return
	}
	res := ""
	in := n.Inputs[0]
	var gone []*onnx.Node
	if a := p.by(in, "Add"); a != nil && len(a.Inputs) == 2 {
		for i, side := range a.Inputs {
			if p.by(side, "BatchNormalization") != nil && a.Inputs[0] != a.Inputs[1] {
				in, res, gone = side, a.Inputs[1-i], []*onnx.Node{a}
				break
			}
		}
	}
	b := p.by(in, "BatchNormalization")
	if b == nil || len(b.Inputs) != 5 || slices.ContainsFunc(b.Outputs[1:], func(s string) bool { return p.readers[s] > 0 }) {
		return
	}
	inputs := slices.Clone(b.Inputs)
	if res != "" {
		inputs = append(inputs, res)
	}
	p.become(n, opNormReLU, b.Attrs, inputs, append(gone, b)...)
}
