package train

import (
	"errors"
	"fmt"
	"math"

	"github.com/monge-ml/monge/optim"
)

// onWeights is the DecayOn that leaves out biases and what norms have.
const onWeights = "weights"

// checkGroups returns an error for settings of groups of parameters that no run could have.
func (c *Config) checkGroups() error {
	switch {
	case c.DecayOn != "" && c.DecayOn != "all" && c.DecayOn != onWeights:
		return fmt.Errorf("unknown weight-decay-on %q; there are all, weights", c.DecayOn)
	case c.DecayOn == onWeights && c.WeightDecay == 0:
		return errors.New("weight-decay-on has no use without a weight-decay")
	case !(c.LayerDecay >= 0 && c.LayerDecay <= 1):
		return fmt.Errorf("layer-decay is %g; it must be above 0 and at most 1, or 0 for none", c.LayerDecay)
	}
	return nil
}

// groups are those of a task's parameters, nil if all are treated alike.
func (c *Config) groups(t Task) (list []optim.Group, err error) {
	byLayer := c.LayerDecay != 0 && c.LayerDecay != 1
	if c.DecayOn != onWeights && !byLayer {
		return nil, nil
	}
	p, ok := t.(Parted)
	if !ok {
		return nil, errors.New("weight-decay-on and layer-decay have no use here: the task does not say what its parameters are")
	}
	parts, layered := p.Parts()
	if byLayer && !layered {
		return nil, errors.New("layer-decay has no use here: the names of the network's parameters do not say which layers lie above which")
	}
	for _, part := range parts {
		g := optim.Group{End: part.End, LR: 1, Decay: 1}
		if byLayer {
			g.LR = math.Pow(c.LayerDecay, float64(part.Above))
		}
		if c.DecayOn == onWeights && !part.Weight {
			g.Decay = 0
		}
		list = append(list, g)
	}
	return list, nil
}
