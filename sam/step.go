package sam

import (
	"cmp"
	"errors"
	"fmt"
	"math"

	"github.com/monge-ml/monge/objective"
	"github.com/monge-ml/monge/vec"
)

// An Optimizer is the base update rule that a step hands its descent gradient to; the
// types of package optim implement it.
type Optimizer[F vec.Float] interface {
	// Step updates theta in place from a gradient of the same length, which it leaves as it
	// is. On an error it has changed nothing.
	Step(theta, grad []F) error
	MarshalBinary() ([]byte, error)
	UnmarshalBinary([]byte) error
}

// A Schedule is a value that may change from step to step; the schedules of package
// optim implement it, and [Constant] is one.
type Schedule interface {
	At(step int) float64
}

// Constant is the same value at every step.
type Constant float64

// At returns c.
func (c Constant) At(int) float64 { return float64(c) }

// Settings say how a step perturbs. The zero value does not: it is the plain base
// optimizer.
type Settings[F vec.Float] struct {
	// Rho is the radius of the ball, >= 0, +Inf allowed with an AscentBudget. Nil or 0
	// evaluates one gradient a step, bit-identical to the base optimizer alone.
	Rho Schedule
	// Alpha is the scale of the loss axis in the metric B + Alpha² g gᵀ: 0 is SAM, 1 the
	// paper's M-SAM.
	Alpha float64
	// AscentBudget gives the scale as b = Rho/Alpha instead, in the unit of the loss:
	// the perturbation never asks for more than a (linearised) rise of b, and never
	// goes farther than Rho. It may begin or end at 0, which is a plain step. Nil means Alpha counts.
	AscentBudget Schedule
	// Metric is B. Nil is Euclidean, the identity.
	Metric Metric[F]
	// NewMetric makes the Metric in place of that, for a stepper over n parameters, where it keeps
	// something.
	NewMetric func(n int) Metric[F]
	// PreconditionDescent multiplies the descent gradient by B(theta)⁻¹ as well. The
	// Metric must be a Preconditioner.
	PreconditionDescent bool
	// PerMicrobatch perturbs every microbatch by its own gradient (m-sharpness)
	// instead of all of them by the whole batch's.
	PerMicrobatch bool
	// From is the first step that perturbs; those before are plain.
	From int
	// Interval k > 1 perturbs only at steps From, From+k, From+2k, ...; the steps between are plain.
	Interval int
	// AscentBatch, above 0 and below 1, takes the ascent gradient on that share of each
	// microbatch; 0 is all of it.
	AscentBatch float64
	// On names the part of the parameters that the ascent is of, like "norms", which whoever knows
	// the network resolves to Part; New refuses a name without a Part.
	On string
	// Part perturbs these parameters alone, by their part of the gradient; nil is all. The
	// objective may leave out the rest of the ascent gradient.
	Part []objective.Range
	// ClipNorm > 0 scales a descent gradient of a larger norm down to it.
	ClipNorm float64
	// Direction, Length and Descent make the step's three choices, for a stepper over n
	// parameters: where the ascent goes, how far, and what the base optimizer steps along.
	// Nil is the family's: the gradient, the metric's ball, the gradient at theta+delta. A
	// choice that is also a [Keeper] is saved with the stepper.
	Direction func(n int) Direction[F]
	Length    func(n int) Length
	Descent   func(n int) Descent[F]
}

// Result says what a step saw. In a plain step the perturbed values are those at
// theta; with PerMicrobatch the values of the perturbation are weighted means over
// the microbatches.
type Result struct {
	Loss              float64 // mean loss at theta
	PerturbedLoss     float64 // mean loss at theta+delta
	GradNorm          float64 // |g|, the ascent gradient at theta
	PerturbedGradNorm float64 // |g'|, the descent gradient at theta+delta, before clipping
	DeltaNorm         float64 // |delta|
	EffectiveRadius   float64 // |delta|/|g|, the paper's rho tilde
	PredictedAscent   float64 // gᵀdelta, the rise of the loss to first order
	Perturbed         bool    // whether this step perturbed
}

// Ascent is the actual rise of the loss, PerturbedLoss - Loss: the sharpness gap.
func (r Result) Ascent() float64 { return r.PerturbedLoss - r.Loss }

// NonFiniteError reports a NaN or an infinity. Theta and the optimizer's state are as
// they were before the step.
type NonFiniteError struct {
	Step int     // counted from 0
	Pass string  // the evaluation: "ascent gradient at theta", ...
	What string  // "loss", "gradient", "direction", "perturbation", ...
	Loss float64 // of that pass
	Norm float64 // of that pass's gradient, NaN when not known
}

func (e *NonFiniteError) Error() string {
	return fmt.Sprintf("step %d: %s: the %s is not finite (loss %g, |g| %g)", e.Step, e.Pass, e.What, e.Loss, e.Norm)
}

// The passes of a step, as errors name them.
const (
	ascentPass  = "ascent gradient at theta"
	descentPass = "descent gradient at theta+delta"
	plainPass   = "gradient at theta"
	otherPass   = "gradient at another point"
)

// A Stepper takes steps over parameter vectors of one length. It owns the gradient
// and, once it perturbs, one vector more; a third with a [Descent] or a [Keeper], and with
// a metric that is no [InPlaceMetric] a further one with PerMicrobatch or a [Direction]. It
// is not safe for concurrent use.
type Stepper[F vec.Float] struct {
	set  Settings[F]
	base Optimizer[F]
	step int
	seams[F]
	g, z []F
	// ascent is the gradient at theta where that at theta+delta can't take its place.
	ascent []F
	// own is what a metric that is not in place measures, where that is not g.
	own     []F
	inPlace bool
	sight   Sight[F]
}

// New returns a stepper for n parameters that hands its descent gradients to base.
func New[F vec.Float](n int, base Optimizer[F], s Settings[F]) (*Stepper[F], error) {
	if s.NewMetric != nil && n > 0 {
		s.Metric = s.NewMetric(n)
	}
	if s.Metric == nil {
		s.Metric = Euclidean[F]{}
	}
	if s.Rho == nil {
		if s.Alpha != 0 || s.AscentBudget != nil {
			return nil, errors.New("sam: alpha or an ascent budget without a radius: give Rho")
		}
		s.Rho = Constant(0)
	}
	if s.AscentBatch == 1 {
		s.AscentBatch = 0 // all of it
	}
	if base == nil {
		return nil, errors.New("sam: no base optimizer")
	}
	if n <= 0 {
		return nil, fmt.Errorf("sam: %d parameters; there must be at least one", n)
	}
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("sam: %w", err)
	}
	if err := s.checkPart(n); err != nil {
		return nil, fmt.Errorf("sam: %w", err)
	}
	choices, err := newSeams(n, s)
	if err != nil {
		return nil, fmt.Errorf("sam: %w", err)
	}
	_, inPlace := s.Metric.(InPlaceMetric[F])
	st := &Stepper[F]{set: s, base: base, seams: choices, g: make([]F, n), inPlace: inPlace}
	st.sight.s = st
	for _, c := range st.all(s.Metric) {
		if a, ok := c.(Attached[F]); ok {
			if err := a.Attach(&st.sight); err != nil {
				return nil, fmt.Errorf("sam: %w", err)
			}
		}
	}
	return st, nil
}

// checkPart returns an error for what is no part of n parameters.
func (s *Settings[F]) checkPart(n int) error {
	if s.On != "" && s.Part == nil {
		return fmt.Errorf("the ascent is on the %s alone, and it is not known which parameters these are: say so (Part)", s.On)
	}
	at := 0
	for _, r := range s.Part {
		if r.From < at || r.To <= r.From || r.To > n {
			return fmt.Errorf("a part from %d to %d, behind %d, of %d parameters", r.From, r.To, at, n)
		}
		at = r.To
	}
	if s.Part != nil && at == 0 {
		return fmt.Errorf("the ascent is on no parameter: there are no %s", cmp.Or(s.On, "parts"))
	}
	return nil
}

func (s *Settings[F]) check() error {
	if !(s.Alpha >= 0) || math.IsInf(s.Alpha, 1) {
		return fmt.Errorf("alpha is %g; it must be a finite number >= 0", s.Alpha)
	}
	if s.AscentBudget != nil && s.Alpha != 0 {
		return fmt.Errorf("both alpha (%g) and an ascent budget are set; the budget is rho/alpha, so give one", s.Alpha)
	}
	if s.Interval < 0 {
		return fmt.Errorf("interval is %d; it must be >= 0", s.Interval)
	}
	if s.From < 0 {
		return fmt.Errorf("the first step to perturb is %d; it must be >= 0", s.From)
	}
	if !(s.AscentBatch >= 0 && s.AscentBatch <= 1) {
		return fmt.Errorf("the ascent's share of the minibatch is %g; it must be above 0 and at most 1, or 0 for all", s.AscentBatch)
	}
	if !(s.ClipNorm >= 0) {
		return fmt.Errorf("clip norm is %g; it must be >= 0", s.ClipNorm)
	}
	if err := checkMetric(s.Metric); err != nil {
		return err
	}
	if _, ok := s.Metric.(Preconditioner[F]); s.PreconditionDescent && !ok {
		return fmt.Errorf("metric %T can't precondition the descent: it is no Preconditioner", s.Metric)
	}
	_, _, err := s.radius(0)
	return err
}

// checkMetric returns an error for a metric that says it is impossible.
func checkMetric[F vec.Float](m Metric[F]) error {
	if c, ok := m.(interface{ Check() error }); ok {
		return c.Check()
	}
	return nil
}

// radius returns rho and the ascent budget b = rho/alpha at a step.
func (s *Settings[F]) radius(step int) (rho, budget float64, err error) {
	rho = s.Rho.At(step)
	if !(rho >= 0) {
		return 0, 0, fmt.Errorf("rho at step %d is %g; it must be >= 0", step, rho)
	}
	if s.AscentBudget != nil {
		budget = s.AscentBudget.At(step)
		// one that warms up is 0 at first; one that stays there is a mistake
		if !(budget >= 0) || budget == 0 && step == 0 && s.AscentBudget.At(1) == 0 {
			return 0, 0, fmt.Errorf("ascent budget at step %d is %g; it must be > 0", step, budget)
		}
	} else {
		budget = rho / s.Alpha // +Inf for SAM
	}
	if math.IsInf(rho, 1) && (s.AscentBudget == nil || math.IsInf(budget, 1)) {
		return 0, 0, errors.New("an infinite rho needs a finite ascent budget")
	}
	return rho, budget, nil
}

// Settings returns the settings, with defaults filled in.
func (s *Stepper[F]) Settings() Settings[F] { return s.set }

// Steps returns how many steps have been taken.
func (s *Stepper[F]) Steps() int { return s.step }

// Step takes one step on one minibatch: the ascent gradient at theta, the perturbation,
// the descent gradient at theta+delta, the base optimizer's update of theta in place.
// On an error theta, the optimizer's state and the step count are as they were.
func (s *Stepper[F]) Step(theta []F, obj Objective[F]) (Result, error) {
	return s.StepMicrobatches(theta, whole, obj)
}

var whole = []float64{1}

// StepMicrobatches is [Stepper.Step] over a batch of len(weights) microbatches, whose
// weights are their shares of the batch (n_i/n; they should sum to 1). The whole
// batch's gradient perturbs once, exactly as if the batch were one, unless
// PerMicrobatch is set.
func (s *Stepper[F]) StepMicrobatches(theta []F, weights []float64, obj Objective[F]) (Result, error) {
	var r Result
	if len(theta) != len(s.g) {
		return r, fmt.Errorf("sam: theta has %d parameters, the stepper %d", len(theta), len(s.g))
	}
	if len(weights) == 0 {
		return r, errors.New("sam: a step needs at least one microbatch")
	}
	rho, budget, err := s.set.radius(s.step)
	if err != nil {
		return r, fmt.Errorf("sam: %w", err)
	}
	s.sight.theta, s.sight.weights, s.sight.obj = theta, weights, obj
	defer s.sight.close()
	var ascent []F // the gradient at theta, if it is wanted beside the descent gradient
	switch {
	case rho == 0 || budget == 0 || s.rests():
		err = s.plain(&r, theta, weights, obj)
	case s.blind:
		err = s.unseen(&r, theta, weights, obj, rho, budget)
	case s.set.PerMicrobatch:
		err = s.perMicrobatch(&r, theta, weights, obj, rho, budget)
	default:
		ascent, err = s.perBatch(&r, theta, weights, obj, rho, budget)
	}
	if err != nil {
		return r, err
	}
	if err := s.descend(&r, theta, ascent); err != nil {
		return r, err
	}
	s.keep(ascent, s.g)
	s.step++
	return r, nil
}

// rests reports whether the step at hand is one that does not perturb.
func (s *Stepper[F]) rests() bool {
	after := s.step - s.set.From
	return after < 0 || s.set.Interval > 1 && after%s.set.Interval != 0
}

// plain evaluates the gradient at theta alone.
func (s *Stepper[F]) plain(r *Result, theta []F, weights []float64, obj Objective[F]) error {
	loss, err := s.accumulate(s.g, theta, weights, obj, Call{}, plainPass)
	r.Loss, r.PerturbedLoss = loss, loss
	return err
}

// perBatch perturbs by the gradient of the whole batch, and returns that gradient if it is
// wanted beside the descent gradient.
func (s *Stepper[F]) perBatch(r *Result, theta []F, weights []float64, obj Objective[F], rho, budget float64) (ascent []F, err error) {
	g := s.g
	if s.wantAscent() {
		ascent = s.vector(&s.ascent)
		g = ascent
	}
	if r.Loss, err = s.ascend(g, theta, weights, obj); err != nil {
		return nil, err
	}
	s.sight.ascent = g
	z := s.vector(&s.z)
	if s.direction == nil {
		err = s.perturb(r, 1, theta, g, z, r.Loss, rho, budget)
	} else {
		err = s.perturbAlong(r, theta, g, z, rho, budget)
	}
	if err != nil {
		return nil, err
	}
	r.PerturbedLoss, err = s.accumulate(s.g, z, weights, obj, Call{Perturbed: true}, descentPass)
	return ascent, err
}

// ascend evaluates the ascent gradient of the whole batch, or of the part of it and of the parameters that it is of.
func (s *Stepper[F]) ascend(g, theta []F, weights []float64, obj Objective[F]) (mean float64, err error) {
	c := s.ascentCall()
	if s.examples != nil {
		return s.ascendByExample(g, theta, weights, obj, c)
	}
	if s.columns == nil {
		mean, err = s.accumulate(g, theta, weights, obj, c, ascentPass)
		s.outside(g)
		return mean, err
	}
	for i, w := range weights {
		c.Micro, c.Weight = i, 1
		column := s.columns.Column(i, len(weights))
		loss, err := s.eval(column, theta, obj, c, ascentPass)
		if err != nil {
			return mean, err
		}
		s.outside(column)
		mean += w * loss
		if i == 0 {
			vec.Scale(g, w, column)
		} else {
			vec.AddScaled(g, g, w, column)
		}
	}
	return mean, nil
}

// ascendByExample evaluates the ascent gradient with the products of the examples' own.
func (s *Stepper[F]) ascendByExample(g, theta []F, weights []float64, obj Objective[F], c Call) (float64, error) {
	sampler, ok := obj.(objective.Sampler[F])
	switch {
	case !ok:
		return 0, fmt.Errorf("step %d: the metric is made of the gradients of single examples, which this loss does not have (it is no objective.Sampler): choose another length than example", s.step)
	case len(weights) != 1:
		return 0, fmt.Errorf("step %d: the metric of single examples' gradients needs the whole minibatch at once, not %d microbatches: leave out microbatch, or choose another length than example", s.step, len(weights))
	}
	c.Weight = 1
	k, loss, err := sampler.Gram(g, theta, c)
	if err != nil {
		return loss, fmt.Errorf("step %d: %s: %w", s.step, ascentPass, err)
	}
	if !finite(loss) {
		return loss, &NonFiniteError{Step: s.step, Pass: ascentPass, What: "loss", Loss: loss, Norm: math.NaN()}
	}
	s.examples.Examples(k, int(math.Sqrt(float64(len(k)))))
	return loss, nil
}

// ascentCall is how the gradient for a perturbation is asked for.
func (s *Stepper[F]) ascentCall() Call {
	return Call{Ascent: true, Part: s.set.Part, Share: s.set.AscentBatch}
}

// outside clears what of a gradient the perturbation is not of.
func (s *Stepper[F]) outside(g []F) {
	if s.set.Part == nil {
		return
	}
	at := 0
	for _, r := range s.set.Part {
		clear(g[at:r.From])
		at = r.To
	}
	clear(g[at:])
}

// unseen perturbs in a direction that is known before the minibatch is looked at.
func (s *Stepper[F]) unseen(r *Result, theta []F, weights []float64, obj Objective[F], rho, budget float64) error {
	z, d := s.vector(&s.z), s.measured()
	if err := s.direction.Direct(d, theta, nil); err != nil {
		return fmt.Errorf("step %d: %w", s.step, err)
	}
	if err := s.perturb(r, 1, theta, d, z, math.NaN(), rho, budget); err != nil {
		return err
	}
	loss, err := s.accumulate(s.g, z, weights, obj, Call{}, descentPass)
	if err != nil {
		return err
	}
	r.Loss, r.PerturbedLoss = loss, loss
	r.PredictedAscent = vec.Dot(s.g, z) - vec.Dot(s.g, theta)
	return nil
}

// perturbAlong perturbs in a direction that is not the gradient. What the result says of the
// gradient is then measured by itself.
func (s *Stepper[F]) perturbAlong(r *Result, theta, g, z []F, rho, budget float64) error {
	norm := vec.Norm(g)
	if !finite(norm) {
		return &NonFiniteError{Step: s.step, Pass: ascentPass, What: "gradient", Loss: r.Loss, Norm: norm}
	}
	d := s.measured()
	if err := s.direction.Direct(d, theta, g); err != nil {
		return fmt.Errorf("step %d: %w", s.step, err)
	}
	if err := s.perturb(r, 1, theta, d, z, r.Loss, rho, budget); err != nil {
		return err
	}
	r.GradNorm, r.EffectiveRadius = norm, 0
	if norm > 0 {
		r.EffectiveRadius = r.DeltaNorm / norm
	}
	r.PredictedAscent = vec.Dot(g, z) - vec.Dot(g, theta)
	return nil
}

// accumulate sums the weighted gradients of all microbatches at one point into grad.
func (s *Stepper[F]) accumulate(grad, at []F, weights []float64, obj Objective[F], c Call, pass string) (mean float64, err error) {
	for i, w := range weights {
		c.Micro, c.Weight, c.Add = i, w, i > 0
		loss, err := s.eval(grad, at, obj, c, pass)
		if err != nil {
			return mean, err
		}
		mean += w * loss
	}
	return mean, nil
}

// perMicrobatch perturbs each microbatch by its own gradient, which shares z with the
// perturbed point, so that no third vector is needed, if the metric allows it.
func (s *Stepper[F]) perMicrobatch(r *Result, theta []F, weights []float64, obj Objective[F], rho, budget float64) error {
	z, g := s.vector(&s.z), s.measured()
	for i, w := range weights {
		c := s.ascentCall()
		c.Micro, c.Weight = i, 1
		loss, err := s.eval(g, theta, obj, c, ascentPass)
		if err != nil {
			return err
		}
		s.outside(g)
		r.Loss += w * loss
		if err := s.perturb(r, w, theta, g, z, loss, rho, budget); err != nil {
			return err
		}
		c = Call{Micro: i, Weight: w, Add: i > 0, Perturbed: true}
		loss, err = s.eval(s.g, z, obj, c, descentPass)
		if err != nil {
			return err
		}
		r.PerturbedLoss += w * loss
	}
	return nil
}

// vector returns one of the vectors beyond the gradient, made when first needed.
func (s *Stepper[F]) vector(v *[]F) []F {
	if *v == nil {
		*v = make([]F, len(s.g))
	}
	return *v
}

// measured returns the vector for what the metric measures, where that is not the gradient
// of the whole batch: the perturbed point's own if the metric works in place.
func (s *Stepper[F]) measured() []F {
	if s.inPlace {
		return s.vector(&s.z)
	}
	return s.vector(&s.own)
}

// eval is one call of the objective, with its loss checked.
func (s *Stepper[F]) eval(grad, at []F, obj Objective[F], c Call, pass string) (float64, error) {
	loss, err := obj.Gradient(grad, at, c)
	if err != nil {
		return loss, fmt.Errorf("step %d: %s: %w", s.step, pass, err)
	}
	if !finite(loss) {
		return loss, &NonFiniteError{Step: s.step, Pass: pass, What: "loss", Loss: loss, Norm: math.NaN()}
	}
	return loss, nil
}

// perturb sets z = theta + delta for the ascent gradient g, or the direction that takes its
// place, and adds what it did to r with weight w.
func (s *Stepper[F]) perturb(r *Result, w float64, theta, g, z []F, loss, rho, budget float64) error {
	n, err := s.set.Metric.Measure(z, theta, g)
	if err != nil {
		return fmt.Errorf("step %d: %w", s.step, err)
	}
	if !finite(n.Grad) {
		what := "gradient"
		if s.direction != nil {
			what = "direction"
		}
		return &NonFiniteError{Step: s.step, Pass: ascentPass, What: what, Loss: loss, Norm: n.Grad}
	}
	if d, ok := s.direction.(Sized); ok && n.Grad > 0 {
		n.Dual *= d.Size() / n.Grad
	}
	c := s.length.Scale(rho, budget, n)
	delta := c * n.Direct
	if !finite(delta) || !finite(n.Dual) {
		return &NonFiniteError{Step: s.step, Pass: ascentPass, What: "perturbation", Loss: loss, Norm: n.Grad}
	}
	s.set.Metric.Displace(z, theta, g, c)
	r.Perturbed = true
	r.GradNorm += w * n.Grad
	r.DeltaNorm += w * delta
	r.PredictedAscent += w * c * n.Dual * n.Dual
	if n.Grad > 0 {
		r.EffectiveRadius += w * delta / n.Grad
	}
	return nil
}

// descend checks the descent gradient and hands it, or what is made of it, to the base
// optimizer.
func (s *Stepper[F]) descend(r *Result, theta, ascent []F) error {
	pass := descentPass
	if !r.Perturbed {
		pass = plainPass
	}
	norm := vec.Norm(s.g)
	if !finite(norm) {
		return &NonFiniteError{Step: s.step, Pass: pass, What: "gradient", Loss: r.PerturbedLoss, Norm: norm}
	}
	r.PerturbedGradNorm = norm
	if !r.Perturbed {
		r.GradNorm = norm
	}
	if s.descent != nil {
		if err := s.descent.Combine(s.g, ascent, *r); err != nil {
			return fmt.Errorf("step %d: %w", s.step, err)
		}
		if norm = vec.Norm(s.g); !finite(norm) {
			return &NonFiniteError{Step: s.step, Pass: pass, What: "combined gradient", Loss: r.PerturbedLoss, Norm: norm}
		}
	}
	if s.set.ClipNorm > 0 && norm > s.set.ClipNorm {
		vec.Scale(s.g, s.set.ClipNorm/norm, s.g)
		norm = s.set.ClipNorm
	}
	if s.set.PreconditionDescent {
		if err := s.set.Metric.(Preconditioner[F]).Precondition(s.vector(&s.z), theta, s.g); err != nil {
			return fmt.Errorf("step %d: %w", s.step, err)
		}
		if norm = vec.Norm(s.g); !finite(norm) {
			return &NonFiniteError{Step: s.step, Pass: pass, What: "preconditioned gradient", Loss: r.PerturbedLoss, Norm: norm}
		}
	}
	if b, ok := s.base.(interface{ MaxGradNorm() float64 }); ok && norm > b.MaxGradNorm() {
		return fmt.Errorf("step %d: |g'| = %g overflows the base optimizer's state, which holds up to %g: clip the gradient or lower the learning rate", s.step, norm, b.MaxGradNorm())
	}
	if err := s.base.Step(theta, s.g); err != nil {
		return err
	}
	if d, ok := s.descent.(Decoupled[F]); ok {
		d.After(theta)
	}
	return nil
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
