package supervised

import (
	"context"
	"crypto/sha256"
	"fmt"

	"github.com/monge-ml/monge/classifier"
	"github.com/monge-ml/monge/data"
	"github.com/monge-ml/monge/train"
)

// A source is an opened data set of which every example was read once, and which several runs may
// see.
type source struct {
	splits *data.Splits
	scan   *data.Scan
}

// openSource opens the data that settings name for a network, or takes them from shared.
func openSource(ctx context.Context, s *Settings, network string, shared *train.Shared) (*source, error) {
	o, reader := s.options(), ""
	if classifier.OwnTokens(network) {
		reader = network // which reads texts in its own way
	}
	if !s.Crop {
		o.As = classifier.Prepared(network, []int{s.Size.Height, s.Size.Width, 3})
	}
	key := fmt.Sprintf("%s %q %#v %q", Name, s.Data, o, reader)
	o.Progress = shared.Read
	v, err := shared.Get(key, func() (any, error) {
		splits, err := data.OpenContext(ctx, s.Data, o)
		if err != nil {
			return nil, err
		}
		if splits.Train.Len() == 0 {
			return nil, fmt.Errorf("%s has no training split", s.Data)
		}
		if splits, err = classifier.Bind(splits, network); err != nil {
			return nil, err
		}
		return read(ctx, splits, shared.Read)
	})
	if err != nil {
		return nil, err
	}
	return v.(*source), nil
}

// read reads every example once, so that what can't be read is known before the first step.
func read(ctx context.Context, splits *data.Splits, progress func(done, all int)) (*source, error) {
	scan, err := splits.Scan(ctx, progress)
	if err != nil {
		return nil, err
	}
	if len(scan.Damaged) > 0 {
		return nil, fmt.Errorf("%w; or leave out what can't be read (--skip-damaged)", data.DamagedError(scan.Damaged))
	}
	return &source{splits, scan}, nil
}

// digest is that of texts.
func digest(texts ...string) string {
	return fmt.Sprintf("%x", sha256.Sum256(fmt.Appendf(nil, "%q", texts)))
}
