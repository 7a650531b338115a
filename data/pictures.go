package data

import (
	"bytes"
	"fmt"
	"hash"
	"io"
	"slices"
	"sync/atomic"

	"github.com/monge-ml/monge/data/picture"
)

// pictures are images in memory as the bytes of their files, decoded when they are read and kept as
// far as memory is given.
type pictures struct {
	*texts
	cache
	place string // of the data set
	part  string // the split
	fit   picture.Fit
	shape []int
}

// openPictures makes images of examples that are the bytes of some.
func (s *Splits) openPictures(place string, fit picture.Fit, cacheBytes int64) error {
	room := roomFor(cacheBytes)
	for _, p := range s.Parts() {
		x, ok := p.source.(*texts)
		if !ok || !x.pictures {
			continue
		}
		source := &pictures{texts: x, place: place, part: p.Name, fit: fit, shape: []int{fit.Height, fit.Width, fit.Channels()}}
		source.kept, source.room = make([]atomic.Pointer[[]uint8], x.len()), room
		if fit.Height == 0 {
			if err := source.ownShape(p.Set); err != nil {
				return err
			}
		}
		p.source, p.Shape, p.text = source, source.shape, false
	}
	parts := s.Parts()
	for _, p := range parts[1:] {
		if !slices.Equal(p.Shape, parts[0].Shape) {
			return fmt.Errorf("images of %s are %s, of %s %s: say with --size HEIGHTxWIDTH what to bring them to", parts[0].Name, sides(parts[0].Shape), p.Name, sides(p.Shape))
		}
	}
	return nil
}

// ownShape reads all headers: the images must be of one size. One that is damaged is so when it is
// read.
func (p *pictures) ownShape(set *Set) error {
	var damaged error
	for i := range set.Len() {
		c, err := picture.Header(bytes.NewReader([]byte(p.at(set.Number(i)))))
		switch {
		case err != nil:
			damaged = p.wrong(set.Number(i), err)
		case p.shape[0] == 0:
			p.shape[0], p.shape[1] = c.Height, c.Width
		case p.shape[0] != c.Height || p.shape[1] != c.Width:
			return p.wrong(set.Number(i), fmt.Errorf("it is %dx%d, others are %dx%d: say with --size HEIGHTxWIDTH what to bring them to", c.Width, c.Height, p.shape[1], p.shape[0]))
		}
	}
	if p.shape[0] == 0 {
		return damaged
	}
	return nil
}

// wrong says which image an error is of.
func (p *pictures) wrong(i int, err error) error {
	return fmt.Errorf("%s: image %d of the %s split: %w", p.place, i, p.part, err)
}

func (p *pictures) read(dst []float32, i int) error {
	if kept := p.get(i); kept != nil {
		picture.Floats(dst, kept)
		return nil
	}
	pix, err := p.decode(i)
	if err != nil {
		return err
	}
	picture.Floats(dst, pix)
	p.keep(i, pix)
	return nil
}

func (p *pictures) decode(i int) ([]uint8, error) {
	pix, shape, err := p.fit.ReadBytes([]byte(p.at(i)))
	if err == nil && len(pix) != (&Set{Shape: p.shape}).ExampleLen() {
		err = fmt.Errorf("%dx%d pixels, and its header says %dx%d", shape[1], shape[0], p.shape[1], p.shape[0])
	}
	if err != nil {
		return nil, p.wrong(i, err)
	}
	return pix, nil
}

// scan decodes an image once.
func (p *pictures) scan(h hash.Hash, i int) error {
	if p.get(i) == nil {
		pix, err := p.decode(i)
		if err != nil {
			return err
		}
		p.keep(i, pix)
	}
	p.identify(h, i)
	return nil
}

// item names an image.
func (p *pictures) item(i int) string { return fmt.Sprintf("%s image %d", p.part, i) }

// identify writes an image's bytes, and what becomes of its shape.
func (p *pictures) identify(w io.Writer, i int) {
	io.WriteString(w, p.at(i))
	fmt.Fprintf(w, "\x00%t%v\x00", p.fit.Crop, p.fit.As)
}
