package study

import (
	"fmt"
	"runtime/debug"
	"strings"
)

// A panicError is a run that panicked, which is no reason for others not to be done.
type panicError struct {
	cause any
	stack []byte
}

// Error says what happened, in a line.
func (e *panicError) Error() string {
	return "it panicked, which is a fault of the program: " + strings.ReplaceAll(fmt.Sprint(e.cause), "\n", " ")
}

// log is all that is known.
func (e *panicError) log() []byte { return fmt.Appendf(nil, "panic: %v\n\n%s", e.cause, e.stack) }

// guarded calls a function whose panics are errors.
func guarded(f func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = &panicError{cause, debug.Stack()}
		}
	}()
	return f()
}
