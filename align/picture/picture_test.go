package picture

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/monge-ml/monge/internal/chart"
)

// someMap is a map of n pairs on two circles.
func someMap(n int, panels ...string) *Map {
	m := &Map{}
	for _, name := range panels {
		p := Panel{Name: name}
		for i := range n {
			sin, cos := math.Sincos(float64(i))
			p.Images, p.Texts = append(p.Images, [2]float64{sin, cos}), append(p.Texts, [2]float64{2 * sin, 2 * cos})
		}
		m.Panels = append(m.Panels, p)
	}
	return m
}

// texts returns what an SVG file says, which must be XML.
func texts(t *testing.T, svg []byte) (list []string) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(svg))
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

func TestMapKey(t *testing.T) {
	repeat := func(counts ...int) (classes []string) {
		for c, n := range counts {
			for range n {
				classes = append(classes, fmt.Sprintf("c%d", c))
			}
		}
		return classes
	}
	many := make([]int, len(classColors)+2)
	for i := range many {
		many[i] = len(many) - i
	}
	var all []string
	for i := range classColors {
		all = append(all, fmt.Sprintf("c%d", i))
	}
	for _, tt := range []struct {
		classes []string
		want    string
	}{
		{nil, "unknown"},
		{[]string{"", ""}, "unknown"},
		{repeat(1, 3, 3), "c1 c2 c0"},
		{append(repeat(1, 2), ""), "c1 c0 unknown"},
		{repeat(many[:len(classColors)]...), strings.Join(all, " ")},
		{append(repeat(many...), ""), strings.Join(all, " ") + " other unknown"},
		{[]string{"a <b>\x1b", strings.Repeat("é", 40)}, "a <b>\uFFFD " + strings.Repeat("é", 27) + "…"},
	} {
		m := someMap(max(2, len(tt.classes)), "one")
		m.Classes = tt.classes
		got := texts(t, chart.SVG(m.drawing()))
		want := append([]string{got[0], "one", "image", "text"}, strings.Split(tt.want, " ")...)
		if strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("%q: the key says %q, want %q", tt.classes, got, want)
		}
	}
}

// Every pair is a disc and a ring in its class's colour.
func TestMapMarks(t *testing.T) {
	m := someMap(5, "a", "b & c")
	m.Classes = []string{"cat", "cat", "dog", "cat", ""}
	svg := string(chart.SVG(m.drawing()))
	for color, pairs := range map[string]int{"#0B4FB3": 3, "#D9600A": 1, "#A9B1BC": 1} {
		discs := strings.Count(svg, `style="fill:`+color) + strings.Count(svg, `fill="`+color)
		rings := strings.Count(svg, `stroke:`+color)
		if rings != 2*pairs || discs != 2*pairs+1 {
			t.Errorf("%s: %d rings and %d discs of %d pairs in two panels, and a disc in the key", color, rings, discs, pairs)
		}
	}
	if got := texts(t, []byte(svg)); got[0] != "Map of 5 pairs, each an image and a text: a and b & c" {
		t.Errorf("title %q", got[0])
	}
}

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.png", "new/a.SVG"} {
		path := filepath.Join(dir, name)
		if err := Write(path, someMap(3, "a", "b", "c", "d")); err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(path); err != nil || !bytes.HasPrefix(b, []byte("\x89PNG")) && !bytes.HasPrefix(b, []byte("<?xml")) {
			t.Errorf("%s: %v, %.10q", name, err, b)
		}
	}
	nowhere, short, classes := someMap(3, "a", "b"), someMap(3, "a", "b"), someMap(3, "a")
	nowhere.Panels[1].Texts[2][1] = math.NaN()
	short.Panels[1].Texts = short.Panels[1].Texts[:2]
	classes.Classes = []string{"x"}
	for _, tt := range []struct {
		m    *Map
		name string
		want string
	}{
		{&Map{}, "a.png", "needs a panel"},
		{nowhere, "a.png", `panel "b" has pair 2 nowhere`},
		{short, "a.png", `panel "b" has 3 images and 2 texts; there must be 3 of each`},
		{classes, "a.png", "1 classes are not those of 3 pairs"},
		{someMap(3, "a"), "a.pdf", "written as .png or .svg"},
	} {
		if err := Write(filepath.Join(dir, tt.name), tt.m); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v, want %q", err, tt.want)
		}
	}
	// A single place has no extent to scale.
	if err := Write(filepath.Join(dir, "one.svg"), someMap(1, "a")); err != nil {
		t.Error(err)
	}
}
