package report_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/monge-ml/monge/report"
	"github.com/monge-ml/monge/study"
	"github.com/monge-ml/monge/supervised"
	"github.com/monge-ml/monge/train"
)

// small is a study of SAM and M-SAM at one radius, with made-up accuracies of its runs.
func small() *study.Comparison {
	p := study.Plan{Base: supervised.Default(), Methods: []string{"sam", "m-sam"}, Rhos: []float64{.1}, Seeds: 3}
	s, err := p.Study()
	if err != nil {
		panic(err)
	}
	accuracies := map[string][]train.Real{"sam": {.95, .94, .96}, "m-sam": {.93, .92, .95}}
	var states []study.State
	for _, c := range s.Cells {
		m := train.Measures{{Name: "accuracy", Value: accuracies[c.Config.Method][c.Config.Seed-1], Better: train.Higher, Share: true, Chance: .1}}
		states = append(states, study.State{Cell: c.Name, State: train.Finished, Run: &train.SavedRun{Config: c.Config, Result: &train.Result{Test: m, Val: m, Data: train.Sizes{Train: 1000, Val: 300, Test: 497}}}})
	}
	return s.CompareStates(states)
}

func ExampleDescribe() {
	w := report.Describe(small())
	fmt.Println(w.Headline)
	fmt.Println(w.Summary[0])
	// Output:
	// M-SAM does not win here.
	// M-SAM is less accurate than SAM (−1.7 ± 0.3 points over 3 seeds), and neither breaks at rho 0.1.
}

func ExampleWrite() {
	dir, err := os.MkdirTemp("", "monge")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	if err := report.Write(filepath.Join(dir, "report.html"), small(), "monge compare --seeds 3 --rho 0.1"); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("written")
	// Output: written
}
