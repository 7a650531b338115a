package pairs

import (
	"context"
	"crypto/sha256"
	"fmt"
	"path/filepath"

	"github.com/monge-ml/monge/data"
	"github.com/monge-ml/monge/internal/par"
)

// Images returns the list's images as a preprocessor makes them, without its
// normalisation. The labels of the set are places in l.Pairs. All images are decoded once
// to begin with: those that can't be are left out of the set, and added to the report.
func (l *List) Images(ctx context.Context, pre data.Preprocessor) (*data.Set, error) {
	pre.Normalize = data.Normalization{}
	all := make([]int, len(l.Pairs))
	for i := range all {
		all[i] = i
	}
	set := data.NewImages(all, pre.Side(), func(i int) ([]float32, error) { return l.Pairs[i].Read(pre) })
	t := &trial{ctx, set, make([]error, len(all))}
	par.Run(len(all), t)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var readable []int
	for i, err := range t.errs {
		if err != nil {
			l.note(&l.NotImage, "%v", err)
			continue
		}
		readable = append(readable, i)
	}
	if readable == nil {
		return nil, fmt.Errorf("no image can be read: %s", l.Report.String())
	}
	return set.Select(readable), nil
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
		if p.picture != nil {
			h.Write(p.picture[:])
		}
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}
