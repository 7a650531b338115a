package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Neither avo nor Go's assembler knows VDPBF16PS. In functions of bf16Level the generator
// writes VFMADD231PS, whose operands are the same, and encodeDots replaces it by bytes.

var fmaLine = regexp.MustCompile(`^\tVFMADD231PS +Z(\d+), Z(\d+), Z(\d+)$`)

// encodeDots makes VDPBF16PS of the multiply-adds in functions of bf16Level.
func encodeDots(text string) string {
	lines := strings.Split(text, "\n")
	in := false
	for i, line := range lines {
		if strings.HasPrefix(line, "TEXT ") {
			in = strings.Contains(line, bf16Level+"(SB)")
		}
		m := fmaLine.FindStringSubmatch(line)
		if !in || m == nil {
			continue
		}
		var r [3]int
		for n, digits := range m[1:] {
			r[n], _ = strconv.Atoi(digits) // at most 31
		}
		b := vdpbf16ps(r[0], r[1], r[2])
		lines[i] = fmt.Sprintf("\tLONG $0x%02x%02x%02x%02x; WORD $0x%02x%02x // VDPBF16PS Z%d, Z%d, Z%d",
			b[3], b[2], b[1], b[0], b[5], b[4], r[0], r[1], r[2])
	}
	return strings.Join(lines, "\n")
}

// vdpbf16ps encodes VDPBF16PS Zrm, Zv, Zreg (in Go's order: the sum is last):
// EVEX.512.F3.0F38.W0 52 /r.
func vdpbf16ps(rm, v, reg int) [6]byte {
	not := func(n, bit int) byte { return byte(^n >> bit & 1) }
	p0 := not(reg, 3)<<7 | not(rm, 4)<<6 | not(rm, 3)<<5 | not(reg, 4)<<4 | 2
	p1 := byte(^v&15)<<3 | 1<<2 | 2
	p2 := byte(2)<<5 | not(v, 4)<<3
	return [6]byte{0x62, p0, p1, p2, 0x52, 0xc0 | byte(reg&7)<<3 | byte(rm&7)}
}
