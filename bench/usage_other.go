//go:build !unix

package bench

// resources are what the process has used; not known here.
type resources struct{ peakRSS, faults int64 }

func usage() resources { return resources{} }
