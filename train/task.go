package train

import (
	"context"

	"github.com/monge-ml/monge/internal/kernel"
	"github.com/monge-ml/monge/objective"
)

// A Task is what a run trains. A run asks it for nothing but this and, where a task has them,
// for what the optional interfaces of this file say: [Buffered], [Closer], [Stateful], [Copied],
// [Identified], [Itemized], [AtLeast], [Sampled], [Noted], [Parted], [Normed], [Warner]. Schedules, accumulation, early stopping, the best
// weights, rolling back, resuming, records, forecasts, studies and pages follow from it.
//
// All of a run is a function of its settings and of the step count: Minibatch must return the
// same for the same step, whatever was asked for before.
type Task interface {
	// Theta returns the parameters to start from, which the run takes over and moves.
	Theta() []float32
	// Examples returns how many examples a split has, 0 for one that there is not.
	Examples(s Split) int
	// Steps returns how many minibatches an epoch has, at least 1.
	Steps() int
	// Minibatch returns the minibatch of a step, counted from 0 over all epochs. It is valid
	// until the next call. A ctx that ends is an error.
	Minibatch(ctx context.Context, step int) (Minibatch, error)
	// Measure measures the network at theta on a split that has examples. The list has the same
	// names in the same order at every call; the first decides which weights are best and when
	// to stop early, and where it is equal the next that has a direction.
	Measure(ctx context.Context, theta []float32, s Split) (Measures, error)
	// Save writes the network at theta below a run's directory, under a name for the final
	// weights or one for the best.
	Save(dir string, best bool, theta []float32) error
}

// WeightsFile is the name that a task usually saves its final or its best weights under.
func WeightsFile(best bool) string {
	if best {
		return "best.safetensors"
	}
	return "weights.safetensors"
}

// A Minibatch is the objective of one step: the mean loss of some examples.
type Minibatch interface {
	// Len returns the number of examples.
	Len() int
	// Gradient returns the mean loss of examples lo to hi-1 at theta and writes its gradient as
	// [objective.Objective] says: times c.Weight, added to grad with c.Add.
	Gradient(grad, theta []float32, lo, hi int, c objective.Call) (loss float64, err error)
}

// A Counter is a minibatch that tells how many examples of the last gradient were right: the
// training accuracy in records, which until-accuracy waits for.
type Counter interface{ Correct() int }

// A PerExample minibatch knows the gradients of its examples' own losses, for methods whose metric is made of them.
type PerExample interface {
	// Gram is Gradient of examples lo to hi-1, and writes the products of their own gradients to k, row by row.
	Gram(k []float64, grad, theta []float32, lo, hi int, c objective.Call) (loss float64, err error)
	// Weighted writes the sum of the examples' own gradients, each times its share.
	Weighted(grad, theta, shares []float32, lo, hi int, c objective.Call) error
}

// A Whole minibatch that says so can't be cut into microbatches, as its loss compares its examples: its task
// sees to the setting microbatch by itself.
type Whole interface{ Whole() bool }

// A Split is a part of a task's examples.
type Split string

// The splits.
const (
	TrainSplit Split = "train"
	ValSplit   Split = "val"
	TestSplit  Split = "test"
)

// Buffered is a task whose network has numbers that no gradient moves, as running statistics.
// They are saved and restored with the parameters.
type Buffered interface{ Buffers() [][]float32 }

// Closer is a task that has to be closed once its run is over.
type Closer interface{ Close() error }

// Stateful is a task with state of its own beside parameters, buffers and the step count: bytes
// for the checkpoint.
type Stateful interface {
	MarshalBinary() ([]byte, error)
	UnmarshalBinary([]byte) error
}

// Copied is a task whose Save writes the network more than once, in several formats: how many times.
// That much room must be on the disk before the first step.
type Copied interface{ Copies() int }

// Identified is a task that tells its data from others by their content, whatever place they are
// read from: a run is not resumed on other ones, unless the user says so.
type Identified interface{ Fingerprint() string }

// Itemized is an identified task that says by name what its data consist of, files most often,
// with a digest of each or words on it: so that it can be said what has changed.
type Itemized interface{ Items() map[string]string }

// AtLeast is a task whose network can't be trained on fewer examples at a time than this, as
// batch normalisation needs two values a channel. A microbatch that would be smaller is joined to
// the one before; its task sees to minibatches by itself.
type AtLeast interface{ LeastBatch() int }

// Sampled is a task that measures itself on the first n examples of a split, for forecasts.
type Sampled interface {
	MeasureSome(ctx context.Context, theta []float32, s Split, n int) (Measures, error)
}

// Noted is a task with something to say before it starts, a line each.
type Noted interface{ Notes() []string }

// A Part is a range of parameters that learning rates or weight decay may treat as one.
type Part struct {
	End    int  // the first parameter behind it; it begins where the part before ends
	Weight bool // it is of a matrix, a kernel or a table: no bias, nothing of a norm
	Above  int  // how many layers lie above it, 0 for the last
}

// Parted is a task that says what its parameters are, for the settings weight_decay_on and layer_decay. Layered is false
// where it does not know which layers lie above which.
type Parted interface {
	Parts() (parts []Part, layered bool)
}

// Normed is a task that says which parameters are scales and shifts of normalisation layers, in order, for methods
// and the setting ascent_on that perturb them alone.
type Normed interface{ Norms() []objective.Range }

// Warner is a task that finds in a record what the user should know; "" is nothing. A run tells
// it once.
type Warner interface{ Warning(r Record) string }

// A Precision says how products take their operands: see package tensor, where it has the same
// name.
type Precision = kernel.Precision

// Precise is a task that can multiply in other precisions than float32: for gradients that are for
// the perturbation, and for all others. Others refuse the settings precision and ascent-precision.
type Precise interface {
	SetPrecision(ascent, descent Precision)
}

// Described says what a task's examples are of, like "10 classes".
type Described interface{ Of() string }
