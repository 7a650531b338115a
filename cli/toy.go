package cli

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/monge-ml/monge/paper"
	"github.com/monge-ml/monge/sam"
	"github.com/monge-ml/monge/toy"
	"github.com/monge-ml/monge/train"
)

// toyFlags are the flags of monge toy.
type toyFlags struct {
	method                      string
	rho, alpha, budget, eta, lr float64
	momentum                    float64
	steps, grid, uniform        int
	every                       int
	direction, length, descent  string
	from, start, span, out      string
	seed                        uint64
	asJSON                      bool
	own                         map[string]*float64 // numbers that only some methods have
}

// toyDefaults are the paper's settings of each loss, and an example of a range.
var toyDefaults = map[string]struct {
	rho, lr float64
	steps   int
	start   string
	span    string
}{
	"banana":    {1, .01, 200, "-1.5,0.5", "-3,3"},
	"sinc":      {1, .05, 200, "0.5,0.5", "-1,1"},
	"quadratic": {.3, .66, 11, "0.5", "-1,1"},
}

// maxToyRuns keeps a mistyped number from filling the memory.
const maxToyRuns = 1_000_000

func newToyCommand() *cobra.Command {
	t := toyFlags{own: map[string]*float64{}}
	var methods []string
	for _, m := range toy.Methods() {
		methods = append(methods, m.Name)
	}
	cmd := &cobra.Command{
		Use:   "toy " + strings.Join(toy.Losses, "|"),
		Short: "Run an optimizer on one of the paper's small losses",
		Long: `Run an optimizer on a loss of one or two parameters and say where the runs end.

  banana     (1 - t1 t2)²: a saddle at the origin, two valleys, flattest at ±(1,1)
  sinc       5 sin(r)/r: a maximum at the origin, a ring of minima at r = 4.49
  quadratic  theta²

An end counts as a point's within a distance of 0.3. Where --rho, --lr and --steps are
not given they are the paper's: banana 1, 0.01, 200; sinc 1, 0.05, 200; quadratic 0.3,
0.66, 11.`,
		Example: `  monge toy banana --method m-sam --rho 1 --lr 0.01 --steps 200 --start -1.5,0.5
  monge toy banana --method sam --grid 10 --range -3,3 --json
  monge toy sinc --method m-sam --rho 0.2 --uniform 1000 --range -1,1 --seed 1
  monge toy quadratic --method m-sam --rho inf --ascent-budget 0.1 --start 0.5`,
		ValidArgs: toy.Losses,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("toy takes one loss: %s; got %d", strings.Join(toy.Losses, ", "), len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return toyCommand(cmd, args[0], t) },
	}
	f := cmd.Flags()
	f.StringVar(&t.method, "method", "m-sam", "method: "+strings.Join(methods, ", "))
	f.Float64Var(&t.rho, "rho", 0, "radius of the perturbation; inf is allowed with --ascent-budget (default the paper's)")
	f.Float64Var(&t.alpha, "alpha", 1, "loss-axis scale: 0 is SAM, 1 the paper's M-SAM"+usersOf("alpha"))
	f.Float64Var(&t.budget, "ascent-budget", 0, "ascent budget rho/alpha, in place of --alpha"+usersOf("ascent-budget"))
	f.Float64Var(&t.eta, "eta", 0, "eta of the metric"+usersOf("eta"))
	f.StringVar(&t.direction, "direction", "", "what the ascent goes along, in place of the method's: "+choiceNames(sam.Directions()))
	f.StringVar(&t.length, "length", "", "how far the ascent goes, in place of the method's: "+choiceNames(sam.MetricLengths()))
	f.StringVar(&t.descent, "descent", "", "what gradient descent steps along, in place of the method's: "+choiceNames(sam.Descents()))
	f.IntVar(&t.every, "interval", 0, "perturb at every so manieth step only (default each, or the method's)")
	f.StringVar(&t.from, "from", "", "perturb from this step on, or from a share of the run on, like 90%")
	f.Float64Var(&t.momentum, "momentum", 0, "momentum of gradient descent")
	f.Float64Var(&t.lr, "lr", 0, "learning rate (default the paper's)")
	f.IntVar(&t.steps, "steps", 0, "steps (default the paper's)")
	f.StringVar(&t.start, "start", "", "one start: x,y or, for the quadratic, x")
	f.IntVar(&t.grid, "grid", 0, "starts on a grid of N points along each axis of --range")
	f.IntVar(&t.uniform, "uniform", 0, "N starts drawn uniformly from --range with --seed")
	f.StringVar(&t.span, "range", "", "lo,hi of --grid and --uniform, on each axis")
	f.Uint64Var(&t.seed, "seed", 1, "seed of --uniform")
	f.StringVar(&t.out, "out", "", "directory for a picture of the runs, SVG and PNG")
	f.BoolVar(&t.asJSON, "json", false, "print one JSON document and nothing else")
	t.addOwn(f)
	complete(cmd, "method", methods...)
	completeChoices(cmd)
	return cmd
}

// addOwn adds a flag for every number that only some methods have.
func (t *toyFlags) addOwn(f *pflag.FlagSet) {
	for _, n := range sam.Numbers() {
		t.own[n.Name] = f.Float64(n.Name, n.Default, strings.Join(n.Of, ", ")+": "+n.Help)
	}
}

// toyResult is what toy --json prints.
type toyResult struct {
	Settings toySettings    `json:"settings"`
	Runs     []toyRun       `json:"runs"`
	Ends     map[string]int `json:"ends,omitempty"`
	Pictures []string       `json:"pictures,omitempty"`
}

type toySettings struct {
	Loss         string                `json:"loss"`
	Method       string                `json:"method"`
	Rho          train.Real            `json:"rho"`
	Alpha        *float64              `json:"alpha,omitempty"`
	AscentBudget *train.Real           `json:"ascent_budget,omitempty"`
	Eta          *float64              `json:"eta,omitempty"`
	Own          map[string]train.Real `json:"numbers,omitempty"` // of the method alone
	Direction    string                `json:"direction,omitempty"`
	Length       string                `json:"length,omitempty"`
	Descent      string                `json:"descent,omitempty"`
	Interval     int                   `json:"interval,omitempty"`
	From         int                   `json:"from,omitempty"` // the first step that perturbs
	Momentum     float64               `json:"momentum,omitempty"`
	LR           float64               `json:"lr"`
	Steps        int                   `json:"steps"`
	Start        []float64             `json:"start,omitempty"`
	Grid         int                   `json:"grid,omitempty"`
	Uniform      int                   `json:"uniform,omitempty"`
	Range        []float64             `json:"range,omitempty"`
	Seed         *uint64               `json:"seed,omitempty"`
}

type toyRun struct {
	Start    []float64 `json:"start"`
	End      []float64 `json:"end"`  // the last finite point
	Loss     *float64  `json:"loss"` // there; null when not finite
	Diverged bool      `json:"diverged"`
}

func toyCommand(cmd *cobra.Command, name string, t toyFlags) error {
	loss, err := toy.ByName(name)
	if err != nil {
		return usageError{err}
	}
	if cmd.Flags().Changed("out") && t.out == "" {
		return usage("--out is empty; give a directory")
	}
	set, shown, err := t.settings(cmd, name, loss)
	if err != nil {
		return usageError{err}
	}
	starts, err := t.starts(cmd, name, loss.Dim(), &shown)
	if err != nil {
		return usageError{err}
	}
	if t.out != "" {
		set.PathEvery = max(1, set.Steps*len(starts)/200_000)
	}
	runs, err := toy.DescendAll(cmd.Context(), loss, starts, set)
	if err != nil {
		return err
	}
	r := toyResult{Settings: shown, Ends: toy.Ends(loss, runs)}
	for _, run := range runs {
		r.Runs = append(r.Runs, toyRun{run.Start, run.End, finiteOrNil(run.Loss), run.Diverged})
	}
	if t.out != "" {
		file := "toy-" + name + "-" + shown.Method
		if r.Pictures, err = paper.DrawRuns(t.out, file, name+", "+shown.numbers(), shown.Method, loss, runs); err != nil {
			return err
		}
	}
	if t.asJSON {
		return printJSON(cmd.OutOrStdout(), r)
	}
	return printToy(cmd.OutOrStdout(), r, toy.Places(loss))
}

func finiteOrNil(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}

// settings returns what the flags ask for, with the paper's defaults, and how to show it.
func (t *toyFlags) settings(cmd *cobra.Command, name string, loss toy.Loss) (toy.Settings, toySettings, error) {
	f, d := cmd.Flags(), toyDefaults[name]
	m, err := sam.FindMethod(t.method)
	if err == nil {
		m, err = m.With(t.direction, t.length, t.descent)
	}
	if err == nil && m.On != "" {
		err = fmt.Errorf("method %s perturbs %s alone, which the toys have none of", m.Name, m.On)
	}
	if err != nil {
		return toy.Settings{}, toySettings{}, err
	}
	if !f.Changed("rho") && m.Perturbs() {
		t.rho = d.rho
	}
	if !f.Changed("lr") {
		t.lr = d.lr
	}
	if !f.Changed("steps") {
		t.steps = d.steps
	}
	shown := toySettings{Loss: name, Method: m.Name, Rho: train.Real(t.rho), LR: t.lr, Steps: t.steps,
		Direction: t.direction, Length: t.length, Descent: t.descent, Momentum: t.momentum}
	params := sam.Params{Rho: sam.Constant(t.rho), Alpha: ifSet(f, "alpha", t.alpha), Eta: ifSet(f, "eta", t.eta), Own: map[string]float64{}}
	for name, v := range t.own {
		if f.Changed(name) {
			params.Own[name] = *v
		}
	}
	if f.Changed("ascent-budget") {
		shown.AscentBudget = (*train.Real)(&t.budget)
		params.AscentBudget = sam.Constant(t.budget)
	}
	if params, err = m.Fill(params); err != nil {
		return toy.Settings{}, shown, err
	}
	shown.Alpha, shown.Eta, shown.Own = params.Alpha, params.Eta, map[string]train.Real{}
	for name, v := range params.Own {
		shown.Own[name] = train.Real(v)
	}
	method, err := sam.SettingsOf[float64](m, params)
	if err == nil {
		err = t.when(m, &method)
	}
	if err != nil {
		return toy.Settings{}, shown, err
	}
	shown.Interval, shown.From = method.Interval, method.From
	set := toy.Settings{Method: method, LR: t.lr, Momentum: t.momentum, Steps: t.steps}
	return set, shown, set.Check(loss)
}

// when sets at which steps the method perturbs.
func (t *toyFlags) when(m sam.Method, s *sam.Settings[float64]) error {
	if !m.Has("interval") && (t.every > 0 || t.from != "") {
		return fmt.Errorf("method %s does not perturb: leave out --interval and --from", m.Name)
	}
	from, err := train.ParseStart(t.from)
	switch {
	case err != nil:
		return fmt.Errorf("--from %w", err)
	case t.every < 0:
		return fmt.Errorf("--interval is %d; it must be at least 0", t.every)
	case t.steps > 0:
		if err := from.Within(t.steps); err != nil {
			return fmt.Errorf("--%w", err)
		}
	}
	if t.every > 0 {
		s.Interval = t.every
	}
	s.From = from.Step(t.steps)
	return nil
}

// starts returns the starting points, and says in shown where they are from.
func (t *toyFlags) starts(cmd *cobra.Command, name string, dim int, shown *toySettings) ([][]float64, error) {
	f, d := cmd.Flags(), toyDefaults[name]
	var given []string
	for _, flag := range []string{"start", "grid", "uniform"} {
		if f.Changed(flag) {
			given = append(given, "--"+flag)
		}
	}
	switch {
	case len(given) == 0:
		return nil, fmt.Errorf("no starts: add --start %s, --grid 10 --range %s, or --uniform 100 --range %s", d.start, d.span, d.span)
	case len(given) > 1:
		return nil, fmt.Errorf("%s are given together; choose one", strings.Join(given, " and "))
	case f.Changed("range") && f.Changed("start"):
		return nil, errors.New("--range is for --grid and --uniform; leave it out with --start")
	case f.Changed("seed") && !f.Changed("uniform"):
		return nil, fmt.Errorf("--seed is for --uniform; leave it out with %s", given[0])
	}
	if f.Changed("start") {
		start, err := t.startPoint(dim, d.start)
		shown.Start = start
		return [][]float64{start}, err
	}
	lo, hi, err := t.interval(given[0], d.span)
	if err != nil {
		return nil, err
	}
	shown.Range, shown.Grid, shown.Uniform = []float64{lo, hi}, t.grid, t.uniform
	if f.Changed("grid") {
		if err := count("--grid", t.grid, dim); err != nil {
			return nil, err
		}
		return toy.Grid(dim, t.grid, lo, hi), nil
	}
	if err := count("--uniform", t.uniform, 1); err != nil {
		return nil, err
	}
	shown.Seed = &t.seed
	return toy.Uniform(dim, t.uniform, lo, hi, t.seed), nil
}

func (t *toyFlags) startPoint(dim int, example string) ([]float64, error) {
	start, err := floats("start", t.start)
	if err != nil {
		return nil, fmt.Errorf("--start %q is no point; give one like %s", t.start, example)
	}
	if len(start) != dim {
		return nil, fmt.Errorf("--start %s has %d coordinates, the loss takes %d: e.g. --start %s", t.start, len(start), dim, example)
	}
	for _, v := range start {
		if finiteOrNil(v) == nil {
			return nil, fmt.Errorf("--start %s is not finite", t.start)
		}
	}
	return start, nil
}

// interval parses --range, which a flag needs.
func (t *toyFlags) interval(flag, example string) (lo, hi float64, err error) {
	if t.span == "" {
		return 0, 0, fmt.Errorf("%s needs a range: add --range lo,hi, e.g. --range %s", flag, example)
	}
	v, err := floats("range", t.span)
	if err != nil || len(v) != 2 || finiteOrNil(v[1]-v[0]) == nil {
		return 0, 0, fmt.Errorf("--range %q is no range; give two finite numbers lo,hi, e.g. --range %s", t.span, example)
	}
	if !(v[0] < v[1]) {
		return 0, 0, fmt.Errorf("--range %s is empty; the first number must be the lower one", t.span)
	}
	return v[0], v[1], nil
}

// count checks a number of starts, n^dim.
func count(flag string, n, dim int) error {
	if n < 1 {
		return fmt.Errorf("%s is %d; it must be at least 1", flag, n)
	}
	if all := math.Pow(float64(n), float64(dim)); all > maxToyRuns {
		return fmt.Errorf("%s %d makes %.0f runs; at most %d are possible", flag, n, all, maxToyRuns)
	}
	return nil
}

// numbers shows the method and its numbers.
func (s toySettings) numbers() string {
	text := s.Method
	if m, err := sam.FindMethod(s.Method); err == nil && m.Perturbs() {
		text += fmt.Sprintf(", rho %g", float64(s.Rho))
	}
	for _, v := range []struct {
		name  string
		value *float64
	}{{"alpha", s.Alpha}, {"ascent budget", (*float64)(s.AscentBudget)}, {"eta", s.Eta}} {
		if v.value != nil {
			text += fmt.Sprintf(", %s %g", v.name, *v.value)
		}
	}
	for _, v := range []struct{ name, value string }{{"direction", s.Direction}, {"length", s.Length}, {"descent", s.Descent}} {
		if v.value != "" {
			text += fmt.Sprintf(", %s %s", v.name, v.value)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Own)) {
		text += fmt.Sprintf(", %s %g", name, float64(s.Own[name]))
	}
	if s.Interval > 1 {
		text += fmt.Sprintf(", interval %d", s.Interval)
	}
	if s.From > 0 {
		text += fmt.Sprintf(", from step %d", s.From)
	}
	if s.Momentum > 0 {
		text += fmt.Sprintf(", momentum %g", s.Momentum)
	}
	return text + fmt.Sprintf(", lr %g, %d steps", s.LR, s.Steps)
}

// printToy prints the first runs and the counts of ends.
func printToy(w io.Writer, r toyResult, places []string) error {
	const most = 20
	fmt.Fprintf(w, "%s: %s\n\n", r.Settings.Loss, r.Settings.numbers())
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "start\tend\tloss\t")
	diverged := 0
	for i, run := range r.Runs {
		loss, note := "not finite", ""
		if run.Loss != nil {
			loss = fmt.Sprintf("%.6g", *run.Loss)
		}
		if run.Diverged {
			diverged++
			note = "diverged"
		}
		if i < most {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", point(run.Start), point(run.End), loss, note)
		}
	}
	t.Flush()
	if n := len(r.Runs) - most; n > 0 {
		fmt.Fprintf(w, "... and %d more; --json has them all\n", n)
	}
	if places != nil {
		fmt.Fprintf(w, "\nends:")
		for i, p := range places {
			fmt.Fprintf(w, "%s %s %d", strings.Repeat(",", min(i, 1)), p, r.Ends[p])
		}
		fmt.Fprintf(w, " of %d\n", len(r.Runs))
	}
	if diverged > 0 {
		fmt.Fprintf(w, "%d diverged; the last finite point is shown\n", diverged)
	}
	for _, p := range r.Pictures {
		fmt.Fprintf(w, "wrote %s\n", p)
	}
	return nil
}

func point(p []float64) string {
	s := make([]string, len(p))
	for i, v := range p {
		s[i] = fmt.Sprintf("%.4g", v)
	}
	return "(" + strings.Join(s, ", ") + ")"
}
