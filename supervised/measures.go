package supervised

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/monge-ml/monge/classifier"
	"github.com/monge-ml/monge/data"
	"github.com/monge-ml/monge/train"
)

// measureNames are the measures that a setting may choose, by problem: first the usual ones, in their order.
var measureNames = map[string]struct{ usual, more []string }{
	classifier.SingleLabel: {[]string{"accuracy", "loss", "ece"}, []string{"f1", "f1_macro", "f1_micro", "mcc"}},
	classifier.MultiLabel:  {[]string{"f1_micro", "f1_macro", "exact_match", "accuracy", "loss"}, nil},
	classifier.Regression:  {[]string{"rmse", "loss", "r2"}, []string{"pearson", "spearman"}},
}

// checkMeasures returns an error for measures that are of no problem, or listed twice.
func checkMeasures(list []string) error {
	var known []string
	for _, p := range classifier.Problems {
		known = append(known, slices.Concat(measureNames[p].usual, measureNames[p].more)...)
	}
	slices.Sort(known)
	known = slices.Compact(known)
	for i, name := range list {
		switch {
		case !slices.Contains(known, name):
			return fmt.Errorf("unknown measure %q; there are %s", name, strings.Join(known, ", "))
		case slices.Contains(list[:i], name):
			return fmt.Errorf("measure %s is listed twice", name)
		}
	}
	return nil
}

// chosen returns the measures that a run takes of all there are: those that the setting lists, and then the usual ones.
func (t *Task) chosen(all train.Measures) (list train.Measures) {
	for _, name := range slices.Concat(t.settings.Measures, measureNames[t.problem].usual) {
		i := slices.IndexFunc(all, func(m train.Measure) bool { return m.Name == name })
		if i >= 0 && !slices.ContainsFunc(list, func(m train.Measure) bool { return m.Name == name }) {
			list = append(list, all[i])
		}
	}
	return list
}

// checkChosen returns an error for measures of other problems.
func (t *Task) checkChosen(s *Settings) error {
	n := measureNames[t.problem]
	for _, name := range s.Measures {
		if !slices.Contains(n.usual, name) && !slices.Contains(n.more, name) {
			return fmt.Errorf("measure %s is of other problems; of %s there are %s", name, t.problem, strings.Join(slices.Concat(n.usual, n.more), ", "))
		}
	}
	if n := len(t.source.splits.Classes); slices.Contains(s.Measures, "f1") && n != 2 {
		return fmt.Errorf("measure f1 is of the second of two classes, and %s has %d: f1_macro is the mean over classes", s.Data, n)
	}
	return nil
}

// Measure measures the network on a split: how often it is right, or how far predicted numbers are off.
func (t *Task) Measure(ctx context.Context, theta []float32, s train.Split) (train.Measures, error) {
	return t.measure(ctx, theta, t.set(s))
}

// MeasureSome is [Task.Measure] on the first n examples of a split.
func (t *Task) MeasureSome(ctx context.Context, theta []float32, s train.Split, n int) (train.Measures, error) {
	some := make([]int, n)
	for i := range some {
		some[i] = i
	}
	return t.measure(ctx, theta, t.set(s).Select(some))
}

func (t *Task) measure(ctx context.Context, theta []float32, set *data.Set) (all train.Measures, err error) {
	switch t.problem {
	case classifier.MultiLabel:
		all, err = t.measureLabels(ctx, theta, set)
	case classifier.Regression:
		all, err = t.measureErrors(ctx, theta, set)
	default:
		all, err = t.measureClasses(ctx, theta, set)
	}
	return t.chosen(all), err
}

func (t *Task) measureClasses(ctx context.Context, theta []float32, set *data.Set) (train.Measures, error) {
	e, err := classifier.Evaluate(ctx, t.Net, theta, set, t.Normalize)
	if err != nil {
		return nil, err
	}
	classes := float64(len(t.Data.Classes))
	m := train.Measures{
		{Name: "accuracy", Value: e.Accuracy, Better: train.Higher, Share: true, Chance: 1 / classes},
		{Name: "loss", Value: e.Loss, Better: train.Lower, Chance: math.Log(classes)},
		{Name: "ece", Value: e.ECE, Better: train.Lower, Label: "calibration error", Share: true},
		{Name: "f1_macro", Value: e.F1Macro, Better: train.Higher, Label: "macro F1", Share: true},
		{Name: "f1_micro", Value: e.F1Micro, Better: train.Higher, Label: "micro F1", Share: true, Chance: 1 / classes},
		{Name: "mcc", Value: e.MCC, Better: train.Higher, Label: "Matthews' coefficient"},
	}
	if e.F1 != nil {
		m = append(m, train.Measure{Name: "f1", Value: *e.F1, Better: train.Higher, Label: "F1 of " + t.Data.Classes[1], Share: true})
	}
	return m, nil
}

// threshold is the probability from which a label counts as said, in measures.
const threshold = .5

// measureLabels measures which labels are told. Guessing says of each how often it applies in the split.
func (t *Task) measureLabels(ctx context.Context, theta []float32, set *data.Set) (train.Measures, error) {
	e, err := classifier.EvaluateLabels(ctx, t.Net, theta, set, threshold, data.LoaderSettings{Normalize: t.Normalize, Ahead: 1}, nil)
	if err != nil {
		return nil, err
	}
	return train.Measures{
		{Name: "f1_micro", Value: e.F1Micro, Better: train.Higher, Label: "micro F1", Share: true},
		{Name: "f1_macro", Value: e.F1Macro, Better: train.Higher, Label: "macro F1", Share: true},
		{Name: "exact_match", Value: e.ExactMatch, Better: train.Higher, Share: true},
		{Name: "accuracy", Value: e.Accuracy, Better: train.Higher, Share: true},
		{Name: "loss", Value: e.Loss, Better: train.Lower, Chance: entropyOf(&e)},
	}, nil
}

// entropyOf is the mean entropy of labels: the loss of saying of each how often it applies.
func entropyOf(e *classifier.LabelEvaluation) (h float64) {
	for _, l := range e.PerLabel {
		for _, n := range []int{l.Is, e.N - l.Is} {
			if p := float64(n) / float64(e.N); p > 0 {
				h -= p * math.Log(p) / float64(len(e.PerLabel))
			}
		}
	}
	return h
}

// measureErrors measures how far predicted numbers are off. Guessing is the mean of the split's
// targets.
func (t *Task) measureErrors(ctx context.Context, theta []float32, set *data.Set) (train.Measures, error) {
	e, err := classifier.EvaluateTargets(ctx, t.Net, theta, set, data.LoaderSettings{Normalize: t.Normalize, Ahead: 1}, nil)
	if err != nil {
		return nil, err
	}
	guess := variance(set)
	return train.Measures{
		{Name: "rmse", Value: e.RMSE, Better: train.Lower, Label: "RMSE", Chance: math.Sqrt(guess)},
		{Name: "loss", Value: e.MSE, Better: train.Lower, Chance: guess},
		{Name: "r2", Value: e.R2, Better: train.Higher, Label: "R²"},
		{Name: "pearson", Value: e.Pearson, Better: train.Higher, Label: "Pearson's coefficient"},
		{Name: "spearman", Value: e.Spearman, Better: train.Higher, Label: "Spearman's coefficient"},
	}, nil
}

// variance is that of the targets: the mean over them of the squared differences from their means.
func variance(set *data.Set) (v float64) {
	all, n := set.Targets, float64(set.Len())
	for k := range set.TargetLen {
		var mean, sum float64
		for i := k; i < len(all); i += set.TargetLen {
			mean += float64(all[i])
		}
		mean /= n // at the end, so that it is exact where all are the same
		for i := k; i < len(all); i += set.TargetLen {
			d := float64(all[i]) - mean
			sum += d * d
		}
		v += sum / n / float64(set.TargetLen)
	}
	return v
}

// lost reports whether a run ended at the constant predictor: a validation accuracy near
// chance, and a loss no better than that of saying nothing; of numbers, with nothing of their
// variance explained; of labels, with a loss no better than that of saying how often each applies. Without a validation split it is judged on the test split.
func lost(_ *train.Config, r *train.Result) (collapsed, lost bool) {
	m := r.Val
	if m == nil {
		m = r.Test
	}
	if r2 := float64(m.Get("r2")); !math.IsNaN(r2) {
		const none = .01 // of the variance is explained
		return math.Abs(r2) < none, r2 < none
	}
	if i := slices.IndexFunc(m, func(m train.Measure) bool { return m.Name == "exact_match" }); i >= 0 {
		loss := m[slices.IndexFunc(m, func(m train.Measure) bool { return m.Name == "loss" })]
		none := float64(loss.Value) > .99*loss.Chance
		return none, none
	}
	i := slices.IndexFunc(m, func(m train.Measure) bool { return m.Name == "accuracy" })
	if i < 0 || m[i].Chance == 0 {
		return false, false
	}
	c := 1 / m[i].Chance
	near := min(3/c, 1/c+(1-1/c)*2/9) // the same at ten classes
	collapsed = float64(m[i].Value) < near && float64(m.Get("loss")) > .95*math.Log(c)
	return collapsed, collapsed
}
