package optim

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/monge-ml/monge/vec"
)

// A Group is a range of parameters that a rule treats otherwise than the rest, as PyTorch's optimizers do with
// parameter groups.
type Group struct {
	End   int     // the first parameter behind it; it begins where the group before ends
	LR    float64 // times the learning rate
	Decay float64 // times the weight decay
}

// groups are rules of the same name beside each other, each over its range.
type groups[F vec.Float] struct {
	name  string
	ends  []int
	rules []Optimizer[F]
}

// NewGroups is [New] with ranges of the parameters that have learning rates and weight decays of their own. The
// last must end at n. Those beside each other that are alike are one.
func NewGroups[F vec.Float](name string, n int, p Params, list []Group) (Optimizer[F], error) {
	list, err := joined(n, list)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(list) == 0 || len(list) == 1 && list[0].LR == 1 && list[0].Decay == 1 {
		return New[F](name, n, p)
	}
	g := &groups[F]{name: name}
	at := 0
	for _, one := range list {
		own := p
		own.WeightDecay *= one.Decay
		if p.LR != nil {
			own.LR = times{p.LR, one.LR}
		}
		o, err := New[F](name, one.End-at, own)
		if err != nil {
			return nil, err
		}
		at = one.End
		g.ends, g.rules = append(g.ends, at), append(g.rules, o)
	}
	return g, nil
}

// joined joins groups that are alike, and returns an error for what are no ranges of n parameters.
func joined(n int, list []Group) (out []Group, err error) {
	at := 0
	for _, g := range list {
		switch {
		case g.End < at || g.End > n:
			return nil, fmt.Errorf("a group ends at %d, behind one that ends at %d, of %d parameters", g.End, at, n)
		case g.End == at:
			continue
		}
		if err := firstError(inRange("a group's share of the learning rate", g.LR, 0, math.MaxFloat64), inRange("a group's share of the weight decay", g.Decay, 0, math.MaxFloat64)); err != nil {
			return nil, err
		}
		at = g.End
		if k := len(out) - 1; k >= 0 && out[k].LR == g.LR && out[k].Decay == g.Decay {
			out[k].End = g.End
		} else {
			out = append(out, g)
		}
	}
	if len(out) > 0 && at != n {
		return nil, fmt.Errorf("the groups end at %d of %d parameters", at, n)
	}
	return out, nil
}

// times is a schedule times a number.
type times struct {
	Schedule
	by float64
}

func (t times) At(step int) float64 { return t.Schedule.At(step) * t.by }

// Step updates theta in place. The rules are asked for what they refuse before any steps.
func (g *groups[F]) Step(theta, grad []F) error {
	n := g.ends[len(g.ends)-1]
	if len(theta) != n || len(grad) != n {
		return fmt.Errorf("%s: made for %d parameters, got %d and a gradient of %d", g.name, n, len(theta), len(grad))
	}
	for _, o := range g.rules {
		if err := checkRate(o.LR()); err != nil {
			return fmt.Errorf("%s: %w", g.name, err)
		}
	}
	at := 0
	for i, o := range g.rules {
		if err := o.Step(theta[at:g.ends[i]], grad[at:g.ends[i]]); err != nil {
			return err
		}
		at = g.ends[i]
	}
	return nil
}

// LR returns the learning rate of the next step: the largest of the groups'.
func (g *groups[F]) LR() (lr float64) {
	for _, o := range g.rules {
		lr = max(lr, o.LR())
	}
	return lr
}

// HasMomentum reports whether all groups have a momentum.
func (g *groups[F]) HasMomentum() bool {
	for _, o := range g.rules {
		if m, ok := o.(Mover[F]); !ok || !m.HasMomentum() {
			return false
		}
	}
	return true
}

// Momentum writes that of each group.
func (g *groups[F]) Momentum(dst []F) {
	at := 0
	for i, o := range g.rules {
		o.(Mover[F]).Momentum(dst[at:g.ends[i]])
		at = g.ends[i]
	}
}

// CanDescend reports whether all groups' rules can step beside themselves, as this package's can.
func (g *groups[F]) CanDescend() bool {
	for _, o := range g.rules {
		if _, ok := o.(beside[F]); !ok {
			return false
		}
	}
	return true
}

// Descend sets theta -= lr by v with each group's learning rate of the last step. All rules must be able to, see CanDescend.
func (g *groups[F]) Descend(theta, v []F, by float64) {
	at := 0
	for i, o := range g.rules {
		o.(beside[F]).Descend(theta[at:g.ends[i]], v[at:g.ends[i]], by)
		at = g.ends[i]
	}
}

// MaxGradNorm returns the largest gradient norm that can't overflow any group's state.
func (g *groups[F]) MaxGradNorm() float64 {
	most := math.MaxFloat64
	for _, o := range g.rules {
		if o, ok := o.(interface{ MaxGradNorm() float64 }); ok {
			most = min(most, o.MaxGradNorm())
		}
	}
	return most
}

const groupsMagic = "monge/optim groups 1\n"

// MarshalBinary exports the states, each behind its length.
func (g *groups[F]) MarshalBinary() ([]byte, error) {
	b := []byte(groupsMagic)
	for _, o := range g.rules {
		state, err := o.MarshalBinary()
		if err != nil {
			return nil, err
		}
		b = append(binary.LittleEndian.AppendUint64(b, uint64(len(state))), state...)
	}
	return b, nil
}

// UnmarshalBinary restores exported states; those that were set go back if one can't be.
func (g *groups[F]) UnmarshalBinary(b []byte) error {
	states, err := g.split(b)
	if err != nil {
		return err
	}
	var before [][]byte
	for i, o := range g.rules {
		was, err := o.MarshalBinary()
		if err == nil {
			before = append(before, was)
			err = o.UnmarshalBinary(states[i])
		}
		if err != nil {
			for k, was := range before {
				err = errors.Join(err, g.rules[k].UnmarshalBinary(was))
			}
			return err
		}
	}
	return nil
}

// split returns the states of the groups.
func (g *groups[F]) split(b []byte) (states [][]byte, err error) {
	if len(b) < len(groupsMagic) || string(b[:len(groupsMagic)]) != groupsMagic {
		return nil, fmt.Errorf("%s: not the state of groups of parameters: it was begun without them, or by another version", g.name)
	}
	b = b[len(groupsMagic):]
	for len(b) >= 8 {
		n := binary.LittleEndian.Uint64(b)
		if b = b[8:]; n > uint64(len(b)) {
			break
		}
		states, b = append(states, b[:n]), b[n:]
	}
	if len(b) > 0 || len(states) != len(g.rules) {
		return nil, fmt.Errorf("%s: the state is of %d groups of parameters, there are %d: it was cut short, or begun with others", g.name, len(states), len(g.rules))
	}
	return states, nil
}
