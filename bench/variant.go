package bench

import (
	"fmt"
	"strings"

	"github.com/monge-ml/monge/objective"
	"github.com/monge-ml/monge/sam"
	"github.com/monge-ml/monge/train"
)

// usualRho is the radius of a measured step that is not given one; its size does not matter for the time.
const usualRho = ".05"

// variant returns the settings of a method with others of the step behind its name, as in
// "m-sam ascent-on=norms ascent-batch=0.25": the names that flags and files have.
func variant(spec string) (c train.Config, err error) {
	c = train.Default()
	fields := strings.Fields(spec)
	if len(fields) == 0 {
		return c, fmt.Errorf("no method in %q", spec)
	}
	if _, err := sam.FindMethod(fields[0]); err != nil {
		return c, err
	}
	c.Method = fields[0]
	if c.Perturbs() {
		err = c.Set("rho", usualRho)
	}
	for _, f := range fields[1:] {
		name, value, ok := strings.Cut(f, "=")
		if !ok {
			return c, fmt.Errorf("%q: %s is no setting; give them like ascent-batch=0.25", spec, f)
		}
		if err == nil {
			err = c.Set(name, value)
		}
	}
	if err == nil {
		err = c.Check()
	}
	if err != nil {
		return c, fmt.Errorf("%q: %w", spec, err)
	}
	return c, nil
}

// settings returns those of a variant's step.
func settings(spec string, norms []objective.Range) (sam.Settings[float32], error) {
	c, err := variant(spec)
	if err != nil {
		return sam.Settings[float32]{}, err
	}
	return c.StepSettings(1, norms)
}

// isFor reports whether a variant can be measured on a network with these parameters of normalisation layers.
func isFor(spec string, norms []objective.Range) bool {
	s, err := settings(spec, norms)
	return err != nil || s.On == "" || len(norms) > 0
}
