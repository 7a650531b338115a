package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Neither avo nor Go's assembler knows the instructions of AVX512_BF16. In functions of bf16Level
// the generator writes others that have the same operands, and encode replaces them by bytes.
var standIns = map[string]evex{
	"VFMADD231PS": {"VDPBF16PS", 0x52, 2},
	"VPACKUSDW":   {"VCVTNE2PS2BF16", 0x72, 3},
}

// An evex is an instruction EVEX.512.0F38.W0 /r of three registers.
type evex struct {
	name   string
	opcode byte
	prefix byte // 2: F3, 3: F2
}

var standIn = regexp.MustCompile(`^\t(VFMADD231PS|VPACKUSDW) +Z(\d+), Z(\d+), Z(\d+)$`)

// encode replaces the stand-ins in functions of bf16Level.
func encode(text string) string {
	lines := strings.Split(text, "\n")
	in := false
	for i, line := range lines {
		if strings.HasPrefix(line, "TEXT ") {
			in = strings.Contains(line, bf16Level+"(SB)")
		}
		m := standIn.FindStringSubmatch(line)
		if !in || m == nil {
			continue
		}
		var r [3]int
		for n, digits := range m[2:] {
			r[n], _ = strconv.Atoi(digits) // at most 31
		}
		e := standIns[m[1]]
		b := e.bytes(r[0], r[1], r[2])
		lines[i] = fmt.Sprintf("\tLONG $0x%02x%02x%02x%02x; WORD $0x%02x%02x // %s Z%d, Z%d, Z%d",
			b[3], b[2], b[1], b[0], b[5], b[4], e.name, r[0], r[1], r[2])
	}
	return strings.Join(lines, "\n")
}

// bytes encodes Zrm, Zv, Zreg, in Go's order: the result is last.
func (e evex) bytes(rm, v, reg int) [6]byte {
	not := func(n, bit int) byte { return byte(^n >> bit & 1) }
	p0 := not(reg, 3)<<7 | not(rm, 4)<<6 | not(rm, 3)<<5 | not(reg, 4)<<4 | 2
	p1 := byte(^v&15)<<3 | 1<<2 | e.prefix
	p2 := byte(2)<<5 | not(v, 4)<<3
	return [6]byte{0x62, p0, p1, p2, e.opcode, 0xc0 | byte(reg&7)<<3 | byte(rm&7)}
}
