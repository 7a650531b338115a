package analysis

import (
	"bytes"
	"encoding/csv"
	"math"
	"strings"
	"testing"

	"github.com/monge-ml/monge/study"
	"github.com/monge-ml/monge/train"
)

// errors are those of a made-up task, by method, radius and seed: less is better. NaN is a run
// that diverged.
type errorsOf map[string]map[float64][]float64

// regression is a comparison of runs that measured a root mean square error.
func regression(t *testing.T, errors errorsOf) *study.Comparison {
	t.Helper()
	set := study.Settings{Base: train.Default(), Seeds: 3}
	set.Base.Task = "tides"
	for _, m := range []string{"none", "sam", "m-sam"} {
		for _, rho := range []float64{0, .1, 1} {
			if errors[m][rho] != nil {
				set.Grid = append(set.Grid, map[string]any{"method": m, "rho": rho})
			}
		}
	}
	s, err := study.New(set)
	if err != nil {
		t.Fatal(err)
	}
	var states []study.State
	for _, c := range s.Cells {
		k := c.Config
		e := errors[k.Method][float64(k.Rho)][k.Seed-1]
		run := &train.SavedRun{Config: k, Records: []train.Record{
			{Step: 5, Epoch: 1, TrainLoss: 2, GradNorm: 4, DeltaNorm: .1, PredictedAscent: .4, Ascent: .5, TrainAccuracy: train.Real(math.NaN())},
			{Step: 10, Epoch: 2, TrainLoss: 1, GradNorm: 2, DeltaNorm: .1, PredictedAscent: .2, Ascent: .1, TrainAccuracy: train.Real(math.NaN())},
		}}
		st := study.State{Cell: c.Name, State: train.Diverged, Run: run}
		if !math.IsNaN(e) {
			m := train.Measures{{Name: "rmse", Value: train.Real(e), Better: train.Lower, Chance: 9}, {Name: "r2", Value: .5, Better: train.Higher}}
			st.State, run.Result = train.Finished, &train.Result{Test: m, Val: m, TrainLoss: 1, Data: train.Sizes{Train: 10, Val: 5, Test: 5}}
		}
		states = append(states, st)
	}
	return s.CompareStates(states)
}

var nan = math.NaN()

var tides = errorsOf{
	"none":  {0: {2, 2.1, 2.2}},
	"sam":   {.1: {1.5, 1.6, 1.7}, 1: {nan, nan, 3}},
	"m-sam": {.1: {1, 1.2, 1.1}, 1: {1.9, 2, 2.1}},
}

// The paired t interval of Student's own example (1908): the hours of sleep gained by ten
// patients on one drug over another. R's t.test(extra ~ group, data = sleep, paired =
// TRUE) says a mean of 1.58, from 0.7001142 to 2.4598858.
func TestStudentsSleep(t *testing.T) {
	sleep := []float64{1.2, 2.4, 1.3, 1.3, 0, 1.0, 1.8, .8, 4.6, 1.4}
	c := DifferenceOf(sleep, train.Higher)
	if !(math.Abs(c.Mean-1.58) < 1e-12) || !(math.Abs(c.Low-.7001142) < 1e-6) || !(math.Abs(c.High-2.4598858) < 1e-6) || c.Verdict != Ahead {
		t.Errorf("%+v", c)
	}
	if less := DifferenceOf(sleep, train.Lower); less.Verdict != Behind || less.Mean != c.Mean {
		t.Errorf("where less is better: %+v", less)
	}
	two := DifferenceOf([]float64{.1, .3}, train.Higher)
	if two.Verdict != Unknown || !(math.Abs(two.High-(.2+.1*12.7062047)) < 1e-6) {
		t.Errorf("%+v", two)
	}
	if one := DifferenceOf([]float64{.1}, train.Higher); !math.IsNaN(one.Low) || one.Verdict != Unknown {
		t.Errorf("%+v", one)
	}
}

// The direction of a measure decides what is best, of use, and ahead.
func TestLowerIsBetter(t *testing.T) {
	a := Of(regression(t, tides))
	sgd, sam, m := a.Find(study.Unperturbed), a.Find("sam"), a.Find("m-sam")
	if sgd == nil || sam == nil || m == nil || sgd.Label != "SGD" || m.Label != "M-SAM" || a.Subject() != "m-sam" {
		t.Fatalf("%+v", a.Methods)
	}
	if m.BestRho != .1 || m.Best().Test != 1.1 || m.Largest() != 1 {
		t.Errorf("best of M-SAM: %+v", m.Best())
	}
	if d := m.Against(sam); d.Verdict != Ahead || !(math.Abs(d.Mean+.5) < 1e-12) || d.N != 3 {
		t.Errorf("M-SAM beside SAM: %+v", d)
	}
	if first, all := sam.Breaks(); first != 1 || !math.IsInf(all, 1) {
		t.Errorf("SAM breaks at %g and %g", first, all)
	}
	if use := m.Use(sgd); len(use) != 2 {
		t.Errorf("M-SAM is of use at %v", use)
	}
	if use := sam.Use(sgd); len(use) != 1 || use[0] != .1 { // at 1 two runs count with guessing's 9
		t.Errorf("SAM is of use at %v", use)
	}
	var said []string
	for _, k := range a.Contrasts() {
		said = append(said, k.Method+"-"+k.Against)
	}
	if got := strings.Join(said, " "); got != "SAM-SGD M-SAM-SGD M-SAM-SAM" {
		t.Errorf("contrasts %s", got)
	}
	if !math.IsInf(first(sgd.OverBudget()), -1) || a.Order(1, 2) != -1 || a.Order(2, 1) != 1 || a.Order(1, 1) != 0 || a.Order(1, nan) != -1 {
		t.Error("a budget of nobody, or values out of order")
	}
}

func first(x, _ float64) float64 { return x }

// Without M-SAM the only other method is what a comparison is about.
func TestSubject(t *testing.T) {
	for _, c := range []struct {
		errors errorsOf
		want   string
	}{
		{errorsOf{"none": tides["none"], "sam": tides["sam"]}, ""},
		{errorsOf{"none": tides["none"], "m-sam": tides["m-sam"]}, "m-sam"},
	} {
		if got := Of(regression(t, c.errors)).Subject(); got != c.want {
			t.Errorf("subject %q, want %q", got, c.want)
		}
	}
}

// Means leave out what is not finite, and say at which epoch or step they are.
func TestMeans(t *testing.T) {
	runs := [][]train.Record{{{Step: 4, TrainLoss: 1}, {Step: 8, TrainLoss: math.Inf(1)}}, {{Step: 4, TrainLoss: 3}}}
	means := MeansAt(runs, func(r train.Record) int { return r.Step }, func(r train.Record) float64 { return r.TrainLoss })
	if len(means) != 1 || means[0] != (Mean{At: 4, Value: 2, Stderr: 1, N: 2}) {
		t.Errorf("%+v", means)
	}
	c := regression(t, tides)
	if byEpoch := ByEpoch(c.Rows, gradNorm); len(byEpoch) != 2 || byEpoch[1].Value != 2 || Overall(byEpoch) != 3 {
		t.Errorf("%+v", byEpoch)
	}
	if !math.IsNaN(Overall(nil)) {
		t.Error("no means have a mean")
	}
}

// A task's measures have columns of their own; those of classes and pairs are as they were.
func TestColumns(t *testing.T) {
	c := regression(t, tides)
	lines := readCSV(t, func(b *bytes.Buffer) error { return WriteResults(b, c, "dir") })
	want := "run,state,method,variant,rho,ascent_budget,seed,collapsed,test_rmse,val_rmse,test_r2,val_r2,train_loss,train_accuracy,least_train_accuracy," +
		"best_val_rmse,best_test_rmse,best_step,grad_norm,delta_norm,ascent,predicted_ascent,steps,step_s,seconds,weights_sha256,error"
	if got := strings.Join(lines[0], ","); got != want || len(lines) != 1+len(c.Rows) {
		t.Errorf("%d lines:\n%s\nwant\n%s", len(lines), got, want)
	}
	if l := lines[1]; l[8] != "2" || l[10] != "0.5" || l[0] != "dir/cells/sgd_seed-1" {
		t.Errorf("%q", l)
	}
	points := readCSV(t, func(b *bytes.Buffer) error { return Of(c).WritePoints(b) })
	if h := points[0]; h[5] != "test_rmse" || h[7] != "val_rmse" || len(points) != 6 {
		t.Errorf("%d lines: %q", len(points), h)
	}
	for i := range c.Rows {
		r := c.Rows[i].Result
		if r != nil {
			r.Test = train.Measures{{Name: "accuracy", Value: .9}, {Name: "loss", Value: .3}}
		}
	}
	const usual = "run,state,method,variant,rho,ascent_budget,seed,collapsed,test_accuracy,test_loss,test_ece,val_accuracy,val_loss,val_ece,train_loss,train_accuracy,least_train_accuracy," +
		"best_val_accuracy,best_test_accuracy,best_step,test_s_knn,best_test_s_knn,grad_norm,delta_norm,ascent,predicted_ascent,steps,step_s,seconds,weights_sha256,error"
	lines = readCSV(t, func(b *bytes.Buffer) error { return WriteResults(b, c, "dir") })
	if got := strings.Join(lines[0], ","); got != usual || lines[1][8] != "0.9" {
		t.Errorf("%s\nwant\n%s", got, usual)
	}
}

func readCSV(t *testing.T, write func(*bytes.Buffer) error) [][]string {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(&b).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return lines
}
