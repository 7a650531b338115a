package usage

import (
	"runtime"
	"testing"
)

// The peak grows by memory that is touched, and is in bytes.
func TestNow(t *testing.T) {
	before := Now()
	if before == (Resources{}) && runtime.GOOS == "windows" {
		t.Skip("this system does not say")
	}
	const size = 256 << 20
	x := make([]byte, size)
	for i := 0; i < len(x); i += 4096 {
		x[i] = 1
	}
	after := Now()
	runtime.KeepAlive(x)
	if after.PeakRSS < size || after.PeakRSS > 64<<30 || after.Faults <= before.Faults {
		t.Errorf("%+v before, %+v after %d bytes", before, after, size)
	}
}
