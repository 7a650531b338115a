package supervised

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/monge-ml/monge/classifier"
	"github.com/monge-ml/monge/nn/models"
	"github.com/monge-ml/monge/weights"
)

// trunk is the word, among the patterns of what to freeze, for all but the head.
const trunk = "trunk"

// freeze takes out of training what the settings say.
func (t *Task) freeze() error {
	patterns := slices.Clone(t.settings.Freeze)
	if slices.Contains(patterns, trunk) {
		for _, p := range t.Net.Params {
			if is, _ := weights.MatchName(trunk+".*", p.Name); is {
				return fmt.Errorf("freeze trunk: it means all but the head, and a part of the network is called so too (%s): name its parameters otherwise, as trunk.*", p.Name)
			}
		}
		if err := t.Net.FreezeTrunk(t.fresh()...); err != nil {
			return err
		}
		patterns = slices.DeleteFunc(patterns, func(p string) bool { return p == trunk })
		if t.Net.BatchNorms() > 0 && t.settings.BatchNorm != "frozen" {
			t.decided = append(t.decided, "the trunk is frozen, but the running statistics of its batch normalisation move on: --batch-norm frozen keeps them")
		}
	}
	if len(patterns) == 0 {
		return nil
	}
	return t.Net.Freeze(patterns...)
}

// adapt gives the network adapters, once it has the weights to start from.
func (t *Task) adapt(start *classifier.File, seed uint64) (err error) {
	l := t.settings.LoRA
	if l.Rank == 0 {
		return nil
	}
	if start == nil {
		t.decided = append(t.decided, "lora adapts a network of random weights, as no file is given to start from: --init")
	}
	t.theta, err = t.Net.Adapt(t.theta, l, seed, t.fresh()...)
	return err
}

// fresh are the parameters that the network to start from is published without.
func (t *Task) fresh() []string {
	if t.graph == "" {
		return nil
	}
	e, err := models.Find(t.graph)
	if err != nil || e.File == nil {
		return nil // building it is an error
	}
	return e.File.New
}

// Directories that a run with adapters leaves: as Hugging Face's PEFT has them.
const (
	AdapterDir     = "adapter"
	BestAdapterDir = "best-adapter"
)

// saveAdapter writes what adaptation has trained, if it is that.
func (t *Task) saveAdapter(dir string, best bool, theta []float32) error {
	if t.Net.Adaptation() == nil {
		return nil
	}
	name := AdapterDir
	if best {
		name = BestAdapterDir
	}
	return classifier.SaveAdapter(filepath.Join(dir, name), t.Net, theta, t.settings.Init)
}

// fullSizes is how many parameters the whole network has in multiples of those that are trained, rounded up.
func (t *Task) fullSizes() int {
	all := 0
	for _, p := range t.Net.Params {
		all += p.Len()
	}
	return (all + t.Net.Size() - 1) / t.Net.Size()
}
