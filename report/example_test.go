package report_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/monge-ml/monge/report"
	"github.com/monge-ml/monge/study"
)

// small is what a study of SAM and M-SAM at one radius might return.
func small() *study.Comparison {
	c := &study.Comparison{Plan: study.Plan{Seeds: 3, Rhos: []float64{.1}}, Planned: 6}
	for method, accuracies := range map[string][]float64{"sam": {.95, .94, .96}, "m-sam": {.93, .92, .95}} {
		s := study.Summary{Method: method, BestRho: .1, Runs: 3}
		for i, a := range accuracies {
			c.Rows = append(c.Rows, study.Row{Method: method, Rho: .1, Seed: uint64(i + 1), TestAccuracy: a, ValAccuracy: a})
			s.TestAccuracy += a / 3
		}
		s.Points = []study.Point{{Rho: .1, TestAccuracy: s.TestAccuracy, Runs: 3}}
		c.Summary = append(c.Summary, s)
	}
	return c
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
