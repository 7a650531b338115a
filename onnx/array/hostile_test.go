package array

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/monge-ml/monge/onnx"
)

func floats(v []float64, shape ...int) *Array {
	return &Array{DType: onnx.Float, Shape: append([]int{}, shape...), F: v}
}

func ints(v ...int64) *Array { return Ints(v, len(v)) }

// ramp is an array of 0, 1, 2, ...
func ramp(d onnx.DType, shape ...int) *Array {
	a, err := New(d, shape...)
	if err != nil {
		panic(err)
	}
	for i := range a.F {
		a.F[i] = float64(i)
	}
	for i := range a.I {
		a.I[i] = wrap(d, int64(i))
	}
	return a
}

func nodeOf(op string, attrs ...*onnx.Attr) *onnx.Node {
	return &onnx.Node{Op: op, Outputs: []string{"y"}, Attrs: attrs}
}

const huge, tiny = 1 << 62, math.MinInt64

// evalBounded evaluates, and fails if what comes out is no array, or took more memory or time than
// it may.
func evalBounded(t testing.TB, n *onnx.Node, opset int, in []*Array) ([]*Array, error) {
	t.Helper()
	before, start := heap(), time.Now()
	out, err := Eval(n, opset, in)
	if got := heap() - before; got > 64*MaxLen {
		t.Errorf("%s: %d bytes allocated, error %v", n.Op, got, err)
	}
	if d := time.Since(start); d > 30*time.Second {
		t.Errorf("%s: %v", n.Op, d)
	}
	if err != nil {
		return nil, err
	}
	for i, a := range out {
		size, err := Size(a.Shape)
		switch {
		case err != nil:
			t.Errorf("%s: result %d: %v", n.Op, i, err)
		case a.DType.Size() == 0:
			t.Errorf("%s: result %d of shape %v, type %v", n.Op, i, a.Shape, a.DType)
		case a.IsFloat() && (len(a.F) != size || len(a.I) != 0), !a.IsFloat() && (len(a.I) != size || len(a.F) != 0):
			t.Errorf("%s: result %d of %v and shape %v has %d and %d elements", n.Op, i, a.DType, a.Shape, len(a.F), len(a.I))
		}
	}
	return out, nil
}

func heap() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

func TestHostile(t *testing.T) {
	x, one := ramp(onnx.Float, 2, 3), ramp(onnx.Float, 1)
	image := ramp(onnx.Float, 1, 4, 2, 2)
	intAttr, ints2 := onnx.IntAttr, onnx.IntsAttr
	for what, c := range map[string]struct {
		node *onnx.Node
		in   []*Array
		says string
	}{
		"Reshape to 2^40":             {nodeOf("Reshape"), []*Array{x, ints(1<<20, 1<<20)}, "too large"},
		"Reshape to 2^62 twice":       {nodeOf("Reshape"), []*Array{x, ints(huge, 4, 1)}, "too large"},
		"Reshape to less":             {nodeOf("Reshape"), []*Array{x, ints(-2, -3)}, "negative"},
		"Reshape, open twice":         {nodeOf("Reshape"), []*Array{x, ints(-1, -1)}, "more than one -1"},
		"Reshape, many dimensions":    {nodeOf("Reshape"), []*Array{one, ramp(onnx.Int64, 1<<20)}, "1048576 dimensions"},
		"Reshape, nothing for -1":     {nodeOf("Reshape", intAttr("allowzero", 1)), []*Array{ramp(onnx.Float, 0, 3), ints(0, -1)}, "can't take"},
		"Reshape of nothing to 2^40":  {nodeOf("Reshape", intAttr("allowzero", 1)), []*Array{ramp(onnx.Float, 0), ints(0, 1<<20, 1<<20)}, "too large"},
		"Reshape of nothing to 2^30":  {nodeOf("Reshape", intAttr("allowzero", 1)), []*Array{ramp(onnx.Float, 0), ints(0, 1<<10, 1<<20)}, "there may be"},
		"Expand to 2^40":              {nodeOf("Expand"), []*Array{one, ints(1<<20, 1<<20)}, "there may be"},
		"Expand to less":              {nodeOf("Expand"), []*Array{one, ints(-5)}, "negative"},
		"Expand, many dimensions":     {nodeOf("Expand"), []*Array{one, ramp(onnx.Int64, 1<<20)}, "1048576 dimensions"},
		"Expand of nothing to 2^62":   {nodeOf("Expand"), []*Array{ramp(onnx.Float, 0, 1), ints(1, huge)}, "there may be"},
		"Tile to 2^40":                {nodeOf("Tile"), []*Array{x, ints(1<<20, 1<<20)}, "there may be"},
		"Tile by 2^62":                {nodeOf("Tile"), []*Array{x, ints(huge, 4)}, "repeats"},
		"Tile by less":                {nodeOf("Tile"), []*Array{x, ints(-1, 1)}, "repeats"},
		"ConstantOfShape of 2^40":     {nodeOf("ConstantOfShape"), []*Array{ints(1<<20, 1<<20)}, "there may be"},
		"ConstantOfShape of 2^62":     {nodeOf("ConstantOfShape"), []*Array{ints(huge, 4)}, "there may be"},
		"ConstantOfShape of less":     {nodeOf("ConstantOfShape"), []*Array{ints(-1)}, "negative"},
		"ConstantOfShape, empty":      {nodeOf("ConstantOfShape"), []*Array{ints(0, 1<<40, 1<<40)}, "there may be"},
		"ConstantOfShape, many":       {nodeOf("ConstantOfShape"), []*Array{Ints(slices.Repeat([]int64{1}, 65), 65)}, "65 dimensions"},
		"Range to 2^40":               {nodeOf("Range"), []*Array{ints(0), ints(1 << 40), ints(1)}, "from 0 to"},
		"Range by nothing":            {nodeOf("Range"), []*Array{ints(0), ints(1), ints(0)}, "by 0"},
		"Range of NaN":                {nodeOf("Range"), []*Array{floats([]float64{math.NaN()}, 1), one, one}, "NaN"},
		"Range of two":                {nodeOf("Range"), []*Array{x, one, one}, "must be numbers"},
		"Pad by 2^40":                 {nodeOf("Pad"), []*Array{x, ints(1<<40, 0, 0, 0)}, "pads of"},
		"Pad by 2^62, there and back": {nodeOf("Pad"), []*Array{x, ints(huge, 0, -huge, 0)}, "pads of"},
		"Pad by 2^63":                 {nodeOf("Pad"), []*Array{x, ints(tiny, 0, 0, 0)}, "pads of"},
		"Pad, all sides":              {nodeOf("Pad"), []*Array{x, ints(1<<20, 1<<20, 1<<20, 1<<20)}, "there may be"},
		"Pad cuts all":                {nodeOf("Pad"), []*Array{x, ints(-2, 0, -2, 0)}, "padded by"},
		"Pad with nothing":            {nodeOf("Pad", onnx.TextAttr("mode", "edge")), []*Array{ramp(onnx.Float, 0), ints(1, 1)}, "nothing to pad with"},
		"Pad, unknown mode":           {nodeOf("Pad", onnx.TextAttr("mode", "\x1b[31m")), []*Array{x, ints(1, 1, 1, 1)}, `"\x1b[31m"`},
		"Pad, axis":                   {nodeOf("Pad"), []*Array{x, ints(1, 1), nil, ints(2)}, "axis 2"},
		"OneHot of 2^40":              {nodeOf("OneHot"), []*Array{ints(0, 1), ints(1 << 40), ints(0, 1)}, "there may be"},
		"OneHot of less":              {nodeOf("OneHot"), []*Array{ints(0, 1), ints(-1), ints(0, 1)}, "depth -1"},
		"OneHot, axis":                {nodeOf("OneHot", intAttr("axis", 3)), []*Array{ints(0, 1), ints(2), ints(0, 1)}, "axis"},
		"OneHot, no values":           {nodeOf("OneHot"), []*Array{ints(0, 1), ints(2), ints()}, "values of shape [0]"},
		"Gather, index":               {nodeOf("Gather"), []*Array{x, ints(2)}, "index 2 of a dimension of 2"},
		"Gather, index of 2^63":       {nodeOf("Gather"), []*Array{x, ints(tiny)}, "index"},
		"Gather by floats":            {nodeOf("Gather"), []*Array{x, one}, "indices of float32"},
		"Gather to 2^40":              {nodeOf("Gather"), []*Array{ramp(onnx.Float, 1, 1<<20), Ints(make([]int64, 1<<20), 1<<20)}, "there may be"},
		"GatherElements, index":       {nodeOf("GatherElements"), []*Array{x, Ints([]int64{9}, 1, 1)}, "index 9"},
		"GatherElements, shape":       {nodeOf("GatherElements"), []*Array{x, Ints([]int64{0, 0, 0, 0}, 1, 4)}, "indices of shape"},
		"GatherND, index":             {nodeOf("GatherND"), []*Array{x, ints(0, 3)}, "index 3"},
		"GatherND, long":              {nodeOf("GatherND"), []*Array{x, ints(0, 0, 0)}, "indices of shape"},
		"GatherND, batch":             {nodeOf("GatherND", intAttr("batch_dims", -1)), []*Array{x, ints(0, 0)}, "indices of shape"},
		"GatherND of nothing":         {nodeOf("GatherND"), []*Array{x, Ints(nil, 1, 0)}, "empty indices"},
		"ScatterND, index":            {nodeOf("ScatterND"), []*Array{x, ints(5), ramp(onnx.Float, 3)}, "index 5"},
		"ScatterND by floats":         {nodeOf("ScatterND"), []*Array{x, one, ramp(onnx.Float, 3)}, "indices of float32"},
		"ScatterND, few updates":      {nodeOf("ScatterND"), []*Array{x, Ints([]int64{0, 1}, 2, 1), ramp(onnx.Float, 3)}, "3 updates"},
		"ScatterElements, rank":       {nodeOf("ScatterElements"), []*Array{x, ints(0), one}, "indices of shape"},
		"ScatterElements, reduction":  {nodeOf("ScatterElements", onnx.TextAttr("reduction", "\x1b")), []*Array{x, Ints([]int64{0}, 1, 1), floats([]float64{1}, 1, 1)}, `"\x1b"`},
		"Slice, lists":                {nodeOf("Slice"), []*Array{x, ints(0), ints(1, 2)}, "1 starts, 2 ends"},
		"Slice, axis":                 {nodeOf("Slice"), []*Array{x, ints(0), ints(1), ints(2)}, "axis 2"},
		"Slice by nothing":            {nodeOf("Slice"), []*Array{x, ints(0), ints(1), ints(0), ints(0)}, "a step of 0"},
		"Split, overflowing":          {nodeOf("Split"), []*Array{x, ints(math.MaxInt64, math.MaxInt64, 4)}, "do not make 2"},
		"Split, negative":             {nodeOf("Split"), []*Array{x, ints(3, -1)}, "do not make 2"},
		"Split, axis":                 {nodeOf("Split", intAttr("axis", -3)), []*Array{x}, "axis -3"},
		"Concat of nothing":           {nodeOf("Concat"), nil, "input 0 is missing"},
		"Concat, missing":             {nodeOf("Concat"), []*Array{x, nil}, "input 1 is missing"},
		"Concat, shapes":              {nodeOf("Concat"), []*Array{x, ramp(onnx.Float, 2, 2)}, "differ"},
		"Concat, types":               {nodeOf("Concat"), []*Array{x, ramp(onnx.Int64, 2, 3)}, "differ"},
		"Concat, axis":                {nodeOf("Concat", intAttr("axis", 2)), []*Array{x}, "axis 2"},
		"Transpose, twice":            {nodeOf("Transpose", ints2("perm", 0, 0)), []*Array{x}, "no order"},
		"Transpose, short":            {nodeOf("Transpose", ints2("perm", 0)), []*Array{x}, "no order"},
		"Transpose, empty":            {nodeOf("Transpose", ints2("perm")), []*Array{x}, "no order"},
		"Transpose, beyond":           {nodeOf("Transpose", ints2("perm", 0, huge)), []*Array{x}, "no order"},
		"Squeeze, not 1":              {nodeOf("Squeeze"), []*Array{x, ints(0)}, "not 1"},
		"Squeeze, axis":               {nodeOf("Squeeze"), []*Array{x, ints(huge)}, "axis"},
		"Unsqueeze, twice":            {nodeOf("Unsqueeze"), []*Array{x, ints(0, 0)}, "axes [0 0]"},
		"Unsqueeze, many":             {nodeOf("Unsqueeze"), []*Array{x, ramp(onnx.Int64, 1<<20)}, "dimensions"},
		"Flatten, axis":               {nodeOf("Flatten", intAttr("axis", 3)), []*Array{x}, "axis 3"},
		"DepthToSpace by 2^32":        {nodeOf("DepthToSpace", intAttr("blocksize", 1<<32)), []*Array{image}, "blocks of"},
		"DepthToSpace by 0":           {nodeOf("DepthToSpace"), []*Array{image}, "blocks of 0"},
		"SpaceToDepth by 2^62":        {nodeOf("SpaceToDepth", intAttr("blocksize", huge)), []*Array{ramp(onnx.Float, 1, 1, 0, 0)}, "blocks of"},
		"ReverseSequence, axes":       {nodeOf("ReverseSequence", intAttr("batch_axis", 5), intAttr("time_axis", -4)), []*Array{x, ints(1, 1)}, "batch axis 5"},
		"ReverseSequence, lengths":    {nodeOf("ReverseSequence"), []*Array{x, ints(1)}, "lengths"},
		"Compress, axis":              {nodeOf("Compress", intAttr("axis", 7)), []*Array{x, ints(1)}, "axis 7"},
		"Trilu of a row":              {nodeOf("Trilu"), []*Array{ints(1, 2)}, "no matrix"},
		"EyeLike of a row":            {nodeOf("EyeLike"), []*Array{ints(1, 2)}, "no matrix"},
		"EyeLike of strings":          {nodeOf("EyeLike", intAttr("dtype", 8)), []*Array{x}, "arrays of string"},
		"ArgMax of nothing":           {nodeOf("ArgMax"), []*Array{ramp(onnx.Float, 0)}, "axis 0 of shape [0]"},
		"ArgMax, axis":                {nodeOf("ArgMax", intAttr("axis", tiny)), []*Array{x}, "axis"},
		"TopK, more":                  {nodeOf("TopK"), []*Array{x, ints(4)}, "4 of axis"},
		"TopK, less":                  {nodeOf("TopK"), []*Array{x, ints(-1)}, "-1 of axis"},
		"TopK, axis":                  {nodeOf("TopK", intAttr("axis", 2)), []*Array{x, ints(1)}, "axis"},
		"CumSum, axis":                {nodeOf("CumSum"), []*Array{x, ints(2)}, "axis 2"},
		"CumSum, axes":                {nodeOf("CumSum"), []*Array{x, ints(0, 1)}, "one number"},
		"ReduceSum, axis":             {nodeOf("ReduceSum"), []*Array{x, ints(-3)}, "axis -3"},
		"Cast to nothing":             {nodeOf("Cast"), []*Array{x}, "arrays of type 0"},
		"Cast to strings":             {nodeOf("Cast", intAttr("to", 8)), []*Array{x}, "arrays of string"},
		"Cast to 2^32+1":              {nodeOf("Cast", intAttr("to", 1<<32)), []*Array{x}, "arrays of"},
		"Div by 0":                    {nodeOf("Div"), []*Array{ints(1), ints(0)}, "divided by zero"},
		"Mod by 0":                    {nodeOf("Mod"), []*Array{ints(1), ints(0)}, "divided by zero"},
		"Add of types":                {nodeOf("Add"), []*Array{x, ints(1)}, "no types of it"},
		"Add, shapes":                 {nodeOf("Add"), []*Array{x, ramp(onnx.Float, 2)}, "do not broadcast"},
		"Add to 2^40":                 {nodeOf("Add"), []*Array{ramp(onnx.Float, 1<<20, 1), ramp(onnx.Float, 1<<20)}, "there may be"},
		"Where, types":                {nodeOf("Where"), []*Array{x, x, x}, "no types of it"},
		"Where, missing":              {nodeOf("Where"), []*Array{ints(1), x}, "input 2 is missing"},
		"Clip of integers":            {nodeOf("Clip"), []*Array{ints(1), one}, "no types of it"},
		"Constant of nothing":         {nodeOf("Constant"), nil, "not read"},
		"Constant of a graph":         {nodeOf("Constant", &onnx.Attr{Name: "value", Type: onnx.AttrGraph}), nil, "not read"},
		"Hardmax, axis":               {nodeOf("Hardmax", intAttr("axis", 2)), []*Array{x}, "axis 2"},
		"MatMul of 2^40":              {nodeOf("MatMul"), []*Array{ramp(onnx.Float, 1<<12, 1<<12), ramp(onnx.Float, 1<<12, 1<<12)}, "not supported"},
		"unknown":                     {nodeOf("Harm"), nil, "not supported"},
	} {
		t.Run(what, func(t *testing.T) {
			_, err := evalBounded(t, c.node, 17, c.in)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v, want one with %q", err, c.says)
			}
		})
	}
}

// What is extreme but has an answer.
func TestExtreme(t *testing.T) {
	x := ramp(onnx.Float, 2, 3)
	for what, c := range map[string]struct {
		node *onnx.Node
		in   []*Array
		want string
	}{
		"Slice by 2^63-1":  {nodeOf("Slice"), []*Array{x, ints(0), ints(math.MaxInt64), ints(1), ints(math.MaxInt64)}, "[2 1] [0 3]"},
		"Slice by -2^63":   {nodeOf("Slice"), []*Array{x, ints(math.MaxInt64), ints(tiny), ints(1), ints(tiny)}, "[2 1] [2 5]"},
		"Slice backwards":  {nodeOf("Slice"), []*Array{x, ints(-1), ints(tiny), ints(1), ints(-2)}, "[2 2] [2 0 5 3]"},
		"Slice of nothing": {nodeOf("Slice"), []*Array{x, ints(huge), ints(huge), ints(1)}, "[2 0] []"},
		"Slice, default":   {nodeOf("Slice"), []*Array{x}, "[2 3] [0 1 2 3 4 5]"},
		"Range to -2^62":   {nodeOf("Range"), []*Array{ints(0), ints(-huge), ints(1)}, "[0] []"},
		"EyeLike, far":     {nodeOf("EyeLike", onnx.IntAttr("k", math.MaxInt64)), []*Array{x}, "[2 3] [0 0 0 0 0 0]"},
		"Trilu, far":       {nodeOf("Trilu"), []*Array{x, ints(tiny)}, "[2 3] [0 1 2 3 4 5]"},
		"Shape, far":       {nodeOf("Shape", onnx.IntAttr("start", tiny), onnx.IntAttr("end", huge)), []*Array{x}, "[2] [2 3]"},
		"Shape, crossed":   {nodeOf("Shape", onnx.IntAttr("start", 2), onnx.IntAttr("end", 1)), []*Array{x}, "[0] []"},
		"Div, overflow":    {nodeOf("Div"), []*Array{ints(tiny), ints(-1)}, "[1] [-9223372036854775808]"},
		"Mod, overflow":    {nodeOf("Mod"), []*Array{ints(tiny), ints(-1)}, "[1] [0]"},
		"Abs, overflow":    {nodeOf("Abs"), []*Array{ints(tiny)}, "[1] [-9223372036854775808]"},
		"Cast of NaN":      {nodeOf("Cast", onnx.IntAttr("to", 7)), []*Array{floats([]float64{math.NaN(), math.Inf(1), math.Inf(-1)}, 3)}, "[3] [0 9223372036854775807 -9223372036854775808]"},
		"Tile by 0":        {nodeOf("Tile"), []*Array{x, ints(0, 1)}, "[0 3] []"},
		"Concat, empty":    {nodeOf("Concat"), []*Array{ramp(onnx.Float, 0, 3), x, ramp(onnx.Float, 0, 3)}, "[2 3] [0 1 2 3 4 5]"},
		"Gather, empty":    {nodeOf("Gather"), []*Array{x, Ints(nil, 0)}, "[0 3] []"},
		"TopK of none":     {nodeOf("TopK"), []*Array{x, ints(0)}, "[2 0] []"},
		"ReduceMax, empty": {nodeOf("ReduceMax"), []*Array{ramp(onnx.Float, 2, 0), ints(1)}, "[2 1] [-Inf -Inf]"},
		"OneHot, outside":  {nodeOf("OneHot"), []*Array{ints(5, -1), ints(2), ints(0, 1)}, "[2 2] [0 0 0 1]"},
		"Unsqueeze, far":   {nodeOf("Unsqueeze"), []*Array{x, ints(-1, 0)}, "[1 2 3 1] [0 1 2 3 4 5]"},
		"Compress, long":   {nodeOf("Compress"), []*Array{x, Ints(slices.Repeat([]int64{1}, 1000), 1000)}, "[6] [0 1 2 3 4 5]"},
	} {
		t.Run(what, func(t *testing.T) {
			out, err := evalBounded(t, c.node, 17, c.in)
			if err != nil {
				t.Fatal(err)
			}
			got := fmt.Sprint(out[0].Shape, out[0].F)
			if !out[0].IsFloat() {
				got = fmt.Sprint(out[0].Shape, out[0].I)
			}
			if got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

// Zero-sized dimensions beside long ones take no time.
func TestEmptyIsQuick(t *testing.T) {
	long := ramp(onnx.Float, 1<<23, 0)
	many := slices.Repeat([]*Array{long}, 10000)
	if _, err := evalBounded(t, nodeOf("Concat", onnx.IntAttr("axis", 1)), 17, many); err != nil {
		t.Error(err)
	}
	if _, err := evalBounded(t, nodeOf("Concat", onnx.IntAttr("axis", 1)), 17, append(many, ramp(onnx.Float, 1<<23, 1))); err != nil {
		t.Error(err)
	}
	if _, err := evalBounded(t, nodeOf("Transpose"), 17, []*Array{long}); err != nil {
		t.Error(err)
	}
}

var attrNames = []string{"axis", "axes", "perm", "pads", "mode", "value", "to", "k", "upper", "keepdims", "starts", "ends", "blocksize", "batch_dims",
	"reduction", "split", "shape", "allowzero", "direction", "fmod", "batch_axis", "time_axis", "dtype", "exclusive", "reverse", "largest",
	"min", "max", "start", "end", "alpha", "value_ints", "value_floats", "value_int", "value_float", "select_last_index", "noop_with_empty_axes", "repeats"}

var extremes = []int64{0, 1, -1, 2, 3, -3, 64, 1000, 1 << 31, 1 << 40, huge, -huge, math.MaxInt64, tiny, 1 << 32}

// Every operator, with extreme values of every attribute and input, gives arrays or an error.
func TestOperatorsExtreme(t *testing.T) {
	data := []*Array{ramp(onnx.Float, 2, 3), ramp(onnx.Int64, 4), ramp(onnx.Bool), ramp(onnx.Float, 1, 4, 2, 2), ramp(onnx.Float, 2, 0)}
	for _, op := range slices.Sorted(maps.Keys(operators)) {
		for _, x := range data {
			evalBounded(t, nodeOf(op), 1, nil)
			for _, opset := range []int{9, 18} {
				for _, v := range extremes {
					for _, name := range attrNames {
						evalBounded(t, nodeOf(op, onnx.IntAttr(name, int(v))), opset, []*Array{x, x, x})
						evalBounded(t, nodeOf(op, onnx.IntsAttr(name, int(v), int(v))), opset, []*Array{x, ints(0), x})
					}
					for rank := range 5 {
						in := []*Array{x, Ints(slices.Repeat([]int64{v}, rank), rank), x}
						evalBounded(t, nodeOf(op), opset, in)
						if rank == 1 {
							in[1].Shape = []int{}
							evalBounded(t, nodeOf(op), opset, in)
							evalBounded(t, nodeOf(op), opset, []*Array{in[1], in[1], in[1], in[1]})
						}
					}
				}
			}
		}
	}
}

// FuzzEval evaluates an operator with inputs and attributes of a fuzzer's bytes.
func FuzzEval(f *testing.F) {
	names := slices.Sorted(maps.Keys(operators))
	for i := range names {
		f.Add([]byte{byte(i), 3, 2, 0, 2, 2, 3, 0, 0, 1, 2, 3, 4, 5, 1, 1, 2, 0, 0, 1, 0, 3})
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s := &source{b}
		n := nodeOf(names[s.next(len(names))])
		n.Outputs = n.Outputs[:1:1]
		opset := []int{1, 6, 9, 10, 11, 12, 13, 17, 18}[s.next(9)]
		var in []*Array
		for range s.next(5) {
			in = append(in, s.array())
		}
		for range s.next(4) {
			n.Attrs = append(n.Attrs, s.attr())
		}
		for range s.next(3) {
			n.Outputs = append(n.Outputs, "z")
		}
		if _, err := evalBounded(t, n, opset, in); errors.Is(err, ErrUnsupported) && n.Op != "MatMul" {
			t.Errorf("%s: %v", n.Op, err)
		}
	})
}

// A source is a fuzzer's bytes, then zeros.
type source struct{ b []byte }

func (s *source) next(n int) int {
	if len(s.b) == 0 {
		return 0
	}
	v := int(s.b[0]) % n
	s.b = s.b[1:]
	return v
}

func (s *source) number() int64 {
	if k := s.next(32); k < len(extremes) {
		return extremes[k]
	}
	return int64(s.next(16)) - 4
}

func (s *source) array() *Array {
	kinds := []onnx.DType{onnx.Float, onnx.Int64, onnx.Bool, onnx.Double, onnx.Int32, onnx.Uint8, onnx.Float16, onnx.Uint64}
	k := s.next(len(kinds) + 1)
	if k == len(kinds) {
		return nil
	}
	var shape []int
	for range s.next(6) {
		shape = append(shape, s.next(5))
	}
	a, err := New(kinds[k], shape...)
	if err != nil {
		panic(err)
	}
	odd := []float64{math.NaN(), math.Inf(1), math.Inf(-1), .5, -1e30}
	for i := range a.F {
		if k := s.next(40); k < len(odd) {
			a.F[i] = round(a.DType, odd[k])
		} else {
			a.F[i] = round(a.DType, float64(s.number()))
		}
	}
	for i := range a.I {
		a.I[i] = wrap(a.DType, s.number())
	}
	return a
}

func (s *source) attr() *onnx.Attr {
	name := attrNames[s.next(len(attrNames))]
	texts := []string{"constant", "edge", "reflect", "wrap", "CRD", "add", "mul", "max", "LEFT", ""}
	switch s.next(6) {
	case 0, 1:
		return onnx.IntAttr(name, int(s.number()))
	case 2:
		a := onnx.IntsAttr(name)
		for range s.next(5) {
			a.Ints = append(a.Ints, s.number())
		}
		return a
	case 3:
		return onnx.FloatAttr(name, float32(s.number())/2)
	case 4:
		return onnx.TextAttr(name, texts[s.next(len(texts))])
	}
	var v []int64
	for range s.next(3) {
		v = append(v, s.number())
	}
	return onnx.TensorAttr(name, onnx.NewInts("", v, len(v)))
}
