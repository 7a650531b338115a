package sam

import (
	"fmt"
	"slices"

	"github.com/monge-ml/monge/internal/registry"
	"github.com/monge-ml/monge/vec"
)

// A Choice is what may stand at one of a step's three seams, by name.
type Choice struct {
	Name string // "running-mean"
	Info string // one line
	// Uses are the shared settings that it has a use for, as a [Method] has them.
	Uses    []string
	Numbers []Number // settings of its own
	Alpha   float64  // where it uses alpha and is given neither that nor an ascent budget
	Eta     float64  // where it uses eta and is given none
	Budget  float64  // where it uses an ascent budget and is given none; 0 is no budget

	kind        kind
	bare        bool                                 // it counts on the base optimizer being handed what it makes, not times a metric's inverse
	differences bool                                 // see Method.Differences
	more        func(own map[string]float64) float64 // gradients that a step which perturbs takes beside the usual; nil is none
	set32       func(*Settings[float32], Params) error
	set64       func(*Settings[float64], Params) error
}

// has reports whether the choice uses a shared setting, or has it as one of its own.
func (c *Choice) has(setting string) bool {
	return slices.Contains(c.Uses, setting) || slices.ContainsFunc(c.Numbers, func(n Number) bool { return n.Name == setting })
}

// kind says with what a choice goes.
type kind int

const (
	plainKind   kind = iota
	keepsKind        // it keeps something, or looks at more than one gradient: none for each microbatch
	givenKind        // it needs a gradient at theta, or that one was taken there before; of a part will do
	ascentKind       // it needs the whole gradient at theta
	blindKind        // it takes no gradient at theta
	exampleKind      // it is made of single examples' gradients: the direction must be their mean
	aloneKind        // it does without the gradient at theta, whether there is one or not
)

// The choices at each seam; the first is that of a method that does not say.
var (
	directionList = choices("direction", gradientDirection, meanDirection, noiseDirection, momentumDirection, sparseDirection, eigenDirection)
	lengthList    = choices("length", rhoLength, mongeLength, powerLength, adaptiveLength, fisherLength,
		recentLength, runningLength, runningNormLength, nearbyLength, hessianLength, microbatchLength, exampleLength)
	descentList = choices("descent", perturbedDescent, gapDescent, weightedDescent, reusedDescent, polyakDescent, curvatureDescent)
)

func choices(what string, list ...Choice) *registry.List[Choice] {
	l := &registry.List[Choice]{What: what}
	for _, c := range list {
		l.Register(c.Name, c)
	}
	return l
}

// Directions returns what the ascent may go along.
func Directions() []Choice { return directionList.All() }

// MetricLengths returns how far the ascent may go.
func MetricLengths() []Choice { return lengthList.All() }

// Descents returns what the base optimizer may step along.
func Descents() []Choice { return descentList.All() }

// everyPerturbation are the shared settings of all methods that perturb.
var everyPerturbation = []string{"rho", "rho-schedule", "interval", "from"}

// compose makes a method of the choices that it names.
func compose(m Method) (Method, error) {
	d, err := directionList.Find(m.Direction)
	if err != nil {
		return m, err
	}
	l, err := lengthList.Find(m.Length)
	if err != nil {
		return m, err
	}
	b, err := descentList.Find(m.Descent)
	if err != nil {
		return m, err
	}
	for i, c := range []Choice{l, b} {
		seam := []string{"length", "descent"}[i]
		if d.kind == blindKind && (c.kind == ascentKind || c.kind == givenKind) {
			return m, fmt.Errorf("%s %s needs the gradient at theta, which direction %s does without; choose another direction, or another %s", seam, c.Name, d.Name, seam)
		}
	}
	if l.kind == exampleKind && d.Name != gradientDirection.Name {
		return m, fmt.Errorf("length %s measures the gradient alone, not direction %s; choose direction gradient", l.Name, d.Name)
	}
	m.Uses = slices.Concat(everyPerturbation, d.Uses, l.Uses, b.Uses)
	if b.kind != ascentKind && d.kind != ascentKind && l.kind != ascentKind && d.kind != blindKind {
		m.Uses = append(m.Uses, "ascent-batch")
		if l.kind != exampleKind {
			m.Uses = append(m.Uses, "ascent-on")
		}
	}
	if m.On != "" && !slices.Contains(m.Uses, "ascent-on") {
		return m, fmt.Errorf("method %s perturbs the %s alone, which does not go with direction %s, length %s and descent %s: they are for all parameters; choose method sam in its place, or others", m.Name, m.On, d.Name, l.Name, b.Name)
	}
	if d.kind == plainKind && l.kind == plainKind && b.kind == plainKind {
		m.Uses = append(m.Uses, "per-microbatch")
	}
	if b.bare {
		m.Uses = slices.DeleteFunc(m.Uses, func(name string) bool { return name == "precondition-descent" })
	}
	m.Numbers = slices.Concat(d.Numbers, l.Numbers, b.Numbers)
	m.Alpha, m.Eta, m.Budget = l.Alpha, l.Eta, l.Budget
	list := []Choice{d, l, b}
	m.more, m.Interval = nil, 0
	if b.Name == reusedDescent.Name {
		m.Interval = usualInterval
	}
	for _, c := range list {
		if c.more != nil {
			m.more = append(m.more, c.more)
		}
	}
	m.New32 = func(p Params) (Settings[float32], error) {
		return settingsOf(m, p, list, func(c Choice) func(*Settings[float32], Params) error { return c.set32 })
	}
	m.New64 = func(p Params) (Settings[float64], error) {
		return settingsOf(m, p, list, func(c Choice) func(*Settings[float64], Params) error { return c.set64 })
	}
	return m, nil
}

// settingsOf lets all choices make their settings.
func settingsOf[F vec.Float](m Method, p Params, list []Choice, set func(Choice) func(*Settings[F], Params) error) (Settings[F], error) {
	s := Settings[F]{Rho: p.Rho, Metric: Euclidean[F]{}, On: m.On}
	for _, c := range list {
		if f := set(c); f != nil {
			if err := f(&s, p); err != nil {
				return s, err
			}
		}
	}
	return s, nil
}

// preset is compose for the methods of this package.
func preset(m Method) Method {
	if m.Direction == "" {
		m.Direction = gradientDirection.Name
	}
	if m.Length == "" {
		m.Length = rhoLength.Name
	}
	if m.Descent == "" {
		m.Descent = perturbedDescent.Name
	}
	m, err := compose(m)
	if err != nil {
		panic("monge: method " + m.Name + ": " + err.Error())
	}
	return m
}

// With returns the method with other choices at its seams; "" leaves one as it is. The error says
// which do not go together.
func (m Method) With(direction, length, descent string) (Method, error) {
	if direction == "" && length == "" && descent == "" {
		return m, nil
	}
	if m.Direction == "" {
		what := "it does not perturb"
		if m.Perturbs() {
			what = "it is one of its own"
		}
		return m, fmt.Errorf("method %s takes no other direction, length or descent: %s; choose another method, like sam", m.Name, what)
	}
	for _, c := range []struct {
		to          *string
		name, other string
	}{{&m.Direction, "direction", direction}, {&m.Length, "length", length}, {&m.Descent, "descent", descent}} {
		if c.other != "" && c.other != *c.to {
			*c.to = c.other
			m.Label += ", " + c.name + " " + c.other
		}
	}
	return compose(m)
}

// count returns a number that must be a whole one from 1 to most.
func count(name string, v float64, most int) (int, error) {
	if !(v >= 1 && v <= float64(most)) || v != float64(int(v)) {
		return 0, fmt.Errorf("%s is %g; it must be a whole number from 1 to %d", name, v, most)
	}
	return int(v), nil
}

// What counts may be at most: of gradients, which each take memory or an evaluation in a step, and of steps.
const (
	mostPoints = 1000
	mostSteps  = 1_000_000_000
)

var (
	gradientDirection = Choice{Name: "gradient", Info: "the gradient at theta"}
	perturbedDescent  = Choice{Name: "perturbed", Info: "the gradient at theta+delta"}
	rhoLength         = Choice{Name: "rho", Info: "a ball of radius rho"}
)

// An OwnNumber is a number that only some methods or choices have, and whose it is.
type OwnNumber struct {
	Number
	Of []string // names of methods, or of choices that no method of its own is made of
}

// Numbers returns all numbers that methods and choices have, those of methods first.
func Numbers() (list []OwnNumber) {
	add := func(numbers []Number, of string) {
		for _, n := range numbers {
			if i := slices.IndexFunc(list, func(o OwnNumber) bool { return o.Name == n.Name }); i < 0 {
				list = append(list, OwnNumber{n, []string{of}})
			} else {
				list[i].Of = append(list[i].Of, of)
			}
		}
	}
	for _, m := range Methods() {
		add(m.Numbers, m.Name)
	}
	ofMethods := len(list)
	for _, l := range [][]Choice{Directions(), MetricLengths(), Descents()} {
		for _, c := range l {
			add(slices.DeleteFunc(slices.Clone(c.Numbers), func(n Number) bool {
				return slices.ContainsFunc(list[:ofMethods], func(o OwnNumber) bool { return o.Name == n.Name })
			}), c.Name)
		}
	}
	return list
}

// IsNumber reports whether a method or a choice has a number of this name.
func IsNumber(name string) bool {
	return slices.ContainsFunc(Numbers(), func(o OwnNumber) bool { return o.Name == name })
}

// Ascends reports whether steps that perturb take a gradient at theta.
func (m Method) Ascends() bool {
	d, err := directionList.Find(m.Direction)
	return m.Perturbs() && (err != nil || d.kind != blindKind)
}

// Differences reports whether the method divides differences of gradients at points close by, of which a precision
// less than float32 leaves nothing.
func (m Method) Differences() bool {
	d, _ := directionList.Find(m.Direction)
	l, _ := lengthList.Find(m.Length)
	return d.differences || l.differences
}

// Gradients is how many gradients a step that perturbs computes, with the method's own numbers, where the ascent is
// on a share of the minibatch, or on all of it at 0.
func (m Method) Gradients(own map[string]float64, share float64) float64 {
	if !m.Perturbs() {
		return 1
	}
	n := 1.
	if m.Ascends() {
		n++
	}
	if share > 0 && share < 1 {
		n -= 1 - share
	}
	values, _ := registry.Values(m.Numbers, own)
	for _, more := range m.more {
		n += more(values)
	}
	return n
}
