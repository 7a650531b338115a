package tokens

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

// scoreOf returns the number that the library reads: its digits as a whole number, times or over a power of
// ten, which is not always the nearest. Sums of scores are often equal but for the last bit.
func scoreOf(n json.Number) float64 {
	text, negative := strings.CutPrefix(string(n), "-")
	mantissa, exp, _ := strings.Cut(strings.ToLower(text), "e")
	exponent, _ := strconv.Atoi(exp) // beyond what fits it is the largest
	whole, decimals, _ := strings.Cut(mantissa, ".")
	digits, full := uint64(0), false
	for i, c := range whole + decimals {
		d := uint64(c - '0')
		full = full || digits > (math.MaxUint64-d)/10
		decimal := i >= len(whole)
		switch {
		case !full:
			digits = digits*10 + d
			if decimal {
				exponent--
			}
		case !decimal:
			exponent++
		}
	}
	f := scaled(float64(digits), exponent)
	if negative {
		return -f
	}
	return f
}

// scaled returns f times a power of ten.
func scaled(f float64, exponent int) float64 {
	for ; exponent < -308 && f != 0; exponent += 308 {
		f /= 1e308
	}
	power, _ := strconv.ParseFloat("1e"+strconv.Itoa(max(exponent, -exponent)), 64)
	switch {
	case f == 0:
		return 0
	case exponent < 0:
		return f / power
	}
	return f * power
}
