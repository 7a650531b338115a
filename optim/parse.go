package optim

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// ScheduleNames are the schedules that [ParseSchedule] knows.
var ScheduleNames = []string{"constant", "linear", "cosine", "step", "one-cycle"}

// scheduleKeys are the settings of each schedule beside warmup, which all have.
var scheduleKeys = map[string][]string{
	"constant":  nil,
	"linear":    {"start", "end", "hold", "cycles"},
	"cosine":    {"start", "end", "hold", "cycles"},
	"step":      {"every", "factor"},
	"one-cycle": {"rise"},
}

// ParseSchedule returns the schedule of a value over a number of steps, from a text of
// a name and settings: "cosine", "linear,start=0,end=1", "step,every=30%,factor=0.1",
// "cosine,warmup=5%".
//
//	constant               the value
//	linear, cosine         from start (1) to end (0) times the value, after so many steps at the start (hold), so many times (cycles, 1)
//	step                   times factor (0.1) after every (a third of the steps) steps
//	one-cycle              PyTorch's, rising for rise (0.3) of the steps to the value
//	warmup                 rises to the schedule's first value over so many steps before it
//
// Numbers of steps may be shares of all steps ("5%"). An empty text is constant.
func ParseSchedule(text string, value float64, steps int) (Schedule, error) {
	p := scheduleParser{value: value, steps: steps, all: steps, set: map[string]string{}}
	name, settings, _ := strings.Cut(text, ",")
	if text == "" {
		name = "constant"
	}
	keys, known := scheduleKeys[name]
	if !known {
		return nil, fmt.Errorf("unknown schedule %q; there are %s", name, strings.Join(ScheduleNames, ", "))
	}
	if settings != "" {
		for _, field := range strings.Split(settings, ",") {
			key, v, ok := strings.Cut(field, "=")
			key = strings.TrimSpace(key)
			if !ok || key != "warmup" && !slices.Contains(keys, key) {
				return nil, fmt.Errorf("schedule %q: %q is no setting of %s; it has %s", text, field, name, strings.Join(append(keys[:len(keys):len(keys)], "warmup"), ", "))
			}
			p.set[key] = strings.TrimSpace(v)
		}
	}
	warmup := p.count("warmup", 0, p.all)
	p.steps = max(steps-warmup, 0)
	s := p.schedule(name)
	if warmup > 0 {
		s = Warmup{Steps: warmup, Then: s}
	}
	if p.err == nil && name != "constant" && math.IsInf(value, 0) {
		p.err = fmt.Errorf("an infinite value can't change")
	}
	if p.err != nil {
		return nil, fmt.Errorf("schedule %q: %w", text, p.err)
	}
	return s, nil
}

type scheduleParser struct {
	value float64
	steps int // behind the warm-up
	all   int
	set   map[string]string
	err   error
}

func (p *scheduleParser) schedule(name string) Schedule {
	switch name {
	case "linear", "cosine":
		hold := p.count("hold", 0, p.all)
		from, to, steps := p.value*p.number("start", 1), p.value*p.number("end", 0), max(p.steps-hold, 0)
		var s Schedule = Linear{From: from, To: to, Steps: steps}
		if name == "cosine" {
			s = Cosine{From: from, To: to, Steps: steps}
		}
		if n := p.cycles(); n > 1 {
			s = Restarts{Of: s, Cycles: n, Steps: steps}
		}
		if hold > 0 {
			s = Warmup{From: from, Steps: hold, Then: s}
		}
		return s
	case "step":
		return StepDecay{Start: p.value, Factor: p.number("factor", .1), Every: p.count("every", (p.steps+2)/3, p.steps)}
	case "one-cycle":
		s := DefaultOneCycle(p.value, p.steps)
		if s.Rise = p.number("rise", s.Rise); s.Rise > 1 {
			p.fail("rise is %g; it must be at most 1", s.Rise)
		}
		return s
	}
	return Constant(p.value)
}

func (p *scheduleParser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf(format, args...)
	}
}

// number is a setting >= 0.
func (p *scheduleParser) number(key string, otherwise float64) float64 {
	text, ok := p.set[key]
	if !ok {
		return otherwise
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !(v >= 0) || math.IsInf(v, 0) {
		p.fail("%s is %q; it must be a finite number >= 0", key, text)
	}
	return v
}

// cycles is how many times a schedule runs.
func (p *scheduleParser) cycles() int {
	text, ok := p.set["cycles"]
	if !ok {
		return 1
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		p.fail("cycles is %q; it must be a whole number of at least 1", text)
	}
	return n
}

// count is a number of steps, or a share of so many in percent.
func (p *scheduleParser) count(key string, otherwise, of int) int {
	text, ok := p.set[key]
	if !ok {
		return otherwise
	}
	if share, percent := strings.CutSuffix(text, "%"); percent {
		v, err := strconv.ParseFloat(share, 64)
		if err != nil || !(v >= 0 && v <= 100) {
			p.fail("%s is %q; it must be a number of steps or 0%% to 100%%", key, text)
			return 0
		}
		return int(v/100*float64(of) + .5)
	}
	v, err := strconv.Atoi(text)
	if err != nil || v < 0 {
		p.fail("%s is %q; it must be a number of steps or 0%% to 100%%", key, text)
	}
	return v
}
