package kernel

// Flags of the optimizer kernels; the assembly knows them by value.
const (
	flagDecay    = 1 << iota // add decay*theta to the gradient
	flagMomentum             // keep a momentum buffer
	flagOld                  // the buffer has a value already
	flagNesterov
)

type sgdConsts struct {
	lr, momentum, damp, decay float32 // damp is 1 - dampening
	flags                     int
}

// SGD makes a step like torch.optim.SGD:
//
//	d     = g + weightDecay*theta
//	buf   = d on the first step, then momentum*buf + (1-dampening)*d
//	d     = d + momentum*buf with nesterov, else buf
//	theta = theta - lr*d
//
// Without momentum buf is not used and may be nil.
func SGD(theta, g, buf []float32, lr, momentum, dampening, weightDecay float32, nesterov, first bool) {
	sameLen("SGD", len(theta), len(g))
	c := sgdConsts{lr: lr, momentum: momentum, damp: 1 - dampening, decay: weightDecay}
	if weightDecay != 0 {
		c.flags |= flagDecay
	}
	if momentum != 0 {
		sameLen("SGD", len(theta), len(buf))
		c.flags |= flagMomentum
		if !first {
			c.flags |= flagOld
		}
		if nesterov {
			c.flags |= flagNesterov
		}
	} else {
		buf = g // a valid slice that is not touched
	}
	if len(theta) < long {
		sgd(theta, g, buf, &c)
		return
	}
	j := newVecJob(func(j *vecJob, _, lo, hi int) {
		sgd(j.dst[lo:hi], j.x[lo:hi], j.y[lo:hi], &j.sgd)
	}, len(theta), chunk)
	j.dst, j.x, j.y, j.sgd = theta, g, buf, c
	j.run()
}

func sgd(theta, g, buf []float32, c *sgdConsts) {
	f := ops().sgd
	n := whole(len(theta), f != nil)
	if n > 0 {
		f(&theta[0], &g[0], &buf[0], n, c.lr, c.momentum, c.damp, c.decay, c.flags)
	}
	sgdGo(theta[n:], g[n:], buf[n:], c)
}

// AdamParams are the settings of one step of Adam. They are float64 because
// 1-Beta2 loses three digits if Beta2 is rounded first.
type AdamParams struct {
	LR, Beta1, Beta2, Eps float64
	WeightDecay           float64
	Decoupled             bool    // weight decay as in AdamW
	BC1, BC2Sqrt          float64 // 1-Beta1^t and sqrt(1-Beta2^t) at step t = 1, 2, ...
}

type adamConsts struct {
	beta1, rest1, beta2, rest2 float32 // rest is 1 - beta
	root, eps, step            float32 // BC2Sqrt, Eps, LR/BC1
	keep, decay                float32 // theta is scaled by keep; decay*theta joins the gradient
	flags                      int
}

func (p *AdamParams) consts() adamConsts {
	c := adamConsts{
		beta1: float32(p.Beta1), rest1: float32(1 - p.Beta1),
		beta2: float32(p.Beta2), rest2: float32(1 - p.Beta2),
		root: float32(p.BC2Sqrt), eps: float32(p.Eps), step: float32(p.LR / p.BC1),
		keep: 1,
	}
	if p.Decoupled {
		c.keep = float32(1 - p.LR*p.WeightDecay)
	} else if p.WeightDecay != 0 {
		c.decay = float32(p.WeightDecay)
		c.flags = flagDecay
	}
	return c
}

// Adam makes a step like torch.optim.Adam, or AdamW if p.Decoupled:
//
//	g     = g + WeightDecay*theta, or theta = theta*(1 - LR*WeightDecay)
//	m     = Beta1*m + (1-Beta1)*g
//	v     = Beta2*v + (1-Beta2)*g*g
//	theta = theta - LR/BC1 * m / (sqrt(v)/BC2Sqrt + Eps)
func Adam(theta, g, m, v []float32, p AdamParams) {
	sameLen("Adam", len(theta), len(g), len(m), len(v))
	c := p.consts()
	if len(theta) < long {
		adam(theta, g, m, v, &c)
		return
	}
	j := newVecJob(func(j *vecJob, _, lo, hi int) {
		adam(j.dst[lo:hi], j.x[lo:hi], j.y[lo:hi], j.z[lo:hi], &j.adam)
	}, len(theta), chunk)
	j.dst, j.x, j.y, j.z, j.adam = theta, g, m, v, c
	j.run()
}

func adam(theta, g, m, v []float32, c *adamConsts) {
	f := ops().adam
	n := whole(len(theta), f != nil)
	if n > 0 {
		f(&theta[0], &g[0], &m[0], &v[0], n, c.beta1, c.rest1, c.beta2, c.rest2,
			c.root, c.eps, c.step, c.keep, c.decay, c.flags)
	}
	adamGo(theta[n:], g[n:], m[n:], v[n:], c)
}
