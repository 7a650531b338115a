package study

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/monge-ml/monge/internal/object"
	"github.com/monge-ml/monge/train"
)

// A Row is one run of a comparison. In JSON its score is under the names of its measure:
// test_accuracy, say.
type Row struct {
	Run          string     `json:"run,omitempty"`     // its place in the study's directory, "" if it was not kept
	Method       string     `json:"method"`            // "sgd" for the base optimizer alone
	Variant      string     `json:"variant,omitempty"` // what else sets its method apart
	AscentBudget *float64   `json:"ascent_budget"`
	Rho          train.Real `json:"rho"` // 0 for the base optimizer alone
	Alpha        *float64   `json:"alpha,omitempty"`
	Seed         uint64     `json:"seed"`
	Fold         string     `json:"fold,omitempty"` // of a study of folds
	Test         float64    `json:"-"`              // the measure that decides, on the test split, or its fold; NaN if it is not known
	Val          float64    `json:"-"`              // likewise
	TrainLoss    *float64   `json:"train_loss"`     // null if not finite
	// Diverged is set when the run met a NaN or an infinity, or came to nothing, as its task
	// judges. Collapsed is the case where it ended at guessing.
	Diverged  bool    `json:"diverged"`
	Collapsed bool    `json:"collapsed"`
	Failure   string  `json:"failure,omitempty"`
	StepS     float64 `json:"step_s"` // mean seconds of a step: with an interval they differ

	Result  *train.Result  `json:"result,omitempty"` // of a run that finished
	Records []train.Record `json:"records"`

	Cell    string       `json:"-"` // its name
	Config  train.Config `json:"-"`
	measure string
}

// MarshalJSON writes the row.
func (r Row) MarshalJSON() ([]byte, error) {
	type plain Row
	o := object.Of(plain(r))
	addScore(o, r.measure, r.Test, r.Val)
	return o.Bytes()
}

// addScore adds a measure on two splits.
func addScore(o *object.Object, measure string, test, val float64) {
	if measure == "" {
		measure = "score"
	}
	o.Add("test_"+measure, train.Real(test))
	o.Add("val_"+measure, train.Real(val))
}

// A Comparison is what the runs of a study came to.
type Comparison struct {
	Plan    Plan          `json:"plan"`
	Data    DataInfo      `json:"data"`
	Measure train.Measure `json:"-"` // that decides, without a value
	Rows    []Row         `json:"rows"`
	Summary []Summary     `json:"summary"`
	Planned int           `json:"planned"` // runs; more than len(Rows) if it was interrupted
	Seconds float64       `json:"seconds"` // of computing
	Level   string        `json:"level"`   // of the kernels
	Threads int           `json:"threads"`
	Study   *Study        `json:"-"` // whose runs these are
	States  []State       `json:"-"` // of its cells
}

// DataInfo says what the runs saw.
type DataInfo struct {
	Name       string  `json:"name"`
	Train      int     `json:"train"`
	Val        int     `json:"val"`
	Test       int     `json:"test"`
	Of         string  `json:"of,omitempty"` // what they are examples of, like "10 classes"
	Classes    int     `json:"classes"`      // 0 if they have none
	LabelNoise float64 `json:"label_noise"`
}

// Compare reads the runs of a study from its directory and compares them.
func (s *Study) Compare(dir string) *Comparison { return s.CompareStates(s.States(dir)) }

// CompareStates compares runs by what [Study.Run] or [Study.States] says of them. Runs that
// diverged count with the measure of guessing; those that failed or are not over are in no mean.
func (s *Study) CompareStates(states []State) *Comparison {
	c := &Comparison{Study: s, States: states, Planned: len(s.Cells), Plan: s.plan()}
	c.Data.Name = s.Base.DataName()
	for i, st := range c.States {
		if st.Run == nil || !st.Over() {
			continue
		}
		c.Rows = append(c.Rows, s.row(s.Cells[i], st))
		if res := st.Run.Result; res != nil {
			c.Seconds += res.Seconds
			if c.Data.Train == 0 {
				c.see(res)
			}
		}
	}
	for i := range c.Rows {
		r := &c.Rows[i]
		if r.measure = c.Measure.Name; r.Diverged && r.Result == nil {
			r.Test, r.Val = c.guessing(), c.guessing()
		}
	}
	c.Summarize()
	return c
}

// guessing is the measure of guessing, NaN if it is not known.
func (c *Comparison) guessing() float64 {
	if c.Measure.Chance == 0 {
		return math.NaN()
	}
	return c.Measure.Chance
}

// see takes from a result what is the same of all.
func (c *Comparison) see(res *train.Result) {
	d := res.Data
	c.Data.Train, c.Data.Val, c.Data.Test, c.Data.Of = d.Train, d.Val, d.Test, d.Of
	c.Level = res.Kernels
	c.Measure = res.Measured().First()
	c.Measure.Value = train.Real(math.NaN())
	if c.Measure.Name == "accuracy" && c.Measure.Chance > 0 {
		c.Data.Classes = int(math.Round(1 / c.Measure.Chance))
	}
	fmt.Sscanf(c.Study.baseTexts["label-noise"], "%g", &c.Data.LabelNoise) // 0 if the task has none
}

// plan is the study as far as a comparison's plan can say it.
func (s *Study) plan() Plan {
	p := Plan{Base: s.Base}
	seeds := map[string]int{}
	for _, cell := range s.Cells {
		r := s.row(cell, State{})
		name := r.Method
		if r.AscentBudget != nil && r.sweep() == "" {
			name = budgeted(name)
		}
		p.Methods = appendNew(p.Methods, name)
		seeds[s.group(cell)]++
		p.Seeds = max(p.Seeds, seeds[s.group(cell)])
		if r.sweep() == "" && r.Rho > 0 {
			p.Rhos = appendNew(p.Rhos, float64(r.Rho))
		}
		if r.AscentBudget != nil {
			p.Budgets = appendNew(p.Budgets, *r.AscentBudget)
		}
	}
	slices.Sort(p.Rhos)
	slices.Sort(p.Budgets)
	return p
}

func appendNew[T comparable](list []T, v T) []T {
	if slices.Contains(list, v) {
		return list
	}
	return append(list, v)
}

// group is a cell's name but for its seed and its fold: that of its group.
func (s *Study) group(c Cell) string {
	name := strings.TrimSuffix(c.Name, fmt.Sprintf("_seed-%d", c.Config.Seed))
	if f := s.fold(&c.Config); f != "" {
		name = strings.Replace(name+"_", "_"+foldSetting+"-"+spell(f)+"_", "_", 1)
	}
	return name
}

// relative is where a cell's run is in the study's directory.
func relative(c Cell) string { return filepath.ToSlash(c.Dir("")) }

// row is a cell's run as a row of a comparison.
func (s *Study) row(c Cell, st State) Row {
	r := Row{
		Cell: c.Name, Method: c.Config.Method, Variant: s.variant(&c.Config), AscentBudget: c.Config.AscentBudget,
		Rho: c.Config.Rho, Alpha: c.Config.Alpha, Seed: c.Config.Seed, Fold: s.fold(&c.Config), Test: math.NaN(), Val: math.NaN(), Config: c.Config,
	}
	if alone(&c.Config) {
		r.Method = Unperturbed
	}
	if st.Run == nil {
		return r
	}
	if st.Run.Path != "" {
		r.Run = relative(c)
	}
	r.Records = st.Run.Records
	r.StepS = meanStep(r.Records)
	if st.State == train.Diverged {
		r.Diverged, r.Failure = true, st.Error
		return r
	}
	res := st.Run.Result
	r.Result, r.TrainLoss = res, &res.TrainLoss
	r.Test, r.Val = orOther(res.Test, res.Val), orOther(res.Val, res.Test)
	if r.Fold != "" { // on which it was not trained, nor any choice made but that of radii
		r.Test = r.Val
	}
	if k, ok := c.Config.Kind(); ok && k.Lost != nil {
		r.Collapsed, r.Diverged = k.Lost(&c.Config, res)
	}
	return r
}

// orOther is the measure that decides, or where there is no split for it that on the other.
func orOther(m, other train.Measures) float64 {
	if v := float64(m.First().Value); !math.IsNaN(v) {
		return v
	}
	return float64(other.First().Value)
}

// meanStep returns the mean seconds of a step as far as a run got, 0 if it did not.
func meanStep(records []train.Record) (t float64) {
	for _, r := range records {
		t += r.Seconds
	}
	if n := len(records); n > 0 && records[n-1].Step > 0 {
		return t / float64(records[n-1].Step)
	}
	return 0
}

// Variant says what sets a cell apart from others beside its method, radius, budget and
// seed.
func (s *Study) Variant(c Cell) string { return s.variant(&c.Config) }

// spoken writes a schedule like "linear,start=0.1,end=1" as "linear 0.1 to 1".
var spoken = strings.NewReplacer(",start=", " ", ",end=", " to ", ",", " ", "=", " ")

// variant says what sets a run apart beside its method, radius, budget and seed: those of
// the settings that vary in the study that are not the base's.
func (s *Study) variant(c *train.Config) string {
	if len(s.varying) == 0 {
		return ""
	}
	var said []string
	idle := s.idle(c)
	for _, set := range train.Settings(c) {
		name, v := strings.TrimSuffix(set.Name, "-schedule"), set.String()
		switch {
		case !s.varying[set.Name], v == s.baseTexts[set.Name]:
		case idle(set.Name):
		case v == "", v == "false":
			said = append(said, "no "+set.Name)
		case v == "true":
			said = append(said, name)
		default:
			said = append(said, name+" "+spoken.Replace(v))
		}
	}
	return strings.Join(said, ", ")
}

// findVarying finds the settings, beside those that a comparison is over, in which cells
// that have a use for them differ.
func (s *Study) findVarying() {
	s.varying = map[string]bool{}
	seen := map[string]string{}
	for _, cell := range s.Cells {
		idle := s.idle(&cell.Config)
		for _, set := range train.Settings(&cell.Config) {
			switch {
			case slices.Contains(s.compared(), set.Name):
				continue
			case idle(set.Name):
				continue
			}
			v := set.String()
			if before, known := seen[set.Name]; known && before != v {
				s.varying[set.Name] = true
			}
			seen[set.Name] = v
		}
	}
}

// compared are the settings in which runs of a comparison differ, whatever else varies.
func (s *Study) compared() []string {
	names := []string{"method", "rho", "ascent-budget", "seed"}
	if s.Folds > 0 {
		names = append(names, foldSetting)
	}
	if s.Budget != "" { // then they follow from what a step costs
		names = append(names, lengths...)
	}
	return names
}

// A Group is the runs of a comparison that differ in their seed, or their fold, alone.
type Group struct {
	Config train.Config // of the first
	Rows   []*Row       // by seed and fold
}

// Groups returns the groups in the order of their cells.
func (c *Comparison) Groups() (groups []Group) {
	at := map[string]int{}
	byCell := map[string]*Row{}
	for i := range c.Rows {
		byCell[c.Rows[i].Cell] = &c.Rows[i]
	}
	for _, cell := range c.Study.Cells {
		r := byCell[cell.Name]
		if r == nil {
			continue
		}
		name := c.Study.group(cell)
		i, known := at[name]
		if !known {
			i, at[name] = len(groups), len(groups)
			groups = append(groups, Group{Config: cell.Config})
		}
		groups[i].Rows = append(groups[i].Rows, r)
	}
	return groups
}
