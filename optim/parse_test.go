package optim

import (
	"math"
	"strings"
	"testing"
)

func TestParseSchedule(t *testing.T) {
	for _, tt := range []struct {
		text  string
		value float64
		steps int
		want  map[int]float64
	}{
		{"", 2, 10, map[int]float64{0: 2, 99: 2}},
		{"constant,warmup=4", 2, 10, map[int]float64{0: 0, 2: 1, 4: 2, 9: 2}},
		{"linear", 2, 10, map[int]float64{0: 2, 5: 1, 10: 0, 11: 0}},
		{"linear,start=0,end=1", 2, 10, map[int]float64{0: 0, 5: 1, 10: 2}},
		{"cosine,end=0.5", 2, 10, map[int]float64{0: 2, 5: 1.5, 10: 1}},
		{"cosine,warmup=20%", 2, 10, map[int]float64{0: 0, 1: 1, 2: 2, 6: 1, 10: 0}},
		{"cosine,warmup=5%,hold=75%", .35, 200, map[int]float64{0: 0, 5: .175, 10: .35, 159: .35, 160: .35, 180: .175, 200: 0}},
		{"linear,hold=4,end=.5", 1, 8, map[int]float64{0: 1, 4: 1, 6: .75, 8: .5}},
		{"cosine,cycles=4", 2, 40, map[int]float64{0: 2, 5: 1, 9: 2 * (1 + math.Cos(.9*math.Pi)) / 2, 10: 2, 15: 1, 30: 2, 39: 2 * (1 + math.Cos(.9*math.Pi)) / 2, 40: 0, 99: 0}},
		{"linear,cycles=2,end=.5,hold=4,warmup=2", 1, 14, map[int]float64{0: 0, 1: .5, 2: 1, 6: 1, 8: .75, 10: 1, 12: .75, 13: .625, 14: .5}},
		{"linear,cycles=3", 3, 10, map[int]float64{0: 3, 3: .3, 4: 2.4, 6: .6, 7: 2.7, 9: .9, 10: 0}},
		{"cosine,cycles=1", 2, 10, map[int]float64{0: 2, 5: 1, 10: 0}},
		{"step", 1, 30, map[int]float64{9: 1, 10: .1, 20: .01}},
		{"step, every=50%, factor=.5", 1, 30, map[int]float64{14: 1, 15: .5}},
		{"one-cycle,rise=.5", 25, 100, map[int]float64{0: 1, 49: 25, 99: 1e-4}},
		{"constant", math.Inf(1), 10, map[int]float64{3: math.Inf(1)}},
	} {
		s, err := ParseSchedule(tt.text, tt.value, tt.steps)
		if err != nil {
			t.Errorf("%q: %v", tt.text, err)
			continue
		}
		for step, want := range tt.want {
			if got := s.At(step); got != want && !(math.Abs(got-want) <= 1e-12) {
				t.Errorf("%q at step %d: %g, want %g", tt.text, step, got, want)
			}
		}
	}
}

func TestParseScheduleErrors(t *testing.T) {
	for text, want := range map[string]string{
		"exponential":          `unknown schedule "exponential"; there are constant, linear,`,
		"linear,every=3":       `"every=3" is no setting of linear; it has start, end, hold, cycles, warmup`,
		"cosine,cycles=0":      `cycles is "0"; it must be a whole number of at least 1`,
		"step,cycles=2":        `"cycles=2" is no setting of step`,
		"cosine,end":           `"end" is no setting`,
		"cosine,end=-1":        `end is "-1"; it must be a finite number >= 0`,
		"cosine,end=NaN":       `end is "NaN"`,
		"step,every=x":         `every is "x"; it must be a number of steps`,
		"constant,warmup=200%": "0% to 100%",
		"one-cycle,rise=2":     "rise is 2",
		",":                    `unknown schedule ""`,
	} {
		if _, err := ParseSchedule(text, 1, 10); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
	if _, err := ParseSchedule("cosine", math.Inf(1), 10); err == nil {
		t.Error("an infinite value was given a schedule")
	}
}
