package report

import (
	"math"
	"slices"

	"github.com/monge-ml/monge/study"
	"github.com/monge-ml/monge/train"
)

// arm is one method of a made-up comparison: test accuracies by radius and seed. A
// negative one is that of a run that ended at the constant predictor.
type arm struct {
	method string
	budget float64
	acc    map[float64][]float64
	grad   float64 // |g|; .1 unless given
	rise   float64 // actual over predicted ascent; 1.1 unless given
}

// comparison makes a comparison of arms, complete and with a summary like the study's.
func comparison(arms ...arm) *study.Comparison {
	plan := study.DefaultPlan()
	plan.Methods, plan.Rhos, plan.Budgets, plan.Seeds = nil, nil, nil, 0
	c := &study.Comparison{
		Data:    study.DataInfo{Name: "digits", Train: 1000, Val: 300, Test: 497, Classes: 10, LabelNoise: .4},
		Seconds: 27, Level: "avx2", Threads: 2,
	}
	for _, a := range arms {
		var rows []study.Row
		for rho, acc := range a.acc {
			plan.Seeds = max(plan.Seeds, len(acc))
			if rho > 0 && !slices.Contains(plan.Rhos, rho) {
				plan.Rhos = append(plan.Rhos, rho)
			}
			for i, t := range acc {
				rows = append(rows, a.row(rho, uint64(i+1), t))
			}
		}
		slices.SortFunc(rows, func(x, y study.Row) int {
			return 2*sign(float64(x.Rho-y.Rho)) + sign(float64(x.Seed)-float64(y.Seed))
		})
		if a.budget > 0 {
			plan.Budgets = append(plan.Budgets, a.budget)
		}
		plan.Methods = append(plan.Methods, a.method)
		c.Rows = append(c.Rows, rows...)
	}
	c.Summarize()
	slices.Sort(plan.Rhos)
	c.Plan, c.Planned = plan, len(c.Rows)
	for i := range c.Summary {
		if len(c.Summary) > 0 && c.Summary[0].Method == "sgd" {
			c.Summary[i].StepRatio = 2
		}
	}
	return c
}

// row is a made-up run, whose epochs approach its accuracy.
func (a arm) row(rho float64, seed uint64, acc float64) study.Row {
	r := study.Row{Method: a.method, Rho: train.Real(rho), Seed: seed, TestAccuracy: math.Abs(acc), ValAccuracy: math.Abs(acc), StepS: 1e-3}
	alpha := 0.
	if a.method == "m-sam" {
		alpha = 1
	}
	if a.budget > 0 {
		r.AscentBudget, alpha = &a.budget, rho/a.budget
	}
	r.Collapsed, r.Diverged = acc < 0, acc < 0
	g, rise := a.grad, a.rise
	if g == 0 {
		g = .1
	}
	if rise == 0 {
		rise = 1.1
	}
	for n := 1; n <= 30; n++ {
		part := 1 - math.Exp(-float64(n)/6)
		e := train.Record{Epoch: n, TrainLoss: 2.3 - part, ValLoss: 1, ValAccuracy: train.Real(.1 + (r.TestAccuracy-.1)*part), GradNorm: g * (.4 + .6*part)}
		if r.Diverged {
			e.TrainLoss = 2.3
		}
		if a.method != "sgd" {
			e.DeltaNorm = rho / math.Hypot(1, alpha*e.GradNorm)
			e.PredictedAscent = e.DeltaNorm * e.GradNorm
			e.Ascent = rise * e.PredictedAscent
		}
		r.Records = append(r.Records, e)
	}
	loss := r.Records[len(r.Records)-1].TrainLoss
	r.TrainLoss = &loss
	return r
}

// seeds are accuracies of three seeds around a mean; a negative one breaks them all.
func seeds(mean float64) []float64 {
	if mean < 0 {
		return []float64{mean, mean - .002, mean + .002}
	}
	return []float64{mean - .004, mean, mean + .004}
}

// noisyDigits resembles a real comparison: SAM and M-SAM break at rho .6, M-SAM with a
// budget does not.
func noisyDigits() *study.Comparison {
	rhos := []float64{.03, .1, .3, .6, 1, 2, 4, 16}
	curve := func(means ...float64) map[float64][]float64 {
		acc := map[float64][]float64{}
		for i, m := range means {
			acc[rhos[i]] = seeds(m)
		}
		return acc
	}
	return comparison(
		arm{method: "sgd", acc: map[float64][]float64{0: seeds(.893)}, grad: 1},
		arm{method: "sam", acc: curve(.894, .922, .946, .594, -.097, -.097, -.101, -.102), grad: .7},
		arm{method: "m-sam", acc: curve(.890, .926, .944, .649, -.097, -.097, -.101, -.103), grad: .7},
		arm{method: "m-sam", budget: .08, acc: curve(.887, .915, .921, .936, .928, .92, .911, .906), grad: .7, rise: 1.02},
	)
}
