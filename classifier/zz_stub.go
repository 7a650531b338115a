package classifier

import (
	"context"
	"math"
	"slices"

	"github.com/monge-ml/monge/data"
	"github.com/monge-ml/monge/internal/atomicfile"
	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/weights"
	"io"
)

type Info struct {
	Model, Norm string
	Input       []int
	Classes     []string
	Normalize   data.Normalization
}
type Classifier struct {
	Info
	Net    *nn.Model
	Theta  []float32
	Source string
}
type Evaluation struct {
	Accuracy, Loss float64
}

func Save(path string, c *Classifier, extra map[string]string) error {
	return atomicfile.Write(path, func(w io.Writer) error {
		return weights.WriteSafetensors(w, c.Net.StateDict(c.Theta), extra)
	})
}
func Init(m *nn.Model, theta []float32, path string, newHead bool) (kept []string, err error) {
	f, err := weights.Read(path)
	if err != nil {
		return nil, err
	}
	return nil, m.LoadStateDict(theta, f.StateDict())
}
func Evaluate(ctx context.Context, m *nn.Model, theta []float32, set *data.Set, norm data.Normalization) (Evaluation, error) {
	l, err := data.NewLoader(set, data.LoaderSettings{Batch: 256, Normalize: norm})
	if err != nil {
		return Evaluation{}, err
	}
	var sum float64
	right := 0
	for {
		b, err := l.Next(ctx)
		if err != nil {
			return Evaluation{}, err
		}
		if b == nil {
			break
		}
		logits, err := m.Logits(theta, b.X)
		if err != nil {
			return Evaluation{}, err
		}
		classes := len(logits) / len(b.Labels)
		for j, label := range b.Labels {
			row := logits[j*classes : (j+1)*classes]
			top := float64(slices.Max(row))
			var s float64
			best := 0
			for i, v := range row {
				s += math.Exp(float64(v) - top)
				if v > row[best] {
					best = i
				}
			}
			sum += math.Log(s) - (float64(row[label]) - top)
			if best == label {
				right++
			}
		}
	}
	n := float64(set.Len())
	return Evaluation{float64(right) / n, sum / n}, nil
}
