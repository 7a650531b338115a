package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/monge-ml/monge/internal/kernel"
	"github.com/monge-ml/monge/nn/models"
	"github.com/monge-ml/monge/sam"
	"github.com/monge-ml/monge/train"
)

type pflagFlag = pflag.Flag

func newTrainCommand() *cobra.Command {
	c := train.Default()
	var (
		out    string
		asJSON bool
		wino   bool
		rho    float64
		alpha  float64
		budget float64
		eta    float64
	)
	cmd := &cobra.Command{
		Use:   "train",
		Short: "Train a model once",
		Long: `Train one model and print its accuracy. With --out the run's directory holds
config.json (everything needed to repeat it), metrics.jsonl (a line an epoch),
result.json and the final weights. The same settings give the same weights, bit for
bit, on any number of processors.`,
		Example: `  monge train --data digits --model mlp --method m-sam --rho 0.3 --epochs 10
  monge train --method m-sam --ascent-budget 0.08 --rho inf --label-noise 0.4 --out runs/budget`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c.Rho = train.Real(rho)
			f := cmd.Flags()
			c.Alpha = ifSet(f, "alpha", alpha)
			c.AscentBudget = ifSet(f, "ascent-budget", budget)
			c.Eta = ifSet(f, "eta", eta)
			if !f.Changed("momentum") && c.Base != "sgd" {
				c.Momentum = 0
			}
			if c.Method == "none" && f.Changed("rho") && rho != 0 {
				return usage("--rho has no use with --method none; choose one of %s", strings.Join(sam.Methods[1:], ", "))
			}
			kernel.SetWinograd(wino)
			r, err := train.New(c)
			if err != nil {
				return usageError{err}
			}
			return trainRun(cmd, r, out, asJSON)
		},
	}
	f := cmd.Flags()
	f.StringVar(&c.Data, "data", c.Data, "data set: digits")
	f.StringVar(&c.Model, "model", c.Model, "model: "+strings.Join(models.Names(), ", "))
	f.StringVar(&c.Norm, "norm", "", "normalisation of residual networks: batch, group (default batch)")
	f.StringVar(&c.Method, "method", c.Method, "method: "+strings.Join(sam.Methods, ", "))
	f.Float64Var(&rho, "rho", 0, "radius of the perturbation; inf is allowed with --ascent-budget")
	f.Float64Var(&alpha, "alpha", 1, "loss-axis scale of m-sam: 0 is SAM, 1 the paper's")
	f.Float64Var(&budget, "ascent-budget", 0, "ascent budget rho/alpha of m-sam, in nats, in place of --alpha")
	f.Float64Var(&eta, "eta", 0, "eta of fisher (default 1) or asam (default 0.01)")
	f.StringVar(&c.Base, "base", c.Base, "base optimizer: "+strings.Join(train.Bases, ", "))
	f.Float64Var(&c.LR, "lr", c.LR, "learning rate")
	f.Float64Var(&c.Momentum, "momentum", c.Momentum, "momentum, for sgd (rmsprop: 0 unless given)")
	f.Float64Var(&c.WeightDecay, "weight-decay", c.WeightDecay, "weight decay")
	f.Float64Var(&c.LabelNoise, "label-noise", c.LabelNoise, "share of training labels replaced by uniform ones")
	f.IntVar(&c.Epochs, "epochs", c.Epochs, "epochs")
	f.IntVar(&c.Batch, "batch", c.Batch, "minibatch size")
	f.Uint64Var(&c.Seed, "seed", 1, "seed of initialisation, order and label noise")
	f.BoolVar(&wino, "winograd", true, winogradUsage)
	f.StringVar(&out, "out", "", "run directory to write")
	f.BoolVar(&asJSON, "json", false, "print one JSON document and nothing else")
	complete(cmd, "data", "digits")
	complete(cmd, "model", models.Names()...)
	complete(cmd, "norm", "batch", "group")
	complete(cmd, "method", sam.Methods...)
	complete(cmd, "base", train.Bases...)
	return cmd
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

func trainRun(cmd *cobra.Command, r *train.Run, out string, asJSON bool) (err error) {
	each := func(train.Epoch) error { return nil }
	var dir *train.Dir
	if out != "" {
		if dir, err = train.CreateDir(out, r.Config); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, dir.Close()) }()
		each = dir.Epoch
	}
	bar := newBar(cmd.ErrOrStderr(), "train", r.Steps(), asJSON)
	var last train.Epoch
	res, err := r.Do(cmd.Context(), func(e train.Epoch) error {
		last = e
		bar.note(fmt.Sprintf("epoch %d/%d  loss %.3f  val %.1f%%", e.Epoch, r.Config.Epochs, e.TrainLoss, 100*e.ValAccuracy))
		return each(e)
	}, func(done, all int, s sam.Result) { bar.set(done) })
	bar.close()
	if err != nil {
		return trainFailure(err, last, out)
	}
	if dir != nil {
		if err := dir.Finish(r, res); err != nil {
			return err
		}
	}
	if asJSON {
		return printJSON(cmd.OutOrStdout(), trainResult{Result: res, Config: r.Config, Out: out})
	}
	printTrain(cmd.OutOrStdout(), r, res, out)
	return nil
}

// trainFailure says what a run that met a NaN had reached, and what to change.
func trainFailure(err error, last train.Epoch, out string) error {
	var nf *sam.NonFiniteError
	if !errors.As(err, &nf) {
		return err
	}
	at := "before the first epoch ended"
	if last.Epoch > 0 {
		at = fmt.Sprintf("after epoch %d (loss %.3f, validation accuracy %.1f%%)", last.Epoch, last.TrainLoss, 100*last.ValAccuracy)
	}
	if out != "" {
		at += "; its metrics are in " + out
	}
	return fmt.Errorf("training diverged %s: %w; lower --lr or --rho", at, err)
}

func printTrain(w io.Writer, r *train.Run, res train.Result, out string) {
	fmt.Fprintf(w, "test accuracy  %.4f   loss %.4f\n", res.TestAccuracy, float64(res.TestLoss))
	fmt.Fprintf(w, "val accuracy   %.4f   loss %.4f\n", res.ValAccuracy, float64(res.ValLoss))
	fmt.Fprintf(w, "train loss     %.4f   %d steps of %.2f ms\n", res.TrainLoss, res.Steps, 1e3*res.StepSeconds)
	fmt.Fprintf(w, "weights sha256 %s\n", res.WeightsSHA256)
	if out != "" {
		fmt.Fprintf(w, "run directory  %s\n", out)
	}
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
