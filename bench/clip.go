package bench

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/monge-ml/monge/clip"
	"github.com/monge-ml/monge/nn/models"
	"github.com/monge-ml/monge/sam"
)

// clips are the CLIP models by name.
var clips = maps.Clone(clip.Shapes)

// ModelNames returns the names of the models whose steps can be measured.
func ModelNames() []string {
	return append(models.Names(), slices.Sorted(maps.Keys(clips))...)
}

// pairs is the contrastive loss of a CLIP model on a batch.
type pairs struct {
	model *clip.Model
	batch clip.Batch
	chunk int // pairs at a time; 0 means all
}

func (p pairs) Gradient(grad, theta []float32, c sam.Call) (float64, error) {
	batch := p.batch.First(c.Examples(len(p.batch.Tokens), 2))
	if p.chunk > 0 {
		return p.model.GradientInChunks(batch, p.chunk, grad, theta, c)
	}
	return p.model.Gradient(batch, grad, theta, c)
}

// newPairs returns the loss of a CLIP model on random images and texts of full length.
func newPairs(c clip.Config, w Workload) (*minibatch, error) {
	m, err := clip.New(c)
	if err != nil {
		return nil, err
	}
	m.SetDirectConv(w.Direct)
	m.SetPrecision(w.Ascent, w.Descent)
	image := c.Vision.Size * c.Vision.Size * c.Vision.Channels
	if err := checkBatch(w.Batch, image); err != nil {
		return nil, err
	}
	if w.Microbatch < 0 {
		return nil, fmt.Errorf("microbatches of %d pairs; there must be at least 1, or 0 for the whole batch at once", w.Microbatch)
	}
	p := pairs{m, clip.Batch{Images: random(w.Batch * image)}, w.Microbatch}
	for range w.Batch {
		p.batch.Tokens = append(p.batch.Tokens, ids(c.Text.Length, c.Text.Vocabulary, len(p.batch.Tokens)))
	}
	theta := make([]float32, m.Size())
	m.Init(theta, 1)
	flops, err := m.FLOPs(theta)
	if err != nil {
		return nil, err
	}
	return &minibatch{p, m, m.Tape(), theta, w.Batch * flops, m.Norms()}, nil
}

// ids returns n random tokens of a vocabulary, without its token 0.
func ids(n, vocabulary, seed int) []int {
	rng := rand.New(rand.NewPCG(2, uint64(seed)))
	x := make([]int, n)
	for i := range x {
		x[i] = 1 + rng.IntN(vocabulary-1)
	}
	return x
}
