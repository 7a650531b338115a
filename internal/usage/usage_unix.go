//go:build unix

// Package usage says what the process has used of the machine.
package usage

import (
	"runtime"
	"syscall"
)

// Resources are what the process has used; zero where the system does not say.
type Resources struct {
	PeakRSS int64 // bytes of memory at the most
	Faults  int64 // page faults
}

// Now returns what was used until now.
func Now() Resources {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return Resources{}
	}
	unit := int64(1024)
	if runtime.GOOS == "darwin" {
		unit = 1
	}
	return Resources{PeakRSS: unit * int64(u.Maxrss), Faults: int64(u.Minflt) + int64(u.Majflt)}
}
