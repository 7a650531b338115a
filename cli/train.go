package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/monge-ml/monge/data"
	"github.com/monge-ml/monge/nn/models"
	"github.com/monge-ml/monge/optim"
	"github.com/monge-ml/monge/sam"
	"github.com/monge-ml/monge/train"
)

type pflagFlag = pflag.Flag

// trainOptions are the flags of train that are no settings of the run.
type trainOptions struct {
	defaults      train.Config
	out, config   string
	resume        bool
	dryRun        bool
	noTensorBoard bool
	asJSON        bool
}

func newTrainCommand() *cobra.Command {
	cmd := trainCommand(train.Default())
	cmd.Use, cmd.Short = "train", "Train a model once"
	cmd.Long = `Train one model and print its accuracy. The same settings give the same weights, bit
for bit, on any number of processors.

With --out the run's directory holds config.json (everything needed to repeat it, by
--config), metrics.jsonl (a line an evaluation), TensorBoard's event file, checkpoints,
result.json, the final weights and those that were best on the validation split.
Interrupt it in any way and call it again with --resume: the weights will be those of
the uninterrupted run.

Settings can also come from a TOML file with the names of these flags; flags win.`
	cmd.Example = `  monge train --data digits --model mlp --method m-sam --rho 0.3 --epochs 10
  monge train --method m-sam --ascent-budget 0.08 --rho inf --label-noise 0.4 --out runs/budget
  monge train --model resnet20 --init resnet20.th --data imagefolder:cifar10 --size 32 --lr 0.02 --lr-schedule cosine --pad 4 --flip --out runs/tuned
  monge train --resume --out runs/tuned`
	complete(cmd, "data", "digits", "idx:", "cifar10:", "cifar100:", "imagefolder:", "csv:")
	complete(cmd, "model", models.Names()...)
	return cmd
}

// trainCommand returns a command that does a run, whose settings are these but for those that
// flags and files give.
func trainCommand(defaults train.Config) *cobra.Command {
	c, o := defaults, trainOptions{defaults: defaults}
	cmd := &cobra.Command{
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := readSettings(cmd, &c, o); err != nil {
				return err
			}
			if o.out == "" && (o.resume || c.OnNaN == "rollback") {
				return usage("--resume and --on-nan rollback need the run's directory: --out")
			}
			return runTrain(cmd, c, o)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	settingFlags(f, &c)
	f.StringVar(&o.out, "out", "", "run directory to write")
	f.StringVar(&o.config, "config", "", "read settings from a run's config.json or a TOML file; flags win")
	f.BoolVar(&o.resume, "resume", false, "go on with the run in --out, or begin it")
	f.BoolVar(&o.dryRun, "dry-run", false, "say what the run would take, measured on a few steps")
	f.BoolVar(&o.noTensorBoard, "no-tensorboard", false, "write no event file for TensorBoard")
	f.BoolVar(&o.asJSON, "json", false, "print one JSON document and nothing else")
	complete(cmd, "norm", "batch", "group")
	complete(cmd, "head", "new")
	complete(cmd, "method", sam.MethodNames()...)
	complete(cmd, "base", optim.RuleNames()...)
	complete(cmd, "normalize", data.NormalizationNames...)
	complete(cmd, "on-nan", "stop", "rollback")
	for _, schedule := range []string{"lr-schedule", "rho-schedule", "budget-schedule"} {
		complete(cmd, schedule, optim.ScheduleNames...)
	}
	return cmd
}

// settingFlags gives every setting of a config a flag.
func settingFlags(f *pflag.FlagSet, c *train.Config) {
	help := map[string]string{
		"method": strings.Join(sam.MethodNames(), ", "), "base": strings.Join(optim.RuleNames(), ", "),
	}
	for _, s := range train.Settings(c) {
		text := s.Help
		if values := help[s.Name]; values != "" {
			text += ": " + values
		}
		flag := f.VarPF(settingValue{s}, s.Name, "", text)
		if s.IsBool() {
			flag.NoOptDefVal = "true"
		}
	}
}

// settingValue is a setting as a flag's value.
type settingValue struct{ train.Setting }

// readSettings puts together what the run's own config (to resume it), a file of
// settings and the flags say; of two that differ the later one wins.
func readSettings(cmd *cobra.Command, c *train.Config, o trainOptions) error {
	given := map[string]string{}
	known := map[string]bool{}
	for _, s := range train.Settings(c) {
		known[s.Name] = true
	}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if known[f.Name] {
			given[f.Name] = f.Value.String()
		}
	})
	*c = o.defaults
	if o.resume {
		saved := filepath.Join(o.out, train.ConfigFile)
		if _, err := os.Stat(saved); err == nil {
			if err := train.ReadConfig(saved, c); err != nil {
				return err
			}
		}
	}
	if o.config != "" {
		if err := train.ReadConfig(o.config, c); err != nil {
			return usageError{err}
		}
	}
	if _, ok := given["rho"]; !ok && c.Rho == 0 && given["method"] != "none" && slices.Contains(sam.MethodNames(), given["method"]) {
		return usage("--method %s needs its radius: --rho (0 is the base optimizer alone)", given["method"])
	}
	for _, s := range train.Settings(c) {
		if text, ok := given[s.Name]; ok {
			if err := s.Set(text); err != nil {
				return usage("--%s: %v", s.Name, err)
			}
		}
	}
	return nil
}

// ifSet returns a flag's value if it was given, else nil.
func ifSet(f *pflag.FlagSet, name string, v float64) *float64 {
	if !f.Changed(name) {
		return nil
	}
	return &v
}

// complete gives a flag's values to shell completion.
func complete(cmd *cobra.Command, flag string, values ...string) {
	if err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // a flag that the command does not have
	}
}

// trainResult is what train --json prints.
type trainResult struct {
	train.Result
	Config train.Config `json:"config"`
	Out    string       `json:"out,omitempty"`
}

func runTrain(cmd *cobra.Command, c train.Config, o trainOptions) (err error) {
	if o.resume {
		if done, err := alreadyFinished(cmd, c, o); done || err != nil {
			return err
		}
	}
	r, err := train.NewContext(cmd.Context(), c)
	if err != nil {
		return usageError{err}
	}
	say := sayTo(cmd, o.asJSON)
	if c.Init != "" && !c.Pairs() {
		say("normalisation %s", r.Config.Normalize)
	}
	if r.LeftOut != "" {
		say("%s", r.LeftOut)
	}
	if len(r.Kept) > 0 {
		say("new, not from %s: %s", c.Init, strings.Join(r.Kept, ", "))
	}
	if o.dryRun {
		return dryRun(cmd, r, o.asJSON)
	}
	var dir *train.Dir
	if o.out != "" {
		dir, err = train.OpenDir(o.out, r, train.DirOptions{Resume: o.resume, NoTensorBoard: o.noTensorBoard, Warn: func(s string) { say("%s", s) }})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, dir.Close()) }()
	}
	bar := newBar(cmd.ErrOrStderr(), "train", r.Steps(), o.asJSON)
	res, err := r.Do(cmd.Context(), dir, train.Watch{
		Step: func(p train.Progress) {
			bar.note(progressText(p, r.Config.Epochs))
			bar.set(p.Step)
		},
		Warn: func(s string) { say("%s", s) },
	})
	bar.close()
	if err != nil {
		return trainFailure(err, res, o.out)
	}
	return showTrain(cmd, r.Config, res, o)
}

// sayTo returns a function that prints a line on stderr, unless the command is quiet.
func sayTo(cmd *cobra.Command, quiet bool) func(format string, args ...any) {
	return func(format string, args ...any) {
		if !quiet {
			fmt.Fprintf(cmd.ErrOrStderr(), "monge: "+format+"\n", args...)
		}
	}
}

// progressText is what stands beside the bar.
func progressText(p train.Progress, epochs int) string {
	s := fmt.Sprintf("epoch %d/%d  loss %.3f", p.Epoch, epochs, p.Loss)
	if p.Perturbed {
		s += fmt.Sprintf("  gap %+.3f", p.Ascent())
	}
	switch {
	case p.ValAlignment != nil:
		s += fmt.Sprintf("  S_kNN %.3f", p.ValAlignment.SKNN)
	case !math.IsNaN(float64(p.ValAccuracy)):
		s += fmt.Sprintf("  val %.1f%%", 100*float64(p.ValAccuracy))
	}
	return s + fmt.Sprintf("  %.0f/s", p.ExamplesPerSec)
}

// alreadyFinished prints the result of a run that is over, and reports whether it is.
func alreadyFinished(cmd *cobra.Command, c train.Config, o trainOptions) (bool, error) {
	res, err := train.ReadResult(o.out, c)
	if res == nil || err != nil {
		return false, err
	}
	sayTo(cmd, o.asJSON)("the run in %s is finished; this is its result", o.out)
	return true, showTrain(cmd, c, *res, o)
}

func showTrain(cmd *cobra.Command, c train.Config, res train.Result, o trainOptions) error {
	if o.asJSON {
		return printJSON(cmd.OutOrStdout(), trainResult{Result: res, Config: c, Out: o.out})
	}
	printTrain(cmd.OutOrStdout(), res, o.out)
	return nil
}

// dryRunSteps are how many steps a dry run takes.
const dryRunSteps = 5

func dryRun(cmd *cobra.Command, r *train.Run, asJSON bool) error {
	e, err := r.Estimate(cmd.Context(), dryRunSteps)
	if err != nil {
		return err
	}
	w := cmd.OutOrStdout()
	if asJSON {
		return printJSON(w, e)
	}
	fmt.Fprintf(w, "parameters  %d\n", e.Parameters)
	fmt.Fprintf(w, "examples    %d, %d steps an epoch, %d in all\n", e.Examples, e.StepsEpoch, e.Steps)
	fmt.Fprintf(w, "step        %.1f ms (median of %d); evaluation %.1f s\n", 1e3*e.StepS, min(dryRunSteps, e.Steps), e.EvalS)
	fmt.Fprintf(w, "time        %v\n", time.Duration(e.Seconds*float64(time.Second)).Round(time.Second))
	if e.PeakBytes > 0 {
		fmt.Fprintf(w, "memory      %.0f MB\n", float64(e.PeakBytes)/1e6)
	}
	return nil
}

// trainFailure says what to do about a run that did not end well.
func trainFailure(err error, res train.Result, out string) error {
	var diverged *train.DivergedError
	switch {
	case errors.As(err, &diverged):
		return fmt.Errorf("%w; lower --lr or --rho", err)
	case errors.Is(err, context.Canceled) && out != "":
		return fmt.Errorf("%d steps done; go on with: monge train --resume --out %s: %w", res.Steps, out, context.Canceled)
	}
	return err
}

func printTrain(w io.Writer, res train.Result, out string) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if res.Aligned() {
		printAlignment(t, res)
	} else {
		fmt.Fprintf(t, "test accuracy\t%s\tloss %s\n", number(res.TestAccuracy), number(res.TestLoss))
		fmt.Fprintf(t, "val accuracy\t%s\tloss %s\n", number(res.ValAccuracy), number(res.ValLoss))
		if b := res.Best; b != nil {
			fmt.Fprintf(t, "best on val\t%s\tat step %d, test accuracy %s\n", number(b.ValAccuracy), b.Step, number(b.TestAccuracy))
		}
	}
	fmt.Fprintf(t, "train loss\t%.4f\t%d steps of %.2f ms, stopped by %s\n", res.TrainLoss, res.Steps, 1e3*res.StepSeconds, res.StoppedBy)
	t.Flush()
	fmt.Fprintf(w, "weights sha256 %s\n", res.WeightsSHA256)
	if out != "" {
		fmt.Fprintf(w, "run directory  %s\n", out)
	}
}

// number writes a measure, or a dash where there was nothing to measure it on.
func number(r train.Real) string {
	if math.IsNaN(float64(r)) {
		return "-"
	}
	return fmt.Sprintf("%.4f", float64(r))
}

func printJSON(w io.Writer, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, '\n'))
	return err
}

// floats parses a comma-separated list of numbers.
func floats(name, s string) ([]float64, error) {
	var list []float64
	for _, field := range strings.Split(s, ",") {
		v, err := strconv.ParseFloat(strings.TrimSpace(field), 64)
		if err != nil || math.IsNaN(v) {
			return nil, usage("--%s: %q is no number; give a list like 0.03,0.1,0.3", name, field)
		}
		list = append(list, v)
	}
	return list, nil
}
