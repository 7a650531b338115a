package bench

import (
	"context"
	"slices"
	"strings"

	"github.com/monge-ml/monge/sam"
)

// A Layer is one operation of a gradient: the medians of its times.
type Layer struct {
	Name      string  `json:"name"`
	Op        string  `json:"op"`
	ForwardS  float64 `json:"forward_s"`
	BackwardS float64 `json:"backward_s"`
	GFLOPS    float64 `json:"gflops"` // of all three passes
	GBps      float64 `json:"gb_per_s"`
	Share     float64 `json:"share"` // of the gradient's time
	// PyTorch's times of the same layer, alone; 0 where PyTorch is not there or its
	// model does not have the layer by itself.
	TorchForwardS  float64 `json:"torch_forward_s,omitempty"`
	TorchBackwardS float64 `json:"torch_backward_s,omitempty"`
}

// LayerTable is a model's gradient, operation by operation.
type LayerTable struct {
	Model  string  `json:"model"`
	Batch  int     `json:"batch"`
	TotalS float64 `json:"total_s"`
	Peak   float64 `json:"peak_gflops"`
	Layers []Layer `json:"layers"`
	Machine
}

// Layers measures the operations of the gradient of a workload's model on one minibatch.
func Layers(ctx context.Context, w Workload, repeats int) (*LayerTable, error) {
	s, err := newMinibatch(w)
	if err != nil {
		return nil, err
	}
	grad := make([]float32, len(s.theta))
	run := func() error {
		_, err := s.Gradient(grad, s.theta, sam.Call{Weight: 1})
		return err
	}
	for range 2 {
		if err := run(); err != nil {
			return nil, err
		}
	}
	s.tape.Profile(true)
	var forward, backward [][]float64 // by operation
	table := &LayerTable{Model: w.Model, Batch: w.Batch, Machine: ThisMachine()}
	for range repeats {
		if err := run(); err != nil {
			return nil, err
		}
		times := s.tape.Times()
		if forward == nil {
			forward, backward = make([][]float64, len(times)), make([][]float64, len(times))
			table.Layers = make([]Layer, len(times))
		}
		for i, op := range times {
			forward[i] = append(forward[i], op.Forward.Seconds())
			backward[i] = append(backward[i], op.Backward.Seconds())
			table.Layers[i].Name, table.Layers[i].Op = op.Layer, op.Op
		}
	}
	for i, op := range s.tape.Times() {
		l := &table.Layers[i]
		l.ForwardS, l.BackwardS = median(forward[i]), median(backward[i])
		table.TotalS += l.ForwardS + l.BackwardS
		l.GFLOPS = 3 * float64(op.FLOPs) / (l.ForwardS + l.BackwardS) / 1e9
		l.GBps = 3 * float64(op.Bytes) / (l.ForwardS + l.BackwardS) / 1e9
	}
	for i := range table.Layers {
		l := &table.Layers[i]
		l.Share = (l.ForwardS + l.BackwardS) / table.TotalS
	}
	peak, err := Peak(5)
	if err != nil {
		return nil, err
	}
	table.Peak = peak.GFLOPS
	return table, table.besidePyTorch(ctx, repeats)
}

// besidePyTorch fills in PyTorch's times of the convolutions and linear layers, which
// both models have in the same order.
func (t *LayerTable) besidePyTorch(ctx context.Context, repeats int) error {
	python := Python{DefaultPython}
	if _, err := FindPyTorch(ctx, python); err != nil || !hasModel(t.Model) {
		return nil
	}
	var ours []*Layer
	for i := range t.Layers {
		if op := t.Layers[i].Op; op == "conv" || op == "linear" {
			ours = append(ours, &t.Layers[i])
		}
	}
	side, err := python.start(ctx, t.Threads, "")
	if err != nil {
		return err
	}
	defer side.close()
	r, err := side.ask(request{What: whatLayers, Workload: Workload{Model: t.Model, Batch: t.Batch}, Repeats: repeats}, 0)
	if err != nil {
		return err
	}
	if len(r.Layers) != len(ours) {
		return nil
	}
	// A block of ours starts with its shortcut, one of PyTorch's ends with it.
	byShape := sortShortcuts(ours)
	for i, l := range byShape {
		l.TorchForwardS, l.TorchBackwardS = r.Layers[i].ForwardS, r.Layers[i].BackwardS
	}
	return nil
}

// hasModel reports whether pytorch.py has the model, of layers that can run alone.
func hasModel(model string) bool {
	return slices.Contains(VersusModels(), model) && !slices.Contains([]string{"gemm1024", "clip-vit-base-patch32", "bert-base"}, model)
}

// sortShortcuts moves each block's shortcut behind the block's convolutions.
func sortShortcuts(layers []*Layer) (sorted []*Layer) {
	for i := 0; i < len(layers); i++ {
		block, _, is := strings.Cut(layers[i].Name, "downsample")
		if !is {
			sorted = append(sorted, layers[i])
			continue
		}
		shortcut := layers[i]
		for i+1 < len(layers) && strings.HasPrefix(layers[i+1].Name, block) {
			i++
			sorted = append(sorted, layers[i])
		}
		sorted = append(sorted, shortcut)
	}
	return sorted
}
