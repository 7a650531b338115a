package chart

import (
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// A Sheet is rows of panels of one width, under a key.
type Sheet struct {
	Alt     string // says in words what is drawn
	Panels  [][]*Panel
	Width   float64   // of every panel's inside
	Heights []float64 // of each row's panels' insides
	Key     []Entry
}

// Space on a sheet.
const (
	sheetGap   = 8
	sheetLine  = 16 // of the key
	sheetTitle = 18 // a panel's
	sheetFont  = 10
)

// sheetKey has room for the wider letters of viewers that have neither this font nor heed
// the width of a text.
var sheetKey = keyStyle{font: sheetFont, color: Black, line: 20, mark: 10, gap: 5, between: 10, slack: 1.16}

// margins are what a panel needs around its inside: left, right, bottom, top.
type margins [4]vg.Length

func (p *Panel) margins(w, h float64) margins {
	c := draw.Canvas{Rectangle: vg.Rectangle{Max: vg.Point{X: vg.Length(w + 60), Y: vg.Length(h + 60)}}}
	in := p.plot().DataCanvas(c)
	return margins{in.Min.X, c.Max.X - in.Max.X, in.Min.Y, c.Max.Y - in.Max.Y}
}

// layout returns the sheet's size and the place of every panel's inside on it.
func (s *Sheet) layout() (size vg.Point, at [][]vg.Point) {
	cols := len(s.Panels[0])
	left, right := make([]vg.Length, cols), make([]vg.Length, cols)
	low, high := make([]vg.Length, len(s.Panels)), make([]vg.Length, len(s.Panels))
	for r, row := range s.Panels {
		for i, p := range row {
			m := p.margins(s.Width, s.Heights[r])
			left[i], right[i] = max(left[i], m[0]), max(right[i], m[1])
			low[r], high[r] = max(low[r], m[2]), max(high[r], m[3])
			if p.title != "" {
				high[r] = max(high[r], sheetTitle)
			}
		}
	}
	x := vg.Length(margin)
	xs := make([]vg.Length, cols)
	for i := range cols {
		xs[i] = x + left[i]
		x = xs[i] + vg.Length(s.Width) + right[i] + sheetGap
	}
	size.X = x + margin - sheetGap
	y := vg.Length(margin)
	at = make([][]vg.Point, len(s.Panels))
	for r := len(s.Panels) - 1; r >= 0; r-- {
		for i := range cols {
			at[r] = append(at[r], vg.Point{X: xs[i], Y: y + low[r]})
		}
		y += low[r] + vg.Length(s.Heights[r]) + high[r] + sheetGap
	}
	size.Y = y + margin - sheetGap + vg.Length(sheetLine*len(s.keyLines(size.X)))
	return size, at
}

func (s *Sheet) keyLines(width vg.Length) [][]Entry { return sheetKey.lines(s.Key, width-2*margin) }

func (s *Sheet) size() (width, height vg.Length) {
	size, _ := s.layout()
	return size.X, size.Y
}

func (s *Sheet) said() string { return s.Alt }

func (s *Sheet) draw(c draw.Canvas) {
	_, at := s.layout()
	for r, row := range s.Panels {
		for i, p := range row {
			m := p.margins(s.Width, s.Heights[r])
			inside := vg.Point{X: vg.Length(s.Width), Y: vg.Length(s.Heights[r])}
			p.plot().Draw(draw.Canvas{Canvas: c, Rectangle: vg.Rectangle{
				Min: at[r][i].Sub(vg.Point{X: m[0], Y: m[2]}),
				Max: at[r][i].Add(inside).Add(vg.Point{X: m[1], Y: m[3]}),
			}})
			c.FillText(words(Black, sheetFont+1, draw.XCenter, draw.YBottom), at[r][i].Add(vg.Point{X: inside.X / 2, Y: inside.Y + 5}), p.title)
		}
	}
	y := c.Max.Y - margin - sheetLine/2
	for _, line := range s.keyLines(c.Max.X) {
		x := vg.Length(margin)
		for _, e := range line {
			sheetKey.draw(c, e, vg.Point{X: x, Y: y})
			x += sheetKey.width(e)
		}
		y -= sheetLine
	}
}
