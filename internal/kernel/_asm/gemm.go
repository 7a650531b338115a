package main

import "github.com/mmcloughlin/avo/build"

func gemmKernels(c *build.Context) {
	levels(c, func(s isa) {})
}
