package chart

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg/draw"
)

// An Axis is one axis. Values outside of Min and Max are not drawn.
type Axis struct {
	Label    string
	Log      bool // Min is positive
	Percent  bool // values are shares, of 1 at most
	Min, Max float64
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

func (a *Axis) holds(v float64) bool {
	return finite(v) && v >= a.Min && v <= a.Max
}

// clamp moves a band's edge to where it can be drawn: above zero on a log axis, and not
// absurdly far outside of the picture, which clips it.
func (a *Axis) clamp(v float64) float64 {
	if a.Log {
		return max(a.Min, min(a.Max, v))
	}
	far := 20 * (a.Max - a.Min)
	return max(a.Min-far, min(a.Max+far, v))
}

// place is where a value lies between the ends of the axis, which are 0 and 1.
func (a *Axis) place(v float64) float64 {
	if a.Log {
		return plot.LogScale{}.Normalize(a.Min, a.Max, v)
	}
	return plot.LinearScale{}.Normalize(a.Min, a.Max, v)
}

// set makes a plot's axis of a.
func (a *Axis) set(to *plot.Axis) {
	to.Min, to.Max = a.Min, a.Max
	to.Padding = 0
	to.LineStyle = draw.LineStyle{Color: Muted, Width: .8}
	to.Tick.Label = words(Muted, fontSize, to.Tick.Label.XAlign, to.Tick.Label.YAlign)
	to.Tick.LineStyle = to.LineStyle
	to.Tick.Length = 4
	to.Tick.Marker = plot.ConstantTicks(a.ticks())
	if a.Log {
		to.Scale = plot.LogScale{}
	}
}

// ticks are few enough for a phone.
func (a *Axis) ticks() (ticks []plot.Tick) {
	for _, v := range a.values() {
		if a.Percent && v > 1 {
			continue
		}
		t := plot.Tick{Value: v, Label: Num(v)}
		if a.Percent {
			t.Label = fmt.Sprintf("%.4g%%", 100*v)
		}
		ticks = append(ticks, t)
	}
	return ticks
}

func (a *Axis) values() []float64 {
	if a.Log {
		return logTicks(a.Min, a.Max)
	}
	for _, n := range []float64{1, 2, 2.5, 5, 10} {
		step := n * math.Pow(10, math.Floor(math.Log10((a.Max-a.Min)/4)))
		if (a.Max-a.Min)/step > 6.5 {
			continue
		}
		var v []float64
		first := math.Ceil(a.Min/step - 1e-9)
		for k := range 8 { // they are seven at most
			at := (first + float64(k)) * step
			if !(at <= a.Max*(1+1e-9)) {
				break
			}
			v = append(v, at+0) // no negative zero
		}
		return v
	}
	return nil
}

// logTicks are 1, 3, 10, ... or as many more or fewer as fit.
func logTicks(lo, hi float64) (ticks []float64) {
	first, last := int(math.Floor(math.Log10(lo))), int(math.Ceil(math.Log10(hi)))
	for _, digits := range [][]float64{{1, 1.5, 2, 3, 4, 5, 6, 8}, {1, 2, 5}, {1, 3}, {1}} {
		ticks = nil
		for e := first; e <= last; e++ {
			for _, d := range digits {
				if v := d * math.Pow10(e); v >= lo*(1-1e-9) && v <= hi*(1+1e-9) {
					ticks = append(ticks, v)
				}
			}
		}
		if len(ticks) <= 7 {
			return ticks
		}
	}
	step := (len(ticks) + 5) / 6
	for i := 0; i*step < len(ticks); i++ {
		ticks[i] = ticks[i*step]
	}
	return ticks[:(len(ticks)+step-1)/step]
}

// Num writes a number of three digits, as axes do.
func Num(x float64) string {
	switch {
	case math.IsInf(x, 1):
		return "∞"
	case math.Abs(x) >= 1e3 && math.Abs(x) < 1e6:
		return fmt.Sprintf("%.0f", x)
	}
	return fmt.Sprintf("%.3g", x)
}

// sorted returns the finite values in order.
func sorted(values []float64) []float64 {
	v := slices.DeleteFunc(slices.Clone(values), func(x float64) bool { return !finite(x) })
	slices.Sort(v)
	return v
}

// ShareAxis is one for shares: from 0, or from below the lowest where all are high.
func ShareAxis(values []float64) Axis {
	v := sorted(values)
	a := Axis{Percent: true, Min: 0, Max: 1.02}
	if len(v) > 0 && v[0] > .6 {
		a.Min = math.Floor(20*v[0]-.5) / 20
	}
	return a
}

// AmountAxis is one for amounts, like losses or lengths: it begins at 0 unless they span
// decades.
func AmountAxis(values []float64) Axis {
	v := sorted(values)
	if lo, hi, ok := LogRange(v); ok && hi/lo > 60 {
		return Axis{Log: true, Min: lo, Max: hi}
	}
	if len(v) == 0 {
		return Axis{Max: 1}
	}
	top := v[len(v)-1]
	if top <= 0 {
		top = 1
	}
	return Axis{Min: min(0, v[0]), Max: 1.06 * top}
}

// SignedAxis is one for differences: that of amounts if all are positive.
func SignedAxis(values []float64) Axis {
	v := sorted(values)
	if len(v) == 0 || v[0] > 0 {
		return AmountAxis(v)
	}
	lo, hi := v[0], max(v[len(v)-1], 0)
	if lo == hi {
		hi = 1
	}
	return Axis{Min: lo - .03*(hi-lo), Max: hi + .06*(hi-lo)}
}

// LogRange is the range of positive values for a log axis with some room around it, of at
// most six decades around their median so that one run gone wild does not flatten the
// others. It reports false if there are no values.
func LogRange(values []float64) (lo, hi float64, ok bool) {
	v := sorted(values)
	for len(v) > 0 && v[0] <= 0 {
		v = v[1:]
	}
	if len(v) == 0 {
		return 1, 10, false
	}
	middle := v[len(v)/2]
	lo, hi = max(v[0], middle*1e-3), min(v[len(v)-1], middle*1e3)
	room := math.Pow(max(hi/lo, 1.5), .06)
	return lo / room, hi * room, true
}
