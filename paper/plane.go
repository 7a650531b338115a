package paper

import (
	"image"
	"image/color"
	"math"

	"github.com/monge-ml/monge/toy"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg/draw"
)

// lattice is a function of the plane on a grid of points over a view.
type lattice struct {
	view box
	n    int
	f    func(x, y float64) float64
}

// Dims, X, Y and Z implement plotter.GridXYZ.
func (l lattice) Dims() (c, r int)   { return l.n, l.n }
func (l lattice) X(c int) float64    { return toy.Linspace(l.view.x0, l.view.x1, l.n, c) }
func (l lattice) Y(r int) float64    { return toy.Linspace(l.view.y0, l.view.y1, l.n, r) }
func (l lattice) Z(c, r int) float64 { return l.f(l.X(c), l.Y(r)) }

// contours adds the lines where f is at each level.
func (p panel) contours(f func(x, y float64) float64, style draw.LineStyle, levels ...float64) {
	c := plotter.NewContour(lattice{p.view, 81, f}, levels, nil)
	c.LineStyles = []draw.LineStyle{style}
	p.Add(plain{c})
}

// plain hides the glyph boxes of a plotter, for which gonum would make room beyond the
// axes.
type plain struct{ plot.Plotter }

// raster adds a picture of n x n cells, each shaded by its centre.
func (p panel) raster(n int, shade func(x, y float64) color.NRGBA) {
	b := p.view
	img := image.NewNRGBA(image.Rect(0, 0, n, n))
	for i := range n {
		for j := range n {
			img.SetNRGBA(i, n-1-j, shade(centre(b.x0, b.x1, n, i), centre(b.y0, b.y1, n, j)))
		}
	}
	p.Add(plotter.NewImage(img, b.x0, b.y0, b.x1, b.y1))
}

// centre is the middle of the i-th of n cells from lo to hi.
func centre(lo, hi float64, n, i int) float64 {
	return lo + (hi-lo)*(float64(i)+.5)/float64(n)
}

// landscape adds the contours of a loss of two parameters and its minima.
func (p panel) landscape(loss toy.Loss) {
	f := func(x, y float64) float64 { return loss.Loss([]float64{x, y}) }
	minima := stroke(grey, 1, 4, 2)
	switch loss.(type) {
	case toy.Banana:
		p.contours(f, stroke(faint, .75), .25, 1, 2.25, 4, 9, 16, 30, 60)
		valley := func(x float64) float64 { return 1 / x }
		for _, side := range []float64{-1, 1} {
			var points [][]float64
			for i := range 200 {
				x := side * math.Pow(10, -1.5+3*float64(i)/199)
				points = append(points, []float64{x, valley(x)})
			}
			p.line(points, minima)
		}
	case toy.Sinc:
		p.contours(f, stroke(faint, .75), -1, -.5, 0, 1, 2, 3, 4)
		p.line(circle(toy.RingRadius), minima)
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
