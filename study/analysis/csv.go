package analysis

import (
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"

	"gonum.org/v1/gonum/stat"

	"github.com/monge-ml/monge/study"
	"github.com/monge-ml/monge/train"
)

// The columns of results.csv before those of measures, and after them.
var (
	firstColumns = []string{"run", "state", "method", "variant", "rho", "ascent_budget", "seed", "collapsed"}
	lastColumns  = []string{"grad_norm", "delta_norm", "ascent", "predicted_ascent", "steps", "step_s", "seconds", "weights_sha256", "error"}
)

// usualColumns are those of measures of classes and of pairs.
var usualColumns = []string{"test_accuracy", "test_loss", "test_ece", "val_accuracy", "val_loss", "val_ece", "train_loss", "train_accuracy", "least_train_accuracy",
	"best_val_accuracy", "best_test_accuracy", "best_step", "test_s_knn", "best_test_s_knn"}

// ofClasses are the measures of classes that runs usually have; earlier versions had no ece.
var ofClasses = []string{"accuracy", "loss", "ece"}

// columns are those of the measures of a study's runs: the usual ones, or for a task with other
// measures its own.
func columns(c *study.Comparison) []string {
	var names []string
	for _, r := range c.Rows {
		if r.Result != nil && names == nil {
			for _, m := range r.Result.Measured() {
				names = append(names, m.Name)
			}
		}
	}
	usual := !slices.ContainsFunc(names, func(n string) bool { return !slices.Contains(ofClasses, n) })
	if usual || Aligned(c) {
		return usualColumns
	}
	var list []string
	for _, n := range names {
		list = append(list, "test_"+n, "val_"+n)
	}
	return append(list, "train_loss", "train_accuracy", "least_train_accuracy", "best_val_"+names[0], "best_test_"+names[0], "best_step")
}

// WriteResults writes a line for each run of a study as CSV: where it is below the directory dir,
// its settings that vary, and what came out, in columns test_NAME, val_NAME of each measure. What is
// not known is empty. Of classes, and of pairs, the columns are always the same.
func WriteResults(w io.Writer, c *study.Comparison, dir string) error {
	out := csv.NewWriter(w)
	byCell := ByCell(c)
	head := slices.Concat(firstColumns, columns(c), lastColumns)
	if c.Study.Folds > 0 {
		head = append(head, "fold")
	}
	out.Write(head)
	for i, s := range c.States {
		cell := c.Study.Cells[i]
		line := map[string]string{"run": filepath.ToSlash(cell.Dir(dir)), "state": s.State, "error": s.Error,
			"method": cell.Config.Method, "variant": c.Study.Variant(cell), "seed": fmt.Sprint(cell.Config.Seed)}
		if cell.Config.Perturbs() {
			line["rho"] = exact(float64(cell.Config.Rho))
		}
		if b := cell.Config.AscentBudget; b != nil {
			line["ascent_budget"] = exact(*b)
		}
		if r := byCell[cell.Name]; r != nil {
			addMeasured(line, r)
			line["fold"] = r.Fold
		}
		record := make([]string, len(head))
		for i, name := range head {
			record[i] = line[name]
		}
		out.Write(record)
	}
	out.Flush()
	return out.Error()
}

// ByCell returns the rows by the names of their cells.
func ByCell(c *study.Comparison) map[string]*study.Row {
	byCell := map[string]*study.Row{}
	for i := range c.Rows {
		byCell[c.Rows[i].Cell] = &c.Rows[i]
	}
	return byCell
}

// addMeasured adds what a run that is over came to.
func addMeasured(line map[string]string, r *study.Row) {
	line["collapsed"] = fmt.Sprint(r.Collapsed)
	line["step_s"] = exact(r.StepS)
	if all := trainAccuracies(r); len(all) > 0 {
		line["train_accuracy"], line["least_train_accuracy"] = exact(all[len(all)-1]), exact(slices.Min(all))
	}
	one := []study.Row{*r}
	line["grad_norm"] = exact(Overall(ByEpoch(one, gradNorm)))
	line["delta_norm"] = exact(Overall(ByEpoch(one, deltaNorm)))
	line["ascent"] = exact(Overall(ByEpoch(one, ascent)))
	line["predicted_ascent"] = exact(Overall(ByEpoch(one, predicted)))
	res := r.Result
	if res == nil {
		return
	}
	add := func(before string, measures train.Measures) {
		for _, m := range measures {
			line[before+m.Name] = exact(float64(m.Value))
		}
	}
	add("test_", res.Test)
	add("val_", res.Val)
	line["train_loss"], line["steps"] = exact(res.TrainLoss), fmt.Sprint(res.Steps)
	line["seconds"], line["weights_sha256"] = exact(res.Seconds), res.WeightsSHA256
	if b := res.Best; b != nil {
		add("best_val_", b.Val)
		add("best_test_", b.Test)
		line["best_step"] = fmt.Sprint(b.Step)
	}
}

// WritePoints writes a line for each setting of each method as CSV: means over its runs, and the
// difference to SAM at the same radius with its 95% interval, paired by seed. Test loss is the
// median, as one run that broke can have any.
func (a *Analysis) WritePoints(w io.Writer) error {
	out := csv.NewWriter(w)
	measure := a.Measure.Name
	if measure == "" {
		measure = "accuracy" // of which there is none
	}
	out.Write([]string{"method", "setting", "value", "runs", "broke", "test_" + measure, "stderr", "val_" + measure, "test_loss",
		"least_train_accuracy", "grad_norm", "delta_norm", "predicted_ascent", "ascent", "beside_sam", "low", "high"})
	sam := a.Find("sam")
	for _, m := range a.Methods {
		for _, p := range m.Points {
			rows := m.At(p.Rho)
			mean := func(value func(train.Record) float64) string { return exact(Overall(ByEpoch(rows, value))) }
			var beside [3]string
			if sam != nil && m != sam && m.Sweep == "" {
				if d := Paired(rows, sam.At(p.Rho), a.Measure.Better); d.N > 0 {
					beside = [3]string{exact(d.Mean), exact(d.Low), exact(d.High)}
				}
			}
			out.Write([]string{m.Label, m.Setting(), exact(p.Rho), fmt.Sprint(p.Runs), fmt.Sprint(p.Diverged), exact(p.Test), exact(p.TestStderr),
				exact(p.Val), exact(medianLoss(rows)), exact(leastTrained(rows)), mean(gradNorm), mean(deltaNorm), mean(predicted), mean(ascent), beside[0], beside[1], beside[2]})
		}
	}
	out.Flush()
	return out.Error()
}

// medianLoss is the median test loss of runs, NaN without any.
func medianLoss(rows []study.Row) float64 {
	var losses []float64
	for _, r := range rows {
		if r.Result == nil {
			continue
		}
		if l := float64(r.Result.Test.Get("loss")); finite(l) {
			losses = append(losses, l)
		}
	}
	if len(losses) == 0 {
		return math.NaN()
	}
	slices.Sort(losses)
	return stat.Quantile(.5, stat.LinInterp, losses, nil)
}

// leastTrained is the mean over runs of the lowest training accuracy on the way.
func leastTrained(rows []study.Row) float64 {
	var least []float64
	for _, r := range rows {
		if all := trainAccuracies(&r); len(all) > 0 {
			least = append(least, slices.Min(all))
		}
	}
	if len(least) == 0 {
		return math.NaN()
	}
	return stat.Mean(least, nil)
}

// trainAccuracies are those that a run has recorded.
func trainAccuracies(r *study.Row) (all []float64) {
	for _, e := range r.Records {
		if a := float64(e.TrainAccuracy); finite(a) {
			all = append(all, a)
		}
	}
	return all
}

// exact writes a number so that reading it gives the same one, "" for NaN.
func exact(x float64) string {
	switch {
	case math.IsNaN(x):
		return ""
	case math.IsInf(x, 1):
		return "inf"
	}
	return fmt.Sprint(x)
}
