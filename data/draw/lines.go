// Package draw makes data sets of images that need no download: drawn by a seed.
package draw

import (
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goitalic"
	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/gofont/gosmallcaps"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"

	"github.com/monge-ml/monge/internal/atomicfile"
)

// Directions are the classes of [Lines]: degrees by which a line of text is turned, clockwise.
var Directions = []string{"0", "90", "180", "270"}

// LineOptions say how many lines of text are drawn.
type LineOptions struct {
	Train, Val, Test int // images of each class and split
	Seed             uint64
}

// Lines draws lines of text in four directions as PNG files DIR/SPLIT/DIRECTION/NUMBER.png: words
// without meaning in the five Go fonts, in two colours of enough contrast, on a paper with a
// gradient and noise. The same options give the same bytes. Progress, which may be nil, is told of
// each image.
func Lines(dir string, o LineOptions, progress func(done, all int)) error {
	for _, n := range []int{o.Train, o.Val, o.Test} {
		if n < 0 || n > maxImages {
			return fmt.Errorf("%d images of a class; there may be 0 to %d", n, maxImages)
		}
	}
	faces, err := faces()
	if err != nil {
		return err
	}
	done, all := 0, (o.Train+o.Val+o.Test)*len(Directions)
	for s, split := range []struct {
		name string
		n    int
	}{{"train", o.Train}, {"val", o.Val}, {"test", o.Test}} {
		for turn, class := range Directions {
			path := filepath.Join(dir, split.name, class)
			if split.n == 0 {
				continue
			}
			if err := os.MkdirAll(path, 0o755); err != nil {
				return err
			}
			for i := range split.n {
				rng := rand.New(rand.NewPCG(o.Seed, uint64(s)<<40|uint64(turn)<<32|uint64(i)))
				img := turned(line(rng, faces), turn)
				name := filepath.Join(path, fmt.Sprintf("%05d.png", i))
				if err := atomicfile.Write(name, func(w io.Writer) error { return png.Encode(w, img) }); err != nil {
					return err
				}
				if done++; progress != nil {
					progress(done, all)
				}
			}
		}
	}
	return nil
}

const maxImages = 1 << 20

// faces are the fonts, each in a few sizes.
func faces() (list []font.Face, err error) {
	for _, ttf := range [][]byte{goregular.TTF, gobold.TTF, goitalic.TTF, gomono.TTF, gosmallcaps.TTF} {
		f, err := opentype.Parse(ttf)
		if err != nil {
			return nil, err
		}
		for _, size := range []float64{18, 24, 30} {
			face, err := opentype.NewFace(f, &opentype.FaceOptions{Size: size, DPI: 72, Hinting: font.HintingFull})
			if err != nil {
				return nil, err
			}
			list = append(list, face)
		}
	}
	return list, nil
}

// words makes some, of syllables and now and then a number.
func words(rng *rand.Rand) string {
	const consonants, vowels = "bcdfghjklmnprstvwz", "aeiouy"
	var list []string
	for range 1 + rng.IntN(3) {
		if rng.IntN(5) == 0 {
			list = append(list, fmt.Sprint(rng.IntN(10000)))
			continue
		}
		var b strings.Builder
		for range 1 + rng.IntN(3) {
			b.WriteByte(consonants[rng.IntN(len(consonants))])
			b.WriteByte(vowels[rng.IntN(len(vowels))])
			if rng.IntN(3) == 0 {
				b.WriteByte(consonants[rng.IntN(len(consonants))])
			}
		}
		w := b.String()
		if rng.IntN(3) == 0 {
			w = strings.ToUpper(w[:1]) + w[1:]
		}
		list = append(list, w)
	}
	return strings.Join(list, " ")
}

// line draws a line of text that fills its image but for a margin.
func line(rng *rand.Rand, faces []font.Face) *image.RGBA {
	face, text := faces[rng.IntN(len(faces))], words(rng)
	m := face.Metrics()
	left, right, top, bottom := 2+rng.IntN(12), 2+rng.IntN(12), 1+rng.IntN(6), 1+rng.IntN(6)
	w := font.MeasureString(face, text).Ceil() + left + right
	h := m.Ascent.Ceil() + m.Descent.Ceil() + top + bottom
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	paper, ink := colours(rng)
	paint(img, rng, paper)
	d := font.Drawer{Dst: img, Src: image.NewUniform(ink), Face: face, Dot: fixed.P(left, top+m.Ascent.Ceil())}
	d.DrawString(text)
	noise(img, rng)
	return img
}

// colours are a light and a dark one, either of which may be the paper.
func colours(rng *rand.Rand) (paper, ink color.RGBA) {
	pick := func(lo int) color.RGBA {
		c := func() uint8 { return uint8(lo + rng.IntN(90)) }
		return color.RGBA{c(), c(), c(), 255}
	}
	paper, ink = pick(165), pick(0)
	if rng.IntN(4) == 0 {
		paper, ink = ink, paper
	}
	return paper, ink
}

// paint fills an image with a colour that changes a little from one side to the other.
func paint(img *image.RGBA, rng *rand.Rand, c color.RGBA) {
	b := img.Bounds()
	dx, dy := rng.IntN(41)-20, rng.IntN(41)-20
	for y := range b.Dy() {
		for x := range b.Dx() {
			shift := dx*x/b.Dx() + dy*y/b.Dy()
			img.SetRGBA(x, y, color.RGBA{bounded(int(c.R) + shift), bounded(int(c.G) + shift), bounded(int(c.B) + shift), 255})
		}
	}
}

func bounded(v int) uint8 { return uint8(min(max(v, 0), 255)) }

// noise changes every pixel by a normal number.
func noise(img *image.RGBA, rng *rand.Rand) {
	sigma := 2 + 14*rng.Float64()
	for i := range img.Pix {
		if i%4 != 3 {
			img.Pix[i] = bounded(int(img.Pix[i]) + int(rng.NormFloat64()*sigma))
		}
	}
}

// turned turns an image by quarters, clockwise.
func turned(img *image.RGBA, quarters int) *image.RGBA {
	for range quarters {
		b := img.Bounds()
		out := image.NewRGBA(image.Rect(0, 0, b.Dy(), b.Dx()))
		for y := range b.Dy() {
			for x := range b.Dx() {
				out.SetRGBA(b.Dy()-1-y, x, img.RGBAAt(x, y))
			}
		}
		img = out
	}
	return img
}
