package train

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/monge-ml/monge/objective"
	"github.com/monge-ml/monge/sam"
)

// onAll is the AscentOn that perturbs all parameters, whatever the method's own is.
const onAll = "all"

// A Start is where in a run something begins: at a step, or at a share of the run.
type Start struct {
	step    int
	percent float64
}

// ParseStart returns the start of a text like 5000 or 90%.
func ParseStart(text string) (s Start, err error) {
	percent, isShare := strings.CutSuffix(text, "%")
	if isShare {
		s.percent, err = strconv.ParseFloat(percent, 64)
	} else if text != "" {
		s.step, err = strconv.Atoi(text)
	}
	if err != nil || !(s.percent >= 0 && s.percent <= 100) || s.step < 0 {
		return Start{}, fmt.Errorf("%q is no start; give a number of steps, or a share of the run like 90%%", text)
	}
	return s, nil
}

// Step returns the step, counted from 0, in a run of so many.
func (s Start) Step(steps int) int {
	if s.percent > 0 {
		return int(math.Ceil(s.percent * float64(steps) / 100))
	}
	return s.step
}

// Within returns an error for a start at which a run of so many steps is over.
func (s Start) Within(steps int) error {
	if !s.IsZero() && s.Step(steps) >= steps {
		return fmt.Errorf("from is %s: no step of the run, which has %d, would perturb; give an earlier start, or method none", s, steps)
	}
	return nil
}

// Share returns the share of the run before it, 0 for a step of a run that may be of any length.
func (s Start) Share() float64 { return s.percent / 100 }

// String returns it as it is parsed, "" for the run's own start.
func (s Start) String() string {
	switch {
	case s.percent > 0:
		return strconv.FormatFloat(s.percent, 'g', -1, 64) + "%"
	case s.step > 0:
		return strconv.Itoa(s.step)
	}
	return ""
}

// MarshalText is String.
func (s Start) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText is [ParseStart].
func (s *Start) UnmarshalText(text []byte) (err error) {
	*s, err = ParseStart(string(text))
	return err
}

// IsZero reports whether it is the run's own start.
func (s Start) IsZero() bool { return s == Start{} }

// checkAscent returns an error for an ascent that no run could have.
func (c *Config) checkAscent() error {
	switch {
	case c.AscentOn != "" && c.AscentOn != onAll && c.AscentOn != sam.OnNorms:
		return fmt.Errorf("unknown ascent-on %q; there are %s, %s", c.AscentOn, onAll, sam.OnNorms)
	case !(c.AscentBatch >= 0 && c.AscentBatch <= 1):
		return fmt.Errorf("ascent-batch is %g; it must be above 0 and at most 1", c.AscentBatch)
	case c.From.Share() == 1:
		return errors.New("from is 100%: no step of the run would perturb; give an earlier start, or method none")
	}
	return nil
}

// norms are the parameters of a task's normalisation layers, where the method's ascent is on them alone.
func (c *Config) norms(t Task) (list []objective.Range, err error) {
	m, err := c.StepMethod()
	if err != nil || c.AscentOn == onAll || c.AscentOn == "" && m.On == "" {
		return nil, err
	}
	n, ok := t.(Normed)
	if !ok {
		return nil, errors.New("ascent-on norms has no use here: the task does not say which parameters are those of normalisation layers")
	}
	list = n.Norms()
	if list == nil {
		return nil, errors.New("the ascent is on normalisation layers alone (ascent-on norms), and the network has none that are trained; choose all")
	}
	return list, nil
}

// Gram is the objective's of the current minibatch, see [objective.Sampler].
func (l *loop) Gram(grad, theta []float32, c sam.Call) (k []float64, loss float64, err error) {
	b, err := l.perExample()
	if err != nil {
		return nil, 0, err
	}
	n := c.Examples(l.ends[0], l.leastBatch())
	c.Share = 0
	if len(l.gram) < n*n {
		l.gram, l.shares = make([]float64, n*n), make([]float32, n)
	}
	if loss, err = b.Gram(l.gram[:n*n], grad, theta, 0, n, c); err != nil {
		return nil, loss, err
	}
	if counter, counts := l.batch.(Counter); counts {
		l.correct += counter.Correct()
		l.counted += n
	}
	return l.gram[:n*n], loss, nil
}

// Weighted is the objective's of the current minibatch.
func (l *loop) Weighted(grad, theta []float32, w []float64, c sam.Call) error {
	b, err := l.perExample()
	if err != nil {
		return err
	}
	for i, v := range w {
		l.shares[i] = float32(v)
	}
	return b.Weighted(grad, theta, l.shares[:len(w)], 0, len(w), c)
}

// perExample is the current minibatch as one that knows its examples' gradients.
func (l *loop) perExample() (PerExample, error) {
	b, ok := l.batch.(PerExample)
	if !ok {
		return nil, errors.New("length example is made of the gradients of single examples, which the task's minibatches do not know: choose another length")
	}
	return b, nil
}
