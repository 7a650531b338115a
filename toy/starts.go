package toy

import (
	"math"
	"math/rand/v2"
)

// Grid returns the points of an n x n grid, or n points in one dimension, with the same
// n equally spaced coordinates from lo to hi on each axis. The last axis varies fastest.
func Grid(dim, n int, lo, hi float64) [][]float64 {
	points := [][]float64{nil}
	for range dim {
		var longer [][]float64
		for _, p := range points {
			for i := range n {
				longer = append(longer, append(p[:len(p):len(p)], Linspace(lo, hi, n, i)))
			}
		}
		points = longer
	}
	return points
}

// Linspace returns the i-th of n equally spaced numbers from lo to hi, both included;
// of one number, lo.
func Linspace(lo, hi float64, n, i int) float64 {
	switch {
	case n <= 1 || i == 0:
		return lo
	case i == n-1:
		return hi
	}
	return lo + (hi-lo)*float64(i)/float64(n-1)
}

// Uniform returns n points drawn uniformly from the cube [lo, hi)^dim; the same seed
// gives the same points.
func Uniform(dim, n int, lo, hi float64, seed uint64) [][]float64 {
	rng := rand.New(rand.NewPCG(seed, 0))
	points := make([][]float64, n)
	for i := range points {
		points[i] = make([]float64, dim)
		for j := range points[i] {
			points[i][j] = lo + (hi-lo)*rng.Float64()
		}
	}
	return points
}

// endRadius is how near a run must end to a point to count as its.
const endRadius = .3

// Places are the names of the points where runs on a loss may end, "other" last; nil for
// a loss that has one minimum.
func Places(loss Loss) []string {
	switch loss.(type) {
	case Banana:
		return []string{"saddle", "(-1,-1)", "(1,1)", "other"}
	case Sinc:
		return []string{"maximum", "ring", "other"}
	}
	return nil
}

// Place names the point within .3 of which a run ended.
func Place(loss Loss, r Run) string {
	if r.Diverged {
		return "other"
	}
	near := func(x, y float64) bool { return math.Hypot(r.End[0]-x, r.End[1]-y) <= endRadius }
	switch loss.(type) {
	case Banana:
		switch {
		case near(0, 0):
			return "saddle"
		case near(-1, -1):
			return "(-1,-1)"
		case near(1, 1):
			return "(1,1)"
		}
	case Sinc:
		switch {
		case near(0, 0):
			return "maximum"
		case math.Abs(math.Hypot(r.End[0], r.End[1])-RingRadius) <= endRadius:
			return "ring"
		}
	}
	return "other"
}

// Ends counts the runs by [Place]; every one of the loss's [Places] is a key, and without
// any it is nil.
func Ends(loss Loss, runs []Run) map[string]int {
	if Places(loss) == nil {
		return nil
	}
	counts := map[string]int{}
	for _, name := range Places(loss) {
		counts[name] = 0
	}
	for _, r := range runs {
		counts[Place(loss, r)]++
	}
	return counts
}
