package tensor

import "github.com/monge-ml/monge/internal/kernel"

// A Precision says how products and convolutions take their operands. Their sums, and
// everything else, are in float32 in each.
type Precision = kernel.Precision

// The precisions, which are called float32 and bf16.
const (
	Float32  = kernel.Float32  // operands as they are
	BFloat16 = kernel.BFloat16 // operands rounded to bfloat16, the upper half of a float32
)

// ParsePrecision returns the precision of that name.
func ParsePrecision(name string) (Precision, error) { return kernel.ParsePrecision(name) }
