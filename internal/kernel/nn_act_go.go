package kernel

import "math"

// The twins of the activations, rounded operation by operation like the
// assembly. exp is Cephes's expf; tanh and erf are the rational functions of
// Eigen, good to a few units in the last place.

// expGo is exp(x), 0 below x = -87, and no more than exp(88.37).
func expGo(x float32) float32 {
	const (
		magic   = 3 << 22    // x + magic has x's nearest integer in its last bits
		oneBits = 0x3f800000 // of 1, whose exponent becomes that integer
	)
	v := clampGo(x, -87, 88.37)
	t := float32(v*float32(math.Log2E)) + magic
	n := t - magic
	r := v - float32(n*0.693359375)
	r -= float32(n * -2.12194440e-4)
	p := polyGo(r, 1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)
	p = float32(float32(r*r)*p) + r + 1
	p *= math.Float32frombits(math.Float32bits(t)<<23 + oneBits)
	if x < -87 {
		p = 0
	}
	return p
}

func clampGo(x, lo, hi float32) float32 {
	if lo > x {
		x = lo
	}
	if hi < x {
		x = hi
	}
	return x
}

func polyGo(z float32, c ...float32) float32 {
	p := c[0]
	for _, a := range c[1:] {
		p = float32(p*z) + a
	}
	return p
}

func sigmoidGo(x float32) float32 { return 1 / (1 + expGo(0-x)) }

func tanhGo(x float32) float32 {
	v := clampGo(x, -7.90531110763549805, 7.90531110763549805)
	z := v * v
	p := polyGo(z, -2.76076847742355e-16, 2.00018790482477e-13, -8.60467152213735e-11, 5.12229709037114e-08,
		1.48572235717979e-05, 6.37261928875436e-04, 4.89352455891786e-03)
	q := polyGo(z, 1.19825839466702e-06, 1.18534705686654e-04, 2.26843463243900e-03, 4.89352518554385e-03)
	return float32(p*v) / q
}

func erfGo(x float32) float32 {
	v := clampGo(x, -4, 4)
	z := v * v
	p := polyGo(z, -2.72614225801306e-10, 2.77068142495902e-08, -2.10102402082508e-06, -5.69250639462346e-05,
		-7.34990630326855e-04, -2.95459980854025e-03, -1.60960333262415e-02)
	q := polyGo(z, -1.45660718464996e-05, -2.13374055278905e-04, -1.68282697438203e-03, -7.37332916720468e-03, -1.42647390514189e-02)
	return float32(p*v) / q
}

func normalGo(x float32) float32 { return .5 * (1 + erfGo(float32(x*float32(math.Sqrt2/2)))) }

func siluGo(x float32) float32 { return x * sigmoidGo(x) }

const quickScale = 1.702

func quickGELUGo(x float32) float32 { return x * sigmoidGo(float32(quickScale*x)) }

func quickGELUSlope(x float32) float32 {
	u := quickScale * x
	p := sigmoidGo(u)
	return p * (1 + float32(u*(1-p)))
}

func geluGo(x float32) float32 { return x * normalGo(x) }

const geluScale, geluCube = 0.7978845608028654, 0.044715

func geluInner(x float32) (t, sq float32) {
	sq = x * x
	u := x + float32(geluCube*float32(sq*x))
	return tanhGo(float32(geluScale * u)), sq
}

func geluTanhGo(x float32) float32 {
	t, _ := geluInner(x)
	return float32(.5*x) * (1 + t)
}

func sigmoidSlope(y float32) float32 { return y * (1 - y) }
func tanhSlope(y float32) float32    { return 1 - float32(y*y) }

func siluSlope(x float32) float32 {
	p := sigmoidGo(x)
	return p * (1 + float32(x*(1-p)))
}

func geluSlope(x float32) float32 {
	density := 0.3989422804014327 * expGo(float32(-.5*float32(x*x)))
	return normalGo(x) + float32(x*float32(density))
}

func geluTanhSlope(x float32) float32 {
	t, sq := geluInner(x)
	inner := geluScale * (1 + float32(3*geluCube*sq))
	outer := float32(.5*x) * float32((1-float32(t*t))*float32(inner))
	return float32(.5*(1+t)) + float32(outer)
}
