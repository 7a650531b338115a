// Package chart draws: line charts with bands, tiles, maps of points, sheets of panels. A
// drawing becomes an SVG element of a page that is read in light and dark, or an SVG or PNG
// file. The same drawing gives the same bytes.
//
// It knows nothing of what it draws. Lengths are in points unless said otherwise; a phone
// shows about one to a pixel.
package chart

import (
	"bytes"
	"fmt"
	"html"
	"html/template"
	"image/color"
	"regexp"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// A Drawing is something to draw: a *Picture, *Named or *Tiles, which a page shows, or a *Figure,
// *Scatter or *Sheet, which are files with all that belongs to them.
type Drawing interface {
	size() (width, height vg.Length)
	draw(dc draw.Canvas)
	said() string // in words what is drawn
}

// fontSize is that of pages and of the files beside them.
const fontSize = 13

// words is the style of text.
func words(c color.Color, size float64, x draw.XAlignment, y draw.YAlignment) text.Style {
	return text.Style{
		Color: c, Font: face(size),
		XAlign: x, YAlign: y, Handler: text.Plain{Fonts: font.DefaultCache},
	}
}

func face(size float64) font.Font {
	return font.Font{Typeface: "Liberation", Variant: "Sans", Size: vg.Length(size)}
}

// bare is a plotter that neither widens the axes nor asks for space beside them.
type bare struct{ plot.Plotter }

// addLine adds a line through points.
func addLine(to *plot.Plot, points plotter.XYs, style Line) {
	if len(points) > 1 {
		to.Add(bare{&plotter.Line{XYs: points, LineStyle: style.style()}})
	}
}

// addMarks adds a mark at each point.
func addMarks(to *plot.Plot, points plotter.XYs, style draw.GlyphStyle) {
	to.Add(bare{&plotter.Scatter{XYs: points, GlyphStyle: style}})
}

// Inline draws as an SVG element of a page. Its colours are the CSS variables of inks (see
// [Ink]), its class is chart, and its words are its label for those who don't see it.
func Inline(d Drawing) template.HTML {
	c := vgsvg.New(d.size())
	d.draw(draw.New(c))
	return inline(c, fmt.Sprintf(`class="chart" role="img" aria-label="%s"`, html.EscapeString(d.said())))
}

// Swatch draws what stands for a look in a page's key: an SVG element of class swatch.
func Swatch(l Look) template.HTML {
	const w, h = 36, 14
	c := vgsvg.New(w, h)
	l.Entry("").sample(draw.New(c), vg.Point{X: 1, Y: h / 2}, w-2)
	return inline(c, `class="swatch" aria-hidden="true"`)
}

var (
	// head is what an SVG file begins with and a picture inside a page has no use for.
	head = regexp.MustCompile(`(?s)^.*<svg width="[^"]*" height="[^"]*" (viewBox="[^"]*")[^>]*>`)
	// textElement is a text of an SVG: its attributes, the size of its font, what it says.
	textElement = regexp.MustCompile(`<text([^>]*font-size:([0-9.]+)px[^>]*)>([^<]*)</text>`)
)

// inline makes an element of a page out of an SVG canvas.
func inline(c *vgsvg.Canvas, attributes string) template.HTML {
	s := head.ReplaceAllString(svgText(c), "<svg $1 "+attributes+">")
	return template.HTML(sentinels.Replace(s))
}

// svgText is the SVG of a canvas. Each text has the width that it was laid out with.
func svgText(c *vgsvg.Canvas) string {
	var b bytes.Buffer
	c.WriteTo(&b) // a bytes.Buffer fails no write
	return textElement.ReplaceAllStringFunc(b.String(), fit)
}

// fit gives a text the width that it was laid out with, whatever font shows it.
func fit(element string) string {
	part := textElement.FindStringSubmatch(element)
	size, err := strconv.ParseFloat(part[2], 64)
	if err != nil {
		return element
	}
	shown := font.DefaultCache.Lookup(face(0), vg.Length(size))
	return fmt.Sprintf(`<text textLength="%.1f" lengthAdjust="spacingAndGlyphs"%s>%s</text>`,
		shown.Width(html.UnescapeString(part[3])), part[1], part[3])
}
