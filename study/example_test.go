package study_test

import (
	"context"
	"fmt"
	"math"

	"github.com/monge-ml/monge/objective"
	"github.com/monge-ml/monge/study"
	"github.com/monge-ml/monge/train"
)

// A valley is a task of the program's own: the paper's banana loss (1 - t1 t2)², measured by
// how sharp the loss is where the run ends, which is least at ±(1,1).
type valley struct{ seed uint64 }

func (v valley) Theta() []float32                                        { return []float32{-1.5 - .1*float32(v.seed), .5} }
func (v valley) Examples(train.Split) int                                { return 1 }
func (v valley) Len() int                                                { return 1 }
func (v valley) Steps() int                                              { return 10 }
func (v valley) Minibatch(context.Context, int) (train.Minibatch, error) { return v, nil }
func (v valley) Save(string, bool, []float32) error                      { return nil }
func (v valley) Gradient(g, t []float32, _, _ int, c objective.Call) (float64, error) {
	d := 1 - t[0]*t[1]
	g[0], g[1] = float32(c.Weight)*-2*d*t[1], float32(c.Weight)*-2*d*t[0]
	return float64(d * d), nil
}
func (v valley) Measure(_ context.Context, t []float32, _ train.Split) (train.Measures, error) {
	sharpness := 2 * (math.Pow(float64(t[0]), 2) + math.Pow(float64(t[1]), 2))
	return train.Measures{{Name: "sharpness", Value: train.Real(sharpness), Better: train.Lower}}, nil
}

// A study over the radius of M-SAM on a task of the program's own, three seeds each.
func Example_task() {
	base := train.Default()
	base.Task, base.LR, base.Epochs, base.Momentum = "valley", .01, 40, new(0.)
	s, err := study.New(study.Settings{
		Name: "valley", Base: base, Seeds: 3,
		Grid: []map[string]any{{"method": "none"}, {"method": "m-sam", "rho": []any{.05, .2, .5}}},
		Open: func(_ context.Context, c train.Config, _ *train.Shared) (*train.Run, error) {
			return train.NewTask(valley{c.Seed}, c)
		},
	})
	if err != nil {
		panic(err)
	}
	states, err := s.Run(context.Background(), "", s.Cells, study.RunOptions{Jobs: 2}) // or in a directory, to go on with
	for _, m := range s.CompareStates(states).Summary {
		fmt.Printf("%s: best at rho %g, sharpness %.1f\n", m.Method, m.BestRho, m.Test)
	}
	fmt.Println(err)
	// Output:
	// sgd: best at rho 0, sharpness 6.6
	// m-sam: best at rho 0.5, sharpness 3.9
	// <nil>
}
