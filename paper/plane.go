package paper

import (
	"math"

	"github.com/monge-ml/monge/internal/chart"
	"github.com/monge-ml/monge/toy"
)

// centre is the middle of the i-th of n cells from lo to hi.
func centre(lo, hi float64, n, i int) float64 {
	return lo + (hi-lo)*(float64(i)+.5)/float64(n)
}

// landscape draws the contours of a loss of two parameters and its minima.
func landscape(p *chart.Panel, loss toy.Loss) {
	f := func(x, y float64) float64 { return loss.Loss([]float64{x, y}) }
	minima := chart.Stroke(chart.Grey, 1, 4, 2)
	switch loss.(type) {
	case toy.Banana:
		p.Contours(f, chart.Stroke(faint, .75), .25, 1, 2.25, 4, 9, 16, 30, 60)
		valley := func(x float64) float64 { return 1 / x }
		for _, side := range []float64{-1, 1} {
			var points [][]float64
			for i := range 200 {
				x := side * math.Pow(10, -1.5+3*float64(i)/199)
				points = append(points, []float64{x, valley(x)})
			}
			p.Line(points, minima)
		}
	case toy.Sinc:
		p.Contours(f, chart.Stroke(faint, .75), -1, -.5, 0, 1, 2, 3, 4)
		p.Line(circle(toy.RingRadius), minima)
	}
}

// upTo cuts a path where it first comes to a distance d from the origin: farther points
// would lose their place when lines are clipped to the view.
func upTo(path [][]float64, d float64) [][]float64 {
	for i, q := range path {
		far := math.Hypot(q[0], q[1])
		if far <= d {
			continue
		}
		end := []float64{q[0] / far * d, q[1] / far * d}
		return append(path[:i:i], end)
	}
	return path
}

// thin drops the points of a path that are nearer than d to the last one kept, but for the
// end.
func thin(path [][]float64, d float64) [][]float64 {
	var kept [][]float64
	for i, q := range path {
		if n := len(kept); n == 0 || i == len(path)-1 || math.Hypot(q[0]-kept[n-1][0], q[1]-kept[n-1][1]) >= d {
			kept = append(kept, q)
		}
	}
	return kept
}

// circle returns points around a circle about the origin.
func circle(radius float64) [][]float64 {
	return ellipse([]float64{0, 0}, []float64{1, 0}, radius, radius)
}

// ellipse returns points around an ellipse with the semi-axis along in the direction u (of
// length 1), and across orthogonally to it.
func ellipse(middle, u []float64, along, across float64) [][]float64 {
	const n = 120
	points := make([][]float64, n+1)
	for i := range points {
		sin, cos := math.Sincos(2 * math.Pi * float64(i) / n)
		a, b := along*cos, across*sin
		points[i] = []float64{middle[0] + a*u[0] - b*u[1], middle[1] + a*u[1] + b*u[0]}
	}
	return points
}
