package paper

import (
	"math"

	"gonum.org/v1/gonum/stat"
)

// bandwidth is half of Scott's for samples in dim dimensions with a standard deviation
// sd: what the paper's density plots look drawn with.
func bandwidth(sd float64, n, dim int) float64 {
	return .5 * sd * math.Pow(float64(n), -1/float64(dim+4))
}

// density is a Gaussian kernel density estimate of a sample of numbers.
type density struct {
	sample []float64
	width  float64
}

func newDensity(sample []float64) density {
	return density{sample, bandwidth(stat.StdDev(sample, nil), len(sample), 1)}
}

// At returns the density at x.
func (d density) At(x float64) float64 {
	var sum float64
	for _, s := range d.sample {
		u := (x - s) / d.width
		sum += math.Exp(-u * u / 2)
	}
	return sum / (float64(len(d.sample)) * d.width * math.Sqrt(2*math.Pi))
}

// density2 estimates the density of points in the plane at the crossings of the lines xs
// and ys; result[i][j] is at xs[i], ys[j].
func density2(points [][]float64, xs, ys []float64) [][]float64 {
	px, py := make([]float64, len(points)), make([]float64, len(points))
	for i, p := range points {
		px[i], py[i] = p[0], p[1]
	}
	kx, ky := kernels(px, xs), kernels(py, ys)
	result := make([][]float64, len(xs))
	for i := range xs {
		result[i] = make([]float64, len(ys))
		for j := range ys {
			for k := range points {
				result[i][j] += kx[i][k] * ky[j][k]
			}
			result[i][j] /= float64(len(points))
		}
	}
	return result
}

// kernels returns the kernel of each sample at each x, in two dimensions' bandwidth.
func kernels(sample, xs []float64) [][]float64 {
	width := bandwidth(stat.StdDev(sample, nil), len(sample), 2)
	k := make([][]float64, len(xs))
	for i, x := range xs {
		k[i] = make([]float64, len(sample))
		for j, s := range sample {
			u := (x - s) / width
			k[i][j] = math.Exp(-u*u/2) / (width * math.Sqrt(2*math.Pi))
		}
	}
	return k
}
