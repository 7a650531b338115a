package kernel

import (
	"fmt"

	"github.com/monge-ml/monge/internal/par"
)

// ConvBackwardWeightsEach is ConvBackwardWeights of each group of images that follow each other, of
// which there are n: dw are n gradients, one after the other.
func ConvBackwardWeightsEach(s *Conv, dw, x, dy []float32, n int) {
	if n < 1 || s.N%n != 0 || len(dw)%n != 0 {
		panic(fmt.Sprintf("kernel: ConvBackwardWeightsEach: %d images and %d elements for %d gradients", s.N, len(dw), n))
	}
	j := convEachs.get()
	j.Conv, j.dw, j.x, j.dy, j.n = *s, dw, x, dy, n
	j.N /= n
	par.Run(n, j)
	j.dw, j.x, j.dy = nil, nil, nil
	convEachs.put(j)
}

// A convEach is done one gradient a piece: an image is too little for more than one processor.
type convEach struct {
	Conv
	dw, x, dy []float32
	n         int
}

var convEachs stash[convEach]

// Do does gradient i.
func (j *convEach) Do(_, i int) {
	s := j.Conv
	of := func(x []float32) []float32 {
		one := len(x) / j.n
		return x[i*one : (i+1)*one]
	}
	ConvBackwardWeights(&s, of(j.dw), of(j.x), of(j.dy), false)
}
