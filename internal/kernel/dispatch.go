package kernel

import (
	"fmt"
	"os"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/cpu"
)

// A Level is an instruction set that the kernels are written for.
type Level int32

// The levels, from the slowest up.
const (
	Portable Level = iota // plain Go
	AVX2                  // AVX2 and FMA
	AVX512                // AVX-512 F, VL, BW and DQ
	numLevels
)

// LevelVariable names the environment variable that forces a level.
const LevelVariable = "MONGE_LEVEL"

var levelNames = [numLevels]string{"portable", "avx2", "avx512"}

func (l Level) String() string {
	if l < 0 || l >= numLevels {
		return fmt.Sprintf("level(%d)", int32(l))
	}
	return levelNames[l]
}

var (
	active   atomic.Int32
	envError error
)

func init() {
	level, err := levelFromEnv(os.Getenv(LevelVariable))
	active.Store(int32(level))
	envError = err
}

func levelFromEnv(value string) (Level, error) {
	if value == "" {
		return Best(), nil
	}
	for l, name := range levelNames {
		if value == name && Level(l) <= Best() {
			return Level(l), nil
		}
	}
	return Best(), fmt.Errorf("%s=%q: this machine allows %s", LevelVariable, value,
		strings.Join(levelNames[:Best()+1], ", "))
}

// Best returns the highest level that this build and CPU support; they support
// all levels below it, too.
func Best() Level {
	x := &cpu.X86
	switch {
	case !haveAssembly || !x.HasAVX2 || !x.HasFMA:
		return Portable
	case x.HasAVX512F && x.HasAVX512VL && x.HasAVX512BW && x.HasAVX512DQ && x.HasBMI2:
		return AVX512
	}
	return AVX2
}

// Active returns the level in use: Best, unless the environment variable
// MONGE_LEVEL (portable, avx2 or avx512) or SetLevel chose a lower one.
func Active() Level { return Level(active.Load()) }

// SetLevel changes the level in use, for tests and benchmarks. It must not be
// called while kernels run.
func SetLevel(l Level) error {
	if l < 0 || l > Best() {
		return fmt.Errorf("kernel: level %v is not available, the best is %v", l, Best())
	}
	active.Store(int32(l))
	return nil
}

// EnvError returns what was wrong with the value of MONGE_LEVEL, or nil. The
// level in use is then Best.
func EnvError() error { return envError }
