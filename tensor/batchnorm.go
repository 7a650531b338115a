package tensor

import (
	"math"
	"slices"

	"github.com/monge-ml/monge/internal/kernel"
)

// A BatchNormState is what a batch normalisation keeps from step to step.
type BatchNormState struct {
	// Mean and Var are running statistics, an element for each channel. They move in
	// mode Train alone: not at a perturbed point of the same minibatch. With nil
	// there are none, and every pass uses its minibatch's statistics.
	Mean, Var []float32
	Momentum  float32 // of the running statistics, 0 means .1
	Eps       float32 // added to the variance, 0 means 1e-5
	Frozen    bool    // use the running statistics in all modes, and leave them alone
}

// BatchNorm normalises each channel, the last dimension of x [N, ..., C], to the mean
// and variance of the minibatch, or in mode Eval to the running ones, and returns that
// times gamma plus beta, each [C] or nil: PyTorch's batch_norm.
func (t *Tape) BatchNorm(x, gamma, beta *Tensor, s *BatchNormState) *Tensor {
	return t.batchNorm(x, nil, gamma, beta, s, false)
}

// BatchNormReLU returns relu(BatchNorm(x) + res) with fewer passes over memory. res has
// x's shape or is nil.
func (t *Tape) BatchNormReLU(x, res, gamma, beta *Tensor, s *BatchNormState) *Tensor {
	return t.batchNorm(x, res, gamma, beta, s, true)
}

func (t *Tape) batchNorm(x, res, gamma, beta *Tensor, s *BatchNormState, relu bool) *Tensor {
	if !t.batchNormFits(x, res, gamma, beta, s) {
		return nil
	}
	markNorm(gamma, beta)
	rows, channels := x.rows()
	fixed := s.Mean != nil && (s.Frozen || t.mode == Eval)
	if !fixed && rows == 1 && t.mode != Eval {
		return t.fail("batch norm", "input %v has one value per channel; the variance needs more", x.shape())
	}
	eps := float64(s.Eps)
	if eps == 0 {
		eps = 1e-5
	}
	m := t.arena.get(3 * channels)
	if fixed {
		for c := range channels {
			kernel.SetMoments(m[3*c:], float64(s.Mean[c]), 1/math.Sqrt(float64(s.Var[c])+eps))
		}
	} else {
		t.batchMoments(m, x, s, eps)
	}
	y := t.result(x.Shape()...)
	coef := t.arena.get(3 * channels)
	shift, scale, offset := coef[:channels], coef[channels:2*channels], coef[2*channels:]
	for c := range channels {
		g, b := element(gamma, c, 1), element(beta, c, 0)
		shift[c], scale[c], offset[c] = m[3*c], m[3*c+1]*g, b+float32(m[3*c+2]*g)
	}
	var r []float32
	if res != nil {
		r = res.Data
	}
	kernel.Normalize(y.Data, x.Data, r, shift, scale, offset, relu)
	t.arena.put(coef)
	n := node{back: batchNormBack, out: y, in: [4]*Tensor{x, gamma, beta, res}, buf: m, flag: fixed, f: float32(eps), norm: s}
	if relu {
		n.kind = 1
	}
	return t.record(n)
}

// element is x[i], or other if x is nil.
func element(x *Tensor, i int, other float32) float32 {
	if x == nil {
		return other
	}
	return x.Data[i]
}

// batchNormFits checks the shapes.
func (t *Tape) batchNormFits(x, res, gamma, beta *Tensor, s *BatchNormState) bool {
	const op = "batch norm"
	if t.stop(op, x) || res != nil && t.stop(op, res) {
		return false
	}
	channels := x.Dim(-1)
	switch {
	case s == nil:
		t.fail(op, "input %v: the state is nil", x.shape())
	case x.rank < 2:
		t.fail(op, "input %v must have shape [N ... C]", x.shape())
	case res != nil && !res.sameShape(x):
		t.fail(op, "residual %v does not fit input %v", res.shape(), x.shape())
	case len(s.Mean) != len(s.Var) || s.Mean != nil && len(s.Mean) != channels:
		t.fail(op, "running statistics of %d and %d channels do not fit input %v", len(s.Mean), len(s.Var), x.shape())
	}
	return t.affineFits(op, x, gamma, beta)
}

// affineFits checks a scale and an offset for the last dimension.
func (t *Tape) affineFits(op string, x, gamma, beta *Tensor) bool {
	for i, p := range [...]*Tensor{gamma, beta} {
		if p != nil && (p.rank != 1 || p.Dim(0) != x.Dim(-1)) {
			t.fail(op, "%s %v does not fit input %v: it must have shape [%d]", [...]string{"weight", "bias"}[i], p.shape(), x.shape(), x.Dim(-1))
		}
	}
	return t.err == nil
}

// batchMoments stores the minibatch's moments, and in mode Train moves the running
// ones, whose variance is the unbiased one.
func (t *Tape) batchMoments(m []float32, x *Tensor, s *BatchNormState, eps float64) {
	rows, channels := x.rows()
	sum, sq := t.moments.take(t, x)
	if sum == nil {
		sums := t.float64s(2 * channels)
		sum, sq = sums[:channels], sums[channels:]
		kernel.ColumnMoments(sum, sq, x.Data)
	}
	n := float64(rows)
	momentum := float64(s.Momentum)
	if momentum == 0 {
		momentum = .1
	}
	for c := range channels {
		mean := sum[c] / n
		variance := max(0, sq[c]/n-mean*mean)
		kernel.SetMoments(m[3*c:], mean, 1/math.Sqrt(variance+eps))
		if t.mode == Train && s.Mean != nil {
			s.Mean[c] = float32((1-momentum)*float64(s.Mean[c]) + momentum*mean)
			s.Var[c] = float32((1-momentum)*float64(s.Var[c]) + momentum*variance*n/(n-1))
		}
	}
}

// moments are the sums of the channels of the last result, and of their squares, if its operation has made them.
type moments struct {
	of   *Tensor
	at   int // tensors that there were
	sums []float64
}

// momentsOf returns where the operation that made y, the last result, writes its moments.
func (t *Tape) momentsOf(y *Tensor) (sum, sq []float64) {
	m, channels := &t.moments, y.Dim(-1)
	m.of, m.at = y, t.used
	m.sums = slices.Grow(m.sums[:0], 2*channels)[:2*channels]
	return m.sums[:channels], m.sums[channels:]
}

// take returns the moments of x, nil if they are not at hand.
func (m *moments) take(t *Tape, x *Tensor) (sum, sq []float64) {
	if m.of != x || m.at != t.used {
		return nil, nil
	}
	m.of = nil
	half := len(m.sums) / 2
	return m.sums[:half], m.sums[half:]
}

func batchNormBack(t *Tape, n *node) {
	x, res, dy := n.in[0], n.in[3], n.out.Grad
	var y []float32 // masks dy
	if n.kind == 1 {
		y = n.out.Data
	}
	channels := x.Dim(-1)
	coef := t.arena.get(4 * channels)
	t.batchNormSums(n, coef, dy, y)
	var dx, dres []float32
	var addDx, addRes bool
	if res != nil && res.needs {
		dres, addRes = t.take(res, n.out)
		dx, addDx = t.into(x)
	} else {
		dx, addDx = t.take(x, n.out)
	}
	switch {
	case dx != nil:
		kernel.NormalizeGrad(dx, dres, dy, x.Data, y, coef[:channels], coef[channels:2*channels],
			coef[2*channels:3*channels], coef[3*channels:], addDx, addRes)
	case dres != nil && addRes:
		kernel.ReluBackwardAdd(dres, dy, y)
	case dres != nil:
		kernel.ReluBackward(dres, dy, y)
	}
	t.arena.put(coef)
}

// batchNormSums writes the gradients of gamma and beta, and the coefficients with
// which the gradient of x is dy*scale + (x-shift)*slope + offset, in the order shift,
// scale, slope, offset.
func (t *Tape) batchNormSums(n *node, coef, dy, y []float32) {
	x, gamma, beta := n.in[0], n.in[1], n.in[2]
	rows, channels := x.rows()
	sums := t.float64s(2 * channels)
	sum, prod := sums[:channels], sums[channels:]
	kernel.ColumnProducts(sum, prod, dy, x.Data, y)
	for c := range channels {
		m := n.buf[3*c : 3*c+3]
		mean, inv := kernel.Moments(m)
		prod[c] = inv * (prod[c] - mean*sum[c])
		scale := inv * float64(element(gamma, c, 1))
		slope, offset := 0., 0.
		if !n.flag {
			slope = -scale * inv * prod[c] / float64(rows)
			offset = -scale*sum[c]/float64(rows) - slope*(mean-float64(m[0]))
		}
		coef[c], coef[channels+c] = m[0], float32(scale)
		coef[2*channels+c], coef[3*channels+c] = float32(slope), float32(offset)
	}
	t.store(gamma, prod)
	t.store(beta, sum)
}

// store writes or adds a gradient computed in float64.
func (t *Tape) store(x *Tensor, grad []float64) {
	if x == nil {
		return
	}
	dx, add := t.into(x)
	for i := range dx {
		g := float32(grad[i])
		if add {
			g += dx[i]
		}
		dx[i] = g
	}
}
