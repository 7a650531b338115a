package chart

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"image/color"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// texts returns what an SVG says, which must be XML.
func texts(t *testing.T, svg string) (list []string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(svg))
	in := false
	for {
		token, err := d.Token()
		if err == io.EOF {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		switch e := token.(type) {
		case xml.StartElement:
			in = e.Name.Local == "text" || e.Name.Local == "title"
		case xml.EndElement:
			in = false
		case xml.CharData:
			if in {
				list = append(list, string(e))
			}
		}
	}
}

// somePicture has all that a picture can have.
func somePicture() *Picture {
	return &Picture{
		Alt: `lines & "points"`, X: Axis{Label: "x < y", Max: 10}, Y: Axis{Log: true, Min: .1, Max: 20}, Slope: true,
		Series: []Series{
			{Look: LookAt(0), Line: true, Points: []Spot{{X: 1, Y: 1, SE: .5}, {X: 5, Y: math.NaN()}, {X: 6, Y: 2, SE: 3}, {X: 9, Y: 1e9, Broken: true}}},
			{Look: LookAt(1), Line: true, Marks: MarkLast, Points: []Spot{{X: 2, Y: 3}, {X: 4, Y: 3, Broken: true}}},
		},
		Rules: []Rule{{Look: LookAt(2), At: 2, SE: 1, Label: "level"}, {Look: LookAt(3), At: 7, Upright: true, Label: "upright"}, {At: 50, Label: "outside"}},
	}
}

func someTiles() *Tiles {
	return &Tiles{Alt: "tiles", Fields: []Field{{
		Name: "field", Look: LookAt(1), Corner: "corner", Columns: []string{"a", "b"}, Rows: []string{"c", "d"},
		Tiles: [][]*Tile{{{Text: "filled", Filled: true}, nil}, {{Text: "plain"}, {Crossed: true}}},
	}}}
}

func someScatter() *Scatter {
	s := &Scatter{Alt: "scatter", Key: []Entry{{Label: "one", Mark: Ring, Color: Text, Radius: 4}, LookAt(2).Entry("two")}}
	for _, name := range []string{"a", "b", "c", "d"} {
		s.Panels = append(s.Panels, ScatterPanel{name, []ScatterPoint{{1, 2, Circle, Text, 2}, {3, 4, Ring, Muted, 2}}})
	}
	return s
}

func someSheet() *Sheet {
	row := func(title string) (row []*Panel) {
		for i := range 2 {
			p := NewPanel(title, "x", "height", View{-3, 3, -2, 2})
			p.Raster(4, func(x, y float64) color.NRGBA { return Fade(Hex(0xd55e00), (x+3)/6) })
			p.Contours(func(x, y float64) float64 { return x*x + y*y }, Stroke(Grey, .75), 1, 2)
			p.Curve(math.Sin, Stroke(Black, 1, 4, 2))
			p.Mark([][]float64{{0, 0}, {9, 9}}, Star, Black, 5)
			p.Arrow([]float64{0, 0}, []float64{1, 1}, Stroke(Black, 1))
			p.Arrow([]float64{1, 1}, []float64{1, 1}, Stroke(Black, 1)) // has no direction
			p.Note(-1, -1, "note", Black)
			if i > 0 {
				p.Bare()
			}
			row = append(row, p)
		}
		return row
	}
	return &Sheet{
		Alt: "sheet", Panels: [][]*Panel{row("title"), row("")}, Width: 100, Heights: []float64{80, 60},
		Key: []Entry{{Label: "a line", Line: Stroke(Black, 1)}, {Label: "a mark", Mark: Dot, Color: Black, Radius: 3},
			{Label: "a ramp", Ramp: func(u float64) color.NRGBA { return Fade(Black, u) }}, {Label: "an entry that is long", Mark: Plus, Color: Black, Radius: 3}},
	}
}

func everything() map[string]Drawing {
	return map[string]Drawing{
		"picture": somePicture(), "tiles": someTiles(), "scatter": someScatter(), "sheet": someSheet(),
		"named":  someNamed(),
		"figure": &Figure{Title: "title", Drawing: somePicture(), Key: []Entry{LookAt(0).Entry("first"), LookAt(1).Entry("second")}},
	}
}

// What a drawing says, in its order; the SVG is XML, and whoever shows it with another font
// keeps the widths of texts.
func TestTexts(t *testing.T) {
	const panel = "x|−3|−2|−1|0|1|2|3|height|−2|−1|0|1|2|note|"
	const picture = `lines & "points"|x < y|0|2|4|6|8|10|0.1|0.3|1|3|10|level|upright`
	for name, want := range map[string]string{
		"picture": picture,
		"named":   "names|cost|0|0.5|1|1.5|2|2.5|3|-1|-0.5|0|0.5|1|right|high|one whose name is so long that…|low",
		"tiles":   "tiles|field|corner|a|b|c|filled|d|plain",
		"scatter": "scatter|a|b|c|d|one|two",
		"figure":  strings.Replace(picture, "|", "|title|", 1) + "|first|second",
		"sheet":   "sheet|" + panel + "title|x|−3|−2|−1|0|1|2|3|note|title|" + panel + "x|−3|−2|−1|0|1|2|3|note|a line|a mark|a ramp|an entry that is long",
	} {
		svg := string(SVG(everything()[name]))
		if got := strings.Join(texts(t, svg), "|"); got != want {
			t.Errorf("%s says\n%s, want\n%s", name, got, want)
		}
		if n, m := strings.Count(svg, "<text "), strings.Count(svg, "textLength="); n == 0 || n != m {
			t.Errorf("%s: %d texts, %d widths", name, n, m)
		}
		if strings.Contains(svg, "#FE00") || strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
			t.Errorf("%s: an ink has no colour, or a place no number", name)
		}
	}
}

// A drawing gives the same bytes, by whatever goroutine.
func TestDeterminism(t *testing.T) {
	for name := range everything() {
		inline, svg := Inline(everything()[name]), SVG(everything()[name])
		raster, err := PNG(everything()[name], FigureDPI)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := png.Decode(bytes.NewReader(raster)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var wait sync.WaitGroup
		for range 2 {
			wait.Add(1)
			go func() {
				defer wait.Done()
				d := everything()[name]
				again, err := PNG(d, FigureDPI)
				if err != nil || !bytes.Equal(again, raster) || !bytes.Equal(SVG(d), svg) || Inline(d) != inline {
					t.Errorf("%s: drawn again it is another; error %v", name, err)
				}
			}()
		}
		wait.Wait()
	}
}

// In a page all colours are variables and fonts are the page's; the words are an attribute.
func TestInline(t *testing.T) {
	for name, d := range map[string]Drawing{"picture": somePicture(), "tiles": someTiles()} {
		s := string(Inline(d))
		texts(t, s)
		if strings.Contains(s, "#") && !strings.Contains(s, "&#") || strings.Contains(s, "font-family") || strings.Contains(s, "#FE00") {
			t.Errorf("%s: colours or fonts of its own in %.300s", name, s)
		}
		for _, want := range []string{"var(--text)", "var(--muted)", "var(--grid)", "var(--m1)", "fill-opacity:.16"} {
			if name == "picture" && want == "var(--text)" {
				continue
			}
			if !strings.Contains(s, want) {
				t.Errorf("%s lacks %s", name, want)
			}
		}
	}
	if s := string(Inline(somePicture())); !strings.Contains(s, `class="chart" role="img" aria-label="lines &amp; &#34;points&#34;"`) {
		t.Errorf("the label is not there: %.300s", s)
	}
	if s := string(Swatch(LookAt(0))); !strings.Contains(s, `class="swatch" aria-hidden="true"`) || !strings.Contains(s, "var(--m2)") || strings.Contains(s, "<text") {
		t.Errorf("swatch %s", s)
	}
}

func TestInks(t *testing.T) {
	for i := range 256 {
		r, g, b, a := Ink(i).RGBA()
		scale := 255 / float64(a) // as the SVG canvas does it
		got := fmt.Sprintf("#%02X%02X%02X", int(float64(r)*scale), int(float64(g)*scale), int(float64(b)*scale))
		if want := fmt.Sprintf("#FE00%02X", i); got != want {
			t.Fatalf("ink %d is drawn as %s, want %s", i, got, want)
		}
	}
	if LineInk(9) != LineInk(1) || LineInk(-1) != LineInk(7) || LineInk(1).Variable() != "--m1" || LineInk(1).Band().Variable() != "--m1" {
		t.Error("inks of lines do not come again")
	}
	if LineInk(0).Light().A != 255 || LineInk(0).Band().Light().A != 41 {
		t.Error("bands are not transparent, or lines are")
	}
}

func TestLooks(t *testing.T) {
	l := LookOf(2, 1.8, []float64{6, 3}, "pyramid", 3)
	if got := fmt.Sprint(l); got != "{18 1.8 [6 3] pyramid 3}" {
		t.Errorf("%v", got)
	}
	for _, odd := range []string{"", "square", "cross"} { // the cross is for what broke
		if m := LookOf(0, 1, nil, odd, 1).Mark; m != Box {
			t.Errorf("mark %q is %s", odd, m)
		}
	}
	if s := l.mark(true); s.Shape != (cross{}) || s.Radius != 4 {
		t.Errorf("broken: %+v", s)
	}
	seen := map[string]int{}
	for i := range 40 {
		seen[fmt.Sprint(LookAt(i))]++
		if ink := LookAt(i, 4, 5).Ink; ink != LineInk(4+i%2) {
			t.Errorf("look %d of two inks is in %d", i, ink)
		}
	}
	if len(seen) != 40 {
		t.Errorf("%d looks of 40 differ", len(seen))
	}
}

func TestLogTicks(t *testing.T) {
	for _, tt := range []struct {
		lo, hi float64
		want   string
	}{
		{.025, 20, "[0.03 0.1 0.3 1 3 10]"},
		{.09, 1.1, "[0.1 0.2 0.5 1]"},
		{1e-5, 1e3, "[1e-05 0.001 0.1 10 1e+03]"},
		{.8, 1.3, "[0.8 1]"},
	} {
		if got := fmt.Sprintf("%.3g", logTicks(tt.lo, tt.hi)); got != tt.want {
			t.Errorf("between %g and %g: %s, want %s", tt.lo, tt.hi, got, tt.want)
		}
	}
}

func TestTicks(t *testing.T) {
	for _, tt := range []struct {
		a    Axis
		want string
	}{
		{Axis{Min: 0, Max: 10}, "0 2 4 6 8 10"},
		{Axis{Min: -1, Max: 1}, "-1 -0.5 0 0.5 1"},
		{Axis{Min: 0, Max: 1.02, Percent: true}, "0% 20% 40% 60% 80% 100%"},
		{Axis{Min: 0, Max: 7000}, "0 2000 4000 6000"},
		{Axis{Min: 3, Max: 3}, ""},
		{Axis{Min: -1, Max: math.Inf(1)}, ""},
	} {
		var got []string
		for _, tick := range tt.a.ticks() {
			got = append(got, tick.Label)
		}
		if s := strings.Join(got, " "); s != tt.want {
			t.Errorf("%+v: %s, want %s", tt.a, s, tt.want)
		}
	}
	// Where steps are below the precision of numbers, ticks are few all the same.
	for _, a := range []Axis{{Min: 1e20, Max: math.Nextafter(1e20, 2e20)}, {Min: -math.MaxFloat64, Max: math.MaxFloat64}} {
		if n := len(a.values()); n > 8 {
			t.Errorf("%+v has %d ticks", a, n)
		}
	}
}

// Axes made of values hold them all, whatever they are.
func TestAxes(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, tt := range []struct {
		name   string
		of     func([]float64) Axis
		values []float64
		want   Axis
	}{
		{"shares", ShareAxis, []float64{.3, .9}, Axis{Percent: true, Max: 1.02}},
		{"high shares", ShareAxis, []float64{.93, nan, .99}, Axis{Percent: true, Min: .9, Max: 1.02}},
		{"no shares", ShareAxis, nil, Axis{Percent: true, Max: 1.02}},
		{"amounts", AmountAxis, []float64{2, 1, inf}, Axis{Max: 2.12}},
		{"nothing but zeros", AmountAxis, []float64{0, 0}, Axis{Max: 1.06}},
		{"no amounts", AmountAxis, nil, Axis{Max: 1}},
		{"all positive", SignedAxis, []float64{1, 2}, Axis{Max: 2.12}},
		{"differences", SignedAxis, []float64{-1, 1}, Axis{Min: -1.06, Max: 1.12}},
		{"no differences", SignedAxis, []float64{nan}, Axis{Max: 1}},
		{"zero", SignedAxis, []float64{0}, Axis{Min: -.03, Max: 1.06}},
	} {
		got := tt.of(tt.values)
		if math.Abs(got.Min-tt.want.Min) > 1e-12 || math.Abs(got.Max-tt.want.Max) > 1e-12 || got.Log != tt.want.Log || got.Percent != tt.want.Percent {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
	if a := AmountAxis([]float64{1, 100}); !a.Log || !a.holds(1) || !a.holds(100) {
		t.Errorf("amounts over decades: %+v", a)
	}
	if lo, hi, ok := LogRange([]float64{-1, 0, 1e-30, 1, 1, 2, 1e30}); !ok || lo < 1e-4 || hi > 1e4 {
		t.Errorf("a range gone wild: %g to %g, %v", lo, hi, ok)
	}
	if _, _, ok := LogRange([]float64{-1, 0, nan}); ok {
		t.Error("a range of nothing positive")
	}
}

// A rule's label stands where no line runs.
func TestLabelIsFree(t *testing.T) {
	for _, tt := range []struct {
		y           [2]float64 // of points at the left and at the right
		left, below bool
	}{{[2]float64{.9, .9}, false, true}, {[2]float64{.1, .1}, false, false}, {[2]float64{.95, .55}, true, true}} {
		p := Picture{X: Axis{Max: 1}, Y: Axis{Max: 1}, Series: []Series{{Points: []Spot{{X: .1, Y: tt.y[0]}, {X: .9, Y: tt.y[1]}}}}}
		if left, below := p.free(Rule{At: .5}); left != tt.left || below != tt.below {
			t.Errorf("lines at %v: left %v, below %v", tt.y, left, below)
		}
	}
}

// Tiles are as wide as the longest row, and as tall as the fields together.
func TestTilesSize(t *testing.T) {
	d := someTiles()
	d.Fields = append(d.Fields, d.Fields[0], Field{Columns: make([]string, 9), Rows: []string{"a"}, Tiles: make([][]*Tile, 1)})
	w, h := d.size()
	if w != tileLeft+9*tileWidth || h != 3*(tileHead+tileBetween)+5*tileHeight {
		t.Errorf("%v x %v", w, h)
	}
	if w, _ := someTiles().size(); w != pictureWidth {
		t.Errorf("few columns are %v wide", w)
	}
}

// Keys of short labels stand in two columns, of long ones in one.
func TestFigureSize(t *testing.T) {
	f := &Figure{Drawing: somePicture(), Key: []Entry{{Label: "a"}, {Label: "b"}, {Label: "c"}}}
	_, two := f.size()
	f.Key[0].Label = "a label that needs the whole width"
	if _, one := f.size(); one-two != keyHeight {
		t.Errorf("heights %v and %v", two, one)
	}
}

// Points on a circle within another stay within, in a square.
func TestScatterFit(t *testing.T) {
	p := ScatterPanel{}
	for i := range 400 {
		sin, cos := math.Sincos(float64(i))
		p.Points = append(p.Points, ScatterPoint{sin, cos, Circle, Text, 1.6}, ScatterPoint{2 * sin, 2 * cos, Ring, Text, 2.8})
	}
	b, err := PNG(&Scatter{Panels: []ScatterPanel{p}}, ScatterDPI)
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	const scale = 2 // pixels a unit at 144 dots an inch
	middleX, middleY := scale*(margin+scatterSize/2), scale*(scatterTitle+scatterSize/2)
	white := func(r float64) (n int) {
		for i := range 200 {
			sin, cos := math.Sincos(float64(i))
			if red, green, blue, _ := img.At(middleX+int(r*cos), middleY+int(r*sin)).RGBA(); red+green+blue == 3*0xffff {
				n++
			}
		}
		return n
	}
	const inner, outer = scale * scatterSize * .94 / 4, scale * scatterSize * .94 / 2
	if on, within, between, beyond := white(inner), white(.8*inner), white(1.5*inner), white(1.04*outer); on > 20 || within < 200 || between < 200 || beyond < 190 {
		t.Errorf("white of 200: %d on the inner circle, %d within, %d between, %d beyond", on, within, between, beyond)
	}
}

// A key breaks where its line is full, and an entry wider than a line has one of its own.
func TestKeyLines(t *testing.T) {
	k := &keyStyle{font: 10, mark: 10, between: 10, slack: 1}
	e := Entry{Label: "word", Mark: Box, Color: Text}
	long := Entry{Label: strings.Repeat("word ", 40), Mark: Box, Color: Text}
	w := k.width(e)
	var got []int
	for _, line := range k.lines([]Entry{e, e, e, long, e}, 2.5*w) {
		got = append(got, len(line))
	}
	if fmt.Sprint(got) != "[2 1 1 1]" {
		t.Errorf("lines of %v", got)
	}
}

// The contours of a paraboloid are circles, closed where the view holds them.
func TestContours(t *testing.T) {
	g := newLattice(View{-2, 2, -2, 2}, 81, func(x, y float64) float64 { return x*x + y*y })
	whole, cut := g.contours(1), g.contours(5)
	if len(whole) != 1 || len(cut) != 4 {
		t.Fatalf("%d lines of the whole circle, %d of that in the corners", len(whole), len(cut))
	}
	line := whole[0]
	if first, last := line[0], line[len(line)-1]; first[0] != last[0] || first[1] != last[1] {
		t.Errorf("the circle from %v ends at %v", first, last)
	}
	for r2, lines := range map[float64][][][]float64{1: whole, 5: cut} {
		for _, line := range lines {
			for i, q := range line {
				if math.Abs(q[0]*q[0]+q[1]*q[1]-r2) > 2e-3 {
					t.Errorf("%v is not on the circle of %g", q, r2)
				}
				if i > 0 && math.Hypot(q[0]-line[i-1][0], q[1]-line[i-1][1]) > .0708 {
					t.Errorf("a step from %v to %v is longer than a cell", line[i-1], q)
				}
			}
		}
	}
}

// At a saddle lines stay apart, where a function is not finite they end, and a plane has none.
func TestContoursOddities(t *testing.T) {
	view := View{-1, 1, -1, 1}
	saddle := func(x, y float64) float64 { return x * y }
	for _, tt := range []struct {
		level  float64
		corner float64 // of which the two lines are: that of the sign of x*y
	}{{.01, 1}, {-.01, -1}} {
		lines := newLattice(view, 4, saddle).contours(tt.level)
		if len(lines) != 2 {
			t.Fatalf("%d lines at the saddle's level %g", len(lines), tt.level)
		}
		for _, line := range lines {
			for i, q := range line[1:] {
				if x, y := (q[0]+line[i][0])/2, (q[1]+line[i][1])/2; x*y*tt.corner < 0 {
					t.Errorf("level %g passes through %g, %g", tt.level, x, y)
				}
			}
		}
	}
	if n := len(newLattice(view, 9, func(x, y float64) float64 { return 3 }).contours(3)); n != 0 {
		t.Errorf("a plane has %d contours", n)
	}
	lines := newLattice(view, 9, func(x, y float64) float64 {
		if x > .5 {
			return math.NaN()
		}
		return y
	}).contours(.1)
	if len(lines) != 1 || max(lines[0][0][0], lines[0][len(lines[0])-1][0]) != .5 {
		t.Errorf("lines up to where nothing is finite: %v", lines)
	}
}

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "new", "folder", "a.svg")
	for _, s := range []string{"first", "second"} {
		if err := WriteFile(path, []byte(s)); err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(path); err != nil || string(b) != s {
			t.Errorf("%q, %v", b, err)
		}
	}
	if err := WriteFile(filepath.Join(path, "b.svg"), nil); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("below a file: %v", err)
	}
}
