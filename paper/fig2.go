package paper

import (
	"context"
	"fmt"
	"image/color"
	"math"

	"github.com/monge-ml/monge/internal/chart"
	"github.com/monge-ml/monge/toy"
)

// attraction is one panel of figure 2: a method at a radius.
type attraction struct {
	Method   string      `json:"method"`
	Rho      float64     `json:"rho"`
	Ends     [][]float64 `json:"ends"`                 // of the 200 drawn runs
	Drawn    float64     `json:"drawn_share"`          // of them at the maximum
	Share    float64     `json:"share"`                // of the many runs at the maximum
	Critical float64     `json:"critical_radius"`      // a start nearer to the maximum ends there
	Formula  float64     `json:"share_by_formula"`     // the disc's share of the square
	Heights  [2]float64  `json:"radial_peak_heights"`  // of the density at 0 and at the ring
	Radial   [][]float64 `json:"radial_density_curve"` // pairs r, density
}

const (
	drawn2 = 200   // runs in the pictures, as in the paper
	many2  = 20000 // runs behind the shares
)

// figure2 runs SAM and M-SAM on 5 sin(r)/r from uniform starts around its maximum.
func figure2(ctx context.Context) (*Figure, error) {
	e := experiment{toy.Sinc{}, .05, 200, 0}
	var all []attraction
	for _, rho := range []float64{.2, 1} {
		for _, name := range []string{"sam", "m-sam"} {
			a, err := attract(ctx, e, name, rho)
			if err != nil {
				return nil, err
			}
			all = append(all, a)
		}
	}
	gd, err := e.share(ctx, "none", 0, toy.Uniform(2, many2/10, -1, 1, 1), "maximum")
	if err != nil {
		return nil, err
	}
	return &Figure{
		Name: "fig2", Title: "attraction to the maximum of 5 sin(r)/r",
		Settings: map[string]any{"loss": "sinc", "uniform": many2, "drawn": drawn2, "range": []float64{-1, 1}, "seed": 1,
			"rho": []float64{.2, 1}, "lr": e.lr, "steps": e.steps},
		Comparison: compareFigure2(all, gd),
		Data:       map[string]any{"panels": all},
		sheets:     []sheet{drawFigure2(all)},
	}, nil
}

func attract(ctx context.Context, e experiment, name string, rho float64) (attraction, error) {
	a := attraction{Method: name, Rho: rho}
	runs, err := e.run(ctx, name, rho, toy.Uniform(2, many2, -1, 1, 1))
	if err != nil {
		return a, err
	}
	at := func(runs []toy.Run) float64 {
		return float64(toy.Ends(e.loss, runs)["maximum"]) / float64(len(runs))
	}
	a.Share, a.Drawn = at(runs), at(runs[:drawn2])
	a.Ends = ends(runs[:drawn2])
	a.Critical = criticalRadius(name, rho)
	a.Formula = math.Pi * square(a.Critical) / 4
	d := radial(a.Ends)
	a.Heights = [2]float64{d.At(0), d.At(toy.RingRadius)}
	for i := range 121 {
		r := toy.Linspace(0, 6, 121, i)
		a.Radial = append(a.Radial, []float64{r, d.At(r)})
	}
	return a, nil
}

// criticalRadius is the distance from the maximum within which a perturbation reaches over
// it: r = rho for SAM and r sqrt(1 + |g(r)|²) = rho for M-SAM.
func criticalRadius(name string, rho float64) float64 {
	if name == "sam" {
		return rho
	}
	var g [2]float64
	return bisect(func(r float64) float64 {
		toy.Sinc{}.Gradient(g[:], []float64{r, 0})
		return r*math.Hypot(1, g[0]) - rho
	}, 0, rho)
}

// radial estimates the density of the points' distances from the origin.
func radial(points [][]float64) density {
	r := make([]float64, len(points))
	for i, p := range points {
		r[i] = hypot(p)
	}
	return newDensity(r)
}

func compareFigure2(all []attraction, gd float64) []Row {
	expected := []struct{ share, formula, critical, low, high float64 }{
		{.032, math.Pi * .04 / 4, .2, .1, 2.1},
		{.029, .029, .191, .1, 2.1},
		{.785, math.Pi / 4, 1, .77, .33},
		{.365, .363, .680, .37, .67},
	}
	var shares, formulas, heights []Row
	for i, a := range all {
		label := fmt.Sprintf("%s, rho %g: ", lookOf(a.Method).label, a.Rho)
		x := expected[i]
		shares = append(shares, compare(label+"share at the maximum", Rerun, x.share, a.Share, .01))
		formulas = append(formulas,
			compare(label+"critical radius", Formula, x.critical, a.Critical, 1e-3),
			compare(label+"share by the formula", Formula, x.formula, a.Formula, 1e-3))
		heights = append(heights,
			compare(label+"radial height at 0", ReadOff, x.low, a.Heights[0], -1),
			compare(label+"radial height at the ring", ReadOff, x.high, a.Heights[1], -1))
	}
	shares = append(shares, compare("GD: share at the maximum", Rerun, 0, gd, 0))
	return append(append(shares, formulas...), heights...)
}

func drawFigure2(all []attraction) sheet {
	const cells = 140
	view := box(-6, 6, -6, 6)
	xs := make([]float64, cells)
	for i := range xs {
		xs[i] = centre(view.X0, view.X1, cells, i)
	}
	var maps, marginals []*chart.Panel
	for i, a := range all {
		l := lookOf(a.Method)
		p := chart.NewPanel(fmt.Sprintf("%s, ρ = %g", l.label, a.Rho), "θ₁", "θ₂", view)
		d := density2(a.Ends, xs, xs)
		top := peak(d)
		p.Raster(cells, func(x, y float64) color.NRGBA {
			cell := func(v float64) int { return int((v - view.X0) / (view.X1 - view.X0) * cells) }
			return chart.Fade(l.color, math.Sqrt(d[cell(x)][cell(y)]/top))
		})
		p.Line(circle(toy.RingRadius), chart.Stroke(chart.Grey, .75, 3, 2))
		p.Mark(a.Ends, chart.Dot, chart.Fade(l.color, 1), .8)
		q := chart.NewPanel("", "r = |θ|", "density of r", box(0, 6, 0, 3.5))
		q.Line([][]float64{{toy.RingRadius, 0}, {toy.RingRadius, 3.5}}, chart.Stroke(chart.Grey, .75, 3, 2))
		q.Line(a.Radial, chart.Stroke(l.color, 1.75))
		q.Note(.3, 3.05, fmt.Sprintf("at the maximum: %.0f%%", 100*a.Drawn), chart.Black)
		p.TicksX(-4, 0, 4)
		p.TicksY(-4, 0, 4)
		q.TicksX(0, 2, 4, 6)
		q.TicksY(0, 1, 2, 3)
		if i > 0 {
			p.Bare()
			q.Bare()
		}
		maps, marginals = append(maps, p), append(marginals, q)
	}
	return sheet{"fig2", chart.Sheet{
		Alt:    "Where 200 runs of SAM and M-SAM at two radii end around the maximum of 5 sin(r)/r, above the density of their distances from it.",
		Panels: [][]*chart.Panel{maps, marginals}, Width: 140, Heights: []float64{140, 100},
		Key: []chart.Entry{markEntry("end of a run", chart.Dot, 1.5), lineEntry("ring of minima, r = 4.49", chart.Grey, .75, 3, 2)},
	}}
}

func peak(z [][]float64) float64 {
	top := 0.0
	for _, row := range z {
		for _, v := range row {
			top = max(top, v)
		}
	}
	return top
}
