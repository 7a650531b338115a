package paper

import (
	"context"

	"github.com/monge-ml/monge/internal/chart"
	"github.com/monge-ml/monge/toy"
)

// finish is one method of figure 5: its runs from the grid.
type finish struct {
	Method  string         `json:"method"`
	Counts  map[string]int `json:"ends"`
	Ends    [][]float64    `json:"end_points"`
	Heights [3]float64     `json:"density_heights"`        // of the final t1 at -1, 0, 1
	Density [][]float64    `json:"density_curve"`          // pairs t1, density
	Uniform float64        `json:"saddle_share,omitempty"` // of runs from uniform starts; not asked of ASAM and GD
	paths   [][][]float64
}

// robustness is a method's ends over a range of radii.
type robustness struct {
	Method   string    `json:"method"`
	Rho      []float64 `json:"rho"`
	Saddle   []int     `json:"saddle"`   // runs that end at the saddle
	Minima   []int     `json:"minima"`   // runs that end in a valley, at a loss below .5
	Collapse float64   `json:"collapse"` // the first rho with less than half the runs in a valley; 0: none
}

const (
	rho5  = 1
	many5 = 20000
	last5 = 2 // the largest radius of the extra picture
)

var methods5 = []string{"sam", "m-sam", "fisher", "asam"}

// figure5 runs the family on the banana from a grid of starts.
func figure5(ctx context.Context) (*Figure, error) {
	e := experiment{toy.Banana{}, .01, 200, 0}
	var all []finish
	var radii []robustness
	for _, name := range append(methods5, "none") {
		f, err := finishFrom(ctx, e, name)
		if err != nil {
			return nil, err
		}
		all = append(all, f)
		if name == "none" {
			continue
		}
		r, err := overRadii(ctx, e, name)
		if err != nil {
			return nil, err
		}
		radii = append(radii, r)
	}
	return &Figure{
		Name: "fig5", Title: "the family on the banana loss, from a grid of starts",
		Settings: map[string]any{"loss": "banana", "grid": 10, "range": []float64{-3, 3}, "rho": rho5, "lr": e.lr, "steps": e.steps,
			"eta": map[string]float64{"fisher": 1, "asam": 0}, "uniform": many5, "seed": 1},
		Comparison: compareFigure5(all),
		Data:       map[string]any{"methods": all, "over_rho": radii},
		sheets:     []sheet{drawFigure5(all[:len(methods5)]), drawRadii(radii)},
	}, nil
}

func finishFrom(ctx context.Context, e experiment, name string) (finish, error) {
	f := finish{Method: name}
	e.every = 1
	runs, err := e.run(ctx, name, rho5, toy.Grid(2, 10, -3, 3))
	if err != nil {
		return f, err
	}
	f.Counts, f.Ends = toy.Ends(e.loss, runs), ends(runs)
	t1 := make([]float64, len(runs))
	for i, r := range runs {
		t1[i] = r.End[0]
		f.paths = append(f.paths, r.Path)
	}
	d := newDensity(t1)
	f.Heights = [3]float64{d.At(-1), d.At(0), d.At(1)}
	for i := range 181 {
		x := toy.Linspace(-3, 3, 181, i)
		f.Density = append(f.Density, []float64{x, d.At(x)})
	}
	e.every = 0
	if name == "none" || name == "asam" {
		return f, nil
	}
	f.Uniform, err = e.share(ctx, name, rho5, toy.Uniform(2, many5, -3, 3, 1), "saddle")
	return f, err
}

func overRadii(ctx context.Context, e experiment, name string) (robustness, error) {
	r := robustness{Method: name}
	const n = 41
	for i := range n {
		rho := toy.Linspace(0, last5, n, i)
		runs, err := e.run(ctx, name, rho, toy.Grid(2, 10, -3, 3))
		if err != nil {
			return r, err
		}
		in := 0
		for _, run := range runs {
			if !run.Diverged && run.Loss < .5 {
				in++
			}
		}
		if 2*in < len(runs) && r.Collapse == 0 {
			r.Collapse = rho
		}
		r.Rho = append(r.Rho, rho)
		r.Saddle = append(r.Saddle, toy.Ends(e.loss, runs)["saddle"])
		r.Minima = append(r.Minima, in)
	}
	return r, nil
}

// find5 returns a method's runs and its label.
func find5(all []finish, name string) (finish, string) {
	for _, f := range all {
		if f.Method == name {
			return f, lookOf(name).label
		}
	}
	return finish{}, name
}

func compareFigure5(all []finish) []Row {
	var rows []Row
	places := toy.Places(toy.Banana{})
	counts := func(name string, expected ...float64) {
		f, label := find5(all, name)
		for i, x := range expected {
			rows = append(rows, compare(label+": ends at "+places[i], Rerun, x, float64(f.Counts[places[i]]), 0))
		}
	}
	counts("sam", 32, 34, 34)
	counts("m-sam", 16, 42, 42)
	counts("fisher", 16, 42, 42)
	counts("asam", 10)
	counts("none", 10)
	heights := func(name string, expected ...float64) {
		f, label := find5(all, name)
		label += ": density of the final t1 at"
		rows = append(rows, compareAll(label, []string{"-1", "0", "1"}, Rerun, expected, f.Heights[:], .01)...)
	}
	heights("sam", .83, .80, .83)
	heights("m-sam", .92, .36, .92)
	heights("fisher", .92, .36, .92)
	asam, label := find5(all, "asam")
	rows = append(rows, compare(label+": density of the final t1, plateau", Rerun, .29, asam.Heights[1], .01))
	for _, x := range []struct {
		name  string
		share float64
	}{{"sam", .349}, {"m-sam", .162}, {"fisher", .175}} {
		f, label := find5(all, x.name)
		rows = append(rows, compare(label+": share at the saddle, uniform starts", Rerun, x.share, f.Uniform, .01))
	}
	return rows
}

func drawFigure5(all []finish) sheet {
	var above, below []*chart.Panel
	for i, f := range all {
		l := lookOf(f.Method)
		p := chart.NewPanel(l.label, "θ₁", "θ₂", box(-3, 3, -3, 3))
		landscape(p, toy.Banana{})
		for _, path := range f.paths {
			p.Line(thin(path, .03), chart.Stroke(chart.Fade(l.color, .55), .6))
		}
		p.Mark(f.Ends, chart.Dot, l.color, 1.5)
		q := chart.NewPanel("", "final θ₁", "density", box(-3, 3, 0, 1))
		q.Line(f.Density, chart.Stroke(l.color, 1.75))
		p.TicksX(-2, 0, 2)
		p.TicksY(-2, 0, 2)
		q.TicksX(-2, -1, 0, 1, 2)
		q.TicksY(0, .5, 1)
		if i > 0 {
			p.Bare()
			q.Bare()
		}
		above, below = append(above, p), append(below, q)
	}
	return sheet{"fig5", chart.Sheet{
		Alt:    "Paths and ends of the family on the banana loss from a grid of starts, above the density of the final theta1.",
		Panels: [][]*chart.Panel{above, below}, Width: 140, Heights: []float64{140, 90},
		Key: []chart.Entry{
			lineEntry("path of a run", chart.Grey, 1), markEntry("end", chart.Dot, 2),
			lineEntry("minima", chart.Grey, 1, 4, 2),
		},
	}}
}

// drawRadii draws where the paper stops: the ends over the radius.
func drawRadii(radii []robustness) sheet {
	view := box(0, last5, 0, 100)
	p := chart.NewPanel("at the saddle", "ρ", "runs of 100", view)
	q := chart.NewPanel("in a valley", "ρ", "runs of 100", view)
	for _, r := range radii {
		var saddle, minima [][]float64
		var collapse [][]float64
		for i, rho := range r.Rho {
			if rho == r.Collapse {
				collapse = [][]float64{{rho, float64(r.Minima[i])}}
			}
			saddle = append(saddle, []float64{rho, float64(r.Saddle[i])})
			minima = append(minima, []float64{rho, float64(r.Minima[i])})
		}
		c := lookOf(r.Method).color
		p.Line(saddle, chart.Stroke(c, 1.75))
		q.Line(minima, chart.Stroke(c, 1.75))
		q.Mark(collapse, chart.Saltire, chart.Black, 4)
	}
	for _, p := range []*chart.Panel{p, q} {
		p.TicksX(0, .5, 1, 1.5, 2)
		p.TicksY(0, 25, 50, 75, 100)
	}
	q.Bare()
	return sheet{"fig5-rho", chart.Sheet{
		Alt:    "How many of 100 runs of the family end at the saddle, and in a valley, by radius.",
		Panels: [][]*chart.Panel{{p, q}}, Width: 280, Heights: []float64{200},
		Key: append(methodKey(methods5...), markEntry("collapse: less than half the runs reach a valley", chart.Saltire, 4)),
	}}
}
