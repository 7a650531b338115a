package paper

import (
	"image/color"
	"math"
	"path/filepath"

	"github.com/monge-ml/monge/internal/chart"
	"github.com/monge-ml/monge/sam"
)

// look is how a method is named and coloured in every picture.
type look struct {
	label string
	color color.NRGBA
}

// The colours are Okabe and Ito's, which readers with any colour vision tell apart.
var colours = map[string]color.NRGBA{
	"none":   chart.Hex(0x404040),
	"sam":    chart.Hex(0xd55e00),
	"m-sam":  chart.Hex(0x0072b2),
	"fisher": chart.Hex(0x009e73),
	"asam":   chart.Hex(0xb85c96),
}

// otherColour is that of methods that the paper's figures do not show.
var otherColour = chart.Hex(0x4b9fcc)

// lookOf is the look of a method by name.
func lookOf(name string) look {
	m, err := sam.FindMethod(name)
	if err != nil {
		return look{name, otherColour}
	}
	l := look{m.Label, otherColour}
	if c, ok := colours[m.Name]; ok {
		l.color = c
	}
	if !m.Perturbs() {
		l.label = "GD"
	}
	return l
}

var (
	faint  = chart.Hex(0xd8d8d8)
	white  = chart.Hex(0xffffff)
	stable = chart.Hex(0xb2182b) // figure 4's red
	away   = chart.Hex(0x2166ac) // and its blue
)

func box(x0, x1, y0, y1 float64) chart.View {
	return chart.View{X0: x0, X1: x1, Y0: y0, Y1: y1}
}

// sheet is a picture with the name of its files, without extension.
type sheet struct {
	name string
	chart.Sheet
}

// methodKey explains the colours of methods.
func methodKey(names ...string) []chart.Entry {
	var key []chart.Entry
	for _, n := range names {
		key = append(key, lineEntry(lookOf(n).label, lookOf(n).color, 2))
	}
	return key
}

// lineEntry explains a line.
func lineEntry(label string, c color.Color, width float64, dashes ...float64) chart.Entry {
	return chart.Entry{Label: label, Line: chart.Stroke(c, width, dashes...)}
}

// markEntry explains a mark, in black.
func markEntry(label string, m chart.Mark, radius float64) chart.Entry {
	return chart.Entry{Label: label, Mark: m, Color: chart.Black, Radius: radius}
}

// write writes the sheet as SVG and PNG and returns the paths.
func (s *sheet) write(dir string) ([]string, error) {
	png, err := chart.PNG(&s.Sheet, chart.SheetDPI)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, f := range []struct {
		ext  string
		data []byte
	}{{".svg", chart.SVG(&s.Sheet)}, {".png", png}} {
		path := filepath.Join(dir, s.name+f.ext)
		if err := chart.WriteFile(path, f.data); err != nil {
			return paths, err
		}
		paths = append(paths, path)
	}
	return paths, nil
}

func square(v float64) float64 { return v * v }

func hypot(v []float64) float64 { return math.Hypot(v[0], v[1]) }
