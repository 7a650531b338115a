package chart

import (
	"image"
	"image/color"
	"math"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Colours of sheets that no line has.
var (
	Black = Hex(0x101010)
	Grey  = Hex(0x808080)
)

// Fade mixes a colour with white. A strength of 0 is white, 1 the colour.
func Fade(c color.NRGBA, strength float64) color.NRGBA {
	s := math.Min(math.Max(strength, 0), 1)
	mix := func(v uint8) uint8 { return uint8(math.Round(255 + s*(float64(v)-255))) }
	return color.NRGBA{mix(c.R), mix(c.G), mix(c.B), 0xff}
}

// A View is a range of the plane.
type View struct{ X0, X1, Y0, Y1 float64 }

// A Panel is one plot of a sheet. What is added later lies above what was added before;
// what leaves the view is clipped. Points are pairs x, y.
type Panel struct {
	title, x, y    string
	view           View
	xTicks, yTicks []float64
	added          []plot.Plotter
}

// NewPanel returns an empty panel that shows a view, with the names of its axes. Its ticks
// are round numbers.
func NewPanel(title, x, y string, view View) *Panel {
	across, up := Axis{Min: view.X0, Max: view.X1}, Axis{Min: view.Y0, Max: view.Y1}
	return &Panel{title: title, x: x, y: y, view: view, xTicks: across.values(), yTicks: up.values()}
}

// TicksX puts ticks with their labels at values of x.
func (p *Panel) TicksX(values ...float64) { p.xTicks = values }

// TicksY puts ticks with their labels at values of y.
func (p *Panel) TicksY(values ...float64) { p.yTicks = values }

// Bare leaves the name and the ticks of the vertical axis out, for all but a row's first
// panel.
func (p *Panel) Bare() { p.y, p.yTicks = "", nil }

// Line adds a line through points.
func (p *Panel) Line(points [][]float64, style Line) {
	p.added = append(p.added, &plotter.Line{XYs: xys(points), LineStyle: style.style()})
}

func xys(points [][]float64) plotter.XYs {
	xy := make(plotter.XYs, len(points))
	for i, q := range points {
		xy[i].X, xy[i].Y = q[0], q[1]
	}
	return xy
}

// Curve adds y = f(x) over the view.
func (p *Panel) Curve(f func(x float64) float64, style Line) {
	const n = 300
	var points [][]float64
	for i := range n + 1 {
		x := p.view.X0 + (p.view.X1-p.view.X0)*float64(i)/n
		points = append(points, []float64{x, f(x)})
	}
	p.Line(points, style)
}

// Mark adds a mark at each point.
func (p *Panel) Mark(points [][]float64, m Mark, c color.Color, radius float64) {
	p.added = append(p.added, bare{&plotter.Scatter{XYs: xys(points), GlyphStyle: m.style(c, radius)}})
}

// Arrow adds an arrow.
func (p *Panel) Arrow(from, to []float64, style Line) {
	p.added = append(p.added, arrow{from, to, style.style()})
}

// Note adds a text, its lower left corner at a point.
func (p *Panel) Note(x, y float64, s string, c color.Color) {
	p.added = append(p.added, note{x, y, s, c})
}

// Raster adds a picture of n x n cells over the view, each shaded by its centre.
func (p *Panel) Raster(n int, shade func(x, y float64) color.NRGBA) {
	b := p.view
	centre := func(lo, hi float64, i int) float64 { return lo + (hi-lo)*(float64(i)+.5)/float64(n) }
	img := image.NewNRGBA(image.Rect(0, 0, n, n))
	for i := range n {
		for j := range n {
			img.SetNRGBA(i, n-1-j, shade(centre(b.X0, b.X1, i), centre(b.Y0, b.Y1, j)))
		}
	}
	p.added = append(p.added, plotter.NewImage(img, b.X0, b.Y0, b.X1, b.Y1))
}

// Contours adds the lines where f is at each level, to the precision of a grid of 81 points
// each way.
func (p *Panel) Contours(f func(x, y float64) float64, style Line, levels ...float64) {
	g := newLattice(p.view, 81, f)
	for _, level := range levels {
		for _, line := range g.contours(level) {
			p.added = append(p.added, bare{&plotter.Line{XYs: xys(line), LineStyle: style.style()}})
		}
	}
}

// plot is the panel with its frame.
func (p *Panel) plot() *plot.Plot {
	to := plot.New()
	to.BackgroundColor = nil
	b := p.view
	frame := Stroke(Grey, .75)
	for _, a := range []struct {
		axis  *plot.Axis
		name  string
		ticks []float64
	}{{&to.X, p.x, p.xTicks}, {&to.Y, p.y, p.yTicks}} {
		a.axis.Label.Text, a.axis.Label.TextStyle.Font, a.axis.Label.Padding = a.name, face(sheetFont), 2
		a.axis.Padding, a.axis.Tick.Length, a.axis.Tick.Label.Font = 0, 3, face(sheetFont-1)
		a.axis.Tick.Marker = signed(a.ticks)
		a.axis.LineStyle.Width, a.axis.Tick.LineStyle = 0, frame.style() // the frame is the axis
	}
	corners := plotter.XYs{{X: b.X0, Y: b.Y0}, {X: b.X1, Y: b.Y0}, {X: b.X1, Y: b.Y1}, {X: b.X0, Y: b.Y1}, {X: b.X0, Y: b.Y0}}
	to.Add(p.added...)
	to.Add(&plotter.Line{XYs: corners, LineStyle: frame.style()})
	to.X.Min, to.X.Max, to.Y.Min, to.Y.Max = b.X0, b.X1, b.Y0, b.Y1
	return to
}

// signed are ticks whose labels have proper minus signs.
func signed(values []float64) (ticks plot.ConstantTicks) {
	for _, v := range values {
		label := strings.ReplaceAll(strconv.FormatFloat(v, 'g', 4, 64), "-", "−")
		ticks = append(ticks, plot.Tick{Value: v, Label: label})
	}
	return ticks
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
	c.FillText(words(n.color, sheetFont-1, draw.XLeft, draw.YBottom), vg.Point{X: x(n.x), Y: y(n.y)}, n.text)
}
