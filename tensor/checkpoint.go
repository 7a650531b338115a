package tensor

// A Block is a part of a network, for [Tape.Checkpoint].
type Block interface {
	Forward(t *Tape, x *Tensor) *Tensor
}

// Checkpoint returns block.Forward(t, x) and forgets all that the block computed but its
// result; backward computes it again. So a network of many blocks keeps one tensor of
// each and the insides of one: gradient checkpointing (Chen et al. 2016, arXiv
// 1604.06174), for one more forward pass. The gradient is the same to the bit: dropout
// draws what it drew, and running statistics do not move again.
func (t *Tape) Checkpoint(x *Tensor, block Block) *Tensor {
	if t.mode == Eval || t.stop("checkpoint", x) {
		return block.Forward(t, x)
	}
	start, sites := len(t.nodes), t.sites
	y := block.Forward(t, x)
	if t.err != nil || y == x || !y.needs {
		return y
	}
	if y.base != nil { // a view, whose memory is about to go
		own := t.result(y.Shape()...)
		copy(own.Data, y.Data)
		own.needs = true
		y = own
	}
	for i := range t.nodes[start:] {
		n := &t.nodes[start+i]
		t.arena.put(n.buf)
		if n.out != y && n.out.base == nil && !n.out.kept {
			t.arena.put(n.out.Data)
			n.out.Data = nil
		}
	}
	clear(t.nodes[start:])
	t.nodes = t.nodes[:start]
	return t.record(node{back: checkpointBack, out: y, in: [4]*Tensor{x}, block: block, key: sites})
}

func checkpointBack(t *Tape, n *node) {
	x, y, block := n.in[0], n.out, n.block
	mode, sites, flops, profile := t.mode, t.sites, t.flops, t.profile
	t.mode, t.sites, t.profile = Perturbed, n.key, nil
	start := len(t.nodes)
	leaf := t.header(x.Shape()...) // x with a gradient of its own
	leaf.Data, leaf.needs = x.Data, x.needs
	z := block.Forward(t, leaf)
	if t.err != nil { // an operation of a user's that has changed its mind
		return
	}
	z.Grad, z.written = t.arena.get(len(y.Grad)), true
	copy(z.Grad, y.Grad)
	t.unwind(start)
	t.nodes = t.nodes[:start]
	t.mode, t.sites, t.flops, t.profile = mode, sites, flops, profile
	if dx, add := t.into(x); dx != nil && leaf.Grad != nil {
		scaleInto(dx, 1, leaf.Grad, add)
	} else if dx != nil && !add {
		clear(dx)
	}
	t.arena.put(leaf.Grad)
}
