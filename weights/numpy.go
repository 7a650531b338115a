package weights

import (
	"encoding/binary"
	"math"

	"github.com/monge-ml/monge/internal/pickle"
)

// numpyScalar returns the number that a NumPy scalar is, as checkpoints keep their accuracy:
// numpy.core.multiarray.scalar(dtype, bytes), where dtype is numpy.dtype("f8", ...).
func numpyScalar(v any) (any, bool) {
	o, ok := v.(*pickle.Object)
	if !ok || len(o.Args) != 2 || o.Class != "numpy.core.multiarray.scalar" && o.Class != "numpy._core.multiarray.scalar" {
		return nil, false
	}
	d, ok := o.Args[0].(*pickle.Object)
	b, ok2 := o.Args[1].(pickle.Bytes)
	if !ok || !ok2 || d.Class != "numpy.dtype" || len(d.Args) == 0 {
		return nil, false
	}
	if s, ok := d.State.(*pickle.Seq); ok && len(s.Items) > 1 && s.Items[1] == ">" {
		return nil, false
	}
	u := make([]byte, 8)
	if copy(u, b) != len(b) {
		return nil, false
	}
	n := binary.LittleEndian.Uint64(u)
	switch name, _ := d.Args[0].(string); {
	case name == "f8" && len(b) == 8:
		return math.Float64frombits(n), true
	case name == "f4" && len(b) == 4:
		return float64(math.Float32frombits(uint32(n))), true
	case name == "i8" && len(b) == 8:
		return int64(n), true
	case name == "i4" && len(b) == 4:
		return int64(int32(n)), true
	case name == "b1" && len(b) == 1:
		return n != 0, true
	}
	return nil, false
}
