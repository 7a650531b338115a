package main

import (
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// gnu is a general register's name.
func gnu(n int, index bool) string {
	switch {
	case n == noIndex && index:
		return "riz"
	case n < len(general):
		return "r" + strings.ToLower(general[n])
	}
	return fmt.Sprint("r", n)
}

// binutils encode all registers as we do.
func TestEncoding(t *testing.T) {
	if b := standIns["VFMADD231PD"].bytes(2, 1, 0); hex.EncodeToString(b[:]) != "62f2764852c2" {
		t.Errorf("%x", b)
	}
	as, err := exec.LookPath("as")
	if err != nil {
		t.Skip("no binutils: ", err)
	}
	var source strings.Builder
	var want []byte
	for n := range 2 * 32 * 32 * 32 {
		e := standIns["VFMADD231PD"]
		if n >= 32*32*32 {
			e = standIns["VPACKUSDW"]
		}
		rm, v, reg := n/1024%32, n/32%32, n%32
		fmt.Fprintf(&source, "%s %%zmm%d, %%zmm%d, %%zmm%d\n", strings.ToLower(e.name), rm, v, reg)
		b := e.bytes(rm, v, reg)
		want = append(want, b[:]...)
	}
	for n := range 16 * 16 * 4 * 32 {
		a, reg := address{n % 16, n / 16 % 16, n / 256 % 4}, n/1024
		fmt.Fprintf(&source, "vdpbf16ps (%%%s,%%%s,%d){1to16}, %%zmm%d, %%zmm%d\n", gnu(a.base, false), gnu(a.index, true), 1<<a.scale, 31-reg, reg)
		want = append(want, standIns["VFMADD231PD"].broadcast(a, 31-reg, reg)...)
	}
	dir := t.TempDir()
	object, raw := filepath.Join(dir, "x.o"), filepath.Join(dir, "x.bin")
	cmd := exec.Command(as, "--64", "-mindex-reg", "-o", object, "-")
	cmd.Stdin = strings.NewReader(source.String())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("%v: %s", err, out)
	}
	if out, err := exec.Command("objcopy", "-O", "binary", "-j", ".text", object, raw).CombinedOutput(); err != nil {
		t.Skipf("%v: %s", err, out)
	}
	got, err := os.ReadFile(raw)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Error("not what binutils make of it")
	}
}
