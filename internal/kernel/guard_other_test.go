//go:build !linux

package kernel

// guardPages returns n elements and room for canaries around them.
func guardPages(n int) ([]float32, func()) { return make([]float32, n+64), func() {} }
