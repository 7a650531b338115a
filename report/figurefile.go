package report

import (
	"bytes"
	"html"
	"image/color"
	"image/png"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

// paper is a canvas on which the colours of roles are those of the page in light.
type paper struct{ vg.CanvasSizer }

// lightInks are the page's colours in light, see parts.html.
var lightInks = map[ink]color.NRGBA{
	inkText: hex(0x1b2430), inkMuted: hex(0x566272), inkGrid: hex(0xe3e7ec),
	inkMethod: hex(0x4b5563), inkMethod + 1: hex(0xd9600a), inkMethod + 2: hex(0x0b4fb3), inkMethod + 3: hex(0x00805c),
	inkMethod + 4: hex(0x8f3fa5), inkMethod + 5: hex(0x7a6a00), inkMethod + 6: hex(0x8a5a14), inkMethod + 7: hex(0xc0357f),
}

func hex(c uint32) color.NRGBA { return color.NRGBA{uint8(c >> 16), uint8(c >> 8), uint8(c), 0xff} }

// SetColor takes a role for its colour.
func (p paper) SetColor(c color.Color) {
	if i, ok := c.(ink); ok {
		rgb := lightInks[i&^inkBand]
		if i >= inkBand {
			rgb.A = 41 // .16
		}
		c = rgb
	}
	p.CanvasSizer.SetColor(c)
}

// Sizes of what a file has around the picture.
const (
	titleHeight = 24
	keyHeight   = 18
	margin      = 8
)

// columns of the keys: two if their names are short.
func (f *figure) columns() int {
	for _, m := range f.keys {
		if len(m.name) > 24 {
			return 1
		}
	}
	return 2
}

// below is the height of the keys.
func (f *figure) below() vg.Length {
	n := f.columns()
	return vg.Length((len(f.keys)+n-1)/n)*keyHeight + margin
}

// size is that of the whole file.
func (f *figure) size() (width, height vg.Length) {
	width, height = f.drawn.size()
	return width + 2*margin, titleHeight + height + f.below()
}

// draw draws the figure as a file has it.
func (f *figure) draw(on vg.CanvasSizer) {
	dc := draw.New(paper{on})
	dc.SetColor(color.White)
	dc.Fill(dc.Rectangle.Path())
	dc.FillText(words(inkText, fontSize+1, draw.XLeft, draw.YTop), vg.Point{X: margin, Y: dc.Max.Y - 6}, f.Title)
	f.drawn.draw(draw.Crop(dc, margin, -margin, f.below(), -titleHeight))
	for i, m := range f.keys {
		n := f.columns()
		x := margin + vg.Length(i%n)*pictureWidth/2
		y := f.below() - vg.Length(i/n)*keyHeight - keyHeight/2
		dc.StrokeLine2(m.look.line(), x, y, x+30, y)
		dc.DrawGlyph(m.look.mark(false), vg.Point{X: x + 15, Y: y})
		dc.FillText(words(inkText, fontSize-2, draw.XLeft, draw.YCenter), vg.Point{X: x + 38, Y: y}, m.name)
	}
}

// svgFile returns the figure as an SVG file.
func (f *figure) svgFile() []byte {
	c := vgsvg.New(f.size())
	f.draw(c)
	return svgOf(c, f.drawn.said())
}

// pngFile returns the figure as a PNG file, at half as much again as a page's pixels.
func (f *figure) pngFile() ([]byte, error) {
	c := vgimg.NewWith(vgimg.UseWH(f.size()), vgimg.UseDPI(108))
	f.draw(c)
	return pngOf(c)
}

// svgOf is the file of a canvas, with a title for those who do not see it.
func svgOf(c *vgsvg.Canvas, title string) []byte {
	var b bytes.Buffer
	c.WriteTo(&b) // a bytes.Buffer fails no write
	text := textElement.ReplaceAllStringFunc(b.String(), fit)
	return []byte(svgStart.ReplaceAllStringFunc(text, func(start string) string {
		return start + "\n<title>" + html.EscapeString(title) + "</title>"
	}))
}

func pngOf(c *vgimg.Canvas) ([]byte, error) {
	var b bytes.Buffer
	e := png.Encoder{CompressionLevel: png.BestCompression}
	err := e.Encode(&b, c.Image())
	return b.Bytes(), err
}
