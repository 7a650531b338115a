package optim

import (
	"fmt"
	"slices"
	"strings"

	"github.com/monge-ml/monge/internal/registry"
	"github.com/monge-ml/monge/vec"
)

// A Number is a setting that only one rule has.
type Number = registry.Number

// A Rule is all that is to be known of a base optimizer by its name: what flags, studies,
// pages and errors say of it is made from this.
type Rule struct {
	Name  string // "sgd", in lower case with hyphens
	Label string // for people: "SGD"
	Info  string // one line
	// Uses are the shared settings that it has a use for, by their flags' names: momentum,
	// dampening, nesterov, beta1, beta2, eps, decay, centered. The learning rate and weight
	// decay are everybody's.
	Uses    []string
	Numbers []Number // settings of its own
	// What it takes where it uses one of these and is given none. New32 and New64 get it.
	Momentum, Beta1, Beta2, Eps, Decay float64
	// New32 and New64 return the rule over n parameters, and check the numbers.
	New32 func(n int, p Params) (Optimizer[float32], error)
	New64 func(n int, p Params) (Optimizer[float64], error)
}

// Params are the settings that a rule may take. Nil is the rule's default; one that the rule
// has no use for is an error, but for a momentum of 0.
type Params struct {
	LR          Schedule
	Momentum    *float64
	Dampening   float64
	Nesterov    bool
	WeightDecay float64
	Beta1       *float64 // decay of the first moment
	Beta2       *float64 // decay of the second moment
	Eps         *float64 // term of the denominator
	Decay       *float64 // decay of rmsprop's mean square
	Centered    bool
	Own         map[string]float64 // of the rule's Numbers
}

// rules are this package's, and after them what is registered.
var rules = func() *registry.List[Rule] {
	l := &registry.List[Rule]{What: "base optimizer"}
	for _, r := range []Rule{sgdRule, adamRule, adamWRule, rmspropRule, lionRule} {
		l.Register(r.Name, r)
	}
	return l
}()

// Register adds a rule to those that [New], the command line and studies know. It is for
// init functions, and panics if the name is taken, if Uses names what is no shared setting, or if a
// number can't be called so.
func Register(r Rule) {
	if err := registry.Check(r.Uses, sharedSettings, r.Numbers); err != nil {
		panic(fmt.Sprintf("monge: base optimizer %q: %v", r.Name, err))
	}
	rules.Register(r.Name, r)
}

// sharedSettings are those that a rule may use.
var sharedSettings = []string{"momentum", "dampening", "nesterov", "beta1", "beta2", "eps", "decay", "centered"}

// Rules returns all rules, this package's first.
func Rules() []Rule { return rules.All() }

// RuleNames returns the names of all rules, in the order of [Rules].
func RuleNames() []string { return rules.Names() }

// FindRule returns the rule of a name; the error for an unknown one lists the names there are.
func FindRule(name string) (Rule, error) { return rules.Find(name) }

// Has reports whether the rule uses a shared setting, or has it as one of its own.
func (r Rule) Has(setting string) bool {
	return setting == "weight-decay" || slices.Contains(r.Uses, setting) ||
		slices.ContainsFunc(r.Numbers, func(n Number) bool { return n.Name == setting })
}

// Default returns what the rule takes for a shared setting that it uses and is not given, 0
// where there is nothing to say.
func (r Rule) Default(setting string) float64 {
	if !r.Has(setting) {
		return 0
	}
	return map[string]float64{"momentum": r.Momentum, "beta1": r.Beta1, "beta2": r.Beta2, "eps": r.Eps, "decay": r.Decay}[setting]
}

// New returns a rule by name over n parameters.
func New[F vec.Float](name string, n int, p Params) (Optimizer[F], error) {
	r, err := FindRule(name)
	if err != nil {
		return nil, err
	}
	if p, err = r.Fill(p); err != nil {
		return nil, err
	}
	var o any
	var f F
	_, double := any(f).(float64)
	switch {
	case double && r.New64 != nil:
		o, err = r.New64(n, p)
	case !double && r.New32 != nil:
		o, err = r.New32(n, p)
	default:
		err = fmt.Errorf("base %s is not for %T", r.Name, f)
	}
	if err != nil {
		return nil, err
	}
	return o.(Optimizer[F]), nil
}

// Fill returns the settings with the rule's defaults for those that are missing, or an error for one that the rule has no use for.
func (r Rule) Fill(p Params) (Params, error) {
	for _, s := range []struct {
		name  string
		given bool
	}{
		{"momentum", p.Momentum != nil && *p.Momentum != 0}, {"dampening", p.Dampening != 0}, {"nesterov", p.Nesterov},
		{"beta1", p.Beta1 != nil}, {"beta2", p.Beta2 != nil}, {"eps", p.Eps != nil},
		{"decay", p.Decay != nil}, {"centered", p.Centered},
	} {
		if s.given && !r.Has(s.name) {
			return p, r.noUse(s.name)
		}
	}
	for _, s := range []struct {
		name string
		to   **float64
	}{{"momentum", &p.Momentum}, {"beta1", &p.Beta1}, {"beta2", &p.Beta2}, {"eps", &p.Eps}, {"decay", &p.Decay}} {
		if *s.to == nil {
			value := r.Default(s.name)
			*s.to = &value
		}
	}
	own, unknown := registry.Values(r.Numbers, p.Own)
	if unknown != "" {
		return p, r.noUse(unknown)
	}
	p.Own = own
	return p, nil
}

// noUse is the error for a setting that the rule has no use for; it lists those that have.
func (r Rule) noUse(setting string) error {
	var users []string
	for _, other := range Rules() {
		if other.Has(setting) {
			users = append(users, other.Name)
		}
	}
	if users == nil {
		return fmt.Errorf("base %s takes no %s", r.Name, setting)
	}
	return fmt.Errorf("base %s takes no %s; it is for %s", r.Name, setting, strings.Join(users, ", "))
}

// asOptimizer returns a constructor's result, with no optimizer at all on an error.
func asOptimizer[F vec.Float, O Optimizer[F]](o O, err error) (Optimizer[F], error) {
	if err != nil {
		return nil, err
	}
	return o, nil
}
