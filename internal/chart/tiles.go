package chart

import (
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Tiles are fields of tiles, one below the other.
type Tiles struct {
	Alt    string // says in words what is drawn
	Fields []Field
}

// A Field is tiles by rows and columns.
type Field struct {
	Name          string
	Look          Look   // the ink of tiles that are filled
	Corner        string // what the rows are
	Columns, Rows []string
	Tiles         [][]*Tile // by row, then column; nil for none
}

// A Tile is a text, filled in the field's ink, crossed out, or neither.
type Tile struct {
	Text            string
	Filled, Crossed bool
}

// Sizes of tiles.
const (
	tileLeft    = 62 // for the rows' names
	tileWidth   = 62
	tileHeight  = 25
	tileHead    = 44 // for the field's and the columns' names
	tileBetween = 10 // fields
	tileFont    = fontSize - 1
)

func (f *Field) height() vg.Length {
	return vg.Length(tileHead + tileHeight*len(f.Rows) + tileBetween)
}

func (t *Tiles) size() (width, height vg.Length) {
	for _, f := range t.Fields {
		width = max(width, vg.Length(tileLeft+tileWidth*len(f.Columns)))
		height += f.height()
	}
	return max(width, pictureWidth), height
}

func (t *Tiles) said() string { return t.Alt }

func (t *Tiles) draw(dc draw.Canvas) {
	top := dc.Max.Y
	for _, f := range t.Fields {
		f.draw(dc, top)
		top -= f.height()
	}
}

func (f *Field) draw(dc draw.Canvas, top vg.Length) {
	const second = -2 - fontSize - 5 // the line below the name
	at := func(i, k int) vg.Point {
		return vg.Point{X: dc.Min.X + tileLeft + vg.Length(i)*tileWidth, Y: top - tileHead - vg.Length(k)*tileHeight}
	}
	dc.FillText(words(Text, fontSize, draw.XLeft, draw.YTop), vg.Point{X: dc.Min.X, Y: top - 2}, f.Name)
	dc.FillText(words(Muted, tileFont, draw.XLeft, draw.YTop), vg.Point{X: dc.Min.X, Y: top + second}, f.Corner)
	for i, label := range f.Columns {
		dc.FillText(words(Muted, tileFont, draw.XCenter, draw.YTop), at(i, 0).Add(vg.Point{X: tileWidth / 2, Y: tileHead + second}), label)
	}
	for k, label := range f.Rows {
		dc.FillText(words(Muted, tileFont, draw.XRight, draw.YCenter), at(0, k).Add(vg.Point{X: -8, Y: -tileHeight / 2}), label)
		for i, t := range f.Tiles[k] {
			if t != nil {
				f.drawTile(dc, at(i, k), t)
			}
		}
	}
}

// drawTile draws a tile below and to the right of a point.
func (f *Field) drawTile(dc draw.Canvas, p vg.Point, t *Tile) {
	const edge = 1.5
	box := vg.Rectangle{Min: vg.Point{X: p.X + edge, Y: p.Y - tileHeight + edge}, Max: vg.Point{X: p.X + tileWidth - edge, Y: p.Y - edge}}
	middle := vg.Point{X: (box.Min.X + box.Max.X) / 2, Y: (box.Min.Y + box.Max.Y) / 2}
	ink := Muted
	if t.Filled {
		ink = Text
		dc.SetColor(f.Look.Ink.Band())
		dc.Fill(box.Path())
	}
	if t.Crossed {
		strokeX(&dc, draw.LineStyle{Color: Muted, Width: 1.6}, middle, 6)
	}
	dc.SetLineStyle(draw.LineStyle{Color: Grid, Width: 1})
	dc.Stroke(box.Path())
	dc.FillText(words(ink, tileFont, draw.XCenter, draw.YCenter), middle, t.Text)
}
