package tensor

import "math"

// CrossEntropy returns the mean over rows of the cross-entropy, in nats, between
// softmax(logits) of shape [rows, classes] and integer labels, one a row.
func (t *Tape) CrossEntropy(logits *Tensor, labels []int) *Tensor {
	if t.err != nil {
		return nil
	}
	rows, classes := logits.rows()
	if len(labels) != rows {
		return t.fail("cross-entropy", "logits %v need %d labels, got %d", logits.Shape(), rows, len(labels))
	}
	for i, l := range labels {
		if l < 0 || l >= classes {
			return t.fail("cross-entropy", "label %d of row %d is outside the %d classes", l, i, classes)
		}
	}
	y := t.result(1)
	prob := t.arena.get(len(logits.Data))
	var sum float64
	for i, label := range labels {
		sum += softmaxRow(prob[i*classes:(i+1)*classes], logits.Data[i*classes:(i+1)*classes], label)
	}
	y.Data[0] = float32(sum / float64(rows))
	return t.record(node{back: crossEntropyBack, out: y, in: [3]*Tensor{logits}, buf: prob, ints: labels})
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

func crossEntropyBack(t *Tape, n *node) {
	dx, add := t.into(n.in[0])
	rows, classes := n.in[0].rows()
	scale := n.out.Grad[0] / float32(rows)
	for i, label := range n.ints {
		p := n.buf[i*classes : (i+1)*classes]
		d := dx[i*classes : (i+1)*classes]
		for j, v := range p {
			g := scale * v
			if j == label {
				g = scale * (v - 1)
			}
			if add {
				g += d[j]
			}
			d[j] = g
		}
	}
}
