package toy

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/monge-ml/monge/optim"
	"github.com/monge-ml/monge/sam"
)

// Settings say how to run: the optimizer's settings over plain gradient descent.
type Settings struct {
	Method sam.Settings[float64]
	LR     float64 // finite, >= 0
	// Momentum of gradient descent, in [0, 1).
	Momentum float64
	Steps    int // >= 0
	// PathEvery k > 0 keeps every k-th point of a run, and its first and last, in
	// Run.Path; 0 keeps none.
	PathEvery int
}

// Run is one run from one start.
type Run struct {
	Start, End []float64
	Loss       float64 // at End; may be infinite when the run diverged
	Path       [][]float64
	// Diverged says that a loss, a gradient or a parameter left the finite numbers; End
	// is then the last finite point.
	Diverged bool
}

// errDiverged stops a run whose gradient has become too large to go on.
var errDiverged = errors.New("diverged")

// huge bounds the gradients that a run goes on with: far beyond any use, and inside what
// the base optimizer takes.
const huge = 1e299

// objective is a loss as the stepper wants it.
type objective struct{ loss Loss }

func (o objective) Gradient(grad, theta []float64, c sam.Call) (float64, error) {
	if c.Weight != 1 || c.Add {
		return 0, fmt.Errorf("a toy has one microbatch, got weight %g, add %t", c.Weight, c.Add)
	}
	loss := o.loss.Gradient(grad, theta)
	if !(math.Abs(loss) < huge) || !within(grad, huge) {
		return loss, errDiverged
	}
	return loss, nil
}

// Check returns an error for impossible settings.
func (s Settings) Check(loss Loss) error {
	if s.Steps < 0 {
		return fmt.Errorf("steps is %d; it must be >= 0", s.Steps)
	}
	_, err := s.stepper(loss)
	return err
}

func (s Settings) stepper(loss Loss) (*sam.Stepper[float64], error) {
	base, err := optim.NewSGD[float64](loss.Dim(), optim.SGDSettings{LR: optim.Constant(s.LR), Momentum: s.Momentum})
	if err != nil {
		return nil, err
	}
	return sam.New(loss.Dim(), base, s.Method)
}

// Descend makes one run. A run that diverges is no error; an interrupted one is.
func Descend(ctx context.Context, loss Loss, start []float64, s Settings) (Run, error) {
	r := Run{Start: start, End: append([]float64(nil), start...)}
	if len(start) != loss.Dim() {
		return r, fmt.Errorf("the start has %d coordinates, the loss %d", len(start), loss.Dim())
	}
	if !finite(start) {
		return r, fmt.Errorf("the start %v is not finite", start)
	}
	opt, err := s.stepper(loss)
	if err != nil {
		return r, err
	}
	theta, obj := append([]float64(nil), start...), objective{loss}
	r.keep(s, 0)
	for i := 1; i <= s.Steps && !r.Diverged; i++ {
		if i%1024 == 0 && ctx.Err() != nil {
			return r, ctx.Err()
		}
		_, err := opt.Step(theta, obj)
		switch {
		case diverged(err) || err == nil && !finite(theta):
			r.Diverged = true
		case err != nil:
			return r, err
		default:
			copy(r.End, theta)
			r.keep(s, i)
		}
	}
	r.Loss = loss.Loss(r.End)
	return r, ctx.Err()
}

// keep adds the end after a step to the path.
func (r *Run) keep(s Settings, step int) {
	if s.PathEvery > 0 && (step%s.PathEvery == 0 || step == s.Steps) {
		r.Path = append(r.Path, append([]float64(nil), r.End...))
	}
}

func diverged(err error) bool {
	var nonFinite *sam.NonFiniteError
	return errors.Is(err, errDiverged) || errors.As(err, &nonFinite)
}

func finite(x []float64) bool { return within(x, math.MaxFloat64) }

// within reports whether no coordinate is larger than a limit, which NaN is.
func within(x []float64, limit float64) bool {
	for _, v := range x {
		if !(math.Abs(v) <= limit) {
			return false
		}
	}
	return true
}

// DescendAll makes one run from each start, in their order.
func DescendAll(ctx context.Context, loss Loss, starts [][]float64, s Settings) ([]Run, error) {
	runs := make([]Run, len(starts))
	errs := make([]error, len(starts))
	var next atomic.Int64
	var failed atomic.Bool
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(starts)) {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(starts) && !failed.Load(); i = int(next.Add(1)) - 1 {
				runs[i], errs[i] = Descend(ctx, loss, starts[i], s)
				if errs[i] != nil {
					failed.Store(true)
				}
			}
		})
	}
	workers.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return runs, nil
}
