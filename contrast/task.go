package contrast

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/monge-ml/monge/align"
	"github.com/monge-ml/monge/clip"
	"github.com/monge-ml/monge/data"
	"github.com/monge-ml/monge/objective"
	"github.com/monge-ml/monge/onnx/export"
	"github.com/monge-ml/monge/train"
)

// A Task trains a CLIP model on pairs.
type Task struct {
	*clip.Pretrained
	Data *data.Splits // of images

	config     *train.Config
	source     *source
	init       string  // digest of the directory to start from
	tokens     [][]int // of each caption
	loader     *data.Loader
	inBatch    [][]int // tokens of the minibatch at hand
	batch      minibatch
	microbatch int

	program *export.Program // nil until asked for
	foreign error           // why others can't run it
}

// open makes the task of a config.
func open(ctx context.Context, c *train.Config, shared *train.Shared) (train.Task, error) {
	s := Of(c)
	src, err := openSource(ctx, &s, shared)
	if err != nil {
		return nil, err
	}
	t := &Task{source: src, config: c, microbatch: c.Microbatch}
	if t.Pretrained, err = model(c, src.trainCaptions()); err != nil {
		return nil, err
	}
	if t.init, err = digestOf(s.Init); err != nil {
		return nil, err
	}
	t.SetDirectConv(c.DirectConv)
	if t.Data, err = src.images(ctx, t.Preprocessor); err != nil {
		return nil, err
	}
	if err := checkSizes(c.Batch, t.Data); err != nil {
		return nil, err
	}
	if n := (objective.Call{Share: c.AscentBatch}).Examples(c.Batch, 1); n < 2 && n < c.Batch {
		return nil, fmt.Errorf("ascent-batch %g of a batch of %d is one pair, which the loss compares with no other, so that its gradient is 0: give at least %.2g", c.AscentBatch, c.Batch, 2/float64(c.Batch))
	}
	if err := t.tokenize(src.captions); err != nil {
		return nil, err
	}
	t.loader, err = data.NewLoader(t.Data.Train, data.LoaderSettings{
		Batch: c.Batch, Shuffle: true, DropLast: true, Seed: c.Seed, Normalize: t.Preprocessor.Normalize, Ahead: ahead,
		Augment: data.Augment{Pad: s.Pad, Flip: s.Flip, Cutout: s.Cutout},
	})
	t.batch.task = t
	return t, err
}

// ahead is how many minibatches are prepared while one is computed.
const ahead = 1

// model opens or begins the model that a config names.
func model(c *train.Config, captions []string) (*clip.Pretrained, error) {
	s := Of(c)
	o := clip.Options{Freeze: s.Freeze, Seed: c.Seed, Checkpoint: s.Recompute}
	if s.LoRA.Rank > 0 {
		o.LoRA = &s.LoRA
	}
	shape, known := clip.Shapes[s.Model]
	switch {
	case s.Model == Pretrained && s.Init == "":
		return nil, fmt.Errorf("model %s is one that was trained: give its directory as init, or begin with %s", s.Model, strings.Join(Models()[1:], " or "))
	case s.Model == Pretrained:
		return clip.OpenWith(s.Init, o)
	case !known:
		return nil, fmt.Errorf("model %q is not trained on pairs; there are %s", s.Model, strings.Join(Models(), ", "))
	case s.Init != "":
		return nil, fmt.Errorf("model %s begins untrained; to start from %s the model is %s", s.Model, s.Init, Pretrained)
	}
	return clip.Begin(shape, captions, o)
}

// tokenize prepares the captions, of which long ones are cut.
func (t *Task) tokenize(captions []string) error {
	t.tokens = make([][]int, len(captions))
	for i, c := range captions {
		var err error
		if t.tokens[i], err = t.Tokens(c); err != nil {
			return err
		}
	}
	return nil
}

// Theta returns the initial parameters.
func (t *Task) Theta() []float32 { return t.Pretrained.Theta }

// Buffers are the model's, of which it has none today.
func (t *Task) Buffers() (list [][]float32) {
	for _, b := range t.Pretrained.Buffers {
		list = append(list, b.Data)
	}
	return list
}

// Parts says what the parameters are that are trained, of two towers whose layers are none above the other's.
func (t *Task) Parts() (parts []train.Part, layered bool) {
	for _, p := range t.Params {
		if !p.Frozen() {
			parts = append(parts, train.Part{End: p.Offset + p.Len(), Weight: p.IsWeight()})
		}
	}
	return parts, false
}

// Norms are the parameters of the model's normalisation layers. Both towers are run on a pair for it: the tape notices them
// as it goes through.
func (t *Task) Norms() []objective.Range {
	if _, err := t.FLOPs(t.Theta()); err != nil {
		return nil
	}
	return t.Pretrained.Norms()
}

// set returns a split's images, nil if there are none.
func (t *Task) set(s train.Split) *data.Set {
	return map[train.Split]*data.Set{train.TrainSplit: t.Data.Train, train.ValSplit: t.Data.Val, train.TestSplit: t.Data.Test}[s]
}

// Examples returns the number of pairs of a split.
func (t *Task) Examples(s train.Split) int { return t.set(s).Len() }

// Steps returns the number of minibatches of an epoch, all of them whole.
func (t *Task) Steps() int { return t.loader.PerEpoch() }

// Fingerprint tells the pairs in their order, and the model to start from, by their content from others.
func (t *Task) Fingerprint() string { return fingerprintOf(t.Items()) }

func fingerprintOf(items map[string]string) string {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(items)) {
		fmt.Fprintf(h, "%q%q", name, items[name])
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

// FormerFingerprints tell the pairs as earlier versions did: without their order, or by captions and names.
func (t *Task) FormerFingerprints() ([]string, error) {
	return []string{fingerprintOf(t.unordered()), t.source.fingerprint()}, nil
}

// Items are the pairs with their order, and the model to start from.
func (t *Task) Items() map[string]string {
	items := t.unordered()
	maps.Copy(items, t.source.orders)
	return items
}

func (t *Task) unordered() map[string]string {
	items := maps.Clone(t.source.items)
	if t.init != "" {
		items["init"] = t.init
	}
	return items
}

// modelFiles are the endings of files that a model's directory is told by.
var modelFiles = []string{".json", ".safetensors", ".bin", ".txt"}

// digestOf is that of a model's directory, "" of none.
func digestOf(dir string) (string, error) {
	if dir == "" {
		return "", nil
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	for _, e := range files {
		if !slices.Contains(modelFiles, filepath.Ext(e.Name())) || e.IsDir() {
			continue
		}
		f, err := os.Open(filepath.Join(dir, e.Name()))
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%q", e.Name())
		_, err = io.Copy(h, f)
		if err = errors.Join(err, f.Close()); err != nil {
			return "", fmt.Errorf("%s: %w", f.Name(), err)
		}
	}
	return fmt.Sprintf("%x", h.Sum(nil)), nil
}

// Notes says what of the pairs could not be used, and of the model's settings.
func (t *Task) Notes() []string {
	notes := slices.Clone(t.Pretrained.Notes)
	if left := t.source.left(); left != "" {
		notes = append(notes, left)
	}
	if s := Of(t.config); !s.noONNX() && t.exportable() != nil {
		notes = append(notes, fmt.Sprintf("no %s is written: %v", ONNXFile, t.foreign))
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
	t.batch.Batch = b
	return &t.batch, nil
}

// A minibatch is a loader's as an objective.
type minibatch struct {
	*data.Batch
	task *Task
}

// Len returns the number of pairs.
func (b *minibatch) Len() int { return len(b.Examples) }

// Whole is true: the loss compares all pairs of a minibatch, so its parts are the model's own
// business.
func (b *minibatch) Whole() bool { return true }

// Gradient is that of the whole minibatch, or of its first hi pairs, which are then compared with each other alone.
func (b *minibatch) Gradient(grad, theta []float32, _, hi int, c objective.Call) (float64, error) {
	t := b.task
	pairs := clip.Batch{Images: b.X, Tokens: t.texts(b.Batch)}.First(hi)
	if t.microbatch > 0 {
		return t.GradientInChunks(pairs, t.microbatch, grad, theta, c)
	}
	return t.Gradient(pairs, grad, theta, c)
}

// Correct is how many captions of the last gradient's pairs are their image's nearest.
func (b *minibatch) Correct() int { return b.task.Pretrained.Correct() }

// texts returns the tokens of a minibatch's captions, until the next call.
func (t *Task) texts(b *data.Batch) [][]int {
	t.inBatch = t.inBatch[:0]
	for _, i := range b.Examples {
		t.inBatch = append(t.inBatch, t.tokens[i])
	}
	return t.inBatch
}

// Measure embeds all pairs of a split, see package align.
func (t *Task) Measure(ctx context.Context, theta []float32, s train.Split) (train.Measures, error) {
	return t.measure(ctx, theta, t.set(s))
}

// MeasureSome is [Task.Measure] on the first n pairs of a split.
func (t *Task) MeasureSome(ctx context.Context, theta []float32, s train.Split, n int) (train.Measures, error) {
	some := make([]int, n)
	for i := range some {
		some[i] = i
	}
	return t.measure(ctx, theta, t.set(s).Select(some))
}

func (t *Task) measure(ctx context.Context, theta []float32, set *data.Set) (train.Measures, error) {
	images, texts, err := t.embed(ctx, theta, set)
	if err != nil {
		return nil, fmt.Errorf("evaluate: %w", err)
	}
	scale := t.LogitScale(theta)
	loss, err := align.ContrastiveLoss(images, texts, scale, t.config.Batch)
	if err != nil {
		return nil, err
	}
	sknn, err := align.MutualKNN(images, texts, align.DefaultK)
	if err != nil {
		return nil, err
	}
	toText, toImage, err := align.Retrieval(images, texts)
	if err != nil {
		return nil, err
	}
	gap, err := align.ModalityGap(images, texts)
	if err != nil {
		return nil, err
	}
	spread, err := align.Spread(images, texts)
	if err != nil {
		return nil, err
	}
	batch := min(t.config.Batch, set.Len())
	collapsed := 0.
	if align.Collapsed(loss, batch, spread) {
		collapsed = 1
	}
	n := float64(set.Len())
	m := train.Measures{
		{Name: "s_knn", Value: train.Real(sknn), Better: train.Higher, Label: "S_kNN", Chance: align.DefaultK / (n - 1)},
		{Name: "loss", Value: train.Real(loss), Better: train.Lower, Chance: math.Log(float64(batch))},
		{Name: "recall", Value: train.Real((toText.At1 + toImage.At1) / 2), Better: train.Higher, Label: "recall at 1", Share: true, Chance: 1 / n},
	}
	m = append(m, recalls("image_to_text", "image to text", toText, n)...)
	m = append(m, recalls("text_to_image", "text to image", toImage, n)...)
	return append(m, train.Measures{
		{Name: "modality_gap", Value: train.Real(gap), Label: "modality gap"},
		{Name: "spread", Value: train.Real(spread)},
		{Name: "temperature", Value: train.Real(1 / scale)}, // may be infinite
		{Name: "collapsed", Value: train.Real(collapsed)},
	}...), nil
}

// recalls are how often one side of n pairs finds the other among the first 1, 5 and 10.
func recalls(name, label string, r align.Recall, n float64) (m train.Measures) {
	for _, at := range []struct {
		name  string
		first float64
		value float64
	}{{name, 1, r.At1}, {name + "_5", 5, r.At5}, {name + "_10", 10, r.At10}} {
		m = append(m, train.Measure{Name: at.name, Value: train.Real(at.value), Better: train.Higher, Share: true,
			Label: fmt.Sprintf("%s, recall at %g", label, at.first), Chance: min(at.first/n, 1)})
	}
	return m
}

// embedBatch is how many pairs are embedded at a time.
const embedBatch = 64

// embed returns the embeddings of both sides of a set's pairs.
func (t *Task) embed(ctx context.Context, theta []float32, s *data.Set) (images, texts *align.Embeddings, err error) {
	loader, err := data.NewLoader(s, data.LoaderSettings{Batch: embedBatch, Normalize: t.Preprocessor.Normalize})
	if err != nil {
		return nil, nil, err
	}
	defer loader.Close()
	var sides [2][]float32
	for {
		b, err := loader.Next(ctx)
		if err != nil {
			return nil, nil, err
		}
		if b == nil {
			break
		}
		x, err := t.EmbedImages(theta, b.X)
		if err != nil {
			return nil, nil, err
		}
		sides[0] = append(sides[0], x...)
		if x, err = t.EmbedTexts(theta, t.texts(b)); err != nil {
			return nil, nil, err
		}
		sides[1] = append(sides[1], x...)
	}
	if images, err = align.NewEmbeddings(sides[0], s.Len(), t.Config.Projection); err != nil {
		return nil, nil, fmt.Errorf("images: %w", err)
	}
	if texts, err = align.NewEmbeddings(sides[1], s.Len(), t.Config.Projection); err != nil {
		return nil, nil, fmt.Errorf("captions: %w", err)
	}
	return images, texts, nil
}

// Save writes the model as Hugging Face's, and as ONNX if it can be that.
func (t *Task) Save(dir string, best bool, theta []float32) error {
	name, graph := ModelDir, ONNXFile
	if best {
		name, graph = BestDir, BestONNXFile
	}
	p := *t.Pretrained
	p.Theta = theta
	if err := p.Save(filepath.Join(dir, name)); err != nil || t.Copies() == 1 {
		return err
	}
	return p.SaveONNX(filepath.Join(dir, graph), t.program, map[string]string{"sha256": train.Digest(theta)})
}

// Copies is how often Save writes the model: the ONNX model has the same numbers again.
func (t *Task) Copies() int {
	if s := Of(t.config); s.noONNX() || t.exportable() != nil {
		return 1
	}
	return 2
}

// exportable returns why the model can be no ONNX model, nil if it can.
func (t *Task) exportable() error {
	if t.program == nil && t.foreign == nil {
		if t.program, t.foreign = t.Program(); t.foreign == nil {
			t.foreign = t.program.Check()
		}
	}
	return t.foreign
}

// Warning tells of embeddings that are all alike.
func (t *Task) Warning(r train.Record) string {
	if r.Val.Get("collapsed") != 1 {
		return ""
	}
	return fmt.Sprintf("the embeddings have collapsed by step %d: the loss is %.3f, that of similarities which are all alike", r.Step, float64(r.Val.Get("loss")))
}

// lost reports whether a run has ended without anything to tell apart: with embeddings that
// have collapsed, or with a training loss that is no lower than that of similarities which are
// all alike. (Of unseen pairs a model that has learned its own by heart can have a higher one.)
func lost(c *train.Config, r *train.Result) (collapsed, lost bool) {
	last := r.Test
	if last == nil && r.Best != nil {
		last = r.Best.Val
	}
	collapsed = last.Get("collapsed") == 1
	return collapsed, collapsed || !(r.TrainLoss < math.Log(float64(c.Batch))-align.CollapseLoss)
}
