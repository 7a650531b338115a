package tensor

import (
	"reflect"

	"github.com/monge-ml/monge/internal/kernel"
)

// A gramRule is what [Tape.Gram] must know of an operation. One without a rule is an error.
type gramRule struct {
	name string // as errors of the operation have it; "" as a [Traced] has it

	// also reports, where the first dimensions do not say it all, whether examples stay apart.
	also func(n *node) bool
	// end says how a result of one number follows from the inputs.
	end ending

	params string // the inputs that may be parameters: '0', '1', ...
	fixed  bool   // and must be, if they need a gradient
	// add adds what the parameters contribute, whose inputs and result it finds as the way back does.
	add func(t *Tape, n *node)

	same bool // of a parameter the result has elements, each of them once at most
	sums bool // a sum of parameters is a shared tensor, which is the same for all examples
}

type ending int

const (
	endNot     ending = iota // in no way that would be a sum over examples
	endSum                   // as a sum
	endProduct               // as a product: a sum if one factor alone needs a gradient
)

func (r *gramRule) takes(input int) bool {
	for _, c := range r.params {
		if int(c-'0') == input {
			return true
		}
	}
	return false
}

// code identifies a way back, and so the operation.
func code(back func(*Tape, *node)) uintptr { return reflect.ValueOf(back).Pointer() }

var gramRules = map[uintptr]gramRule{}

func init() {
	rule := func(back func(*Tape, *node), r gramRule) { gramRules[code(back)] = r }

	// Each row of the result follows from the same row of the input.
	rule(reluBack, gramRule{name: "relu"})
	rule(activateBack, gramRule{})
	rule(bentBack, gramRule{})
	rule(mapBack, gramRule{})
	rule(dropoutBack, gramRule{name: "dropout"})
	rule(softmaxBack, gramRule{name: "softmax", also: hasRows})
	rule(unitRowsBack, gramRule{name: "unit rows", also: hasRows})
	rule(lrnBack, gramRule{name: "lrn", also: hasRows})
	rule(maxPoolBack, gramRule{name: "max pool"})
	rule(avgPoolBack, gramRule{name: "average pool"})
	rule(globalAvgPoolBack, gramRule{name: "global average pool"})
	rule(subsampleBack, gramRule{name: "subsample"})
	rule(attentionBack, gramRule{name: "attention", also: func(n *node) bool { b := n.more[attentionBias]; return b == nil || !b.needs }})
	rule(checkpointBack, gramRule{name: "checkpoint"}) // whose inside comes by itself

	// Along which dimension is what counts.
	rule(reshapeBack, gramRule{name: "reshape", same: true, end: endSum})
	rule(permuteBack, gramRule{name: "permute", same: true, also: func(n *node) bool { return n.at[0] == 0 }})
	rule(sliceBack, gramRule{name: "slice", same: true, also: keepsRows})
	rule(padBack, gramRule{name: "pad", also: keepsRows})
	rule(concatBack, gramRule{name: "concat", params: "0123456789", add: addGramOfConcat, also: func(n *node) bool { return n.kind != 0 }})
	rule(gatherBack, gramRule{name: "gather", also: func(n *node) bool { return n.kind != 0 }})
	rule(cumSumBack, gramRule{name: "cumulative sum", also: func(n *node) bool { return n.kind != 0 }})
	rule(totalBack, gramRule{also: func(n *node) bool { return n.at[0] == 0 }, end: endSum})
	rule(extremeBack, gramRule{also: func(n *node) bool { return n.at[0] == 0 }})

	// Elementwise on two.
	rule(addBack, gramRule{name: "add", params: "01", add: addGramOfSum, sums: true, also: alignsRows, end: endSum})
	rule(subBack, gramRule{name: "sub", params: "01", add: addGramOfSum, sums: true, also: alignsRows, end: endSum})
	rule(mulBack, gramRule{name: "mul", params: "01", add: addGramOfProduct, also: alignsRows, end: endProduct})
	rule(binaryBack, gramRule{also: alignsRows})
	rule(whereBack, gramRule{name: "where", also: alignsRows})
	rule(expandBack, gramRule{name: "expand", params: "0", add: addGramOfSum, also: alignsRows})

	// With weights.
	rule(linearBack, gramRule{name: "linear", params: "12", fixed: true, add: addGramOfLinear})
	rule(matmulBack, gramRule{name: "matmul", params: "1", add: addGramOfMatMul, also: multipliesApart})
	rule(convBack, gramRule{name: "conv2d", params: "12", fixed: true, add: addGramOfConv})
	rule(convTransposeBack, gramRule{name: "conv transpose2d", params: "12", fixed: true, add: addGramOfConvTranspose})
	rule(layerNormBack, gramRule{name: "layer norm", params: "12", fixed: true, add: addGramOfLayerNorm, also: hasRows})
	rule(groupNormBack, gramRule{name: "group norm", params: "12", fixed: true, add: addGramOfGroupNorm})
	rule(batchNormBack, gramRule{name: "batch norm", params: "12", add: addGramOfBatchNorm})
	rule(embeddingBack, gramRule{name: "embedding", params: "0", fixed: true, add: addGramOfEmbedding})

	// Losses.
	rule(crossEntropyBack, gramRule{name: "cross-entropy", end: endSum})
	rule(crossEntropyWithBack, gramRule{name: "cross-entropy", end: endSum})
	rule(mseBack, gramRule{name: "mse", end: endSum})
}

// hasRows is for operations along the last dimension, which must not be the examples'.
func hasRows(n *node) bool { return n.in[0].rank > 1 }

// keepsRows is for parts along one dimension and what is put around them.
func keepsRows(n *node) bool { return n.in[0].dims[0] == n.out.dims[0] }

// alignsRows is for what is repeated to a common shape: activations must not be, along the examples.
func alignsRows(n *node) bool {
	for _, x := range n.in {
		if x != nil && x.needs && !x.shared && (x.rank != n.out.rank || x.dims[0] != n.out.dims[0]) {
			return false
		}
	}
	return true
}

// multipliesApart is for products of matrices: of activations in batches, or of rows with one matrix.
func multipliesApart(n *node) bool {
	a, b, y := n.in[0], n.in[1], n.out
	within := func(x *Tensor) bool { return !x.needs || x.shared || x.rank == y.rank && x.dims[0] == y.dims[0] }
	switch {
	case !within(a) || !within(b):
		return false
	case b.needs && !b.shared:
		return b.rank > 2
	}
	return a.rank > 2 || !n.flag
}

// needed reports whether a parameter is there and has a gradient.
func needed(x *Tensor) bool { return x != nil && x.needs }

// addGramOfSum is for elementwise sums and differences, and for repetition.
func addGramOfSum(t *Tape, n *node) {
	for _, x := range n.in[:2] {
		if needed(x) && x.shared {
			t.spreadOver(n, x, n.out.Grad)
		}
	}
}

// addGramOfConcat is for one example: a parameter is then repeated to its shape by being what it is.
func addGramOfConcat(t *Tape, n *node) {
	var at [MaxRank]int
	for _, x := range n.more {
		if needed(x) && x.shared {
			if t.gram.n > 1 {
				t.gramFail(n, "the parameter %v has a row for each row of the minibatch, so it can't be in the Gram matrix", x.shape())
				return
			}
			g := t.arena.get(len(x.Data))
			t.box(g, x, n.out.Grad, n.out, x, &at, 1, false)
			t.addEach(n, x, g)
			t.arena.put(g)
		}
		at[n.kind] += x.dims[n.kind]
	}
}

func addGramOfProduct(t *Tape, n *node) {
	for i, x := range n.in[:2] {
		if !x.needs || !x.shared {
			continue
		}
		other := n.in[1-i]
		s, _ := broadcast(n.out, other)
		g := t.arena.get(len(n.out.Data))
		kernel.MulStrided(&s, g, n.out.Grad, other.Data, false)
		t.spreadOver(n, x, g)
		t.arena.put(g)
	}
}

// addGramOfBias is for a bias, or what else is added to all rows of channels.
func (t *Tape) addGramOfBias(n *node, b *Tensor, dy []float32) {
	if !needed(b) {
		return
	}
	examples, cols := t.gram.n, len(b.Data)
	g := t.arena.get(examples * cols)
	kernel.SumMiddle(g, dy, examples, len(dy)/(examples*cols), cols, 1, false)
	t.addEach(n, b, g)
	t.arena.put(g)
}

// addGramOfScale is for a factor of each channel of x.
func (t *Tape) addGramOfScale(n *node, f *Tensor, dy, x []float32) {
	examples, cols := t.gram.n, len(f.Data)
	g := t.arena.get(examples * cols)
	kernel.SumProducts(g, dy, x, examples, len(dy)/(examples*cols), cols, false)
	t.addEach(n, f, g)
	t.arena.put(g)
}

func addGramOfLayerNorm(t *Tape, n *node) {
	x, gamma, beta := n.in[0], n.in[1], n.in[2]
	if needed(gamma) {
		one, zero := t.orConstant(nil, x, 1), t.orConstant(nil, x, 0)
		y, stats := t.arena.get(len(x.Data)), t.arena.get(len(n.buf))
		if n.flag {
			kernel.RMSNorm(y, x.Data, one, zero, stats, float64(n.f))
		} else {
			kernel.LayerNorm(y, x.Data, one, zero, stats, float64(n.f))
		}
		t.addGramOfScale(n, gamma, n.out.Grad, y)
		t.putAll(one, zero, y, stats)
	}
	t.addGramOfBias(n, beta, n.out.Grad)
}

func addGramOfGroupNorm(t *Tape, n *node) {
	x, gamma, beta := n.in[0], n.in[1], n.in[2]
	if needed(gamma) {
		one, zero := t.orConstant(nil, x, 1), t.orConstant(nil, x, 0)
		y, stats := t.arena.get(len(x.Data)), t.arena.get(len(n.buf))
		kernel.GroupNorm(y, x.Data, one, zero, stats, x.dims[0], n.kind, float64(n.f))
		t.addGramOfScale(n, gamma, n.out.Grad, y)
		t.putAll(one, zero, y, stats)
	}
	t.addGramOfBias(n, beta, n.out.Grad)
}

func addGramOfBatchNorm(t *Tape, n *node) {
	x, gamma, beta, dy := n.in[0], n.in[1], n.in[2], n.out.Grad
	if !n.flag {
		t.gramFail(n, "it normalises by the statistics of the minibatch, which mixes examples, so there are no gradients of each "+
			"for the Gram matrix; freeze batch normalisation, or take a network with group normalisation")
		return
	}
	if n.kind == 1 {
		dy = t.arena.get(len(dy))
		kernel.ReluBackward(dy, n.out.Grad, n.out.Data)
	}
	if needed(gamma) {
		c := x.Dim(-1)
		y, coef := t.arena.get(len(x.Data)), t.arena.get(3*c)
		for i := range c {
			coef[i], coef[c+i], coef[2*c+i] = n.buf[3*i], n.buf[3*i+1], n.buf[3*i+2]
		}
		kernel.Normalize(y, x.Data, nil, coef[:c], coef[c:2*c], coef[2*c:], false)
		t.addGramOfScale(n, gamma, dy, y)
		t.putAll(y, coef)
	}
	t.addGramOfBias(n, beta, dy)
	if n.kind == 1 {
		t.arena.put(dy)
	}
}

// putAll gives memory back.
func (t *Tape) putAll(blocks ...[]float32) {
	for _, b := range blocks {
		t.arena.put(b)
	}
}
