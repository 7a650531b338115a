package chart

import (
	"image/color"

	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// An Entry explains a line, a mark, both, or a ramp of colours in a key.
type Entry struct {
	Label  string
	Line   Line // drawn if it has a width
	Mark   Mark // drawn if it is given, in Color and of Radius
	Color  color.Color
	Radius float64
	Ramp   func(u float64) color.NRGBA // u from 0 to 1; nil for none
}

// keyStyle is how a key is laid out.
type keyStyle struct {
	font    float64
	color   color.Color
	line    vg.Length // the length of lines
	mark    vg.Length // of marks that have no line
	gap     vg.Length // before the label
	between vg.Length // entries
	slack   vg.Length // room for a label, over its width
}

const rampLength = 60

func (k *keyStyle) length(e Entry) vg.Length {
	switch {
	case e.Ramp != nil:
		return rampLength
	case e.Line.Width > 0:
		return k.line
	}
	return k.mark
}

func (k *keyStyle) words() text.Style { return words(k.color, k.font, draw.XLeft, draw.YCenter) }

func (k *keyStyle) width(e Entry) vg.Length {
	return k.length(e) + k.gap + k.between + k.slack*k.words().Width(e.Label)
}

// lines breaks a key into lines of a width.
func (k *keyStyle) lines(key []Entry, width vg.Length) (lines [][]Entry) {
	x := width
	for _, e := range key {
		if x+k.width(e) > width {
			lines, x = append(lines, nil), 0
		}
		lines[len(lines)-1] = append(lines[len(lines)-1], e)
		x += k.width(e)
	}
	return lines
}

// draw draws an entry from its left middle.
func (k *keyStyle) draw(c draw.Canvas, e Entry, at vg.Point) {
	n := k.length(e)
	e.sample(c, at, n)
	c.FillText(k.words(), at.Add(vg.Point{X: n + k.gap}), e.Label)
}

// sample draws what stands before the label, from its left middle.
func (e Entry) sample(c draw.Canvas, at vg.Point, length vg.Length) {
	if e.Ramp != nil {
		const n = 30
		for i := range n {
			x := at.X + length*vg.Length(i)/n
			c.SetColor(e.Ramp((float64(i) + .5) / n))
			c.Fill(vg.Rectangle{Min: vg.Point{X: x, Y: at.Y - 4}, Max: vg.Point{X: x + length/n + .2, Y: at.Y + 5}}.Path())
		}
	}
	if e.Line.Width > 0 {
		c.StrokeLine2(e.Line.style(), at.X, at.Y, at.X+length, at.Y)
	}
	if e.Mark != "" {
		c.DrawGlyphNoClip(e.Mark.style(e.Color, e.Radius), at.Add(vg.Point{X: length / 2}))
	}
}
