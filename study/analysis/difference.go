package analysis

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/monge-ml/monge/study"
	"github.com/monge-ml/monge/train"
)

// FewSeeds is how many seeds it takes to call a difference one.
const FewSeeds = 3

// A Verdict is the outcome of a paired comparison.
type Verdict int

// The verdicts.
const (
	Unknown Verdict = iota // too few seeds
	Tie
	Ahead  // better beyond chance
	Behind // worse beyond chance
)

// A Difference is that of runs and others of the same seeds, in the unit of what was measured.
type Difference struct {
	Mean, Stderr float64 // over the seeds; 0 without any
	Low, High    float64 // of the 95% interval; NaN for fewer than two seeds
	P            float64 // two-sided p-value of Student's t; NaN where there is no verdict
	N            int     // seeds
	Verdict      Verdict
}

// DifferenceOf judges paired differences of which more, or less, is better. They count if
// Student's t ("The probable error of a mean", Biometrika 1908), which asks for more than two
// standard errors and for far more with few seeds, puts their mean beyond chance at 5%.
func DifferenceOf(d []float64, better train.Direction) Difference {
	c := Difference{N: len(d), Low: math.NaN(), High: math.NaN(), P: math.NaN()}
	if c.N == 0 {
		return c
	}
	mean := MeanOf(d)
	c.Mean, c.Stderr = mean.Value, mean.Stderr
	if c.N == 1 {
		return c
	}
	limit := StudentsT(c.N) * c.Stderr
	c.Low, c.High = c.Mean-limit, c.Mean+limit
	if c.N >= FewSeeds {
		c.P = chanceOf(c.Mean, c.Stderr, c.N)
	}
	more, less := Ahead, Behind
	if better == train.Lower {
		more, less = less, more
	}
	switch {
	case c.N < FewSeeds:
	case c.Low > 0:
		c.Verdict = more
	case c.High < 0:
		c.Verdict = less
	default:
		c.Verdict = Tie
	}
	return c
}

// StudentsT is the limit, in standard errors, of the 95% interval of a mean over n seeds.
func StudentsT(n int) float64 {
	return distuv.StudentsT{Sigma: 1, Nu: float64(n - 1)}.Quantile(.975)
}

// Paired compares runs with others of the same seeds and folds, on the test split or the fold.
func Paired(runs, others []study.Row, better train.Direction) Difference {
	var d []float64
	for _, a := range runs {
		for _, b := range others {
			if x := a.Test - b.Test; a.Seed == b.Seed && a.Fold == b.Fold && finite(x) {
				d = append(d, x)
			}
		}
	}
	return DifferenceOf(d, better)
}

// Against compares the method with another, each where validation chose it.
func (m *Method) Against(r *Method) Difference {
	return Paired(m.At(m.BestRho), r.At(r.BestRho), m.measure.Better)
}

// A Contrast is the difference of two methods on the test split, each at the radius or
// budget that validation chose, paired by seed, in the unit of the study's measure.
type Contrast struct {
	Method     string     `json:"method"`
	Against    string     `json:"against"`
	Difference train.Real `json:"difference"` // null without a seed in common
	Low        train.Real `json:"low"`        // of the 95% confidence interval by Student's t; null for one seed
	High       train.Real `json:"high"`
	Seeds      int        `json:"seeds"`
	P          train.Real `json:"p"`      // two-sided p-value of Student's t; null for too few seeds to judge
	Corrected  train.Real `json:"p_holm"` // p, corrected for the number of contrasts that are judged: see [Holm]
	Verdict    Verdict    `json:"-"`      // by the interval, whatever the number of contrasts
}

// Contrasts returns the differences that a comparison is about: its subject (M-SAM, where it is
// compared) beside every other method, every other method beside the base optimizer, and variants
// beside the plain method. Their p-values are corrected for all of them.
func (a *Analysis) Contrasts() (list []Contrast) {
	subject := a.Subject()
	for _, m := range a.Methods {
		for _, r := range a.Methods {
			if !m.isHeldAgainst(r, subject) || m.AllBroke() || r.AllBroke() {
				continue
			}
			d := m.Against(r)
			k := Contrast{Method: m.Label, Against: r.Label, Difference: train.Real(d.Mean), Low: train.Real(d.Low), High: train.Real(d.High), Seeds: d.N, P: train.Real(d.P), Verdict: d.Verdict}
			if d.N == 0 {
				k.Difference = train.Real(math.NaN())
			}
			list = append(list, k)
		}
	}
	correct(list)
	return list
}

// isHeldAgainst reports whether the difference of m and r is of interest.
func (m *Method) isHeldAgainst(r *Method, subject string) bool {
	alike := m.Variant == r.Variant
	switch {
	case m.Method == r.Method:
		return m.Variant != "" && r.Variant == "" && m.Sweep == r.Sweep && sameBudget(m, r)
	case m.Method == subject:
		return alike || r.Variant == ""
	}
	return m.Perturbs() && !r.Perturbs() && (alike || r.Variant == "")
}

func sameBudget(m, r *Method) bool {
	a, b := m.AscentBudget, r.AscentBudget
	return a == b || a != nil && b != nil && *a == *b
}
