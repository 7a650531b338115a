package cli

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/monge-ml/monge/bench"
	"github.com/monge-ml/monge/supervised"
	"github.com/monge-ml/monge/tensor"
	"github.com/monge-ml/monge/train"
)

// ascentResult is what bench ascent prints.
type ascentResult struct {
	Steps []train.Rounding `json:"steps"`
	Mean  ascentSummary    `json:"mean"`
	Worst ascentSummary    `json:"worst"`
	bench.Machine
}

// ascentSummary is of all compared steps.
type ascentSummary struct {
	GradCosine  train.Real `json:"grad_cosine"`
	DeltaCosine train.Real `json:"delta_cosine"`
	DeltaError  train.Real `json:"delta_error"`
}

func newBenchAscent() *cobra.Command {
	o := trainOptions{defaults: supervised.Default()}
	var every int
	cmd := &cobra.Command{
		Use:   "ascent",
		Short: "How far an ascent in bfloat16 is from one in float32, along a run",
		Long: `Train a model, and now and then take the gradient of the step's minibatch in float32 and in
bfloat16 at the same parameters: the cosine of the two gradients, that of the perturbations
which the method makes of them, and the relative error of the perturbation's length. The flags
are those of 'monge train'; --max-steps ends the run early. Nothing is evaluated or kept, and
the weights take the course that they take without the comparison.`,
		Example: `  monge bench ascent --method m-sam --rho 0.2 --max-steps 100 --every 20
  monge bench ascent --model resnet20 --data cifar10:cifar --method m-sam --rho 0.05 --pad 4 --flip --epochs 2 --every 50`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := readSettings(cmd, o)
			if err != nil {
				return err
			}
			if !c.Perturbs() {
				return usage("--method %s has no ascent; there are %s", c.Method, strings.Join(bench.CostMethods()[1:], ", "))
			}
			if every < 1 {
				return usage("--every is %d; it must be at least 1", every)
			}
			return benchAscent(cmd, c, o, every)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.IntVar(&every, "every", 10, "compare at every so manieth step")
	settingFlags(f, o.defaults)
	f.StringVar(&o.config, "config", "", "read settings from a run's config.json or a TOML file; flags win")
	f.BoolVar(&o.asJSON, "json", false, "print one JSON document and nothing else")
	completeSettings(cmd)
	completeExamples(cmd)
	return cmd
}

func benchAscent(cmd *cobra.Command, c train.Config, o trainOptions, every int) error {
	r, err := openRun(cmd, c, o)
	if err != nil {
		return usageError{err}
	}
	bar := newBar(cmd.ErrOrStderr(), "ascent", r.Steps(), o.asJSON)
	steps, err := r.Roundings(cmd.Context(), tensor.BFloat16, every, train.Watch{Step: func(p train.Progress) {
		bar.note(progressText(p, c.Epochs))
		bar.set(p.Step)
	}})
	bar.close()
	switch {
	case err != nil:
		return err
	case len(steps) == 0:
		return usage("no step that was compared perturbs: --interval, --rho-schedule")
	}
	res := ascentResult{Steps: steps, Machine: bench.ThisMachine()}
	res.Mean, res.Worst = summarizeRoundings(steps)
	if o.asJSON {
		return printJSON(cmd.OutOrStdout(), res)
	}
	printAscent(cmd.OutOrStdout(), res)
	return nil
}

// summarizeRoundings returns the means of all steps and the worst values.
func summarizeRoundings(steps []train.Rounding) (mean, worst ascentSummary) {
	worst = ascentSummary{GradCosine: 1, DeltaCosine: 1}
	n := train.Real(len(steps))
	for _, s := range steps {
		mean.GradCosine += s.GradCosine / n
		mean.DeltaCosine += s.DeltaCosine / n
		mean.DeltaError += s.DeltaError / n
		worst.GradCosine = min(worst.GradCosine, s.GradCosine)
		worst.DeltaCosine = min(worst.DeltaCosine, s.DeltaCosine)
		worst.DeltaError = max(worst.DeltaError, s.DeltaError)
	}
	return mean, worst
}

func printAscent(w io.Writer, res ascentResult) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "step\t|g|\tcosine of g\t|delta|\tcosine of delta\terror of |delta|\t")
	for _, s := range res.Steps {
		fmt.Fprintf(t, "%d\t%.4g\t%.6f\t%.4g\t%.6f\t%.2g\t\n", s.Step, s.GradNorm, s.GradCosine, s.DeltaNorm, s.DeltaCosine, s.DeltaError)
	}
	for _, s := range []struct {
		name string
		ascentSummary
	}{{"mean", res.Mean}, {"worst", res.Worst}} {
		fmt.Fprintf(t, "%s\t\t%.6f\t\t%.6f\t%.2g\t\n", s.name, s.GradCosine, s.DeltaCosine, s.DeltaError)
	}
	t.Flush()
	fmt.Fprintf(w, "bf16 beside float32; %s, %d threads\n", res.Level, res.Threads)
}
