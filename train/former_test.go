package train_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/monge-ml/monge/contrast"
	"github.com/monge-ml/monge/internal/kernel"
	"github.com/monge-ml/monge/supervised"
	"github.com/monge-ml/monge/train"
)

// The directories in testdata/v1 are those of a version that knew two tasks and wrote no names
// of measures: a finished run on digits, one on pairs, and one that was cut off at step 1700.

func value(t *testing.T, what string, m train.Measures, want map[string]train.Real) {
	t.Helper()
	for name, v := range want {
		if m.Get(name) != v {
			t.Errorf("%s: %s is %v, want %v", what, name, m.Get(name), v)
		}
	}
	if (m == nil) != (want == nil) {
		t.Errorf("%s: %v", what, m)
	}
}

type numbers = map[string]train.Real

func TestReadFormerRun(t *testing.T) {
	s := read(t, filepath.Join("testdata", "v1", "done"))
	if s.Status != (train.Status{State: train.Finished, Step: 30, Steps: 30}) || s.Config.Task != supervised.Name || supervised.Of(&s.Config).LabelNoise != .4 || s.Config.Rho != .3 {
		t.Errorf("%+v, %+v", s.Status, s.Config)
	}
	if len(s.Records) != 3 || s.Records[1].TrainAccuracy != 0.1737012987012987 || s.Records[2].TrainLoss != 2.2836670160293577 {
		t.Fatalf("%+v", s.Records)
	}
	r := s.Result
	value(t, "record", s.Records[1].Val, numbers{"accuracy": 1. / 3, "loss": 2.272447890704238})
	value(t, "val", r.Val, numbers{"accuracy": 0.32666666666666666, "loss": 2.2660213922699457})
	value(t, "test", r.Test, numbers{"accuracy": 0.2676056338028169, "loss": 2.268226752848588})
	value(t, "best", r.Best.Val, numbers{"accuracy": 1. / 3, "loss": 2.272447890704238})
	value(t, "best, test", r.Best.Test, numbers{"accuracy": 0.30181086519114686})
	if first := r.Test.First(); first.Name != "accuracy" || first.Better != train.Higher || !first.Share || first.Chance != .1 {
		t.Errorf("%+v", first)
	}
	if r.Best.Step != 20 || r.Data != (train.Sizes{Train: 1000, Val: 300, Test: 497, Of: "10 classes"}) || r.StoppedBy != "max-steps" {
		t.Errorf("%+v", r)
	}
	s.Result = nil // as the records say it
	if b := s.Best(); b.Step != 20 {
		t.Errorf("best of the records %+v", b)
	}
	// What is written back has the names too, and says the same.
	again := filepath.Join(t.TempDir(), "run")
	if err := os.CopyFS(again, os.DirFS(s.Path)); err != nil {
		t.Fatal(err)
	}
	writeJSON(t, filepath.Join(again, train.ResultFile), r)
	if s := read(t, again); text(s.Result.Test) != text(r.Test) || text(s.Result.Best.Test) != text(r.Best.Test) || text(s.Result.Val) != text(r.Val) {
		t.Errorf("written back %+v, want %+v", s.Result, r)
	}
}

func TestReadFormerPairs(t *testing.T) {
	s := read(t, filepath.Join("testdata", "v1", "pairs"))
	if s.Status.State != train.Finished || s.Config.Task != contrast.Name || contrast.Of(&s.Config).TestData != "pairs:squares/test.tsv" || s.Config.Batch != 16 {
		t.Errorf("%+v, %+v", s.Status, s.Config)
	}
	if len(s.Records) != 2 {
		t.Fatalf("%+v", s.Records)
	}
	r := s.Result
	value(t, "record", s.Records[0].Val, numbers{
		"s_knn": .50625, "loss": 2.7692993997627937, "recall": 0.07500000000000001, "image_to_text": .1, "text_to_image": .05,
		"modality_gap": 1.274279875732732, "spread": 0.0038244023590660063, "temperature": 0.07034580265532708, "collapsed": 1,
	})
	value(t, "record", s.Records[1].Val, numbers{"s_knn": .60625, "collapsed": 0})
	value(t, "test", r.Test, numbers{"s_knn": .65, "loss": 2.7251108391058207, "recall": .1, "modality_gap": 1.2605791180651869, "collapsed": 0})
	value(t, "val", r.Val, numbers{"loss": 2.7440951892422856, "recall": .1})
	value(t, "best", r.Best.Val, numbers{"s_knn": .60625, "loss": 2.7440951892422856, "recall": .1, "temperature": 0.07044734493686466})
	value(t, "best, test", r.Best.Test, numbers{"s_knn": .65, "recall": .1, "spread": 0.0054831220908262614})
	if first := r.Test.First(); first.Name != "s_knn" || first.Better != train.Higher || first.Title() != "S_kNN" {
		t.Errorf("%+v", first)
	}
	if r.Best.Step != 16 || r.Data != (train.Sizes{Train: 40, Val: 20, Test: 20}) {
		t.Errorf("%+v", r)
	}
	s.Result = nil
	if b := s.Best(); b.Step != 16 {
		t.Errorf("best of the records %+v", b)
	}
}

// A run on pairs that an earlier version began has records of both in its metrics.
func TestReadFormerPairsResumed(t *testing.T) {
	former := read(t, filepath.Join("testdata", "v1", "pairs"))
	b, err := os.ReadFile(filepath.Join(former.Path, train.MetricsFile))
	if err != nil {
		t.Fatal(err)
	}
	again := former.Records[1]
	again.Step = 24
	line, err := json.Marshal(again)
	if err != nil {
		t.Fatal(err)
	}
	got, err := train.ParseRecords(bytes.NewReader(append(b, line...)))
	if err != nil || len(got) != 3 || text(got[:2]) != text(former.Records) || text(got[2]) != text(again) {
		t.Errorf("%s, %v", text(got), err)
	}
}

// A run that an earlier version began goes on to the weights with which that one ended.
func TestResumeFormerRun(t *testing.T) {
	if testing.Short() {
		t.Skip("4700 steps, left out of short tests")
	}
	if kernel.Active() == kernel.Portable {
		t.Skip("the portable level rounds otherwise")
	}
	path := filepath.Join(t.TempDir(), "run")
	if err := os.CopyFS(path, os.DirFS(filepath.Join("testdata", "v1", "cut"))); err != nil {
		t.Fatal(err)
	}
	s := read(t, path)
	if s.Status != (train.Status{State: train.Interrupted, Step: 1700, Steps: 6400}) || len(s.Records) != 17 {
		t.Errorf("%+v, %d records", s.Status, len(s.Records))
	}
	if b := s.Best(); b.Step != 1500 || b.Val.Get("accuracy") != 0.9533333333333334 {
		t.Errorf("best so far %+v", b)
	}
	before := text(s.Records)
	steps := 0
	r, d := open(t, path, s.Config, train.DirOptions{Resume: true})
	res, err := r.Do(context.Background(), d, train.Watch{Step: func(train.Progress) { steps++ }})
	if err != nil {
		t.Fatal(err)
	}
	const want = "4fa8976d538508e52e73f6b27ea94cd19da88f32314317247e9a2c501da62486"
	if res.WeightsSHA256 != want || steps != 4700 {
		t.Errorf("weights %s after %d more steps, want %s after 4700", res.WeightsSHA256, steps, want)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	s = read(t, path)
	if len(s.Records) != 64 || text(s.Records[:17]) != before || s.Records[63].Val[1].Better != train.Lower {
		t.Errorf("%d records, of which the first are as they were: %v", len(s.Records), text(s.Records[:17]) == before)
	}
	if _, whole := do(t, s.Config); text(*whole.Best) != text(*s.Result.Best) || text(whole.Test) != text(s.Result.Test) || whole.WeightsSHA256 != want {
		t.Errorf("uninterrupted %+v, best %+v; resumed %+v, best %+v", whole.Test, whole.Best, s.Result.Test, s.Result.Best)
	}
}
