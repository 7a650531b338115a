package train

import (
	"fmt"
	"strconv"
	"time"
)

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
