package train

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"

	"github.com/monge-ml/monge/align/pairs"
	"github.com/monge-ml/monge/data"
)

// A Source is an opened data set. Runs that see the same data may share one, so that files
// are listed, and images decoded, once for all of them.
type Source struct {
	splits      *data.Splits // of classes
	pairs       *pairSource  // or of pairs
	fingerprint string
	key         string
}

// OpenSource opens the data that a config names. It returns ctx's error when that ends while
// a list of pairs is read.
func OpenSource(ctx context.Context, c Config) (*Source, error) {
	if c.Pairs() {
		p, err := openPairs(ctx, &c)
		if err != nil {
			return nil, err
		}
		return &Source{pairs: p, fingerprint: p.fingerprint(), key: c.SourceKey()}, nil
	}
	splits, err := data.Open(c.Data, c.dataOptions())
	if err != nil {
		return nil, err
	}
	if splits.Train.Len() == 0 {
		return nil, fmt.Errorf("%s has no training split", c.Data)
	}
	fingerprint, err := fingerprintOf(splits, nil)
	return &Source{splits: splits, fingerprint: fingerprint, key: c.SourceKey()}, err
}

// fingerprintOf returns the fingerprint of a data set, whose texts have the tokens of a
// tokenizer.
func fingerprintOf(d *data.Splits, t data.Tokenizer) (string, error) {
	d, err := d.Tokenized(t, 0)
	if err != nil {
		return "", err
	}
	return d.Fingerprint()
}

// SourceKey is the same for configs whose runs can share a Source.
func (c *Config) SourceKey() string {
	return fmt.Sprintf("%q %q %q %+v", c.Data, c.ValData, c.TestData, c.dataOptions())
}

func (c *Config) dataOptions() data.Options {
	return data.Options{
		Size: c.Size, Crop: c.Crop, Classes: c.Classes,
		Val: c.Val, Subset: c.Subset, TestSubset: c.TestSubset, Seed: c.DataSeed,
	}
}

// Pairs reports whether the data are pairs of images and captions, not of classes.
func (c *Config) Pairs() bool {
	return pairs.IsSpec(c.Data)
}

// A pairSource is lists of pairs: to train on, to validate and to test, of which the last two
// may be nil.
type pairSource struct {
	config   Config
	lists    [3]*pairs.List
	captions []string // of all lists, one after the other

	mu     sync.Mutex
	splits map[string]*data.Splits // by how images are preprocessed
}

func openPairs(ctx context.Context, c *Config) (*pairSource, error) {
	s := &pairSource{config: *c, splits: map[string]*data.Splits{}}
	for i, spec := range []string{c.Data, c.ValData, c.TestData} {
		if spec == "" {
			continue
		}
		l, err := pairs.Open(ctx, spec, pairs.Options{Seed: c.DataSeed})
		if err != nil {
			return nil, err
		}
		s.lists[i] = l
		for _, p := range l.Pairs {
			s.captions = append(s.captions, p.Caption)
		}
	}
	return s, nil
}

// trainCaptions returns the captions of the first list.
func (s *pairSource) trainCaptions() []string { return s.captions[:len(s.lists[0].Pairs)] }

func (s *pairSource) fingerprint() string {
	var all []string
	for _, l := range s.lists {
		if l != nil {
			all = append(all, l.Fingerprint())
		}
	}
	return strings.Join(all, " ")
}

// images returns the splits as a preprocessor makes their images. Numbers of examples are places
// among the captions.
func (s *pairSource) images(ctx context.Context, pre data.Preprocessor) (*data.Splits, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := fmt.Sprintf("%+v", pre)
	if d := s.splits[key]; d != nil {
		return d, nil
	}
	sets, err := pairs.Images(ctx, pre, s.lists[:]...)
	if err != nil {
		return nil, err
	}
	d := &data.Splits{Name: s.config.Data, Train: sets[0], Val: sets[1], Test: sets[2]}
	if err := s.choose(d); err != nil {
		return nil, err
	}
	s.splits[key] = d
	return d, nil
}

// choose draws the validation split from the pairs to train on where it has no list of its
// own, and subsets.
func (s *pairSource) choose(d *data.Splits) error {
	c := &s.config
	if d.Val == nil && c.Val > 0 {
		n := int(c.Val)
		if c.Val < 1 {
			n = int(c.Val*float64(d.Train.Len()) + .5)
		}
		if n >= d.Train.Len() {
			return fmt.Errorf("val asks for %d pairs of %d", n, d.Train.Len())
		}
		order := shuffled(d.Train.Len(), c.DataSeed)
		d.Val, d.Train = d.Train.Select(order[:n]), d.Train.Select(order[n:])
	}
	for _, p := range []struct {
		set  **data.Set
		name string
		n    int
	}{{&d.Train, "subset", c.Subset}, {&d.Test, "test-subset", c.TestSubset}} {
		switch all := (*p.set).Len(); {
		case p.n == 0:
		case p.n > all:
			return fmt.Errorf("%s is %d; there are %d pairs", p.name, p.n, all)
		default:
			*p.set = (*p.set).Select(shuffled(all, c.DataSeed)[:p.n])
		}
	}
	return nil
}

// shuffled returns 0 to n-1 in an order that the seed decides.
func shuffled(n int, seed uint64) []int {
	return rand.New(rand.NewPCG(seed, 0)).Perm(n)
}

// left says what the lists left out, "" if nothing.
func (s *pairSource) left() string {
	var parts []string
	for _, l := range s.lists {
		if l != nil && l.Report.String() != "" {
			parts = append(parts, l.Report.String())
		}
	}
	return strings.Join(parts, "; ")
}
