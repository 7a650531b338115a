package weights

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Trained networks lie in files under the names of what they were trained in: a wrapper
// (DataParallel's "module.", torch.compile's "_orig_mod."), or a script's own module that has
// the network in an attribute ("model.", "backbone."). What has to go is not a list of such
// names but what makes a model's names fit.

// A Fitted is a state dict in a model's names.
type Fitted struct {
	Tensors []Tensor
	Notes   []string // what was done to make it fit, and what was left out, to print

	Complete bool // all wanted names are there
}

// Fit returns the tensors of the network that was taken under the names that a model wants.
// Where those are not there as they are, a prefix goes (or is put before them) that makes all of
// them fit; more than one such prefix is an error that names them. If the network that was taken
// doesn't fit, but another in the file does, that is taken. Tensors that the model may also have
// can be there or not. What is left out, as it is no parameter or not of the network, is in the
// notes. Where nothing fits, names stay as near as they can for [Match] to tell the difference.
func (f *File) Fit(want, may []Spec) (*Fitted, error) {
	m := newNamer(want, may)
	r, err := m.fit(f.under(f.wrapper))
	if err != nil {
		return nil, f.errAmbiguous(f.wrapper, err)
	}
	taken := f.Taken()
	if !r.complete && f.wrapper != "" && !f.chosen {
		other, err := m.fit(f.Tensors)
		if err != nil {
			return nil, f.errAmbiguous("", err)
		}
		if other.complete {
			r, taken = other, strings.TrimSuffix(other.prefix, ".")
		}
	}
	out := m.apply(r)
	if taken == "" && r.complete {
		taken = strings.TrimSuffix(r.prefix, ".")
	}
	if list := f.Networks(); len(list) > 1 && taken != "" {
		note := fmt.Sprintf("took the network %s; the file also has %s: weights-key chooses", show(taken),
			showAll(slices.DeleteFunc(list, func(s string) bool { return s == taken })))
		out.Notes = slices.Insert(out.Notes, 0, note)
	}
	return out, nil
}

// An ambiguous error is that several prefixes make all names fit.
type ambiguous []string

func (a ambiguous) Error() string { return "several networks fit: " + showAll(a) }

func (f *File) errAmbiguous(wrapper string, err error) error {
	var keys []string
	for _, p := range err.(ambiguous) {
		if k := strings.TrimSuffix(wrapper+p, "."); k != "" {
			keys = append(keys, k)
		}
	}
	return fmt.Errorf("%d networks of the file fit the model: choose one by weights-key, of %s", len(keys), showAll(keys))
}

// A namer finds what makes a model's names fit.
type namer struct {
	want  []Spec
	known map[string]bool // wanted, or allowed
}

func newNamer(want, may []Spec) *namer {
	m := &namer{want: want, known: map[string]bool{}}
	for _, s := range slices.Concat(want, may) {
		m.known[s.Name] = true
	}
	return m
}

// A renaming takes a prefix away and puts another before the names.
type renaming struct {
	have     []Tensor
	names    []string // of have, perhaps without wrappers inside of them
	bare     bool     // they are
	prefix   string
	before   string
	prefixes []string // in place of one: each name has one of them
	others   []string // prefixes of other networks that would fit, beside one without
	complete bool
}

func (m *namer) fit(have []Tensor) (renaming, error) {
	names := make([]string, len(have))
	for i, t := range have {
		names[i] = m.renew(t.Name)
	}
	r := renaming{have: have, names: names}
	if m.exact(names) {
		r.complete = true
		for prefix, c := range m.tally(&r) {
			if prefix != "" && c.found == len(m.want) {
				r.others = append(r.others, prefix)
			}
		}
		return r, nil
	}
	best := r
	bare, changed := bareNames(names)
	for _, b := range []bool{false, true} {
		if b && !changed {
			break
		}
		if r.bare = b; b {
			r.names = bare
		}
		for _, before := range m.shared() {
			r.before = before
			t := m.tally(&r)
			prefix, err := t.choose(len(m.want))
			if err != nil {
				return r, err
			}
			if t[prefix] != nil && t[prefix].found == len(m.want) {
				r.prefix, r.complete = prefix, true
				return r, nil
			}
			if c := t[prefix]; !b && before == "" && c != nil && 2*c.found > len(m.want) {
				best.prefix = prefix
			}
		}
	}
	r = renaming{have: have, names: names}
	if m.mixed(&r) {
		return r, nil
	}
	return best, nil
}

// formerly brings names that torchvision has given up, and reads, to those that it has now: its first vision
// transformers, and their published weights, have others for the layers of a perceptron.
var formerly = strings.NewReplacer(".mlp.linear_1.", ".mlp.0.", ".mlp.linear_2.", ".mlp.3.")

// renew returns a name as a model has it now that wants no such name as it was.
func (m *namer) renew(name string) string {
	if now := formerly.Replace(name); now != name && !slices.ContainsFunc(m.want, func(s Spec) bool { return formerly.Replace(s.Name) != s.Name }) {
		return now
	}
	return name
}

func (m *namer) exact(names []string) bool {
	there := map[string]bool{}
	for _, n := range names {
		there[n] = true
	}
	return !slices.ContainsFunc(m.want, func(s Spec) bool { return !there[s.Name] })
}

// insideWrappers are the modules that PyTorch puts around a module anywhere in a network.
var insideWrappers = []string{"_orig_mod", "module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}

// bareNames takes the wrappers inside of names away, if they stay different.
func bareNames(names []string) (bare []string, changed bool) {
	seen := map[string]bool{}
	for _, n := range names {
		parts := slices.DeleteFunc(strings.Split(n, "."), func(p string) bool { return slices.Contains(insideWrappers, p) })
		b := strings.Join(parts, ".")
		if seen[b] {
			return nil, false
		}
		seen[b] = true
		changed = changed || b != n
		bare = append(bare, b)
	}
	return bare, changed
}

// shared returns the prefixes that all wanted names share, none first.
func (m *namer) shared() []string {
	list := []string{""}
	if len(m.want) == 0 {
		return list
	}
	for i, c := range m.want[0].Name {
		prefix := m.want[0].Name[:i+1]
		if c == '.' && !slices.ContainsFunc(m.want, func(s Spec) bool { return !strings.HasPrefix(s.Name, prefix) }) {
			list = append(list, prefix)
		}
	}
	return list
}

// A count is how many wanted names are there behind a prefix, and how many have their shape.
type count struct{ found, shaped int }

type counts map[string]*count

// maxDots bounds the prefixes of a name that are looked at.
const maxDots = 64

// tally counts, by prefix, the wanted names that are there.
func (m *namer) tally(r *renaming) counts {
	want := make(map[string][]int, len(m.want))
	for _, s := range m.want {
		want[strings.TrimPrefix(s.Name, r.before)] = s.Shape
	}
	t := counts{}
	for i, name := range r.names {
		for at, dots := 0, 0; dots < maxDots; dots++ {
			if shape, ok := want[name[at:]]; ok {
				c := t[name[:at]]
				if c == nil {
					c = &count{}
					t[name[:at]] = c
				}
				c.found++
				if sameShape(shape, r.have[i].Shape) {
					c.shaped++
				}
			}
			dot := strings.IndexByte(name[at:], '.')
			if dot < 0 {
				break
			}
			at += dot + 1
		}
	}
	return t
}

// choose returns the prefix with which all wanted names are there, most in their shape, or else
// that with which most are there.
func (t counts) choose(all int) (string, error) {
	best, equal := "", []string{}
	for _, prefix := range slices.Sorted(maps.Keys(t)) {
		c, b := t[prefix], t[best]
		switch {
		case b == nil || c.found > b.found || c.found == b.found && c.shaped > b.shaped:
			best, equal = prefix, []string{prefix}
		case c.found == b.found && c.shaped == b.shaped:
			equal = append(equal, prefix)
		}
	}
	if len(equal) > 1 && t[best].found == all {
		return "", ambiguous(equal)
	}
	return best, nil
}

// maxMixed is how many prefixes a network's names may have in place of one.
const maxMixed = 4

// mixed finds parts of a network in several modules, as "backbone." and "head.": each wanted
// name is there once in its shape, and nothing else is there.
func (m *namer) mixed(r *renaming) bool {
	if m.known[""] { // which stands for no name below
		return false
	}
	shapes := map[string][]int{}
	for _, s := range m.want {
		shapes[s.Name] = s.Shape
	}
	names := make([]string, len(r.names))
	taken := map[string]bool{}
	var prefixes []string
	for i, name := range r.names {
		for at, dots := 0, 0; dots < maxDots && names[i] == ""; dots++ {
			if m.known[name[at:]] && (shapes[name[at:]] == nil || sameShape(shapes[name[at:]], r.have[i].Shape)) {
				names[i] = name[at:]
				if p := name[:at]; !slices.Contains(prefixes, p) {
					prefixes = append(prefixes, p)
				}
			}
			dot := strings.IndexByte(name[at:], '.')
			if dot < 0 {
				break
			}
			at += dot + 1
		}
		if names[i] == "" && isParameter(&r.have[i], name) || taken[names[i]] && names[i] != "" || len(prefixes) > maxMixed {
			return false
		}
		taken[names[i]] = true
	}
	for name := range shapes {
		if !taken[name] {
			return false
		}
	}
	r.names, r.prefixes, r.complete = names, slices.DeleteFunc(prefixes, func(p string) bool { return p == "" }), true
	return true
}

// sameShape reports whether a shape is the wanted one; nil is any. See convolved.
func sameShape(want, have []int) bool {
	return want == nil || slices.Equal(want, have) || slices.Equal(want, convolved(want, have))
}

// convolved returns a shape as that of a linear layer where it is of a convolution of 1x1 pixels
// with as many inputs, which are the same; or the reverse. Others it returns as they are.
func convolved(want, have []int) []int {
	pixels := func(s []int) bool { return len(s) == 4 && s[2] == 1 && s[3] == 1 }
	switch {
	case len(want) == 2 && pixels(have) && want[1] == have[1]:
		return have[:2]
	case len(have) == 2 && pixels(want) && want[1] == have[1]:
		return []int{have[0], have[1], 1, 1}
	}
	return have
}

// isParameter reports whether a tensor can be a parameter, for all its name says: not a count,
// nor what a profiler or an optimizer keeps.
func isParameter(t *Tensor, name string) bool {
	if t.DType != "" && !t.DType.IsFloat() {
		return false
	}
	last := name[strings.LastIndexByte(name, '.')+1:]
	return last != "total_ops" && last != "total_params" && last != "num_batches_tracked" && last != averaged && !strings.Contains(name, "optim")
}

// apply renames, and leaves out what is no parameter or of another network.
func (m *namer) apply(r renaming) *Fitted {
	out := &Fitted{Complete: r.complete}
	var left []string
	for i, t := range r.have {
		name, inside := strings.CutPrefix(r.names[i], r.prefix)
		inside = inside && (m.known[r.before+name] || !slices.ContainsFunc(r.others, func(p string) bool { return strings.HasPrefix(name, p) }))
		name = r.before + name
		if r.complete && (!inside || !m.known[name] && !isParameter(&t, t.Name)) {
			left = append(left, t.Name)
			continue
		}
		if t.Name = name; !inside {
			t.Name = r.have[i].Name
		}
		out.Tensors = append(out.Tensors, t)
	}
	reshaped := m.reshape(out.Tensors)
	if !r.complete {
		return out
	}
	note := func(format string, list []string) {
		if len(list) > 0 {
			out.Notes = append(out.Notes, fmt.Sprintf(format, showAll(list)))
		}
	}
	if r.bare {
		out.Notes = append(out.Notes, "the wrappers inside of the names, as _orig_mod, were taken away")
	}
	if r.prefix != "" {
		r.prefixes = []string{r.prefix}
	}
	if len(r.prefixes) > 1 {
		note("the prefixes %s were taken away from the names", r.prefixes)
	} else {
		note("the prefix %s was taken away from the names", r.prefixes)
	}
	if r.before != "" {
		note("the prefix %s was put before the names", []string{r.before})
	}
	note("a 1x1 convolution's weight is a linear layer's, or the reverse: %s", reshaped)
	note("left out, being no parameters of the model: %s", left)
	return out
}

// reshape gives tensors the wanted shape where it is the same in other words.
func (m *namer) reshape(tensors []Tensor) (names []string) {
	shapes := map[string][]int{}
	for _, s := range m.want {
		shapes[s.Name] = s.Shape
	}
	for i := range tensors {
		t := &tensors[i]
		if s := convolved(shapes[t.Name], t.Shape); len(s) != len(t.Shape) {
			t.Shape = slices.Clone(s)
			names = append(names, t.Name)
		}
	}
	return names
}
