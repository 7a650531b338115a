package sam

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/monge-ml/monge/vec"
)

// sparse is Sparse SAM's direction: the gradient where a mask is set, as long as the whole gradient allows. The mask is of the
// largest diagonal entries of the empirical Fisher, the mean of squared gradients since it was made last; it is
// made of the first gradient, and anew every so many steps. (The authors square gradients of single examples.)
type sparse[F vec.Float] struct {
	share float64 // that the mask leaves out
	every int
	mask  []bool
	sum   []F // of squared gradients
	order []F // that choose puts in another order
	seen  int // gradients since the first
	size  float64
	of    int // parameters that the ascent is of
}

func (s *sparse[F]) Attach(v *Sight[F]) error { s.of = v.Size(); return nil }

func (s *sparse[F]) Size() float64 { return s.size }

func (s *sparse[F]) Direct(d, _, g []F) error {
	s.size = vec.Norm(g)
	mask := s.mask
	if s.seen == 0 { // what Keep will make of this gradient
		mask = make([]bool, len(g))
		squares := make([]F, len(g))
		addSquares(squares, g)
		s.choose(mask, squares)
	}
	for i, on := range mask {
		d[i] = 0
		if on {
			d[i] = g[i]
		}
	}
	return nil
}

func addSquares[F vec.Float](sum, g []F) {
	for i, v := range g {
		sum[i] += v * v
	}
}

func (s *sparse[F]) Keep(ascent, _ []F) {
	if ascent == nil {
		return
	}
	addSquares(s.sum, ascent)
	if s.seen%s.every == 0 {
		s.choose(s.mask, s.sum)
		clear(s.sum)
	}
	s.seen++
}

// choose sets a mask of the largest entries, of those alike the first.
func (s *sparse[F]) choose(mask []bool, of []F) {
	most := s.of - int(s.share*float64(s.of))
	s.order = append(s.order[:0], of...)
	limit := nth(s.order, most)
	above := 0
	for i, v := range of {
		if mask[i] = v > limit; mask[i] {
			above++
		}
	}
	for i, v := range of {
		if v == limit && above < most {
			mask[i] = true
			above++
		}
	}
}

// nth returns the n-th largest of numbers, which it puts in another order.
func nth[F vec.Float](x []F, n int) F {
	if n <= 0 {
		return F(math.Inf(1))
	}
	lo, hi := 0, len(x)
	for hi-lo > 1 {
		pivot := x[lo+(hi-lo)/2]
		i, j, k := lo, lo, hi // above the pivot before i, equal before j, below from k
		for j < k {
			switch v := x[j]; {
			case v > pivot:
				x[i], x[j] = x[j], x[i]
				i, j = i+1, j+1
			case v < pivot:
				k--
				x[j], x[k] = x[k], x[j]
			default:
				j++
			}
		}
		switch {
		case n <= i:
			hi = i
		case n <= j:
			return pivot
		default:
			lo = j
		}
	}
	return x[lo]
}

// MarshalBinary exports the mask and what the next is made of.
func (s *sparse[F]) MarshalBinary() ([]byte, error) {
	b := binary.LittleEndian.AppendUint64(nil, uint64(s.seen))
	b, err := binary.Append(b, binary.LittleEndian, s.mask)
	if err != nil {
		return nil, err
	}
	return binary.Append(b, binary.LittleEndian, s.sum)
}

// UnmarshalBinary restores them; on an error nothing has changed.
func (s *sparse[F]) UnmarshalBinary(b []byte) error {
	if want := 8 + len(s.mask) + binary.Size(s.sum); len(b) != want {
		return fmt.Errorf("a sparse mask has %d bytes, want %d", len(b), want)
	}
	seen := binary.LittleEndian.Uint64(b)
	if seen > math.MaxInt32 {
		return fmt.Errorf("a sparse mask of %d steps", seen)
	}
	s.seen = int(seen)
	b = b[8:]
	for i := range s.mask {
		s.mask[i] = b[i] != 0
	}
	_, err := binary.Decode(b[len(s.mask):], binary.LittleEndian, s.sum)
	return err
}

var sparseDirection = Choice{
	Name: "sparse", Info: "the gradient where the diagonal of the empirical Fisher is large, of the whole gradient's length",
	Numbers: []Number{
		{Name: "sparsity", Help: "share of the parameters that are not perturbed", Default: .5},
		{Name: "mask-every", Help: "steps after which the mask is made anew", Default: 100},
	},
	kind: keepsKind, set32: setSparse[float32], set64: setSparse[float64],
}

func setSparse[F vec.Float](s *Settings[F], p Params) error {
	share := p.Own["sparsity"]
	if !(share >= 0 && share < 1) {
		return fmt.Errorf("sparsity is %g; it must be at least 0 and below 1", share)
	}
	every, err := count("mask-every", p.Own["mask-every"], mostSteps)
	s.Direction = func(n int) Direction[F] {
		return &sparse[F]{share: share, every: every, mask: make([]bool, n), sum: make([]F, n)}
	}
	return err
}

var sparseSAM = preset(Method{
	Name: "sparse-sam", Label: "Sparse SAM", Info: "Sparse SAM: on the parameters of the largest Fisher information alone (Mi et al. 2022, arXiv 2210.05177)",
	Direction: sparseDirection.Name,
	Look:      Look{Ink: 4, Width: 1.8, Dashes: []float64{1, 2}, Mark: "diamond", Radius: 3},
})
