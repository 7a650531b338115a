package paper

import (
	"bytes"
	"image/color"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

// sheet is a picture: rows of panels of one width, under a key.
type sheet struct {
	name    string // of the files, without extension
	panels  [][]panel
	width   float64   // of every panel's inside, in points
	heights []float64 // of each row's panels' insides, in points
	key     []entry
}

// entry explains one colour, line or mark in the key. Of line, glyph and ramp one is set.
type entry struct {
	label string
	line  draw.LineStyle
	glyph draw.GlyphStyle
	ramp  func(u float64) color.NRGBA // u from 0 to 1
}

// Space on a sheet, in points.
const (
	outer    = 8
	gap      = 8
	swatch   = 20
	rampSize = 60
	keyLine  = 16
	headline = 18 // a title's
	dpi      = 160
)

// methodKey explains the colours of methods.
func methodKey(names ...string) []entry {
	var key []entry
	for _, n := range names {
		key = append(key, entry{label: lookOf(n).label, line: stroke(lookOf(n).color, 2)})
	}
	return key
}

// markEntry explains a mark, in black.
func markEntry(label string, g draw.GlyphDrawer, radius float64) entry {
	return entry{label: label, glyph: draw.GlyphStyle{Color: black, Radius: vg.Points(radius), Shape: g}}
}

// margins are what a panel needs around its inside: left, right, bottom, top.
type margins [4]vg.Length

func (p panel) margins(w, h float64) margins {
	c := draw.Canvas{Rectangle: vg.Rectangle{Max: vg.Point{X: vg.Points(w + 60), Y: vg.Points(h + 60)}}}
	in := p.DataCanvas(c)
	return margins{in.Min.X, c.Max.X - in.Max.X, in.Min.Y, c.Max.Y - in.Max.Y}
}

// layout returns the sheet's size and the place of every panel's inside on it.
func (s *sheet) layout() (size vg.Point, at [][]vg.Point) {
	cols := len(s.panels[0])
	left, right := make([]vg.Length, cols), make([]vg.Length, cols)
	low, high := make([]vg.Length, len(s.panels)), make([]vg.Length, len(s.panels))
	for r, row := range s.panels {
		for i, p := range row {
			m := p.margins(s.width, s.heights[r])
			left[i], right[i] = max(left[i], m[0]), max(right[i], m[1])
			low[r], high[r] = max(low[r], m[2]), max(high[r], m[3])
			if p.title != "" {
				high[r] = max(high[r], vg.Points(headline))
			}
		}
	}
	x := vg.Points(outer)
	xs := make([]vg.Length, cols)
	for i := range cols {
		xs[i] = x + left[i]
		x = xs[i] + vg.Points(s.width) + right[i] + vg.Points(gap)
	}
	size.X = x + vg.Points(outer-gap)
	y := vg.Points(outer)
	at = make([][]vg.Point, len(s.panels))
	for r := len(s.panels) - 1; r >= 0; r-- {
		for i := range cols {
			at[r] = append(at[r], vg.Point{X: xs[i], Y: y + low[r]})
		}
		y += low[r] + vg.Points(s.heights[r]) + high[r] + vg.Points(gap)
	}
	size.Y = y + vg.Points(outer-gap+keyLine*float64(len(s.keyLines(size.X))))
	return size, at
}

// draw draws the whole sheet.
func (s *sheet) draw(c draw.Canvas, at [][]vg.Point) {
	c.SetColor(white)
	c.Fill(c.Path())
	for r, row := range s.panels {
		for i, p := range row {
			m := p.margins(s.width, s.heights[r])
			inside := vg.Point{X: vg.Points(s.width), Y: vg.Points(s.heights[r])}
			p.BackgroundColor = nil
			p.Draw(draw.Canvas{Canvas: c, Rectangle: vg.Rectangle{
				Min: at[r][i].Sub(vg.Point{X: m[0], Y: m[2]}),
				Max: at[r][i].Add(inside).Add(vg.Point{X: m[1], Y: m[3]}),
			}})
			title := typeStyle(titleType, black)
			title.XAlign = draw.XCenter
			c.FillText(title, at[r][i].Add(vg.Point{X: inside.X / 2, Y: inside.Y + 5}), p.title)
		}
	}
	y := c.Max.Y - vg.Points(outer+keyLine/2)
	for _, line := range s.keyLines(c.Max.X) {
		x := vg.Points(outer)
		for _, e := range line {
			e.draw(c, vg.Point{X: x, Y: y})
			x += e.width()
		}
		y -= vg.Points(keyLine)
	}
}

// keyLines breaks the key into lines of the sheet's width.
func (s *sheet) keyLines(width vg.Length) [][]entry {
	var lines [][]entry
	x := width
	for _, e := range s.key {
		if x+e.width() > width {
			lines, x = append(lines, nil), vg.Points(2*outer)
		}
		lines[len(lines)-1] = append(lines[len(lines)-1], e)
		x += e.width()
	}
	return lines
}

func (e entry) sample() float64 {
	switch {
	case e.ramp != nil:
		return rampSize
	case e.glyph.Shape != nil:
		return swatch / 2
	}
	return swatch
}

// width is what the entry takes, with room for the wider letters that a viewer without
// this font may put into an SVG.
func (e entry) width() vg.Length {
	style := typeStyle(plainType, black)
	return vg.Points(e.sample()+5+10) + 1.16*style.Width(e.label)
}

// draw draws the entry from its left middle.
func (e entry) draw(c draw.Canvas, at vg.Point) {
	size := vg.Points(e.sample())
	switch {
	case e.ramp != nil:
		const n = 30
		for i := range n {
			x := at.X + size*vg.Length(i)/n
			c.SetColor(e.ramp((float64(i) + .5) / n))
			c.Fill(vg.Rectangle{Min: vg.Point{X: x, Y: at.Y - 4}, Max: vg.Point{X: x + size/n + .2, Y: at.Y + 5}}.Path())
		}
	case e.glyph.Shape != nil:
		c.DrawGlyphNoClip(e.glyph, vg.Point{X: at.X + size/2, Y: at.Y})
	default:
		c.StrokeLine2(e.line, at.X, at.Y, at.X+size, at.Y)
	}
	style := typeStyle(plainType, black)
	style.YAlign = draw.YCenter
	c.FillText(style, vg.Point{X: at.X + size + vg.Points(5), Y: at.Y}, e.label)
}

// write writes the sheet as SVG and PNG and returns the paths.
func (s *sheet) write(dir string) ([]string, error) {
	size, at := s.layout()
	var svg, png bytes.Buffer
	vector := vgsvg.New(size.X, size.Y)
	s.draw(draw.New(vector), at)
	if _, err := vector.WriteTo(&svg); err != nil {
		return nil, err
	}
	pixels := vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(size.X, size.Y), vgimg.UseDPI(dpi))}
	s.draw(draw.New(pixels), at)
	if _, err := pixels.WriteTo(&png); err != nil {
		return nil, err
	}
	fonts := bytes.ReplaceAll(svg.Bytes(), []byte("font-family:Liberation Sans;"), []byte("font-family:Liberation Sans,Arial,Helvetica,sans-serif;"))
	first, err := writeFile(dir, s.name+".svg", fonts)
	if err != nil {
		return nil, err
	}
	second, err := writeFile(dir, s.name+".png", png.Bytes())
	return []string{first, second}, err
}
