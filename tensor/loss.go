package tensor

import (
	"math"

	"github.com/monge-ml/monge/internal/kernel"
)

// CrossEntropyOptions change what [Tape.CrossEntropyWith] computes, as PyTorch's
// cross_entropy has them.
type CrossEntropyOptions struct {
	LabelSmoothing float32   // share of the target spread evenly over the classes, 0 to 1
	Weights        []float32 // of the classes; nil means 1 each. The mean is a weighted one
	Sum            bool      // the sum over rows, not the mean
	Shares         []float32 // of the rows in the mean, in place of 1/rows each; nil for that
}

// CrossEntropyWith is [Tape.CrossEntropy] with options.
func (t *Tape) CrossEntropyWith(logits *Tensor, labels []int, o CrossEntropyOptions) *Tensor {
	const op = "cross-entropy"
	if !t.labelsFit(op, logits, labels) {
		return nil
	}
	classes := logits.Dim(-1)
	switch {
	case !(o.LabelSmoothing >= 0 && o.LabelSmoothing <= 1):
		return t.fail(op, "label smoothing %g of logits %v must be from 0 to 1", o.LabelSmoothing, logits.shape())
	case o.Weights != nil && len(o.Weights) != classes:
		return t.fail(op, "%d class weights do not fit logits %v", len(o.Weights), logits.shape())
	case o.Shares != nil && len(o.Shares) != len(labels):
		return t.fail(op, "%d shares do not fit logits %v; there must be one for each row", len(o.Shares), logits.shape())
	}
	y := t.result(1)
	grad := t.arena.get(len(logits.Data)) // of the sum over rows
	var sum, weight float64
	for i, label := range labels {
		g := grad[i*classes : (i+1)*classes]
		x := logits.Data[i*classes : (i+1)*classes]
		loss := smoothRow(g, x, label, softmaxRow(g, x, label), &o)
		weight += classWeight(o.Weights, label)
		if o.Shares != nil {
			f := o.Shares[i] * float32(len(labels))
			loss *= float64(f)
			kernel.Scale(g, f, g)
		}
		sum += loss
	}
	n := node{back: crossEntropyWithBack, out: y, in: [4]*Tensor{logits}, buf: grad, f: 1}
	if !o.Sum {
		n.f = float32(1 / weight)
		sum /= weight
	}
	y.Data[0] = float32(sum)
	return t.record(n)
}

func classWeight(weights []float32, class int) float64 {
	if weights == nil {
		return 1
	}
	return float64(weights[class])
}

// smoothRow turns the softmax of x into the gradient of a row's loss, the sum over
// classes j of T_j (-log p_j), and returns that loss; T is the target's weight for each
// class, and entropy is -log p of the label.
func smoothRow(p, x []float32, label int, entropy float64, o *CrossEntropyOptions) float64 {
	smooth := float64(o.LabelSmoothing)
	hit := (1 - smooth) * classWeight(o.Weights, label)
	loss, total := hit*entropy, hit
	logSum := entropy + float64(x[label]) // log of the sum of exp(x)
	if smooth > 0 {
		for j, v := range x {
			w := smooth / float64(len(x)) * classWeight(o.Weights, j)
			loss += w * (logSum - float64(v))
			total += w
		}
	}
	for j, v := range p {
		g := total * float64(v)
		if smooth > 0 {
			g -= smooth / float64(len(x)) * classWeight(o.Weights, j)
		}
		if j == label {
			g -= hit
		}
		p[j] = float32(g)
	}
	return loss
}

func crossEntropyWithBack(t *Tape, n *node) {
	dx, add := t.into(n.in[0])
	scaleInto(dx, n.f*n.out.Grad[0], n.buf, add)
}

// MSE returns the mean over all elements of (x-y)², or the sum, PyTorch's mse_loss.
func (t *Tape) MSE(x, y *Tensor, sum bool) *Tensor {
	if t.stop("mse", x, y) {
		return nil
	}
	if !x.sameShape(y) {
		return t.fail("mse", "%v and %v must have the same shape", x.shape(), y.shape())
	}
	out := t.result(1)
	total := 0.
	for i, v := range x.Data {
		d := float64(v) - float64(y.Data[i])
		total += d * d
	}
	f := float32(1)
	if !sum {
		total /= float64(len(x.Data))
		f = 1 / float32(len(x.Data))
	}
	out.Data[0] = float32(total)
	return t.record(node{back: mseBack, out: out, in: [4]*Tensor{x, y}, f: f})
}

func mseBack(t *Tape, n *node) {
	x, y := n.in[0], n.in[1]
	f := 2 * n.f * n.out.Grad[0]
	for i, in := range n.in[:2] {
		dx, add := t.into(in)
		s := f
		if i == 1 {
			s = -f
		}
		for k := range dx {
			g := s * (x.Data[k] - y.Data[k])
			if add {
				g += dx[k]
			}
			dx[k] = g
		}
	}
}

// labelsFit checks a label for each row.
func (t *Tape) labelsFit(op string, logits *Tensor, labels []int) bool {
	if t.stop(op, logits) {
		return false
	}
	rows, classes := logits.rows()
	if len(labels) != rows {
		t.fail(op, "logits %v need %d labels, got %d", logits.shape(), rows, len(labels))
		return false
	}
	for i, l := range labels {
		if l < 0 || l >= classes {
			t.fail(op, "label %d of row %d is outside the %d classes", l, i, classes)
			return false
		}
	}
	return true
}

// softmaxRow writes softmax(x) to p and returns -log p[label].
func softmaxRow(p, x []float32, label int) float64 {
	top := x[0]
	for _, v := range x[1:] {
		top = max(top, v)
	}
	var sum float64
	for j, v := range x {
		e := math.Exp(float64(v - top))
		p[j] = float32(e)
		sum += e
	}
	inv := float32(1 / sum)
	for j := range p {
		p[j] *= inv
	}
	return math.Log(sum) - float64(x[label]-top)
}

// BinaryCrossEntropy returns the mean over all elements of the cross-entropy, in nats, between
// sigmoid(logits) and targets from 0 to 1, one for each: PyTorch's binary_cross_entropy_with_logits.
func (t *Tape) BinaryCrossEntropy(logits *Tensor, targets []float32) *Tensor {
	return t.BinaryCrossEntropyOf(logits, targets, nil)
}

// BinaryCrossEntropyOf is [Tape.BinaryCrossEntropy] in which each row of logits has the share of the
// loss that shares say, in place of 1/rows: the sum over rows of a share times the row's mean.
// With nil it is that.
func (t *Tape) BinaryCrossEntropyOf(logits *Tensor, targets, shares []float32) *Tensor {
	const op = "binary cross-entropy"
	if t.stop(op, logits) {
		return nil
	}
	rows, cols := logits.rows()
	switch {
	case len(targets) != len(logits.Data):
		return t.fail(op, "%d targets for logits %v; there must be one for each", len(targets), logits.shape())
	case shares != nil && len(shares) != rows:
		return t.fail(op, "%d shares do not fit logits %v; there must be one for each row", len(shares), logits.shape())
	}
	y := t.result(1)
	grad := t.arena.get(len(logits.Data)) // of the sum
	var sum float64
	for i, v := range logits.Data {
		x, target := float64(v), float64(targets[i])
		if !(target >= 0 && target <= 1) {
			return t.fail(op, "target %g of element %d must be from 0 to 1", target, i)
		}
		e := math.Exp(-math.Abs(x)) // at most 1, whatever the logit
		f := 1.
		if shares != nil {
			f = float64(shares[i/cols]) * float64(rows)
		}
		sum += f * (max(x, 0) - x*target + math.Log1p(e))
		p := 1 / (1 + e) // of the likelier side
		if x < 0 {
			p = e / (1 + e)
		}
		grad[i] = float32(f * (p - target))
	}
	n := float64(len(targets))
	y.Data[0] = float32(sum / n)
	return t.record(node{back: crossEntropyWithBack, out: y, in: [4]*Tensor{logits}, buf: grad, f: float32(1 / n)})
}
