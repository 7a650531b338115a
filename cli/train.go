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
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/monge-ml/monge/data"
	"github.com/monge-ml/monge/data/picture"
	"github.com/monge-ml/monge/internal/object"
	"github.com/monge-ml/monge/nn/models"
	"github.com/monge-ml/monge/optim"
	"github.com/monge-ml/monge/sam"
	"github.com/monge-ml/monge/supervised"
	"github.com/monge-ml/monge/train"
)

type pflagFlag = pflag.Flag

// trainOptions are the flags of train that are no settings of the run.
type trainOptions struct {
	defaults      train.Config
	out, config   string
	resume        bool
	acceptChange  bool
	dryRun        bool
	noTensorBoard bool
	asJSON        bool
}

func newTrainCommand() *cobra.Command {
	cmd := trainCommand(supervised.Default())
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
	completeExamples(cmd)
	return cmd
}

// completeExamples gives data with classes or targets, and networks of them, to shell completion.
func completeExamples(cmd *cobra.Command) {
	complete(cmd, "data", specStarts(data.Specs())...)
	complete(cmd, "model", models.Names()...)
}

// specStarts are what specs of data begin with, without the names of places.
func specStarts(specs []string) (starts []string) {
	for _, s := range specs {
		name, _, place := strings.Cut(s, ":")
		if place {
			name += ":"
		}
		starts = append(starts, name)
	}
	return starts
}

// trainCommand returns a command that does a run, whose settings are these but for those that
// flags and files give.
func trainCommand(defaults train.Config) *cobra.Command {
	o := trainOptions{defaults: defaults}
	cmd := &cobra.Command{
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := readSettings(cmd, o)
			if err != nil {
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
	settingFlags(f, defaults)
	f.StringVar(&o.out, "out", "", "run directory to write")
	f.StringVar(&o.config, "config", "", "read settings from a run's config.json or a TOML file; flags win")
	f.BoolVar(&o.resume, "resume", false, "go on with the run in --out, or begin it")
	f.BoolVar(&o.acceptChange, "accept-data-change", false, "with --resume: go on though the data are not those that the run began with")
	f.BoolVar(&o.dryRun, "dry-run", false, "say what the run would take, measured on a few steps")
	f.BoolVar(&o.noTensorBoard, "no-tensorboard", false, "write no event file for TensorBoard")
	f.BoolVar(&o.asJSON, "json", false, "print one JSON document and nothing else")
	completeSettings(cmd)
	return cmd
}

// completeSettings gives the values of settings to shell completion.
func completeSettings(cmd *cobra.Command) {
	complete(cmd, "task", train.KindNames()...)
	complete(cmd, "norm", "batch", "group")
	complete(cmd, "head", "new")
	complete(cmd, "method", sam.MethodNames()...)
	complete(cmd, "ascent-on", "all", sam.OnNorms)
	completeChoices(cmd)
	complete(cmd, "base", optim.RuleNames()...)
	complete(cmd, "normalize", picture.NormalizationNames...)
	complete(cmd, "on-nan", "stop", "rollback")
	for _, schedule := range []string{"lr-schedule", "rho-schedule", "budget-schedule"} {
		complete(cmd, schedule, optim.ScheduleNames...)
	}
}

// settingFlags gives every setting a flag: of the task of these defaults first, then of others.
func settingFlags(f *pflag.FlagSet, defaults train.Config) {
	help := map[string]string{
		"task": strings.Join(train.KindNames(), ", "), "method": strings.Join(sam.MethodNames(), ", "), "base": strings.Join(optim.RuleNames(), ", "),
		"direction": choiceNames(sam.Directions()), "length": choiceNames(sam.MetricLengths()), "descent": choiceNames(sam.Descents()),
	}
	tasks := tasksOf(defaults)
	for _, s := range append(train.Settings(&defaults), train.AllSettings()...) {
		if f.Lookup(s.Name) != nil {
			continue
		}
		text := s.Help
		if values := help[s.Name]; values != "" {
			text += ": " + values
		} else {
			text += usersOf(s.Name) + tasks[s.Name]
		}
		flag := f.VarPF(&settingValue{Setting: s, text: s.String()}, s.Name, "", text)
		if s.IsBool() {
			flag.NoOptDefVal = "true"
		}
	}
}

// settingValue is a setting as a flag's value. It keeps the text, as which settings there are
// is known once all flags are.
type settingValue struct {
	train.Setting
	text string
}

func (v *settingValue) Set(text string) error {
	v.text = text
	return v.Setting.Set(text) // of a config that nobody uses: it says what is wrong
}

func (v *settingValue) String() string { return v.text }

// readSettings puts together what the run's own config (to resume it), a file of
// settings and the flags say; of two that differ the later one wins.
func readSettings(cmd *cobra.Command, o trainOptions) (train.Config, error) {
	given := map[string]any{}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if v, ok := f.Value.(*settingValue); ok {
			given[f.Name] = v.text
		}
	})
	c := o.defaults
	if name, _ := given["task"].(string); name != "" && name != c.Task {
		k, err := train.FindKind(name)
		if err != nil {
			return c, usageError{err}
		}
		c = train.DefaultOf(k)
	}
	if o.resume {
		saved := filepath.Join(o.out, train.ConfigFile)
		if _, err := os.Stat(saved); err == nil {
			if err := train.ReadConfig(saved, &c); err != nil {
				return c, err
			}
			if err := c.FindPlaces(); err != nil {
				return c, err
			}
		} else if len(given) == 0 && o.config == "" && o.out != "" {
			return c, usage("there is no run in %s: give its settings to begin it, or name the directory of one", o.out)
		}
	}
	if o.config != "" {
		if err := train.ReadConfig(o.config, &c); err != nil {
			return c, usageError{err}
		}
		if err := c.FindPlaces(); err != nil {
			return c, err
		}
	}
	if err := train.ApplySettings(&c, given); err != nil {
		return c, usage("--%v", err)
	}
	if _, named := given["task"]; !named && c.Task != o.defaults.Task && o.defaults.Task != train.Kinds()[0].Name {
		return c, usage("--data %s is of task %s, not %s; use monge train", c.DataName(), c.Task, o.defaults.Task)
	}
	return c, nil
}

// ifSet returns a flag's value if it was given, else nil.
func ifSet(f *pflag.FlagSet, name string, v float64) *float64 {
	if !f.Changed(name) {
		return nil
	}
	return &v
}

// trainResult is what train --json prints.
type trainResult struct {
	train.Result
	Config train.Config `json:"config"`
	Out    string       `json:"out,omitempty"`
}

// MarshalJSON writes the result with what is beside it.
func (r trainResult) MarshalJSON() ([]byte, error) {
	o := object.Of(r.Result)
	o.Add("config", r.Config)
	if r.Out != "" {
		o.Add("out", r.Out)
	}
	return o.Bytes()
}

func runTrain(cmd *cobra.Command, c train.Config, o trainOptions) (err error) {
	if o.resume {
		if done, err := alreadyFinished(cmd, c, o); done || err != nil {
			return err
		}
	}
	if o.out != "" {
		if err := train.CheckDir(o.out, train.DirOptions{Resume: o.resume}); err != nil {
			return err
		}
	}
	r, err := openRun(cmd, c, o)
	if errors.As(err, new(data.DamagedError)) {
		return err
	}
	if err != nil && o.resume && supervised.InitChanged(&c, train.ReadItems(o.out)) {
		err = fmt.Errorf("the file of init has changed since the run in %s began; put it back, or start a new run: %w", o.out, err)
	}
	if err != nil {
		return usageError{err}
	}
	say := sayTo(cmd, o.asJSON)
	for _, note := range r.Notes() {
		say("%s", note)
	}
	if o.dryRun {
		return dryRun(cmd, r, o.asJSON)
	}
	if o.resume { // its data may have been moved since
		if res, err := r.Finished(o.out); res != nil && err == nil {
			return sayFinished(cmd, r.Config, *res, o)
		}
	}
	var dir *train.Dir
	if o.out != "" {
		dir, err = train.OpenDir(o.out, r, train.DirOptions{Resume: o.resume, AcceptChange: o.acceptChange, NoTensorBoard: o.noTensorBoard, Warn: func(s string) { say("%s", s) }})
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
			fmt.Fprintf(cmd.ErrOrStderr(), "monge: %s\n", printable(fmt.Sprintf(format, args...)))
		}
	}
}

// progressText is what stands beside the bar.
func progressText(p train.Progress, epochs int) string {
	s := fmt.Sprintf("epoch %d/%d  loss %.3f", p.Epoch, epochs, p.Loss)
	if p.Perturbed {
		s += fmt.Sprintf("  gap %+.3f", p.Ascent())
	}
	if p.Val != nil {
		first := p.Val.First()
		s += fmt.Sprintf("  val %s %s", first.Title(), first)
	}
	return s + fmt.Sprintf("  %.0f/s", p.ExamplesPerSec)
}

// openRun opens a run's data and makes its network.
func openRun(cmd *cobra.Command, c train.Config, o trainOptions) (*train.Run, error) {
	shared, done := readingShared(cmd, o.asJSON)
	defer done()
	return train.NewShared(cmd.Context(), shared, c)
}

// readingShared returns what shows a bar while data are read, and what removes it.
func readingShared(cmd *cobra.Command, quiet bool) (*train.Shared, func()) {
	const soon = time.Second // what takes less needs none
	var b *bar
	begin := time.Now()
	shared := &train.Shared{Progress: func(done, all int) {
		if b == nil && time.Since(begin) > soon {
			b = newBar(cmd.ErrOrStderr(), "reading", all, quiet)
		}
		if b != nil {
			b.set(done)
		}
	}}
	return shared, func() {
		if b != nil {
			b.close()
		}
	}
}

// alreadyFinished prints the result of a run that is over, and reports whether it is. Settings
// that only say where data lie may be others: that is seen once they are open.
func alreadyFinished(cmd *cobra.Command, c train.Config, o trainOptions) (bool, error) {
	res, err := train.ReadResult(o.out, c)
	if res == nil || err != nil {
		return false, nil
	}
	return true, sayFinished(cmd, c, *res, o)
}

func sayFinished(cmd *cobra.Command, c train.Config, res train.Result, o trainOptions) error {
	sayTo(cmd, o.asJSON)("the run in %s is finished; this is its result", o.out)
	return showTrain(cmd, c, res, o)
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
	printMeasures(t, "test", res.Test)
	printMeasures(t, "val", res.Val)
	if b := res.Best; b != nil {
		first := b.Val.First()
		fmt.Fprintf(t, "best on val\t%s\tat step %d, test %s %s\n", number(first.Value), b.Step, first.Title(), number(b.Test.Get(first.Name)))
	}
	fmt.Fprintf(t, "train loss\t%.4f\t%d steps of %.2f ms, stopped by %s\n", res.TrainLoss, res.Steps, 1e3*res.StepSeconds, res.StoppedBy)
	t.Flush()
	fmt.Fprintf(w, "weights sha256 %s\n", res.WeightsSHA256)
	if out != "" {
		fmt.Fprintf(w, "run directory  %s\n", out)
	}
}

// printMeasures writes a line of the measures of a split.
func printMeasures(w io.Writer, split string, m train.Measures) {
	if m == nil {
		return
	}
	fmt.Fprintf(w, "%s %s\t%s\t", split, m[0].Title(), number(m[0].Value))
	var rest []string
	for _, x := range m[1:] {
		rest = append(rest, x.Title()+" "+number(x.Value))
	}
	fmt.Fprintln(w, strings.Join(rest, ", "))
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
