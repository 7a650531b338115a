package sam_test

import (
	"math"
	"testing"

	"github.com/monge-ml/monge/objective"
	"github.com/monge-ml/monge/sam"
)

// A problem is one of testdata/gen_family.py's losses.
type problem struct {
	start []float64
	lr    float64
	part  []objective.Range // of SAM-ON
	bound float64           // of SAM-SPS's steps
	least float64           // of its losses
	at    func(step, microbatches int) sam.Objective[float64]
}

// thirds are the shares of three microbatches.
var thirds = []float64{1. / 6, 2. / 6, 3. / 6}

var problems = map[string]problem{
	"quartic": {start: []float64{1.5, -.7, .3, 2, -1.2}, lr: .05, part: []objective.Range{{From: 1, To: 3}}, bound: .1, least: -4,
		at: func(step, n int) sam.Objective[float64] { return changing{step, n} }},
	"network": {start: networkStart(), lr: .3, part: []objective.Range{{From: 12, To: 16}}, bound: 2,
		at: func(step, n int) sam.Objective[float64] { return network{step, n} }},
}

// changing is a quartic that differs from step to step. The slopes of three microbatches differ too, and their mean is that of one.
type changing struct{ step, microbatches int }

func (o changing) Gradient(grad, theta []float64, c sam.Call) (loss float64, err error) {
	shift := 0.
	if o.microbatches == 3 {
		shift = []float64{.6, -.3, 0}[c.Micro]
	}
	for j, x := range theta {
		i, t := float64(j+1), float64(o.step)
		k, slope := i+.3*math.Cos(t*i), 1+math.Sin(1.7*t+i)+shift
		loss += x*x*x*x/4 + k*x*x/2 - slope*x
		put(grad, j, c, x*x*x+k*x-slope)
	}
	return loss, nil
}

// put writes an entry of a gradient as a call asks for it.
func put(grad []float64, i int, c sam.Call, g float64) {
	if !c.Add {
		grad[i] = 0
	}
	grad[i] += c.Weight * g
}

// network is a network of three inputs, four hidden units with tanh and two classes, on six of eight examples; three microbatches
// have one, two and three of them. The parameters are weights, a row for each unit, and biases of the first layer, then of the
// second.
type network struct{ step, microbatches int }

func networkStart() []float64 {
	theta := make([]float64, 26)
	for i := range theta {
		theta[i] = .8 * math.Sin(float64(i+1))
	}
	return theta
}

func (o network) Gradient(grad, theta []float64, c sam.Call) (loss float64, err error) {
	from, n := 0, 6
	if o.microbatches == 3 {
		from, n = []int{0, 1, 3}[c.Micro], c.Micro+1
	}
	n = c.Examples(n, 1)
	var sum [26]float64
	for i := from; i < from+n; i++ {
		loss += example(&sum, theta, (o.step+i)%8) / float64(n)
	}
	for j, g := range sum {
		put(grad, j, c, g/float64(n))
	}
	return loss, nil
}

// Gram is Gradient with the products of the examples' own.
func (o network) Gram(grad, theta []float64, c sam.Call) (k []float64, loss float64, err error) {
	n := c.Examples(6, 1)
	own := make([][26]float64, n)
	for i := range own {
		example(&own[i], theta, (o.step+i)%8)
		for j := range n {
			k = append(k, 0)
			if j <= i {
				for p, g := range own[i] {
					k[i*n+j] += g * own[j][p]
				}
			}
		}
	}
	loss, err = o.Gradient(grad, theta, c)
	return k, loss, err
}

// Weighted writes a weighted sum of the examples' gradients.
func (o network) Weighted(grad, theta []float64, w []float64, _ sam.Call) error {
	clear(grad)
	for i, v := range w {
		var own [26]float64
		example(&own, theta, (o.step+i)%8)
		for j, g := range own {
			grad[j] += v * g
		}
	}
	return nil
}

var labels = []int{0, 1, 1, 0, 1, 0, 0, 1}

// example adds the gradient of one example's cross-entropy, and returns that.
func example(sum *[26]float64, theta []float64, i int) float64 {
	var x [3]float64
	for j := range x {
		x[j] = math.Sin(1.3*float64(i) + 2.1*float64(j) + .5)
	}
	var hidden [4]float64
	out := [2]float64{theta[24], theta[25]}
	for u := range hidden {
		a := theta[12+u]
		for j, v := range x {
			a += theta[3*u+j] * v
		}
		hidden[u] = math.Tanh(a)
		out[0] += theta[16+u] * hidden[u]
		out[1] += theta[20+u] * hidden[u]
	}
	other := 1 / (1 + math.Exp(out[labels[i]]-out[1-labels[i]])) // what the other class is given
	d := [2]float64{other, other}
	d[labels[i]] = -other
	for k, v := range d {
		sum[24+k] += v
		for u, h := range hidden {
			sum[16+4*k+u] += v * h
			da := v * theta[16+4*k+u] * (1 - h*h)
			sum[12+u] += da
			for j, in := range x {
				sum[3*u+j] += da * in
			}
		}
	}
	return -math.Log1p(-other)
}

// The gradients are those of central differences, of all examples, of a share and of each microbatch, and the microbatches' mean is
// the whole's.
func TestProblems(t *testing.T) {
	const h = 1e-6
	for name, p := range problems {
		for _, n := range []int{1, 3} {
			mean := make([]float64, len(p.start))
			for micro := range n {
				c := sam.Call{Micro: micro, Weight: 1, Share: .5}
				grad, unused, x := make([]float64, len(p.start)), make([]float64, len(p.start)), append([]float64(nil), p.start...)
				obj := p.at(3, n)
				if _, err := obj.Gradient(grad, x, c); err != nil {
					t.Fatal(err)
				}
				for i := range x {
					x[i] = p.start[i] + h
					above, _ := obj.Gradient(unused, x, c)
					x[i] = p.start[i] - h
					below, _ := obj.Gradient(unused, x, c)
					x[i] = p.start[i]
					if slope := (above - below) / (2 * h); !(math.Abs(grad[i]-slope) < 1e-8) {
						t.Errorf("%s, microbatch %d of %d: entry %d is %g, by differences %g", name, micro, n, i, grad[i], slope)
					}
				}
				w := 1.
				if n == 3 {
					w = thirds[micro]
				}
				obj.Gradient(mean, x, sam.Call{Micro: micro, Weight: w, Add: true})
			}
			whole := make([]float64, len(p.start))
			p.at(3, 1).Gradient(whole, p.start, sam.Call{Weight: 1})
			if d := apart([][]float64{mean}, [][]float64{whole}); !(d < 1e-14) {
				t.Errorf("%s: the mean of %d microbatches is off by %g", name, n, d)
			}
		}
	}
}
