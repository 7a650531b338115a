package network

import (
	"fmt"
	"math"

	"github.com/monge-ml/monge/onnx/array"
	"github.com/monge-ml/monge/tensor"
)

func init() {
	operators["Resize"], operators["Upsample"] = oneInput(resize), oneInput(resize)
}

// resize interpolates along each dimension by itself.
func resize(b *builder, n *node, x *value) (*value, error) {
	r, err := n.resizing(x.shape, b.net.madeFor, b.batch)
	if err != nil {
		return nil, err
	}
	for d, size := range r.sizes {
		if size == x.shape[d] && r.scales[d] == 1 {
			continue
		}
		if err := b.spend(4 * size); err != nil {
			return nil, err
		}
		index, weight, taps, err := r.axis(d, x.shape[d])
		if err != nil {
			return nil, err
		}
		from, k := x.slot, x.inMemory(d)
		x, err = b.tensor(changed(x.shape, d, size), x.order, []*value{x}, func(m *machine) *tensor.Tensor {
			return m.tape.Interpolate(m.x[from], k, index, weight, taps)
		})
		if err != nil {
			return nil, err
		}
	}
	return x, nil
}

// A resizing is what a Resize node does to each dimension.
type resizing struct {
	mode, coordinates, nearest string
	cubic                      float64
	excludeOutside, antialias  bool
	sizes                      []int
	scales                     []float64
}

func (n *node) resizing(shape []int, made, batch int) (*resizing, error) {
	r := &resizing{mode: n.Text("mode", "nearest"), coordinates: n.Text("coordinate_transformation_mode", "half_pixel"),
		nearest: n.Text("nearest_mode", "round_prefer_floor"), cubic: float64(n.Float("cubic_coeff_a", -.75)),
		excludeOutside: n.Int("exclude_outside", 0) != 0}
	r.antialias = n.Int("antialias", 0) != 0
	if n.Text("keep_aspect_ratio_policy", "stretch") != "stretch" {
		return nil, errUnsupported
	}
	scalesAt := 2
	if n.opset < 11 || n.Op == "Upsample" {
		scalesAt, r.coordinates, r.nearest = 1, "asymmetric", "floor"
	}
	if r.coordinates == "tf_crop_and_resize" {
		return nil, fmt.Errorf("%s is %w", r.coordinates, errUnsupported)
	}
	axes := n.Ints("axes")
	if axes == nil {
		for i := range shape {
			axes = append(axes, i)
		}
	}
	r.scales, r.sizes = make([]float64, len(shape)), append([]int{}, shape...)
	for i := range r.scales {
		r.scales[i] = 1
	}
	scales, err := n.scales(scalesAt)
	if err != nil {
		return nil, err
	}
	var sizes []int
	if n.Op == "Resize" {
		if sizes, err = n.known(3); err != nil {
			return nil, err
		}
	}
	if len(scales) == 0 && len(sizes) == 0 || len(scales) > 0 && len(scales) != len(axes) || len(sizes) > 0 && len(sizes) != len(axes) {
		return nil, fmt.Errorf("%d scales and %d sizes for %d dimensions", len(scales), len(sizes), len(axes))
	}
	for i, a := range axes {
		d, err := array.Axis(a, len(shape))
		if err != nil {
			return nil, err
		}
		if len(sizes) > 0 && d == 0 && sizes[i] == made && shape[0] == batch {
			continue // the batch that the file was made for
		}
		if len(sizes) > 0 {
			r.sizes[d], r.scales[d] = sizes[i], float64(sizes[i])/float64(shape[d])
		} else {
			r.sizes[d], r.scales[d] = int(math.Floor(float64(shape[d])*scales[i])), scales[i]
		}
		if !(r.scales[d] > 0) || r.sizes[d] < 1 || r.sizes[d] > array.MaxLen {
			return nil, fmt.Errorf("dimension %d of %v to %d", d, shape, r.sizes[d])
		}
	}
	return r, nil
}

func (n *node) scales(i int) ([]float64, error) {
	v := n.optional(i)
	if v == nil {
		var list []float64
		if a := n.Attr("scales"); a != nil {
			for _, f := range a.Floats {
				list = append(list, float64(f))
			}
		}
		return list, nil
	}
	if v.live || v.host {
		return nil, fmt.Errorf("scales that depend on the input are %w", errUnsupported)
	}
	return v.known.F, nil
}

// place returns where element i of a dimension comes from, of in elements.
func (r *resizing) place(d, i, in int) float64 {
	x, scale, out := float64(i), r.scales[d], float64(r.sizes[d])
	switch r.coordinates {
	case "asymmetric":
		return x / scale
	case "align_corners":
		if out == 1 {
			return 0
		}
		return x * float64(in-1) / (float64(in)*scale - 1)
	case "pytorch_half_pixel":
		if out == 1 {
			return 0
		}
	case "tf_half_pixel_for_nn":
		return (x + .5) / scale
	case "half_pixel_symmetric":
		adjustment := out / (float64(in) * scale)
		return float64(in)/2*(1-adjustment) + (x+.5)/scale - .5
	}
	return (x+.5)/scale - .5
}

// axis returns the linear map of a dimension of in elements.
func (r *resizing) axis(d, in int) (index []int32, weight []float32, taps int, err error) {
	var kernel func(x float64) ([]int, []float64)
	switch r.mode {
	case "nearest":
		taps = 1
		kernel = func(x float64) ([]int, []float64) { return []int{r.near(x)}, []float64{1} }
	case "linear":
		taps = 2
		kernel = func(x float64) ([]int, []float64) {
			lo := math.Floor(x)
			return []int{int(lo), int(lo) + 1}, []float64{1 - (x - lo), x - lo}
		}
	case "cubic":
		taps = 4
		kernel = r.cubicAt
	default:
		return nil, nil, 0, fmt.Errorf("mode %q is %w", r.mode, errUnsupported)
	}
	smooth := r.antialias && r.mode != "nearest" && r.scales[d] < 1
	if smooth {
		if taps, err = r.smoothTaps(d, in); err != nil {
			return nil, nil, 0, err
		}
		kernel = func(x float64) ([]int, []float64) { return r.smoothAt(x, r.scales[d], taps) }
	}
	for i := range r.sizes[d] {
		at, w := kernel(r.place(d, i, in))
		if r.excludeOutside && (r.mode == "cubic" || smooth) {
			sum := 0.
			for k, p := range at {
				if p < 0 || p >= in {
					w[k] = 0
				}
				sum += w[k]
			}
			for k := range w {
				w[k] /= sum
			}
		}
		for k, p := range at {
			index, weight = append(index, int32(min(max(p, 0), in-1))), append(weight, float32(w[k]))
		}
	}
	return index, weight, taps, nil
}

// smoothTaps is how many elements are averaged for each of a smaller dimension.
func (r *resizing) smoothTaps(d, in int) (int, error) {
	radius := 1.
	if r.mode == "cubic" {
		radius = 2
	}
	taps := 2 * math.Ceil(radius/r.scales[d])
	if taps*float64(r.sizes[d]) > array.MaxLen {
		return 0, fmt.Errorf("dimension %d of %d elements to %d", d, in, r.sizes[d])
	}
	return int(taps), nil
}

// smoothAt is the mode's kernel around x, as wide as the elements of the result.
func (r *resizing) smoothAt(x, scale float64, taps int) ([]int, []float64) {
	lo := int(math.Floor(x)) - taps/2 + 1
	at, w, sum := make([]int, taps), make([]float64, taps), 0.
	for k := range at {
		at[k] = lo + k
		w[k] = r.weightAt(math.Abs(float64(at[k])-x) * scale)
		sum += w[k]
	}
	for k := range w {
		w[k] /= sum
	}
	return at, w
}

// weightAt is the kernel of interpolation at a distance.
func (r *resizing) weightAt(s float64) float64 {
	a := r.cubic
	switch {
	case r.mode == "linear":
		return max(0, 1-s)
	case s <= 1:
		return ((a+2)*s-(a+3))*s*s + 1
	case s < 2:
		return ((a*s-5*a)*s+8*a)*s - 4*a
	}
	return 0
}

func (r *resizing) near(x float64) int {
	switch r.nearest {
	case "floor":
		return int(math.Floor(x))
	case "ceil":
		return int(math.Ceil(x))
	case "round_prefer_ceil":
		return int(math.Floor(x + .5))
	}
	return int(math.Ceil(x - .5))
}

// cubicAt is the cubic convolution of Keys (1981) around x.
func (r *resizing) cubicAt(x float64) ([]int, []float64) {
	lo, a := math.Floor(x), r.cubic
	t := x - lo
	near := func(s float64) float64 { return ((a+2)*s-(a+3))*s*s + 1 }
	far := func(s float64) float64 { return ((a*s-5*a)*s+8*a)*s - 4*a }
	k := int(lo)
	return []int{k - 1, k, k + 1, k + 2}, []float64{far(1 + t), near(t), near(1 - t), far(2 - t)}
}
