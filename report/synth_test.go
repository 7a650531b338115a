package report

import (
	"math"
	"slices"

	"github.com/monge-ml/monge/sam"
	"github.com/monge-ml/monge/study"
	"github.com/monge-ml/monge/supervised"
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

// ownMethod is a method of the program's own, which pages find a look for.
const ownMethod = "unheard-of"

func init() {
	sam.Register(sam.Method{
		Name: ownMethod, Label: "Unheard-of", Info: "the test's own way to perturb", Uses: []string{"rho"},
		New32: func(p sam.Params) (sam.Settings[float32], error) {
			return sam.Settings[float32]{Rho: p.Rho, Metric: sam.Euclidean[float32]{}}, nil
		},
	})
}

// noisy are the settings of an MLP on the digits, 40% of whose training labels are replaced.
func noisy() train.Config {
	base := supervised.Default()
	base.Momentum, base.Epochs = new(.9), 30
	supervised.Change(&base, func(s *supervised.Settings) { s.LabelNoise = .4 })
	return base
}

// classes are measures as they are of ten classes.
func classes(accuracy, loss float64) train.Measures {
	return train.Measures{
		{Name: "accuracy", Value: train.Real(accuracy), Better: train.Higher, Share: true, Chance: .1},
		{Name: "loss", Value: train.Real(loss), Better: train.Lower, Chance: math.Log(10)},
	}
}

// comparison makes a comparison of arms, complete, as the study makes it of its runs.
func comparison(arms ...arm) *study.Comparison {
	set := study.Settings{Name: "compare", Base: noisy()}
	for _, a := range arms {
		for _, rho := range radiiOf(a.acc) {
			g := map[string]any{"method": a.method, "seed": upTo(len(a.acc[rho]))}
			switch {
			case a.method == "sgd":
				g["method"] = "none"
			case a.budget > 0:
				g["ascent-budget"] = a.budget
				fallthrough
			default:
				g["rho"] = rho
			}
			set.Grid = append(set.Grid, g)
		}
	}
	if len(arms) == 0 {
		return unbegun(1)
	}
	s, err := study.New(set)
	if err != nil {
		panic(err)
	}
	var states []study.State
	for _, c := range s.Cells {
		a := arms[slices.IndexFunc(arms, func(a arm) bool { return a.has(&c.Config) })]
		states = append(states, a.state(c))
	}
	c := s.CompareStates(states)
	c.Seconds, c.Level, c.Threads = 27, "avx2", 2
	return c
}

// unbegun is a comparison of which no run has begun.
func unbegun(seeds int) *study.Comparison {
	p := study.DefaultPlan(noisy())
	p.Seeds, p.Rhos = seeds, p.Rhos[:8]
	s, err := p.Study()
	if err != nil {
		panic(err)
	}
	states := make([]study.State, len(s.Cells))
	for i, c := range s.Cells {
		states[i] = study.State{Cell: c.Name, State: study.Planned}
	}
	return s.CompareStates(states)
}

func upTo(n int) (list []any) {
	for i := range n {
		list = append(list, int64(i+1))
	}
	return list
}

func radiiOf(acc map[float64][]float64) (rhos []float64) {
	for rho := range acc {
		rhos = append(rhos, rho)
	}
	slices.Sort(rhos)
	return rhos
}

// has reports whether the arm has an accuracy of a run.
func (a *arm) has(c *train.Config) bool {
	budget := 0.
	if c.AscentBudget != nil {
		budget = *c.AscentBudget
	}
	if !c.Perturbs() {
		return a.method == "sgd" && int(c.Seed) <= len(a.acc[0])
	}
	return a.method == c.Method && a.budget == budget && int(c.Seed) <= len(a.acc[float64(c.Rho)])
}

// state is a made-up run, whose epochs approach its accuracy.
func (a *arm) state(c study.Cell) study.State {
	rho := float64(c.Config.Rho)
	acc := a.acc[rho][c.Config.Seed-1]
	test, lost := math.Abs(acc), acc < 0
	alpha := 0.
	if a.method == "m-sam" {
		alpha = 1
	}
	if a.budget > 0 {
		alpha = rho / a.budget
	}
	g, rise, step := a.grad, a.rise, 1e-3
	if g == 0 {
		g = .1
	}
	if rise == 0 {
		rise = 1.1
	}
	if a.method == "sgd" {
		step /= 2
	}
	var records []train.Record
	for n := 1; n <= 30; n++ {
		part := 1 - math.Exp(-float64(n)/6)
		e := train.Record{
			Step: 16 * n, Epoch: n, TrainLoss: 2.3 - part, Val: classes(.1+(test-.1)*part, 1), GradNorm: g * (.4 + .6*part),
			Seconds: 16 * step, Examples: 1000,
		}
		if lost {
			e.TrainLoss = 2.3
		}
		if a.method != "sgd" {
			e.DeltaNorm = rho / math.Hypot(1, alpha*e.GradNorm)
			e.PredictedAscent = e.DeltaNorm * e.GradNorm
			e.Ascent = rise * e.PredictedAscent
		}
		records = append(records, e)
	}
	loss := 1.
	if lost {
		loss = 2.3
	}
	last := records[len(records)-1]
	return study.State{Cell: c.Name, State: train.Finished, Step: last.Step, Steps: last.Step, Run: &train.SavedRun{
		Config: c.Config, Records: records,
		Result: &train.Result{
			Test: classes(test, loss), Val: classes(test, loss), TrainLoss: last.TrainLoss, Steps: last.Step, StoppedBy: "epochs",
			Data: train.Sizes{Train: 1000, Val: 300, Test: 497, Of: "10 classes"}, StepSeconds: step,
		},
	}}
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
