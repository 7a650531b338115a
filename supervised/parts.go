package supervised

import (
	"github.com/monge-ml/monge/objective"
	"github.com/monge-ml/monge/train"
)

// Parts says what the parameters are that are trained.
func (t *Task) Parts() (parts []train.Part, layered bool) {
	depths, most := t.Net.Depths()
	for i, p := range t.Net.Params {
		if p.Frozen() {
			continue
		}
		part := train.Part{End: p.Offset + p.Len(), Weight: p.IsWeight()}
		if most > 0 {
			part.Above = most - depths[i]
		}
		parts = append(parts, part)
	}
	return parts, most > 0
}

// Norms are the parameters of the network's normalisation layers.
func (t *Task) Norms() []objective.Range { return t.Net.Norms() }
