// Package kernel holds the float32 CPU kernels of the engine: vector algebra,
// optimizer updates, matrix multiplication, convolution, normalisation, pooling
// and activations.
//
// Each kernel exists as generated assembly for AVX2 and AVX-512 and as portable
// Go. The vector kernels give the same bits at every level. Matrix
// multiplication gives the same bits at both assembly levels, and everything
// gives the same bits whatever the number of threads: work is cut by shape, and
// reductions have a fixed order.
//
// Wrong lengths panic before anything is written. Unless a comment says
// otherwise, a destination may be the very slice of a source but must not
// overlap it partly. A warm call allocates nothing.
package kernel

//go:generate go -C _asm run . -dir ..
