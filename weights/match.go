package weights

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// A Spec is a tensor that a model wants.
type Spec struct {
	Name  string
	Shape []int
}

// A Plan says which tensor goes where.
type Plan struct {
	// From has, for each wanted tensor, the index of the one to take, or -1 where it was
	// allowed to be missing or of another shape.
	From []int

	// What was allowed to be left out, by name.
	Missing, Unexpected, MisShaped []string
}

// MatchOptions allow differences that are errors otherwise. Each is a list of patterns
// of [MatchName]: "fc.*" or "*.num_batches_tracked".
type MatchOptions struct {
	Missing    []string // wanted, but not there
	Unexpected []string // there, but not wanted
	MisShaped  []string // of another shape than wanted: they keep what they have
}

// Match pairs wanted tensors with those there are, by name. All differences are one
// error, each with the names nearest to it; with options, those that they allow are not.
func Match(want []Spec, have []Tensor, options ...MatchOptions) (*Plan, error) {
	var o MatchOptions
	for _, opt := range options {
		o.Missing = append(o.Missing, opt.Missing...)
		o.Unexpected = append(o.Unexpected, opt.Unexpected...)
		o.MisShaped = append(o.MisShaped, opt.MisShaped...)
	}
	for _, p := range slices.Concat(o.Missing, o.Unexpected, o.MisShaped) {
		if _, err := MatchName(p, ""); err != nil {
			return nil, fmt.Errorf("pattern %q of allowed names: %w", p, err)
		}
	}
	m := matcher{options: o, plan: &Plan{From: make([]int, len(want))}}
	if err := m.pair(want, have); err != nil {
		return nil, err
	}
	if err := m.err(len(want), len(have)); err != nil {
		return nil, err
	}
	return m.plan, nil
}

type matcher struct {
	options MatchOptions
	plan    *Plan

	// What is not allowed.
	missing    []Spec
	unexpected []Spec
	misShaped  []string

	wantLeft, haveLeft []Spec // all without a partner, allowed or not: candidates for the others
}

func (m *matcher) pair(want []Spec, have []Tensor) error {
	byName := make(map[string]int, len(have))
	for i, t := range have {
		if _, twice := byName[t.Name]; twice {
			return fmt.Errorf("two tensors have the name %s", show(t.Name))
		}
		byName[t.Name] = i
	}
	wanted := make(map[string]bool, len(want))
	for i, w := range want {
		if wanted[w.Name] {
			return fmt.Errorf("the model wants two tensors of the name %s", show(w.Name))
		}
		wanted[w.Name] = true
		k, ok := byName[w.Name]
		if !ok {
			m.plan.From[i] = -1
			m.wantLeft = append(m.wantLeft, w)
			if allowed(m.options.Missing, w.Name) {
				m.plan.Missing = append(m.plan.Missing, w.Name)
			} else {
				m.missing = append(m.missing, w)
			}
			continue
		}
		m.plan.From[i] = m.fit(w, &have[k], k)
	}
	for _, t := range have {
		if wanted[t.Name] {
			continue
		}
		s := Spec{t.Name, t.Shape}
		m.haveLeft = append(m.haveLeft, s)
		if allowed(m.options.Unexpected, t.Name) {
			m.plan.Unexpected = append(m.plan.Unexpected, t.Name)
		} else {
			m.unexpected = append(m.unexpected, s)
		}
	}
	return nil
}

// fit returns k if the tensor fits, else -1.
func (m *matcher) fit(w Spec, t *Tensor, k int) int {
	integer := t.DType != "" && !t.DType.IsFloat()
	if slices.Equal(w.Shape, t.Shape) && !integer {
		return k
	}
	if allowed(m.options.MisShaped, w.Name) {
		m.plan.MisShaped = append(m.plan.MisShaped, w.Name)
		return -1
	}
	what := fmt.Sprintf("%s is %s in the file, the model wants %s", show(w.Name), showShape(t.Shape), showShape(w.Shape))
	if integer {
		what = fmt.Sprintf("%s holds integers (%s) in the file, the model wants floats", show(w.Name), t.DType)
	}
	m.misShaped = append(m.misShaped, what)
	return -1
}

func allowed(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		ok, _ := MatchName(p, name)
		return ok
	})
}

// MatchName reports whether a tensor's name matches a pattern of [path.Match], in which a slash is a
// letter like others, as a dot is: * goes on over it.
func MatchName(pattern, name string) (bool, error) {
	return path.Match(strings.ReplaceAll(pattern, "/", "\x00"), strings.ReplaceAll(name, "/", "\x00"))
}

// listed is how many names of a kind an error shows.
const listed = 12

func (m *matcher) err(want, have int) error {
	if len(m.missing)+len(m.unexpected)+len(m.misShaped) == 0 {
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "the weights don't fit the model: of %d tensors wanted and %d there, %d missing, %d unexpected, %d of another shape",
		want, have, len(m.missing), len(m.unexpected), len(m.misShaped))
	list(&b, "missing", "nearest in the file", m.missing, m.haveLeft)
	list(&b, "unexpected", "nearest in the model", m.unexpected, m.wantLeft)
	for i, s := range m.misShaped {
		if i == listed {
			fmt.Fprintf(&b, "\n  and %d more of another shape", len(m.misShaped)-i)
			break
		}
		fmt.Fprintf(&b, "\n  shape       %s", s)
	}
	b.WriteString("\nchoose the model that the weights were made for, or rename the tensors before they are saved")
	return errors.New(b.String())
}

func list(b *strings.Builder, what, nearest string, specs, others []Spec) {
	for i, s := range specs {
		if i == listed {
			fmt.Fprintf(b, "\n  and %d more %s", len(specs)-i, what)
			return
		}
		fmt.Fprintf(b, "\n  %-11s %s (%s)", what, show(s.Name), showShape(s.Shape))
		near := candidates(s, others)
		for k, c := range near {
			if k == 0 {
				fmt.Fprintf(b, "; %s: ", nearest)
			} else {
				b.WriteString(", ")
			}
			fmt.Fprintf(b, "%s (%s)", show(c.Name), showShape(c.Shape))
		}
	}
}

// candidates returns the up to two names nearest to s, of those that differ in at most
// half of its letters; of names equally near first one of the same shape.
func candidates(s Spec, others []Spec) []Spec {
	const compared, longest, most = 2048, 256, 2 // bounds on the work
	type near struct {
		Spec
		d int
	}
	var found []near
	for _, c := range others[:min(len(others), compared)] {
		if len(s.Name) > longest || len(c.Name) > longest {
			continue
		}
		limit := max(len(s.Name), len(c.Name)) / 2
		if len(found) == most {
			limit = min(limit, found[most-1].d/2)
		}
		d := distance(s.Name, c.Name, limit)
		if d > limit {
			continue
		}
		d *= 2
		if !slices.Equal(s.Shape, c.Shape) {
			d++
		}
		found = append(found, near{c, d})
		slices.SortStableFunc(found, func(a, b near) int { return a.d - b.d })
		found = found[:min(len(found), most)]
	}
	var out []Spec
	for _, f := range found {
		out = append(out, f.Spec)
	}
	return out
}

func abs(n int) int { return max(n, -n) }

// distance is Levenshtein's: the insertions, deletions and replacements of a letter that
// make b of a; or any number above limit if that many don't.
func distance(a, b string, limit int) int {
	if abs(len(a)-len(b)) > limit {
		return limit + 1
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diag, least := row[0], i+1
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diag, row[j+1] = row[j+1], min(diag+cost, row[j]+1, row[j+1]+1)
			least = min(least, row[j+1])
		}
		if least > limit {
			return limit + 1
		}
	}
	return row[len(b)]
}
