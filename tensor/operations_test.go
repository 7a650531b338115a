package tensor_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/monge-ml/monge/tensor"
	"github.com/monge-ml/monge/tensor/internal/gradcheck"
)

func init() {
	for name, trans := range map[string][2]bool{"": {}, " of left transposed": {true, false}, " of right transposed": {false, true}, " of both transposed": {true, true}} {
		for kind, shapes := range matmulShapes {
			operationCases["matmul"+kind+name] = matmul(trans, shapes)
		}
	}
}

var matmulShapes = map[string][2][]int{
	"":               {{3, 4}, {4, 5}},
	", rows of many": {{2, 3, 2, 4}, {4, 5}},
	", batch":        {{2, 3, 2, 4}, {2, 3, 4, 3}},
	", one left":     {{2, 4}, {3, 4, 2}},
	", one right":    {{3, 2, 4}, {1, 4, 2}},
	", broadcast":    {{2, 1, 3, 1, 4}, {3, 1, 4, 2}},
}

// matmul is a product of matrices of the given shapes, which are first transposed as told.
func matmul(trans [2]bool, shapes [2][]int) torchCase {
	var c torchCase
	for i, s := range shapes {
		s = slices.Clone(s)
		if n := len(s); trans[i] {
			s[n-1], s[n-2] = s[n-2], s[n-1]
		}
		c.shapes = append(c.shapes, s)
	}
	c.op = func(t tape, x []result) result { return t.MatMul(x[0], x[1], trans[0], trans[1]) }
	return c
}

// mapped is f of scale*x + offset.
func mapped(f tensor.Function, scale, offset, a, b float32) torchCase {
	return torchCase{func(t tape, x []result) result {
		return t.Map(f, t.Map(tensor.Affine, x[0], scale, offset), a, b)
	}, row}
}

// operationCases are those of testdata/gen_operations.py.
var operationCases = map[string]torchCase{
	"exp":                    mapped(tensor.Exp, 4, 0, 0, 0),
	"log":                    mapped(tensor.Log, 2, 3, 0, 0),
	"sqrt":                   mapped(tensor.Sqrt, 2, 3, 0, 0),
	"reciprocal":             mapped(tensor.Reciprocal, 2, 3, 0, 0),
	"neg":                    mapped(tensor.Neg, 1, 0, 0, 0),
	"abs whole":              mapped(tensor.Abs, 1, 0, 0, 0),
	"sin":                    mapped(tensor.Sin, 4, 0, 0, 0),
	"cos":                    mapped(tensor.Cos, 4, 0, 0, 0),
	"tan":                    mapped(tensor.Tan, 1, 0, 0, 0),
	"asin":                   mapped(tensor.Asin, .75, 0, 0, 0),
	"acos":                   mapped(tensor.Acos, .75, 0, 0, 0),
	"atan":                   mapped(tensor.Atan, 4, 0, 0, 0),
	"sinh":                   mapped(tensor.Sinh, 4, 0, 0, 0),
	"cosh":                   mapped(tensor.Cosh, 4, 0, 0, 0),
	"asinh":                  mapped(tensor.Asinh, 4, 0, 0, 0),
	"acosh":                  mapped(tensor.Acosh, 2, 4, 0, 0),
	"atanh":                  mapped(tensor.Atanh, .75, 0, 0, 0),
	"erf":                    mapped(tensor.Erf, 4, 0, 0, 0),
	"floor":                  mapped(tensor.Floor, 4, 0, 0, 0),
	"ceil":                   mapped(tensor.Ceil, 4, 0, 0, 0),
	"round":                  mapped(tensor.Round, 4, 0, 0, 0),
	"round whole":            mapped(tensor.Round, .5, 0, 0, 0),
	"sign whole":             mapped(tensor.Sign, 1, 0, 0, 0),
	"softplus":               mapped(tensor.Softplus, 4, 0, 0, 0),
	"softsign":               mapped(tensor.Softsign, 4, 0, 0, 0),
	"mish":                   mapped(tensor.Mish, 4, 0, 0, 0),
	"affine":                 mapped(tensor.Affine, 1, 0, 2, 3),
	"elu whole":              mapped(tensor.ELU, 1, 0, 1.5, 0),
	"selu whole":             mapped(tensor.SELU, 1, 0, 1.6732632423543772, 1.0507009873554805),
	"celu whole":             mapped(tensor.CELU, 1, 0, 1.5, 0),
	"thresholded relu whole": mapped(tensor.ThresholdedReLU, 1, 0, 1, 0),
	"soft shrink whole":      mapped(tensor.Shrink, 1, 0, 1, 1),
	"hard shrink whole":      mapped(tensor.Shrink, 1, 0, 1, 0),
	"pow 2.5":                mapped(tensor.PowScalar, 2, 3, 2.5, 0),
	"pow 3 whole":            mapped(tensor.PowScalar, 1, 0, 3, 0),
	"2.5 pow":                mapped(tensor.FunctionExpBase, 4, 0, 2.5, 0),

	"sub":                   of(func(t tape, x []result) result { return t.Sub(x[0], x[1]) }, []int{2, 3}, []int{2, 3}),
	"sub broadcast":         of(func(t tape, x []result) result { return t.Sub(x[0], x[1]) }, []int{2, 1, 3}, []int{4, 1}),
	"sub of one tensor":     of(func(t tape, x []result) result { return t.Sub(x[0], x[0]) }, row...),
	"div":                   of(func(t tape, x []result) result { return t.Div(x[0], plus3(t, x[1])) }, []int{2, 3}, []int{2, 3}),
	"div broadcast":         of(func(t tape, x []result) result { return t.Div(x[0], plus3(t, x[1])) }, []int{3}, []int{2, 1, 4, 1}),
	"div of one tensor":     of(func(t tape, x []result) result { h := plus3(t, x[0]); return t.Div(h, h) }, row...),
	"pow":                   of(func(t tape, x []result) result { return t.Pow(plus3(t, x[0]), x[1]) }, []int{2, 3}, []int{2, 3}),
	"pow broadcast":         of(func(t tape, x []result) result { return t.Pow(plus3(t, x[0]), x[1]) }, []int{2, 1, 1, 3, 1}, []int{4, 1, 5}),
	"pow whole":             of(func(t tape, x []result) result { return t.Pow(plus3(t, x[0]), plus3(t, x[1])) }, []int{7, 1}, []int{9}),
	"minimum whole":         of(func(t tape, x []result) result { return t.Minimum(x[0], x[1]) }, []int{7, 1}, []int{9}),
	"maximum whole":         of(func(t tape, x []result) result { return t.Maximum(x[0], x[1]) }, []int{7}, []int{2, 3, 1}),
	"maximum of one tensor": of(func(t tape, x []result) result { return t.Maximum(x[0], x[0]) }, row...),
	"where":                 where([]int{2, 3}, []int{2, 3}, []int{2, 3}),
	"where broadcast":       where([]int{3, 1, 4}, []int{5, 1}, []int{2, 1, 1, 1}),
	"where of a column":     where([]int{4, 1}, []int{1}, []int{4, 5}),

	"matmul of one tensor": of(func(t tape, x []result) result { return t.MatMul(x[0], x[0], false, true) }, []int{2, 3, 4}),

	"take":                               of(func(t tape, x []result) result { return t.Take(x[0], []int32{5, 0, -1, 5, 3, 5}, 2, 3) }, []int{2, 3}),
	"gather":                             of(func(t tape, x []result) result { return t.Gather(x[0], 0, []int{2, 0, 2, 2}) }, []int{3, 2, 2}),
	"gather in the middle":               of(func(t tape, x []result) result { return t.Gather(x[0], 1, []int{2, 0, 2, 1, 2}) }, []int{2, 3, 2}),
	"gather along the last":              of(func(t tape, x []result) result { return t.Gather(x[0], -1, []int{2, 0, 2, 2}) }, []int{2, 2, 3}),
	"put":                                of(func(t tape, x []result) result { return t.Put(x[0], []int32{4, 0, 2}, x[1], false) }, []int{2, 3}, []int{3}),
	"put added":                          of(func(t tape, x []result) result { return t.Put(x[0], []int32{4, 0, 4, 4}, x[1], true) }, []int{2, 3}, []int{2, 2}),
	"slice by 2":                         of(func(t tape, x []result) result { return t.SliceStep(x[0], 1, 1, 2, 3) }, []int{2, 6, 3}),
	"slice by -2":                        of(func(t tape, x []result) result { return t.SliceStep(x[0], 1, 4, -2, 2) }, []int{2, 6, 3}),
	"expand":                             of(func(t tape, x []result) result { return t.Expand(x[0], 2, 1, 3, 1) }, []int{4, 1, 5}),
	"cumulative sum":                     of(func(t tape, x []result) result { return t.CumSum(x[0], 1, false, false) }, []int{2, 4, 3}),
	"cumulative sum, exclusive":          of(func(t tape, x []result) result { return t.CumSum(x[0], -1, true, false) }, []int{2, 4, 3}),
	"cumulative sum, reverse":            of(func(t tape, x []result) result { return t.CumSum(x[0], 0, false, true) }, []int{4, 3}),
	"cumulative sum, exclusive, reverse": of(func(t tape, x []result) result { return t.CumSum(x[0], 1, true, true) }, []int{2, 4, 3}),
	"interpolate":                        of(twice, []int{2, 3, 17}),
	"interpolate the last":               of(func(t tape, x []result) result { return t.Interpolate(x[0], 2, twiceIndex, twiceWeight, 2) }, []int{2, 2, 3}),
	"interpolate by copies":              of(func(t tape, x []result) result { return t.Interpolate(x[0], 1, []int32{2, 1, 0, 1, 2, 1}, ones(6), 1) }, []int{2, 3, 17}),

	"max whole":                         of(func(t tape, x []result) result { return t.Max(x[0]) }, row...),
	"max of the middle whole":           of(func(t tape, x []result) result { return t.Max(x[0], 1) }, []int{2, 7, 3}),
	"max of the last whole":             of(func(t tape, x []result) result { return t.Max(x[0], -1) }, []int{2, 3, 7}),
	"max of the first and last whole":   of(func(t tape, x []result) result { return t.Max(x[0], 0, 2) }, []int{4, 2, 5}),
	"max of the second and last whole":  of(func(t tape, x []result) result { return t.Max(x[0], 1, 3) }, []int{2, 3, 2, 4}),
	"min of the first whole":            of(func(t tape, x []result) result { return t.Min(x[0], 0) }, []int{7, 2, 3}),
	"min of three whole":                of(func(t tape, x []result) result { return t.Min(x[0], 4, 0, 2) }, []int{2, 2, 2, 2, 2}),
	"prod":                              of(func(t tape, x []result) result { return t.Prod(x[0]) }, []int{2, 3}),
	"prod of the middle whole":          of(func(t tape, x []result) result { return t.Prod(x[0], 1) }, []int{2, 3, 5}),
	"prod of the first and last":        of(func(t tape, x []result) result { return t.Prod(x[0], 0, 2) }, []int{2, 2, 3}),
	"log-sum-exp":                       of(func(t tape, x []result) result { return t.LogSumExp(t.Map(tensor.Affine, x[0], 40, 0)) }, row...),
	"log-sum-exp of the middle":         of(func(t tape, x []result) result { return t.LogSumExp(four(t, x[0]), 1) }, []int{2, 3, 17}),
	"log-sum-exp of the first and last": of(func(t tape, x []result) result { return t.LogSumExp(four(t, x[0]), 0, -1) }, []int{4, 2, 5}),

	"lrn":                            of(func(t tape, x []result) result { return t.LRN(four(t, x[0]), 5, .7, .75, 1) }, []int{2, 3, 9}),
	"lrn, even":                      of(func(t tape, x []result) result { return t.LRN(four(t, x[0]), 4, .7, .6, 2) }, []int{2, 7}),
	"lrn, wide":                      of(func(t tape, x []result) result { return t.LRN(four(t, x[0]), 9, .7, .75, 1) }, []int{3}),
	"rms norm":                       of(func(t tape, x []result) result { return t.RMSNorm(x[0], x[1], 1e-5) }, []int{3, 2, 5}, []int{5}),
	"rms norm, not affine":           of(func(t tape, x []result) result { return t.RMSNorm(four(t, x[0]), nil, 1e-2) }, []int{3, 37}),
	"rms norm of a vector":           of(func(t tape, x []result) result { return t.RMSNorm(x[0], x[1], 1e-5) }, []int{19}, []int{19}),
	"layer norm of a vector":         layerNorm([]int{19}, []int{19}, []int{19}),
	"layer norm of eight dimensions": layerNorm([]int{2, 1, 2, 1, 1, 1, 2, 7}, []int{7}, []int{7}),
	"instance norm":                  groupNorm(19, []int{2, 3, 4, 19}, []int{19}, []int{19}),
	"instance norm of sequences":     groupNorm(3, []int{2, 5, 3}),

	"add of eight dimensions":           of(func(t tape, x []result) result { return t.Add(x[0], x[1]) }, []int{2, 1, 2, 1, 2, 1, 3, 1}, []int{1, 2, 2, 1, 3, 2}),
	"permute of eight dimensions":       of(func(t tape, x []result) result { return t.Permute(x[0], 7, 1, 5, 3, 4, 2, 6, 0) }, []int{2, 1, 2, 2, 1, 3, 1, 2}),
	"sum over four of eight dimensions": of(func(t tape, x []result) result { return t.Sum(x[0], 0, 2, 5, 7) }, []int{2, 1, 2, 2, 1, 3, 1, 2}),
}

// twiceIndex and twiceWeight make two elements of each of three: PyTorch's interpolate.
var (
	twiceIndex  = []int32{0, 0, 0, 1, 0, 1, 1, 2, 1, 2, 2, 2}
	twiceWeight = []float32{1, 0, .75, .25, .25, .75, .75, .25, .25, .75, 1, 0}
)

func twice(t tape, x []result) result { return t.Interpolate(x[0], 1, twiceIndex, twiceWeight, 2) }

func ones(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = 1
	}
	return x
}

func plus3(t tape, x result) result { return t.Map(tensor.Affine, x, 1, 3) }

// condition is true for every third element.
func condition(shape []int) []bool {
	n := 1
	for _, d := range shape {
		n *= d
	}
	c := make([]bool, n)
	for i := range c {
		c[i] = i%3 == 0
	}
	return c
}

func where(cond []int, shapes ...[]int) torchCase {
	c := condition(cond)
	return of(func(t tape, x []result) result { return t.Where(c, cond, x[0], x[1]) }, shapes...)
}

// between fills with numbers from lo to hi.
func between(lo, hi float64) func(rng *rand.Rand, x []float32) {
	return func(rng *rand.Rand, x []float32) {
		for i := range x {
			x[i] = float32(lo + (hi-lo)*rng.Float64())
		}
	}
}

func TestMapGradients(t *testing.T) {
	shapes := [][]int{{1}, {17}, {3, 5}, {2, 1, 3}, {2, 3, 1, 5}, {1, 2, 3, 2, 2}, {1, 1, 2, 1, 3, 1}, {2, 1, 2, 1, 2, 1, 1, 33}}
	everyLevel(t, func(t *testing.T) {
		for i := range 33 {
			f := tensor.Function(i)
			s := gradcheck.Settings{Fill: between(1.2, 1.9)}
			switch f {
			case tensor.Asin, tensor.Acos, tensor.Atanh:
				s.Fill = between(-.7, .7)
			case tensor.Floor, tensor.Ceil:
				s.Fill = between(1.1, 1.9)
			case tensor.Round:
				s.Fill = between(1.6, 2.4)
			case tensor.Exp, tensor.Erf, tensor.Sin, tensor.Mish, tensor.Softplus, tensor.Tan:
				s.Fill = between(-1, 1)
			}
			for _, shape := range shapes {
				op := func(t tape, x []result) result { return t.Map(f, x[0], 1, .5) }
				gradcheck.Check(t, f.String(), s, op, shape)
				twice := func(t tape, x []result) result { // its argument is used, and its result kept
					h := t.Add(x[0], x[0])
					return t.Add(t.Keep(t.Map(f, t.Map(tensor.Affine, h, .5, 0), 1, .5)), h)
				}
				gradcheck.Check(t, f.String(), s, twice, shape)
			}
		}
	})
}

// broadcasts are pairs of shapes that repeat in all ways, short and long.
var broadcasts = [][2][]int{
	{{1}, {1}}, {{5}, {1}}, {{1}, {7}}, {{3, 1}, {1, 5}}, {{2, 3, 17}, {17}}, {{17}, {2, 3, 1}}, {{2, 3, 1, 5}, {3, 4, 1}},
	{{1, 2, 1, 3, 1}, {2, 1, 2, 1, 33}}, {{2, 1, 2, 1, 2, 3}, {2, 2, 1, 2, 2, 1}}, {{2, 2}, {2, 1, 2, 1, 1, 1, 2, 2}}, {{1, 1}, {1, 1, 1}},
}

func TestBinaryGradients(t *testing.T) {
	fill := func(name string) func(rng *rand.Rand, x []float32) {
		if name == "minimum" || name == "maximum" {
			return notEqual()
		}
		return between(1, 2)
	}
	everyLevel(t, func(t *testing.T) {
		for name, op := range map[string]func(t tape, a, b result) result{
			"sub": tape.Sub, "div": tape.Div, "pow": tape.Pow, "minimum": tape.Minimum, "maximum": tape.Maximum,
		} {
			for _, c := range broadcasts {
				gradcheck.Check(t, name, gradcheck.Settings{Fill: fill(name)}, func(t tape, x []result) result { return op(t, x[0], x[1]) }, c[0], c[1])
				gradcheck.Check(t, name+" of results", gradcheck.Settings{Fill: fill(name)}, func(t tape, x []result) result {
					h := t.Map(tensor.Affine, x[0], 1, 0)
					return t.Mul(t.Keep(op(t, h, x[1])), h)
				}, c[0], c[1])
			}
			gradcheck.Check(t, name+" of one tensor", gradcheck.Settings{Fill: between(1, 2)}, func(t tape, x []result) result { return op(t, x[0], x[0]) }, []int{3, 19})
		}
	})
}

// notEqual fills two tensors with numbers no two of which are near each other.
func notEqual() func(rng *rand.Rand, x []float32) {
	shift := float32(0)
	return func(rng *rand.Rand, x []float32) {
		for i := range x {
			x[i] = float32(rng.IntN(40))*.06 + shift
		}
		shift += .03
	}
}

func TestWhereGradients(t *testing.T) {
	everyLevel(t, func(t *testing.T) {
		for _, c := range broadcasts {
			for _, cond := range [][]int{{1}, c[0], c[1]} {
				gradcheck.Check(t, "where", gradcheck.Settings{}, where(cond).op, c[0], c[1])
			}
			gradcheck.Check(t, "where of one tensor", gradcheck.Settings{}, func(t tape, x []result) result {
				return t.Where(condition(c[0]), c[0], x[0], x[0])
			}, c[0])
		}
		gradcheck.Check(t, "where of a larger condition", gradcheck.Settings{}, where([]int{3, 1, 1, 1, 1, 1, 1, 1}).op, []int{5}, []int{2, 1})
	})
}

func TestIndexGradients(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 7))
	everyLevel(t, func(t *testing.T) {
		for _, shape := range [][]int{{1}, {7}, {3, 5}, {2, 1, 3}, {1, 4, 2, 18}, {2, 1, 3, 1, 70}, {1, 2, 1, 2, 3, 1}, {2, 1, 2, 1, 1, 2, 1, 2}} {
			n := 1
			for _, d := range shape {
				n *= d
			}
			check := func(name string, op func(t tape, x result) result) {
				t.Helper()
				gradcheck.Check(t, name, gradcheck.Settings{}, func(t tape, x []result) result { return op(t, x[0]) }, shape)
				gradcheck.Check(t, name+" of a result", gradcheck.Settings{}, func(t tape, x []result) result {
					h := t.Map(tensor.Affine, x[0], 1, 0)
					return t.Add(t.Sum(t.Mul(h, h)), t.Keep(op(t, h)))
				}, shape)
			}
			taken := make([]int32, 11)
			for i := range taken {
				taken[i] = int32(rng.IntN(n+1) - 1)
			}
			check("take", func(t tape, x result) result { return t.Take(x, taken, 1, 11, 1) })
			for dim, d := range shape {
				index, index32, weight := make([]int, 4), make([]int32, 12), make([]float32, 12)
				for i := range index32 {
					index[i/3], index32[i], weight[i] = rng.IntN(d), int32(rng.IntN(d)), rng.Float32()-.5
				}
				check("gather", func(t tape, x result) result { return t.Gather(x, dim, index) })
				check("interpolate", func(t tape, x result) result { return t.Interpolate(x, dim, index32, weight, 3) })
				check("slice", func(t tape, x result) result { return t.SliceStep(x, dim, d-1, -1, d) })
				check("slice", func(t tape, x result) result { return t.SliceStep(x, dim, d/2, 2, (d-d/2+1)/2) })
				for i := range 4 {
					check("cumulative sum", func(t tape, x result) result { return t.CumSum(x, dim-len(shape), i%2 == 1, i/2 == 1) })
				}
			}
			check("expand", func(t tape, x result) result { return t.Expand(x, shape...) })
			if len(shape) < 6 {
				check("expand", func(t tape, x result) result { return t.Expand(x, append([]int{2, 3}, shape...)...) })
			}
			puts := make([]int32, 6)
			for i := range puts { // some of them twice
				puts[i] = int32(rng.IntN(n))
			}
			for _, add := range []bool{false, true} {
				put := func(t tape, x []result) result { return t.Put(x[0], puts, x[1], add) }
				gradcheck.Check(t, "put", gradcheck.Settings{}, put, shape, []int{3, 2})
				gradcheck.Check(t, "put of results", gradcheck.Settings{}, func(t tape, x []result) result {
					h := t.Map(tensor.Affine, x[0], 1, 0)
					return t.Mul(t.Keep(t.Put(h, puts, x[1], add)), h)
				}, shape, []int{3, 2})
			}
		}
		gradcheck.Check(t, "put of one tensor", gradcheck.Settings{}, func(t tape, x []result) result {
			return t.Put(x[0], []int32{2, 0, 2, 1, 1, 5}, x[0], false)
		}, []int{2, 3})
	})
}

func TestReductionGradients(t *testing.T) {
	everyLevel(t, func(t *testing.T) {
		for _, c := range []struct{ shape, dims []int }{
			{[]int{1}, nil}, {[]int{37}, nil}, {[]int{3, 5}, []int{0}}, {[]int{3, 5}, []int{1}}, {[]int{2, 3, 18}, []int{1}}, {[]int{2, 3, 1, 4}, []int{1, 3}},
			{[]int{1, 3, 1, 2, 2}, []int{0, 4}}, {[]int{2, 2, 1, 2, 3, 2}, []int{1, 2, 4}}, {[]int{2, 1, 2, 1, 2, 1, 1, 3}, []int{7, 0, -4}}, {[]int{1, 1}, []int{0}},
		} {
			for name, f := range map[string]func(t tape, x result, dims ...int) result{"max": tape.Max, "min": tape.Min, "prod": tape.Prod, "log-sum-exp": tape.LogSumExp} {
				s := gradcheck.Settings{Fill: apart}
				if name == "prod" {
					s.Fill = between(.7, 1.4)
				}
				gradcheck.Check(t, name, s, func(t tape, x []result) result { return f(t, x[0], c.dims...) }, c.shape)
				gradcheck.Check(t, name+" of a result", s, func(t tape, x []result) result {
					h := t.Map(tensor.Affine, x[0], 1, 0)
					return t.Add(t.Sum(t.Mul(h, h)), t.Keep(f(t, h, c.dims...)))
				}, c.shape)
			}
		}
	})
}

// farApart fills with numbers whose deviation is large beside a finite difference.
func farApart(rng *rand.Rand, x []float32) {
	apart(rng, x)
	for i := range x {
		x[i] *= 10
	}
}

func TestNormGradients(t *testing.T) {
	everyLevel(t, func(t *testing.T) {
		for _, shape := range [][]int{{1}, {19}, {3, 17}, {2, 1, 3}, {1, 2, 2, 16}, {2, 1, 2, 1, 33}, {1, 2, 1, 2, 1, 5}, {2, 1, 1, 2, 1, 1, 2, 7}} {
			c := []int{shape[len(shape)-1]}
			s := gradcheck.Settings{Fill: between(.5, 2)}
			gradcheck.Check(t, "rms norm", s, func(t tape, x []result) result { return t.RMSNorm(x[0], x[1], .1) }, shape, c)
			gradcheck.Check(t, "rms norm of a result", s, func(t tape, x []result) result {
				h := t.Map(tensor.Affine, x[0], 1, 0)
				return t.Mul(h, t.Keep(t.RMSNorm(h, nil, .1)))
			}, shape)
			if c[0] > 1 {
				gradcheck.Check(t, "layer norm", gradcheck.Settings{Fill: farApart}, layerNorm().op, shape, c, c)
			}
			for _, size := range []int{1, 2, 3, 5, 8, 100} {
				gradcheck.Check(t, "lrn", gradcheck.Settings{}, func(t tape, x []result) result { return t.LRN(x[0], size, .5, .75, 1) }, shape)
				gradcheck.Check(t, "lrn of a result", gradcheck.Settings{}, func(t tape, x []result) result {
					h := t.Map(tensor.Affine, x[0], 1, 0)
					return t.Mul(h, t.Keep(t.LRN(h, size, .5, .5, 2)))
				}, shape)
			}
		}
		for _, shape := range [][]int{{2, 3, 1}, {1, 7, 16}, {3, 2, 2, 19}, {2, 1, 3, 2, 5}, {2, 2, 1, 1, 2, 4}} {
			c := []int{shape[len(shape)-1]}
			gradcheck.Check(t, "instance norm", gradcheck.Settings{Fill: farApart}, groupNorm(c[0]).op, shape, c, c)
		}
	})
}

func TestPermuteGradients(t *testing.T) {
	everyLevel(t, func(t *testing.T) {
		for _, order := range [][]int{{0, 1, 3, 2}, {0, 2, 1, 3}, {0, 2, 3, 1}, {3, 2, 1, 0}, {1, 0, 2, 3}} {
			gradcheck.Check(t, "permute", gradcheck.Settings{}, func(t tape, x []result) result {
				h := t.Permute(x[0], order...)
				return t.Add(h, t.Permute(x[0], order...))
			}, []int{2, 9, 3, 17})
		}
	})
}

func TestMatMulGradients(t *testing.T) {
	everyLevel(t, func(t *testing.T) {
		for _, shapes := range [][2][]int{
			{{1, 1}, {1, 1}}, {{3, 7}, {7, 17}}, {{17, 1}, {1, 5}}, {{2, 3, 5}, {5, 7}}, {{1, 3, 5}, {2, 5, 4}}, {{2, 2, 3}, {1, 3, 2}},
			{{2, 1, 3, 2}, {3, 2, 5}}, {{1, 2, 1, 2, 3}, {2, 1, 2, 3, 1}}, {{2, 1, 2, 1, 1, 1, 2, 3}, {2, 1, 1, 2, 3, 2}}, {{19, 33}, {2, 33, 18}},
		} {
			for _, trans := range [][2]bool{{}, {true, false}, {false, true}, {true, true}} {
				c := matmul(trans, shapes)
				gradcheck.Check(t, "matmul", gradcheck.Settings{}, gradcheck.Op(c.op), c.shapes...)
			}
		}
		for _, trans := range []bool{false, true} {
			gradcheck.Check(t, "matmul of one tensor", gradcheck.Settings{}, func(t tape, x []result) result {
				h := t.Map(tensor.Affine, x[0], 1, 0)
				return t.MatMul(h, t.MatMul(h, h, trans, !trans), trans, false)
			}, []int{2, 5, 5})
		}
	})
}

// Whatever shapes and numbers operations are given, they work or record an error; what works
// has a gradient.
func TestNothingPanics(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	number := func() int {
		if rng.IntN(20) == 0 {
			return []int{math.MinInt, math.MaxInt, -1000, 100}[rng.IntN(4)]
		}
		return rng.IntN(8) - 3
	}
	some := func() []int {
		s := make([]int, rng.IntN(5))
		for i := range s {
			s[i] = number()
		}
		return s
	}
	some32 := func(n int) []int32 {
		s := make([]int32, n)
		for i := range s {
			s[i] = int32(rng.IntN(8) - 1)
		}
		return s
	}
	flip := func() bool { return rng.IntN(2) == 0 }
	ops := []func(t tape, x, y result) result{
		func(t tape, x, y result) result { return t.Map(tensor.Function(number()), x, float32(number()), 0) },
		func(t tape, x, y result) result { return t.Sub(x, y) },
		func(t tape, x, y result) result { return t.Div(x, y) },
		func(t tape, x, y result) result { return t.Pow(x, y) },
		func(t tape, x, y result) result { return t.Minimum(x, y) },
		func(t tape, x, y result) result { return t.Where(make([]bool, rng.IntN(5)), some(), x, y) },
		func(t tape, x, y result) result { return t.MatMul(x, y, flip(), flip()) },
		func(t tape, x, y result) result { return t.Take(x, some32(rng.IntN(7)), some()...) },
		func(t tape, x, y result) result { return t.Gather(x, number(), some()) },
		func(t tape, x, y result) result { return t.Put(x, some32(y.Len()), y, flip()) },
		func(t tape, x, y result) result { return t.SliceStep(x, number(), number(), number(), number()) },
		func(t tape, x, y result) result { return t.Expand(x, some()...) },
		func(t tape, x, y result) result { return t.CumSum(x, number(), flip(), flip()) },
		func(t tape, x, y result) result {
			n := rng.IntN(6)
			return t.Interpolate(x, number(), some32(n), make([]float32, n), number())
		},
		func(t tape, x, y result) result { return t.Max(x, some()...) },
		func(t tape, x, y result) result { return t.Prod(x, some()...) },
		func(t tape, x, y result) result { return t.LogSumExp(x, some()...) },
		func(t tape, x, y result) result {
			return t.LRN(x, number(), float32(number()), float32(number()), float32(number()))
		},
		func(t tape, x, y result) result { return t.RMSNorm(x, y, 0) },
	}
	worked := make([]int, len(ops))
	for range 30000 {
		var c torchCase
		for range 2 {
			shape := make([]int, 1+rng.IntN(tensor.MaxRank))
			for i := range shape {
				shape[i] = 1 + rng.IntN(4)*rng.IntN(2)
			}
			c.shapes = append(c.shapes, shape)
		}
		if size := rng.IntN(4); size == 0 {
			c.shapes[1] = c.shapes[0]
		} else if size == 1 {
			c.shapes[1] = c.shapes[0][len(c.shapes[0])-1:]
		}
		x, _ := c.parameters(t, "")
		tp := tensor.NewTape()
		tp.Reset(tensor.Mode(rng.IntN(2)))
		k := rng.IntN(len(ops))
		y := ops[k](tp, x[0], x[1])
		if (y == nil) != (tp.Err() != nil) {
			t.Fatalf("operation %d of %v: result %v, error %v", k, c.shapes, y, tp.Err())
		}
		if y == nil {
			continue
		}
		worked[k]++
		if err := tp.BackwardFrom(y, make([]float32, y.Len())); err != nil && tp.Mode() == tensor.Train {
			t.Fatalf("operation %d of %v: %v", k, c.shapes, err)
		}
	}
	for k, n := range worked {
		if n < 10 {
			t.Errorf("operation %d worked %d times only", k, n)
		}
	}
}

// newRest is a step with every operation that everything lacks; its lists are made once.
func newRest() func(tp tape, x []result) result {
	cond := condition(condShape)
	rows, taken, puts := []int{2, 0, 1}, []int32{7, 7, 0, -1, 3, 2, 1, 5}, []int32{1, 0, 23, 4, 5, 6}
	return func(tp tape, x []result) result {
		h := x[0]
		for f := range tensor.FunctionExpBase + 1 { // of numbers from .5 to 1.5, so that all functions are defined
			y := tp.Map(f, tp.Map(tensor.Affine, tp.Sigmoid(h), 1, .5), .7, .5)
			if f == tensor.Asin || f == tensor.Acos || f == tensor.Atanh {
				y = tp.Map(f, tp.Map(tensor.Affine, tp.Sigmoid(h), .5, .1), 0, 0)
			} else if f == tensor.Acosh {
				y = tp.Map(f, tp.Map(tensor.Affine, tp.Sigmoid(h), 1, 1.5), 0, 0)
			}
			h = tp.Add(h, y)
		}
		h = tp.Div(tp.Sub(tp.LayerNorm(h, nil, nil, 1e-5), x[1]), tp.Map(tensor.Exp, x[1], 0, 0))
		h = tp.Where(cond, condShape, tp.Maximum(h, x[1]), tp.Minimum(x[2], h))
		h = tp.Pow(tp.Sigmoid(h), x[2])
		h = tp.MatMul(tp.MatMul(h, h, true, false), tp.MatMul(x[3], x[3], false, true), false, true)
		h = tp.Take(tp.Interpolate(tp.Gather(h, 1, rows), 1, twiceIndex, twiceWeight, 2), taken, 2, 4)
		h = tp.CumSum(tp.Put(tp.Expand(h, 3, 2, 4), puts, tp.SliceStep(x[0], 2, 16, -3, 1), true), 1, true, true)
		h = tp.Put(h, puts, tp.SliceStep(x[0], 2, 16, -3, 1), false)
		h = tp.Add(tp.Max(h, 0), tp.Reshape(tp.Min(h, 0, 2), 2, 1))
		h = tp.Add(tp.LogSumExp(h, 0), tp.Prod(h, 0))
		return tp.Sum(tp.RMSNorm(tp.LRN(tp.LayerNorm(h, nil, nil, 1e-5), 2, .5, .75, 1), x[4], 1e-5))
	}
}

var restShapes, condShape = [][]int{{3, 2, 17}, {17}, {1}, {2, 1, 17, 17}, {4}}, []int{2, 17}
