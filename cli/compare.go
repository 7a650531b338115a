package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/monge-ml/monge/internal/kernel"
	"github.com/monge-ml/monge/report"
	"github.com/monge-ml/monge/study"
	"github.com/monge-ml/monge/supervised"
	"github.com/monge-ml/monge/train"
)

// comparison is what compare was asked for.
type comparison struct {
	study.Plan
	out    string
	keep   bool
	asJSON bool
}

func newCompareCommand() *cobra.Command {
	base := supervised.Default()
	base.Momentum = new(.9)
	noise := .4
	o := comparison{Plan: study.DefaultPlan(base)}
	rhos, budgets := list(o.Rhos), list(o.Budgets)
	cmd := &cobra.Command{
		Use:   "compare",
		Short: "Compare methods over radii and seeds on handwritten digits",
		Long: `Train an MLP on real handwritten digits, with 40% of the training labels replaced,
by SGD, SAM, M-SAM and M-SAM with an ascent budget, over radii that reach well past
where SAM breaks. Prints a table and writes a report that opens offline.

The best radius is chosen on the validation split; accuracies are of the test split.

It is a study like any other, see 'monge study'. With --keep-runs its runs are kept in the
directory, so that the same command goes on where it was stopped.`,
		Example: `  monge compare
  monge compare --methods sgd,sam,asam,fisher --rho 0.1,0.3,1 --seeds 2 --out runs/asam
  monge compare --seeds 20 --keep-runs --out runs/many`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if o.Rhos, err = floats("rho", rhos); err != nil {
				return err
			}
			if o.Budgets, err = floats("ascent-budget", budgets); err != nil {
				return err
			}
			supervised.Change(&o.Base, func(s *supervised.Settings) { s.LabelNoise = noise })
			if err := o.Check(cmd.Context()); err != nil {
				return usageError{err}
			}
			return o.run(cmd)
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&o.Methods, "methods", o.Methods, "methods: "+strings.Join(study.PlanMethods(), ", "))
	f.StringVar(&rhos, "rho", rhos, "radii to try, ascending")
	f.StringVar(&budgets, "ascent-budget", budgets, "ascent budgets, in nats, of "+study.Budgeted)
	f.IntVar(&o.Seeds, "seeds", o.Seeds, "seeds")
	f.Float64Var(&noise, "label-noise", noise, "share of training labels replaced by uniform ones")
	f.Float64Var(&o.Base.LR, "lr", o.Base.LR, "learning rate")
	f.IntVar(&o.Base.Epochs, "epochs", o.Base.Epochs, "epochs")
	f.IntVar(&o.Base.Batch, "batch", o.Base.Batch, "minibatch size")
	f.StringVar(&o.out, "out", "runs/compare", "directory of the report")
	f.BoolVar(&o.keep, "keep-runs", false, "keep the runs in --out, and go on with those that are there")
	f.BoolVar(&o.asJSON, "json", false, "print one JSON document and nothing else")
	complete(cmd, "methods", study.PlanMethods()...)
	return cmd
}

// list writes numbers as a flag's value.
func list(v []float64) string {
	s := make([]string, len(v))
	for i, x := range v {
		s[i] = fmt.Sprintf("%g", x)
	}
	return strings.Join(s, ",")
}

// compareResult is what compare --json prints.
type compareResult struct {
	*study.Comparison
	Report string `json:"report"`
}

func (o *comparison) run(cmd *cobra.Command) error {
	if err := writable(o.out); err != nil { // before the work, not after it
		return err
	}
	s, err := o.Study()
	if err != nil {
		return err
	}
	dir := ""
	if o.keep {
		if dir = o.out; s.Fits(dir) != nil {
			return s.Fits(dir)
		}
		if err := s.Save(dir); err != nil {
			return err
		}
	}
	begin := time.Now()
	c, err := o.do(cmd, s, dir)
	c.Seconds, c.Level, c.Threads = time.Since(begin).Seconds(), kernel.Active().String(), runtime.GOMAXPROCS(0)
	interrupted := errors.Is(err, context.Canceled)
	if err != nil && !interrupted && len(c.Rows) == 0 {
		return err
	}
	path := ""
	var unwritten error
	if len(c.Rows) > 0 {
		path = filepath.Join(o.out, "report.html")
		unwritten = report.Write(path, c, o.commandLine())
	}
	if o.asJSON {
		if err := printJSON(cmd.OutOrStdout(), compareResult{c, path}); err != nil {
			return err
		}
	} else {
		printComparison(cmd.OutOrStdout(), c, path)
	}
	switch {
	case interrupted:
		return fmt.Errorf("%d of %d runs done: %w", len(c.Rows), c.Planned, err)
	case err != nil:
		return errors.Join(fmt.Errorf("%d of %d runs done: %w", len(c.Rows), c.Planned, err), unwritten)
	}
	return unwritten
}

// do does the runs, one on each processor at a time, with a bar.
func (o *comparison) do(cmd *cobra.Command, s *study.Study, dir string) (*study.Comparison, error) {
	bar := newBar(cmd.ErrOrStderr(), "compare", len(s.Cells), o.asJSON)
	defer bar.close()
	finished := 0
	var failed error
	states, err := s.Run(cmd.Context(), dir, s.Cells, study.RunOptions{Jobs: runtime.GOMAXPROCS(0), Done: func(st study.State) {
		if st.State == train.Failed && failed == nil {
			failed = fmt.Errorf("%s: %s", st.Cell, st.Error)
		}
		if !st.Over() {
			return
		}
		finished++
		note := st.Cell
		if st.Run.Result != nil {
			note += " " + st.Run.Result.Measured().First().String()
		}
		bar.note(note)
		bar.set(finished)
	}})
	return s.CompareStates(states), errors.Join(failed, err)
}

// writable makes a directory, if need be, and returns an error if no file can be made
// in it.
func writable(dir string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	f, err := os.CreateTemp(dir, ".monge.*")
	if err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// label names a method with its settings.
func label(method string, budget *float64, rho float64) string {
	if budget != nil {
		method += fmt.Sprintf(" budget %g", *budget)
	}
	switch {
	case math.IsInf(rho, 1):
		method += " rho inf"
	case rho != 0:
		method += fmt.Sprintf(" rho %g", rho)
	}
	return method
}

// commandLine is the command that repeats the comparison.
func (o *comparison) commandLine() string {
	p := &o.Plan
	s := fmt.Sprintf("monge compare --methods %s --rho %s --seeds %d --label-noise %g --lr %g --epochs %d --batch %d",
		strings.Join(p.Methods, ","), list(p.Rhos), p.Seeds, supervised.Of(&p.Base).LabelNoise, p.Base.LR, p.Base.Epochs, p.Base.Batch)
	if len(p.Budgets) > 0 {
		s += " --ascent-budget " + list(p.Budgets)
	}
	return s
}

// printComparison prints the table of accuracies by method and radius, and the summary.
func printComparison(w io.Writer, c *study.Comparison, path string) {
	if len(c.Rows) == 0 {
		fmt.Fprintln(w, "no run has finished")
		return
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	what := "of one seed"
	if c.Plan.Seeds > 1 {
		what = fmt.Sprintf("mean ± standard error over %d seeds", c.Plan.Seeds)
	}
	fmt.Fprintf(w, "Test accuracy in %%, %s; !n counts runs that diverged or collapsed.\n\n", what)
	fmt.Fprint(t, "rho")
	for _, s := range c.Summary {
		fmt.Fprintf(t, "\t%s", label(s.Method, s.AscentBudget, 0))
	}
	fmt.Fprintln(t)
	for _, rho := range append([]float64{0}, c.Plan.Rhos...) {
		printPoints(t, c, rho)
	}
	t.Flush()
	fmt.Fprintln(w)
	fmt.Fprintln(t, "method\tbest rho\tval\ttest\tnear-best rho\tdecades\tbroken\ttime/step")
	for _, s := range c.Summary {
		printSummary(t, s)
	}
	t.Flush()
	fmt.Fprintf(w, "\nThe best rho is chosen on validation accuracy. Near-best: test accuracy within two points of the\nmethod's highest. Time per step relative to SGD. Kernels: %s, %d threads, %.1f s in all.\n", c.Level, c.Threads, c.Seconds)
	fmt.Fprintf(w, "\n%s\n\nReport: %s\n", report.Describe(c).Headline, path)
}

func printPoints(w io.Writer, c *study.Comparison, rho float64) {
	line, any := fmt.Sprintf("%g", rho), false
	for _, s := range c.Summary {
		cell := ""
		for _, p := range s.Points {
			if p.Rho == rho {
				cell, any = percent(p)+broken(p), true
			}
		}
		line += "\t" + cell
	}
	if any {
		fmt.Fprintln(w, line)
	}
}

// percent is a test accuracy with its standard error, which one run does not give.
func percent(p study.Point) string {
	if p.Runs < 2 {
		return fmt.Sprintf("%.1f", 100*p.Test)
	}
	return fmt.Sprintf("%.1f ± %.1f", 100*p.Test, 100*p.TestStderr)
}

// broken marks a point some of whose runs diverged or collapsed.
func broken(p study.Point) string {
	if p.Diverged == 0 {
		return ""
	}
	return fmt.Sprintf("  !%d", p.Diverged)
}

func printSummary(w io.Writer, s study.Summary) {
	span, decades := "-", "-"
	if s.BestRho > 0 {
		span = fmt.Sprintf("%g .. %g", s.Range[0], s.Range[1])
		decades = fmt.Sprintf("%.1f", s.WidthDecades)
		if s.OpenHigh || s.OpenLow {
			decades = "≥ " + decades
		}
	}
	ratio := "-"
	if s.StepRatio > 0 && !math.IsNaN(s.StepRatio) {
		ratio = fmt.Sprintf("%.2f", s.StepRatio)
	}
	var best study.Point
	for _, p := range s.Points {
		if p.Rho == s.BestRho {
			best = p
		}
	}
	fmt.Fprintf(w, "%s\t%g\t%.1f\t%s\t%s\t%s\t%d/%d\t%s\n", label(s.Method, s.AscentBudget, 0), s.BestRho,
		100*s.Val, percent(best), span, decades, s.Diverged, s.Runs, ratio)
}
