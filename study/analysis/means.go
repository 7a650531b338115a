package analysis

import (
	"maps"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"

	"github.com/monge-ml/monge/study"
	"github.com/monge-ml/monge/train"
)

// A Mean is a mean over runs.
type Mean struct {
	At     int // epoch or step, where it is of one
	Value  float64
	Stderr float64 // standard error of the mean, 0 for a single run
	N      int     // runs
}

// MeanOf returns the mean of values, of which there must be some.
func MeanOf(values []float64) Mean {
	m := Mean{Value: stat.Mean(values, nil), N: len(values)}
	if len(values) > 1 {
		m.Stderr = stat.StdErr(stat.StdDev(values, nil), float64(len(values)))
	}
	return m
}

// ByEpoch returns the means over runs of a number of every epoch, in order.
func ByEpoch(rows []study.Row, value func(train.Record) float64) []Mean {
	return MeansAt(Records(rows), func(r train.Record) int { return r.Epoch }, value)
}

// Records returns the records of each run.
func Records(rows []study.Row) [][]train.Record {
	runs := make([][]train.Record, len(rows))
	for i, r := range rows {
		runs[i] = r.Records
	}
	return runs
}

// MeansAt returns the means over runs of a number wherever they recorded it: at an epoch, or
// at a step, in order. Values that are not finite, as just before a run breaks, are left out.
func MeansAt(runs [][]train.Record, at func(train.Record) int, value func(train.Record) float64) (means []Mean) {
	values := map[int][]float64{}
	for _, records := range runs {
		for _, r := range records {
			if v := value(r); finite(v) {
				values[at(r)] = append(values[at(r)], v)
			}
		}
	}
	for _, n := range slices.Sorted(maps.Keys(values)) {
		m := MeanOf(values[n])
		m.At = n
		means = append(means, m)
	}
	return means
}

// Overall is the mean of means, NaN for none.
func Overall(means []Mean) float64 {
	if len(means) == 0 {
		return math.NaN()
	}
	var sum float64
	for _, m := range means {
		sum += m.Value
	}
	return sum / float64(len(means))
}
