package supervised

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/monge-ml/monge/classifier"
	"github.com/monge-ml/monge/data"
	"github.com/monge-ml/monge/data/picture"
	"github.com/monge-ml/monge/hf"
	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/objective"
	"github.com/monge-ml/monge/onnx/export"
	"github.com/monge-ml/monge/train"
)

// A Task trains a network to tell classes apart, or to predict numbers.
type Task struct {
	Net       *nn.Model
	Data      *data.Splits
	Normalize picture.Normalization // of pixels

	settings Settings
	theta    []float32
	kept     []string // parameters that did not come from the file to start from
	start    string   // digest of the parameters that such a file gave
	graph    string   // path of the file that holds the network, "" of one of the list
	restored bool     // its batch normalisation was put back
	goesOn   bool     // by the run that the weights are of
	fitted   []string // what was done to make the file's weights fit
	source   *source
	loader   *data.Loader
	batch    int       // examples of a minibatch
	bgr      bool      // a file's network takes its channels in the order blue, green, red
	least    int       // examples that a gradient needs
	why      error     // of more than one
	dropLast bool      // the last minibatch of an epoch, which has fewer
	problem  string    // one of classifier.Problems
	weights  []float32 // of the classes in the loss, nil for none
	decided  []string  // of it and of the loss, to tell
	classes  classified
	others   minibatch // of problems without classes

	program *export.Program // the network as others run it, once it is asked for
	foreign error           // why others can't run it
}

// open makes the task of a config, and notes there how pixels are normalized.
func open(ctx context.Context, c *train.Config, shared *train.Shared) (train.Task, error) {
	s := Of(c)
	start, err := s.start()
	if err != nil {
		return nil, err
	}
	t := &Task{}
	if start != nil {
		t.graph, t.goesOn = start.Network(), start.Info.Norm == classifier.NormRestored
	}
	t.restored = t.goesOn || s.BatchNorm == "restore"
	src, err := openSource(ctx, &s, cmp.Or(t.graph, s.Model), shared)
	if err != nil {
		return nil, err
	}
	if src.splits.Targets != nil && s.Smoothing > 0 {
		return nil, fmt.Errorf("label-smoothing has no use here: %s has targets, no classes", s.Data)
	}
	if classes := src.splits.Classes; src.splits.Targets == nil && len(classes) < 2 {
		return nil, fmt.Errorf("%s has one class, %q: there is nothing to tell apart", s.Data, classes)
	}
	t.source = src
	if err := t.choose(&s, start); err != nil {
		return nil, err
	}
	t.decideRecipe(c)
	if t.Data, err = src.splits.WithNoise(data.Noise{Labels: s.LabelNoise, Pixels: s.PixelDropout, Copies: s.Copies}, c.Seed); err != nil {
		return nil, err
	}
	if t.Normalize, err = s.normalization(start); err != nil {
		return nil, err
	}
	given := s.Normalize != ""
	s.Normalize = t.Normalize.String()
	s.Size = Of(c).Size // what a file says is found again
	t.settings, c.Own = s, s
	if start != nil {
		if err := start.CheckChannels(t.Data.Train.Shape); err != nil {
			return nil, err
		}
		t.warnUnknown(start, given)
		t.matchClasses(start)
	}
	if err := t.weigh(); err != nil {
		return nil, err
	}
	if err := t.build(start, c.Seed); err != nil {
		return nil, err
	}
	if in, _, err := s.inGraph(); err != nil {
		return nil, err
	} else if info := t.info(); in.Check(&info) != nil {
		return nil, fmt.Errorf("onnx: %w", in.Check(&info))
	}
	t.Net.SetDirectConv(c.DirectConv)
	if err := t.fitBatch(c.Batch); err != nil {
		return nil, err
	}
	if err := t.calibrate(ctx); err != nil {
		return nil, err
	}
	t.loader, err = data.NewLoader(t.Data.Train, data.LoaderSettings{
		Batch: c.Batch, Shuffle: true, DropLast: t.dropLast, Seed: c.Seed, Normalize: t.Normalize, Ahead: ahead, Window: s.window(),
		Augment: data.Augment{Pad: s.Pad, Flip: s.Flip, Cutout: s.Cutout, Mixup: s.Mixup},
	})
	if err != nil {
		return nil, err
	}
	steps := c.Epochs * t.loader.PerEpoch()
	if c.MaxSteps > 0 {
		steps = min(steps, c.MaxSteps)
	}
	t.Net.FitBatchNorm(steps)
	t.classes.task, t.others.task = t, t
	return t, nil
}

// fitBatch finds out on how few examples the network can be trained at a time. An epoch's last
// minibatch of fewer is dropped: its examples are in other minibatches of other epochs.
func (t *Task) fitBatch(batch int) error {
	n := t.Data.Train.Len()
	t.batch = min(batch, n)
	t.least, t.why = t.Net.LeastBatch()
	switch {
	case t.least == 0:
		return t.why
	case t.batch < t.least:
		return fmt.Errorf("a minibatch of %d: the network can be trained on %d examples at a time or more (%w)", t.batch, t.least, t.why)
	}
	last := n % t.batch
	t.dropLast = last > 0 && last < t.least
	return nil
}

// LeastBatch is the fewest examples that the network can be trained on at a time.
func (t *Task) LeastBatch() int { return t.least }

// ahead is how many minibatches are prepared while one is computed.
const ahead = 1

// normalization returns that of the pixels: what the settings say, or what the file to
// start from (which may be nil) was trained with, or the data set's own.
func (s *Settings) normalization(start *classifier.File) (picture.Normalization, error) {
	name, _, _ := strings.Cut(s.Data, ":")
	switch {
	case s.Normalize != "":
		n, err := picture.ParseNormalization(s.Normalize)
		if err == nil && start != nil {
			err = start.CheckNormalization(n)
		}
		return n, err
	case start != nil && start.Source != "":
		return start.Info.Normalize, nil
	case name == "cifar10" || name == "cifar100":
		return picture.ParseNormalization(name)
	}
	return picture.Normalization{}, nil
}

// Theta returns the initial parameters.
func (t *Task) Theta() []float32 { return t.theta }

// Buffers are the running statistics.
func (t *Task) Buffers() (list [][]float32) {
	for _, b := range t.Net.Buffers {
		list = append(list, b.Data)
	}
	return list
}

// set returns a split's examples, nil if there are none.
func (t *Task) set(s train.Split) *data.Set {
	return map[train.Split]*data.Set{train.TrainSplit: t.Data.Train, train.ValSplit: t.Data.Val, train.TestSplit: t.Data.Test}[s]
}

// Examples returns the number of examples of a split.
func (t *Task) Examples(s train.Split) int { return t.set(s).Len() }

// Steps returns the number of minibatches of an epoch.
func (t *Task) Steps() int { return t.loader.PerEpoch() }

// predicts reports whether the examples have numbers to predict in place of classes.
func (t *Task) predicts() bool { return t.Data.Targets != nil }

// Of says what the examples are of.
func (t *Task) Of() string {
	if t.labels() {
		return "labels " + strings.Join(t.Data.Targets, ", ")
	}
	if t.predicts() {
		return "targets " + strings.Join(t.Data.Targets, ", ")
	}
	return fmt.Sprintf("%d classes", len(t.Data.Classes))
}

// Fingerprint tells the data and the weights to start from by their content from others.
func (t *Task) Fingerprint() string {
	return digest(t.source.scan.Fingerprint, t.start)
}

// FormerFingerprints tell the data by what earlier versions knew them by: names and sizes of
// images' files.
func (t *Task) FormerFingerprints() ([]string, error) {
	f, err := t.source.splits.Fingerprint()
	return []string{f}, err
}

// Items are what the data consist of, and the weights to start from.
func (t *Task) Items() map[string]string {
	items := t.source.scan.Items
	if t.start != "" {
		items = maps.Clone(items)
		items["init"] = t.start
	}
	return items
}

// Notes says what was left out of the data, and what was decided of a network that starts from
// a file.
func (t *Task) Notes() (notes []string) {
	notes = slices.Concat(t.source.splits.Notes, t.decided)
	for _, d := range t.source.splits.Damaged {
		notes = append(notes, fmt.Sprintf("left out of the %s split: %v", d.Split, d.Err))
	}
	if n := len(t.source.splits.Damaged); n > 1 {
		notes = append(notes, fmt.Sprintf("%d examples that can't be read were left out", n))
	}
	if t.dropLast {
		notes = append(notes, fmt.Sprintf("the last minibatch of each epoch, of %d, is left out: %v", t.Data.Train.Len()%t.batch, t.why))
	}
	if _, write, _ := t.settings.inGraph(); (t.graph == "" || hf.IsDirectory(t.graph)) && write && t.exportable() != nil {
		notes = append(notes, fmt.Sprintf("no %s is written: %v", NetworkFile, t.foreign))
	}
	if t.settings.Init == "" {
		return notes
	}
	notes = append(notes, "normalisation "+t.settings.Normalize)
	for _, n := range t.fitted {
		notes = append(notes, t.settings.Init+": "+n)
	}
	if len(t.kept) > 0 {
		notes = append(notes, fmt.Sprintf("new, not from %s: %s", t.settings.Init, strings.Join(t.kept, ", ")))
	}
	return notes
}

// Close stops the preparation of minibatches.
func (t *Task) Close() error {
	t.loader.Close()
	return nil
}

// Minibatch returns that of a step.
func (t *Task) Minibatch(ctx context.Context, step int) (train.Minibatch, error) {
	b, err := t.loader.Step(ctx, step)
	if err != nil {
		return nil, err
	}
	t.Net.SetSteps(uint64(step)) // dropout draws by it
	if t.problem == classifier.MultiLabel || t.problem == classifier.Regression {
		t.others.Batch = b
		return &t.others, nil
	}
	t.classes.Batch = b
	return &t.classes, nil
}

// A minibatch is a loader's as an objective.
type minibatch struct {
	*data.Batch
	task *Task
}

// of returns a part of some numbers, as many for each example.
func (b *minibatch) of(all []float32, lo, hi int) []float32 {
	one := len(all) / b.Len()
	return all[lo*one : hi*one]
}

// Len returns the number of examples.
func (b *minibatch) Len() int { return len(b.Examples) }

// target is what the outputs for examples lo to hi-1 should be.
func (b *minibatch) target(lo, hi int) nn.Target {
	switch b.task.problem {
	case classifier.MultiLabel: // binary cross-entropy
		return nn.Target{Binary: b.of(b.Targets, lo, hi), Inputs: hi - lo}
	case classifier.Regression: // mean squared error
		return nn.Target{Values: b.of(b.Targets, lo, hi), Inputs: hi - lo}
	}
	y := nn.Target{Labels: b.Labels[lo:hi], Lambda: b.Lambda, Smoothing: b.task.settings.Smoothing, Inputs: hi - lo}
	if b.Mixed != nil {
		y.Mixed = b.Mixed[lo:hi]
	}
	b.weighted(&y)
	return y
}

// Gradient is that of examples lo to hi-1.
func (b *minibatch) Gradient(grad, theta []float32, lo, hi int, c objective.Call) (float64, error) {
	return b.task.Net.GradientOf(b.target(lo, hi), grad, theta, b.of(b.X, lo, hi), c)
}

// Gram is Gradient with the products of the examples' own gradients.
func (b *minibatch) Gram(k []float64, grad, theta []float32, lo, hi int, c objective.Call) (float64, error) {
	return b.task.Net.Gram(b.target(lo, hi), k, grad, theta, b.of(b.X, lo, hi), c)
}

// Weighted is the gradient of a weighted sum of the examples' own losses.
func (b *minibatch) Weighted(grad, theta, shares []float32, lo, hi int, c objective.Call) error {
	y := b.target(lo, hi)
	y.Shares = shares
	_, err := b.task.Net.GradientOf(y, grad, theta, b.of(b.X, lo, hi), c)
	return err
}

// classified is a minibatch of examples with classes.
type classified struct{ minibatch }

// Correct is how many examples of the last gradient were classified as labelled.
func (b *classified) Correct() int { return b.task.Net.Correct() }

// Save writes the network at theta with what it takes to use it.
func (t *Task) Save(dir string, best bool, theta []float32) error {
	name, graph := WeightsFile, NetworkFile
	if best {
		name, graph = BestFile, BestNetworkFile
	}
	c := &classifier.Classifier{Net: t.Net, Theta: theta, Info: t.info()}
	extra := map[string]string{"sha256": train.Digest(theta)}
	if err := t.saveAdapter(dir, best, theta); err != nil {
		return err
	}
	switch {
	case hf.IsDirectory(t.graph):
		if err := t.saveDirectory(dir, name, map[bool]string{false: Directory, true: BestDirectory}[best], c, extra); err != nil {
			return err
		}
		return t.saveONNX(filepath.Join(dir, graph), c, extra)
	case t.graph != "":
		return t.saveNetwork(dir, name, graph, c, extra)
	}
	if err := classifier.Save(filepath.Join(dir, name), c, extra); err != nil {
		return err
	}
	return t.saveONNX(filepath.Join(dir, graph), c, extra)
}

// info says what the network is.
func (t *Task) info() classifier.Info {
	s := &t.settings
	return classifier.Info{
		Model: s.Model, Norm: s.Norm, Input: t.Data.Train.Shape, Classes: t.Data.Classes, Targets: t.Data.Targets, MultiLabel: t.labels(), Features: t.Data.Features, Normalize: t.Normalize,
	}
}

// saveONNX writes the network as an ONNX model, if it can be one.
func (t *Task) saveONNX(path string, c *classifier.Classifier, extra map[string]string) error {
	in, write, err := t.settings.inGraph()
	if err != nil || !write || t.exportable() != nil {
		return err
	}
	return classifier.SaveONNX(path, c, t.program, in, extra)
}

// Copies is how often Save writes what is trained, or as much beside it: the ONNX model has the same numbers again, and
// weights have what is frozen too.
func (t *Task) Copies() int {
	files := 1
	if _, write, _ := t.settings.inGraph(); t.graph != "" || write && t.exportable() == nil {
		files = 2
	}
	if _, write, _ := t.settings.inGraph(); hf.IsDirectory(t.graph) && write && t.exportable() == nil {
		files++
	}
	return files * t.fullSizes()
}

// exportable returns why the network can be no ONNX model, nil if it can.
func (t *Task) exportable() error {
	if t.program == nil && t.foreign == nil {
		if t.program, t.foreign = export.Trace(t.Net); t.foreign == nil {
			t.foreign = t.program.Check()
		}
	}
	return t.foreign
}

// SetPrecision is [nn.Model.SetPrecision].
func (t *Task) SetPrecision(ascent, descent train.Precision) { t.Net.SetPrecision(ascent, descent) }
