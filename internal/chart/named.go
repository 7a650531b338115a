package chart

import (
	"cmp"
	"slices"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// A Named is a chart of single points with their names. These stand beside the frame in the order of
// the points' heights, each tied to its point by a thin line, so that any number of points that lie
// close together can be told apart.
type Named struct {
	Alt    string // says in words what is drawn
	X, Y   Axis
	Points []NamedPoint
	Rules  []Rule
}

// A NamedPoint is a point with half the height of its error bar, 0 for none.
type NamedPoint struct {
	Look     Look
	Name     string
	X, Y, SE float64
}

// Sizes of names and what is around them.
const (
	nameFont   = fontSize - 2
	nameHeight = 13.5
	nameGap    = 14  // between the frame and the names
	nameMost   = 170 // width of a name that is written whole
)

// shown are the points that lie in the picture, from the top down; of equal heights the one that is
// farther to the right comes first, so that lines don't cross.
func (n *Named) shown() []NamedPoint {
	list := slices.DeleteFunc(slices.Clone(n.Points), func(p NamedPoint) bool { return !n.X.holds(p.X) || !n.Y.holds(p.Y) })
	slices.SortStableFunc(list, func(a, b NamedPoint) int { return cmp.Or(cmp.Compare(b.Y, a.Y), cmp.Compare(b.X, a.X)) })
	return list
}

// names is the width of the names.
func (n *Named) names() (width vg.Length) {
	for _, p := range n.Points {
		width = max(width, words(Text, nameFont, draw.XLeft, draw.YCenter).Width(short(p.Name)))
	}
	return width
}

// short is a name as far as there is room for it.
func short(name string) string {
	style, letters := words(Text, nameFont, draw.XLeft, draw.YCenter), []rune(name)
	if style.Width(name) <= nameMost {
		return name
	}
	for len(letters) > 0 && style.Width(string(letters)+"…") > nameMost {
		letters = letters[:len(letters)-1]
	}
	return strings.TrimRight(string(letters), " ") + "…"
}

// size is that of a picture, higher if the names ask for it.
func (n *Named) size() (width, height vg.Length) {
	return pictureWidth, max(pictureHeight, vg.Length(len(n.Points)+3)*nameHeight)
}

func (n *Named) said() string { return n.Alt }

// draw draws the chart on a canvas.
func (n *Named) draw(dc draw.Canvas) {
	p := Picture{X: n.X, Y: n.Y, Rules: n.Rules}
	pl, on := p.plot(draw.Crop(dc, 0, -n.names()-nameGap, 0, 0))
	frame := pl.DataCanvas(on)
	x, y := pl.Transforms(&frame)
	list := n.shown()
	heights := make([]vg.Length, len(list))
	for i, t := range list {
		heights[i] = y(t.Y)
	}
	for i, h := range apart(heights, dc.Min.Y+nameHeight/2, dc.Max.Y-nameHeight/2) {
		t, right := list[i], frame.Max.X+nameGap-3
		dc.StrokeLine2(Stroke(Muted, .4).style(), x(t.X), y(t.Y), right, h)
		dc.FillText(words(t.Look.Ink, nameFont, draw.XLeft, draw.YCenter), vg.Point{X: right + 3, Y: h}, short(t.Name))
	}
	for _, t := range slices.Backward(list) {
		if t.SE > 0 && finite(t.SE) {
			dc.StrokeLine2(Stroke(t.Look.Ink, 1.2).style(), x(t.X), y(max(n.Y.Min, t.Y-t.SE)), x(t.X), y(min(n.Y.Max, t.Y+t.SE)))
		}
		dc.DrawGlyphNoClip(t.Look.mark(false), vg.Point{X: x(t.X), Y: y(t.Y)})
	}
}

// apart moves heights, which descend, as little as it takes for names at them not to overlap, within
// these bounds: those that overlap become a block around the mean of where they would be.
func apart(heights []vg.Length, low, high vg.Length) []vg.Length {
	type block struct {
		top  vg.Length // height of the first
		n    int
		sums vg.Length // of where the first would be for each
	}
	var blocks []block
	within := func(b *block) {
		b.top = min(high, max(b.sums/vg.Length(b.n), low+vg.Length(b.n-1)*nameHeight))
	}
	for _, h := range heights {
		b := block{n: 1, sums: h}
		within(&b)
		for len(blocks) > 0 {
			last := blocks[len(blocks)-1]
			if last.top-vg.Length(last.n)*nameHeight >= b.top {
				break
			}
			blocks = blocks[:len(blocks)-1]
			b = block{n: last.n + b.n, sums: last.sums + b.sums + vg.Length(b.n*last.n)*nameHeight}
			within(&b)
		}
		blocks = append(blocks, b)
	}
	var out []vg.Length
	for _, b := range blocks {
		for i := range b.n {
			out = append(out, b.top-vg.Length(i)*nameHeight)
		}
	}
	return out
}
