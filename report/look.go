package report

import (
	"fmt"
	"image/color"
	"regexp"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// ink is a colour by role. Pictures are drawn with it as with any colour; their SVG then
// names the CSS variable of the role instead, so that one picture serves light and dark.
type ink uint8

// The roles. The methods' own follow from inkMethod on.
const (
	inkText ink = iota
	inkMuted
	inkGrid
	inkMethod ink = 16
	inkBand   ink = 0x80 // added to a method's ink: its transparent band
)

// RGBA returns the sentinel of the role, an opaque colour that nothing else has. The
// odd 64 keeps the value whole through the SVG canvas's floating-point arithmetic.
func (i ink) RGBA() (r, g, b, a uint32) { return 0xfe<<8 | 0xfe, 64, uint32(i)*257 + 64, 0xffff }

var _ color.Color = ink(0)

// css is the value that replaces the sentinel of a role.
func (i ink) css() string {
	switch {
	case i == inkText:
		return "var(--text)"
	case i == inkMuted:
		return "var(--muted)"
	case i == inkGrid:
		return "var(--grid)"
	case i >= inkBand:
		return (i - inkBand).css() + ";fill-opacity:.16"
	}
	return fmt.Sprintf("var(--m%d)", i-inkMethod)
}

// sentinels replaces the colours of an SVG by CSS variables, and leaves its fonts to the
// page.
var sentinels = func() *strings.Replacer {
	pairs := []string{"font-family:Liberation Sans;font-variant:normal;font-weight:normal;font-style:normal;", ""}
	for i := range 256 {
		pairs = append(pairs, fmt.Sprintf("#FE00%02X", i), ink(i).css())
	}
	return strings.NewReplacer(pairs...)
}()

// head is what an SVG file begins with and a picture inside a page has no use for.
var head = regexp.MustCompile(`(?s)^.*<svg width="[^"]*" height="[^"]*" (viewBox="[^"]*")[^>]*>`)

// svgStart is the element that an SVG file is.
var svgStart = regexp.MustCompile(`<svg [^>]*>`)

// textElement is a text of an SVG: its attributes, the size of its font, what it says.
var textElement = regexp.MustCompile(`<text([^>]*font-size:([0-9.]+)px[^>]*)>([^<]*)</text>`)

// A look tells a method from the others without words: by colour, dashes and marks.
type look struct {
	ink    ink
	width  vg.Length
	dashes []vg.Length
	shape  draw.GlyphDrawer
	radius vg.Length
}

// looks are the methods'. SAM is drawn wide and M-SAM narrow above it, so that both show
// where they are the same.
var looks = map[string]look{
	"sgd":    {inkMethod, 1.8, dash(2, 2.5), draw.CircleGlyph{}, 2.2},
	"sam":    {inkMethod + 1, 3.2, nil, draw.CircleGlyph{}, 4.6},
	"m-sam":  {inkMethod + 2, 1.8, dash(6, 3), draw.PyramidGlyph{}, 3},
	"fisher": {inkMethod + 6, 1.8, dash(9, 3, 2, 3), diamond{}, 4},
	"asam":   {inkMethod + 7, 1.8, dash(3, 3), draw.BoxGlyph{}, 3.2},
}

// budgetLooks are those of M-SAM under the first three ascent budgets.
var budgetLooks = []look{
	{inkMethod + 3, 1.8, nil, draw.BoxGlyph{}, 3.4},
	{inkMethod + 4, 1.8, dash(10, 3), diamond{}, 4},
	{inkMethod + 5, 1.8, dash(7, 2, 2, 2), draw.PyramidGlyph{}, 3.4},
}

// budgetLook is that of M-SAM under its ascent budget number i: beyond three, the colours
// come again with other dashes and marks.
func budgetLook(i int) look {
	n := len(budgetLooks)
	l := budgetLooks[(i+i/n)%n]
	l.ink = budgetLooks[i%n].ink
	return l
}

// variantLook is that of a method's variant number i, in none of the colours of the base
// optimizer and of M-SAM itself.
func variantLook(i int) look {
	inks := []ink{4, 5, 7, 1, 6, 3}
	l := runLook(i)
	l.ink = inkMethod + inks[i%len(inks)]
	return l
}

// otherLook is that of a method without one.
var otherLook = look{inkText, 1.5, dash(1, 2), draw.BoxGlyph{}, 3}

func dash(points ...float64) []vg.Length {
	d := make([]vg.Length, len(points))
	for i, p := range points {
		d[i] = vg.Points(p)
	}
	return d
}

func (l look) line() draw.LineStyle {
	return draw.LineStyle{Color: l.ink, Width: l.width, Dashes: l.dashes}
}

// mark is the style of a point, a cross for a radius at which runs broke.
func (l look) mark(broken bool) draw.GlyphStyle {
	if broken {
		return draw.GlyphStyle{Color: l.ink, Radius: l.radius + 1, Shape: cross{}}
	}
	return draw.GlyphStyle{Color: l.ink, Radius: l.radius, Shape: l.shape}
}

// cross is an X of lines thick enough to read on a phone.
type cross struct{}

// DrawGlyph draws the cross.
func (cross) DrawGlyph(c *draw.Canvas, s draw.GlyphStyle, p vg.Point) {
	line := draw.LineStyle{Color: s.Color, Width: vg.Points(1.8)}
	r := s.Radius * .75
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
