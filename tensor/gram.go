package tensor

import (
	"errors"
	"fmt"
	"slices"

	"github.com/monge-ml/monge/internal/kernel"
)

// gram is what a pass knows of the matrix that [Tape.Gram] asked for.
type gram struct {
	k     []float64 // nil if nobody asked
	n     int       // examples
	seed  float64   // of Backward
	scale float64   // from products of gradients on the tape to those of the examples'
	seen  []*Tensor // parameters whose gradients are in k
	rows  []tokenRow
	conv  kernel.Conv // the convolution at hand
}

// Gram asks the next Backward of this pass for the Gram matrix of the gradients of n examples, each
// with respect to all bound parameters together: k, n x n, becomes k[i*n+j] = g_i·g_j. They are
// never kept: each operation adds what its own parameters contribute.
//
// The loss must be a sum over examples, L = sum of L_i, as a mean over rows is. Then g_i is the
// gradient of n L_i, which for a mean is the example's own loss, so that the gradient of L is the
// mean of the g_i. The seed of Backward is not in k. From [Tape.BackwardFrom], L_i is the part of
// y's rows that belong to example i.
//
// Examples lie along the first dimension of everything that is computed: of n rows of a tensor [n, ...]
// each is an example, of [n*T, ...] each run of T. What mixes them, as batch normalisation by
// the minibatch's statistics does, is an error of Backward that names the operation and its layer,
// and so is a parameter in an operation that has no rule for it, or in two. Products are
// in float32, whatever the tape's precision, and summed over operations in float64.
//
// Reset forgets what was asked.
func (t *Tape) Gram(k []float64, n int) {
	if t.err != nil {
		return
	}
	if n < 1 || len(k) != n*n {
		t.fail("gram", "%d elements for the products of %d examples; there must be %d", len(k), n, n*n)
		return
	}
	t.gram.k, t.gram.n, t.gram.seed = k, n, 1
}

func (g *gram) wanted() bool { return g.k != nil }

func (g *gram) reset() {
	clear(g.seen)
	g.k, g.seen = nil, g.seen[:0]
}

// start begins the way back.
func (g *gram) start() error {
	if !g.wanted() {
		return nil
	}
	if g.seed == 0 {
		return errors.New("backward: a seed of 0 leaves no gradients for the Gram matrix")
	}
	f := float64(g.n) / g.seed
	g.scale = f * f
	clear(g.k)
	return nil
}

// finish copies the lower half of the matrix to the upper one: the two were not rounded alike.
func (g *gram) finish() {
	if !g.wanted() {
		return
	}
	for i := range g.n {
		for j := range i {
			g.k[j*g.n+i] = g.k[i*g.n+j]
		}
	}
}

// markParameters finds what operations from start on take that is the same for all examples.
func (t *Tape) markParameters(start int) {
	for i := start; i < len(t.nodes); i++ {
		n := &t.nodes[i]
		r := gramRules[code(n.back)]
		all, like, mixed := true, false, false // shared; of the result's shape; with an activation
		for _, x := range n.inputs() {
			if x == nil {
				continue
			}
			if x.bound {
				x.leaf, x.shared = x, true
			}
			shared := x.needs && x.shared
			all, like, mixed = all && shared, like || shared && x.sameShape(n.out), mixed || x.needs && !shared
		}
		switch {
		case all && r.same && n.in[0].leaf != nil:
			n.out.leaf, n.out.shared = n.in[0].leaf, true
		case r.sums && (all || like && !mixed):
			n.out.shared = true
		}
	}
}

// inputs are the tensors that an operation takes; some may be nil.
func (n *node) inputs() []*Tensor {
	if n.more != nil {
		return n.more
	}
	return n.in[:]
}

// addGram adds what an operation's parameters contribute, before its way back, and reports whether
// it could.
func (t *Tape) addGram(n *node) bool {
	r, ok := gramRules[code(n.back)]
	switch {
	case t.err != nil:
	case !ok:
		t.gramFail(n, "it is not known to keep examples apart, so there are no gradients of each for the Gram matrix")
	case n.out.leaf != nil: // what took it has added it
	case n.out.shared:
		t.addShared(n)
	case t.apart(n, &r) && r.add != nil:
		r.add(t, n)
	}
	return t.err == nil
}

// gramFail records an error of a node, as operations record theirs.
func (t *Tape) gramFail(n *node, format string, args ...any) bool {
	if t.err == nil {
		op := gramRules[code(n.back)].name
		switch {
		case n.op != nil:
			op = n.op.Name()
		case op == "":
			op = n.traced("").Op
		}
		t.err = &ShapeError{Layer: n.layer, Op: op, Problem: fmt.Sprintf(format, args...)}
	}
	return false
}

// apart reports whether an operation keeps examples apart, and has its parameters where there is a
// rule for them. Given that each run of the result's rows is of one example, so is then each
// run of the rows of everything that it takes.
func (t *Tape) apart(n *node, r *gramRule) bool {
	if t.gram.n > 1 && len(n.out.Data) == 1 {
		return t.endsApart(n, r)
	}
	if !t.byExample(n, n.out) {
		return false
	}
	for i, x := range n.inputs() {
		switch {
		case x == nil || !x.needs:
		case x.shared && !r.takes(i):
			return t.gramFail(n, "there is no rule for a parameter, %v, as input %d, so it can't be in the Gram matrix; freeze it", x.shape(), i)
		case x.shared:
		case r.fixed && r.takes(i):
			return t.gramFail(n, "input %d, %v, is computed; for the Gram matrix it must be a parameter, or need no gradient", i, x.shape())
		case !t.byExample(n, x):
			return false
		}
	}
	return t.gram.n == 1 || r.also == nil || r.also(n) || t.gramFail(n, "it mixes the examples of %v, so there are no gradients of each for the Gram matrix", n.inputs()[0].shape())
}

// byExample reports whether a tensor's rows are those of the examples, one after the other.
func (t *Tape) byExample(n *node, x *Tensor) bool {
	return x.dims[0]%t.gram.n == 0 ||
		t.gramFail(n, "the first dimension of %v is not a multiple of the %d examples of the Gram matrix", x.shape(), t.gram.n)
}

// endsApart is apart for an operation whose result is one number, which must be a sum over examples, or
// follow from one.
func (t *Tape) endsApart(n *node, r *gramRule) bool {
	needed := 0
	for _, x := range n.in {
		switch {
		case x == nil || !x.needs:
			continue
		case x.shared:
			return t.gramFail(n, "a parameter, %v, enters the loss beside the examples, so it can't be in the Gram matrix; freeze it", x.shape())
		case len(x.Data) > 1 && !t.byExample(n, x):
			return false
		}
		needed++
	}
	return r.end == endSum || r.end == endProduct && needed == 1 ||
		t.gramFail(n, "its one result is not a sum over examples, so there are no gradients of each for the Gram matrix")
}

// claim reports whether the gradient of a parameter is not yet in the matrix: those of two uses
// would have to be added first.
func (t *Tape) claim(n *node, x *Tensor) bool {
	if x.leaf == nil {
		return t.gramFail(n, "there is no rule for a sum of parameters, %v, so they can't be in the Gram matrix; freeze them", x.shape())
	}
	if slices.Contains(t.gram.seen, x.leaf) {
		return t.gramFail(n, "the parameter %v is in another operation too; the Gram matrix can't have both, freeze it", x.leaf.shape())
	}
	t.gram.seen = append(t.gram.seen, x.leaf)
	return true
}

// addEach adds the products of the examples' gradients by x, which lie one after the other in g.
func (t *Tape) addEach(n *node, x *Tensor, g []float32) {
	if t.claim(n, x) {
		t.addRows(g)
	}
}

// gramColumns is how many elements of gradients are multiplied in float32 before the sum goes on in float64.
const gramColumns = 1 << 14

// addRows adds the products of rows of g, one for each example.
func (t *Tape) addRows(g []float32) {
	b := t.gram.n
	cols := len(g) / b
	p := t.arena.get(b * b)
	for lo := 0; lo < cols; lo += gramColumns {
		width := min(gramColumns, cols-lo)
		kernel.Gemm(false, true, b, b, width, g[lo:], cols, g[lo:], cols, p, b, false)
		t.addProducts(p)
	}
	t.arena.put(p)
}

// addProducts adds the lower half of p, examples x examples.
func (t *Tape) addProducts(p []float32) {
	b := t.gram.n
	for i := range b {
		row := t.gram.k[i*b : i*b+i+1]
		for j, v := range p[i*b : i*b+i+1] {
			row[j] += t.gram.scale * float64(v)
		}
	}
}

// addShared brings the gradients of each example from a sum of parameters to these.
func (t *Tape) addShared(n *node) {
	y := n.out
	if y.each == nil {
		t.gramFail(n, "there is no rule for what becomes of its result, %v, so its parameters can't be in the Gram matrix; freeze them", y.shape())
		return
	}
	var z Tensor
	z.dims[0], z.rank = t.gram.n, y.rank+1
	copy(z.dims[1:], y.Shape())
	for _, x := range n.in {
		if x != nil && x.needs {
			t.spread(n, x, &z, y.each)
		}
	}
	t.arena.put(y.each)
	y.each = nil
}

// spreadOver adds the gradients by a shared tensor x that was repeated to the result's shape, of which g is one.
func (t *Tape) spreadOver(n *node, x *Tensor, g []float32) {
	y, b := n.out, t.gram.n
	if y.rank == MaxRank {
		t.gramFail(n, "a parameter in a result of %d dimensions, %v, has no rule for the Gram matrix", MaxRank, y.shape())
		return
	}
	var z Tensor
	z.dims[0], z.dims[1], z.rank = b, y.dims[0]/b, y.rank+1
	copy(z.dims[2:], y.dims[1:y.rank])
	t.spread(n, x, &z, g)
}

// spread is spreadOver for a gradient of shape z, whose first dimension are the examples.
func (t *Tape) spread(n *node, x, z *Tensor, g []float32) {
	var over [MaxRank]bool
	summed := false
	for i := 1; i < z.rank; i++ {
		k := x.rank - z.rank + i
		switch {
		case k < 0 || x.dims[k] == 1:
			over[i], summed = z.dims[i] > 1, summed || z.dims[i] > 1
		case x.dims[k] != z.dims[i]:
			t.gramFail(n, "the parameter %v has a row for each row of the minibatch, so it can't be in the Gram matrix", x.shape())
			return
		}
	}
	each := t.arena.get(t.gram.n * len(x.Data))
	if summed {
		t.reduce(each, g, z, &over, 1, false)
	} else {
		copy(each, g)
	}
	if x.leaf != nil {
		t.addEach(n, x, each)
		t.arena.put(each)
		return
	}
	if x.each != nil {
		t.gramFail(n, "the sum of parameters %v is in another operation too; the Gram matrix can't have both, freeze them", x.shape())
		return
	}
	x.each = each
}
