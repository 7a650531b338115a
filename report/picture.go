package report

import (
	"bytes"
	"fmt"
	"html"
	"html/template"
	"math"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Sizes of a picture, in units of which a phone shows about one to a pixel.
const (
	pictureWidth  = 380
	pictureHeight = 266
	fontSize      = 13
)

// picture is one chart.
type picture struct {
	alt    string // says in words what is drawn
	x, y   axis
	series []series
	rules  []rule
	slope  bool // draw the diagonal y = x
}

// axis is one axis. Values outside of min and max are not drawn.
type axis struct {
	label    string
	log      bool
	percent  bool
	min, max float64
}

// series is one method's line, points, or both.
type series struct {
	look   look
	points []spot
	line   bool
	marks  marking
}

// spot is a point with half the height of its band.
type spot struct {
	x, y, se float64
	broken   bool // marked by a cross
}

type marking int

const (
	markAll marking = iota
	markLast
	markNone
)

// rule is a straight line across the picture, at a height or, if upright, at an x. A
// thickness makes it a band as well.
type rule struct {
	look    look
	at, se  float64
	upright bool
	label   string
}

func (a *axis) holds(v float64) bool {
	return finite(v) && v >= a.min && v <= a.max
}

// clamp moves a band's edge to where it can be drawn: above zero on a log axis, and not
// absurdly far outside of the picture, which clips it.
func (a *axis) clamp(v float64) float64 {
	if a.log {
		return max(a.min, min(a.max, v))
	}
	far := 20 * (a.max - a.min)
	return max(a.min-far, min(a.max+far, v))
}

func (p *picture) size() (width, height vg.Length) { return pictureWidth, pictureHeight }
func (p *picture) said() string                    { return p.alt }

// svg draws as an SVG element of a page.
func svg(d drawing) template.HTML {
	c := vgsvg.New(d.size())
	d.draw(draw.New(c))
	return inline(c, fmt.Sprintf(`class="chart" role="img" aria-label="%s"`, html.EscapeString(d.said())))
}

// draw draws the picture on a canvas.
func (p *picture) draw(dc draw.Canvas) {
	pl := plot.New()
	pl.BackgroundColor = nil
	p.x.set(&pl.X)
	p.y.set(&pl.Y)
	pl.Y.LineStyle.Width = 0
	pl.Y.Tick.Length = 0
	line := draw.LineStyle{Color: inkGrid, Width: .8}
	pl.Add(&plotter.Grid{Horizontal: line, Vertical: line})
	if p.slope {
		lo, hi := max(p.x.min, p.y.min), min(p.x.max, p.y.max)
		p.add(pl, []spot{{x: lo, y: lo}, {x: hi, y: hi}}, draw.LineStyle{Color: inkMuted, Width: 1})
	}
	for _, r := range p.rules {
		p.addRule(pl, r)
	}
	for _, s := range p.series {
		p.addBand(pl, s)
	}
	for _, s := range p.series {
		p.addSeries(pl, s)
	}
	for _, r := range p.rules {
		p.addLabel(pl, r)
	}
	below := vg.Length(1)
	if p.x.label != "" {
		below = fontSize + 6
		dc.FillText(words(inkMuted, fontSize, draw.XCenter, draw.YBottom), vg.Point{X: dc.Center().X, Y: dc.Min.Y + 4}, p.x.label)
	}
	pl.Draw(draw.Crop(dc, 1, -6, below, -6))
}

// inline makes an element of a page out of an SVG canvas.
func inline(c *vgsvg.Canvas, attributes string) template.HTML {
	var b bytes.Buffer
	c.WriteTo(&b) // a bytes.Buffer fails no write
	s := head.ReplaceAllString(b.String(), "<svg $1 "+attributes+">")
	s = textElement.ReplaceAllStringFunc(s, fit)
	return template.HTML(sentinels.Replace(s))
}

// fit gives a text the width that it was laid out with, whatever font shows it.
func fit(element string) string {
	part := textElement.FindStringSubmatch(element)
	size, err := strconv.ParseFloat(part[2], 64)
	if err != nil {
		return element
	}
	face := font.DefaultCache.Lookup(font.Font{Typeface: "Liberation", Variant: "Sans"}, font.Length(size))
	return fmt.Sprintf(`<text textLength="%.1f" lengthAdjust="spacingAndGlyphs"%s>%s</text>`,
		face.Width(html.UnescapeString(part[3])), part[1], part[3])
}

// bare is a plotter that neither widens the axes nor asks for space beside them.
type bare struct{ plot.Plotter }

// add adds a line.
func (p *picture) add(pl *plot.Plot, points []spot, style draw.LineStyle) {
	var xy plotter.XYs
	for _, s := range points {
		xy = append(xy, plotter.XY{X: s.x, Y: s.y})
	}
	if len(xy) > 1 {
		pl.Add(bare{&plotter.Line{XYs: xy, LineStyle: style}})
	}
}

// ends are where a rule meets the frame; false if it is outside.
func (p *picture) ends(r rule) (ends []spot, ok bool) {
	if r.upright {
		return []spot{{x: r.at, y: p.y.min}, {x: r.at, y: p.y.max}}, p.x.holds(r.at)
	}
	return []spot{{x: p.x.min, y: r.at, se: r.se}, {x: p.x.max, y: r.at, se: r.se}}, p.y.holds(r.at)
}

func (p *picture) addRule(pl *plot.Plot, r rule) {
	if ends, ok := p.ends(r); ok {
		p.addBand(pl, series{look: r.look, points: ends})
		p.add(pl, ends, r.look.line())
	}
}

// addLabel writes a rule's label beside it, at an end and on a side where no line runs.
func (p *picture) addLabel(pl *plot.Plot, r rule) {
	ends, ok := p.ends(r)
	if !ok || r.label == "" {
		return
	}
	at, x, y := ends[1], draw.XRight, draw.YTop
	offset := vg.Point{X: -7, Y: 4}
	if !r.upright {
		left, below := p.free(r)
		y = draw.YBottom
		if left {
			at, x, offset.X = ends[0], draw.XLeft, 5
		}
		if below {
			y, offset.Y = draw.YTop, -3
		}
	}
	pl.Add(bare{&plotter.Labels{
		XYs: plotter.XYs{{X: at.x, Y: at.y}}, Labels: []string{r.label}, Offset: offset,
		TextStyle: []text.Style{words(r.look.ink, fontSize-1.5, x, y)},
	}})
}

// free finds the place for a label, at the left or right end of a level rule, above or
// below it, that is farthest from every line.
func (p *picture) free(r rule) (left, below bool) {
	const reach, middle = .27, .055 // of the label, in shares of the frame
	most := -1.
	for _, place := range []struct{ left, below bool }{{false, false}, {true, false}, {false, true}, {true, true}} {
		y := p.y.share(r.at) + middle
		if place.below {
			y -= 2 * middle
		}
		if y < middle/2 {
			continue
		}
		room := 1.
		for _, s := range p.series {
			for _, t := range s.points {
				if !p.x.holds(t.x) || !p.y.holds(t.y) {
					continue
				}
				if x := p.x.share(t.x); place.left && x < reach || !place.left && x > 1-reach {
					room = min(room, math.Abs(p.y.share(t.y)-y))
				}
			}
		}
		if room > most+.02 {
			most, left, below = room, place.left, place.below
		}
	}
	return left, below
}

// share is where a value lies between the ends of the axis, which are 0 and 1.
func (a *axis) share(v float64) float64 {
	if a.log {
		return plot.LogScale{}.Normalize(a.min, a.max, v)
	}
	return plot.LinearScale{}.Normalize(a.min, a.max, v)
}

// addBand adds the band of a series, or of a rule, where it has one.
func (p *picture) addBand(pl *plot.Plot, s series) {
	var upper, lower plotter.XYs
	for _, t := range s.points {
		if t.se > 0 && finite(t.se) && p.x.holds(t.x) && finite(t.y) {
			upper = append(upper, plotter.XY{X: t.x, Y: p.y.clamp(t.y + t.se)})
			lower = append(plotter.XYs{{X: t.x, Y: p.y.clamp(t.y - t.se)}}, lower...)
		}
	}
	if len(upper) > 1 {
		pl.Add(bare{&plotter.Polygon{XYs: []plotter.XYs{append(upper, lower...)}, Color: inkBand + s.look.ink}})
	}
}

// addSeries adds a method's line and points. A point outside of the picture ends the line
// at the frame, as far as the scale allows it.
func (p *picture) addSeries(pl *plot.Plot, s series) {
	var line, inside []spot
	for _, t := range s.points {
		if !finite(t.y) || !p.x.holds(t.x) || p.y.log && t.y <= 0 {
			continue
		}
		line = append(line, t)
		if p.y.holds(t.y) {
			inside = append(inside, t)
		}
	}
	if s.line {
		p.add(pl, line, s.look.line())
	}
	if s.marks == markLast && len(inside) > 1 {
		inside = inside[len(inside)-1:]
	}
	if s.marks == markNone {
		inside = nil
	}
	for _, t := range inside {
		pl.Add(bare{&plotter.Scatter{XYs: plotter.XYs{{X: t.x, Y: t.y}}, GlyphStyle: s.look.mark(t.broken)}})
	}
}

// words is the style of text.
func words(i ink, size font.Length, x draw.XAlignment, y draw.YAlignment) text.Style {
	return text.Style{
		Color: i, Font: font.Font{Typeface: "Liberation", Variant: "Sans", Size: size},
		XAlign: x, YAlign: y, Handler: text.Plain{Fonts: font.DefaultCache},
	}
}

// set makes a plot's axis of a.
func (a *axis) set(to *plot.Axis) {
	to.Min, to.Max = a.min, a.max
	to.Padding = 0
	to.LineStyle = draw.LineStyle{Color: inkMuted, Width: .8}
	to.Tick.Label = words(inkMuted, fontSize, to.Tick.Label.XAlign, to.Tick.Label.YAlign)
	to.Tick.LineStyle = to.LineStyle
	to.Tick.Length = 4
	to.Tick.Marker = plot.ConstantTicks(a.ticks())
	if a.log {
		to.Scale = plot.LogScale{}
	}
}

// ticks are few enough for a phone.
func (a *axis) ticks() (ticks []plot.Tick) {
	for _, v := range a.values() {
		if a.percent && v > 1 {
			continue
		}
		t := plot.Tick{Value: v, Label: num(v)}
		if a.percent {
			t.Label = fmt.Sprintf("%.4g%%", 100*v)
		}
		ticks = append(ticks, t)
	}
	return ticks
}

func (a *axis) values() []float64 {
	if a.log {
		return logTicks(a.min, a.max)
	}
	for _, n := range []float64{1, 2, 2.5, 5, 10} {
		step := n * math.Pow(10, math.Floor(math.Log10((a.max-a.min)/4)))
		if (a.max-a.min)/step > 6.5 {
			continue
		}
		var v []float64
		for i := math.Ceil(a.min/step - 1e-9); i*step <= a.max*(1+1e-9); i++ {
			v = append(v, i*step+0) // no negative zero
		}
		return v
	}
	return nil
}

// logTicks are 1, 3, 10, ... or as many more or fewer as fit.
func logTicks(lo, hi float64) (ticks []float64) {
	first, last := int(math.Floor(math.Log10(lo))), int(math.Ceil(math.Log10(hi)))
	for _, digits := range [][]float64{{1, 1.5, 2, 3, 4, 5, 6, 8}, {1, 2, 5}, {1, 3}, {1}} {
		ticks = nil
		for e := first; e <= last; e++ {
			for _, d := range digits {
				if v := d * math.Pow10(e); v >= lo*(1-1e-9) && v <= hi*(1+1e-9) {
					ticks = append(ticks, v)
				}
			}
		}
		if len(ticks) <= 7 {
			return ticks
		}
	}
	step := (len(ticks) + 5) / 6
	for i := 0; i*step < len(ticks); i++ {
		ticks[i] = ticks[i*step]
	}
	return ticks[:(len(ticks)+step-1)/step]
}

// swatch draws what stands for a method in a key.
func swatch(l look) template.HTML {
	const w, h = 36, 14
	c := vgsvg.New(w, h)
	dc := draw.New(c)
	dc.StrokeLine2(l.line(), 1, h/2, w-1, h/2)
	dc.DrawGlyph(l.mark(false), vg.Point{X: w / 2, Y: h / 2})
	return inline(c, `class="swatch" aria-hidden="true"`)
}

// logRange is the range of positive values for a log axis with some room around it, of at
// most six decades around their median so that one run gone wild does not flatten the
// others. It reports false if there are no values.
func logRange(values []float64) (lo, hi float64, ok bool) {
	v := sorted(values)
	for len(v) > 0 && v[0] <= 0 {
		v = v[1:]
	}
	if len(v) == 0 {
		return 1, 10, false
	}
	middle := v[len(v)/2]
	lo, hi = max(v[0], middle*1e-3), min(v[len(v)-1], middle*1e3)
	room := math.Pow(max(hi/lo, 1.5), .06)
	return lo / room, hi * room, true
}
