package align

import (
	"context"
	"fmt"

	"gonum.org/v1/gonum/mat"
)

// A Map is the embeddings of n pairs in the plane.
type Map struct {
	Images, Texts [][2]float64 // n of each; neither unit nor direction means anything
	Removed       []float64    // shares of the variance that the removed components had
	KL            float64      // what the layout could not show, in nats; see [TSNE.Layout]
}

// NewMap draws the map of the paper's figure 7: the rows of images and of texts in one
// set, their first remove principal components taken out ([RemoveComponents]; the first
// is the modality), and what is left laid out by t-SNE. The two must agree in number and
// dimension, and have [MaxPoints] rows at most together.
func NewMap(ctx context.Context, images, texts *Embeddings, remove int, t TSNE) (*Map, error) {
	if err := samePairs(images, texts, true); err != nil {
		return nil, err
	}
	n, d := images.n, images.d
	if 2*n > MaxPoints {
		return nil, fmt.Errorf("%d pairs are over the limit of %d: draw a part of them", n, MaxPoints/2)
	}
	x := make([]float64, 0, 2*n*d)
	for _, e := range []*Embeddings{images, texts} {
		for _, v := range e.rows[:n*d] {
			x = append(x, float64(v))
		}
	}
	if err := t.check(x, 2*n, d); err != nil {
		return nil, err
	}
	removed, err := RemoveComponents(x, 2*n, d, remove)
	if err != nil {
		return nil, err
	}
	if varies(x, 2*n, d) < leastVariance {
		return nil, fmt.Errorf("nothing is left to draw without the first %d components: the embeddings have collapsed", remove)
	}
	at, kl, err := t.Layout(ctx, x, 2*n, d)
	if err != nil {
		return nil, err
	}
	return &Map{at[:n], at[n:], removed, kl}, nil
}

// leastVariance is what rounding to float32 may leave of rows that are the same.
const leastVariance = 1e-12

// varies returns the mean squared distance of the rows from their mean.
func varies(x []float64, n, d int) float64 {
	norm := mat.Norm(centred(x, n, d), 2)
	return norm * norm / float64(n)
}

// Pick returns the rows of the given indices, from 0 to n-1, in their order.
func (e *Embeddings) Pick(rows []int) (*Embeddings, error) {
	if len(rows) == 0 {
		return nil, fmt.Errorf("no row is picked; there are 0 to %d", e.n-1)
	}
	p := &Embeddings{n: len(rows), d: e.d, rows: make([]float32, padded(len(rows))*e.d)}
	for at, i := range rows {
		if i < 0 || i >= e.n {
			return nil, fmt.Errorf("there is no row %d; there are 0 to %d", i, e.n-1)
		}
		copy(p.rows[at*e.d:], e.rows[i*e.d:][:e.d])
	}
	return p, nil
}
