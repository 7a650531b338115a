package paper

import (
	"context"
	"fmt"
	"math"

	"github.com/monge-ml/monge/internal/chart"
	"github.com/monge-ml/monge/toy"
)

// oscillation is one run of figure 3.
type oscillation struct {
	Method string    `json:"method"`
	LR     float64   `json:"lr"`
	Theta  []float64 `json:"theta"`
	Loss   []float64 `json:"loss"`
	Cycle  float64   `json:"cycle"` // |theta| after very many steps
}

const (
	rho3   = .3
	start3 = .5
)

// figure3 runs SAM and M-SAM on theta² with two learning rates.
func figure3(ctx context.Context) (*Figure, error) {
	var all []oscillation
	for _, lr := range []float64{.66, .74} {
		for _, name := range []string{"sam", "m-sam"} {
			o, err := oscillate(ctx, name, lr)
			if err != nil {
				return nil, err
			}
			all = append(all, o)
		}
	}
	return &Figure{
		Name: "fig3", Title: "theta² with two learning rates",
		Settings:   map[string]any{"loss": "quadratic", "start": []float64{start3}, "rho": rho3, "lr": []float64{.66, .74}, "steps": 11},
		Comparison: compareFigure3(all),
		Data:       map[string]any{"runs": all},
		sheets:     []sheet{drawFigure3(all)},
	}, nil
}

func oscillate(ctx context.Context, name string, lr float64) (oscillation, error) {
	o := oscillation{Method: name, LR: lr}
	e := experiment{toy.Quadratic{}, lr, 11, 1}
	runs, err := e.run(ctx, name, rho3, [][]float64{{start3}})
	if err != nil {
		return o, err
	}
	for _, theta := range runs[0].Path {
		o.Theta = append(o.Theta, theta[0])
		o.Loss = append(o.Loss, e.loss.Loss(theta))
	}
	e.steps = 2000
	runs, err = e.run(ctx, name, rho3, [][]float64{{start3}})
	if err == nil {
		o.Cycle = math.Abs(runs[0].End[0])
	}
	return o, err
}

func compareFigure3(all []oscillation) []Row {
	expected := [][]float64{{-.5824, .3391}, {-.4380, .1919}, {-.8537, .7289}, {-.5655, .3198}}
	var rows []Row
	for i, o := range all {
		label := fmt.Sprintf("%s, lr %g, final", lookOf(o.Method).label, o.LR)
		ours := []float64{o.Theta[len(o.Theta)-1], o.Loss[len(o.Loss)-1]}
		rows = append(rows, compareAll(label, []string{"theta", "loss"}, Rerun, expected[i], ours, 1e-4)...)
	}
	for _, o := range all {
		label := fmt.Sprintf("%s, lr %g, 2-cycle's |theta|", lookOf(o.Method).label, o.LR)
		rows = append(rows, compare(label, Formula, cycle(o.Method, o.LR), o.Cycle, 1e-9))
	}
	return rows
}

// cycle is the |theta| between which a method jumps in the end: lr rho/(1 - lr) for SAM,
// and for M-SAM the root of (1 - lr) t sqrt(1 + 4 t²) = lr rho.
func cycle(name string, lr float64) float64 {
	c := lr * rho3 / (1 - lr)
	if name == "sam" {
		return c
	}
	return bisect(func(t float64) float64 { return t*math.Hypot(1, 2*t) - c }, 0, c)
}

// bisect returns the root of a rising function between lo and hi.
func bisect(f func(float64) float64, lo, hi float64) float64 {
	for range 100 {
		mid := (lo + hi) / 2
		if f(mid) < 0 {
			lo = mid
		} else {
			hi = mid
		}
	}
	return (lo + hi) / 2
}

func drawFigure3(all []oscillation) sheet {
	var above, below []*chart.Panel
	for i := 0; i < len(all); i += 2 {
		pair := all[i : i+2]
		p := chart.NewPanel(fmt.Sprintf("α = %g", pair[0].LR), "θ", "loss θ²", box(-1, 1, 0, .8))
		q := chart.NewPanel("", "step", "loss", box(-.4, 11.4, 0, .8))
		p.TicksX(-1, -.5, 0, .5, 1)
		q.TicksX(0, 2, 4, 6, 8, 10)
		p.TicksY(0, .25, .5, .75)
		q.TicksY(0, .25, .5, .75)
		p.Curve(func(x float64) float64 { return x * x }, chart.Stroke(chart.Grey, 1))
		q.Line([][]float64{{-.4, square(start3)}, {11.4, square(start3)}}, chart.Stroke(chart.Grey, 1, 3, 3))
		for _, o := range pair {
			drawOscillation(p, q, o)
		}
		p.Mark([][]float64{{start3, square(start3)}}, chart.Dot, chart.Black, 3)
		if i > 0 {
			p.Bare()
			q.Bare()
		}
		above, below = append(above, p), append(below, q)
	}
	return sheet{"fig3", chart.Sheet{
		Alt:    "SAM and M-SAM on theta² at two learning rates, above their losses by step.",
		Panels: [][]*chart.Panel{above, below}, Width: 270, Heights: []float64{170, 150},
		Key: append(methodKey("sam", "m-sam"), markEntry("start", chart.Dot, 3), markEntry("end", chart.Star, 5),
			lineEntry("loss at the start", chart.Grey, 1, 3, 3)),
	}}
}

// drawOscillation draws a run on the parabola p and its loss by step on q.
func drawOscillation(p, q *chart.Panel, o oscillation) {
	var onCurve, bySteps [][]float64
	for i, theta := range o.Theta {
		onCurve = append(onCurve, []float64{theta, o.Loss[i]})
		bySteps = append(bySteps, []float64{float64(i), o.Loss[i]})
	}
	c, last := lookOf(o.Method).color, len(o.Theta)-1
	p.Line(onCurve, chart.Stroke(chart.Fade(c, .5), .75))
	p.Mark(onCurve, chart.Dot, c, 2)
	p.Mark(onCurve[last:], chart.Star, c, 6)
	q.Line(bySteps, chart.Stroke(c, 1.5))
	q.Mark(bySteps, chart.Dot, c, 2)
}
