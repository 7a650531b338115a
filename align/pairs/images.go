package pairs

import (
	"context"
	"crypto/sha256"
	"fmt"
	"path/filepath"

	"github.com/monge-ml/monge/data"
	"github.com/monge-ml/monge/data/picture"
	"github.com/monge-ml/monge/internal/par"
)

// Images returns the list's images as a preprocessor makes them, without its normalisation and
// without labels; the number of an example (see [data.Set.Number]) is its place in l.Pairs. All
// images are decoded once to begin with: those that can't be are left out of the set, and
// added to the report.
func (l *List) Images(ctx context.Context, pre picture.Preprocessor) (*data.Set, error) {
	sets, err := Images(ctx, pre, l)
	if err != nil {
		return nil, err
	}
	return sets[0], nil
}

// Images returns a set for each list as [List.Images] does, nil for a nil list. The number of an
// example is its pair's place among the pairs of all lists, one list after the other.
func Images(ctx context.Context, pre picture.Preprocessor, lists ...*List) ([]*data.Set, error) {
	pre.Normalize = picture.Normalization{}
	if err := pre.Check(); err != nil {
		return nil, err
	}
	var all []*Pair
	for _, l := range lists {
		if l == nil {
			continue
		}
		for i := range l.Pairs {
			all = append(all, &l.Pairs[i])
		}
	}
	set, err := data.NewImages(len(all), []int{pre.Side(), pre.Side(), 3}, func(i int) ([]float32, error) { return all[i].Read(pre) })
	if err != nil {
		return nil, err
	}
	t := &trial{ctx, set, make([]error, len(all))}
	par.Run(len(all), t)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	sets, first := make([]*data.Set, len(lists)), 0
	for i, l := range lists {
		if l == nil {
			continue
		}
		readable := l.readable(t.errs[first : first+len(l.Pairs)])
		if readable == nil {
			return nil, fmt.Errorf("no image can be read: %s", l.Report.String())
		}
		for k := range readable {
			readable[k] += first
		}
		sets[i], first = set.Select(readable), first+len(l.Pairs)
	}
	return sets, nil
}

// readable returns the places of the pairs whose images were read without an error, and
// reports the others.
func (l *List) readable(errs []error) (places []int) {
	for i, err := range errs {
		if err != nil {
			l.note(&l.NotImage, "%v", err)
			continue
		}
		places = append(places, i)
	}
	return places
}

// A trial reads each image of a set once.
type trial struct {
	ctx  context.Context
	set  *data.Set
	errs []error
}

func (t *trial) Do(_, i int) {
	if t.ctx.Err() == nil {
		t.errs[i] = t.set.Read(make([]float32, t.set.ExampleLen()), i)
	}
}

// Fingerprint returns a hash of captions and names of images, which changes when they do
// and not with the place of the files; of emoji it is one of their pictures too, whose
// names all sets share.
func (l *List) Fingerprint() string {
	h := sha256.New()
	for i := range l.Pairs {
		p := &l.Pairs[i]
		fmt.Fprintf(h, "%q %q %q %d\n", filepath.Base(p.Path), p.Member, p.Caption, p.size)
		if p.glyph != nil {
			h.Write(p.glyph[:])
		}
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}
