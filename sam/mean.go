package sam

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/monge-ml/monge/vec"
)

// kept is a vector that a choice keeps from step to step, and whether there is one yet.
type kept[F vec.Float] struct {
	begun bool
	v     []F
}

// MarshalBinary exports it.
func (k *kept[F]) MarshalBinary() ([]byte, error) {
	begun := byte(0)
	if k.begun {
		begun = 1
	}
	return binary.Append([]byte{begun}, binary.LittleEndian, k.v)
}

// UnmarshalBinary restores it; on an error nothing has changed.
func (k *kept[F]) UnmarshalBinary(b []byte) error {
	if len(b) != 1+binary.Size(k.v) || b[0] > 1 {
		return fmt.Errorf("what a method keeps has %d bytes, want %d", len(b), 1+binary.Size(k.v))
	}
	k.begun = b[0] == 1
	_, err := binary.Decode(b[1:], binary.LittleEndian, k.v)
	return err
}

// mix sets the vector to share of itself and more of x.
func (k *kept[F]) mix(share, more float64, x []F) {
	vec.Scale(k.v, share, k.v)
	vec.AddScaled(k.v, k.v, more, x)
	k.begun = true
}

// checkShare returns an error for a number that is no share.
func checkShare(name string, v float64) error {
	if !(v >= 0 && v <= 1) {
		return fmt.Errorf("%s is %g; it must be from 0 to 1", name, v)
	}
	return nil
}

func checkFinite(name string, v float64) error {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return fmt.Errorf("%s is %g; it must be a finite number", name, v)
	}
	return nil
}

// runningMean is VaSSO's direction: d = (1 - theta) d + theta g, from 0. A plain step leaves it as it is.
type runningMean[F vec.Float] struct {
	kept[F]
	theta float64
}

func (m *runningMean[F]) Direct(d, _, g []F) error {
	vec.Scale(d, 1-m.theta, m.v)
	vec.AddScaled(d, d, m.theta, g)
	return nil
}

func (m *runningMean[F]) Keep(ascent, _ []F) {
	if ascent != nil {
		m.mix(1-m.theta, m.theta, ascent)
	}
}

var meanDirection = Choice{
	Name: "running-mean", Info: "a running mean of gradients, from 0",
	Numbers: []Number{{Name: "theta", Help: "share of the minibatch's gradient in the running mean", Default: .4}},
	kind:    keepsKind, set32: setMean[float32], set64: setMean[float64],
}

func setMean[F vec.Float](s *Settings[F], p Params) error {
	theta := p.Own["theta"]
	s.Direction = func(n int) Direction[F] { return &runningMean[F]{kept[F]{v: make([]F, n)}, theta} }
	return checkShare("theta", theta)
}

var vasso = preset(Method{
	Name: "vasso", Label: "VaSSO", Info: "VaSSO: along a running mean of gradients, which noise moves less (Li and Giannakis 2023, arXiv 2309.15639)",
	Direction: meanDirection.Name,
	Look:      Look{Ink: 4, Width: 1.8, Dashes: []float64{4, 2}, Mark: "circle", Radius: 3},
})

// friendly is Friendly SAM's direction: d = g - sigma m, the part of the gradient that is the minibatch's own, with m the
// running mean of the gradients before: m = lambda m + (1 - lambda) g, from the first gradient, along which the first step goes.
type friendly[F vec.Float] struct {
	kept[F]
	sigma, lambda float64
}

func (f *friendly[F]) Direct(d, _, g []F) error {
	if !f.begun {
		copy(d, g)
		return nil
	}
	vec.AddScaled(d, g, -f.sigma, f.v)
	return nil
}

func (f *friendly[F]) Keep(ascent, _ []F) {
	switch {
	case ascent == nil:
	case f.begun:
		f.mix(f.lambda, 1-f.lambda, ascent)
	default:
		f.mix(0, 1, ascent)
	}
}

var noiseDirection = Choice{
	Name: "noise", Info: "the gradient less a running mean of those before",
	Numbers: []Number{
		{Name: "sigma", Help: "how much of the running mean is taken away", Default: 1},
		{Name: "lambda", Help: "share of the earlier gradients in the running mean", Default: .95},
	},
	kind: keepsKind, set32: setNoise[float32], set64: setNoise[float64],
}

func setNoise[F vec.Float](s *Settings[F], p Params) error {
	sigma, lambda := p.Own["sigma"], p.Own["lambda"]
	s.Direction = func(n int) Direction[F] { return &friendly[F]{kept[F]{v: make([]F, n)}, sigma, lambda} }
	if err := checkFinite("sigma", sigma); err != nil {
		return err
	}
	return checkShare("lambda", lambda)
}

var friendlySAM = preset(Method{
	Name: "friendly-sam", Label: "Friendly SAM", Info: "Friendly SAM: along what of the gradient is the minibatch's own (Li et al. 2024, arXiv 2403.12350)",
	Direction: noiseDirection.Name,
	Look:      Look{Ink: 5, Width: 1.8, Dashes: []float64{6, 2, 2, 2}, Mark: "pyramid", Radius: 3},
})
