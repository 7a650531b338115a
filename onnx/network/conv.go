package network

import (
	"fmt"
	"slices"

	"github.com/monge-ml/monge/tensor"
)

func init() {
	operators["Conv"], operators["ConvTranspose"] = oneInput(conv), oneInput(convTranspose)
	operators["MaxPool"], operators["AveragePool"] = oneInput(pool), oneInput(pool)
	operators["GlobalAveragePool"] = oneInput(func(b *builder, _ *node, x *value) (*value, error) {
		return b.global(x, (*tensor.Tape).Mean)
	})
	operators["GlobalMaxPool"] = oneInput(func(b *builder, _ *node, x *value) (*value, error) {
		return b.global(x, (*tensor.Tape).Max)
	})
}

// global reduces all but the first two dimensions.
func (b *builder) global(x *value, f func(*tensor.Tape, *tensor.Tensor, ...int) *tensor.Tensor) (*value, error) {
	if len(x.shape) < 3 {
		return nil, fmt.Errorf("shape %v has no dimensions of space", x.shape)
	}
	var over []int
	for i := 2; i < len(x.shape); i++ {
		over = append(over, i)
	}
	return b.reduced(x, over, true, f)
}

// A window is what convolutions and poolings slide over an image.
type window struct {
	kernel, strides, dilations [2]int
	pads                       [4]int // top, left, bottom, right
	auto                       string
}

// windowOf reads a node's attributes; one dimension of space is taken as images of one row.
func (n *node) windowOf(kernel []int) (w window, err error) {
	dims := len(kernel)
	if dims != 1 && dims != 2 {
		return w, fmt.Errorf("%d dimensions of space, not one or two, are %w", dims, errUnsupported)
	}
	if given := n.Ints("kernel_shape"); given != nil && !slices.Equal(given, kernel) {
		return w, fmt.Errorf("a kernel of %v, and weights of %v", given, kernel)
	}
	w = window{kernel: [2]int{1, 1}, strides: [2]int{1, 1}, dilations: [2]int{1, 1}, auto: n.Text("auto_pad", "NOTSET")}
	off := 2 - dims
	for name, to := range map[string]*[2]int{"strides": &w.strides, "dilations": &w.dilations} {
		list := n.Ints(name)
		if list == nil {
			continue
		}
		if len(list) != dims || slices.Min(list) < 1 || slices.Max(list) > maxWindow {
			return w, fmt.Errorf("%s of %v", name, list)
		}
		copy(to[off:], list)
	}
	if slices.Min(kernel) < 1 || slices.Max(kernel) > maxWindow {
		return w, fmt.Errorf("a kernel of %v", kernel)
	}
	copy(w.kernel[off:], kernel)
	if pads := n.Ints("pads"); pads != nil && (w.auto == "NOTSET" || w.auto == "") {
		if len(pads) != 2*dims || slices.Min(pads) < 0 || slices.Max(pads) > maxWindow {
			return w, fmt.Errorf("pads of %v", pads)
		}
		copy(w.pads[off:2], pads[:dims])
		copy(w.pads[2+off:], pads[dims:])
	}
	return w, nil
}

// maxWindow bounds kernels, strides and pads.
const maxWindow = 1 << 16

// fit sets the pads that auto_pad means for images of a size, and returns the result's size.
func (w *window) fit(size [2]int, ceil bool) (out [2]int, err error) {
	for i := range size {
		span := w.dilations[i]*(w.kernel[i]-1) + 1
		if w.auto == "SAME_UPPER" || w.auto == "SAME_LOWER" {
			n := (size[i] + w.strides[i] - 1) / w.strides[i]
			all := max(0, (n-1)*w.strides[i]+span-size[i])
			w.pads[i], w.pads[2+i] = all/2, all-all/2
			if w.auto == "SAME_LOWER" {
				w.pads[i], w.pads[2+i] = all-all/2, all/2
			}
		}
		room := size[i] + w.pads[i] + w.pads[2+i] - span
		if room < 0 {
			return out, fmt.Errorf("a kernel of %v on images of %v with pads %v", w.kernel, size, w.pads)
		}
		out[i] = room/w.strides[i] + 1
		if ceil && room%w.strides[i] != 0 && out[i]*w.strides[i] < size[i]+w.pads[i] { // the last window begins inside
			out[i]++
		}
	}
	return out, nil
}

// padded is the shape of images with their pads, which some kernels copy.
func (w *window) padded(shape []int) []int {
	return []int{shape[0], shape[1], shape[2] + w.pads[0] + w.pads[2], shape[3] + w.pads[1] + w.pads[3]}
}

// images brings a value to N x H x W x C in memory; one dimension of space becomes one row.
func (b *builder) images(x *value) (*value, error) {
	rank := len(x.shape)
	if rank != 3 && rank != 4 {
		return nil, fmt.Errorf("inputs of shape %v, without one or two dimensions of space, are %w", x.shape, errUnsupported)
	}
	x, err := b.as(x, channelsLast(rank))
	if err != nil || rank == 4 {
		return x, err
	}
	return b.seen(x, []int{x.shape[0], x.shape[1], 1, x.shape[2]}, channelsLast(4))
}

// fromImages gives a result of images the dimensions that the input had.
func (b *builder) fromImages(y *value, rank int) (*value, error) {
	if rank == 4 {
		return y, nil
	}
	return b.seen(y, []int{y.shape[0], y.shape[1], y.shape[3]}, channelsLast(3))
}

// kernelOrder is that of weights O x I x KH x KW as KH x KW x I x O.
var kernelOrder = []int{2, 3, 1, 0}

// kernels brings weights to KH x KW x I x O in memory.
func (b *builder) kernels(w *value) (*value, error) {
	w, err := b.lively(w)
	if err != nil {
		return nil, err
	}
	if len(w.shape) == 3 {
		if w, err = b.as(w, []int{2, 1, 0}); err != nil {
			return nil, err
		}
		return b.seen(w, []int{w.shape[0], w.shape[1], 1, w.shape[2]}, kernelOrder)
	}
	return b.as(w, kernelOrder)
}

func (n *node) weights(x *value) (w, bias *value, err error) {
	if w, err = n.input(1); err != nil {
		return nil, nil, err
	}
	if len(w.shape) != len(x.shape) || len(w.shape) < 3 {
		return nil, nil, fmt.Errorf("weights of shape %v for inputs of %v", w.shape, x.shape)
	}
	return w, n.optional(2), nil
}

// A sliding layer is a convolution, or a transposed one, with its inputs brought into form.
type sliding struct {
	window
	x, w         *value // images, and kernels
	bias         *value // nil for none
	rank, groups int    // dimensions of the input, groups of channels
}

func (b *builder) sliding(n *node, x *value) (s sliding, err error) {
	if s.w, s.bias, err = n.weights(x); err != nil {
		return s, err
	}
	if s.window, err = n.windowOf(s.w.shape[2:]); err != nil {
		return s, err
	}
	s.rank, s.groups = len(x.shape), n.Int("group", 1)
	if s.x, err = b.images(x); err != nil {
		return s, err
	}
	s.w, err = b.kernels(s.w)
	return s, err
}

// misfit is the error of weights that don't fit the images.
func (s *sliding) misfit() error {
	return fmt.Errorf("weights of shape %v for inputs of %v in %d groups", s.w.shape, s.x.shape, s.groups)
}

func conv(b *builder, n *node, x *value) (*value, error) {
	if len(x.shape) == 5 {
		return b.conv3d(n, x)
	}
	s, err := b.sliding(n, x)
	if err != nil {
		return nil, err
	}
	win, w := &s.window, s.w
	x = s.x
	if s.groups < 1 || w.shape[1]*s.groups != x.shape[1] || w.shape[0]%s.groups != 0 {
		return nil, s.misfit()
	}
	out, err := win.fit([2]int{x.shape[2], x.shape[3]}, false)
	if err == nil {
		err = b.fits(win.padded(x.shape))
	}
	if err != nil {
		return nil, err
	}
	in, use, err := b.withBias(x, w, s.bias)
	if err != nil {
		return nil, err
	}
	o := tensor.ConvOptions{Strides: win.strides, Dilations: win.dilations, Pads: win.pads, Groups: s.groups}
	y, err := b.tensor([]int{x.shape[0], w.shape[0], out[0], out[1]}, channelsLast(4), in, func(m *machine) *tensor.Tensor {
		return m.tape.Conv2d(m.x[in[0].slot], m.x[in[1].slot], use(m), o)
	})
	if err != nil {
		return nil, err
	}
	if y, err = b.fromImages(y, s.rank); err != nil {
		return nil, err
	}
	return b.behindConv(n, y)
}

// conv3d is a convolution in three dimensions along one of which nothing is summed: those are
// images beside each other.
func (b *builder) conv3d(n *node, x *value) (*value, error) {
	w, _, err := n.weights(x)
	if err != nil {
		return nil, err
	}
	flat := -1
	for i := 2; i >= 0 && flat < 0; i-- {
		if w.shape[2+i] == 1 && n.plainAlong(i) {
			flat = 2 + i
		}
	}
	if flat < 0 {
		return nil, fmt.Errorf("3 dimensions of space, not one or two, are %w", errUnsupported)
	}
	if w, err = b.lively(w); err != nil {
		return nil, err
	}
	if w, err = b.reshape(w, slices.Delete(slices.Clone(w.shape), flat, flat+1)); err != nil {
		return nil, err
	}
	rest := slices.DeleteFunc([]int{2, 3, 4}, func(d int) bool { return d == flat })
	beside := transposed(x, []int{0, flat, 1, rest[0], rest[1]})
	images, err := b.reshape(beside, append([]int{x.shape[0] * x.shape[flat]}, beside.shape[2:]...))
	if err != nil {
		return nil, err
	}
	plain := *n.Node
	plain.Attrs = nil
	for _, a := range n.Attrs {
		if len(a.Ints) == 3 || len(a.Ints) == 6 { // of each dimension of space, and for pads of their ends
			c := *a
			c.Ints = nil
			for i, v := range a.Ints {
				if i%3 != flat-2 {
					c.Ints = append(c.Ints, v)
				}
			}
			a = &c
		}
		plain.Attrs = append(plain.Attrs, a)
	}
	in := slices.Clone(n.in)
	in[1] = w
	y, err := conv(b, &node{Node: &plain, opset: n.opset, in: in}, images)
	if err != nil {
		return nil, err
	}
	if y, err = b.reshape(y, slices.Concat([]int{x.shape[0], x.shape[flat]}, y.shape[1:])); err != nil {
		return nil, err
	}
	back := []int{0, 2, 3, 4}
	return transposed(y, slices.Insert(back, flat, 1)), nil
}

// plainAlong reports whether a window moves by single steps along dimension i of three, without
// pads.
func (n *node) plainAlong(i int) bool {
	if s := n.Ints("strides"); len(s) == 3 && s[i] != 1 {
		return false
	}
	pads := n.Ints("pads")
	return len(pads) != 6 || pads[i] == 0 && pads[3+i] == 0
}

// withBias lists a layer's inputs, and says how a step finds the bias, which may be missing.
func (b *builder) withBias(x, w, bias *value) (in []*value, use func(m *machine) *tensor.Tensor, err error) {
	if bias == nil {
		return []*value{x, w}, func(*machine) *tensor.Tensor { return nil }, nil
	}
	if bias, err = b.lively(bias); err != nil {
		return nil, nil, err
	}
	slot := bias.slot
	return []*value{x, w, bias}, func(m *machine) *tensor.Tensor { return m.x[slot] }, nil
}

func convTranspose(b *builder, n *node, x *value) (*value, error) {
	s, err := b.sliding(n, x)
	if err != nil {
		return nil, err
	}
	win, w := &s.window, s.w
	x = s.x
	if s.groups < 1 || w.shape[0] != x.shape[1] || x.shape[1]%s.groups != 0 {
		return nil, s.misfit()
	}
	out, more, err := n.grown(win, [2]int{x.shape[2], x.shape[3]}, s.rank-2)
	if err != nil {
		return nil, err
	}
	in, use, err := b.withBias(x, w, s.bias)
	if err != nil {
		return nil, err
	}
	o := tensor.ConvOptions{Strides: win.strides, Dilations: win.dilations, Pads: win.pads, Groups: s.groups}
	y, err := b.tensor([]int{x.shape[0], w.shape[1] * s.groups, out[0], out[1]}, channelsLast(4), in, func(m *machine) *tensor.Tensor {
		return m.tape.ConvTranspose2d(m.x[in[0].slot], m.x[in[1].slot], use(m), o, more)
	})
	if err != nil {
		return nil, err
	}
	return b.fromImages(y, s.rank)
}

// grown returns the size that a transposed convolution makes of images of a size, and what it
// adds at their ends. It sets the pads where those follow from the size that is wanted.
func (n *node) grown(w *window, size [2]int, dims int) (out, more [2]int, err error) {
	off := 2 - dims
	if list := n.Ints("output_padding"); list != nil {
		if len(list) != dims || slices.Min(list) < 0 || slices.Max(list) > maxWindow {
			return out, more, fmt.Errorf("output padding of %v", list)
		}
		copy(more[off:], list)
	}
	wanted := n.Ints("output_shape")
	if wanted != nil && len(wanted) != dims {
		return out, more, fmt.Errorf("an output shape of %v", wanted)
	}
	for i := range size {
		span := w.dilations[i]*(w.kernel[i]-1) + 1
		full := w.strides[i]*(size[i]-1) + more[i] + span
		same := w.auto == "SAME_UPPER" || w.auto == "SAME_LOWER"
		if i >= off && (wanted != nil || same) {
			target := size[i] * w.strides[i]
			if wanted != nil {
				target = wanted[i-off]
			}
			all := full - target
			if all < 0 { // more rows at the end
				more[i] -= all
				all = 0
			}
			w.pads[i], w.pads[2+i] = all-all/2, all/2
			if w.auto == "SAME_UPPER" {
				w.pads[i], w.pads[2+i] = all/2, all-all/2
			}
			full = w.strides[i]*(size[i]-1) + more[i] + span
		}
		if out[i] = full - w.pads[i] - w.pads[2+i]; out[i] < 1 {
			return out, more, fmt.Errorf("pads of %v for images of %v", w.pads, size)
		}
	}
	return out, more, nil
}

func pool(b *builder, n *node, x *value) (*value, error) {
	if len(n.Outputs) > 1 && n.Outputs[1] != "" {
		return nil, fmt.Errorf("the places of the largest elements are %w", errUnsupported)
	}
	if !x.dtype.IsFloat() {
		return nil, fmt.Errorf("pooling of %v is %w", x.dtype, errUnsupported)
	}
	win, err := n.windowOf(n.Ints("kernel_shape"))
	if err != nil {
		return nil, err
	}
	rank, ceil := len(x.shape), n.Int("ceil_mode", 0) != 0
	if given := len(n.Ints("kernel_shape")); given != rank-2 {
		return nil, fmt.Errorf("a kernel of %d dimensions for inputs of shape %v", given, x.shape)
	}
	if x, err = b.images(x); err != nil {
		return nil, err
	}
	out, err := win.fit([2]int{x.shape[2], x.shape[3]}, ceil)
	if err == nil {
		err = b.fits(win.padded(x.shape))
	}
	if err != nil {
		return nil, err
	}
	o := tensor.PoolOptions{Kernels: win.kernel, Strides: win.strides, Dilations: win.dilations, Pads: win.pads, Ceil: ceil, SkipZero: n.Int("count_include_pad", 0) == 0}
	from, mean := x.slot, n.Op == "AveragePool"
	y, err := b.tensor([]int{x.shape[0], x.shape[1], out[0], out[1]}, channelsLast(4), []*value{x}, func(m *machine) *tensor.Tensor {
		if mean {
			return m.tape.AvgPool2d(m.x[from], o)
		}
		return m.tape.MaxPool2d(m.x[from], o)
	})
	if err != nil {
		return nil, err
	}
	return b.fromImages(y, rank)
}
