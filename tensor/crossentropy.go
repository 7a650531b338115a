package tensor

// CrossEntropy returns the mean over rows of the cross-entropy, in nats, between
// softmax(logits) of shape [rows, classes] and integer labels, one a row.
func (t *Tape) CrossEntropy(logits *Tensor, labels []int) *Tensor {
	if !t.labelsFit("cross-entropy", logits, labels) {
		return nil
	}
	rows, classes := logits.rows()
	y := t.result(1)
	prob := t.arena.get(len(logits.Data))
	var sum float64
	for i, label := range labels {
		sum += softmaxRow(prob[i*classes:(i+1)*classes], logits.Data[i*classes:(i+1)*classes], label)
	}
	y.Data[0] = float32(sum / float64(rows))
	return t.record(node{back: crossEntropyBack, out: y, in: [4]*Tensor{logits}, buf: prob, ints: labels})
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
