package supervised

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/monge-ml/monge/classifier"
	"github.com/monge-ml/monge/hf"
	"github.com/monge-ml/monge/nn/models"
	"github.com/monge-ml/monge/onnx/network"
	"github.com/monge-ml/monge/train"
	"github.com/monge-ml/monge/weights"
)

// build builds the network, and its initial parameters: those of the file to start from (nil
// for none), or random ones.
func (t *Task) build(start *classifier.File, seed uint64) (err error) {
	s := &t.settings
	t.bgr = s.Channels == "bgr" || s.Channels == "" && t.graph != "" && start.Info.BGR
	o := models.Options{Input: t.Data.Train.Shape, Classes: len(t.Data.Classes), Norm: s.Norm,
		NewHead: t.graph != "" && s.Head == "new", BGR: t.bgr, Restore: t.restored, Output: s.Output}
	if t.predicts() {
		o.Classes, o.Regression, o.MultiLabel = len(t.Data.Targets), !t.labels(), t.labels()
	}
	if t.Net, err = models.Build(cmp.Or(t.graph, s.Model), o); err != nil {
		return err
	}
	if err := t.checkNetwork(); err != nil {
		return fmt.Errorf("%s: %w", s.Init, err)
	}
	if s.BatchNorm == "frozen" {
		if t.Net.BatchNorms() == 0 {
			return errors.New("batch-norm frozen: the network has no batch normalisation")
		}
		t.Net.FreezeBatchNorm()
	}
	if err := t.freeze(); err != nil {
		return err
	}
	if err := t.holdFrozen(); err != nil {
		return err
	}
	t.theta = make([]float32, t.Net.Size())
	t.Net.Init(t.theta, seed)
	if start != nil {
		if err := t.begin(start, o); err != nil {
			return err
		}
	}
	return t.adapt(start, seed)
}

// begin takes the parameters of the file to start from.
func (t *Task) begin(start *classifier.File, o models.Options) (err error) {
	if was, now := start.Info.Features, t.Data.Features; was != nil && now != nil && !slices.Equal(was, now) {
		return fmt.Errorf("%s: it was trained on columns %s, the data have %s: bring them into that order", start.Path, strings.Join(was, ", "), strings.Join(now, ", "))
	}
	if t.kept, err = t.setWeights(start, o, t.theta); err != nil {
		return err
	}
	t.fitted = slices.Concat(t.fitted, start.Notes(), t.closingNotes(), t.restoredNotes())
	if hf.IsDirectory(t.graph) {
		d, err := hf.Find(t.graph)
		if err != nil {
			return err
		}
		t.fitted = append(t.fitted, d.NotesAt(o.Input)...)
	}
	if e, _ := models.Find(t.graph); e.File != nil {
		t.fitted = append(t.fitted, e.File.Notes...)
		if len(t.kept) == 0 {
			t.kept = e.File.New
		}
		switch {
		case t.goesOn:
			t.fitted = append(t.fitted, "its restored batch normalisation goes on")
		case !t.restored && e.File.Folded != "":
			t.fitted = append(t.fitted, e.File.Folded)
		}
	}
	t.start, err = t.digestOf(start)
	return err
}

// setWeights sets parameters from the file to start from, and returns the names of those that it does not give.
// Weights without restored normalisations, which are put in now, are those of the network without them.
func (t *Task) setWeights(start *classifier.File, o models.Options, theta []float32) (kept []string, err error) {
	if !t.restored || t.goesOn || t.graph == start.Path {
		return start.Init(t.Net, theta, t.settings.Head == "new")
	}
	o.Restore = false
	plain, err := models.Build(t.graph, o)
	if err != nil {
		return nil, err
	}
	part := make([]float32, plain.Size())
	if kept, err = start.Init(plain, part, t.settings.Head == "new"); err != nil {
		return nil, err
	}
	given := plain.StateDict(part)
	list := t.Net.StateDict(theta)
	for i, x := range list {
		k := slices.IndexFunc(given, func(g weights.Tensor) bool { return g.Name == x.Name })
		if k >= 0 && !slices.Contains(kept, x.Name) {
			list[i] = given[k]
		}
	}
	return kept, t.Net.LoadStateDict(theta, list)
}

// holdFrozen freezes the restored normalisations of frozen convolutions, which would be folded into them.
func (t *Task) holdFrozen() error {
	n, ok := t.Net.Layer().(*network.Network)
	if !ok || !t.restored {
		return nil
	}
	names := n.HoldFrozen()
	if len(names) == 0 {
		return nil
	}
	exact := strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`)
	for i, name := range names {
		names[i] = exact.Replace(name)
	}
	if err := t.Net.Freeze(names...); err != nil {
		return err
	}
	if t.Net.Size() == 0 {
		return errors.New("freeze: the patterns leave no parameter to train, as normalisations of frozen convolutions are frozen with them")
	}
	return nil
}

// digestOf is that of the parameters which a file gives, whatever the seed gives the others.
func (t *Task) digestOf(start *classifier.File) (string, error) {
	if t.graph != "" {
		return start.Digest()
	}
	given := make([]float32, len(t.theta))
	_, err := start.Init(t.Net, given, t.settings.Head == "new")
	return train.Digest(given), err
}

// warnUnknown notes where nothing says how the file's network was trained to see pixels.
func (t *Task) warnUnknown(start *classifier.File, given bool) {
	shape := t.Data.Train.Shape
	pixels := len(shape) == 3 && shape[0]*shape[1] > 1
	if !given && pixels && start.Source == "" && t.settings.Normalize == "none" {
		t.fitted = append(t.fitted, classifier.SourceUnknown+"; "+classifier.WarnUnknown())
	}
}

// matchClasses numbers the classes of the data as those of a file whose last layer goes on, where
// they are the same by name or value; where not, it tells that they are taken in their order.
func (t *Task) matchClasses(start *classifier.File) {
	now := t.Data.Classes
	was := start.Info.Classes
	if len(was) == 0 || len(was) != len(now) || t.settings.Head == "new" || slices.Equal(was, now) {
		return
	}
	if matched, err := t.Data.Matched(was); err == nil {
		t.Data = matched
		t.fitted = append(t.fitted, "classes are numbered as there: "+strings.Join(was, ", "))
		return
	}
	t.fitted = append(t.fitted, fmt.Sprintf("its last layer, of the classes %s, goes on with %s in their order; --head new begins it anew",
		strings.Join(was, ", "), strings.Join(now, ", ")))
}
