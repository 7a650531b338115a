package supervised

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/monge-ml/monge/classifier"
	"github.com/monge-ml/monge/data"
	"github.com/monge-ml/monge/data/picture"
	"github.com/monge-ml/monge/onnx/network"
	"github.com/monge-ml/monge/train"
	"github.com/monge-ml/monge/weights"
)

// start opens the file to start from, nil for none. The images are brought to the size that its
// network takes, where it holds one of one size and the settings say none.
func (s *Settings) start() (*classifier.File, error) {
	if s.Init == "" {
		return nil, nil
	}
	f, err := classifier.OpenWith(s.Init, weights.Options{Key: s.Key})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w; --init says where the weights to start from are", err)
	}
	if err != nil {
		return nil, err
	}
	if err := s.checkFor(f.Network()); err != nil {
		return nil, err
	}
	if err := f.Choose(s.Output); err != nil {
		return nil, err
	}
	if format, ok := data.FormatOf(s.Data); ok && format.Sized && f.Network() != "" && s.Size == (data.Size{}) {
		s.Size = data.SizeOf(f.Info.Input)
	}
	return f, nil
}

// InitChanged reports whether the network of a file to start from is another than the run began with, whose
// items are given.
func InitChanged(c *train.Config, items map[string]string) bool {
	s, ok := c.Own.(Settings)
	if !ok || s.Init == "" || items["init"] == "" {
		return false
	}
	f, err := classifier.OpenWith(s.Init, weights.Options{Key: s.Key})
	if err != nil || f.Network() == "" {
		return false
	}
	digest, err := f.Digest()
	return err == nil && digest != items["init"]
}

// checkNetwork returns why the network of a file could not be trained or written, nil if it can.
func (t *Task) checkNetwork() error {
	n, ok := t.Net.Layer().(*network.Network)
	if !ok {
		return nil
	}
	if err := n.CheckTraining(); err != nil {
		return err
	}
	if err := n.CheckSize(); err != nil {
		return fmt.Errorf("%s could not be written: %w", NetworkFile, err)
	}
	in, _, err := t.settings.inGraph()
	if err == nil {
		err = n.CanWrap(in.Wrapping(t.Normalize))
	}
	if err != nil {
		return fmt.Errorf("onnx: %w", err)
	}
	return nil
}

// restoredNotes says where batch normalisation was put back.
func (t *Task) restoredNotes() []string {
	if n, ok := t.Net.Layer().(*network.Network); ok && n.RestoredNote() != "" {
		return []string{n.RestoredNote()}
	}
	return nil
}

// closingNotes says what becomes of a closing Sigmoid.
func (t *Task) closingNotes() []string {
	n, ok := t.Net.Layer().(*network.Network)
	if !ok || n.Closing != "Sigmoid" || t.predicts() {
		return nil
	}
	return []string{"it closes with a Sigmoid, as networks do that give each class a probability of its own; here one class of several is told, " +
		"so that the largest number counts, and they don't add up to 1"}
}

// The networks that a run leaves beside its weights, as ONNX.
const (
	NetworkFile     = "model.onnx"
	BestNetworkFile = "best.onnx"
)

// The directories that a run leaves beside its weights, of a network that came in one.
const (
	Directory     = "model"
	BestDirectory = "best"
)

// saveDirectory writes the network of a directory as one, and beside it the weights, which name it.
func (t *Task) saveDirectory(dir, weights, to string, c *classifier.Classifier, extra map[string]string) error {
	if same(filepath.Join(dir, to), t.graph) { // which is not ours to write over
		to = "trained-" + to
	}
	beside := *c
	beside.Model, c.Model = to+"/", t.graph
	if err := classifier.Save(filepath.Join(dir, weights), &beside, extra); err != nil {
		return err
	}
	return classifier.SaveDirectory(filepath.Join(dir, to), c, extra)
}

// saveNetwork writes the network of a file beside the weights, which name it.
func (t *Task) saveNetwork(dir, weights, graph string, c *classifier.Classifier, extra map[string]string) error {
	c.BGR, c.Model = t.bgr, graph
	if t.restored {
		c.Norm = classifier.NormRestored
	}
	if same(filepath.Join(dir, graph), t.graph) { // which is not ours to write over
		graph = "trained-" + graph
		c.Model = graph
	}
	// the weights first, which nothing can keep from being written
	in, _, err := t.settings.inGraph()
	if err != nil {
		return err
	}
	beside := *c
	if in.Normalize { // the graph does it
		beside.Normalize = picture.Normalization{}
	}
	if err := classifier.Save(filepath.Join(dir, weights), &beside, extra); err != nil {
		return err
	}
	return classifier.SaveNetwork(filepath.Join(dir, graph), c, in, extra)
}

// same reports whether two names are of one file.
func same(a, b string) bool {
	x, errA := os.Stat(a)
	y, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(x, y)
}

// calibrated is how many examples set the restored normalisations.
const calibrated = 512

// calibrate shows the first examples to a network that has to see some before it is trained.
func (t *Task) calibrate(ctx context.Context) error {
	n, ok := t.Net.Layer().(*network.Network)
	if !ok || !n.Calibrates() || t.goesOn {
		return nil
	}
	first := make([]int, min(calibrated, t.Data.Train.Len()))
	for i := range first {
		first[i] = i * t.Data.Train.Len() / len(first)
	}
	loader, err := data.NewLoader(t.Data.Train.Select(first), data.LoaderSettings{Batch: min(32, len(first)), Normalize: t.Normalize})
	if err != nil {
		return err
	}
	defer loader.Close()
	return n.Calibrate(t.theta, func() error {
		for {
			b, err := loader.Next(ctx)
			if err != nil || b == nil {
				return err
			}
			if _, err := t.Net.LogitsOf(t.theta, b.X, len(b.Examples)); err != nil {
				return err
			}
		}
	})
}
