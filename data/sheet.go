package data

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"

	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"
)

// The contact sheet's measures, in pixels.
const (
	sheetCell    = 64 // of an example's longer side, at least
	sheetGap     = 4
	sheetColumns = 10
	sheetRows    = 100
	sheetText    = 24 // letters of a class's name
)

// ContactSheet draws a row of examples for each class, the first ten of each, with its
// name and number of examples; of at most 100 classes.
func ContactSheet(s *Set, classes []string) (image.Image, error) {
	if len(s.Shape) != 3 || s.Shape[0] == 1 && s.Shape[1] == 1 || s.Shape[2] != 1 && s.Shape[2] != 3 {
		return nil, fmt.Errorf("examples of shape %v are no pictures", s.Shape)
	}
	if s.Labels == nil {
		return nil, fmt.Errorf("the examples have no classes, of which a contact sheet has a row each")
	}
	const face = 7 // width of a letter
	zoom := max(sheetCell/max(s.Shape[0], s.Shape[1]), 1)
	cell := image.Pt(zoom*s.Shape[1]+sheetGap, zoom*s.Shape[0]+sheetGap)
	left := face*sheetText + 2*sheetGap
	rows := min(len(classes), sheetRows)
	sheet := image.NewRGBA(image.Rect(0, 0, left+sheetColumns*cell.X, rows*cell.Y+sheetGap))
	draw.Draw(sheet, sheet.Bounds(), image.White, image.Point{}, draw.Src)
	counts := s.Counts(len(classes))
	for c := range rows {
		y := sheetGap + c*cell.Y
		write(sheet, 2*sheetGap, y+13, classes[c], color.Black)
		if cell.Y > 30 {
			write(sheet, 2*sheetGap, y+28, fmt.Sprint(counts[c]), color.Gray{120})
		}
	}
	x := make([]float32, s.ExampleLen())
	drawn := make([]int, rows)
	for i, l := range s.Labels {
		if l >= rows || drawn[l] == sheetColumns {
			continue
		}
		if err := s.Read(x, i); err != nil {
			return nil, err
		}
		drawExample(sheet, image.Pt(left+drawn[l]*cell.X, sheetGap+l*cell.Y), x, s.Shape, zoom)
		drawn[l]++
	}
	return sheet, nil
}

// write writes one line of text, cut to the room there is. The font has ASCII alone.
func write(dst draw.Image, x, y int, text string, c color.Color) {
	if r := []rune(text); len(r) > sheetText {
		text = string(r[:sheetText-2]) + ".."
	}
	d := font.Drawer{Dst: dst, Src: image.NewUniform(c), Face: basicfont.Face7x13, Dot: fixed.P(x, y)}
	d.DrawString(text)
}

func drawExample(dst *image.RGBA, at image.Point, x []float32, shape []int, zoom int) {
	h, w, channels := shape[0], shape[1], shape[2]
	for r := range h * zoom {
		for c := range w * zoom {
			px := x[(r/zoom*w+c/zoom)*channels:]
			b := [3]uint8{}
			for k := range b {
				v := px[k%channels]
				b[k] = uint8(min(max(int(v*255+.5), 0), 255))
			}
			dst.SetRGBA(at.X+c, at.Y+r, color.RGBA{b[0], b[1], b[2], 255})
		}
	}
}
