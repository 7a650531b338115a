package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/monge-ml/monge/optim"
)

// signum steps by the sign of a momentum (Bernstein et al. 2018): --base signum --lr 1e-3.
var signum = optim.Rule{
	Name: "signum", Label: "Signum", Info: "the sign of a momentum", Uses: []string{"momentum"}, Momentum: .9,
	New32: func(n int, p optim.Params) (optim.Optimizer[float32], error) { return newSignum[float32](n, p) },
	New64: func(n int, p optim.Params) (optim.Optimizer[float64], error) { return newSignum[float64](n, p) },
}

type signumState[F float32 | float64] struct {
	lr       optim.Schedule
	momentum float64
	decay    float64
	step     int
	m        []F
}

func newSignum[F float32 | float64](n int, p optim.Params) (*signumState[F], error) {
	if *p.Momentum < 0 || *p.Momentum >= 1 {
		return nil, fmt.Errorf("momentum is %g; it must be at least 0 and below 1", *p.Momentum)
	}
	return &signumState[F]{lr: p.LR, momentum: *p.Momentum, decay: p.WeightDecay, m: make([]F, n)}, nil
}

// LR returns the learning rate of the next step.
func (s *signumState[F]) LR() float64 { return s.lr.At(s.step) }

// Step updates theta in place.
func (s *signumState[F]) Step(theta, grad []F) error {
	if len(theta) != len(s.m) || len(grad) != len(s.m) {
		return fmt.Errorf("signum: made for %d parameters, got %d and a gradient of %d", len(s.m), len(theta), len(grad))
	}
	lr := s.LR()
	for i, g := range grad {
		s.m[i] = F(s.momentum*float64(s.m[i]) + (1-s.momentum)*float64(g))
		sign := 0.
		if s.m[i] != 0 {
			sign = math.Copysign(1, float64(s.m[i]))
		}
		theta[i] -= F(lr * (sign + s.decay*float64(theta[i])))
	}
	s.step++
	return nil
}

// MarshalBinary exports the step count and the momentum.
func (s *signumState[F]) MarshalBinary() ([]byte, error) {
	b := binary.LittleEndian.AppendUint64(nil, uint64(s.step))
	for _, v := range s.m {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(float64(v)))
	}
	return b, nil
}

// UnmarshalBinary restores what MarshalBinary has exported.
func (s *signumState[F]) UnmarshalBinary(b []byte) error {
	if len(b) != 8*(1+len(s.m)) {
		return errors.New("signum: the state is of another size")
	}
	s.step = int(binary.LittleEndian.Uint64(b))
	for i := range s.m {
		s.m[i] = F(math.Float64frombits(binary.LittleEndian.Uint64(b[8*(i+1):])))
	}
	return nil
}
