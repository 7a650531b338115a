package bench

import (
	"runtime"

	"github.com/monge-ml/monge/internal/usage"
)

// An EvalResult is the cost of the logits of one minibatch in mode Eval.
type EvalResult struct {
	Model        string  `json:"model"`
	Batch        int     `json:"batch"`
	ImagesPerS   float64 `json:"images_per_s"`
	GFLOPS       float64 `json:"gflops"` // of the operations that a direct computation takes
	PeakRSSBytes int64   `json:"peak_rss_bytes"`
	Allocations  float64 `json:"allocations"` // on Go's heap, a batch
	Times
	Machine
}

// Eval measures the logits of a workload's model on one minibatch.
func Eval(w Workload, repeats int) (EvalResult, error) {
	b, theta, err := newExamples(w)
	if err != nil {
		return EvalResult{}, err
	}
	logits := func() error {
		_, err := b.Model.Logits(theta, b.X)
		return err
	}
	if _, err := measure(1, 2, logits); err != nil {
		return EvalResult{}, err
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	t, err := measure(repeats, 0, logits)
	if err != nil {
		return EvalResult{}, err
	}
	runtime.ReadMemStats(&after)
	return EvalResult{
		Model: w.Model, Batch: w.Batch, ImagesPerS: float64(w.Batch) / t.MedianS,
		GFLOPS:       float64(w.Batch) * float64(b.Model.FLOPs()) / t.MedianS / 1e9,
		PeakRSSBytes: usage.Now().PeakRSS,
		Allocations:  float64(after.Mallocs-before.Mallocs) / float64(repeats),
		Times:        t, Machine: ThisMachine(),
	}, nil
}
