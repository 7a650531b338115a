package analysis

import (
	"math"

	"github.com/monge-ml/monge/study"
	"github.com/monge-ml/monge/train"
)

// A Gain is what a method gains over the base optimizer, and what it costs.
type Gain struct {
	Method  string     `json:"method"`
	Against string     `json:"against"` // the base optimizer, in the same variant if that was run
	At      train.Real `json:"at"`      // the radius, or budget, that validation chose
	// Gain is how much better the method's test measure is, paired by seed: above 0 whichever way
	// the measure is better. Low and High are of its 95% interval by Student's t, null for one seed.
	Gain   train.Real `json:"gain"`
	Stderr train.Real `json:"stderr"`
	Low    train.Real `json:"low"`
	High   train.Real `json:"high"`
	Seeds  int        `json:"seeds"`
	// Gradients is how many a step computes on average, StepRatio the time of a step over the base
	// optimizer's, null if that is not known.
	Gradients float64    `json:"gradients"`
	StepRatio train.Real `json:"step_ratio"`
	Reach

	Of *Method `json:"-"`
}

// A Reach is how far a radius can be mistaken and the method still be of use: the unbroken range of
// tried radii around the one that validation chose, at all of which the method's mean on the test
// split is better than the base optimizer's. Open ends are those of the grid: the range may go on
// there.
type Reach struct {
	// Decades is log10 of the largest over the smallest radius of the range, 0 for one alone; NaN
	// without any, as where the method gains nothing, or has no radius.
	Decades  train.Real `json:"decades"`
	From     train.Real `json:"from"`
	To       train.Real `json:"to"`
	OpenLow  bool       `json:"open_low"`
	OpenHigh bool       `json:"open_high"`
}

// Gains returns what each method that perturbs, or steps in a way of its own, gains over the base
// optimizer. There are none without it, or where all its runs broke.
func (a *Analysis) Gains() (list []Gain) {
	for _, m := range a.Methods {
		base := a.baseOf(m)
		if m.Method == study.Unperturbed || base == nil || base.AllBroke() || m.AllBroke() {
			continue
		}
		list = append(list, m.gainOver(base))
	}
	return list
}

// baseOf is the base optimizer that a method is held against, nil if it was not run.
func (a *Analysis) baseOf(m *Method) *Method {
	for _, r := range a.Methods {
		if r.Method == study.Unperturbed && r.Variant == m.Variant {
			return r
		}
	}
	return a.Find(study.Unperturbed)
}

func (m *Method) gainOver(base *Method) Gain {
	d := m.Against(base)
	g := Gain{Method: m.Label, Against: base.Label, At: train.Real(m.BestRho), Gain: train.Real(d.Mean), Stderr: train.Real(d.Stderr),
		Low: train.Real(d.Low), High: train.Real(d.High), Seeds: d.N, Gradients: m.gradients(), StepRatio: train.Real(m.StepRatio), Reach: m.Reach(base), Of: m}
	if !(m.StepRatio > 0) {
		g.StepRatio = train.Real(math.NaN())
	}
	if m.measure.Better == train.Lower {
		g.Gain, g.Low, g.High = 0-g.Gain, -g.High, -g.Low // no negative zero
	}
	if d.N == 0 {
		g.Gain, g.Stderr = train.Real(math.NaN()), train.Real(math.NaN())
	}
	return g
}

// gradients is how many a step computes, where validation chose it, on average.
func (m *Method) gradients() (mean float64) {
	rows := m.At(m.BestRho)
	for _, r := range rows {
		mean += r.Config.Gradients() / float64(len(rows))
	}
	return mean
}

// Reach returns how far the method's radius can be mistaken beside a base optimizer.
func (m *Method) Reach(base *Method) Reach {
	none := train.Real(math.NaN())
	r := Reach{Decades: none, From: none, To: none}
	gains := map[float64]bool{}
	for _, x := range m.Use(base) {
		gains[x] = x > 0
	}
	at := 0
	for i, p := range m.Points {
		if p.Rho == m.BestRho {
			at = i
		}
	}
	if !gains[m.Points[at].Rho] {
		return r
	}
	lo, hi := at, at
	for lo > 0 && gains[m.Points[lo-1].Rho] {
		lo--
	}
	for hi+1 < len(m.Points) && gains[m.Points[hi+1].Rho] {
		hi++
	}
	from, to := m.Points[lo].Rho, m.Points[hi].Rho
	return Reach{train.Real(math.Log10(to / from)), train.Real(from), train.Real(to), lo == 0, hi == len(m.Points)-1}
}

// MeasuredAt is the mean over runs of a measure on the test split, or where they have none on the
// validation split; false if none has it.
func MeasuredAt(rows []study.Row, name string) (Mean, bool) {
	var values []float64
	for _, r := range rows {
		if r.Result == nil {
			continue
		}
		m := r.Result.Measured()
		if r.Fold != "" { // which was validated on
			m = r.Result.Val
		}
		if v := float64(m.Get(name)); finite(v) {
			values = append(values, v)
		}
	}
	if len(values) == 0 {
		return Mean{}, false
	}
	return MeanOf(values), true
}
