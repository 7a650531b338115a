package optim_test

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/optim"
)

// What testdata/gen_groups.py does.
const (
	groupedN     = 12
	groupedSteps = 8
	groupedLR    = .05
	groupedDecay = .2
)

var grouped = []optim.Group{{End: 5, LR: .25, Decay: 1}, {End: 6, LR: .25}, {End: 12, LR: 1}}

func numbers(n, salt int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = float64((40503*(i+salt)+12345)%65536)/32768 - 1
	}
	return x
}

// newGrouped returns a rule over the script's parameters. Without a momentum it is the rule's own.
func newGrouped(t *testing.T, rule string, list []optim.Group) optim.Optimizer[float64] {
	t.Helper()
	o, err := optim.NewGroups[float64](rule, groupedN, optim.Params{LR: optim.Constant(groupedLR), WeightDecay: groupedDecay}, list)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func stepTo(t *testing.T, o optim.Optimizer[float64], theta []float64, from, to int) {
	t.Helper()
	for step := from; step < to; step++ {
		if err := o.Step(theta, numbers(groupedN, 100*(step+1))); err != nil {
			t.Fatal(err)
		}
	}
}

// Groups step as PyTorch's do.
func TestGroupsArePyTorchs(t *testing.T) {
	b, err := os.ReadFile("testdata/groups.json")
	var golden map[string][]float64
	if err == nil {
		err = json.Unmarshal(b, &golden)
	}
	if err != nil || len(golden) != 4 {
		t.Fatal(len(golden), err)
	}
	for rule, want := range golden {
		theta, o := numbers(groupedN, 0), newGrouped(t, rule, grouped)
		stepTo(t, o, theta, 0, groupedSteps)
		for i, v := range theta {
			if math.Abs(v-want[i]) > 1e-12 {
				t.Errorf("%s: parameter %d is %.15g, PyTorch's %.15g", rule, i, v, want[i])
			}
		}
	}
}

// A group that has all of everything steps to the bit as without groups, by every rule, and a run that
// goes on from a saved state as one that was never saved.
func TestGroupsOfEveryRule(t *testing.T) {
	for _, rule := range optim.RuleNames() {
		all, _ := optim.New[float64](rule, groupedN, optim.Params{LR: optim.Constant(groupedLR), WeightDecay: groupedDecay})
		if all == nil {
			t.Fatal(rule)
		}
		plain, theta, again := numbers(groupedN, 0), numbers(groupedN, 0), numbers(groupedN, 0)
		stepTo(t, all, plain, 0, groupedSteps)
		list := []optim.Group{{End: 3, LR: .5, Decay: 1}, {End: 3, LR: 7}, {End: 9, LR: 1, Decay: 1}, {End: 12, LR: 0}}
		o := newGrouped(t, rule, list)
		stepTo(t, o, theta, 0, groupedSteps)
		if !slices.Equal(theta[3:9], plain[3:9]) || slices.Equal(theta[:3], plain[:3]) || !slices.Equal(theta[9:], numbers(groupedN, 0)[9:]) {
			t.Errorf("%s: %v, without groups %v", rule, theta, plain)
		}
		if o.LR() != groupedLR {
			t.Errorf("%s: the learning rate is %g", rule, o.LR())
		}
		first, second := newGrouped(t, rule, list), newGrouped(t, rule, list)
		stepTo(t, first, again, 0, 3)
		state, err := first.MarshalBinary()
		if err == nil {
			err = second.UnmarshalBinary(state)
		}
		if err != nil {
			t.Fatal(err)
		}
		stepTo(t, second, again, 3, groupedSteps)
		if !slices.Equal(again, theta) {
			t.Errorf("%s: resumed %v, want %v", rule, again, theta)
		}
		state[len(state)-20] ^= 1
		before, _ := second.MarshalBinary()
		for _, bad := range [][]byte{nil, state, state[:len(state)-1], before[:100], append(slices.Clone(before), 1)} {
			err := second.UnmarshalBinary(bad)
			if after, _ := second.MarshalBinary(); err == nil || !slices.Equal(before, after) {
				t.Errorf("%s: a damaged state: %v, or it was changed", rule, err)
			}
		}
	}
}

// Groups that are alike are none, and their state is that of the rule.
func TestGroupsThatAreNone(t *testing.T) {
	o := newGrouped(t, "adamw", []optim.Group{{End: 4, LR: 1, Decay: 1}, {End: 12, LR: 1, Decay: 1}})
	plain, err := optim.New[float64]("adamw", groupedN, optim.Params{LR: optim.Constant(groupedLR)})
	if err != nil {
		t.Fatal(err)
	}
	if state, err := o.MarshalBinary(); err != nil || plain.UnmarshalBinary(state) != nil {
		t.Error("the state is another")
	}
	for want, list := range map[string][]optim.Group{
		"end at 4 of 12": {{End: 4, LR: 1}}, "ends at 3, behind one that ends at 4": {{End: 4, LR: 1}, {End: 3, LR: 1}},
		"share of the learning rate is -1": {{End: 12, LR: -1}}, "share of the weight decay is NaN": {{End: 12, LR: 1, Decay: math.NaN()}},
		"ends at 13": {{End: 13, LR: 1}},
	} {
		_, err := optim.NewGroups[float64]("sgd", groupedN, optim.Params{LR: optim.Constant(1)}, list)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: error %v", list, err)
		}
	}
	o = newGrouped(t, "sgd", grouped)
	theta := numbers(groupedN, 0)
	if err := o.Step(theta, theta[:5]); err == nil || !slices.Equal(theta, numbers(groupedN, 0)) {
		t.Errorf("a short gradient: %v", err)
	}
}
