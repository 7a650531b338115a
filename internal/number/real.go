// Package number holds the number type of files of JSON.
package number

import (
	"encoding/json"
	"math"
	"strconv"
)

// A Real is a measure that JSON can hold whatever it is: infinities are the strings "inf"
// and "-inf", NaN is null.
type Real float64

// String writes the number as JSON has it, without quotes.
func (r Real) String() string {
	switch v := float64(r); {
	case math.IsInf(v, 1):
		return "inf"
	case math.IsInf(v, -1):
		return "-inf"
	default:
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
}

// MarshalJSON writes the number.
func (r Real) MarshalJSON() ([]byte, error) {
	switch v := float64(r); {
	case math.IsInf(v, 1):
		return []byte(`"inf"`), nil
	case math.IsInf(v, -1):
		return []byte(`"-inf"`), nil
	case math.IsNaN(v):
		return []byte("null"), nil
	default:
		return json.Marshal(v)
	}
}

// UnmarshalJSON reads what MarshalJSON writes.
func (r *Real) UnmarshalJSON(b []byte) error {
	switch string(b) {
	case `"inf"`:
		*r = Real(math.Inf(1))
	case `"-inf"`:
		*r = Real(math.Inf(-1))
	case "null":
		*r = Real(math.NaN())
	default:
		return json.Unmarshal(b, (*float64)(r))
	}
	return nil
}
