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
	side, patch int      // as published
	table       string   // of positions: rows in front, then one of each patch
	front       int      // of them
	part        string   // the key of the settings that have the size, where those of several parts are together
	keys        []string // of the size
}

// takes reports whether images of a shape can be taken.
func (d *design) takes(input []int) bool {
	if d.anySize || slices.Equal(input, d.input) {
		return true
	}
	return d.sized != nil && input[0] == input[1] && input[0] >= d.sized.patch && input[0] <= maxSide
}

// NotesAt says what becomes of the network for images of a shape.
func (n *Network) NotesAt(input []int) []string {
	if s := n.design.sized; s != nil && !slices.Equal(input, n.design.input) {
		return []string{fmt.Sprintf("its positions are interpolated from images of %dx%d to %dx%d", s.side, s.side, input[0], input[1])}
	}
	return nil
}

// tensorsAt are the weights for images of a shape: the table of positions is interpolated to their size, as
// transformers does where it is asked to (interpolate_pos_encoding).
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
		list[i].Data = interpolated(t.Data, s.front*width, width, from, to)
		list[i].Shape = slices.Clone(t.Shape)
		list[i].Shape[len(t.Shape)-2] = s.front + to*to
	}
	return list, nil
}

// interpolated is a table of from x from rows, behind some numbers that stay, at to x to places: PyTorch's bicubic
// interpolation without aligned corners.
func interpolated(table []float32, front, width, from, to int) []float32 {
	out := make([]float32, front+to*to*width)
	copy(out, table[:front])
	taps := make([]taps, to)
	for i := range taps {
		taps[i] = tapsOf(i, from, to)
	}
	for y, down := range taps {
		for x, across := range taps {
			row := out[front+(y*to+x)*width:][:width]
			for k := range row {
				sum := 0.
				for i, at := range down.at {
					for j, beside := range across.at {
						sum += down.weight[i] * across.weight[j] * float64(table[front+(at*from+beside)*width+k])
					}
				}
				row[k] = float32(sum)
			}
		}
	}
	return out
}

// taps are the places that a place is made of, and how much of each.
type taps struct {
	at     [4]int
	weight [4]float64
}

func tapsOf(i, from, to int) (t taps) {
	const a = -.75 // PyTorch's
	place := (float64(i)+.5)*float64(from)/float64(to) - .5
	first := math.Floor(place)
	for k := range t.at {
		d := math.Abs(place - first - float64(k-1))
		t.at[k] = min(max(int(first)+k-1, 0), from-1)
		switch {
		case d <= 1:
			t.weight[k] = ((a+2)*d-(a+3))*d*d + 1
		case d < 2:
			t.weight[k] = ((a*d-5*a)*d+8*a)*d - 4*a
		}
	}
	return t
}

// resize says in settings how large the images are.
func (s *sized) resize(all map[string]json.RawMessage, side int) error {
	if s.part == "" {
		for _, key := range s.keys {
			all[key] = json.RawMessage(fmt.Sprint(side))
		}
		return nil
	}
	part := map[string]json.RawMessage{}
	if b := all[s.part]; b != nil {
		if err := json.Unmarshal(b, &part); err != nil {
			return fmt.Errorf("%s: %w", s.part, err)
		}
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
func preprocessorAt(p picture.Preprocessor, side int) picture.Preprocessor {
	if p.Crop == 0 {
		p.Size = side
		return p
	}
	p.Size = max(side, int(math.Round(float64(p.Size)*float64(side)/float64(p.Crop))))
	p.Crop = side
	return p
}

// resized are settings for images of a shape.
func (n *Network) resized(all map[string]json.RawMessage, input []int) (map[string]json.RawMessage, error) {
	if s := n.design.sized; s != nil && len(input) == 3 && input[0] != n.design.input[0] {
		all = maps.Clone(all)
		return all, s.resize(all, input[0])
	}
	return all, nil
}
