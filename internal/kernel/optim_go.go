package kernel

import "math"

func sgdGo(theta, g, buf []float32, c *sgdConsts) {
	for i, t := range theta {
		d := g[i]
		if c.flags&flagDecay != 0 {
			d += float32(c.decay * t)
		}
		if c.flags&flagMomentum != 0 {
			b := d
			if c.flags&flagOld != 0 {
				b = float32(c.momentum*buf[i]) + float32(c.damp*d)
			}
			buf[i] = b
			if c.flags&flagNesterov != 0 {
				b = d + float32(c.momentum*b)
			}
			d = b
		}
		theta[i] = t - float32(c.lr*d)
	}
}

func adamGo(theta, g, m, v []float32, c *adamConsts) {
	for i, t := range theta {
		d := g[i]
		if c.flags&flagDecay != 0 {
			d += float32(c.decay * t)
		}
		t = float32(t * c.keep)
		m[i] = float32(c.beta1*m[i]) + float32(c.rest1*d)
		v[i] = float32(c.beta2*v[i]) + float32(float32(c.rest2*d)*d)
		// The root of a float32 is the same when taken in float64 and rounded.
		root := float32(math.Sqrt(float64(v[i])))
		theta[i] = t - float32(float32(c.step*m[i])/(root/c.root+c.eps))
	}
}
