package train

import (
	"context"
	"path/filepath"

	"github.com/monge-ml/monge/classifier"
	"github.com/monge-ml/monge/data"
	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/sam"
)

// A task is what a run trains: a network, its objective, and how it is measured.
type task interface {
	network() *nn.Network

	// gradient is that of examples lo to hi of a minibatch, as [sam.Objective] says. Of these
	// it also returns how many are right.
	gradient(b *data.Batch, lo, hi int, grad, theta []float32, c sam.Call) (loss float64, right int, err error)
	// microbatch is how many examples a part of a minibatch has at most; 0 is all.
	microbatch() int

	evaluate(ctx context.Context, theta []float32, s *data.Set) (Scores, error)

	// draws is how many steps have drawn random numbers.
	draws() uint64
	setDraws(n uint64)

	// save writes the network at theta into a run's directory, as the final or the best one.
	save(dir string, best bool, theta []float32) error
}

// Scores are the measures of a network on a set.
type Scores struct {
	Loss      Real
	Accuracy  Real       // that of classes; of pairs the recall at 1, the mean of both directions
	Alignment *Alignment // of pairs, else nil
}

// classification is the task of a network whose outputs are classes.
type classification struct {
	model     *nn.Model
	config    *Config
	data      *data.Splits
	normalize data.Normalization
}

func (t *classification) network() *nn.Network { return &t.model.Network }
func (t *classification) microbatch() int      { return t.config.Microbatch }
func (t *classification) draws() uint64        { return t.model.Steps() }
func (t *classification) setDraws(n uint64)    { t.model.SetSteps(n) }

func (t *classification) gradient(b *data.Batch, lo, hi int, grad, theta []float32, c sam.Call) (float64, int, error) {
	y := nn.Target{Labels: b.Labels[lo:hi], Lambda: b.Lambda, Smoothing: t.config.Smoothing}
	if b.Mixed != nil {
		y.Mixed = b.Mixed[lo:hi]
	}
	one := len(b.X) / len(b.Examples)
	loss, err := t.model.GradientOf(y, grad, theta, b.X[lo*one:hi*one], c)
	return loss, t.model.Correct(), err
}

func (t *classification) evaluate(ctx context.Context, theta []float32, s *data.Set) (Scores, error) {
	e, err := classifier.Evaluate(ctx, t.model, theta, s, t.normalize)
	return Scores{Loss: e.Loss, Accuracy: e.Accuracy}, err
}

func (t *classification) save(dir string, best bool, theta []float32) error {
	name := WeightsFile
	if best {
		name = BestFile
	}
	c := &classifier.Classifier{Net: t.model, Theta: theta, Info: classifier.Info{
		Model: t.config.Model, Norm: t.config.Norm, Input: t.data.Train.Shape, Classes: t.data.Classes, Normalize: t.normalize,
	}}
	return classifier.Save(filepath.Join(dir, name), c, map[string]string{"sha256": digest(theta)})
}
