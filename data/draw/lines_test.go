package draw

import (
	"image"
	"image/color"
	"os"
	"path/filepath"
	"testing"

	"github.com/monge-ml/monge/data"
)

// Lines are the same for a seed, others for another, and a data set of four classes.
func TestLines(t *testing.T) {
	dirs := [3]string{t.TempDir(), t.TempDir(), t.TempDir()}
	for i, seed := range []uint64{1, 1, 2} {
		told := 0
		if err := Lines(dirs[i], LineOptions{Train: 3, Val: 1, Test: 2, Seed: seed}, func(done, all int) { told = done + 100*all }); err != nil {
			t.Fatal(err)
		}
		if told != 24+2400 {
			t.Errorf("told %d", told)
		}
	}
	read := func(dir, name string) string {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	const name = "train/90/00001.png"
	if read(dirs[0], name) != read(dirs[1], name) || read(dirs[0], name) == read(dirs[2], name) {
		t.Error("images are no function of the seed")
	}
	d, err := data.Open("imagefolder:"+dirs[0], data.Options{Size: data.Size{Height: 48, Width: 192}})
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Classes) != 4 || d.Train.Len() != 12 || d.Val.Len() != 4 || d.Test.Len() != 8 {
		t.Errorf("%v, %d, %d, %d", d.Classes, d.Train.Len(), d.Val.Len(), d.Test.Len())
	}
	if err := Lines(t.TempDir(), LineOptions{Train: -1}, nil); err == nil {
		t.Error("no error")
	}
}

// A quarter turn is clockwise: what was on the left is at the top.
func TestTurned(t *testing.T) {
	img := image.NewRGBA(image.Rect(0, 0, 3, 2))
	mark := color.RGBA{1, 2, 3, 255}
	img.SetRGBA(0, 1, mark) // bottom left
	for quarters, at := range []image.Point{{0, 1}, {0, 0}, {2, 0}, {1, 2}} {
		if got := turned(img, quarters); got.RGBAAt(at.X, at.Y) != mark {
			t.Errorf("%d quarters: the mark is not at %v", quarters, at)
		}
	}
}
