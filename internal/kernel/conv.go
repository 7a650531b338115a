package kernel

import (
	"fmt"
	"slices"
)

// A Conv is the shape of a two-dimensional convolution. Images are stored as
// N x H x W x C and N x OutH x OutW x O, weights as KH x KW x C/Groups x O, all
// dense and row-major. Group g maps channels g*C/Groups... to g*O/Groups....
type Conv struct {
	N  int `json:"n"` // input images
	H  int `json:"h"` // their size
	W  int `json:"w"`
	C  int `json:"c"`  // and channels
	KH int `json:"kh"` // size of the kernel
	KW int `json:"kw"`
	O  int `json:"o"` // output channels

	// Down and across; 0 means 1.
	Strides   [2]int `json:"strides"`
	Dilations [2]int `json:"dilations"`
	Pads      [4]int `json:"pads"`   // zeros above, left of, below, right of the input
	Groups    int    `json:"groups"` // 0 means 1

	// Direct forbids Winograd's algorithm. Where that is used (see Algorithm) it needs a
	// quarter of the products, and its rounding errors are several times those of the
	// direct sum.
	Direct bool `json:"-"`

	// Precision is that of the products. In BFloat16 Winograd's algorithm rounds what it
	// multiplies, the transformed operands, instead of the operands; its errors are five times
	// those of the direct sum.
	Precision Precision `json:"-"`

	// Ceil is for poolings: a last window may reach beyond the padding if it begins before
	// the end of the input.
	Ceil bool `json:"-"`

	moments *pieceMoments // of the output of a forward pass, if it can make them on the way
}

// Both is n down and n across.
func Both(n int) [2]int { return [2]int{n, n} }

// Around is n on each of four sides.
func Around(n int) [4]int { return [4]int{n, n, n, n} }

// OutH returns the height of the output.
func (s *Conv) OutH() int { return s.out(0, s.H, s.KH) }

// OutW returns the width of the output.
func (s *Conv) OutW() int { return s.out(1, s.W, s.KW) }

func (s *Conv) out(axis, size, k int) int {
	before, stride := s.Pads[axis], max(s.Strides[axis], 1)
	room := before + size + s.Pads[axis+2] - max(s.Dilations[axis], 1)*(k-1) - 1
	if s.Ceil {
		room += stride - 1
	}
	if room < 0 {
		return 0
	}
	n := room/stride + 1
	if s.Ceil && (n-1)*stride >= before+size {
		n--
	}
	return n
}

// Flops returns the operations of one pass done directly, padding included.
func (s *Conv) Flops() int {
	return 2 * s.N * s.OutH() * s.OutW() * s.KH * s.KW * (s.C / max(s.Groups, 1)) * s.O
}

// ConvForward sets y to the convolution of x with w (a cross-correlation, as is
// usual in networks). y must not overlap x or w.
func ConvForward(s *Conv, y, x, w []float32) {
	c := s.checked("ConvForward", x, w, y)
	if c.N > 0 {
		c.runAs(c.Algorithm(), passForward, x, w, y, false)
	}
}

// ConvBackwardData sets dx, or adds to it, the gradient by the input for dy, the
// gradient by the output. Without accumulate dx may hold anything. It must not
// overlap dy or w.
func ConvBackwardData(s *Conv, dx, dy, w []float32, accumulate bool) {
	c := s.checked("ConvBackwardData", dx, w, dy)
	if c.N > 0 {
		c.runAs(c.Algorithm(), passData, dx, w, dy, accumulate)
	}
}

// ConvBackwardWeights is ConvBackwardData for dw, the gradient by the weights,
// which is a sum over all images.
func ConvBackwardWeights(s *Conv, dw, x, dy []float32, accumulate bool) {
	c := s.checked("ConvBackwardWeights", x, dw, dy)
	switch {
	case c.N > 0:
		c.runAs(c.Algorithm(), passWeights, x, dw, dy, accumulate)
	case !accumulate:
		clear(dw[:c.weights()])
	}
}

// A convPass is one of the three things to do with a convolution.
type convPass int

const (
	passForward convPass = iota
	passData
	passWeights
)

// A ConvAlgorithm is a way to do a pass.
type ConvAlgorithm int

// The algorithms.
const (
	ConvGeneral  ConvAlgorithm = iota // a matrix of what each pixel sees; does every shape
	ConvMatrix                        // one matrix product, for 1x1 kernels without stride
	ConvDirect                        // the direct sum over the image itself
	ConvWinograd                      // F(4x4, 3x3), for 3x3 kernels without stride
	ConvLanes                         // a lane for each channel, for depthwise kernels and small groups
)

func (a ConvAlgorithm) String() string {
	return [...]string{"general", "matrix", "direct", "winograd", "lanes"}[a]
}

// Algorithm returns which algorithm a convolution takes, in all three passes.
func (s *Conv) Algorithm() ConvAlgorithm {
	switch {
	case !s.Direct && s.canWinograd() && s.worthWinograd():
		return ConvWinograd
	case s.canLanes():
		return ConvLanes
	case s.canMatrix():
		return ConvMatrix
	case s.canDirect() && (s.KH*s.KW > 1 || s.Groups > 1):
		return ConvDirect
	}
	return ConvGeneral
}

func (s *Conv) weights() int { return s.KH * s.KW * (s.C / s.Groups) * s.O }

// checked returns s with defaults filled in, or panics.
func (s *Conv) checked(name string, x, w, y []float32) Conv {
	c := s.withDefaults()
	if c.N < 0 || min(c.H, c.W, c.C, c.KH, c.KW, c.O, c.Groups) < 1 || c.Ceil || c.impossible() {
		panic(fmt.Sprintf("kernel: %s: impossible size in %+v", name, *s))
	}
	if c.C%c.Groups != 0 || c.O%c.Groups != 0 {
		panic(fmt.Sprintf("kernel: %s: %d and %d channels do not divide into %d groups", name, c.C, c.O, c.Groups))
	}
	if c.OutH() < 1 || c.OutW() < 1 {
		panic(fmt.Sprintf("kernel: %s: the kernel is larger than the padded input, %+v", name, *s))
	}
	for _, b := range []struct {
		name      string
		got, need int
	}{
		{"the input side", len(x), c.N * c.H * c.W * c.C},
		{"the weight side", len(w), c.weights()},
		{"the output side", len(y), c.N * c.OutH() * c.OutW() * c.O},
	} {
		if b.got != b.need {
			panic(fmt.Sprintf("kernel: %s: %s has %d elements, needs %d for %+v", name, b.name, b.got, b.need, *s))
		}
	}
	return c
}

// withDefaults fills in what is 0.
func (s *Conv) withDefaults() Conv {
	c := *s
	for axis := range 2 {
		c.Strides[axis], c.Dilations[axis] = max1(c.Strides[axis]), max1(c.Dilations[axis])
	}
	c.Groups = max1(c.Groups)
	return c
}

// impossible reports whether an option is negative, or a stride or dilation 0.
func (s *Conv) impossible() bool {
	return min(s.Strides[0], s.Strides[1], s.Dilations[0], s.Dilations[1]) < 1 || slices.Min(s.Pads[:]) < 0
}

// stride and dilation are the larger of both axes.
func (s *Conv) stride() int   { return max(s.Strides[0], s.Strides[1]) }
func (s *Conv) dilation() int { return max(s.Dilations[0], s.Dilations[1]) }

// max1 is 1 for 0.
func max1(n int) int {
	if n == 0 {
		return 1
	}
	return n
}

// runAs does a pass with an algorithm that can do the shape.
func (s *Conv) runAs(a ConvAlgorithm, pass convPass, x, w, y []float32, add bool) {
	if a == ConvLanes && s.Precision == BFloat16 {
		j := convRoundeds.get()
		x, w, y = j.rounded(pass, x, w, y)
		defer convRoundeds.put(j)
	}
	switch {
	case a == ConvWinograd && pass == passWeights:
		winogradWeightJobs.get().run(s, w, x, y, add)
	case a == ConvWinograd:
		winogradDatas.get().run(s, pass, x, w, y, add)
	case a == ConvMatrix:
		s.multiply(pass, x, w, y, add)
	case a == ConvDirect && pass == passWeights:
		convWeightJobs.get().run(s, w, x, y, add)
	case a == ConvDirect:
		convDirects.get().run(s, pass, x, w, y, add)
	case a == ConvLanes && pass == passWeights:
		convLanesWeightJobs.get().run(s, w, x, y, add)
	case a == ConvLanes:
		convLanesJobs.get().run(s, pass, x, w, y, add)
	default:
		convGenerals.get().run(s, pass, x, w, y, add)
	}
}

// canMatrix reports whether each output pixel sees one input pixel, and no other
// does: then the images are the matrices, or their groups of channels are.
func (s *Conv) canMatrix() bool {
	return s.KH == 1 && s.KW == 1 && s.Pads == [4]int{} && s.stride() <= 1
}

func (s *Conv) multiply(pass convPass, x, w, y []float32, add bool) {
	n, c, o := s.N*s.H*s.W, s.C/s.Groups, s.O/s.Groups
	for g := range s.Groups {
		x, w, y := x[g*c:], w[g*o:], y[g*o:]
		switch pass {
		case passForward:
			s.Precision.Gemm(false, false, n, o, c, x, s.C, w, s.O, y, s.O, false)
		case passData:
			s.Precision.Gemm(false, true, n, c, o, y, s.O, w, s.O, x, s.C, add)
		case passWeights:
			s.Precision.Gemm(true, false, c, o, n, x, s.C, y, s.O, w, s.O, add)
		}
	}
}
