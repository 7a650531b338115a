package kernel

import (
	"os"
	"syscall"
	"unsafe"
)

// guardPages returns at least n elements between two pages that must not be
// touched, and what unmaps them.
func guardPages(n int) ([]float32, func()) {
	page := os.Getpagesize()
	size := (4*n + page - 1) / page * page
	size = max(size, page)
	mem, err := syscall.Mmap(-1, 0, size+2*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		panic(err)
	}
	for _, guard := range [][]byte{mem[:page], mem[page+size:]} {
		if err := syscall.Mprotect(guard, syscall.PROT_NONE); err != nil {
			panic(err)
		}
	}
	all := unsafe.Slice((*float32)(unsafe.Pointer(&mem[page])), size/4)
	return all, func() { syscall.Munmap(mem) }
}
