package align

import (
	"fmt"

	"gonum.org/v1/gonum/mat"
)

// RemoveComponents takes the first k principal components out of the n rows of d numbers
// in x: from each row, what it has of them beyond the mean row. It returns the share of
// the variance that each had, largest first. Of images and texts in one space the first
// component is what tells the modalities apart, and what is left is what they show.
//
// k is 0 or more and below min(n-1, d), the number of components that there can be. Rows
// that are all the same have none, which is an error. Memory is that of 2nd + min(n, d)²
// numbers.
func RemoveComponents(x []float64, n, d, k int) (shares []float64, err error) {
	if n < 1 || d < 1 || len(x)/d != n || len(x)%d != 0 {
		return nil, fmt.Errorf("%d numbers are no %d rows of %d", len(x), n, d)
	}
	if most := min(n-1, d) - 1; k < 0 || k > most {
		return nil, fmt.Errorf("%d components can't be removed; %d rows of %d numbers have %d, of which one must stay: remove 0 to %d", k, n, d, most+1, max(most, 0))
	}
	if k == 0 {
		return []float64{}, nil
	}
	part := centred(x, n, d) // and below what of it is removed
	// Of cᵀc and ccᵀ, which have the same eigenvalues but for zeros, take the smaller.
	var gram mat.SymDense
	if d <= n {
		gram.SymOuterK(1, part.T())
	} else {
		gram.SymOuterK(1, part)
	}
	total := mat.Trace(&gram)
	if total == 0 {
		return nil, fmt.Errorf("all %d rows are the same and have no components: the embeddings have collapsed", n)
	}
	var e mat.EigenSym
	if !e.Factorize(&gram, true) {
		return nil, fmt.Errorf("the principal components of %d rows of %d numbers did not converge: look for numbers that are not finite", n, d)
	}
	var vectors, first, along mat.Dense
	e.VectorsTo(&vectors)
	values := e.Values(nil) // ascending
	size := len(values)
	first.CloneFrom(vectors.Slice(0, size, size-k, size))
	if d <= n {
		along.Mul(part, &first)
		part.Mul(&along, first.T())
	} else {
		along.Mul(first.T(), part)
		part.Mul(&first, &along)
	}
	for i := range n {
		for j, v := range part.RawRowView(i) {
			x[i*d+j] -= v
		}
	}
	for i := range k {
		shares = append(shares, values[size-1-i]/total)
	}
	return shares, nil
}

// centred returns the rows of x less their mean.
func centred(x []float64, n, d int) *mat.Dense {
	mean := make([]float64, d)
	for i := range n {
		for j, v := range x[i*d:][:d] {
			mean[j] += v / float64(n)
		}
	}
	c := mat.NewDense(n, d, nil)
	for i := range n {
		row := c.RawRowView(i)
		for j, v := range x[i*d:][:d] {
			row[j] = v - mean[j]
		}
	}
	return c
}
