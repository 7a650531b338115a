//go:build unix

package bench

import (
	"runtime"
	"syscall"
)

// resources are what the process has used.
type resources struct {
	peakRSS int64 // bytes
	faults  int64 // page faults
}

func usage() resources {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return resources{}
	}
	unit := int64(1024)
	if runtime.GOOS == "darwin" {
		unit = 1
	}
	return resources{peakRSS: unit * int64(u.Maxrss), faults: int64(u.Minflt) + int64(u.Majflt)}
}
