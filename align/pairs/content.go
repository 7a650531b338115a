package pairs

import (
	"context"
	"crypto/sha256"
	"fmt"
	"path/filepath"

	"github.com/monge-ml/monge/data/picture"
	"github.com/monge-ml/monge/internal/par"
)

// Items returns a digest of each pair whose image can be read, of its caption and its image's
// bytes, by the image's name, and of the order that these names are in: what tells the list from others,
// wherever it lies.
func (l *List) Items(ctx context.Context) (items map[string]string, order string, err error) {
	c := &contents{ctx, l.Pairs, make([]string, len(l.Pairs))}
	par.Run(len(l.Pairs), c)
	if err := ctx.Err(); err != nil {
		return nil, "", err
	}
	items, like, h := make(map[string]string, len(l.Pairs)), map[string]int{}, sha256.New()
	for i := range l.Pairs {
		if c.sums[i] == "" {
			continue
		}
		p := &l.Pairs[i]
		name := filepath.Base(p.Path)
		if p.Member != "" {
			name += "/" + p.Member
		}
		if like[name]++; like[name] > 1 { // several captions of an image, or its like in another folder
			name = fmt.Sprintf("%s (%d)", name, like[name])
		}
		items[name] = c.sums[i]
		fmt.Fprintf(h, "%q", name)
	}
	return items, fmt.Sprintf("%x", h.Sum(nil)[:8]), nil
}

// contents are the digests of pairs.
type contents struct {
	ctx   context.Context
	pairs []Pair
	sums  []string
}

func (c *contents) Do(_, i int) {
	if c.ctx.Err() != nil {
		return
	}
	p := &c.pairs[i]
	b, err := p.content()
	if err != nil {
		return
	}
	h := sha256.New()
	fmt.Fprintf(h, "%q", p.Caption)
	h.Write(b)
	c.sums[i] = fmt.Sprintf("%x", h.Sum(nil)[:8])
}

// content returns the bytes that the pair's image is made of.
func (p *Pair) content() ([]byte, error) {
	switch {
	case p.Image != nil:
		return p.Image.Bytes()
	case p.Member == "":
		return picture.ReadFile(p.Path)
	case p.glyph != nil:
		return p.glyph[:], nil
	}
	return p.bytes()
}
