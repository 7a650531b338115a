package chart

import (
	"fmt"
	"image/color"
	"strings"

	"gonum.org/v1/plot/vg"
)

// An Ink is a colour by role. Drawings are drawn with it as with any colour. In an element
// of a page it is a CSS variable that the page gives, once for light and once for dark;
// in a file it is the colour that it has in light.
type Ink uint8

// The inks, and the variables of a page that they are.
const (
	Text  Ink = iota // --text
	Muted            // --muted
	Grid             // --grid

	lineInk Ink = 16   // the first of the inks of lines
	bandInk Ink = 0x80 // added to an ink: transparent
)

// LineInks is how many inks there are to tell lines apart.
const LineInks = 8

// LineInk is the ink of lines number i: --m0 to --m7, which then come again.
func LineInk(i int) Ink { return lineInk + Ink((i%LineInks+LineInks)%LineInks) }

// Band is the ink, transparent, for what lies behind lines.
func (i Ink) Band() Ink { return i | bandInk }

// RGBA returns the sentinel of the role, an opaque colour that nothing else has. The
// odd 64 keeps the value whole through the SVG canvas's floating-point arithmetic.
func (i Ink) RGBA() (r, g, b, a uint32) { return 0xfe<<8 | 0xfe, 64, uint32(i)*257 + 64, 0xffff }

var _ color.Color = Ink(0)

// Variable is the name of the CSS variable that a page gives the ink by.
func (i Ink) Variable() string {
	switch i &^ bandInk {
	case Text:
		return "--text"
	case Muted:
		return "--muted"
	case Grid:
		return "--grid"
	}
	return fmt.Sprintf("--m%d", i&^bandInk-lineInk)
}

// Light is the ink's colour in light.
func (i Ink) Light() color.NRGBA {
	c := lightInks[i&^bandInk]
	if i&bandInk != 0 {
		c.A = 41 // .16
	}
	return c
}

var lightInks = map[Ink]color.NRGBA{
	Text: Hex(0x1b2430), Muted: Hex(0x566272), Grid: Hex(0xe3e7ec),
	lineInk: Hex(0x4b5563), lineInk + 1: Hex(0xd9600a), lineInk + 2: Hex(0x0b4fb3), lineInk + 3: Hex(0x00805c),
	lineInk + 4: Hex(0x8f3fa5), lineInk + 5: Hex(0x7a6a00), lineInk + 6: Hex(0x8a5a14), lineInk + 7: Hex(0xc0357f),
}

// css is the value that replaces the sentinel of a role.
func (i Ink) css() string {
	s := "var(" + i.Variable() + ")"
	if i&bandInk != 0 {
		s += ";fill-opacity:.16"
	}
	return s
}

// sentinels replaces the colours of an SVG by CSS variables, and leaves its fonts to the
// page.
var sentinels = func() *strings.Replacer {
	pairs := []string{"font-family:Liberation Sans;font-variant:normal;font-weight:normal;font-style:normal;", ""}
	for i := range 256 {
		pairs = append(pairs, fmt.Sprintf("#FE00%02X", i), Ink(i).css())
	}
	return strings.NewReplacer(pairs...)
}()

// Hex is an opaque colour by its number, as 0x1b2430.
func Hex(c uint32) color.NRGBA { return color.NRGBA{uint8(c >> 16), uint8(c >> 8), uint8(c), 0xff} }

var white = Hex(0xffffff)

// inLight is a canvas on which inks have their colours in light.
type inLight struct{ vg.CanvasSizer }

// SetColor takes an ink for its colour.
func (p inLight) SetColor(c color.Color) {
	if i, ok := c.(Ink); ok {
		c = i.Light()
	}
	p.CanvasSizer.SetColor(c)
}
