package array

import (
	"fmt"
	"math"
	"slices"

	"github.com/monge-ml/monge/onnx"
)

// A reduction adds numbers up in some way: state <- step(state, v), and the result is end(state, n).
type reduction struct {
	start float64
	step  func(s, v float64) float64
	end   func(s float64, n int) float64
}

func same(s float64, _ int) float64 { return s }

var reductions = map[string]reduction{
	"ReduceSum":       {0, func(s, v float64) float64 { return s + v }, same},
	"ReduceMean":      {0, func(s, v float64) float64 { return s + v }, func(s float64, n int) float64 { return s / float64(n) }},
	"ReduceProd":      {1, func(s, v float64) float64 { return s * v }, same},
	"ReduceMax":       {math.Inf(-1), func(s, v float64) float64 { return max(s, v) }, same},
	"ReduceMin":       {math.Inf(1), func(s, v float64) float64 { return min(s, v) }, same},
	"ReduceL1":        {0, func(s, v float64) float64 { return s + math.Abs(v) }, same},
	"ReduceL2":        {0, func(s, v float64) float64 { return s + v*v }, func(s float64, _ int) float64 { return math.Sqrt(s) }},
	"ReduceSumSquare": {0, func(s, v float64) float64 { return s + v*v }, same},
	"ReduceLogSum":    {0, func(s, v float64) float64 { return s + v }, func(s float64, _ int) float64 { return math.Log(s) }},
}

func init() {
	list := map[string]func(c *call) ([]*Array, error){
		"ArgMax": one(argMax), "ArgMin": one(argMax), "TopK": topK, "CumSum": one(cumSum), "MatMul": one(matMul),
		"Hardmax": one(hardmax),
	}
	for name, r := range reductions {
		list[name] = one(func(c *call, a *Array) (*Array, error) { return reduce(c, a, r) })
	}
	register(list)
}

func reduce(c *call, a *Array, r reduction) (*Array, error) {
	axes := c.list("axes", 1)
	if len(axes) == 0 && c.Int("noop_with_empty_axes", 0) != 0 {
		return a, nil
	}
	keep := c.Int("keepdims", 1) != 0
	over, left, err := Axes(a.Shape, axes, keep)
	if err != nil {
		return nil, err
	}
	out, err := New(a.DType, left...)
	if err != nil {
		return nil, err
	}
	sums := make([]float64, out.Len())
	for i := range sums {
		sums[i] = r.start
	}
	steps := make([]int, len(a.Shape)) // of the result
	n, count := 1, 1
	for i := len(a.Shape) - 1; i >= 0; i-- {
		if over[i] {
			count *= a.Shape[i]
			continue
		}
		steps[i] = n
		n *= a.Shape[i]
	}
	k := 0
	walk(a.Shape, []int{0}, [][]int{steps}, func(at []int) {
		sums[at[0]] = r.step(sums[at[0]], a.at(k))
		k++
	})
	for i, s := range sums {
		if v := r.end(s, count); a.IsFloat() {
			out.F[i] = round(a.DType, v)
		} else {
			out.I[i] = wrap(a.DType, toInt(v))
		}
	}
	return out, nil
}

// columns calls f for each run of a along an axis, with the places of its elements.
func (a *Array) columns(axis int, f func(places []int)) {
	s := strides(a.Shape)
	shape := slices.Clone(a.Shape)
	shape[axis] = 1
	places := make([]int, a.Shape[axis])
	walk(shape, []int{0}, [][]int{s}, func(at []int) {
		for i := range places {
			places[i] = at[0] + i*s[axis]
		}
		f(places)
	})
}

// argMax is ArgMax and ArgMin.
func argMax(c *call, a *Array) (*Array, error) {
	axis, err := Axis(c.Int("axis", 0), len(a.Shape))
	if err != nil || a.Shape[axis] == 0 {
		return nil, fmt.Errorf("axis %d of shape %v", axis, a.Shape)
	}
	_, left, _ := Axes(a.Shape, []int{axis}, c.Int("keepdims", 1) != 0)
	out, err := New(onnx.Int64, left...)
	if err != nil {
		return nil, err
	}
	last, n := c.Int("select_last_index", 0) != 0, 0
	a.columns(axis, func(places []int) {
		best := 0
		for i, p := range places {
			d := a.at(p) - a.at(places[best])
			if c.Op == "ArgMin" {
				d = -d
			}
			if d > 0 || d == 0 && last {
				best = i
			}
		}
		out.I[n] = int64(best)
		n++
	})
	return out, nil
}

func topK(c *call) ([]*Array, error) {
	a, err := c.input(0)
	if err != nil {
		return nil, err
	}
	k := c.Int("k", 0)
	if b := c.optional(1); b != nil && b.Len() == 1 {
		k = b.Whole()[0]
	}
	axis, err := Axis(c.Int("axis", -1), len(a.Shape))
	if err != nil || k < 0 || k > a.Shape[axis] {
		return nil, fmt.Errorf("%d of axis %d of shape %v", k, axis, a.Shape)
	}
	shape := slices.Clone(a.Shape)
	shape[axis] = k
	index, err := New(onnx.Int64, shape...)
	if err != nil {
		return nil, err
	}
	largest := c.Int("largest", 1) != 0
	var chosen []int64
	order := make([]int, a.Shape[axis])
	a.columns(axis, func(places []int) {
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(i, j int) int {
			x, y := a.at(places[i]), a.at(places[j])
			if largest {
				x, y = y, x
			}
			switch {
			case x < y:
				return -1
			case x > y:
				return 1
			}
			return 0
		})
		for _, i := range order[:k] {
			chosen = append(chosen, int64(i))
		}
	})
	index.columns(axis, func(places []int) {
		for i, p := range places {
			index.I[p] = chosen[i]
		}
		chosen = chosen[k:]
	})
	places, err := elementPlaces(a.Shape, index, axis)
	if err != nil {
		return nil, err
	}
	return []*Array{a.take(shape, places), index}, nil
}

func cumSum(c *call, a *Array) (*Array, error) {
	b, err := c.input(1)
	if err != nil || b.Len() != 1 {
		return nil, fmt.Errorf("the axis must be one number")
	}
	axis, err := Axis(b.Whole()[0], len(a.Shape))
	if err != nil {
		return nil, err
	}
	out, err := New(a.DType, a.Shape...)
	if err != nil {
		return nil, err
	}
	exclusive, reverse := c.Int("exclusive", 0) != 0, c.Int("reverse", 0) != 0
	a.columns(axis, func(places []int) {
		if reverse {
			slices.Reverse(places)
		}
		var f float64
		var n int64
		for _, p := range places {
			if exclusive {
				out.set(p, f, n)
			}
			if a.IsFloat() {
				f += a.F[p]
			} else {
				n += a.I[p]
			}
			if !exclusive {
				out.set(p, f, n)
			}
		}
	})
	return out, nil
}

func (a *Array) set(i int, f float64, n int64) {
	if a.IsFloat() {
		a.F[i] = round(a.DType, f)
	} else {
		a.I[i] = wrap(a.DType, n)
	}
}

func matMul(c *call, a *Array) (*Array, error) {
	b, err := c.input(1)
	if err != nil || len(a.Shape) != 2 || len(b.Shape) != 2 || a.Shape[1] != b.Shape[0] || a.IsFloat() != b.IsFloat() {
		return nil, ErrUnsupported
	}
	out, err := New(a.DType, a.Shape[0], b.Shape[1])
	if err != nil {
		return nil, err
	}
	if most := 1 << 28; a.Shape[1] > most/max(out.Len(), 1) {
		return nil, ErrUnsupported // a product of this size is a tape's
	}
	for i := range a.Shape[0] {
		for j := range b.Shape[1] {
			var f float64
			var n int64
			for k := range a.Shape[1] {
				x, y := i*a.Shape[1]+k, k*b.Shape[1]+j
				if a.IsFloat() {
					f += a.F[x] * b.F[y]
				} else {
					n += a.I[x] * b.I[y]
				}
			}
			out.set(i*b.Shape[1]+j, f, n)
		}
	}
	return out, nil
}

func hardmax(c *call, a *Array) (*Array, error) {
	axis, shape := c.Int("axis", -1), a.Shape
	flat := a
	if c.opset < 13 {
		two, err := FlattenTo(a.Shape, c.Int("axis", 1))
		if err != nil {
			return nil, err
		}
		flat, axis = a.reshaped(two), 1
	}
	axis, err := Axis(axis, len(flat.Shape))
	if err != nil {
		return nil, err
	}
	out, err := New(a.DType, flat.Shape...)
	if err != nil {
		return nil, err
	}
	flat.columns(axis, func(places []int) {
		best := 0
		for i, p := range places {
			if flat.at(p) > flat.at(places[best]) {
				best = i
			}
		}
		if len(places) > 0 {
			out.set(places[best], 1, 1)
		}
	})
	return out.reshaped(shape), nil
}
