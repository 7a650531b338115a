package sam

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/monge-ml/monge/internal/registry"
	"github.com/monge-ml/monge/vec"
)

// A Number is a setting that only one method has, like a decay rate.
type Number = registry.Number

// A Method is all that is to be known of a way to perturb by its name: what flags, studies,
// pages and errors say of it is made from this.
type Method struct {
	Name  string // "m-sam", in lower case with hyphens
	Label string // for people: "M-SAM"
	Info  string // one line
	// Direction, Length and Descent name the choices that it is made of, as those of this package are: see
	// [Method.With]. They are "" in a method of one's own, and in one that does not perturb.
	Direction, Length, Descent string
	On                         string // the part of the parameters that the ascent is of, see Settings.On; "" is all
	// Uses are the shared settings that it has a use for, by their flags' names: see [SharedSettings].
	Uses   []string
	Alpha  float64 // where it uses alpha and is given neither that nor an ascent budget
	Eta    float64 // where it uses eta and is given none
	Budget float64 // where it uses an ascent budget and is given none, in the unit of the loss; 0 is no budget
	// Interval is what Settings.Interval is where it is not given.
	Interval int
	Numbers  []Number // settings of its own
	Look     Look

	more []func(own map[string]float64) float64 // see Choice
	// New32 and New64 return the settings of a step from numbers filled in by [Method.Fill].
	// They check the numbers that only they know. New64 is for the toys, which are in
	// float64; nil is a method that is not for them.
	New32 func(Params) (Settings[float32], error)
	New64 func(Params) (Settings[float64], error)
}

// A Look is how pages draw a method. The page chooses one for a zero Look.
type Look struct {
	Ink    int       // number of one of the page's colours, 0 to 7
	Width  float64   // of lines, in points
	Dashes []float64 // lengths drawn and left out, in points; nil is an unbroken line
	Mark   string    // circle, pyramid, diamond or box
	Radius float64   // of a mark, in points
}

// Params are the numbers that a method may take. Nil is the method's default; a number that
// the method has no use for is an error.
type Params struct {
	Rho          Schedule // required of methods that perturb
	Alpha        *float64 // loss-axis scale
	AscentBudget Schedule // the scale as rho/alpha, in the unit of the loss
	Eta          *float64 // of the metrics that have one
	Own          map[string]float64
}

// methods are the paper's family in its order, those of other papers, and after them what is registered.
var methods = func() *registry.List[Method] {
	l := &registry.List[Method]{What: "method"}
	for _, m := range []Method{none, plainSAM, mongeSAM, fisherSAM, adaptiveSAM, lossSAM, vasso, friendlySAM, momentumSAM, normSAM, sparseSAM, eigenSAM, gapSAM, lookSAM, weightedSAM, polyakSAM, curvatureSAM} {
		l.Register(m.Name, m)
	}
	return l
}()

// sharedSettings are those that a method may use.
var sharedSettings = []string{"rho", "rho-schedule", "alpha", "ascent-budget", "budget-schedule", "eta", "interval", "from", "ascent-batch", "ascent-on", "per-microbatch", "precondition-descent"}

// SharedSettings are the names of settings that several methods may have a use for.
func SharedSettings() []string { return slices.Clone(sharedSettings) }

// otherNames are second names of methods.
var otherNames = map[string]string{"gd": "none", "sgd": "none"}

// Register adds a method to those that [Family], the command line and studies know. It is
// for init functions, and panics if the name is taken, if Uses names what is no shared setting, or if
// a number can't be called so.
func Register(m Method) {
	if err := registry.Check(m.Uses, sharedSettings, m.Numbers); err != nil {
		panic(fmt.Sprintf("monge: method %q: %v", m.Name, err))
	}
	if other, taken := otherNames[m.Name]; taken {
		panic(fmt.Sprintf("monge: method %q was registered, which is another name for %s", m.Name, other))
	}
	methods.Register(m.Name, m)
}

// Methods returns all methods, the paper's family first.
func Methods() []Method { return methods.All() }

// MethodNames returns the names of all methods, in the order of [Methods].
func MethodNames() []string { return methods.Names() }

// FindMethod returns the method of a name; gd and sgd are other names for none. The error
// for an unknown one lists the names there are.
func FindMethod(name string) (Method, error) {
	if other, ok := otherNames[name]; ok {
		name = other
	}
	return methods.Find(name)
}

// Has reports whether the method uses a shared setting, or has it as one of its own.
func (m Method) Has(setting string) bool {
	return slices.Contains(m.Uses, setting) ||
		slices.ContainsFunc(m.Numbers, func(n Number) bool { return n.Name == setting })
}

// Default returns what the method takes for a shared setting that it uses and is not given, 0
// where there is nothing to say.
func (m Method) Default(setting string) float64 {
	if !m.Has(setting) {
		return 0
	}
	return map[string]float64{"alpha": m.Alpha, "eta": m.Eta, "ascent-budget": m.Budget}[setting]
}

// Perturbs reports whether the method takes a radius; the others are the base optimizer alone.
func (m Method) Perturbs() bool { return m.Has("rho") }

// Family returns the settings of a method by name.
func Family[F vec.Float](name string, p Params) (Settings[F], error) {
	m, err := FindMethod(name)
	if err != nil {
		return Settings[F]{}, err
	}
	return SettingsOf[F](m, p)
}

// SettingsOf returns the settings of a method.
func SettingsOf[F vec.Float](m Method, p Params) (s Settings[F], err error) {
	if p, err = m.Fill(p); err != nil {
		return s, err
	}
	if s, err = newSettings[F](m, p); err != nil {
		return s, fmt.Errorf("method %s: %w", m.Name, err)
	}
	if s.Rho == nil {
		s.Rho = Constant(0)
	}
	return s, s.check()
}

// newSettings calls the method's constructor for F.
func newSettings[F vec.Float](m Method, p Params) (s Settings[F], err error) {
	switch s := any(&s).(type) {
	case *Settings[float32]:
		if m.New32 == nil {
			return Settings[F]{}, errors.New("it is not for float32")
		}
		*s, err = m.New32(p)
	case *Settings[float64]:
		if m.New64 == nil {
			return Settings[F]{}, errors.New("it is not for float64, which the toys are in")
		}
		*s, err = m.New64(p)
	}
	return s, err
}

// Fill returns the numbers with the method's defaults for those that are missing, or an
// error for one that the method has no use for.
func (m Method) Fill(p Params) (Params, error) {
	if err := m.checkUse(p); err != nil {
		return p, err
	}
	if m.Budget > 0 && p.AscentBudget == nil {
		p.AscentBudget = Constant(m.Budget)
	}
	if m.Has("alpha") && p.Alpha == nil && p.AscentBudget == nil {
		p.Alpha = &m.Alpha
	}
	if m.Has("eta") && p.Eta == nil {
		p.Eta = &m.Eta
	}
	own, unknown := registry.Values(m.Numbers, p.Own)
	if unknown != "" {
		return p, m.Lacks(unknown)
	}
	p.Own = own
	return p, nil
}

func (m Method) checkUse(p Params) error {
	switch {
	case p.Alpha != nil && !m.Has("alpha"):
		return fmt.Errorf("%s has no loss axis: alpha is for %s", m.title(), usersOf("alpha", ""))
	case p.AscentBudget != nil && !m.Has("ascent-budget"):
		return fmt.Errorf("%s has no ascent budget: it is for %s", m.title(), usersOf("ascent-budget", ""))
	case p.Alpha != nil && p.AscentBudget != nil:
		return errors.New("alpha and an ascent budget are both given; the budget is rho/alpha, so give one")
	case p.Eta != nil && !m.Has("eta"):
		return m.Lacks("eta")
	case p.Rho == nil && m.Perturbs():
		return fmt.Errorf("method %s needs a radius rho", m.Name)
	case p.Rho != nil && !m.Perturbs() && p.Rho.At(0) != 0:
		return fmt.Errorf("method %s takes no perturbation: rho %g has no use (leave it out, or choose sam)", m.Name, p.Rho.At(0))
	}
	return nil
}

// Lacks returns the error for a setting that the method has no use for, with those that have one.
func (m Method) Lacks(setting string) error {
	return fmt.Errorf("%s has no %s%s", m.title(), setting, usersOf(setting, ": it is for "))
}

// title is what errors call the method: its name, and the choices that are not its own (see [Method.With]).
func (m Method) title() string {
	var others []string
	if own, err := FindMethod(m.Name); err == nil {
		for _, c := range []struct{ what, own, now string }{
			{"direction", own.Direction, m.Direction}, {"length", own.Length, m.Length}, {"descent", own.Descent, m.Descent},
		} {
			if c.now != c.own {
				others = append(others, c.what+" "+c.now)
			}
		}
	}
	if others == nil {
		return "method " + m.Name
	}
	return "method " + m.Name + " with " + strings.Join(others, ", ")
}

// usersOf lists the methods that use a setting, and the choices that no such method is made of, "a, b and length c", with a
// text before it unless there are none.
func usersOf(setting, before string) string {
	var names []string
	made := map[string]bool{} // choices of methods that are listed
	for _, m := range Methods() {
		if m.Has(setting) {
			names = append(names, m.Name)
			made["direction "+m.Direction], made["length "+m.Length], made["descent "+m.Descent] = true, true, true
		}
	}
	for _, l := range []*registry.List[Choice]{directionList, lengthList, descentList} {
		for _, c := range l.All() {
			if name := l.What + " " + c.Name; c.has(setting) && !made[name] {
				names = append(names, name)
			}
		}
	}
	switch n := len(names); n {
	case 0:
		return ""
	case 1:
		return before + names[0]
	default:
		return before + strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
}
