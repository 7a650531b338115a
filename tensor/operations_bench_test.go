package tensor_test

import (
	"testing"

	"github.com/monge-ml/monge/tensor"
)

// BenchmarkOperations times operations at sizes of transformers and image networks, forward
// and with the way back.
func BenchmarkOperations(b *testing.B) {
	table, column := []int{16, 50, 768}, []int{16, 50, 1}
	scores, mask := []int{16, 12, 50, 50}, []int{16, 1, 50, 50}
	cond := condition(mask)
	rows := make([]int, 800)
	for i := range rows {
		rows[i] = i * 7919 % 30522
	}
	taken, index, weight := make([]int32, 614400), make([]int32, 112), make([]float32, 112)
	for i := range taken {
		taken[i] = int32(i * 7919 % 614400)
	}
	for i := range index {
		index[i], weight[i] = int32(min(i/4+i%2, 27)), .5
	}
	mapped := func(f tensor.Function, a float32) func(t tape, x []result) result {
		return func(t tape, x []result) result { return t.Map(f, x[0], a, 0) }
	}
	product := func(transB bool) func(t tape, x []result) result {
		return func(t tape, x []result) result { return t.MatMul(x[0], x[1], false, transB) }
	}
	for _, c := range []struct {
		name string
		torchCase
	}{
		{"matmul qk", of(product(true), []int{16, 12, 50, 64}, []int{16, 12, 50, 64})},
		{"matmul av", of(product(false), scores, []int{16, 12, 50, 64})},
		{"matmul qk 197", of(product(true), []int{4, 12, 197, 64}, []int{4, 12, 197, 64})},
		{"matmul av 197", of(product(false), []int{4, 12, 197, 197}, []int{4, 12, 197, 64})},
		{"matmul rows", of(product(false), table, []int{768, 768})},
		{"matmul left", of(product(false), []int{196, 196}, []int{16, 196, 512})},
		{"matmul tiny", of(product(false), []int{4096, 8, 8}, []int{4096, 8, 8})},
		{"gather", of(func(t tape, x []result) result { return t.Gather(x[0], 0, rows) }, []int{30522, 768})},
		{"gather last", of(func(t tape, x []result) result { return t.Gather(x[0], 1, rows) }, []int{64, 30522})},
		{"where", of(func(t tape, x []result) result { return t.Where(cond, mask, x[0], x[1]) }, scores, []int{1})},
		{"erf", of(mapped(tensor.Erf, 0), table)},
		{"exp", of(mapped(tensor.Exp, 0), table)},
		{"sqrt", of(mapped(tensor.Sqrt, 0), table)},
		{"reciprocal", of(mapped(tensor.Reciprocal, 0), table)},
		{"affine", of(mapped(tensor.Affine, 2), table)},
		{"pow 2", of(mapped(tensor.PowScalar, 2), table)},
		{"pow 2.5", of(mapped(tensor.PowScalar, 2.5), table)},
		{"log", of(mapped(tensor.Log, 0), table)},
		{"sin", of(mapped(tensor.Sin, 0), table)},
		{"softplus", of(mapped(tensor.Softplus, 0), table)},
		{"mish", of(mapped(tensor.Mish, 0), table)},
		{"elu", of(mapped(tensor.ELU, 1), table)},
		{"sub", of(func(t tape, x []result) result { return t.Sub(x[0], x[1]) }, table, table)},
		{"sub column", of(func(t tape, x []result) result { return t.Sub(x[0], x[1]) }, table, column)},
		{"div", of(func(t tape, x []result) result { return t.Div(x[0], x[1]) }, table, table)},
		{"div column", of(func(t tape, x []result) result { return t.Div(x[0], x[1]) }, table, column)},
		{"maximum", of(func(t tape, x []result) result { return t.Maximum(x[0], x[1]) }, table, table)},
		{"pow", of(func(t tape, x []result) result { return t.Pow(x[0], x[1]) }, table, table)},
		{"max last", of(func(t tape, x []result) result { return t.Max(x[0], -1) }, table)},
		{"max middle", of(func(t tape, x []result) result { return t.Max(x[0], 1) }, table)},
		{"log-sum-exp", of(func(t tape, x []result) result { return t.LogSumExp(x[0], -1) }, table)},
		{"prod", of(func(t tape, x []result) result { return t.Prod(x[0], -1) }, table)},
		{"cumsum", of(func(t tape, x []result) result { return t.CumSum(x[0], 1, false, false) }, table)},
		{"take", of(func(t tape, x []result) result { return t.Take(x[0], taken, table...) }, table)},
		{"put", of(func(t tape, x []result) result { return t.Put(x[0], taken, x[1], false) }, table, table)},
		{"slice by 2", of(func(t tape, x []result) result { return t.SliceStep(x[0], 1, 0, 2, 25) }, table)},
		{"expand", of(func(t tape, x []result) result { return t.Expand(x[0], table...) }, column)},
		{"interpolate", of(func(t tape, x []result) result { return t.Interpolate(x[0], 1, index, weight, 2) }, []int{8, 28, 28, 64})},
		{"interpolate 2", of(func(t tape, x []result) result { return t.Interpolate(x[0], 2, index, weight, 2) }, []int{8, 28, 28, 64})},
		{"interpolate 3", of(func(t tape, x []result) result { return t.Interpolate(x[0], 3, index, weight, 2) }, []int{8, 64, 28, 28})},
		{"instance norm", of(func(t tape, x []result) result { return t.GroupNorm(x[0], nil, nil, 64, 1e-5) }, []int{16, 56, 56, 64})},
		{"instance norm of 1", of(func(t tape, x []result) result { return t.GroupNorm(x[0], nil, nil, 64, 1e-5) }, []int{1, 112, 112, 64})},
		{"layer norm", of(func(t tape, x []result) result { return t.LayerNorm(x[0], nil, nil, 1e-5) }, table)},
		{"rms norm", of(func(t tape, x []result) result { return t.RMSNorm(x[0], x[1], 1e-5) }, table, []int{768})},
		{"lrn", of(func(t tape, x []result) result { return t.LRN(x[0], 5, 1e-4, .75, 1) }, []int{8, 28, 28, 96})},
		{"permute heads", of(func(t tape, x []result) result { return t.Permute(x[0], 0, 2, 1, 3) }, []int{16, 50, 12, 64})},
		{"permute last", of(func(t tape, x []result) result { return t.Permute(x[0], 0, 1, 3, 2) }, []int{16, 12, 50, 64})},
	} {
		x, grad := c.parameters(b, "")
		tp := tensor.NewTape()
		for mode, name := range []string{"forward", "both"} {
			step := func() result {
				tp.Reset(tensor.Mode(mode))
				for i, p := range x {
					p.Bind(p.Data, grad[i], false)
				}
				return c.op(tp, x)
			}
			y := step()
			dy := ones(y.Len())
			b.Run(c.name+"/"+name, func(b *testing.B) {
				for b.Loop() {
					if y := step(); mode == 1 {
						if err := tp.BackwardFrom(y, dy); err != nil {
							b.Fatal(err)
						}
					}
				}
			})
		}
	}
}
