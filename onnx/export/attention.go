package export

import (
	"fmt"
	"math"

	"github.com/monge-ml/monge/onnx"
)

// attention is the products of each head, with a mask where rows are not to be seen.
func (g *graph) attention(o *operation) {
	if o.Numbers != nil {
		g.fail("the lengths of sequences were read from the minibatch: give AttentionOptions its Tokens")
		return
	}
	dims := g.dims(o.in[0])
	if dims[1].each || dims[2].open() || dims[1].long && o.in[3] >= 0 {
		g.fail("sequences %v whose length or width follows the minibatch, or with Tokens the input", dims)
		return
	}
	rows, width := dims[1].n, dims[2].n
	each := width / o.Heads
	split := g.ints("shape", 0, 0, o.Heads, each)
	head := func(id int, perm ...int) string {
		return g.node("Transpose", []string{g.node("Reshape", []string{g.plainly(id), split})}, onnx.IntsAttr("perm", perm...))
	}
	q, k, v := head(o.in[0], 0, 2, 1, 3), head(o.in[1], 0, 2, 3, 1), head(o.in[2], 0, 2, 1, 3)
	scores := g.of("Mul", g.node("MatMul", []string{q, k}), 1/math.Sqrt(float64(each)))
	if o.Causal {
		scores = g.node("Add", []string{scores, g.causal(dims[1])})
	}
	if o.in[3] >= 0 {
		scores = g.node("Add", []string{scores, g.padding(o.in[3], rows)})
	}
	seen := g.node("Softmax", []string{scores}, onnx.IntAttr("axis", -1))
	y := g.node("Transpose", []string{g.node("MatMul", []string{seen, v})}, onnx.IntsAttr("perm", 0, 2, 1, 3))
	g.add(o.out, g.node("Reshape", []string{y, g.ints("shape", 0, 0, width)}), plain(3))
}

// unseen is added to the scores of rows that are not to be seen; the lowest number, as infinities
// are not for all servers.
const unseen = -math.MaxFloat32

// causal is what is added to scores so that a row sees none behind it.
func (g *graph) causal(rows dim) string {
	switch {
	case !rows.long:
		return g.causalMask(rows.n)
	case g.causes == "":
		to := g.sizes([]dim{rows, rows})
		g.causes = g.node("Slice", []string{g.causalMask(g.part.Shape[0]), g.ints("from", 0, 0), to, g.ints("axes", 0, 1)})
	}
	return g.causes
}

// causalMask is that of so many rows.
func (g *graph) causalMask(rows int) string {
	name := fmt.Sprintf("causal(%d)", rows)
	if g.names[name] {
		return name
	}
	mask := make([]float32, rows*rows)
	for i := range rows {
		for j := i + 1; j < rows; j++ {
			mask[i*rows+j] = unseen
		}
	}
	return g.floats(name, mask, rows, rows)
}

// padding is what is added to scores so that tokens of 0 at the end of a sequence are not seen,
// [N, 1, 1, rows]; the first token always is.
func (g *graph) padding(tokens, rows int) string {
	if name, ok := g.masks[tokens]; ok {
		return name
	}
	ids := g.integers(tokens)
	places := make([]int64, rows)
	for i := range places {
		places[i] = int64(i)
	}
	at := g.numbers(fmt.Sprintf("places(%d)", rows), places)
	there := g.node("Cast", []string{g.node("Cast", []string{ids}, onnx.IntAttr("to", int(onnx.Bool)))}, onnx.IntAttr("to", int(onnx.Int64)))
	last := g.node("ReduceMax", []string{g.node("Mul", []string{there, at})}, onnx.IntsAttr("axes", 1))
	mask := g.node("Where", []string{g.node("Greater", []string{at, last}), g.scalar(unseen), g.scalar(0)})
	mask = g.node("Unsqueeze", []string{mask, g.ints("axes", 1, 2)})
	g.masks[tokens] = mask
	return mask
}
