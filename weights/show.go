package weights

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/monge-ml/monge/internal/pickle"
)

// show makes a name from a file fit for an error.
func show(name string) string { return pickle.Show(name) }

// commas spells a number with a comma between thousands.
func commas(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// showShape spells a shape as "16x3x3x3", a scalar's as "scalar".
func showShape(shape []int) string {
	if len(shape) == 0 {
		return "scalar"
	}
	parts := make([]string, len(shape))
	for i, d := range shape {
		parts[i] = fmt.Sprint(d)
	}
	return strings.Join(parts, "x")
}
