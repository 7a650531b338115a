package hf

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/monge-ml/monge/data/picture"
	"github.com/monge-ml/monge/weights"
)

// sized is what of a network follows the size of its images.
type sized struct {
	side, patch int    // as published
	table       string // of positions: rows in front, then one of each patch
	front       int    // of them
	part        string // the key of the settings that have the size, where those of several parts are together
	key         string // of the size
}

// takes reports whether images of a shape can be taken.
func (d *design) takes(input []int) bool {
	if d.anySize || slices.Equal(input, d.input) {
		return true
	}
	return d.sized != nil && input[0] == input[1] && input[0] >= d.sized.patch && input[0] <= d.sized.most()
}

// NotesAt says what becomes of the network for images of a shape.
func (n *Network) NotesAt(input []int) []string {
	if s := n.design.sized; s != nil && !slices.Equal(input, n.design.input) {
		return []string{fmt.Sprintf("its positions are interpolated from images of %dx%d to %dx%d", s.side, s.side, input[0], input[1])}
	}
	return nil
}

// tensorsAt are the weights for images of a shape: the table of positions is interpolated to their size, as
// transformers does where it is asked to (interpolate_pos_encoding), or of timm's networks as timm does.
func (n *Network) tensorsAt(input []int) ([]weights.Tensor, error) {
	s := n.design.sized
	if s == nil || slices.Equal(input, n.design.input) {
		return n.tensors, nil
	}
	list := slices.Clone(n.tensors)
	for i, t := range list {
		if t.Name != n.design.prefix+s.table {
			continue
		}
		from, to := s.side/s.patch, input[0]/s.patch
		width := 0
		if rank := len(t.Shape); rank > 0 {
			width = t.Shape[rank-1]
		}
		if rows := s.front + from*from; width < 1 || len(t.Data) != rows*width {
			return nil, fmt.Errorf("%s has the shape %v; images of %dx%d have %d positions", t.Name, t.Shape, s.side, s.side, rows)
		}
		weigh := tapsOf
		if n.design.timm != nil {
			weigh = smoothTapsOf
		}
		list[i].Data = interpolated(t.Data, s.front*width, width, from, to, weigh)
		list[i].Shape = slices.Clone(t.Shape)
		list[i].Shape[len(t.Shape)-2] = s.front + to*to
	}
	return list, nil
}

// interpolated is a table of from x from rows, behind some numbers that stay, at to x to places: PyTorch's bicubic
// interpolation without aligned corners. weigh says what a place of to is made of.
func interpolated(table []float32, front, width, from, to int, weigh func(i, from, to int) []tap) []float32 {
	out := make([]float32, front+to*to*width)
	copy(out, table[:front])
	lines := make([][]tap, to)
	for i := range lines {
		lines[i] = weigh(i, from, to)
	}
	for y, down := range lines {
		for x, across := range lines {
			row := out[front+(y*to+x)*width:][:width]
			for k := range row {
				sum := 0.
				for _, a := range down {
					for _, b := range across {
						sum += a.weight * b.weight * float64(table[front+(a.at*from+b.at)*width+k])
					}
				}
				row[k] = float32(sum)
			}
		}
	}
	return out
}

// A tap is a place that a place is made of, and how much of it.
type tap struct {
	at     int
	weight float64
}

func tapsOf(i, from, to int) (list []tap) {
	place := (float64(i)+.5)*float64(from)/float64(to) - .5
	first := int(math.Floor(place))
	for k := first - 1; k <= first+2; k++ {
		list = append(list, tap{min(max(k, 0), from-1), cubic(place-float64(k), -.75)})
	}
	return list
}

// smoothTapsOf are those with antialias, whose curve is another: of a smaller table each place is made of all that
// it covers.
func smoothTapsOf(i, from, to int) (list []tap) {
	scale := float64(from) / float64(to)
	wide := max(scale, 1)
	centre, sum := (float64(i)+.5)*scale, 0.
	for k := max(0, int(centre-2*wide+.5)); k < min(from, int(centre+2*wide+.5)); k++ {
		w := cubic((float64(k)-centre+.5)/wide, -.5)
		sum += w
		list = append(list, tap{k, w})
	}
	for k := range list {
		list[k].weight /= sum
	}
	return list
}

// cubic is the curve of bicubic interpolation at a distance (Keys 1981).
func cubic(d, a float64) float64 {
	switch d = math.Abs(d); {
	case d <= 1:
		return ((a+2)*d-(a+3))*d*d + 1
	case d < 2:
		return ((a*d-5*a)*d+8*a)*d - 4*a
	}
	return 0
}

// resize says in settings how large the images are.
func (s *sized) resize(all map[string]json.RawMessage, side int) error {
	if s.part == "" {
		all[s.key] = json.RawMessage(fmt.Sprint(side))
		return nil
	}
	var part map[string]json.RawMessage
	if b := all[s.part]; b != nil {
		if err := json.Unmarshal(b, &part); err != nil {
			return fmt.Errorf("%s: %w", s.part, err)
		}
	}
	if part == nil { // it is missing, or null
		part = map[string]json.RawMessage{}
	}
	inner := *s
	inner.part = ""
	if err := inner.resize(part, side); err != nil {
		return err
	}
	b, err := json.Marshal(part)
	all[s.part] = b
	return err
}

// preprocessorAt prepares images for another size in the same way: of a larger image the same share is cut out.
func (n *Network) preprocessorAt(side int) picture.Preprocessor {
	p := *n.Preprocessor
	switch {
	case side == p.Side():
		return p
	case p.Crop == 0:
		p.Size = side
		return p
	case n.design.share > 0:
		p.Size = sizeForCrop(side, n.design.share)
	default:
		p.Size = max(side, int(math.Round(float64(p.Size)*float64(side)/float64(p.Crop))))
	}
	p.Crop = side
	return p
}

// sizeForCrop is the shorter side of images of which a share is cut out, as timm computes it.
func sizeForCrop(side int, share float64) int { return int(math.Floor(float64(side) / share)) }

// resized are settings for images of a shape.
func (n *Network) resized(all map[string]json.RawMessage, input []int) (map[string]json.RawMessage, error) {
	if s := n.design.sized; s != nil && len(input) == 3 && input[0] != n.design.input[0] {
		all = maps.Clone(all)
		return all, s.resize(all, input[0])
	}
	return all, nil
}

// most is the largest side that images can have.
func (s *sized) most() int { return min(maxSide, s.patch*int(math.Sqrt(maxPositions))) }
