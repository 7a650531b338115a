package supervised

import (
	"github.com/monge-ml/monge/hf"
	"github.com/monge-ml/monge/train"
)

// The settings that published networks are usually fine-tuned with, where none are given.
const (
	usualSchedule = "linear,warmup=10%"
	usualDecayOn  = "weights"
)

// decideRecipe notes in the config of a run that starts from a published network's directory what such runs usually have.
func (t *Task) decideRecipe(c *train.Config) {
	if !hf.IsDirectory(t.graph) {
		return
	}
	if c.LRSchedule == "" {
		c.LRSchedule = usualSchedule
		t.decided = append(t.decided, "the learning rate rises for a tenth of the steps and falls to 0, as published networks are usually fine-tuned (lr-schedule "+usualSchedule+"); constant is as it is else")
	}
	if c.Base == "sgd" && len(t.source.splits.Train.Shape) == 1 {
		t.decided = append(t.decided, "the base optimizer is sgd; transformers are usually fine-tuned with AdamW, at a rate of about 1e-5 to 1e-4 (--base adamw --lr 5e-5)")
	}
	if c.DecayOn == "" && c.WeightDecay > 0 {
		c.DecayOn = usualDecayOn
		t.decided = append(t.decided, "weight decay is on weights, not on biases and norms (weight-decay-on weights); all is as it is else")
	}
}
