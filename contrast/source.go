package contrast

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"

	"github.com/monge-ml/monge/align/pairs"
	"github.com/monge-ml/monge/data"
	"github.com/monge-ml/monge/data/picture"
	"github.com/monge-ml/monge/train"
)

// A source is lists of pairs: to train on, to validate and to test, of which the last two
// may be nil. Runs that see the same pairs share one, so that lists are read, and images
// decoded, once for all of them.
type source struct {
	settings Settings
	lists    [3]*pairs.List
	captions []string // of all lists, one after the other
	items    map[string]string
	orders   map[string]string // of the pairs, as items

	mu     sync.Mutex
	splits map[string]*data.Splits // by how images are preprocessed
}

// openSource opens the lists that settings name, or takes them from shared.
func openSource(ctx context.Context, s *Settings, shared *train.Shared) (*source, error) {
	key := fmt.Sprintf("%s %q %q %q %g %d %d %d", Name, s.Data, s.ValData, s.TestData, s.Val, s.Subset, s.TestSubset, s.DataSeed)
	v, err := shared.Get(key, func() (any, error) { return readLists(ctx, s) })
	if err != nil {
		return nil, err
	}
	return v.(*source), nil
}

func readLists(ctx context.Context, set *Settings) (*source, error) {
	s := &source{settings: *set, splits: map[string]*data.Splits{}}
	for i, spec := range []string{set.Data, set.ValData, set.TestData} {
		if spec == "" {
			continue
		}
		l, err := pairs.Open(ctx, spec, pairs.Options{Seed: set.DataSeed})
		if err != nil {
			return nil, err
		}
		s.lists[i] = l
		for _, p := range l.Pairs {
			s.captions = append(s.captions, p.Caption)
		}
	}
	return s, s.identify(ctx)
}

// identify finds out what tells the pairs from others.
func (s *source) identify(ctx context.Context) error {
	s.items, s.orders = map[string]string{}, map[string]string{}
	for i, split := range []train.Split{train.TrainSplit, train.ValSplit, train.TestSplit} {
		if s.lists[i] == nil {
			continue
		}
		items, order, err := s.lists[i].Items(ctx)
		if err != nil {
			return err
		}
		for name, sum := range items {
			s.items[string(split)+"/"+name] = sum
		}
		s.orders[string(split)] = fmt.Sprintf("%d pairs in the order %s", len(items), order)
	}
	return nil
}

// trainCaptions returns the captions of the first list.
func (s *source) trainCaptions() []string { return s.captions[:len(s.lists[0].Pairs)] }

// fingerprint tells the pairs by what earlier versions knew them by: captions and names.
func (s *source) fingerprint() string {
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
func (s *source) images(ctx context.Context, pre picture.Preprocessor) (*data.Splits, error) {
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
	d := &data.Splits{Name: s.settings.Data, Train: sets[0], Val: sets[1], Test: sets[2]}
	if err := s.choose(d); err != nil {
		return nil, err
	}
	s.splits[key] = d
	return d, nil
}

// choose draws the validation split from the pairs to train on where it has no list of its
// own, and subsets.
func (s *source) choose(d *data.Splits) error {
	c := &s.settings
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
func (s *source) left() string {
	var parts []string
	for _, l := range s.lists {
		if l != nil && l.Report.String() != "" {
			parts = append(parts, l.Report.String())
		}
	}
	return strings.Join(parts, "; ")
}
