// Command valley says of the runs of studies with stages how far they went from where they started, whether the straight line
// between start and end crosses a ridge of the training loss, and how they do on the test split.
//
//	go run ./docs/questions/valley runs/leave
//	go run ./docs/questions/valley -to runs/other/weights.safetensors runs/leave
//
// The second measures the line to another network as well.
package main

import (
	"context"
	"flag"
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
	to := flag.String("to", "", "weights of another network, to which the line is measured as well")
	flag.Parse()
	if flag.NArg() < 1 {
		fmt.Fprintln(os.Stderr, "usage: valley [-to WEIGHTS] STUDY...")
		os.Exit(2)
	}
	for _, dir := range flag.Args() {
		if err := tell(context.Background(), os.Stdout, dir, *to); err != nil {
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
func tell(ctx context.Context, w io.Writer, dir, other string) error {
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
	cells := s.At(dir).Cells
	accuracy, loss, err := start(ctx, &shared, cells[0].Config)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "| start | | | | | | %.1f | %.3f |\n", 100*accuracy, loss)
	if other != "" {
		l, err := measure(ctx, &shared, cells[0].Config, other)
		if err != nil {
			return err
		}
		names, groups[other] = append(names, other), []line{l}
	}
	for i, state := range s.States(dir) {
		if state.State != train.Finished {
			continue
		}
		l, err := measure(ctx, &shared, cells[i].Config, filepath.Join(cells[i].Dir(dir), train.WeightsFile(false)))
		if err != nil {
			return fmt.Errorf("%s: %w", state.Cell, err)
		}
		name := seed.ReplaceAllString(state.Cell, "")
		if groups[name] == nil {
			names = append(names, name)
		}
		groups[name] = append(groups[name], l)
	}
	for _, name := range names {
		printMean(w, name, groups[name])
	}
	fmt.Fprintln(w)
	return nil
}

// seed is what a cell's name ends with.
var seed = regexp.MustCompile(`_seed-\d+$`)

// printMean prints the mean of some lines.
func printMean(w io.Writer, name string, lines []line) {
	of := func(f func(line) float64) (x []float64) {
		for _, l := range lines {
			x = append(x, f(l))
		}
		return x
	}
	mean := func(f func(line) float64) float64 { return stat.Mean(of(f), nil) }
	crossed := 0
	for _, l := range lines {
		if l.ridge > crossing {
			crossed++
		}
	}
	test := of(func(l line) float64 { return 100 * l.accuracy })
	fmt.Fprintf(w, "| %s | %d | %.1f | %.3f | %d | %.1f | %.1f ± %.1f | %.3f |\n", name, len(lines),
		mean(func(l line) float64 { return l.distance }), mean(func(l line) float64 { return l.ridge }), crossed,
		mean(func(l line) float64 { return 100 * l.least }), stat.Mean(test, nil), stdErr(test), mean(func(l line) float64 { return l.loss }))
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

// start measures where the runs start, on the test split.
func start(ctx context.Context, shared *train.Shared, c train.Config) (accuracy, loss float64, err error) {
	task, err := open(ctx, shared, c)
	if err != nil {
		return 0, 0, err
	}
	defer task.Close()
	return score(ctx, task, task.Theta(), train.TestSplit)
}

// measure measures the line from where a run starts to a network.
func measure(ctx context.Context, shared *train.Shared, c train.Config, weights string) (l line, err error) {
	task, err := open(ctx, shared, c)
	if err != nil {
		return l, err
	}
	defer task.Close()
	from := task.Theta()
	to := append([]float32(nil), from...)
	if _, err := classifier.Init(task.Net, to, weights, false); err != nil {
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
