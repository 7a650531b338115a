package report

import (
	"cmp"
	"fmt"
	"image/color"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

// A Map is pairs of an image and a text as several encoders see them, each a panel.
type Map struct {
	Classes []string // a pair's, "" where it is not known; nil if none is
	Panels  []MapPanel
}

// A MapPanel is where images and texts lie, pair by pair.
type MapPanel struct {
	Name          string
	Images, Texts [][2]float64
}

// MapExtensions are the kinds of file that WriteMap writes.
var MapExtensions = []string{".png", ".svg"}

// WriteMap draws a map: images as discs and texts as rings, in the colours of their
// classes. The rarest of more classes than there are colours are drawn as one. The
// extension of path says what is written; panels that differ in their pairs, and places
// that are not finite, are an error.
func WriteMap(path string, m *Map) error {
	if err := m.check(); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	switch ext := strings.ToLower(filepath.Ext(path)); ext {
	case ".png":
		b, err := m.pngFile()
		if err != nil {
			return err
		}
		return write(path, b)
	case ".svg":
		return write(path, m.svgFile())
	default:
		return fmt.Errorf("report: %s: a map is written as %s", path, strings.Join(MapExtensions, " or "))
	}
}

func (m *Map) check() error {
	if len(m.Panels) == 0 {
		return fmt.Errorf("a map needs a panel")
	}
	n := len(m.Panels[0].Images)
	if m.Classes != nil && len(m.Classes) != n {
		return fmt.Errorf("%d classes are not those of %d pairs", len(m.Classes), n)
	}
	for _, p := range m.Panels {
		if len(p.Images) != n || len(p.Texts) != n {
			return fmt.Errorf("panel %q has %d images and %d texts; there must be %d of each, as in the first", p.Name, len(p.Images), len(p.Texts), n)
		}
		for i := range n {
			if !finite(p.Images[i][0]+p.Images[i][1]) || !finite(p.Texts[i][0]+p.Texts[i][1]) {
				return fmt.Errorf("panel %q has pair %d nowhere: %v, %v", p.Name, i, p.Images[i], p.Texts[i])
			}
		}
	}
	return nil
}

// mapColors are the classes', the most frequent first: the page's own, and four more.
var mapColors = []color.NRGBA{
	hex(0x0b4fb3), hex(0xd9600a), hex(0x00805c), hex(0xc0357f), hex(0x8f3fa5), hex(0xd1a400),
	hex(0x2aa5c9), hex(0x8a5a14), hex(0x7cb518), hex(0xb3261e), hex(0x8c9eff), hex(0xf49ac1),
}

var (
	otherColor   = hex(0x4b5563)
	unknownColor = hex(0xa9b1bc)
)

// A class is one colour of a map.
type class struct {
	label string
	color color.NRGBA
}

// classes returns the classes that a key explains, and the colour of each pair.
func (m *Map) classes() (list []class, colors []color.NRGBA) {
	count := map[string]int{}
	for _, name := range m.Classes {
		count[name]++
	}
	named := slices.SortedFunc(maps.Keys(count), func(a, b string) int {
		return cmp.Or(cmp.Compare(count[b], count[a]), strings.Compare(a, b))
	})
	named = slices.DeleteFunc(named, func(name string) bool { return name == "" })
	of := map[string]color.NRGBA{"": unknownColor}
	shown := named[:min(len(named), len(mapColors))]
	for i, name := range shown {
		of[name] = mapColors[i]
		list = append(list, class{printable(name), mapColors[i]})
	}
	for _, name := range named[len(shown):] {
		of[name] = otherColor
	}
	if len(named) > len(shown) {
		list = append(list, class{"other", otherColor})
	}
	if m.Classes == nil || count[""] > 0 {
		list = append(list, class{"unknown", unknownColor})
	}
	colors = slices.Repeat([]color.NRGBA{unknownColor}, len(m.Panels[0].Images))
	for i, name := range m.Classes {
		colors[i] = of[name]
	}
	return list, colors
}

// printable makes a name from a file fit for a picture.
func printable(name string) string {
	const most = 28
	r := []rune(strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, name))
	if len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return string(r)
}

// Sizes of a map. Panels stand in rows of three at most.
const (
	panelSize  = 270
	panelGap   = 12
	panelTitle = 22
	discRadius = 1.6
	ringRadius = 2.8 // about the disc where a pair lies in one place
)

// mark is what a point or an entry of the key is drawn by.
type mark struct {
	color color.Color
	shape draw.GlyphDrawer
}

func (k mark) draw(c draw.Canvas, radius vg.Length, at vg.Point) {
	c.DrawGlyphNoClip(draw.GlyphStyle{Color: k.color, Radius: radius, Shape: k.shape}, at)
}

// ring is a circle with a line that can be seen in a crowd.
type ring struct{}

// DrawGlyph draws the ring.
func (ring) DrawGlyph(c *draw.Canvas, s draw.GlyphStyle, p vg.Point) {
	const width = .8
	var path vg.Path
	path.Move(vg.Point{X: p.X + s.Radius - width/2, Y: p.Y})
	path.Arc(p, s.Radius-width/2, 0, 2*math.Pi)
	path.Close()
	c.SetLineStyle(draw.LineStyle{Color: s.Color, Width: width})
	c.Stroke(path)
}

// entry is one mark of the key with its words.
type entry struct {
	mark
	label string
}

func (e entry) width() vg.Length { return 30 + e.style().Width(e.label) }

func (e entry) style() draw.TextStyle {
	return words(inkText, fontSize-1, draw.XLeft, draw.YCenter)
}

// sheet is a map with its places on paper.
type sheet struct {
	*Map
	columns, rows int
	key           [][]entry // by lines
	colors        []color.NRGBA
}

func (m *Map) sheet() *sheet {
	s := &sheet{Map: m, columns: min(len(m.Panels), 3)}
	s.rows = (len(m.Panels) + s.columns - 1) / s.columns
	list, colors := m.classes()
	s.colors = colors
	entries := []entry{{mark{inkText, draw.CircleGlyph{}}, "image"}, {mark{inkText, ring{}}, "text"}}
	for _, c := range list {
		entries = append(entries, entry{mark{c.color, draw.CircleGlyph{}}, c.label})
	}
	room := vg.Length(0)
	for _, e := range entries {
		if room -= e.width(); room < 0 {
			room = s.width() - 2*margin - e.width()
			s.key = append(s.key, nil)
		}
		line := &s.key[len(s.key)-1]
		*line = append(*line, e)
	}
	return s
}

func (s *sheet) width() vg.Length {
	return vg.Length(s.columns)*(panelSize+panelGap) - panelGap + 2*margin
}

func (s *sheet) height() vg.Length {
	return vg.Length(s.rows)*(panelTitle+panelSize+panelGap) + vg.Length(len(s.key))*keyHeight + margin
}

// draw draws the map as a file has it.
func (s *sheet) draw(on vg.CanvasSizer) {
	dc := draw.New(paper{on})
	dc.SetColor(color.White)
	dc.Fill(dc.Rectangle.Path())
	for i, p := range s.Panels {
		corner := vg.Point{
			X: margin + vg.Length(i%s.columns)*(panelSize+panelGap),
			Y: dc.Max.Y - vg.Length(i/s.columns+1)*(panelTitle+panelSize+panelGap) + panelGap,
		}
		dc.FillText(words(inkText, fontSize+1, draw.XCenter, draw.YBottom), vg.Point{X: corner.X + panelSize/2, Y: corner.Y + panelSize + 3}, printable(p.Name))
		s.drawPanel(draw.Canvas{Canvas: dc.Canvas, Rectangle: vg.Rectangle{Min: corner, Max: corner.Add(vg.Point{X: panelSize, Y: panelSize})}}, p)
	}
	for i, line := range s.key {
		at := vg.Point{X: margin + 8, Y: vg.Length(len(s.key)-i)*keyHeight - keyHeight/2 + margin/2}
		for _, e := range line {
			e.draw(dc, 4, at)
			dc.FillText(e.style(), at.Add(vg.Point{X: 8}), e.label)
			at.X += e.width()
		}
	}
}

// drawPanel draws the frame and the points: first those that have no class of their own,
// so that they hide none that has.
func (s *sheet) drawPanel(c draw.Canvas, p MapPanel) {
	c.SetLineStyle(draw.LineStyle{Color: inkGrid, Width: 1})
	c.Stroke(c.Path())
	place := p.fit(c.Rectangle)
	for _, plain := range []bool{true, false} {
		for i, of := range s.colors {
			if plain != (of == otherColor || of == unknownColor) {
				continue
			}
			mark{of, draw.CircleGlyph{}}.draw(c, discRadius, place(p.Images[i]))
			mark{of, ring{}}.draw(c, ringRadius, place(p.Texts[i]))
		}
	}
}

// fit returns where on paper a point lies, with one scale for both directions.
func (p MapPanel) fit(in vg.Rectangle) func([2]float64) vg.Point {
	lo, hi := [2]float64{math.Inf(1), math.Inf(1)}, [2]float64{math.Inf(-1), math.Inf(-1)}
	for _, at := range slices.Concat(p.Images, p.Texts) {
		for i, v := range at {
			lo[i], hi[i] = min(lo[i], v), max(hi[i], v)
		}
	}
	const room = .94
	scale := 0.
	if size := max(hi[0]-lo[0], hi[1]-lo[1]); size > 0 {
		scale = room * panelSize / size
	}
	return func(at [2]float64) vg.Point {
		return vg.Point{
			X: (in.Min.X+in.Max.X)/2 + vg.Length(scale*(at[0]-(lo[0]+hi[0])/2)),
			Y: (in.Min.Y+in.Max.Y)/2 + vg.Length(scale*(at[1]-(lo[1]+hi[1])/2)),
		}
	}
}

// alt says in words what is drawn.
func (m *Map) alt() string {
	names := make([]string, len(m.Panels))
	for i, p := range m.Panels {
		names[i] = printable(p.Name)
	}
	return fmt.Sprintf("Map of %s, each an image and a text: %s", plural(len(m.Panels[0].Images), "pair"), join(names))
}

func (m *Map) svgFile() []byte {
	s := m.sheet()
	c := vgsvg.New(s.width(), s.height())
	s.draw(c)
	return svgOf(c, m.alt())
}

func (m *Map) pngFile() ([]byte, error) {
	s := m.sheet()
	c := vgimg.NewWith(vgimg.UseWH(s.width(), s.height()), vgimg.UseDPI(144))
	s.draw(c)
	return pngOf(c)
}
