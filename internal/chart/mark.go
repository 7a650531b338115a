package chart

import (
	"image/color"
	"math"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// A Mark is the shape of a point.
type Mark string

// The marks.
const (
	Circle  Mark = "circle"
	Pyramid Mark = "pyramid"
	Diamond Mark = "diamond"
	Box     Mark = "box"
	Cross   Mark = "cross" // an X thick enough to read on a phone
	Ring    Mark = "ring"
	Star    Mark = "star"    // of five points, with a white rim
	Dot     Mark = "dot"     // a disc with a white rim
	Saltire Mark = "saltire" // a thin X
	Plus    Mark = "plus"
)

var glyphs = map[Mark]draw.GlyphDrawer{
	Circle: draw.CircleGlyph{}, Pyramid: draw.PyramidGlyph{}, Diamond: diamond{}, Box: draw.BoxGlyph{}, Cross: cross{},
	Ring: ring{}, Star: star{}, Dot: dot{}, Saltire: draw.CrossGlyph{}, Plus: draw.PlusGlyph{},
}

// style is that of a point.
func (m Mark) style(c color.Color, radius float64) draw.GlyphStyle {
	shape := glyphs[m]
	if shape == nil {
		shape = glyphs[Box]
	}
	return draw.GlyphStyle{Color: c, Radius: vg.Length(radius), Shape: shape}
}

type cross struct{}

// DrawGlyph draws the cross.
func (cross) DrawGlyph(c *draw.Canvas, s draw.GlyphStyle, p vg.Point) {
	strokeX(c, draw.LineStyle{Color: s.Color, Width: 1.8}, p, s.Radius*.75)
}

// strokeX draws an X that reaches r to each side.
func strokeX(c *draw.Canvas, line draw.LineStyle, p vg.Point, r vg.Length) {
	c.StrokeLine2(line, p.X-r, p.Y-r, p.X+r, p.Y+r)
	c.StrokeLine2(line, p.X-r, p.Y+r, p.X+r, p.Y-r)
}

// diamond is a filled square on its corner.
type diamond struct{}

// DrawGlyph draws the diamond.
func (diamond) DrawGlyph(c *draw.Canvas, s draw.GlyphStyle, p vg.Point) {
	var path vg.Path
	path.Move(vg.Point{X: p.X, Y: p.Y + s.Radius})
	path.Line(vg.Point{X: p.X + s.Radius, Y: p.Y})
	path.Line(vg.Point{X: p.X, Y: p.Y - s.Radius})
	path.Line(vg.Point{X: p.X - s.Radius, Y: p.Y})
	path.Close()
	c.Fill(path)
}

// ring is a circle with a line that can be seen in a crowd.
type ring struct{}

// DrawGlyph draws the ring.
func (ring) DrawGlyph(c *draw.Canvas, s draw.GlyphStyle, p vg.Point) {
	const width = .8
	var path vg.Path
	path.Move(vg.Point{X: p.X + s.Radius - width/2, Y: p.Y})
	path.Arc(p, s.Radius-width/2, 0, 2*math.Pi)
	path.Close()
	c.SetLineStyle(draw.LineStyle{Color: s.Color, Width: width})
	c.Stroke(path)
}

type star struct{}

// DrawGlyph draws the star.
func (star) DrawGlyph(c *draw.Canvas, s draw.GlyphStyle, at vg.Point) {
	path := func(radius vg.Length) []vg.Point {
		var corners []vg.Point
		for i := range 10 {
			r := radius
			if i%2 == 1 {
				r *= .42
			}
			sin, cos := math.Sincos(math.Pi * (.5 + float64(i)/5))
			corners = append(corners, vg.Point{X: at.X + r*vg.Length(cos), Y: at.Y + r*vg.Length(sin)})
		}
		return corners
	}
	c.FillPolygon(white, path(s.Radius*1.45))
	c.FillPolygon(s.Color, path(s.Radius))
}

type dot struct{}

// DrawGlyph draws the disc and its rim.
func (dot) DrawGlyph(c *draw.Canvas, s draw.GlyphStyle, at vg.Point) {
	rim := s
	rim.Color, rim.Radius = white, s.Radius+.8
	draw.CircleGlyph{}.DrawGlyph(c, rim, at)
	draw.CircleGlyph{}.DrawGlyph(c, s, at)
}
