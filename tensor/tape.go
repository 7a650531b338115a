// Package tensor is a small engine for training networks on a CPU in float32: shapes, an
// arena, a tape of operations, and reverse-mode differentiation.
//
// Operations are methods of a [Tape]. Each computes its result at once and appends a
// node; [Tape.Backward] walks the nodes in reverse. Results live in the tape's arena:
// [Tape.Reset] takes all of them back, so that a step that follows another of the same
// shape allocates nothing and touches memory that is warm.
//
// An operation that is given tensors it can't work with does not panic: it records an
// error that names the operation and the shapes, and from there on the tape does
// nothing; [Tape.Err] and Backward return it. So a forward pass reads as plain
// algebra, and is checked once at its end.
//
// Results do not depend on the number of threads.
package tensor

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/monge-ml/monge/internal/kernel"
)

// A Mode says what a forward pass is for.
type Mode int

const (
	// Eval computes results alone: no gradients, running statistics in use.
	Eval Mode = iota
	// Train is the first pass of a training step.
	Train
	// Perturbed is a later pass on the same minibatch at a perturbed point: dropout
	// draws what it drew in the first pass, running statistics stay as they are.
	Perturbed
)

// A Tape records operations. It is not safe for concurrent use.
type Tape struct {
	arena     arena
	nodes     []node
	tensors   []*Tensor // made so far; the first used are in use
	used      int
	flops     int
	mode      Mode
	direct    bool // see SetDirect
	precision Precision
	scope     string
	err       error
	profile   *profile
	trace     func(Traced)
	seed      [1]float32

	random  uint64    // key of the minibatch's random numbers
	sites   uint64    // operations of the pass that have drawn some
	sums    []float64 // memory to work in
	moments moments
	sources []*Tensor // inputs of operations with many
	numbers []int     // that operations read from tensors
	gram    gram
}

// node is one operation, kept flat so that recording it allocates nothing.
type node struct {
	back    func(t *Tape, n *node)
	out     *Tensor
	in      [4]*Tensor
	more    []*Tensor // inputs of operations with many, in place of in
	buf     []float32 // what forward keeps for backward
	ints    []int     // likewise, labels for example
	cond    []bool
	index   []int32
	lines   kernel.Lines
	f, g, h float32
	flag    bool
	kind    int
	at      [MaxRank]int // offsets, or an order of dimensions
	conv    kernel.Conv
	norm    *BatchNormState
	key     uint64
	op      Operation

	block Block
	layer string // as Scope named it
}

// NewTape returns an empty tape.
func NewTape() *Tape { return &Tape{} }

// Reset takes back every result and forgets every operation, for a pass in mode.
func (t *Tape) Reset(mode Mode) {
	t.arena.reset()
	clear(t.nodes)
	t.nodes = t.nodes[:0]
	t.used, t.flops, t.moments.of = 0, 0, nil
	t.profile.reset()
	t.sites = 0
	clear(t.sources)
	t.sources = t.sources[:0]
	t.numbers = t.numbers[:0]
	t.gram.reset()
	t.mode = mode
	t.scope = ""
	t.err = nil
}

// Mode returns what the pass is for.
func (t *Tape) Mode() Mode { return t.mode }

// SetDirect says whether the convolutions that follow are computed directly, without
// Winograd's algorithm: slower, with smaller rounding errors. At first they are not. It
// outlives Reset.
func (t *Tape) SetDirect(on bool) { t.direct = on }

// SetMixed says whether passes of different sizes follow each other, as of texts that are as long as
// they are: memory of one then serves another, so that all take little more than the largest. At
// first they don't. It outlives Reset.
func (t *Tape) SetMixed(on bool) { t.arena.mixed = on }

// SetPrecision says how the products, convolutions and attention that follow take their operands,
// forward and backward. At first that is Float32. It outlives Reset.
func (t *Tape) SetPrecision(p Precision) { t.precision = p }

// FLOPs returns the floating-point operations of the products and convolutions of the
// forward pass so far, done directly.
func (t *Tape) FLOPs() int { return t.flops }

// Scope names the layer that the next operations belong to, for errors.
func (t *Tape) Scope(name string) { t.scope = name }

// Err returns the first error of the pass.
func (t *Tape) Err() error { return t.err }

// fail records an operation's error and returns nil, which is what every operation
// returns and accepts after an error.
func (t *Tape) fail(op, format string, args ...any) *Tensor {
	if t.err == nil {
		t.err = &ShapeError{Layer: t.scope, Op: op, Problem: fmt.Sprintf(format, args...)}
	}
	return nil
}

// Fail records an error of a layer that can't work with its input, as operations record
// theirs, and returns nil.
func (t *Tape) Fail(layer, format string, args ...any) *Tensor { return t.fail(layer, format, args...) }

// A ShapeError reports tensors that an operation can't work with.
type ShapeError struct {
	Layer   string // as [Tape.Scope] named it, may be empty
	Op      string
	Problem string // names the shapes
}

func (e *ShapeError) Error() string {
	if e.Layer == "" {
		return e.Op + ": " + e.Problem
	}
	return e.Layer + ": " + e.Op + ": " + e.Problem
}

// stop reports whether an operation can't start: after an error, or for want of an
// input or of its memory.
func (t *Tape) stop(op string, inputs ...*Tensor) bool {
	for i, x := range inputs {
		if x == nil && t.err == nil {
			t.fail(op, "input %d is nil", i)
		} else if t.err == nil && x.Data == nil {
			t.fail(op, "input %d, %v, has no memory: it was released, or never bound", i, x.shape())
		}
	}
	return t.err != nil
}

// float64s returns n float64 values of unknown content, until the next call.
func (t *Tape) float64s(n int) []float64 {
	if cap(t.sums) < n {
		t.sums = make([]float64, n)
	}
	return t.sums[:n]
}

// result returns a tensor of the tape with memory of its own, not cleared.
func (t *Tape) result(shape ...int) *Tensor {
	x := t.header(shape...)
	x.Data, x.own = t.arena.get(size(shape)), true
	return x
}

// resultLast returns a tensor of x's shape but for the last dimension.
func (t *Tape) resultLast(x *Tensor, last int) *Tensor {
	dims := x.dims
	dims[x.rank-1] = last
	return t.result(dims[:x.rank]...)
}

// view returns a tensor over x's memory. Its gradient has memory of its own until its
// backward step hands it to x.
func (t *Tape) view(x *Tensor, shape ...int) *Tensor {
	y := t.header(shape...)
	y.Data, y.base = x.Data, x
	if x.base != nil {
		y.base = x.base
	}
	y.base.views++
	return y
}

// header returns a tensor of the tape without memory.
func (t *Tape) header(shape ...int) *Tensor {
	if t.used == len(t.tensors) {
		t.tensors = append(t.tensors, new(Tensor))
	}
	x := t.tensors[t.used]
	t.used++
	*x = Tensor{}
	x.setShape(shape)
	return x
}

// Input returns a tensor over data, which it shares and which needs no gradient.
func (t *Tape) Input(data []float32, shape ...int) *Tensor {
	if t.err != nil {
		return nil
	}
	if err := checkShape(shape); err != nil {
		return t.fail("input", "%v", err)
	}
	if size(shape) != len(data) {
		return t.fail("input", "shape %v has %d elements, the data %d", slices.Clone(shape), size(shape), len(data))
	}
	x := t.header(shape...)
	x.Data = data
	if t.trace != nil {
		t.trace(Traced{Layer: t.scope, Op: InputOp, Out: x})
	}
	return x
}

// record appends an operation whose result is n.out, if any of its inputs needs a
// gradient.
func (t *Tape) record(n node) *Tensor {
	if t.trace != nil {
		t.trace(n.traced(t.scope))
	}
	if t.mode == Eval {
		t.arena.put(n.buf)
		return n.out
	}
	for _, x := range n.in {
		n.out.needs = n.out.needs || x != nil && x.needs
	}
	for _, x := range n.more {
		n.out.needs = n.out.needs || x != nil && x.needs
	}
	if n.out.needs {
		n.layer = t.scope
		t.nodes = append(t.nodes, n)
		t.profile.forward(t, &n)
	}
	return n.out
}

// Backward computes the gradient of seed times loss, a tensor of one element, with
// respect to every bound parameter and the results in between.
func (t *Tape) Backward(loss *Tensor, seed float32) error {
	if t.err == nil && (loss == nil || len(loss.Data) != 1) {
		return errors.New("backward: the loss must be a tensor of one element")
	}
	t.seed[0] = seed
	t.gram.seed = float64(seed)
	return t.BackwardFrom(loss, t.seed[:])
}

// BackwardFrom is [Tape.Backward] from a result of any shape, given the gradient of the
// loss with respect to it.
func (t *Tape) BackwardFrom(y *Tensor, grad []float32) error {
	switch {
	case t.err != nil:
		return t.err
	case t.mode == Eval:
		return errors.New("backward: the tape is in Eval mode, which records nothing")
	case !y.needs:
		return errors.New("backward: the loss depends on no parameter")
	case len(grad) != len(y.Data):
		return fmt.Errorf("backward: a result of shape %v needs a gradient of %d elements, got %d", y.Shape(), len(y.Data), len(grad))
	}
	if err := t.gram.start(); err != nil {
		return err
	}
	y.kept = true
	g, _ := t.into(y)
	copy(g, grad)
	if t.profile != nil {
		t.profile.mark = time.Now()
	}
	t.unwind(0)
	t.gram.finish()
	return t.err
}

// unwind takes the way back of all operations from start on, the last first.
func (t *Tape) unwind(start int) {
	if t.gram.wanted() {
		t.markParameters(start)
	}
	for i := len(t.nodes) - 1; i >= start; i-- {
		n := &t.nodes[i]
		if n.out.Grad == nil {
			continue // the loss does not depend on it
		}
		if t.gram.wanted() && !t.addGram(n) {
			return
		}
		n.back(t, n)
		t.profile.backward(i)
		t.release(n)
	}
}

// release gives a node's memory back once its backward step is done: nothing earlier
// on the tape needs it.
func (t *Tape) release(n *node) {
	t.arena.put(n.buf)
	n.buf = nil
	if n.out.kept {
		return
	}
	t.arena.put(n.out.Grad)
	if n.out.base == nil {
		t.arena.put(n.out.Data)
	}
	n.out.Grad, n.out.Data = nil, nil
}

// Release says that nothing will look at x again. In mode Eval its memory goes to the
// results that follow, once all views of it are released as well; in other modes Backward
// still needs it, and takes it back itself. Inputs and parameters stay. An operation on a
// released tensor is an error.
func (t *Tape) Release(x *Tensor) {
	if t.mode != Eval || x == nil || x.Data == nil || x.kept {
		return
	}
	root := x
	switch {
	case x.base != nil:
		root = x.base
		root.views--
	case !x.own:
		return
	default:
		x.block, x.own = x.Data, false
	}
	x.Data = nil
	if root.views == 0 && root.block != nil {
		t.arena.put(root.block)
		root.block = nil
	}
}

// Keep makes x's values and gradient outlive Backward, which otherwise takes the memory
// of results back as it goes; all are gone at the next Reset. It returns x.
func (t *Tape) Keep(x *Tensor) *Tensor {
	if x != nil {
		x.kept = true
		if x.base != nil {
			x.base.kept = true
		}
	}
	return x
}
