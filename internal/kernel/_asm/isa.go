package main

import (
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// An isa is one level of the vector kernels.
type isa struct {
	*build.Context
	name  string
	wide  bool // AVX-512
	lanes int  // float32 values in a vector
}

// levels calls f for each level.
func levels(c *build.Context, f func(isa)) {
	f(isa{c, "AVX2", false, 8})
	f(isa{c, "AVX512", true, 16})
}

func (s isa) vec() reg.VecVirtual {
	if s.wide {
		return s.ZMM()
	}
	return s.YMM()
}

// half returns a register with as many float32 values as vec has float64.
func (s isa) half() reg.VecVirtual {
	if s.wide {
		return s.YMM()
	}
	return s.XMM()
}

func (s isa) zero() reg.VecVirtual {
	v := s.vec()
	if s.wide {
		s.VPXORD(v, v, v)
	} else {
		s.VXORPS(v, v, v)
	}
	return v
}

func (s isa) addr(param string) operand.Mem {
	a, err := s.Param(param).Resolve()
	if err != nil {
		panic(err)
	}
	return a.Addr
}

func (s isa) int(param string) reg.Register { return s.Load(s.Param(param), s.GP64()) }

// argument loads a field of the struct that a function's only argument points to.
func (s isa) argument(args reg.Register, disp int) reg.Register {
	r := s.GP64()
	s.MOVQ(operand.Mem{Base: args, Disp: disp}, r)
	return r
}

func (s isa) broadcast(param string) reg.VecVirtual {
	v := s.vec()
	s.VBROADCASTSS(s.addr(param), v)
	return v
}

// at is element i of the vector that starts at p, moved on by index elements.
func at(p, index reg.Register, i int) operand.Mem {
	return operand.Mem{Base: p, Index: index, Scale: 4, Disp: 4 * i}
}

func (s isa) load(m operand.Mem) reg.VecVirtual {
	v := s.vec()
	s.VMOVUPS(m, v)
	return v
}
