package main

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Neither avo nor Go's assembler knows the instructions of AVX512_BF16. In functions of bf16Level
// the generator writes others that have the same operands, and encode replaces them by bytes.
var standIns = map[string]evex{
	"VFMADD231PD": {"VDPBF16PS", 0x52, 2},
	"VPACKUSDW":   {"VCVTNE2PS2BF16", 0x72, 3},
}

// An evex is an instruction EVEX.512.0F38.W0 /r of three registers, or of a broadcast element of
// memory and two.
type evex struct {
	name   string
	opcode byte
	prefix byte // 2: F3, 3: F2
}

var standIn = regexp.MustCompile(`^\t(VFMADD231PD|VPACKUSDW)(?:\.BCST)? +(?:Z(\d+)|\((\w+)\)(?:\((\w+)\*(\d)\))?), Z(\d+), Z(\d+)$`)

// general are the names that Go has for registers before R8.
var general = []string{"AX", "CX", "DX", "BX", "SP", "BP", "SI", "DI"}

func generalNumber(name string) int {
	if n := slices.Index(general, name); n >= 0 {
		return n
	}
	return number(strings.TrimPrefix(name, "R"))
}

// number is of digits that a pattern has matched.
func number(digits string) int {
	n, err := strconv.Atoi(digits)
	if err != nil {
		panic(err)
	}
	return n
}

// encode replaces the stand-ins in functions of bf16Level.
func encode(text string) string {
	lines := strings.Split(text, "\n")
	in := false
	for i, line := range lines {
		if strings.HasPrefix(line, "TEXT ") {
			in = strings.Contains(line, bf16Level+"(SB)")
		}
		if !in {
			continue
		}
		m := standIn.FindStringSubmatch(line)
		if m == nil {
			for name := range standIns {
				if strings.Contains(line, name) {
					panic("no encoding of " + line)
				}
			}
			continue
		}
		e, v, reg := standIns[m[1]], number(m[6]), number(m[7])
		var b []byte
		if m[2] != "" {
			b = e.bytes(number(m[2]), v, reg)
		} else {
			b = e.broadcast(place(m[3], m[4], m[5]), v, reg)
		}
		_, operands, _ := strings.Cut(strings.TrimSpace(line), " ")
		lines[i] = "\t" + literal(b) + " // " + e.name + " " + strings.TrimSpace(operands)
	}
	return strings.Join(lines, "\n")
}

// literal has the assembler write bytes.
func literal(b []byte) string {
	var words []string
	for ; len(b) >= 4; b = b[4:] {
		words = append(words, fmt.Sprintf("LONG $0x%08x", binary.LittleEndian.Uint32(b)))
	}
	if len(b) >= 2 {
		words = append(words, fmt.Sprintf("WORD $0x%04x", binary.LittleEndian.Uint16(b)))
		b = b[2:]
	}
	if len(b) > 0 {
		words = append(words, fmt.Sprintf("BYTE $0x%02x", b[0]))
	}
	return strings.Join(words, "; ")
}

// bytes encodes Zrm, Zv, Zreg, in Go's order: the result is last.
func (e evex) bytes(rm, v, reg int) []byte {
	b := e.start(rm, rm>>1, v, reg)
	return append(b, 0xc0|byte(reg&7)<<3|byte(rm&7))
}

// start is all before the operands' byte, for the register or base rm, and an index.
func (e evex) start(rm, index, v, reg int) []byte {
	not := func(n, bit int) byte { return byte(^n >> bit & 1) }
	p0 := not(reg, 3)<<7 | not(index, 3)<<6 | not(rm, 3)<<5 | not(reg, 4)<<4 | 2
	p1 := byte(^v&15)<<3 | 1<<2 | e.prefix
	p2 := byte(2)<<5 | not(v, 4)<<3
	return []byte{0x62, p0, p1, p2, e.opcode}
}

// An address is base + index * 1<<scale.
type address struct{ base, index, scale int }

// noIndex is what an index of SP means.
const noIndex = 4

// place reads an address; index may be empty.
func place(base, index, scale string) address {
	if index == "" {
		return address{generalNumber(base), noIndex, 0}
	}
	return address{generalNumber(base), generalNumber(index), bits.Len(uint(number(scale))) - 1}
}

// broadcast encodes an element at a, broadcast, Zv, Zreg.
func (e evex) broadcast(a address, v, reg int) []byte {
	b := e.start(a.base, a.index, v, reg)
	b[3] |= 1 << 4
	b = append(b, byte(reg&7)<<3|4, byte(a.scale)<<6|byte(a.index&7)<<3|byte(a.base&7))
	if a.base&7 == 5 { // can't be without a displacement
		b[5] |= 0x40
		b = append(b, 0)
	}
	return b
}
