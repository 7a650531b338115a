package array

import (
	"errors"
	"fmt"
	"slices"
)

// What operators on shapes mean, which those on a tape share.

// ReshapeTo returns the shape that elements of a shape get by Reshape: 0 keeps a dimension unless
// allowZero, and one -1 is what is left.
func ReshapeTo(shape, target []int, allowZero bool) ([]int, error) {
	if len(target) > MaxRank {
		return nil, fmt.Errorf("%d dimensions; there may be %d", len(target), MaxRank)
	}
	out := slices.Clone(target)
	n, known, open, empty := 1, 1, -1, false
	for _, d := range shape {
		n *= d
	}
	for i, d := range out {
		if d == 0 && !allowZero {
			if i >= len(shape) {
				return nil, fmt.Errorf("%v can't keep dimension %d of %v", target, i, shape)
			}
			out[i] = shape[i]
		}
		switch {
		case d == -1 && open >= 0:
			return nil, fmt.Errorf("%v has more than one -1", target)
		case d == -1:
			open = i
			continue
		case d < -1:
			return nil, fmt.Errorf("%v has a negative dimension", target)
		}
		if out[i] == 0 {
			empty = true
			continue
		}
		if known > MaxLen*1024/out[i] {
			return nil, fmt.Errorf("%v is too large", target)
		}
		known *= out[i]
	}
	if empty {
		known = 0
	}
	if open >= 0 {
		if known == 0 || n%known != 0 {
			return nil, fmt.Errorf("%v has %d elements, which shape %v can't take", shape, n, target)
		}
		out[open] = n / known
		known = n
	}
	if known != n {
		return nil, fmt.Errorf("%v has %d elements, which shape %v can't take", shape, n, target)
	}
	return out, nil
}

// FlattenTo returns the two dimensions of Flatten.
func FlattenTo(shape []int, axis int) ([]int, error) {
	if axis < 0 {
		axis += len(shape)
	}
	if axis < 0 || axis > len(shape) {
		return nil, fmt.Errorf("axis %d of %d dimensions", axis, len(shape))
	}
	out := []int{1, 1}
	for i, d := range shape {
		if i < axis {
			out[0] *= d
		} else {
			out[1] *= d
		}
	}
	return out, nil
}

// SqueezeTo returns a shape without the dimensions of 1 at axes, all if there are none.
func SqueezeTo(shape, axes []int) ([]int, error) {
	drop := make([]bool, len(shape))
	for _, a := range axes {
		k, err := Axis(a, len(shape))
		if err != nil {
			return nil, err
		}
		if shape[k] != 1 {
			return nil, fmt.Errorf("dimension %d of %v is not 1", a, shape)
		}
		drop[k] = true
	}
	out := []int{}
	for i, d := range shape {
		if !drop[i] && (axes != nil || d != 1) {
			out = append(out, d)
		}
	}
	return out, nil
}

// UnsqueezeTo returns a shape with dimensions of 1 put in, which are at axes of the result.
func UnsqueezeTo(shape, axes []int) ([]int, error) {
	rank := len(shape) + len(axes)
	const most = 64
	if rank > most {
		return nil, fmt.Errorf("%d dimensions", rank)
	}
	added := make([]bool, rank)
	for _, a := range axes {
		k, err := Axis(a, rank)
		if err != nil || added[k] {
			return nil, fmt.Errorf("axes %v of %d dimensions", axes, rank)
		}
		added[k] = true
	}
	out := make([]int, 0, rank)
	for i := range rank {
		if added[i] {
			out = append(out, 1)
		} else {
			out, shape = append(out, shape[0]), shape[1:]
		}
	}
	return out, nil
}

// A Range is the part of a dimension that Slice takes: Len elements from Start on by Step.
type Range struct{ Start, Step, Len int }

// Ranges returns what Slice takes of each dimension. Axes and steps may be nil.
func Ranges(shape, starts, ends, axes, steps []int) ([]Range, error) {
	if len(ends) != len(starts) || axes != nil && len(axes) != len(starts) || steps != nil && len(steps) != len(starts) {
		return nil, fmt.Errorf("%d starts, %d ends, %d axes and %d steps", len(starts), len(ends), len(axes), len(steps))
	}
	out := make([]Range, len(shape))
	for i, d := range shape {
		out[i] = Range{0, 1, d}
	}
	for i := range starts {
		k := i
		if axes != nil {
			k = axes[i]
		}
		k, err := Axis(k, len(shape))
		if err != nil {
			return nil, err
		}
		step := 1
		if steps != nil {
			step = steps[i]
		}
		if step == 0 {
			return nil, errors.New("a step of 0")
		}
		d := shape[k]
		lo, hi, low, high := starts[i], ends[i], 0, d
		if step < 0 {
			low, high = -1, d-1
		}
		lo, hi = bounded(lo, d, max(low, 0), high), bounded(hi, d, low, high)
		n := 0
		if step > 0 && hi > lo {
			n = (hi-lo-1)/step + 1
		} else if step < 0 && lo > hi {
			n = (lo-hi-1)/-step + 1
		}
		out[k] = Range{lo, step, n}
	}
	return out, nil
}

// bounded resolves an end of a slice, which counts from the end of d elements if negative.
func bounded(v, d, lo, hi int) int {
	if v < 0 {
		if v < -d {
			return lo
		}
		v += d
	}
	return min(max(v, lo), hi)
}

// Order returns the order of dimensions of Transpose: backwards if none is given.
func Order(perm []int, rank int) ([]int, error) {
	if perm == nil {
		for i := range rank {
			perm = append(perm, rank-1-i)
		}
	}
	sorted := slices.Sorted(slices.Values(perm))
	if !slices.Equal(sorted, iota(rank)) {
		return nil, fmt.Errorf("%v is no order of %d dimensions", perm, rank)
	}
	return perm, nil
}

// Axes resolves the dimensions that a reduction goes over: all if there are none. The second
// result is the shape that is left, with dimensions of 1 in their place or without them.
func Axes(shape, axes []int, keep bool) (over []bool, left []int, err error) {
	over = make([]bool, len(shape))
	for _, a := range axes {
		k, err := Axis(a, len(shape))
		if err != nil {
			return nil, nil, err
		}
		over[k] = true
	}
	left = []int{}
	for i, d := range shape {
		if len(axes) == 0 {
			over[i] = true
		}
		switch {
		case !over[i]:
			left = append(left, d)
		case keep:
			left = append(left, 1)
		}
	}
	return over, left, nil
}

// Parts returns the sizes of the parts that Split cuts d elements into: those of sizes, or n that
// are alike but for the last.
func Parts(d int, sizes []int, n int) ([]int, error) {
	if sizes != nil {
		sum := 0
		for _, s := range sizes {
			if s < 0 || s > d-sum {
				return nil, fmt.Errorf("parts of %v do not make %d", sizes, d)
			}
			sum += s
		}
		if sum != d {
			return nil, fmt.Errorf("parts of %v do not make %d", sizes, d)
		}
		return sizes, nil
	}
	if n < 1 {
		return nil, errors.New("no parts")
	}
	size := (d + n - 1) / n
	for i := range n {
		sizes = append(sizes, max(0, min(size, d-i*size)))
	}
	return sizes, nil
}

// Pads returns what Pad puts before and after each dimension; axes may be nil.
func Pads(rank int, pads, axes []int) ([][2]int, error) {
	n := rank
	if axes != nil {
		n = len(axes)
	}
	if len(pads) != 2*n {
		return nil, fmt.Errorf("%d pads for %d dimensions", len(pads), n)
	}
	out := make([][2]int, rank)
	for i := range n {
		k := i
		if axes != nil {
			var err error
			if k, err = Axis(axes[i], rank); err != nil {
				return nil, err
			}
		}
		out[k] = [2]int{pads[i], pads[n+i]}
		if least, most := slices.Min(out[k][:]), slices.Max(out[k][:]); least < -MaxLen || most > MaxLen {
			return nil, fmt.Errorf("pads of %v", out[k])
		}
	}
	return out, nil
}
