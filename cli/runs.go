package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/monge-ml/monge/train"
)

// runSorts are the orders of the list of runs.
var runSorts = []string{"time", "accuracy"}

func newRunsCommand() *cobra.Command {
	var (
		order  string
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "runs [DIR]",
		Short: "List the runs in a directory and below",
		Long: `List the run directories in DIR (runs, if not given) and below: how far each is, its best
accuracy on the validation split, and once it is over that of its last weights on the
test split. A run whose process ended without a word is "killed"; go on with it by
monge train --resume --out DIR. One that can't be read is "unreadable", and why is said
below the list.`,
		Example: `  monge runs
  monge runs runs/rho --sort accuracy`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage("%s takes one directory, got %d", cmd.CommandPath(), len(args))
			}
			return nil
		},
		ValidArgsFunction: completeDirs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(runSorts, order) {
				return usage("--sort %q; there are %s", order, strings.Join(runSorts, ", "))
			}
			dir := "runs"
			if len(args) == 1 {
				dir = args[0]
			}
			return listRuns(cmd.OutOrStdout(), dir, order, asJSON)
		},
	}
	cmd.Flags().StringVar(&order, "sort", runSorts[0], "time (of the last change, newest first) or accuracy (on validation, highest first)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document and nothing else")
	complete(cmd, "sort", runSorts...)
	return cmd
}

func completeDirs(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}

// unreadable is the state of a run that could not be read.
const unreadable = "unreadable"

// runInfo is a line of the list of runs.
type runInfo struct {
	Path         string        `json:"path"`
	State        string        `json:"state"`
	Error        string        `json:"error,omitempty"`
	Step         int           `json:"step"`
	Steps        int           `json:"steps"`
	Measure      string        `json:"measure,omitempty"` // by which its task judges: "accuracy", say
	BestVal      train.Real    `json:"best_val"`          // so far; null without a validation split
	Test         train.Real    `json:"test"`              // of the last weights; null before the end
	BestAccuracy train.Real    `json:"best_val_accuracy"` // the same two, where the measure is accuracy
	TestAccuracy train.Real    `json:"test_accuracy"`
	Seconds      train.Real    `json:"seconds"` // spent on it
	Changed      time.Time     `json:"changed"`
	Config       *train.Config `json:"config"` // null if it can't be read

	best, test train.Measure
}

func listRuns(w io.Writer, dir, order string, asJSON bool) error {
	paths, err := train.FindRuns(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no directory %s; monge train --out %s makes one", dir, filepath.Join(dir, "NAME"))
	}
	if err != nil {
		return err
	}
	list := []runInfo{}
	for _, path := range paths {
		s, err := train.ReadRun(path)
		list = append(list, infoOf(path, s, err))
	}
	slices.SortStableFunc(list, func(a, b runInfo) int {
		newer := b.Changed.Compare(a.Changed)
		if order == "accuracy" {
			return cmp.Or(unmeasured(a)-unmeasured(b), strings.Compare(a.Measure, b.Measure), better(a.best, b.best), better(a.test, b.test), newer)
		}
		return newer
	})
	if asJSON {
		return printJSON(w, list)
	}
	return printRuns(w, dir, list)
}

// infoOf sums up a run, or the error of reading it.
func infoOf(path string, s *train.SavedRun, err error) runInfo {
	nan := train.Real(math.NaN())
	none := train.Measure{Value: nan}
	info := runInfo{Path: path, BestVal: nan, Test: nan, BestAccuracy: nan, TestAccuracy: nan, Changed: changed(path), best: none, test: none}
	if err != nil {
		info.State, info.Error = unreadable, err.Error()
		return info
	}
	info.State, info.Error, info.Step, info.Steps = s.Status.State, s.Status.Error, s.Status.Step, s.Status.Steps
	info.Seconds, info.Config = train.Real(s.Seconds()), &s.Config
	if b := s.Best(); b != nil {
		info.best, info.BestAccuracy = b.Val.First(), b.Val.Get("accuracy")
	}
	if s.Result != nil && s.Result.Test != nil {
		info.test, info.TestAccuracy = s.Result.Test.First(), s.Result.Test.Get("accuracy")
	}
	info.Measure = cmp.Or(info.best.Name, info.test.Name)
	info.BestVal, info.Test = info.best.Value, info.test.Value
	return info
}

// unmeasured puts runs without a measure behind those with one.
func unmeasured(r runInfo) int {
	if r.Measure == "" {
		return 1
	}
	return 0
}

// better orders by a measure, the better first.
func better(a, b train.Measure) int {
	switch {
	case a.Beats(b.Value):
		return -1
	case b.Beats(a.Value):
		return 1
	}
	return 0
}

// changed is when the run last wrote something.
func changed(path string) (last time.Time) {
	for _, name := range []string{train.ConfigFile, train.StatusFile, train.MetricsFile, train.ResultFile} {
		if info, err := os.Stat(filepath.Join(path, name)); err == nil && info.ModTime().After(last) {
			last = info.ModTime()
		}
	}
	return last.UTC()
}

func printRuns(w io.Writer, dir string, list []runInfo) error {
	if len(list) == 0 {
		_, err := fmt.Fprintf(w, "no run in %s; monge train --out %s makes one\n", plain(dir), plain(filepath.Join(dir, "NAME")))
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "run\tstate\tmodel\tmethod\tsteps\tbest val\ttest\ttime\tchanged")
	for _, r := range list {
		model, method, steps := "-", "-", "-"
		if c := r.Config; c != nil {
			model, method = c.ModelName(), label(c.Method, c.AscentBudget, float64(c.Rho))
			steps = fmt.Sprintf("%d/%d", r.Step, r.Steps)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", plain(r.Path), r.State, plain(model), plain(method), steps,
			number(r.BestVal), number(r.Test), spent(float64(r.Seconds)), r.Changed.Local().Format("2006-01-02 15:04"))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, r := range list {
		if r.State == unreadable {
			fmt.Fprintf(w, "\n%s: %s\n", plain(r.Path), plain(r.Error))
		}
	}
	return nil
}

// spent writes a time as 1m23s.
func spent(seconds float64) string {
	if seconds == 0 || !(seconds < 1e9) {
		return "-"
	}
	unit := time.Second
	if seconds < 10 {
		unit = time.Second / 10
	}
	return time.Duration(seconds * float64(time.Second)).Round(unit).String()
}

// plain quotes a text that would do more to a terminal than stand in its line.
func plain(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return !strconv.IsPrint(r) }) < 0 {
		return s
	}
	return strconv.Quote(s)
}
