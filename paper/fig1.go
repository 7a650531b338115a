package paper

import (
	"context"

	"github.com/monge-ml/monge/internal/chart"
	"github.com/monge-ml/monge/optim"
	"github.com/monge-ml/monge/sam"
	"github.com/monge-ml/monge/toy"
)

// trajectory is one method's run in figure 1.
type trajectory struct {
	Method string      `json:"method"`
	End    []float64   `json:"end"`
	Loss   float64     `json:"loss"`
	First  first       `json:"first_step"`
	Path   [][]float64 `json:"path"`
}

// first is what a method's first step sees.
type first struct {
	Perturbed []float64 `json:"perturbed"`         // theta + delta
	Gradient  []float64 `json:"gradient"`          // there
	DeltaNorm float64   `json:"perturbation_norm"` // |delta|, the ball's semi-axis along the gradient
}

const rho1 = 1

// figure1 runs gradient descent, SAM and M-SAM on the banana from one start.
func figure1(ctx context.Context) (*Figure, error) {
	start := []float64{-1.5, .5}
	e := experiment{toy.Banana{}, .01, 200, 1}
	var all []trajectory
	for _, name := range []string{"none", "sam", "m-sam"} {
		runs, err := e.run(ctx, name, rho1, [][]float64{start})
		if err != nil {
			return nil, err
		}
		step, err := firstStep(e, name, rho1, start)
		if err != nil {
			return nil, err
		}
		all = append(all, trajectory{name, runs[0].End, runs[0].Loss, step, runs[0].Path})
	}
	return &Figure{
		Name: "fig1", Title: "three runs on the banana loss (1 - t1 t2)²",
		Settings:   map[string]any{"loss": "banana", "start": start, "rho": rho1, "lr": e.lr, "steps": e.steps},
		Comparison: compareFigure1(all),
		Data:       map[string]any{"trajectories": all},
		sheets:     []sheet{drawFigure1(start, all)},
	}, nil
}

// firstStep takes a method's first step and records where it evaluates the gradient.
func firstStep(e experiment, name string, rho float64, start []float64) (first, error) {
	var f first
	m, err := method(name, rho)
	if err != nil {
		return f, err
	}
	base, err := optim.NewSGD[float64](len(start), optim.SGDSettings{LR: optim.Constant(e.lr)})
	if err != nil {
		return f, err
	}
	opt, err := sam.New(len(start), base, m)
	if err != nil {
		return f, err
	}
	theta := append([]float64(nil), start...)
	r, err := opt.Step(theta, sam.Func(func(grad, theta []float64) float64 {
		loss := e.loss.Gradient(grad, theta)
		f.Perturbed = append([]float64(nil), theta...)
		f.Gradient = append([]float64(nil), grad...)
		return loss
	}))
	f.DeltaNorm = r.DeltaNorm
	return f, err
}

func compareFigure1(all []trajectory) []Row {
	expected := []struct{ end, losses []float64 }{
		{[]float64{-1.5459, -.6469}, []float64{1e-9}},
		{[]float64{-.0037, -.0028}, []float64{1}},
		{[]float64{-.9454, -.9413}, []float64{.0121}},
	}
	coordinates := []string{"t1", "t2"}
	var rows []Row
	for i, t := range all {
		label := lookOf(t.Method).label
		rows = append(rows, compareAll(label+" end", coordinates, Rerun, expected[i].end, t.End, 1e-3)...)
		rows = append(rows, compareAll(label+" final", []string{"loss"}, Rerun, expected[i].losses, []float64{t.Loss}, 1e-3)...)
	}
	gd, s, m := all[0].First, all[1].First, all[2].First
	rows = append(rows, compareAll("first gradient", coordinates, Rerun, []float64{-1.75, 5.25}, gd.Gradient, 1e-12)...)
	rows = append(rows, compare("first gradient's norm", Rerun, 5.534, hypot(gd.Gradient), 1e-3))
	rows = append(rows, compareAll("SAM first perturbed", coordinates, Rerun, []float64{-1.8162, 1.4487}, s.Perturbed, 1e-4)...)
	rows = append(rows, compareAll("M-SAM first perturbed", coordinates, Rerun, []float64{-1.5562, .6687}, m.Perturbed, 1e-4)...)
	return append(rows, compare("M-SAM first |delta|", Rerun, .17782, m.DeltaNorm, 1e-5))
}

func drawFigure1(start []float64, all []trajectory) sheet {
	p := chart.NewPanel("", "θ₁", "θ₂", box(-3, 3, -2, 2))
	p.TicksX(-3, -2, -1, 0, 1, 2, 3)
	p.TicksY(-2, -1, 0, 1, 2)
	landscape(p, toy.Banana{})
	g := all[0].First.Gradient
	u := []float64{g[0] / hypot(g), g[1] / hypot(g)}
	for _, t := range all {
		c := lookOf(t.Method).color
		p.Line(t.Path, chart.Stroke(c, 1.5))
		if t.Method != "none" {
			p.Line(ellipse(start, u, t.First.DeltaNorm, rho1), chart.Stroke(c, 1.25, 5, 2))
		}
	}
	const rescale = .06
	for _, t := range all {
		c, at := lookOf(t.Method).color, t.First.Perturbed
		to := []float64{at[0] - rescale*t.First.Gradient[0], at[1] - rescale*t.First.Gradient[1]}
		p.Arrow(at, to, chart.Stroke(c, 1.5))
		if t.Method != "none" {
			p.Mark([][]float64{at}, chart.Box, c, 2.5)
		}
	}
	p.Mark([][]float64{start}, chart.Dot, chart.Black, 3)
	for _, t := range all {
		p.Mark([][]float64{t.End}, chart.Star, lookOf(t.Method).color, 7)
	}
	p.Mark([][]float64{{1, 1}, {-1, -1}}, chart.Plus, chart.Black, 4)
	p.Mark([][]float64{{0, 0}}, chart.Saltire, chart.Black, 3.5)
	return sheet{"fig1", chart.Sheet{
		Alt:    "GD, SAM and M-SAM on the banana loss from one start, with the ball and the descent of their first steps.",
		Panels: [][]*chart.Panel{{p}}, Width: 540, Heights: []float64{360},
		Key: append(methodKey("none", "sam", "m-sam"),
			markEntry("start", chart.Dot, 3), markEntry("end", chart.Star, 6),
			lineEntry("first step's ball", chart.Black, 1.25, 5, 2),
			markEntry("perturbed point and the descent there, rescaled", chart.Box, 2.5),
			markEntry("saddle", chart.Saltire, 3.5), markEntry("flattest minima", chart.Plus, 4),
			lineEntry("minima", chart.Grey, 1, 4, 2)),
	}}
}
