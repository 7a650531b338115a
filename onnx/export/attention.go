package export

import (
	"fmt"
	"math"

	"github.com/monge-ml/monge/onnx"
)

// Inputs of attention.
const (
	queries = iota
	keys
	values
	tokens
	bias
	mask
)

// attention is the products of each head, with what is added to their scores.
func (g *graph) attention(o *operation) {
	if o.Numbers != nil {
		g.fail("the lengths of sequences were read from the minibatch: give AttentionOptions its Tokens")
		return
	}
	dims, seen := g.dims(o.in[queries]), g.dims(o.in[keys])[1]
	if dims[1].each || seen.each || dims[2].open() {
		g.fail("sequences %v whose length or width follows the minibatch", dims)
		return
	}
	each := dims[2].n / o.Heads
	split := g.ints("shape", 0, 0, o.Heads, each)
	head := func(id int, perm ...int) string {
		return g.node("Transpose", []string{g.node("Reshape", []string{g.plainly(id), split})}, onnx.IntsAttr("perm", perm...))
	}
	q, k, v := head(o.in[queries], 0, 2, 1, 3), head(o.in[keys], 0, 2, 3, 1), head(o.in[values], 0, 2, 1, 3)
	scores := g.of("Mul", g.node("MatMul", []string{q, k}), 1/math.Sqrt(float64(each)))
	if o.in[bias] >= 0 {
		scores = g.node("Add", []string{scores, g.plainly(o.in[bias])})
	}
	if o.in[mask] >= 0 {
		scores = g.masked(scores, o, dims, seen)
	}
	if o.Causal {
		scores = g.node("Add", []string{scores, g.causal(dims[1], seen)})
	}
	there := ""
	if o.in[tokens] >= 0 {
		p := g.padding(o.in[tokens], seen)
		scores, there = g.node("Add", []string{scores, p.unseen}), p.there
	}
	weights := g.node("Softmax", []string{scores}, onnx.IntAttr("axis", -1))
	y := g.node("Transpose", []string{g.node("MatMul", []string{weights, v})}, onnx.IntsAttr("perm", 0, 2, 1, 3))
	y = g.node("Reshape", []string{y, g.ints("shape", 0, 0, dims[2].n)})
	if there != "" {
		y = g.node("Mul", []string{y, there})
	}
	g.add(o.out, y, plain(3))
}

// masked adds a mask to scores; a mask of fewer sequences to each so many of them.
func (g *graph) masked(scores string, o *operation, dims []dim, seen dim) string {
	m, name := g.dims(o.in[mask]), g.plainly(o.in[mask])
	if m[0] == dims[0] || m[0] == (dim{n: 1}) {
		return g.node("Add", []string{scores, name})
	}
	if m[0].open() || dims[1].long || seen.long {
		g.fail("a mask %v of sequences %v to rows %v, which follow the input", m, dims, seen)
		return ""
	}
	apart := g.node("Reshape", []string{scores, g.ints("shape", -1, m[0].n, o.Heads, dims[1].n, seen.n)})
	return g.node("Reshape", []string{g.node("Add", []string{apart, name}), g.ints("shape", -1, o.Heads, dims[1].n, seen.n)})
}

// unseen is added to the scores of rows that are not to be seen; the lowest number, as infinities
// are not for all servers.
const unseen = -math.MaxFloat32

// causal is what is added to scores so that a row sees none behind it.
func (g *graph) causal(rows, seen dim) string {
	if !rows.long && !seen.long {
		return g.causalMask(rows.n, seen.n)
	}
	if rows != seen {
		g.fail("causal attention of rows %v to rows %v, of which one follows the input", rows, seen)
		return ""
	}
	if g.causes == "" {
		most := g.part.most()
		to := g.sizes([]dim{rows, rows})
		g.causes = g.node("Slice", []string{g.causalMask(most, most), g.ints("from", 0, 0), to, g.ints("axes", 0, 1)})
	}
	return g.causes
}

// causalMask is that of so many rows and rows that they see.
func (g *graph) causalMask(rows, seen int) string {
	name := fmt.Sprintf("causal(%d,%d)", rows, seen)
	if g.names[name] {
		return name
	}
	mask := make([]float32, rows*seen)
	for i := range rows {
		for j := i + 1; j < seen; j++ {
			mask[i*seen+j] = unseen
		}
	}
	return g.floats(name, mask, rows, seen)
}

// padded says where sequences are padding.
type padded struct {
	unseen string // added to scores [N, heads, rows, rows]
	there  string // 1 for rows that are none, [N, rows, 1]
}

// padding is that of so many rows, of tokens of 0 at the end of a sequence; the first token never is.
func (g *graph) padding(tokens int, rows dim) padded {
	if p, ok := g.padded[tokens]; ok {
		return p
	}
	either := func(there string, yes, no float64, axes ...int) string {
		return g.node("Unsqueeze", []string{g.node("Where", []string{there, g.scalar(yes), g.scalar(no)}), g.ints("axes", axes...)})
	}
	both := func(there string) padded {
		p := padded{either(there, 0, unseen, 1, 2), either(there, 1, 0, 2)}
		g.padded[tokens] = p
		return p
	}
	ids, n := g.integers(tokens), rows.n
	if len(g.part.More) > 0 { // a mask of its own says it of each token
		return both(g.node("Cast", []string{ids}, onnx.IntAttr("to", int(onnx.Bool))))
	}
	if rows.long {
		n = g.part.most()
	}
	places := make([]int64, n)
	for i := range places {
		places[i] = int64(i)
	}
	at := g.numbers(fmt.Sprintf("places(%d)", n), places)
	if rows.long {
		at = g.node("Slice", []string{at, g.ints("from", 0), g.length(), g.ints("axes", 0)})
	}
	set := g.node("Cast", []string{g.node("Cast", []string{ids}, onnx.IntAttr("to", int(onnx.Bool)))}, onnx.IntAttr("to", int(onnx.Int64)))
	last := g.node("ReduceMax", []string{g.node("Mul", []string{set, at})}, onnx.IntsAttr("axes", 1))
	return both(g.node("Not", []string{g.node("Greater", []string{at, last})}))
}
