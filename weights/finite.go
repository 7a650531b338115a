package weights

import (
	"fmt"
	"math"
	"strings"
)

// CheckFinite returns an error that names the tensors with values that are NaN or infinite, and says
// how many.
func CheckFinite(tensors []Tensor) error {
	const most = 5 // that are named
	var bad []string
	for _, t := range tensors {
		n := 0
		for _, v := range t.Data {
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
				n++
			}
		}
		if n > 0 {
			bad = append(bad, fmt.Sprintf("%d of %d numbers of %s", n, len(t.Data), show(t.Name)))
		}
	}
	if bad == nil {
		return nil
	}
	list := strings.Join(bad[:min(len(bad), most)], ", ")
	if len(bad) > most {
		list += fmt.Sprintf(", and some of %d more tensors", len(bad)-most)
	}
	return fmt.Errorf("weights are NaN or infinite: %s; the training diverged, or the numbers are too large for float32: take an earlier checkpoint", list)
}
