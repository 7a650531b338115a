package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"

	"github.com/monge-ml/monge/data"
)

// shapes are drawn images, wider than high, of crosses and rings: --data shapes:200 draws 200.
var shapes = data.Format{Name: "shapes", Place: "COUNT", Info: "drawn crosses and rings, 12x20", Open: openShapes}

const high, wide = 12, 20

func openShapes(place string, _ *data.Options) (*data.Splits, error) {
	n, err := strconv.Atoi(place)
	if err != nil || n < 20 || n > 1e6 {
		return nil, fmt.Errorf("shapes:%s: it takes a number of images from 20 to a million", place)
	}
	all := make([]float32, 0, n*high*wide)
	labels := make([]int, n)
	for i := range n {
		labels[i] = i % 2
		all = append(all, drawn(labels[i], rand.New(rand.NewPCG(uint64(i), 1)))...)
	}
	set, err := data.NewSet(all, labels, []int{high, wide, 1})
	if err != nil {
		return nil, err
	}
	return &data.Splits{Classes: []string{"cross", "ring"}, Train: set.Select(between(0, n*8/10)), Test: set.Select(between(n*8/10, n))}, nil
}

// drawn is a noisy image of a cross or a ring somewhere in the frame.
func drawn(class int, rng *rand.Rand) []float32 {
	x := make([]float32, high*wide)
	cy, cx := 4+rng.IntN(high-8), 4+rng.IntN(wide-8)
	for i := range x {
		dy, dx := float64(i/wide-cy), float64(i%wide-cx)
		r := math.Hypot(dy, dx)
		on := class == 0 && r < 4 && (dy == 0 || dx == 0) || class == 1 && math.Abs(r-3) < .7
		x[i] = .3 * rng.Float32()
		if on {
			x[i] += .7
		}
	}
	return x
}

func between(lo, hi int) []int {
	list := make([]int, hi-lo)
	for i := range list {
		list[i] = lo + i
	}
	return list
}

// slopes are the same frames with an edge in them, whose slope and height are to be told: a
// set with numbers in place of classes.
var slopes = data.Format{Name: "slopes", Place: "COUNT", Info: "drawn edges with their slope and height, 12x20", Open: openSlopes}

func openSlopes(place string, _ *data.Options) (*data.Splits, error) {
	n, err := strconv.Atoi(place)
	if err != nil || n < 20 || n > 1e6 {
		return nil, fmt.Errorf("slopes:%s: it takes a number of images from 20 to a million", place)
	}
	var x, targets []float32
	for i := range n {
		rng := rand.New(rand.NewPCG(uint64(i), 2))
		slope, height := 2*rng.Float64()-1, 2*rng.Float64()-1
		for p := range high * wide {
			v := 0.
			if float64(p/wide-high/2) > 4*height+slope*float64(p%wide-wide/2)/2 {
				v = 1
			}
			x = append(x, float32(v))
		}
		targets = append(targets, float32(slope), float32(height))
	}
	set, err := data.NewTargets(x, targets, []int{high, wide, 1})
	if err != nil {
		return nil, err
	}
	return &data.Splits{Targets: []string{"slope", "height"}, Train: set.Select(between(0, n*8/10)), Test: set.Select(between(n*8/10, n))}, nil
}
