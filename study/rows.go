package study

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/monge-ml/monge/train"
)

// Compare reads the runs of a study from its directory and compares them. Runs that
// diverged count with the accuracy of guessing; those that failed or are not over are in
// no mean.
func (s *Study) Compare(dir string) *Comparison {
	c := &Comparison{Study: s, States: s.States(dir), Planned: len(s.Cells), Plan: s.plan()}
	classes := 0
	for i, st := range c.States {
		if st.Run == nil || !st.Over() {
			continue
		}
		r := s.row(s.Cells[i], st)
		if res := st.Run.Result; res != nil {
			c.Seconds += res.Seconds
			classes = max(classes, res.Data.Classes)
			if d := res.Data; c.Data.Train == 0 {
				c.Data = DataInfo{Name: s.Base.Data, Train: d.Train, Val: d.Val, Test: d.Test, Classes: d.Classes, LabelNoise: s.Base.LabelNoise}
				c.Level = res.Kernels
			}
		}
		c.Rows = append(c.Rows, r)
	}
	if c.Data.Name == "" {
		c.Data.Name = s.Base.Data
	}
	for i := range c.Rows {
		if r := &c.Rows[i]; r.Diverged && !r.Collapsed && classes > 0 {
			r.TestAccuracy, r.ValAccuracy = 1/float64(classes), 1/float64(classes)
		}
	}
	c.Summarize()
	return c
}

// plan is the study as far as a comparison's plan can say it.
func (s *Study) plan() Plan {
	p := Plan{Base: s.Base}
	seeds := map[string]int{}
	for _, cell := range s.Cells {
		r := s.row(cell, State{})
		p.Methods = appendNew(p.Methods, r.Method)
		seeds[withoutSeed(cell)]++
		p.Seeds = max(p.Seeds, seeds[withoutSeed(cell)])
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

// withoutSeed is a cell's name but for its seed.
func withoutSeed(c Cell) string {
	return strings.TrimSuffix(c.Name, fmt.Sprintf("_seed-%d", c.Config.Seed))
}

// relative is where a cell's run is in the study's directory.
func relative(c Cell) string { return filepath.ToSlash(c.Dir("")) }

// row is a cell's run as a row of a comparison.
func (s *Study) row(c Cell, st State) Row {
	r := Row{
		Run: relative(c), Method: c.Config.Method, Variant: s.variant(&c.Config), AscentBudget: c.Config.AscentBudget,
		Rho: c.Config.Rho, Alpha: c.Config.Alpha, Seed: c.Config.Seed,
	}
	if r.Method == "none" {
		r.Method = "sgd"
	}
	if st.Run == nil {
		return r
	}
	r.Records = st.Run.Records
	r.StepS = meanStep(r.Records)
	if st.State == train.Diverged {
		r.Diverged, r.Failure = true, st.Error
		return r
	}
	res := st.Run.Result
	r.Result, r.TrainLoss = res, &res.TrainLoss
	r.TestAccuracy, r.ValAccuracy = orOther(res.TestAccuracy, res.ValAccuracy), orOther(res.ValAccuracy, res.TestAccuracy)
	switch {
	case res.Aligned():
		r.Collapsed, r.Diverged = lost(res, c.Config.Batch)
	case res.Data.Classes > 0:
		r.Collapsed = collapsed(*res, res.Data.Classes)
		r.Diverged = r.Collapsed
	}
	return r
}

// orOther is an accuracy, or where there is no split for it that on the other.
func orOther(a, other train.Real) float64 {
	if math.IsNaN(float64(a)) {
		return orZero(other)
	}
	return float64(a)
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
	var said []string
	base := train.Settings(&s.Base)
	for i, set := range train.Settings(c) {
		name, v := strings.TrimSuffix(set.Name, "-schedule"), set.String()
		switch {
		case !s.varying[set.Name], v == base[i].String():
		case c.Method == "none" && slices.Contains(perturbing, set.Name):
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
		for _, set := range train.Settings(&cell.Config) {
			switch {
			case slices.Contains([]string{"method", "rho", "ascent-budget", "seed"}, set.Name):
				continue
			case cell.Config.Method == "none" && slices.Contains(perturbing, set.Name):
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
