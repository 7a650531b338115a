package picture

import "math"

// resize is Pillow's resizing (src/libImaging/Resample.c), to the bit: where images shrink
// the filter is as wide as the step between pixels, which is what antialiasing means;
// first rows, then columns, each rounded to bytes.
func (p bitmap) resize(w, h int, f filter) bitmap {
	if w != p.w {
		p = p.resizeRows(w, f)
	}
	if h != p.h {
		p = p.resizeColumns(h, f)
	}
	return p
}

// A filter weighs pixels by their distance, which is less than reach.
type filter struct {
	reach float64
	at    func(distance float64) float64
}

var bilinear = filter{1, func(x float64) float64 { return max(1-x, 0) }}

// bicubic is Keys's cubic convolution with a = -1/2.
var bicubic = filter{2, func(x float64) float64 {
	const a = -.5
	switch {
	case x < 1:
		return ((a+2)*x-(a+3))*x*x + 1
	case x < 2:
		return (((x-5)*x+8)*x - 4) * a
	}
	return 0
}}

// weightBits is the number of bits of a weight's fraction.
const weightBits = 32 - 8 - 2

// A window is the pixels that make up one of the result: from the first on, with their
// weights.
type window struct {
	first   int
	weights []int
}

// windows returns those of out pixels made of in.
func windows(in, out int, f filter) []window {
	scale := float64(in) / float64(out)
	stretch := max(scale, 1)
	support := f.reach * stretch
	all := make([]window, out)
	for i := range all {
		centre := (float64(i) + .5) * scale
		first := max(int(centre-support+.5), 0)
		end := min(int(centre+support+.5), in)
		weights, sum := make([]float64, end-first), 0.
		for k := range weights {
			x := (float64(k+first) - centre + .5) * (1 / stretch)
			weights[k] = f.at(math.Abs(x))
			sum += weights[k]
		}
		all[i] = window{first, make([]int, len(weights))}
		for k, v := range weights {
			if sum != 0 {
				v /= sum
			}
			all[i].weights[k] = int(math.Copysign(.5, v) + v*(1<<weightBits))
		}
	}
	return all
}

func (p bitmap) resizeRows(w int, f filter) bitmap {
	out := bitmap{w, p.h, make([]uint8, 3*w*p.h)}
	all := windows(p.w, w, f)
	for y := range p.h {
		row := p.rgb[3*y*p.w : 3*(y+1)*p.w]
		for x, win := range all {
			weigh(out.rgb[3*(y*w+x):], row[3*win.first:], 3, win.weights)
		}
	}
	return out
}

func (p bitmap) resizeColumns(h int, f filter) bitmap {
	out := bitmap{p.w, h, make([]uint8, 3*p.w*h)}
	for y, win := range windows(p.h, h, f) {
		for x := range p.w {
			weigh(out.rgb[3*(y*p.w+x):], p.rgb[3*(win.first*p.w+x):], 3*p.w, win.weights)
		}
	}
	return out
}

// weigh writes the weighted sum of pixels that lie stride apart.
func weigh(dst, src []uint8, stride int, weights []int) {
	r, g, b := 1<<(weightBits-1), 1<<(weightBits-1), 1<<(weightBits-1)
	for i, w := range weights {
		px := src[i*stride : i*stride+3]
		r += int(px[0]) * w
		g += int(px[1]) * w
		b += int(px[2]) * w
	}
	dst[0], dst[1], dst[2] = clamp(r>>weightBits), clamp(g>>weightBits), clamp(b>>weightBits)
}
