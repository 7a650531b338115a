package supervised

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/monge-ml/monge/nn"
)

// balanced is the setting by which all classes weigh the same together.
const balanced = "balanced"

// parseWeights reads weights of classes: nil for none, and for balanced ones.
func (s *Settings) parseWeights() ([]float32, error) {
	if len(s.ClassWeights) == 0 || slices.Equal(s.ClassWeights, []string{balanced}) {
		return nil, nil
	}
	var list []float32
	for _, text := range s.ClassWeights {
		v, err := strconv.ParseFloat(text, 32)
		if err != nil || !(v > 0) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("class-weights: %q is no weight: give a number above 0 for each class, in their order, or %s", text, balanced)
		}
		list = append(list, float32(v))
	}
	return list, nil
}

// weigh sets the weights of the classes of the training examples.
func (t *Task) weigh() (err error) {
	s := &t.settings
	if t.weights, err = s.parseWeights(); err != nil || len(s.ClassWeights) == 0 {
		return err
	}
	if t.predicts() {
		return fmt.Errorf("class-weights has no use here: %s has targets, no classes", s.Data)
	}
	classes := t.Data.Classes
	if t.weights == nil {
		t.weights = balance(t.Data.Train.Labels, len(classes))
	}
	if len(t.weights) != len(classes) {
		return fmt.Errorf("class-weights has %d numbers, and %s %d classes: give one for each of %s", len(t.weights), s.Data, len(classes), strings.Join(classes, ", "))
	}
	const most = 20
	var list []string
	for i, w := range t.weights[:min(len(classes), most)] {
		list = append(list, fmt.Sprintf("%s %.4g", classes[i], w))
	}
	if len(classes) > most {
		list = append(list, "...")
	}
	t.decided = append(t.decided, "weights of the classes in the loss: "+strings.Join(list, ", "))
	return nil
}

// balance returns weights by which all classes that occur weigh the same together, and examples 1 on
// average: scikit-learn's n/(k n_c). One that does not occur has 0, for label smoothing.
func balance(labels []int, classes int) []float32 {
	counts, occur := make([]int, classes), 0
	for _, l := range labels {
		if counts[l]++; counts[l] == 1 {
			occur++
		}
	}
	weights := make([]float32, classes)
	for c, n := range counts {
		if n > 0 {
			weights[c] = float32(float64(len(labels)) / float64(occur*n))
		}
	}
	return weights
}

// mean is that of the weights of labels.
func (t *Task) mean(labels []int) (w float64) {
	for _, l := range labels {
		w += float64(t.weights[l])
	}
	return w / float64(len(labels))
}

// weighted adds the weights of classes to the target of a part of a minibatch.
func (b *minibatch) weighted(y *nn.Target) {
	t := b.task
	if t.weights == nil {
		return
	}
	y.Weights, y.MeanWeight = t.weights, t.mean(b.Labels)
	if b.Mixed != nil {
		y.MixedWeight = t.mean(b.Mixed)
	}
}
