package optim

import "math"

// A Schedule is a value per step, counted from 0: a learning rate, a radius, an ascent
// budget. Every schedule holds its last value after its end.
type Schedule interface {
	At(step int) float64
}

// Constant is the same value at every step.
type Constant float64

// At returns c.
func (c Constant) At(int) float64 { return float64(c) }

// StepDecay multiplies Start by Factor after every Every steps.
type StepDecay struct {
	Start, Factor float64
	Every         int
}

// At returns the value at a step.
func (s StepDecay) At(step int) float64 {
	if s.Every <= 0 {
		return s.Start
	}
	return s.Start * math.Pow(s.Factor, float64(step/s.Every))
}

// Linear goes from From to To in a straight line over Steps steps.
type Linear struct {
	From, To float64
	Steps    int
}

// At returns the value at a step.
func (s Linear) At(step int) float64 {
	return s.From + (s.To-s.From)*progress(step, s.Steps)
}

// Cosine goes from From to To along half a cosine over Steps steps (Loshchilov and
// Hutter 2017, without restarts).
type Cosine struct {
	From, To float64
	Steps    int
}

// At returns the value at a step.
func (s Cosine) At(step int) float64 {
	return s.share(progress(step, s.Steps))
}

// OneCycle rises along half a cosine from Max/Div to Max in the first Rise share of its
// steps and falls along another to Max/FinalDiv (Smith and Topin 2018).
type OneCycle struct {
	Max, Div, FinalDiv float64 // DefaultOneCycle: 25 and 25e4, as PyTorch's
	Rise               float64 // share of the steps, in [0, 1]; DefaultOneCycle: .3
	Steps              int
}

// DefaultOneCycle returns PyTorch's settings of the one-cycle schedule.
func DefaultOneCycle(top float64, steps int) OneCycle {
	return OneCycle{Max: top, Div: 25, FinalDiv: 25e4, Rise: .3, Steps: steps}
}

// At returns the value at a step. As in PyTorch, the last of the Steps steps has the
// final value.
func (s OneCycle) At(step int) float64 {
	top := s.Rise*float64(s.Steps) - 1
	last := float64(s.Steps - 1)
	at := math.Min(float64(step), last)
	if at < top {
		return Cosine{From: s.Max / s.Div, To: s.Max}.share(at / top)
	}
	if last <= top {
		return s.Max
	}
	return Cosine{From: s.Max, To: s.Max / s.FinalDiv}.share((at - max(top, 0)) / (last - max(top, 0)))
}

// share is Cosine at a share of its way.
func (s Cosine) share(p float64) float64 {
	return s.To + (s.From-s.To)*(1+math.Cos(math.Pi*p))/2
}

// Warmup rises from From to the first value of Then in a straight line over Steps
// steps, and goes on with Then.
type Warmup struct {
	From  float64
	Steps int
	Then  Schedule
}

// At returns the value at a step.
func (s Warmup) At(step int) float64 {
	if step < s.Steps {
		return Linear{From: s.From, To: s.Then.At(0), Steps: s.Steps}.At(step)
	}
	return s.Then.At(step - s.Steps)
}

// Restarts runs through a schedule of Steps steps Cycles times in them, each time that much faster (Loshchilov and Hutter 2017).
type Restarts struct {
	Of            Schedule
	Cycles, Steps int
}

// At returns the value at a step.
func (s Restarts) At(step int) float64 {
	if step >= s.Steps || s.Cycles < 1 {
		return s.Of.At(step)
	}
	return s.Of.At(int(int64(max(step, 0)) * int64(s.Cycles) % int64(s.Steps)))
}

func progress(step, steps int) float64 {
	if steps <= 0 || step >= steps {
		return 1
	}
	return float64(max(step, 0)) / float64(steps)
}
