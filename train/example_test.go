package train_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/objective"
	"github.com/monge-ml/monge/report"
	"github.com/monge-ml/monge/supervised"
	"github.com/monge-ml/monge/train"
	"github.com/monge-ml/monge/weights"
)

// A wave is a task: a network of the program's own, fitted to points of a sine. It is its own
// minibatch, all points at every step.
type wave struct {
	*nn.Model
	x, y []float32
}

func (s wave) Theta() []float32                                        { return s.NewTheta(1) }
func (s wave) Examples(train.Split) int                                { return len(s.x) }
func (s wave) Len() int                                                { return len(s.x) }
func (s wave) Steps() int                                              { return 1 }
func (s wave) Minibatch(context.Context, int) (train.Minibatch, error) { return s, nil }
func (s wave) Gradient(grad, theta []float32, lo, hi int, c objective.Call) (float64, error) {
	return s.GradientOf(nn.Target{Values: s.y[lo:hi]}, grad, theta, s.x[lo:hi], c)
}
func (s wave) Measure(_ context.Context, theta []float32, _ train.Split) (train.Measures, error) {
	y, err := s.Logits(theta, s.x)
	worst := 0.
	for i := range y {
		worst = max(worst, math.Abs(float64(y[i]-s.y[i])))
	}
	return train.Measures{{Name: "largest_error", Value: train.Real(worst), Better: train.Lower}}, err
}
func (s wave) Save(dir string, best bool, theta []float32) error {
	return weights.WriteFile(filepath.Join(dir, train.WeightsFile(best)), s.StateDict(theta), nil)
}

// A task of the program's own gets all that a run has: a directory with records, checkpoints
// and TensorBoard's events, early stopping on its first measure, a forecast, a page. Called
// again after it was stopped in any way, it goes on to the same bits.
func Example_task() {
	b, s, config, path := nn.NewBuilder(), wave{}, train.Default(), filepath.Join(os.TempDir(), fmt.Sprint("monge-sine-", os.Getpid()))
	for x := -3.0; x <= 3; x += .05 {
		s.x, s.y = append(s.x, float32(x)), append(s.y, float32(math.Sin(2*x)))
	}
	s.Model, _ = nn.NewModel(b, b.MLP(1, 32, 32, 1), []int{1})
	config.Task, config.Method, config.Rho, config.Base, config.LR, config.Epochs, config.EvalEvery, config.Patience = "sine", "m-sam", .02, "adam", 3e-3, 20000, 20, 25
	defer os.RemoveAll(path)
	run, err := train.NewTask(s, config)
	forecast, err2 := run.Estimate(context.Background(), 5)
	run, err3 := train.NewTask(s, config) // a forecast uses its run up
	result, err4 := run.DoIn(context.Background(), path, train.DirOptions{Resume: true}, train.Watch{})
	saved, err5 := train.ReadRun(path)
	err6 := report.WriteRuns(filepath.Join(path, "report.html"), []*train.SavedRun{saved})
	fmt.Println(forecast.Steps, result.StoppedBy, result.Best.Test.Get("largest_error") < .3, errors.Join(err, err2, err3, err4, err5, err6))
	// Output: 20000 patience true <nil>
}

// Train the MLP on handwritten digits with M-SAM.
func Example() {
	config := supervised.Default()
	config.Method, config.Rho = "m-sam", .3
	config.Epochs = 10
	run, err := train.New(config)
	if err != nil {
		fmt.Println(err)
		return
	}
	result, err := run.Do(context.Background(), nil, train.Watch{})
	fmt.Println("test accuracy above 90%:", result.Test.Get("accuracy") > .9, err)
	// Output: test accuracy above 90%: true <nil>
}
