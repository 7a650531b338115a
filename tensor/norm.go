package tensor

import (
	"math"

	"github.com/monge-ml/monge/internal/kernel"
)

// LayerNorm normalises each row of x [..., C] to mean 0 and variance 1 and returns that
// times gamma plus beta, each [C] or nil: PyTorch's layer_norm over the last dimension.
func (t *Tape) LayerNorm(x, gamma, beta *Tensor, eps float32) *Tensor {
	return t.rowNorm("layer norm", x, gamma, beta, eps, false)
}

// RMSNorm returns each row of x [..., C] over the root of the mean of its squares plus eps,
// times gamma [C] or nil: PyTorch's rms_norm over the last dimension (Zhang and Sennrich 2019,
// arXiv 1910.07467).
func (t *Tape) RMSNorm(x, gamma *Tensor, eps float32) *Tensor {
	return t.rowNorm("rms norm", x, gamma, nil, eps, true)
}

func (t *Tape) rowNorm(op string, x, gamma, beta *Tensor, eps float32, rms bool) *Tensor {
	if t.stop(op, x) || !t.affineFits(op, x, gamma, beta) {
		return nil
	}
	markNorm(gamma, beta)
	rows, _ := x.rows()
	y := t.result(x.Shape()...)
	stats := t.arena.get(3 * rows)
	g, b := t.orConstant(gamma, x, 1), t.orConstant(beta, x, 0)
	if rms {
		kernel.RMSNorm(y.Data, x.Data, g, b, stats, float64(eps))
	} else {
		kernel.LayerNorm(y.Data, x.Data, g, b, stats, float64(eps))
	}
	t.putConstant(gamma, g)
	t.putConstant(beta, b)
	return t.record(node{back: layerNormBack, out: y, in: [4]*Tensor{x, gamma, beta}, buf: stats, flag: rms, f: eps})
}

// orConstant returns p's values, or the value v for each channel of x.
func (t *Tape) orConstant(p, x *Tensor, v float32) []float32 {
	if p != nil {
		return p.Data
	}
	b := t.arena.get(x.Dim(-1))
	for i := range b {
		b[i] = v
	}
	return b
}

func (t *Tape) putConstant(p *Tensor, b []float32) {
	if p == nil {
		t.arena.put(b)
	}
}

func layerNormBack(t *Tape, n *node) {
	x, gamma, beta := n.in[0], n.in[1], n.in[2]
	var dgamma, dbeta []float64
	if gamma != nil && gamma.needs || beta != nil && beta.needs {
		channels := x.Dim(-1)
		sums := t.float64s(2 * channels)
		dgamma, dbeta = sums[:channels], sums[channels:]
	}
	dy := n.out.Grad
	dx, add := t.take(x, n.out)
	g := t.orConstant(gamma, x, 1)
	if n.flag {
		kernel.RMSNormGrad(dx, dgamma, dbeta, dy, x.Data, g, n.buf, add)
	} else {
		kernel.LayerNormGrad(dx, dgamma, dbeta, dy, x.Data, g, n.buf, add)
	}
	t.putConstant(gamma, g)
	t.store(gamma, dgamma)
	t.store(beta, dbeta)
}

// UnitRows returns each row of x [..., C] over its Euclidean norm: PyTorch's normalize over
// the last dimension, where a row of zeros stays one.
func (t *Tape) UnitRows(x *Tensor) *Tensor {
	if t.stop("unit rows", x) {
		return nil
	}
	rows, cols := x.rows()
	y := t.result(x.Shape()...)
	norms := t.arena.get(rows)
	for r := range rows {
		row := x.Data[r*cols : (r+1)*cols]
		norms[r] = float32(max(math.Sqrt(kernel.Dot(row, row)), 1e-12))
		kernel.Scale(y.Data[r*cols:(r+1)*cols], 1/norms[r], row)
	}
	return t.record(node{back: unitRowsBack, out: y, in: [4]*Tensor{x}, buf: norms})
}

// unitRowsBack is dx = (dy - y (y·dy)) / |x|.
func unitRowsBack(t *Tape, n *node) {
	rows, cols := n.out.rows()
	dx, add := t.into(n.in[0])
	g := t.arena.get(cols)
	for r := range rows {
		y, dy := n.out.Data[r*cols:(r+1)*cols], n.out.Grad[r*cols:(r+1)*cols]
		kernel.AddScaled(g, dy, -float32(kernel.Dot(y, dy)), y)
		scaleInto(dx[r*cols:(r+1)*cols], 1/n.buf[r], g, add)
	}
	t.arena.put(g)
}

// GroupNorm normalises each of groups of channels of x [N, ..., C] within its image,
// and returns that times gamma plus beta, each [C] or nil: PyTorch's group_norm.
func (t *Tape) GroupNorm(x, gamma, beta *Tensor, groups int, eps float32) *Tensor {
	if t.stop("group norm", x) {
		return nil
	}
	if x.rank < 2 || groups < 1 || x.Dim(-1)%groups != 0 {
		return t.fail("group norm", "input %v does not have channels, its last dimension, for %d groups", x.shape(), groups)
	}
	if !t.affineFits("group norm", x, gamma, beta) {
		return nil
	}
	markNorm(gamma, beta)
	y := t.result(x.Shape()...)
	stats := t.arena.get(3 * x.dims[0] * groups)
	g, b := t.orConstant(gamma, x, 1), t.orConstant(beta, x, 0)
	kernel.GroupNorm(y.Data, x.Data, g, b, stats, x.dims[0], groups, float64(eps))
	t.putConstant(gamma, g)
	t.putConstant(beta, b)
	return t.record(node{back: groupNormBack, out: y, in: [4]*Tensor{x, gamma, beta}, buf: stats, kind: groups, f: eps})
}

func groupNormBack(t *Tape, n *node) {
	x, gamma, beta := n.in[0], n.in[1], n.in[2]
	channels := x.Dim(-1)
	sums := t.float64s(2 * channels)
	dgamma, dbeta := sums[:channels], sums[channels:]
	dy := n.out.Grad
	dx, add := t.take(x, n.out)
	g := t.orConstant(gamma, x, 1)
	kernel.GroupNormGrad(dx, dgamma, dbeta, dy, x.Data, g, n.buf, x.dims[0], n.kind, add)
	t.putConstant(gamma, g)
	t.store(gamma, dgamma)
	t.store(beta, dbeta)
}
