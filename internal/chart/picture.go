package chart

import (
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Size of a picture.
const (
	pictureWidth  = 380
	pictureHeight = 266
)

// A Picture is one chart of lines, points, or both.
type Picture struct {
	Alt    string // says in words what is drawn
	X, Y   Axis
	Series []Series
	Rules  []Rule
	Slope  bool // draw the diagonal y = x
}

// A Series is points that belong together.
type Series struct {
	Look   Look
	Points []Spot
	Line   bool // join the points
	Marks  Marking
}

// A Spot is a point with half the height of its band, 0 for none.
type Spot struct {
	X, Y, SE float64
	Broken   bool // marked by a cross
}

// Marking is which points of a series have marks.
type Marking int

// The markings.
const (
	MarkAll Marking = iota
	MarkLast
	MarkNone
)

// A Rule is a straight line across the picture, at a height or, if upright, at an x. A
// thickness makes it a band as well.
type Rule struct {
	Look    Look
	At, SE  float64
	Upright bool
	Label   string
}

func (p *Picture) size() (width, height vg.Length) { return pictureWidth, pictureHeight }
func (p *Picture) said() string                    { return p.Alt }

// draw draws the picture on a canvas.
func (p *Picture) draw(dc draw.Canvas) { p.plot(dc) }

// plot draws the picture, and returns what was drawn and the canvas that it was drawn on.
func (p *Picture) plot(dc draw.Canvas) (*plot.Plot, draw.Canvas) {
	pl := plot.New()
	pl.BackgroundColor = nil
	p.X.set(&pl.X)
	p.Y.set(&pl.Y)
	pl.Y.LineStyle.Width = 0
	pl.Y.Tick.Length = 0
	line := draw.LineStyle{Color: Grid, Width: .8}
	pl.Add(&plotter.Grid{Horizontal: line, Vertical: line})
	if p.Slope {
		lo, hi := max(p.X.Min, p.Y.Min), min(p.X.Max, p.Y.Max)
		addLine(pl, plotter.XYs{{X: lo, Y: lo}, {X: hi, Y: hi}}, Stroke(Muted, 1))
	}
	for _, r := range p.Rules {
		p.addRule(pl, r)
	}
	for _, s := range p.Series {
		p.addBand(pl, s)
	}
	for _, s := range p.Series {
		p.addSeries(pl, s)
	}
	for _, r := range p.Rules {
		p.addLabel(pl, r)
	}
	below := vg.Length(1)
	if p.X.Label != "" {
		below = fontSize + 6
		dc.FillText(words(Muted, fontSize, draw.XCenter, draw.YBottom), vg.Point{X: dc.Center().X, Y: dc.Min.Y + 4}, p.X.Label)
	}
	on := draw.Crop(dc, 1, -6, below, -6)
	pl.Draw(on)
	return pl, on
}

// ends are where a rule meets the frame; false if it is outside.
func (p *Picture) ends(r Rule) (ends []Spot, ok bool) {
	if r.Upright {
		return []Spot{{X: r.At, Y: p.Y.Min}, {X: r.At, Y: p.Y.Max}}, p.X.holds(r.At)
	}
	return []Spot{{X: p.X.Min, Y: r.At, SE: r.SE}, {X: p.X.Max, Y: r.At, SE: r.SE}}, p.Y.holds(r.At)
}

func (p *Picture) addRule(pl *plot.Plot, r Rule) {
	if ends, ok := p.ends(r); ok {
		p.addBand(pl, Series{Look: r.Look, Points: ends})
		addLine(pl, places(ends), r.Look.Line())
	}
}

// addLabel writes a rule's label beside it, at an end and on a side where no line runs.
func (p *Picture) addLabel(pl *plot.Plot, r Rule) {
	ends, ok := p.ends(r)
	if !ok || r.Label == "" {
		return
	}
	at, x, y := ends[1], draw.XRight, draw.YTop
	offset := vg.Point{X: -7, Y: 4}
	if !r.Upright {
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
		XYs: places([]Spot{at}), Labels: []string{r.Label}, Offset: offset,
		TextStyle: []text.Style{words(r.Look.Ink, fontSize-1.5, x, y)},
	}})
}

// free finds the place for a label, at the left or right end of a level rule, above or
// below it, that is farthest from every line.
func (p *Picture) free(r Rule) (left, below bool) {
	const reach, middle = .27, .055 // of the label, in shares of the frame
	most := -1.
	for _, side := range []struct{ left, below bool }{{false, false}, {true, false}, {false, true}, {true, true}} {
		y := p.Y.place(r.At) + middle
		if side.below {
			y -= 2 * middle
		}
		if y < middle/2 {
			continue
		}
		room := 1.
		for _, s := range p.Series {
			for _, t := range s.Points {
				if !p.X.holds(t.X) || !p.Y.holds(t.Y) {
					continue
				}
				if x := p.X.place(t.X); side.left && x < reach || !side.left && x > 1-reach {
					room = min(room, math.Abs(p.Y.place(t.Y)-y))
				}
			}
		}
		if room > most+.02 {
			most, left, below = room, side.left, side.below
		}
	}
	return left, below
}

// addBand adds the band of a series, or of a rule, where it has one.
func (p *Picture) addBand(pl *plot.Plot, s Series) {
	var upper, lower plotter.XYs
	for _, t := range s.Points {
		if t.SE > 0 && finite(t.SE) && p.X.holds(t.X) && finite(t.Y) {
			upper = append(upper, plotter.XY{X: t.X, Y: p.Y.clamp(t.Y + t.SE)})
			lower = append(plotter.XYs{{X: t.X, Y: p.Y.clamp(t.Y - t.SE)}}, lower...)
		}
	}
	if len(upper) > 1 {
		pl.Add(bare{&plotter.Polygon{XYs: []plotter.XYs{append(upper, lower...)}, Color: s.Look.Ink.Band()}})
	}
}

// addSeries adds a series' line and points. A point outside of the picture ends the line
// at the frame, as far as the scale allows it.
func (p *Picture) addSeries(pl *plot.Plot, s Series) {
	var line, inside []Spot
	for _, t := range s.Points {
		if !finite(t.Y) || !p.X.holds(t.X) || p.Y.Log && t.Y <= 0 {
			continue
		}
		line = append(line, t)
		if p.Y.holds(t.Y) {
			inside = append(inside, t)
		}
	}
	if s.Line {
		addLine(pl, places(line), s.Look.Line())
	}
	if s.Marks == MarkLast && len(inside) > 1 {
		inside = inside[len(inside)-1:]
	}
	if s.Marks == MarkNone {
		inside = nil
	}
	for i, t := range inside {
		addMarks(pl, places(inside[i:i+1]), s.Look.mark(t.Broken))
	}
}

// places are where spots lie.
func places(spots []Spot) plotter.XYs {
	xy := make(plotter.XYs, len(spots))
	for i, s := range spots {
		xy[i] = plotter.XY{X: s.X, Y: s.Y}
	}
	return xy
}
