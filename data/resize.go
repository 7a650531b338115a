package data

import "math"

// resize is Pillow's bilinear resizing (src/libImaging/Resample.c), to the bit: a
// triangle as wide as the step between pixels where images shrink, which is what
// antialiasing means; first rows, then columns, each rounded to bytes.
func (p bitmap) resize(w, h int) bitmap {
	if w != p.w {
		p = p.resizeRows(w)
	}
	if h != p.h {
		p = p.resizeColumns(h)
	}
	return p
}

// weightBits is the number of bits of a weight's fraction.
const weightBits = 32 - 8 - 2

// A window is the pixels that make up one of the result: from the first on, with their
// weights.
type window struct {
	first   int
	weights []int
}

// windows returns those of out pixels made of in.
func windows(in, out int) []window {
	scale := float64(in) / float64(out)
	support := max(scale, 1)
	all := make([]window, out)
	for i := range all {
		centre := (float64(i) + .5) * scale
		first := max(int(centre-support+.5), 0)
		end := min(int(centre+support+.5), in)
		weights, sum := make([]float64, end-first), 0.
		for k := range weights {
			x := (float64(k+first) - centre + .5) * (1 / support)
			weights[k] = max(1-math.Abs(x), 0)
			sum += weights[k]
		}
		all[i] = window{first, make([]int, len(weights))}
		for k, v := range weights {
			if sum != 0 {
				v /= sum
			}
			all[i].weights[k] = int(.5 + v*(1<<weightBits))
		}
	}
	return all
}

func (p bitmap) resizeRows(w int) bitmap {
	out := bitmap{w, p.h, make([]uint8, 3*w*p.h)}
	all := windows(p.w, w)
	for y := range p.h {
		row := p.rgb[3*y*p.w : 3*(y+1)*p.w]
		for x, win := range all {
			weigh(out.rgb[3*(y*w+x):], row[3*win.first:], 3, win.weights)
		}
	}
	return out
}

func (p bitmap) resizeColumns(h int) bitmap {
	out := bitmap{p.w, h, make([]uint8, 3*p.w*h)}
	for y, win := range windows(p.h, h) {
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
