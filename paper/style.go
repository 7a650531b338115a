package paper

import (
	"image/color"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/monge-ml/monge/sam"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// look is how a method is named and coloured in every picture.
type look struct {
	label string
	color color.NRGBA
}

// The colours are Okabe and Ito's, which readers with any colour vision tell apart.
var colours = map[string]color.NRGBA{
	"none":   {0x40, 0x40, 0x40, 0xff},
	"sam":    {0xd5, 0x5e, 0x00, 0xff},
	"m-sam":  {0x00, 0x72, 0xb2, 0xff},
	"fisher": {0x00, 0x9e, 0x73, 0xff},
	"asam":   {0xb8, 0x5c, 0x96, 0xff},
}

// otherColour is that of methods that the paper's figures do not show.
var otherColour = color.NRGBA{0x4b, 0x9f, 0xcc, 0xff}

// lookOf is the look of a method by name.
func lookOf(name string) look {
	m, err := sam.FindMethod(name)
	if err != nil {
		return look{name, otherColour}
	}
	l := look{m.Label, otherColour}
	if c, ok := colours[m.Name]; ok {
		l.color = c
	}
	if !m.Perturbs() {
		l.label = "GD"
	}
	return l
}

var (
	black  = color.NRGBA{0x10, 0x10, 0x10, 0xff}
	grey   = color.NRGBA{0x80, 0x80, 0x80, 0xff}
	faint  = color.NRGBA{0xd8, 0xd8, 0xd8, 0xff}
	white  = color.NRGBA{0xff, 0xff, 0xff, 0xff}
	stable = color.NRGBA{0xb2, 0x18, 0x2b, 0xff} // figure 4's red
	away   = color.NRGBA{0x21, 0x66, 0xac, 0xff} // and its blue
)

// Sizes of type, in points.
const (
	smallType = 9
	plainType = 10
	titleType = 11
)

func face(size float64) font.Font {
	return font.From(font.Font{Typeface: "Liberation", Variant: "Sans"}, vg.Points(size))
}

// fade mixes a colour with white; 0 is white.
func fade(c color.NRGBA, strength float64) color.NRGBA {
	s := math.Min(math.Max(strength, 0), 1)
	mix := func(v uint8) uint8 { return uint8(math.Round(255 + s*(float64(v)-255))) }
	return color.NRGBA{mix(c.R), mix(c.G), mix(c.B), 0xff}
}

// box is a range of the plane.
type box struct{ x0, x1, y0, y1 float64 }

// panel is one plot of a sheet.
type panel struct {
	*plot.Plot
	title string
	view  box
}

// newPanel returns an empty panel that shows a range.
func newPanel(title, x, y string, view box) panel {
	p := plot.New()
	p.X.Label.Text, p.Y.Label.Text = x, y
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Label.TextStyle.Font, a.Tick.Label.Font = face(plainType), face(smallType)
		a.Label.Padding, a.Padding, a.Tick.Length = vg.Points(2), 0, vg.Points(3)
		a.Tick.Marker = signs{plot.DefaultTicks{}}
		a.LineStyle.Width, a.Tick.LineStyle = 0, stroke(grey, .75) // the frame is the axis
	}
	return panel{p, title, view}
}

// ticks puts a tick with its label at each value.
func ticks(a *plot.Axis, values ...float64) {
	var marks plot.ConstantTicks
	for _, v := range values {
		marks = append(marks, plot.Tick{Value: v, Label: strconv.FormatFloat(v, 'g', 4, 64)})
	}
	a.Tick.Marker = signs{marks}
}

// signs gives the labels of ticks proper minus signs.
type signs struct{ plot.Ticker }

// Ticks implements plot.Ticker.
func (s signs) Ticks(lo, hi float64) []plot.Tick {
	marks := slices.Clone(s.Ticker.Ticks(lo, hi))
	for i := range marks {
		marks[i].Label = strings.ReplaceAll(marks[i].Label, "-", "−")
	}
	return marks
}

// bare leaves the labels and ticks of the vertical axis out, for all but a row's first
// panel.
func (p panel) bare() {
	p.Y.Label.Text = ""
	p.Y.Tick.Marker = plot.ConstantTicks{}
}

// finish sets the ranges and the frame; nothing may be added after it.
func (p panel) finish() {
	b := p.view
	p.Add(&plotter.Line{
		XYs:       plotter.XYs{{X: b.x0, Y: b.y0}, {X: b.x1, Y: b.y0}, {X: b.x1, Y: b.y1}, {X: b.x0, Y: b.y1}, {X: b.x0, Y: b.y0}},
		LineStyle: stroke(grey, .75),
	})
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = b.x0, b.x1, b.y0, b.y1
}

func stroke(c color.Color, width float64, dashes ...float64) draw.LineStyle {
	s := draw.LineStyle{Color: c, Width: vg.Points(width)}
	for _, d := range dashes {
		s.Dashes = append(s.Dashes, vg.Points(d))
	}
	return s
}

// line adds a polyline through points; what leaves the view is clipped.
func (p panel) line(points [][]float64, style draw.LineStyle) {
	xy := make(plotter.XYs, len(points))
	for i, q := range points {
		xy[i].X, xy[i].Y = q[0], q[1]
	}
	p.Add(&plotter.Line{XYs: xy, LineStyle: style})
}

// curve adds y = f(x) over the view.
func (p panel) curve(f func(x float64) float64, style draw.LineStyle) {
	const n = 300
	var points [][]float64
	for i := range n + 1 {
		x := p.view.x0 + (p.view.x1-p.view.x0)*float64(i)/n
		points = append(points, []float64{x, f(x)})
	}
	p.line(points, style)
}

// mark adds a glyph at each point, outlined in white so that it shows on lines.
func (p panel) mark(points [][]float64, g draw.GlyphDrawer, c color.Color, radius float64) {
	p.Add(marks{points, draw.GlyphStyle{Color: c, Radius: vg.Points(radius), Shape: g}})
}

// arrow adds an arrow.
func (p panel) arrow(from, to []float64, style draw.LineStyle) {
	p.Add(arrow{from, to, style})
}

// note adds a text, its lower left corner at a point.
func (p panel) note(x, y float64, s string, c color.Color) {
	p.Add(note{x, y, s, c})
}

// marks draws glyphs without making room for them beyond the axes.
type marks struct {
	points [][]float64
	style  draw.GlyphStyle
}

// Plot implements plot.Plotter.
func (m marks) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	for _, q := range m.points {
		c.DrawGlyph(m.style, vg.Point{X: x(q[0]), Y: y(q[1])})
	}
}

type arrow struct {
	from, to []float64
	style    draw.LineStyle
}

// Plot implements plot.Plotter.
func (a arrow) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	from, to := vg.Point{X: x(a.from[0]), Y: y(a.from[1])}, vg.Point{X: x(a.to[0]), Y: y(a.to[1])}
	d := to.Sub(from)
	length := vg.Length(math.Hypot(float64(d.X), float64(d.Y)))
	if length == 0 {
		return
	}
	u := d.Scale(1 / length)
	back := to.Sub(u.Scale(7))
	side := vg.Point{X: -u.Y, Y: u.X}.Scale(3)
	c.StrokeLines(a.style, []vg.Point{from, back})
	c.FillPolygon(a.style.Color, []vg.Point{to, back.Add(side), back.Sub(side)})
}

type note struct {
	x, y  float64
	text  string
	color color.Color
}

// Plot implements plot.Plotter.
func (n note) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	c.FillText(typeStyle(smallType, n.color), vg.Point{X: x(n.x), Y: y(n.y)}, n.text)
}

func typeStyle(size float64, c color.Color) text.Style {
	return text.Style{Color: c, Font: face(size), Handler: plot.DefaultTextHandler}
}

// star is a five-pointed star, the paper's mark of an end.
type star struct{}

// DrawGlyph implements draw.GlyphDrawer.
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

// dot is a disc with a white rim.
type dot struct{}

// DrawGlyph implements draw.GlyphDrawer.
func (dot) DrawGlyph(c *draw.Canvas, s draw.GlyphStyle, at vg.Point) {
	rim := s
	rim.Color, rim.Radius = white, s.Radius+vg.Points(.8)
	draw.CircleGlyph{}.DrawGlyph(c, rim, at)
	draw.CircleGlyph{}.DrawGlyph(c, s, at)
}

var (
	cross = draw.CrossGlyph{}
	plus  = draw.PlusGlyph{}
)

func square(v float64) float64 { return v * v }

func hypot(v []float64) float64 { return math.Hypot(v[0], v[1]) }
