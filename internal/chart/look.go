package chart

import (
	"image/color"
	"slices"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// A Look tells one thing from the others without words: by colour, dashes and marks.
type Look struct {
	Ink    Ink
	Width  float64   // of lines
	Dashes []float64 // lengths of a line and a gap in turn; nil for none
	Mark   Mark
	Radius float64 // of marks
}

// LookOf is a look as a list of things by name has it: ink is the number of one of the
// inks of lines; mark is circle, pyramid, diamond or box, and anything else a box.
func LookOf(ink int, width float64, dashes []float64, mark string, radius float64) Look {
	m := Mark(mark)
	if !slices.Contains([]Mark{Circle, Pyramid, Diamond, Box}, m) {
		m = Box
	}
	return Look{LineInk(ink), width, dashes, m, radius}
}

// LookAt is that of thing number i among things that have no look of their own, in the
// given inks of lines by number, or in all without any. Where inks come again, dashes and
// marks are others.
func LookAt(i int, inks ...int) Look {
	if len(inks) == 0 {
		inks = []int{2, 1, 3, 4, 7, 5, 6, 0}
	}
	dashes := [][]float64{nil, {6, 3}, {2, 2.5}, {10, 3}, {7, 2, 2, 2}}
	marks := []Mark{Circle, Box, Pyramid, Diamond}
	return Look{LineInk(inks[i%len(inks)]), 1.8, dashes[i%len(dashes)], marks[i%len(marks)], 3.2}
}

// Thin is the look with a thin line of dots, for what goes with another line.
func (l Look) Thin() Look {
	l.Width, l.Dashes = 1, []float64{1.5, 2}
	return l
}

// Line is the look's line.
func (l Look) Line() Line { return Line{l.Ink, l.Width, l.Dashes} }

// Entry is what explains the look in a key.
func (l Look) Entry(label string) Entry {
	return Entry{Label: label, Line: l.Line(), Mark: l.Mark, Color: l.Ink, Radius: l.Radius}
}

// mark is the style of a point, a cross where something broke.
func (l Look) mark(broken bool) draw.GlyphStyle {
	if broken {
		return Cross.style(l.Ink, l.Radius+1)
	}
	return l.Mark.style(l.Ink, l.Radius)
}

// A Line is the style of a line.
type Line struct {
	Color  color.Color
	Width  float64
	Dashes []float64 // lengths of a line and a gap in turn; nil for none
}

// Stroke is the style of a line of a colour, width and dashes.
func Stroke(c color.Color, width float64, dashes ...float64) Line { return Line{c, width, dashes} }

func (l Line) style() draw.LineStyle {
	s := draw.LineStyle{Color: l.Color, Width: vg.Length(l.Width)}
	for _, d := range l.Dashes {
		s.Dashes = append(s.Dashes, vg.Length(d))
	}
	return s
}
