package score

import "math"

// calibrationBins are how many bins of confidence a calibration error has, as in Guo et al.
const calibrationBins = 15

// A Calibration holds how sure predictions are against how often they are right. Predictions are
// grouped by their confidence into 15 bins of the same width, each with its upper edge and without
// its lower one, so that a confidence of 1 is in the last. The zero value has none.
type Calibration struct {
	sure, right [calibrationBins]float64 // sums
	n           int
}

// Add counts a prediction of this confidence: the probability, from 0 to 1, of the class that it says.
func (c *Calibration) Add(confidence float64, right bool) {
	bin := 0 // of a NaN too, which its sum keeps
	for bin < calibrationBins-1 && confidence > float64(bin+1)/calibrationBins {
		bin++
	}
	c.n++
	c.sure[bin] += confidence
	c.right[bin] += float64(one(right))
}

// Error is the expected calibration error of the class that is said (Guo et al. 2017, arXiv
// 1706.04599, equation 3): the mean over the bins, by their predictions, of how far the mean
// confidence is from the share that is right. It lies between 0 and 1, is NaN without predictions,
// and NaN if a confidence is, as of logits that are.
func (c *Calibration) Error() float64 {
	var sum float64
	for i, sure := range c.sure {
		sum += math.Abs(c.right[i] - sure)
	}
	return sum / float64(c.n)
}
