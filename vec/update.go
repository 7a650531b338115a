package vec

import "math"

// SGDParams are the settings of one step of [SGD].
type SGDParams struct {
	LR, Momentum, Dampening, WeightDecay float64
	Nesterov                             bool
	First                                bool // the first step: the buffer starts as the gradient
}

// SGD makes one step of stochastic gradient descent in place, fused into one pass:
//
//	d     = g + WeightDecay·theta
//	buf   = d at the first step, else Momentum·buf + (1-Dampening)·d
//	theta = theta - LR·(d + Momentum·buf with Nesterov, else buf)
//
// buf is nil when Momentum is 0 (then theta -= LR·d).
func SGD[F Float](theta, g, buf []F, p SGDParams) {
	sameLen("SGD", len(theta), len(g))
	if p.Momentum != 0 {
		sameLen("SGD", len(theta), len(buf))
	}
	if t32, ok := any(theta).([]float32); ok {
		sgd32(t32, any(g).([]float32), any(buf).([]float32), p)
		return
	}
	lr, mu, keep, wd := F(p.LR), F(p.Momentum), F(1-p.Dampening), F(p.WeightDecay)
	for i, d := range g {
		d += wd * theta[i]
		if mu != 0 {
			b := d
			if !p.First {
				b = mu*buf[i] + keep*d
			}
			buf[i] = b
			if p.Nesterov {
				d += mu * b
			} else {
				d = b
			}
		}
		theta[i] -= lr * d
	}
}

// AdamParams are the settings of one step of [Adam]. Step counts from 1.
type AdamParams struct {
	LR, Beta1, Beta2, Eps, WeightDecay float64
	Decoupled                          bool // AdamW: decay theta itself, not through the gradient
	Step                               int
}

// Adam makes one step of Adam (Kingma and Ba 2015) or, with Decoupled, AdamW
// (Loshchilov and Hutter 2019) in place, fused into one pass over theta, the gradient
// and both moments.
func Adam[F Float](theta, g, m, v []F, p AdamParams) {
	sameLen("Adam", len(theta), len(g))
	sameLen("Adam", len(theta), len(m))
	sameLen("Adam", len(theta), len(v))
	c1 := 1 - math.Pow(p.Beta1, float64(p.Step))
	c2 := math.Sqrt(1 - math.Pow(p.Beta2, float64(p.Step)))
	if t32, ok := any(theta).([]float32); ok {
		adam32(t32, any(g).([]float32), any(m).([]float32), any(v).([]float32), p, c1, c2)
		return
	}
	rate, shrink := F(p.LR/c1), F(1-p.LR*p.WeightDecay)
	b1, b2, eps, wd := F(p.Beta1), F(p.Beta2), F(p.Eps), F(p.WeightDecay)
	k1, k2, root := F(1-p.Beta1), F(1-p.Beta2), F(c2)
	for i, d := range g {
		if p.Decoupled {
			theta[i] *= shrink
		} else {
			d += wd * theta[i]
		}
		m[i] = b1*m[i] + k1*d
		v[i] = b2*v[i] + k2*d*d
		theta[i] -= rate * m[i] / (F(math.Sqrt(float64(v[i])))/root + eps)
	}
}

// RMSpropParams are the settings of one step of [RMSprop].
type RMSpropParams struct {
	LR, Alpha, Eps, WeightDecay, Momentum float64
	Centered                              bool
}

// RMSprop makes one step of RMSprop in place, as PyTorch defines it (eps outside the
// root). mean is nil unless Centered, buf is nil when Momentum is 0.
func RMSprop[F Float](theta, g, v, mean, buf []F, p RMSpropParams) {
	sameLen("RMSprop", len(theta), len(g))
	sameLen("RMSprop", len(theta), len(v))
	lr, a, keep, eps, wd, mu := F(p.LR), F(p.Alpha), F(1-p.Alpha), F(p.Eps), F(p.WeightDecay), F(p.Momentum)
	for i, d := range g {
		d += wd * theta[i]
		v[i] = a*v[i] + keep*d*d
		avg := v[i]
		if p.Centered {
			mean[i] = a*mean[i] + keep*d
			avg -= mean[i] * mean[i]
		}
		step := d / (F(math.Sqrt(float64(max(avg, 0)))) + eps)
		if mu != 0 {
			buf[i] = mu*buf[i] + step
			step = buf[i]
		}
		theta[i] -= lr * step
	}
}

// LionParams are the settings of one step of [Lion].
type LionParams struct{ LR, Beta1, Beta2, WeightDecay float64 }

// Lion makes one step of Lion (Chen et al. 2023) in place: the sign of an interpolated
// momentum, with decoupled weight decay.
func Lion[F Float](theta, g, m []F, p LionParams) {
	sameLen("Lion", len(theta), len(g))
	sameLen("Lion", len(theta), len(m))
	lr, b1, k1 := F(p.LR), F(p.Beta1), F(1-p.Beta1)
	b2, k2, shrink := F(p.Beta2), F(1-p.Beta2), F(1-p.LR*p.WeightDecay)
	for i, d := range g {
		c := b1*m[i] + k1*d
		t := shrink * theta[i]
		switch {
		case c > 0:
			t -= lr
		case c < 0:
			t += lr
		}
		theta[i] = t
		m[i] = b2*m[i] + k2*d
	}
}
