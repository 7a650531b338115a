package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/monge-ml/monge/report"
	"github.com/monge-ml/monge/study"
	"github.com/monge-ml/monge/study/analysis"
	"github.com/monge-ml/monge/train"
)

func newStudyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "study",
		Short: "Run grids of runs, and report on them",
		Long: `A study is a TOML file, or a preset (` + strings.Join(study.Presets(), ", ") + `): settings that its runs share,
and a grid of those that vary: methods, radii, budgets, learning rates, anything that
monge train can set, over seeds.

Every run is a directory OUT/cells/NAME like those of monge train. A study can be stopped
in any way; the same command goes on with it, and does what was added to its grid.`,
		Example: "  monge study run schedule --out runs/schedule",
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newStudyRunCommand(), newStudyStatusCommand(), newStudyReportCommand(), newStudyShowCommand())
	return cmd
}

// studyOptions are the flags of study run.
type studyOptions struct {
	out, only string
	set       []string
	jobs      int
	dryRun    bool
	asJSON    bool

	acceptChange bool
}

func newStudyRunCommand() *cobra.Command {
	var o studyOptions
	cmd := &cobra.Command{
		Use:   "run FILE|PRESET",
		Short: "Do a study's runs that are not done yet",
		Long: `Do the runs of a study in the directory --out: those that are over are left alone, those
that were begun go on, those that failed are tried again. It first measures a few steps
and says what it will take. A run that fails or diverges does not keep the others from
being done, and one that another process works on is left to it.

Several runs at a time share the processors, a single one has all; the results are the
same bits.`,
		Example: `  monge study run schedule --out runs/schedule
  monge study run study.toml --out runs/photos --only *_seed-1 --dry-run
  monge study run radius --set data=imagefolder:photos --set head=new --out runs/photos`,
		Args:              oneStudy,
		ValidArgsFunction: completeStudies,
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.out == "" && !o.dryRun {
				return usage("a study needs a directory: --out")
			}
			if o.jobs < 0 {
				return usage("--jobs is %d; it must be at least 1", o.jobs)
			}
			s, err := study.Open(args[0], o.set...)
			if err != nil {
				return usageError{err}
			}
			return runStudy(cmd, s, o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.out, "out", "", "directory of the study")
	f.StringVar(&o.only, "only", "*", "do only runs whose names match, like 'm-sam_*'")
	f.StringArrayVar(&o.set, "set", nil, "change a base setting, or seeds: NAME=VALUE")
	f.BoolVar(&o.acceptChange, "accept-data-change", false, "go on with runs though the data are not those that they began with")
	f.IntVar(&o.jobs, "jobs", 0, "runs at a time (default one for each processor)")
	f.BoolVar(&o.dryRun, "dry-run", false, "say what the runs are and what they would take")
	f.BoolVar(&o.asJSON, "json", false, "print one JSON document and nothing else")
	return cmd
}

func oneStudy(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usage("%s takes one study: a TOML file or one of %s", cmd.CommandPath(), strings.Join(study.Presets(), ", "))
	}
	return nil
}

func completeStudies(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return study.Presets(), cobra.ShellCompDirectiveDefault
}

// studyResult is what the study commands print as JSON.
type studyResult struct {
	Name        string          `json:"name"`
	Out         string          `json:"out"`
	Over        int             `json:"over"` // finished or diverged
	All         int             `json:"all"`
	SecondsLeft train.Real      `json:"seconds_left"` // of computing; null if not known
	Forecast    *study.Forecast `json:"forecast,omitempty"`
	Cells       []study.State   `json:"cells"`
}

func studyResultOf(s *study.Study, out string) studyResult {
	states := s.States(out)
	r := studyResult{Name: s.Name, Out: out, All: len(states), Cells: states, SecondsLeft: train.Real(s.SecondsLeft(states))}
	for _, st := range states {
		if st.Over() {
			r.Over++
		}
	}
	return r
}

func runStudy(cmd *cobra.Command, s *study.Study, o studyOptions) error {
	cells, err := s.Only(o.only)
	if err != nil {
		return usageError{err}
	}
	if err := s.Fits(o.out); err != nil {
		return err
	}
	var pending []study.Cell
	for _, c := range cells {
		if st := c.State(o.out); !st.Over() {
			pending = append(pending, c)
		}
	}
	f, err := s.Forecast(cmd.Context(), o.out, pending, o.jobs)
	if err != nil {
		return err
	}
	if o.dryRun {
		return dryRunStudy(cmd.OutOrStdout(), s, pending, &f, o)
	}
	if !o.asJSON {
		printForecast(cmd.ErrOrStderr(), s, &f)
	}
	if err := s.Save(o.out); err != nil {
		return err
	}
	err = doStudy(cmd, s, pending, &f, o)
	r := studyResultOf(s, o.out)
	if o.asJSON {
		r.Forecast = &f
		if err := printJSON(cmd.OutOrStdout(), r); err != nil {
			return err
		}
	} else {
		printStudy(cmd.OutOrStdout(), r)
	}
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("%d of %d runs are over; go on with: monge study run %s --out %s: %w", r.Over, r.All, filepath.Join(o.out, study.FileName), o.out, err)
	}
	return errors.Join(err, failures(r, cells))
}

// failures is an error if any of the cells failed.
func failures(r studyResult, cells []study.Cell) error {
	n, first := 0, ""
	for i, st := range r.Cells {
		if st.State != train.Failed || !slices.ContainsFunc(cells, func(c study.Cell) bool { return c.Name == r.Cells[i].Cell }) {
			continue
		}
		if n++; n == 1 {
			first = st.Cell + ": " + st.Error
		}
	}
	if n == 0 {
		return nil
	}
	return fmt.Errorf("%d of %d runs failed; run the study again to try them again (%s)", n, len(cells), first)
}

// doStudy does the runs with a bar over their steps.
func doStudy(cmd *cobra.Command, s *study.Study, pending []study.Cell, f *study.Forecast, o studyOptions) error {
	say := sayTo(cmd, o.asJSON)
	bar := newBar(cmd.ErrOrStderr(), s.Name, max(f.Steps, 1), o.asJSON)
	steps := map[string]int{} // of those that are running, as far as they are
	done, over := 0, 0        // steps of those that are over, and their number
	show := func(text string) {
		at := done
		for _, n := range steps {
			at += n
		}
		bar.note(fmt.Sprintf("%d/%d %s", over, len(pending), text))
		bar.set(min(at, bar.all))
	}
	left := map[string]int{}
	for _, c := range append(slices.Clone(s.Stages), pending...) {
		left[c.Name] = f.StepsOf(c)
	}
	_, err := s.Run(cmd.Context(), o.out, pending, study.RunOptions{
		Jobs: f.Jobs, AcceptChange: o.acceptChange,
		Step: func(c study.Cell, p train.Progress) {
			if left[c.Name] > 0 {
				steps[c.Name] = p.Step
			}
			show(c.Name)
		},
		Done: func(st study.State) {
			if st.State == train.Interrupted {
				return
			}
			delete(steps, st.Cell)
			done += left[st.Cell]
			over++
			switch st.State {
			case train.Running:
				say("%s: another process is working on it; skipped", st.Cell)
			case train.Diverged, train.Failed:
				say("%s: %s: %s", st.Cell, st.State, st.Error)
			}
			show(st.Cell)
		},
		Warn: func(c study.Cell, text string) { say("%s: %s", c.Name, text) },
	})
	bar.close()
	return err
}

// dryRunStudy says what would be done.
func dryRunStudy(w io.Writer, s *study.Study, pending []study.Cell, f *study.Forecast, o studyOptions) error {
	if o.asJSON {
		r := studyResultOf(s, o.out)
		r.Forecast, r.SecondsLeft = f, train.Real(f.Seconds)
		return printJSON(w, r)
	}
	for _, c := range pending {
		fmt.Fprintln(w, c.Name)
	}
	printForecast(w, s, f)
	return nil
}

func printForecast(w io.Writer, s *study.Study, f *study.Forecast) {
	fmt.Fprintf(w, "%s: %d runs, %d to do, %d at a time\n", s.Name, len(s.Cells), f.Cells, f.Jobs)
	if f.Cells == 0 {
		return
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, c := range f.Costs {
		fmt.Fprintf(t, "%d\tlike %s\t%d steps of %.3g ms\t%s each\n", c.Cells, c.Like, c.Steps, 1e3*c.StepS, about(c.Seconds))
	}
	for _, u := range f.Unknown {
		fmt.Fprintf(t, "%d\tlike %s\tunknown: %s\n", u.Cells, u.Like, plain(u.Why))
	}
	t.Flush()
	fmt.Fprintf(w, "time about %s, disk %s", about(f.Seconds), bytesText(f.DiskBytes))
	if f.PeakBytes > 0 {
		fmt.Fprintf(w, ", memory %s", bytesText(f.PeakBytes))
	}
	fmt.Fprintln(w)
	if f.Stages > 0 {
		fmt.Fprintf(w, "of the time %s are for the %d stages before the grid, which are run one after the other\n", about(f.StageS), f.Stages)
	}
}

// about writes an estimated time.
func about(seconds float64) string {
	switch {
	case seconds < 1:
		return fmt.Sprintf("%.2g s", seconds)
	case seconds < 100:
		return fmt.Sprintf("%.0f s", seconds)
	case seconds < 6000:
		return fmt.Sprintf("%.0f min", seconds/60)
	}
	return fmt.Sprintf("%.1f h", seconds/3600)
}

func bytesText(n int64) string {
	if n < 1e9 {
		return fmt.Sprintf("%.0f MB", math.Ceil(float64(n)/1e6))
	}
	return fmt.Sprintf("%.1f GB", float64(n)/1e9)
}

// printStudy prints how many runs are in which state, and those that went wrong.
func printStudy(w io.Writer, r studyResult) {
	count := map[string]int{}
	for _, st := range r.Cells {
		count[st.State]++
	}
	fmt.Fprintf(w, "%s: %d of %d runs are over\n", r.Name, r.Over, r.All)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, state := range slices.Sorted(maps.Keys(count)) {
		fmt.Fprintf(t, "%s\t%d\n", state, count[state])
	}
	for _, st := range r.Cells {
		switch st.State {
		case train.Finished, study.Planned:
			continue
		}
		fmt.Fprintf(t, "\n%s\t%s, step %d of %d\t%s", st.Cell, st.State, st.Step, st.Steps, plain(st.Error))
	}
	t.Flush()
	if r.Over < r.All {
		left := "unknown until a run is over"
		if x := float64(r.SecondsLeft); !math.IsNaN(x) {
			left = "about " + about(x)
		}
		fmt.Fprintf(w, "\ncomputing time left: %s\n", left)
	}
	fmt.Fprintf(w, "\nReport: monge study report %s\n", r.Out)
}

// openStudyDir reads the study that a directory is of.
func openStudyDir(dir string) (*study.Study, error) {
	s, err := study.Open(filepath.Join(dir, study.FileName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s holds no study: it has no %s (monge study run makes one)", dir, study.FileName)
	}
	return s, err
}

func oneDir(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usage("%s takes the directory of one study", cmd.CommandPath())
	}
	return nil
}

func newStudyStatusCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:               "status DIR",
		Short:             "Say how far a study is",
		Example:           "  monge study status runs/schedule",
		Args:              oneDir,
		ValidArgsFunction: completeDirs,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := openStudyDir(args[0])
			if err != nil {
				return err
			}
			r := studyResultOf(s, args[0])
			if asJSON {
				return printJSON(cmd.OutOrStdout(), r)
			}
			printStudy(cmd.OutOrStdout(), r)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document and nothing else")
	return cmd
}

// studyReport is what study report --json prints.
type studyReport struct {
	Report    string                   `json:"report"`
	Files     []string                 `json:"files"`
	Headline  string                   `json:"headline"`
	Notes     []string                 `json:"notes"`
	Contrasts []analysis.Contrast      `json:"contrasts"`
	Corrected correction               `json:"corrected"`
	Gains     []analysis.Gain          `json:"gains"` // over the base optimizer, and what they cost
	Summary   []study.Summary          `json:"summary"`
	Alignment []analysis.AlignmentCell `json:"alignment,omitempty"` // of runs on pairs
	Rows      []study.Row              `json:"rows"`
}

// correction says how the p-values of contrasts were corrected.
type correction struct {
	By          string  `json:"by"`
	Comparisons int     `json:"comparisons"` // that have seeds enough to be judged
	Level       float64 `json:"level"`
}

func newStudyReportCommand() *cobra.Command {
	var (
		out    string
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "report DIR",
		Short: "Write what a study found: a page, a CSV file, figures",
		Long: `Write report.html, which opens offline, results.csv with a line for each run, points.csv
with a line for each setting, and the page's figures as SVG and PNG. Runs that are not over
are left out of all means, and said to be.`,
		Example: `  monge study report runs/schedule
  monge study report runs/schedule --out docs/schedule`,
		Args:              oneDir,
		ValidArgsFunction: completeDirs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if out == "" {
				out = args[0]
			}
			if info, err := os.Stat(out); err == nil && !info.IsDir() {
				return usage("--out %s is a file; give a directory", out)
			}
			s, err := openStudyDir(args[0])
			if err != nil {
				return err
			}
			return reportStudy(cmd, s, args[0], out, asJSON)
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "directory to write into (default the study's)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document and nothing else")
	return cmd
}

func reportStudy(cmd *cobra.Command, s *study.Study, dir, out string, asJSON bool) error {
	c := s.Compare(dir)
	command := fmt.Sprintf("monge study run %s --out %s", filepath.Join(dir, study.FileName), dir)
	files, err := report.WriteStudy(out, dir, command, c)
	if err != nil {
		return err
	}
	words, found := report.Describe(c), analysis.Of(c)
	if asJSON {
		list := found.Contrasts()
		corrected := correction{"Holm", analysis.Judged(list), analysis.Level}
		return printJSON(cmd.OutOrStdout(), studyReport{files[0], files, words.Headline, words.Summary, list, corrected, found.Gains(), c.Summary, analysis.Alignment(c), c.Rows})
	}
	w := cmd.OutOrStdout()
	if words.Notice != "" {
		fmt.Fprintf(w, "%s\n\n", words.Notice)
	}
	fmt.Fprintln(w, plain(words.Headline))
	for _, s := range words.Summary {
		fmt.Fprintln(w, "- "+plain(s))
	}
	printGains(w, found)
	fmt.Fprintf(w, "\nReport: %s, and %d files beside it\n", files[0], len(files)-1)
	return nil
}

// printGains prints what methods gain over the base optimizer, and what they cost.
func printGains(w io.Writer, a *analysis.Analysis) {
	gains := a.Gains()
	if len(gains) == 0 {
		return
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "\nmethod\tgain in %s\tgradients\ttime\tdecades\n", a.Measure.Title())
	for _, g := range gains {
		time := "–"
		if x := float64(g.StepRatio); !math.IsNaN(x) {
			time = fmt.Sprintf("%.2f", x)
		}
		fmt.Fprintf(t, "%s\t%s\t%.3g\t%s\t%s\n", printable(g.Method), report.GainText(a.Measure, &g), g.Gradients, time, report.Decades(g.Reach))
	}
	t.Flush()
}

func newStudyShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "show FILE|PRESET",
		Short:             "Print a study as TOML, with what it takes from a preset",
		Example:           `  monge study show radius`,
		Args:              oneStudy,
		ValidArgsFunction: completeStudies,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := study.Open(args[0])
			if err != nil {
				return usageError{err}
			}
			text, err := s.TOML()
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(text)
			return err
		},
	}
}
