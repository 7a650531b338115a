package kernel

import "github.com/monge-ml/monge/internal/par"

// A convGeneral does any convolution, by way of a matrix whose rows are the
// input pixels (kh, kw, channel) that one output pixel sees, for one group and
// a few images at a time.
type convGeneral struct {
	Conv
	x, w, y []float32 // any of them can be the destination
	cols    []float32
	first   int // image
	images  int
	group   int
	scatter bool // what Do does
	buf     []float32
}

// maxCols bounds the matrix, in elements, unless a single image needs more.
const maxCols = 1 << 20

var convGenerals stash[convGeneral]

func (j *convGeneral) run(s *Conv, pass convPass, x, w, y []float32, add bool) {
	j.Conv, j.x, j.w, j.y = *s, x, w, y
	pixels := j.OutH() * j.OutW()
	k := j.KH * j.KW * (j.C / j.Groups)
	step := min(j.N, max(1, maxCols/(pixels*k)))
	j.cols = aligned(&j.buf, step*pixels*k)
	if pass == passData && !add {
		clear(j.x)
	}
	for j.first = 0; j.first < j.N; j.first += step {
		j.images = min(step, j.N-j.first)
		for j.group = range j.Groups {
			j.block(pass, pixels, k, add || j.first > 0)
		}
	}
	j.x, j.w, j.y, j.cols = nil, nil, nil, nil
	convGenerals.put(j)
}

func (j *convGeneral) block(pass convPass, pixels, k int, add bool) {
	rows, n := j.images*pixels, j.O/j.Groups
	y := j.y[j.first*pixels*j.O+j.group*n:]
	w := j.w[j.group*n:]
	if pass == passData {
		j.Precision.Gemm(false, true, rows, k, n, y, j.O, w, j.O, j.cols, k, false)
		j.scatter = true
		par.Run(j.images, j)
		return
	}
	j.scatter = false
	par.Run(j.images*j.OutH(), j)
	if pass == passForward {
		j.Precision.Gemm(false, false, rows, n, k, j.cols, k, w, j.O, y, j.O, false)
	} else {
		j.Precision.Gemm(true, false, k, n, rows, j.cols, k, y, j.O, w, j.O, add)
	}
}

// Do gathers output row i, or scatters image i.
func (j *convGeneral) Do(_, i int) {
	h := j.OutH()
	if !j.scatter {
		j.rowOf(i/h, i%h)
		return
	}
	for oh := range h {
		j.rowOf(i, oh)
	}
}

// rowOf moves what one row of the output sees from or to the input.
func (j *convGeneral) rowOf(image, oh int) {
	c := j.C / j.Groups
	w := j.OutW()
	cols := j.cols[(image*j.OutH()+oh)*w*j.KH*j.KW*c:]
	x := j.x[(j.first+image)*j.H*j.W*j.C:][:j.H*j.W*j.C]
	for ow := range w {
		for kh := range j.KH {
			ih := oh*j.Strides[0] + kh*j.Dilations[0] - j.Pads[0]
			for kw := range j.KW {
				iw := ow*j.Strides[1] + kw*j.Dilations[1] - j.Pads[1]
				col := cols[:c]
				cols = cols[c:]
				if ih < 0 || ih >= j.H || iw < 0 || iw >= j.W {
					if !j.scatter {
						clear(col)
					}
					continue
				}
				in := x[(ih*j.W+iw)*j.C+j.group*c:][:c]
				if !j.scatter {
					copy(col, in)
					continue
				}
				for i, v := range col {
					in[i] += v
				}
			}
		}
	}
}
