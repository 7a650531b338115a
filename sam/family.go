package sam

import (
	"fmt"
	"strings"

	"github.com/monge-ml/monge/vec"
)

// Methods are the names that [Family] knows.
var Methods = []string{"none", "sam", "m-sam", "fisher", "asam"}

// FamilyParams are the numbers that a method of the family may take. Nil is the
// method's default; a number that the method has no use for is an error.
type FamilyParams struct {
	Rho          Schedule // required, but for none
	Alpha        *float64 // m-sam: loss-axis scale, 1 unless given
	AscentBudget Schedule // m-sam: the scale as rho/alpha, in the unit of the loss
	Eta          *float64 // fisher: 1 unless given; asam: 0.01 unless given
}

// Family returns the settings of a method by name: none (the base optimizer alone; gd
// and sgd are other names for it), sam, m-sam, fisher or asam.
func Family[F vec.Float](name string, p FamilyParams) (Settings[F], error) {
	s := Settings[F]{Rho: p.Rho}
	if name == "gd" || name == "sgd" {
		name = "none"
	}
	if err := p.checkUse(name); err != nil {
		return s, err
	}
	switch name {
	case "none":
		s.Rho = Constant(0)
	case "m-sam":
		s.AscentBudget = p.AscentBudget
		if p.AscentBudget == nil {
			s.Alpha = valueOr(p.Alpha, 1)
		}
	case "fisher":
		s.Metric = Fisher[F]{Eta: valueOr(p.Eta, 1)}
	case "asam":
		s.Metric = Adaptive[F]{Eta: valueOr(p.Eta, .01)}
	}
	if s.Metric == nil {
		s.Metric = Euclidean[F]{}
	}
	return s, s.check()
}

// checkUse returns an error for an unknown method and for a number it has no use for.
func (p FamilyParams) checkUse(name string) error {
	known := false
	for _, m := range Methods {
		known = known || m == name
	}
	switch {
	case !known:
		return fmt.Errorf("unknown method %q; there are %s", name, strings.Join(Methods, ", "))
	case p.Alpha != nil && name != "m-sam":
		return fmt.Errorf("method %s has no loss axis: alpha is for m-sam", name)
	case p.AscentBudget != nil && name != "m-sam":
		return fmt.Errorf("method %s has no ascent budget: it is for m-sam", name)
	case p.Alpha != nil && p.AscentBudget != nil:
		return fmt.Errorf("alpha and an ascent budget are both given; the budget is rho/alpha, so give one")
	case p.Eta != nil && name != "fisher" && name != "asam":
		return fmt.Errorf("method %s has no eta: it is for fisher and asam", name)
	case p.Rho == nil && name != "none":
		return fmt.Errorf("method %s needs a radius rho", name)
	case name == "none" && p.Rho != nil && p.Rho.At(0) != 0:
		return fmt.Errorf("method none takes no perturbation: rho %g has no use (leave it out, or choose sam)", p.Rho.At(0))
	}
	return nil
}

func valueOr(v *float64, otherwise float64) float64 {
	if v == nil {
		return otherwise
	}
	return *v
}
