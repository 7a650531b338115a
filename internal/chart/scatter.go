package chart

import (
	"image/color"
	"math"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// A Scatter is maps of points beside each other, without axes, over a key.
type Scatter struct {
	Alt    string // says in words what is drawn
	Panels []ScatterPanel
	Key    []Entry
}

// A ScatterPanel is one map. Its points are finite, and fill the frame with one scale for
// both directions.
type ScatterPanel struct {
	Name   string
	Points []ScatterPoint // drawn in this order
}

// A ScatterPoint is a mark at a place.
type ScatterPoint struct {
	X, Y   float64
	Mark   Mark
	Color  color.Color
	Radius float64
}

// Sizes of a scatter. Panels stand in rows of three at most.
const (
	scatterColumns = 3
	scatterSize    = 270 // of a panel's frame, both ways
	scatterGap     = 12
	scatterTitle   = 22
)

var scatterKey = keyStyle{font: fontSize - 1, color: Text, line: 24, mark: 16, between: 14, slack: 1}

func (s *Scatter) columns() int { return min(len(s.Panels), scatterColumns) }

func (s *Scatter) width() vg.Length {
	return vg.Length(s.columns())*(scatterSize+scatterGap) - scatterGap + 2*margin
}

func (s *Scatter) keyLines() [][]Entry { return scatterKey.lines(s.Key, s.width()-2*margin) }

func (s *Scatter) size() (width, height vg.Length) {
	rows := (len(s.Panels) + s.columns() - 1) / s.columns()
	return s.width(), vg.Length(rows)*(scatterTitle+scatterSize+scatterGap) + vg.Length(len(s.keyLines()))*keyHeight + margin
}

func (s *Scatter) said() string { return s.Alt }

func (s *Scatter) draw(dc draw.Canvas) {
	for i, p := range s.Panels {
		corner := vg.Point{
			X: margin + vg.Length(i%s.columns())*(scatterSize+scatterGap),
			Y: dc.Max.Y - vg.Length(i/s.columns()+1)*(scatterTitle+scatterSize+scatterGap) + scatterGap,
		}
		dc.FillText(words(Text, fontSize+1, draw.XCenter, draw.YBottom), corner.Add(vg.Point{X: scatterSize / 2, Y: scatterSize + 3}), p.Name)
		p.draw(draw.Canvas{Canvas: dc.Canvas, Rectangle: vg.Rectangle{Min: corner, Max: corner.Add(vg.Point{X: scatterSize, Y: scatterSize})}})
	}
	lines := s.keyLines()
	for i, line := range lines {
		at := vg.Point{X: margin, Y: vg.Length(len(lines)-i)*keyHeight - keyHeight/2 + margin/2}
		for _, e := range line {
			scatterKey.draw(dc, e, at)
			at.X += scatterKey.width(e)
		}
	}
}

// draw draws the frame and the points.
func (p *ScatterPanel) draw(c draw.Canvas) {
	c.SetLineStyle(draw.LineStyle{Color: Grid, Width: 1})
	c.Stroke(c.Path())
	place := p.fit(c.Rectangle)
	for _, t := range p.Points {
		c.DrawGlyphNoClip(t.Mark.style(t.Color, t.Radius), place(t))
	}
}

// fit returns where in a square a point lies.
func (p *ScatterPanel) fit(in vg.Rectangle) func(ScatterPoint) vg.Point {
	lo, hi := [2]float64{math.Inf(1), math.Inf(1)}, [2]float64{math.Inf(-1), math.Inf(-1)}
	for _, t := range p.Points {
		for i, v := range [2]float64{t.X, t.Y} {
			lo[i], hi[i] = min(lo[i], v), max(hi[i], v)
		}
	}
	const room = .94
	scale := 0.
	if size := max(hi[0]-lo[0], hi[1]-lo[1]); size > 0 {
		scale = room * scatterSize / size
	}
	return func(t ScatterPoint) vg.Point {
		return vg.Point{
			X: (in.Min.X+in.Max.X)/2 + vg.Length(scale*(t.X-(lo[0]+hi[0])/2)),
			Y: (in.Min.Y+in.Max.Y)/2 + vg.Length(scale*(t.Y-(lo[1]+hi[1])/2)),
		}
	}
}
