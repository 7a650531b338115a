package kernel

import (
	"fmt"
	"os"
	"strings"
	"sync/atomic"
)

// A Level is an instruction set that the kernels are written for.
type Level int32

// The levels, from the slowest up.
const (
	Portable   Level = iota // plain Go
	AVX2                    // AVX2 and FMA
	AVX512                  // AVX-512 F, VL, BW and DQ
	AVX512BF16              // and products of bfloat16
	numLevels
)

// LevelVariable names the environment variable that forces a level.
const LevelVariable = "MONGE_LEVEL"

// levels are what each level has, from the slowest up. A level more is a constant, a file
// like levels_avx2.go, and a line here.
var levels = [numLevels]*operations{
	Portable:   &portable,
	AVX2:       &avx2,
	AVX512:     &avx512,
	AVX512BF16: &avx512bf16,
}

func (l Level) String() string {
	if l < 0 || l >= numLevels {
		return fmt.Sprintf("level(%d)", int32(l))
	}
	return levels[l].name
}

// usable reports whether this build and CPU can run the level.
func (l Level) usable() bool { return l >= 0 && l < numLevels && levels[l].usable() }

var (
	active   atomic.Pointer[operations]
	envError error
)

func init() {
	level, err := levelFromEnv(os.Getenv(LevelVariable))
	active.Store(levels[level])
	envError = err
}

// ops returns the operations of the level in use.
func ops() *operations { return active.Load() }

func levelFromEnv(value string) (Level, error) {
	if value == "" {
		return Best(), nil
	}
	var names []string
	for l := range numLevels {
		if !l.usable() {
			continue
		}
		if value == l.String() {
			return l, nil
		}
		names = append(names, l.String())
	}
	return Best(), fmt.Errorf("%s=%q: this machine allows %s", LevelVariable, value, strings.Join(names, ", "))
}

// Best returns the highest level that this build and CPU support.
func Best() Level {
	best := Portable
	for l := range numLevels {
		if l.usable() {
			best = l
		}
	}
	return best
}

// Active returns the level in use: Best, unless the environment variable
// MONGE_LEVEL (portable, avx2, avx512 or avx512bf16) or SetLevel chose a lower one.
func Active() Level { return ops().level }

// SetLevel changes the level in use, for tests and benchmarks. It must not be
// called while kernels run.
func SetLevel(l Level) error {
	if !l.usable() {
		return fmt.Errorf("kernel: level %v is not available, the best is %v", l, Best())
	}
	active.Store(levels[l])
	return nil
}

// EnvError returns what was wrong with the value of MONGE_LEVEL, or nil. The
// level in use is then Best.
func EnvError() error { return envError }
