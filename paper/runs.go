package paper

import (
	"context"

	"github.com/monge-ml/monge/sam"
	"github.com/monge-ml/monge/toy"
)

// experiment is what a figure runs: a loss, a learning rate, a number of steps.
type experiment struct {
	loss  toy.Loss
	lr    float64
	steps int
	every int // keeps every so many points of a path
}

// method returns a method's settings as the paper's figures have them: Fisher SAM with
// eta 1 and ASAM with eta 0, which reproduce figure 5.
func method(name string, rho float64) (sam.Settings[float64], error) {
	m, err := sam.FindMethod(name)
	if err != nil {
		return sam.Settings[float64]{}, err
	}
	var p sam.Params
	if m.Perturbs() {
		p.Rho = sam.Constant(rho)
	}
	if name == "asam" {
		p.Eta = new(float64)
	}
	return sam.Family[float64](name, p)
}

// run makes one run from each start.
func (e experiment) run(ctx context.Context, name string, rho float64, starts [][]float64) ([]toy.Run, error) {
	m, err := method(name, rho)
	if err != nil {
		return nil, err
	}
	return toy.DescendAll(ctx, e.loss, starts, toy.Settings{Method: m, LR: e.lr, Steps: e.steps, PathEvery: e.every})
}

// share returns the share of starts from which runs end at a place.
func (e experiment) share(ctx context.Context, name string, rho float64, starts [][]float64, place string) (float64, error) {
	runs, err := e.run(ctx, name, rho, starts)
	if err != nil {
		return 0, err
	}
	return float64(toy.Ends(e.loss, runs)[place]) / float64(len(runs)), nil
}

func ends(runs []toy.Run) [][]float64 {
	points := make([][]float64, len(runs))
	for i, r := range runs {
		points[i] = r.End
	}
	return points
}
