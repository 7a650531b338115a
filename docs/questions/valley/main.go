// Command valley says of the runs of studies with stages how far they went from where they started, whether the straight line
// between start and end crosses a ridge of the training loss, and how they do on the test split.
//
//	go run ./docs/questions/valley runs/leave
package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"

	"gonum.org/v1/gonum/stat"

	"github.com/monge-ml/monge/classifier"
	"github.com/monge-ml/monge/study"
	"github.com/monge-ml/monge/supervised"
	"github.com/monge-ml/monge/train"
)

// points is how many points of a line are measured, its ends among them.
const points = 26

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: valley STUDY...")
		os.Exit(2)
	}
	for _, dir := range os.Args[1:] {
		if err := tell(context.Background(), os.Stdout, dir); err != nil {
			fmt.Fprintln(os.Stderr, "valley:", err)
			os.Exit(1)
		}
	}
}

// line is what is to be known of the way from a run's start to its end.
type line struct {
	distance float64
	ridge    float64 // by how much the training loss rises above that of the worse end
	least    float64 // training accuracy where that is least
	accuracy float64 // of the end, on the test split
	loss     float64 // likewise
}

// tell prints the mean over seeds of each run.
func tell(ctx context.Context, w io.Writer, dir string) error {
	s, err := study.Open(filepath.Join(dir, study.FileName))
	if err != nil {
		return err
	}
	if len(s.Stages) == 0 {
		return fmt.Errorf("%s has no stages, which its runs could start from", dir)
	}
	fmt.Fprintf(w, "%s\n\n| run | runs | distance | ridge | crossed | least training accuracy | test accuracy | test loss |\n", dir)
	fmt.Fprintln(w, "| --- | --- | --- | --- | --- | --- | --- | --- |")
	var (
		names  []string
		groups = map[string][]line{}
		shared train.Shared
	)
	for i, state := range s.States(dir) {
		if state.State != train.Finished {
			continue
		}
		l, err := measure(ctx, &shared, s.At(dir).Cells[i], dir)
		if err != nil {
			return fmt.Errorf("%s: %w", state.Cell, err)
		}
		name := regexp.MustCompile(`_seed-\d+$`).ReplaceAllString(state.Cell, "")
		if groups[name] == nil {
			names = append(names, name)
		}
		groups[name] = append(groups[name], l)
	}
	for i, name := range append([]string{""}, names...) {
		if i == 0 { // the start itself
			l, err := start(ctx, &shared, s.At(dir).Cells[0])
			if err != nil {
				return err
			}
			fmt.Fprintf(w, "| start | | | | | | %.1f | %.3f |\n", 100*l.accuracy, l.loss)
			continue
		}
		of := func(f func(line) float64) []float64 {
			var x []float64
			for _, l := range groups[name] {
				x = append(x, f(l))
			}
			return x
		}
		test, crossed := of(func(l line) float64 { return 100 * l.accuracy }), 0
		for _, l := range groups[name] {
			if l.ridge > crossing {
				crossed++
			}
		}
		fmt.Fprintf(w, "| %s | %d | %.1f | %.3f | %d | %.1f | %.1f ± %.1f | %.3f |\n", name, len(test),
			stat.Mean(of(func(l line) float64 { return l.distance }), nil),
			stat.Mean(of(func(l line) float64 { return l.ridge }), nil), crossed,
			stat.Mean(of(func(l line) float64 { return 100 * l.least }), nil),
			stat.Mean(test, nil), stdErr(test),
			stat.Mean(of(func(l line) float64 { return l.loss }), nil))
	}
	fmt.Fprintln(w)
	return nil
}

// crossing is the height, in nats, from which a ridge counts as crossed.
const crossing = .05

// stdErr is the standard error of a mean, 0 for one number.
func stdErr(x []float64) float64 {
	if len(x) < 2 {
		return 0
	}
	return stat.StdErr(stat.StdDev(x, nil), float64(len(x)))
}

// open returns a run's task, whose parameters are those that the run starts from.
func open(ctx context.Context, shared *train.Shared, c train.Config) (*supervised.Task, error) {
	k, ok := c.Kind()
	if !ok {
		return nil, fmt.Errorf("it is of no known task")
	}
	of, err := k.Open(ctx, &c, shared)
	if err != nil {
		return nil, err
	}
	task, ok := of.(*supervised.Task)
	if !ok {
		return nil, fmt.Errorf("its task is none of examples with labels")
	}
	if len(task.Buffers()) > 0 {
		return nil, fmt.Errorf("its network has running statistics, which no straight line joins")
	}
	return task, nil
}

// start measures where the runs start.
func start(ctx context.Context, shared *train.Shared, c study.Cell) (l line, err error) {
	task, err := open(ctx, shared, c.Config)
	if err != nil {
		return l, err
	}
	defer task.Close()
	l.accuracy, l.loss, err = score(ctx, task, task.Theta(), train.TestSplit)
	return l, err
}

// measure measures a run's line.
func measure(ctx context.Context, shared *train.Shared, c study.Cell, dir string) (l line, err error) {
	task, err := open(ctx, shared, c.Config)
	if err != nil {
		return l, err
	}
	defer task.Close()
	from := task.Theta()
	to := append([]float32(nil), from...)
	if _, err := classifier.Init(task.Net, to, filepath.Join(c.Dir(dir), train.WeightsFile(false)), false); err != nil {
		return l, err
	}
	l.distance = distance(from, to)
	l.ridge, l.least, err = along(from, to, func(at []float32) (accuracy, loss float64, err error) {
		return score(ctx, task, at, train.TrainSplit)
	})
	if err == nil {
		l.accuracy, l.loss, err = score(ctx, task, to, train.TestSplit)
	}
	return l, err
}

// along measures the straight line between two networks: by how much its loss rises above that of the worse end, and the least
// accuracy.
func along(from, to []float32, score func(at []float32) (accuracy, loss float64, err error)) (ridge, least float64, err error) {
	at, least := make([]float32, len(from)), math.Inf(1)
	var top, ends float64
	for i := range points {
		share := float32(i) / (points - 1)
		for j := range at {
			at[j] = from[j] + share*(to[j]-from[j])
		}
		accuracy, loss, err := score(at)
		if err != nil {
			return 0, 0, err
		}
		if top, least = max(top, loss), min(least, accuracy); i == 0 || i == points-1 {
			ends = max(ends, loss)
		}
	}
	return top - ends, least, nil
}

func distance(a, b []float32) float64 {
	sum := 0.
	for i, x := range a {
		d := float64(x) - float64(b[i])
		sum += d * d
	}
	return math.Sqrt(sum)
}

// score returns accuracy and loss.
func score(ctx context.Context, t *supervised.Task, theta []float32, s train.Split) (accuracy, loss float64, err error) {
	list, err := t.Measure(ctx, theta, s)
	accuracy, loss = math.NaN(), math.NaN()
	for _, m := range list {
		switch m.Name {
		case "accuracy":
			accuracy = float64(m.Value)
		case "loss":
			loss = float64(m.Value)
		}
	}
	return accuracy, loss, err
}
