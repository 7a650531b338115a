// Package picture draws maps of embeddings, as figure 7 of the M-SAM paper (arXiv
// 2502.08448) does: where package align puts the images and texts of several encoders.
package picture

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

	"github.com/monge-ml/monge/internal/chart"
)

// A Map is pairs of an image and a text as several encoders see them, each a panel.
type Map struct {
	Classes []string // a pair's, "" where it is not known; nil if none is
	Panels  []Panel
}

// A Panel is where images and texts lie, pair by pair, as of an align.Map.
type Panel struct {
	Name          string
	Images, Texts [][2]float64
}

// Extensions are the kinds of file that Write writes.
var Extensions = []string{".png", ".svg"}

// Write draws a map into a file: images as discs and texts as rings, in the colours of their
// classes. The rarest of more classes than there are colours are drawn as one. The
// extension of path says what is written; panels that differ in their pairs, and places
// that are not finite, are an error.
func Write(path string, m *Map) error {
	if err := m.check(); err != nil {
		return fmt.Errorf("picture: %w", err)
	}
	switch ext := strings.ToLower(filepath.Ext(path)); ext {
	case ".png":
		b, err := chart.PNG(m.drawing(), chart.ScatterDPI)
		if err != nil {
			return err
		}
		return chart.WriteFile(path, b)
	case ".svg":
		return chart.WriteFile(path, chart.SVG(m.drawing()))
	default:
		return fmt.Errorf("picture: %s: a map is written as %s", path, strings.Join(Extensions, " or "))
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
			if !finite(p.Images[i]) || !finite(p.Texts[i]) {
				return fmt.Errorf("panel %q has pair %d nowhere: %v, %v", p.Name, i, p.Images[i], p.Texts[i])
			}
		}
	}
	return nil
}

func finite(at [2]float64) bool {
	sum := at[0] + at[1]
	return !math.IsNaN(sum) && !math.IsInf(sum, 0)
}

// classColors are the classes', the most frequent first: the page's own, and four more.
var classColors = []color.NRGBA{
	chart.Hex(0x0b4fb3), chart.Hex(0xd9600a), chart.Hex(0x00805c), chart.Hex(0xc0357f), chart.Hex(0x8f3fa5), chart.Hex(0xd1a400),
	chart.Hex(0x2aa5c9), chart.Hex(0x8a5a14), chart.Hex(0x7cb518), chart.Hex(0xb3261e), chart.Hex(0x8c9eff), chart.Hex(0xf49ac1),
}

var (
	otherColor   = chart.Hex(0x4b5563)
	unknownColor = chart.Hex(0xa9b1bc)
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
	shown := named[:min(len(named), len(classColors))]
	for i, name := range shown {
		of[name] = classColors[i]
		list = append(list, class{printable(name), classColors[i]})
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

// Radii of marks.
const (
	discRadius = 1.6
	ringRadius = 2.8 // about the disc where a pair lies in one place
	keyRadius  = 4
)

// drawing is the map as marks: in each panel first the pairs that have no colour of their
// own, so that they hide none that has.
func (m *Map) drawing() *chart.Scatter {
	list, colors := m.classes()
	d := &chart.Scatter{Alt: m.alt(), Key: []chart.Entry{
		{Label: "image", Mark: chart.Circle, Color: chart.Text, Radius: keyRadius},
		{Label: "text", Mark: chart.Ring, Color: chart.Text, Radius: keyRadius},
	}}
	for _, c := range list {
		d.Key = append(d.Key, chart.Entry{Label: c.label, Mark: chart.Circle, Color: c.color, Radius: keyRadius})
	}
	for _, p := range m.Panels {
		panel := chart.ScatterPanel{Name: printable(p.Name)}
		for _, plain := range []bool{true, false} {
			for i, of := range colors {
				if plain != (of == otherColor || of == unknownColor) {
					continue
				}
				panel.Points = append(panel.Points,
					chart.ScatterPoint{X: p.Images[i][0], Y: p.Images[i][1], Mark: chart.Circle, Color: of, Radius: discRadius},
					chart.ScatterPoint{X: p.Texts[i][0], Y: p.Texts[i][1], Mark: chart.Ring, Color: of, Radius: ringRadius})
			}
		}
		d.Panels = append(d.Panels, panel)
	}
	return d
}

// alt says in words what is drawn.
func (m *Map) alt() string {
	names := make([]string, len(m.Panels))
	for i, p := range m.Panels {
		names[i] = printable(p.Name)
	}
	pairs := fmt.Sprintf("%d pairs", len(m.Panels[0].Images))
	if len(m.Panels[0].Images) == 1 {
		pairs = "1 pair"
	}
	list := names[0]
	if last := len(names) - 1; last > 0 {
		list = strings.Join(names[:last], ", ") + " and " + names[last]
	}
	return fmt.Sprintf("Map of %s, each an image and a text: %s", pairs, list)
}
