//go:build !unix

// Package usage says what the process has used of the machine.
package usage

// Resources are what the process has used; zero where the system does not say.
type Resources struct {
	PeakRSS int64 // bytes of memory at the most
	Faults  int64 // page faults
}

// Now returns nothing: this system has no getrusage.
func Now() Resources { return Resources{} }
