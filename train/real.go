package train

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"
)

// A Real is a float64 that JSON can hold whatever it is: infinities are the strings "inf"
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

// A Duration is a time.Duration that texts hold as "2h30m".
type Duration time.Duration

// String is "" for no duration.
func (d Duration) String() string {
	if d == 0 {
		return ""
	}
	return time.Duration(d).String()
}

// MarshalText writes the duration.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads a duration like "90s" or "2h30m", or a number of seconds.
func (d *Duration) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*d = 0
		return nil
	}
	v, err := time.ParseDuration(string(b))
	if err != nil {
		seconds, notSeconds := strconv.ParseFloat(string(b), 64)
		if notSeconds != nil {
			return fmt.Errorf("%q is no duration; write it like 90s or 2h30m", b)
		}
		v = time.Duration(seconds * float64(time.Second))
	}
	*d = Duration(v)
	return nil
}
