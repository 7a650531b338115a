package analysis_test

import (
	"fmt"

	"github.com/monge-ml/monge/study"
	"github.com/monge-ml/monge/study/analysis"
	"github.com/monge-ml/monge/train"
)

// The runs of a study of one's own, here made up: what SAM and M-SAM came to at one radius, and
// what the difference says.
func Example() {
	s, err := study.New(study.Settings{
		Base: train.Default(), Seeds: 3,
		Grid: []map[string]any{{"method": []any{"sam", "m-sam"}, "rho": .1}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	errors := map[string][]train.Real{"sam": {1.5, 1.6, 1.7}, "m-sam": {1.1, 1.3, 1.2}}
	var states []study.State // as Study.Run returns them
	for _, c := range s.Cells {
		m := train.Measures{{Name: "rmse", Value: errors[c.Config.Method][c.Config.Seed-1], Better: train.Lower}}
		run := &train.SavedRun{Config: c.Config, Result: &train.Result{Test: m, Val: m}}
		states = append(states, study.State{Cell: c.Name, State: train.Finished, Run: run})
	}
	a := analysis.Of(s.CompareStates(states))
	for _, m := range a.Methods {
		fmt.Printf("%s: rmse %.2f at rho %g\n", m.Label, m.Best().Test, m.BestRho)
	}
	d := a.Find("m-sam").Against(a.Find("sam"))
	fmt.Printf("%+.2f ± %.2f, 95%% interval %.2f to %.2f, ahead: %v\n", d.Mean, d.Stderr, d.Low, d.High, d.Verdict == analysis.Ahead)
	// Output:
	// SAM: rmse 1.60 at rho 0.1
	// M-SAM: rmse 1.20 at rho 0.1
	// -0.40 ± 0.06, 95% interval -0.65 to -0.15, ahead: true
}
