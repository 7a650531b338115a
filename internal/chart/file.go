package chart

import (
	"bytes"
	"html"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/monge-ml/monge/internal/atomicfile"
)

// A Figure is a drawing with what stands around it in a file: a title above and a key
// below. The note is for pages.
type Figure struct {
	Title   string
	Note    string
	Drawing Drawing
	Key     []Entry
}

// Sizes of what a file has around drawings.
const (
	titleHeight = 24
	keyHeight   = 18
	margin      = 8
)

var figureKey = keyStyle{font: fontSize - 2, color: Text, line: 30, mark: 30, gap: 8, slack: 1}

// columns of the key: two if its labels are short.
func (f *Figure) columns() int {
	for _, e := range f.Key {
		if len(e.Label) > 24 {
			return 1
		}
	}
	return 2
}

// below is the height of the key.
func (f *Figure) below() vg.Length {
	n := f.columns()
	return vg.Length((len(f.Key)+n-1)/n)*keyHeight + margin
}

func (f *Figure) size() (width, height vg.Length) {
	width, height = f.Drawing.size()
	return width + 2*margin, titleHeight + height + f.below()
}

func (f *Figure) said() string { return f.Drawing.said() }

func (f *Figure) draw(dc draw.Canvas) {
	dc.FillText(words(Text, fontSize+1, draw.XLeft, draw.YTop), vg.Point{X: margin, Y: dc.Max.Y - 6}, f.Title)
	f.Drawing.draw(draw.Crop(dc, margin, -margin, f.below(), -titleHeight))
	n := f.columns()
	for i, e := range f.Key {
		figureKey.draw(dc, e, vg.Point{
			X: margin + vg.Length(i%n)*pictureWidth/2,
			Y: f.below() - vg.Length(i/n)*keyHeight - keyHeight/2,
		})
	}
}

// Resolutions of PNG files, in dots an inch: 72 is a pixel a point.
const (
	FigureDPI  = 108
	ScatterDPI = 144
	SheetDPI   = 160
)

// svgStart is the element that an SVG file is.
var svgStart = regexp.MustCompile(`<svg [^>]*>`)

// SVG draws on white as an SVG file, with a title for those who do not see it.
func SVG(d Drawing) []byte {
	c := vgsvg.New(d.size())
	onWhite(c, d)
	text := strings.ReplaceAll(svgText(c), "font-family:Liberation Sans;", "font-family:Liberation Sans,Arial,Helvetica,sans-serif;")
	return []byte(svgStart.ReplaceAllStringFunc(text, func(start string) string {
		return start + "\n<title>" + html.EscapeString(d.said()) + "</title>"
	}))
}

// PNG draws on white as a PNG file of a resolution in dots an inch.
func PNG(d Drawing, dpi int) ([]byte, error) {
	c := vgimg.NewWith(vgimg.UseWH(d.size()), vgimg.UseDPI(dpi))
	onWhite(c, d)
	var b bytes.Buffer
	e := png.Encoder{CompressionLevel: png.BestCompression}
	err := e.Encode(&b, c.Image())
	return b.Bytes(), err
}

func onWhite(c vg.CanvasSizer, d Drawing) {
	dc := draw.New(inLight{c})
	dc.SetColor(white)
	dc.Fill(dc.Rectangle.Path())
	d.draw(dc)
}

// WriteFile writes a file whole or not at all, and makes its directory if need be.
func WriteFile(path string, b []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	return atomicfile.Write(path, func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	})
}
