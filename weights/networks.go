package weights

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/monge-ml/monge/internal/pickle"
)

// A network is a place in a checkpoint where a model's tensors lie: the keys to it. At the top
// there are none.
type network []string

func (n network) String() string { return strings.Join(n, ".") }

// wrappers are the keys under which training scripts keep the model's state dict, the one to
// take first. Averages of the weights are beside them, under other keys.
var wrappers = []string{"state_dict", "model_state_dict", "model", "net", "module", "network", "net_state_dict", "model_state", "params", "weights"}

// rank orders networks by their keys.
func (n network) rank() []int {
	r := make([]int, len(n))
	for i, k := range n {
		if r[i] = slices.Index(wrappers, k); r[i] < 0 {
			r[i] = len(wrappers)
		}
	}
	return r
}

// beats reports whether a network is to be taken before another: by the first key that differs.
func (n network) beats(o network) bool {
	for i := range min(len(n), len(o)) {
		if n[i] != o[i] {
			return n.rank()[i] < o.rank()[i]
		}
	}
	return false
}

// networksOf finds the networks of a checkpoint's value, the one to take first first.
func networksOf(v any, h holders) []network {
	s := searcher{holders: h, seen: map[any]bool{}}
	list := s.search(v, nil)
	slices.SortStableFunc(list, func(a, b network) int { return slices.Compare(a.rank(), b.rank()) })
	return list
}

type searcher struct {
	holders holders
	seen    map[any]bool
}

// search finds those at a value and below it, in the order of the file.
func (s *searcher) search(v any, keys network) (list []network) {
	if s.seen[v] || !s.holders[v] || isOptimizer(v) || len(keys) > maxKeys {
		return nil
	}
	s.seen[v] = true
	if _, ok := moduleOf(v); ok {
		return []network{keys}
	}
	own := false
	each(v, func(k string, child any) error {
		if t, ok := child.(*view); ok {
			own = own || t.dtype.IsFloat() && len(t.shape) > 0
		}
		if _, unread := child.(*unmade); unread {
			own = true
		}
		if container(child) && !strings.Contains(strings.ToLower(k), "optim") {
			list = append(list, s.search(child, append(slices.Clip(keys), k))...)
		}
		return nil
	})
	wrapped := slices.ContainsFunc(list, func(n network) bool { return slices.Contains(wrappers, n[len(keys)]) })
	if _, isDict := v.(*pickle.Dict); own && !wrapped && (isDict || len(keys) == 0) {
		return []network{keys}
	}
	return list
}

// maxKeys is how deep networks are looked for.
const maxKeys = 6

// isOptimizer tells the state of an optimizer, whose moments have the shapes of parameters.
func isOptimizer(v any) bool {
	groups := false
	each(v, func(k string, _ any) error {
		groups = groups || k == "param_groups"
		return nil
	})
	return groups
}

// Networks returns the keys of the networks in a PyTorch checkpoint, "" of one at its top: that
// which [File.StateDict] takes and others, as an average of the weights, or a GAN's two.
func (f *File) Networks() []string {
	var list []string
	for _, n := range f.networks {
		list = append(list, n.String())
	}
	return list
}

// Taken returns the key of the network that [File.StateDict] takes, "" if that is all of the
// file.
func (f *File) Taken() string { return strings.TrimSuffix(f.wrapper, ".") }

// ErrKey is the error of a key that a file lacks.
var ErrKey = errors.New("nothing lies under the key")

// choose takes the network of a key, or of none the first, if it is clear which that is.
func (f *File) choose(key string) error {
	if key == "" {
		if n := f.networks; len(n) > 0 && !slices.ContainsFunc(n[1:], func(o network) bool { return !n[0].beats(o) }) {
			f.take(n[0].String())
		}
	} else if !f.has(key) {
		return fmt.Errorf("%w %s; %s", ErrKey, show(key), f.keys())
	} else {
		f.take(key)
		f.chosen = true
	}
	for _, u := range f.unmade {
		if strings.HasPrefix(u.name, f.wrapper) {
			return errUnmade(u)
		}
		f.Passed = append(f.Passed, Passed{Name: u.name, Class: "a tensor that " + u.say})
	}
	return nil
}

func (f *File) take(key string) {
	if f.wrapper = key; key != "" {
		f.wrapper += "."
	}
}

func (f *File) has(key string) bool {
	prefix := key + "."
	return slices.ContainsFunc(f.Tensors, func(t Tensor) bool { return strings.HasPrefix(t.Name, prefix) }) ||
		slices.ContainsFunc(f.unmade, func(u named) bool { return strings.HasPrefix(u.name, prefix) })
}

// keys says which keys there are.
func (f *File) keys() string {
	list := f.Networks()
	if len(list) < 2 {
		list = nil
		for _, t := range f.Tensors {
			if k, _, ok := strings.Cut(t.Name, "."); ok && !slices.Contains(list, k) {
				if list = append(list, k); len(list) > listed {
					break
				}
			}
		}
	}
	return "there are " + showAll(list)
}

// showAll lists the first of some names.
func showAll(list []string) string {
	var b strings.Builder
	for i, s := range list {
		if i == listed {
			fmt.Fprintf(&b, " and %d more", len(list)-i)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(show(s))
	}
	if b.Len() == 0 {
		return "none"
	}
	return b.String()
}
