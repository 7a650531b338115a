// Package score computes measures of predictions as scikit-learn, SciPy and, of calibration, Guo et al. define them, ties and
// classes without examples included.
package score

import "math"

// Counts count predictions by class, or by label where several may apply to an example. For each,
// it is how many examples have it, how many are said to have it, and how many are both.
type Counts struct {
	All, Said, Right []int
	N                int // examples
	Exact            int // examples of which all labels are right
}

// NewCounts returns the counts of nothing, for so many classes or labels.
func NewCounts(classes int) *Counts {
	return &Counts{All: make([]int, classes), Said: make([]int, classes), Right: make([]int, classes)}
}

// Class counts an example of one class; said is below 0 if the network says none.
func (c *Counts) Class(label, said int) {
	c.N++
	c.All[label]++
	if said >= 0 {
		c.Said[said]++
	}
	if said == label {
		c.Right[label]++
		c.Exact++
	}
}

// Labels counts an example of any labels: is reports whether label k applies, said whether the
// network says so.
func (c *Counts) Labels(is, said func(k int) bool) {
	c.N++
	exact := true
	for k := range c.All {
		has, says := is(k), said(k)
		c.All[k] += one(has)
		c.Said[k] += one(says)
		c.Right[k] += one(has && says)
		exact = exact && has == says
	}
	c.Exact += one(exact)
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

// F1 is the harmonic mean of precision and recall of a class or label: 0 where there is neither an
// example of it nor one that is said to be.
func (c *Counts) F1(class int) float64 { return f1(c.Right[class], c.All[class], c.Said[class]) }

func f1(right, all, said int) float64 {
	if all+said == 0 {
		return 0
	}
	return 2 * float64(right) / float64(all+said)
}

// MicroF1 is F1 of the sums of the counts over all classes or labels.
func (c *Counts) MicroF1() float64 { return f1(sum(c.Right), sum(c.All), sum(c.Said)) }

// ClassF1 is the mean of F1 over the classes that occur, as labels or as predictions: scikit-learn's
// macro average of one class of several.
func (c *Counts) ClassF1() float64 {
	var total, n float64
	for k := range c.All {
		if c.All[k]+c.Said[k] > 0 {
			total += c.F1(k)
			n++
		}
	}
	return total / n
}

// LabelF1 is the mean of F1 over all labels: scikit-learn's macro average of several labels.
func (c *Counts) LabelF1() float64 {
	var total float64
	for k := range c.All {
		total += c.F1(k)
	}
	return total / float64(len(c.All))
}

// Accuracy is the share of examples of which all is right.
func (c *Counts) Accuracy() float64 { return float64(c.Exact) / float64(c.N) }

// LabelAccuracy is the share of all labels of all examples that are right: 1 less the Hamming loss.
func (c *Counts) LabelAccuracy() float64 {
	wrong := sum(c.All) + sum(c.Said) - 2*sum(c.Right)
	return 1 - float64(wrong)/float64(c.N*len(c.All))
}

// Matthews is Matthews' correlation coefficient of classes, of any number (Gorodkin 2004): 0 where
// all are of one class, or said to be.
func (c *Counts) Matthews() float64 {
	n, right := float64(c.N), float64(sum(c.Right))
	var both, all, said float64
	for k := range c.All {
		a, s := float64(c.All[k]), float64(c.Said[k])
		both, all, said = both+a*s, all+a*a, said+s*s
	}
	scale := (n*n - said) * (n*n - all)
	if scale == 0 {
		return 0
	}
	return (right*n - both) / math.Sqrt(scale)
}

func sum(list []int) (n int) {
	for _, v := range list {
		n += v
	}
	return n
}
