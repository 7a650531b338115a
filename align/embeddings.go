// Package align measures how far the embeddings of two encoders, of images and of their
// captions say, agree: by the neighbourhoods that each has by itself ([MutualKNN]), by
// finding each other's partner ([Retrieval]), by how far apart the two lie
// ([ModalityGap]), and by whether anything is left to tell apart ([Spread], [Collapsed]).
// They are the measures of section 4.2 of the M-SAM paper (arXiv 2502.08448) and those
// that are needed to read them; [NewMap] makes its figure 7.
//
// All similarities are cosines. They are computed in tiles, never held as a whole, and
// results are the same bits whatever the number of threads.
package align

import (
	"fmt"
	"math"

	"github.com/monge-ml/monge/internal/kernel"
)

// Embeddings are n rows of d numbers, each of length 1: what one encoder makes of n
// inputs. Row i of one encoder and row i of another are a pair. They are not changed once
// made, and safe for concurrent use.
type Embeddings struct {
	n, d int
	rows []float32 // n x d, and zeros up to a whole number of blocks
}

// block is the number of rows on each side of a tile of similarities. Every tile is a
// product of the same shape, so that a similarity's bits follow from its two rows alone
// and the similarities of equal rows are equal.
const block = 256

// NewEmbeddings returns the n x d embeddings in x, row-major, each row divided by its
// length. x is copied. A row that is not finite or has no direction, being zero, is an
// error that says which, counted from 0.
func NewEmbeddings(x []float32, n, d int) (*Embeddings, error) {
	if n < 1 || d < 1 || len(x)/d != n || len(x)%d != 0 {
		return nil, fmt.Errorf("%d numbers are no %d x %d embeddings; there must be n*d, and at least one", len(x), n, d)
	}
	e := &Embeddings{n: n, d: d, rows: make([]float32, padded(n)*d)}
	for i := range n {
		if err := normalize(e.rows[i*d:(i+1)*d], x[i*d:(i+1)*d]); err != nil {
			return nil, fmt.Errorf("row %d (of 0 to %d) %w", i, n-1, err)
		}
	}
	return e, nil
}

// padded is n rounded up to a whole number of blocks.
func padded(n int) int { return (n + block - 1) / block * block }

// normalize writes row / |row|.
func normalize(dst, row []float32) error {
	squares := 0.
	for j, v := range row {
		v := float64(v)
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("has %v in column %d: the encoder's weights or its input are broken, or drop the pair", v, j)
		}
		squares += v * v
	}
	if squares == 0 {
		return fmt.Errorf("is zero and has no direction: drop the pair, or look for what the encoder was given")
	}
	length := math.Sqrt(squares)
	for j, v := range row {
		dst[j] = float32(float64(v) / length)
	}
	return nil
}

// Len returns n, the number of rows.
func (e *Embeddings) Len() int { return e.n }

// Dim returns d, the numbers of a row.
func (e *Embeddings) Dim() int { return e.d }

func (e *Embeddings) blocks() int { return len(e.rows) / (block * e.d) }

// rowsOf returns the number of rows in block i: the last may have fewer than others.
func (e *Embeddings) rowsOf(i int) int { return min(block, e.n-i*block) }

// tile writes the cosine similarities of the rows in block i with those of other in block
// j, block x block; rows beyond the last have similarity 0.
func (e *Embeddings) tile(sims []float32, i int, other *Embeddings, j int) {
	size := block * e.d
	kernel.Gemm(false, true, block, block, e.d, e.rows[i*size:], e.d, other.rows[j*size:], e.d, sims, block, false)
}

// samePairs checks that the rows of two sets are pairs, and with sameDim that their
// similarities exist.
func samePairs(a, b *Embeddings, sameDim bool) error {
	if a.n != b.n {
		return fmt.Errorf("%d and %d embeddings are no pairs; give both of the same inputs, in the same order", a.n, b.n)
	}
	if sameDim && a.d != b.d {
		return fmt.Errorf("embeddings of %d and %d numbers have no similarity; give both as they are after projection to the common space", a.d, b.d)
	}
	return nil
}
