package network

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/monge-ml/monge/internal/onnxtest"
	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/onnx"
)

func heap() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// openBounded opens a file and builds its network, and fails if that takes more memory or time than
// it may.
func openBounded(t *testing.T, path string) error {
	t.Helper()
	before, start := heap(), time.Now()
	err := func() error {
		f, err := Open(path)
		if err != nil {
			return err
		}
		if err := f.Check(); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		b := nn.NewBuilder()
		net := f.Layer(b, Options{})
		m, err := nn.NewModel(b, net, f.Input())
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if least, why := m.LeastBatch(); least == 0 {
			return fmt.Errorf("%s: %w", path, why)
		}
		return nil
	}()
	if got := heap() - before; got > 1<<30 {
		t.Errorf("%d bytes allocated, error %v", got, err)
	}
	if d := time.Since(start); d > 30*time.Second {
		t.Errorf("%v, error %v", d, err)
	}
	return err
}

// What a file may ask for, and what the error says: it names the file and the node.
func TestHostile(t *testing.T) {
	const image, row, text = "x:Nx3x8x8; ", "x:Nx6; ", "ids:int64:Nx4; e=Gather(table:9x6, ids); "
	const end, pooled = "; Flatten; Gemm(_, 192x5)", "; GlobalAveragePool; Flatten; Gemm(_, 3x5)"
	for text, says := range map[string]string{
		image + "Reshape(_, [1048576,1048576])" + end:                                                                `node Reshape "r0": [1048576 1048576] is too large`,
		image + "Reshape(_, [-1,-1])" + end:                                                                          `more than one -1`,
		image + "Expand(_, [1048576,3,8,8])" + end:                                                                   `node Expand "r0"`,
		row + "Unsqueeze(_, [1]); Expand(_, [1,1099511627776,6])" + end:                                              `node Expand "r1": a tensor of shape [2 1099511627776 6] is too large`,
		row + "Unsqueeze(_, [1]); Expand(_, [1,-4,6])" + end:                                                         `node Expand "r1": a tensor of shape [2 -4 6]`,
		image + "Tile(_, [1,1,1048576,1048576])" + end:                                                               `node Tile "r0": an array of shape`,
		image + "Tile(_, [1,1,4611686018427387904,4])" + end:                                                         `repeats`,
		image + "c=ConstantOfShape([1048576,1048576]); Add(x, c)" + end:                                              `node ConstantOfShape "c": an array of shape`,
		image + "c=ConstantOfShape([-1]); Add(x, c)" + end:                                                           `negative dimension`,
		image + "c=Range(@0, @1099511627776, @1); Add(x, c)" + end:                                                   `node Range "c": from 0 to 1.099511627776e+12 by 1`,
		image + "Pad(_, [0,0,0,0,0,0,1099511627776,0])" + end:                                                        `node Pad "r0": pads of [0 1099511627776]`,
		image + "Pad(_, [0,0,8000000,8000000,0,0,0,0])" + end:                                                        `is too large`,
		image + "Pad(_, [0,0,8000000,0,0,0,0,0]){mode=edge}" + end:                                                   `is too large`,
		image + "Pad(_, [0,0,-9,0,0,0,0,0])" + end:                                                                   `padded by`,
		image + "Pad(_, [0,0,1]){mode=edge}" + end:                                                                   `3 pads for 4 dimensions`,
		image + "Resize(_, -, [1.,1.,1e12,1.])" + end:                                                                `node Resize "r0": dimension 2 of [2 3 8 8] to`,
		image + "Resize(_, -, [1.,1.,1e6,1e6])" + end:                                                                `is too large`,
		image + "Resize(_, -, [1.,1.,-1.,nan])" + end:                                                                `node Resize "r0": dimension 2`,
		image + "Resize(_, -, [1.,1.,nan,1.])" + end:                                                                 `node Resize "r0": dimension 2`,
		image + "Resize(_, -, -, [1,3,4611686018427387904,8])" + end:                                                 `node Resize "r0": dimension 2`,
		image + "Resize(_, -, [2.,2.])" + end:                                                                        `2 scales and 0 sizes for 4 dimensions`,
		image + "Resize" + end:                                                                                       `0 scales and 0 sizes`,
		image + "Resize(_, -, [1.,1.,2.,2.]){mode=harm}" + end:                                                       `mode "harm"`,
		row + "Cast{to=7}; OneHot(_, @1099511627776, [0,1])" + end:                                                   `node OneHot "r1": an array of shape`,
		row + "Cast{to=8}" + end:                                                                                     `arrays of string`,
		image + "ConvTranspose(_, 3x1x1x1){strides=65536,65536}" + end:                                               `node ConvTranspose "r0": a tensor of shape`,
		image + "ConvTranspose(_, 3x1x1x1){strides=4611686018427387904,1}" + end:                                     `node ConvTranspose "r0": strides of [4611686018427387904 1]`,
		image + "ConvTranspose(_, 3x1x3x3){output_shape=1099511627776,8}" + end:                                      `node ConvTranspose "r0": a tensor of shape`,
		image + "ConvTranspose(_, 3x1x3x3){output_shape=-9223372036854775808,8}" + end:                               `node ConvTranspose "r0"`,
		image + "ConvTranspose(_, 3x3x3x3){output_padding=1,1}" + pooled:                                             `conv transpose2d`,
		image + "ConvTranspose(_, 3x1x3x3){pads=60000,0,0,0}" + end:                                                  `pads of`,
		image + "ConvTranspose(_, 3x1x3x3){group=2}" + end:                                                           `in 2 groups`,
		image + "ConvTranspose(_, 3x1x3x3){group=0}" + end:                                                           `in 0 groups`,
		image + "ConvTranspose(_, 2x1x3x3)" + end:                                                                    `node ConvTranspose "r0": weights of shape [2 1 3 3]`,
		image + "Conv(_, 3x3x3x3){strides=4611686018427387904,4611686018427387904}" + end:                            `node Conv "r0": strides of`,
		image + "Conv(_, 3x3x3x3){strides=0,1}" + end:                                                                `strides of [0 1]`,
		image + "Conv(_, 3x3x3x3){strides=1}" + end:                                                                  `strides of`,
		image + "Conv(_, 3x3x3x3){strides=[]}" + end:                                                                 `strides of []`,
		image + "Conv(_, 3x3x3x3){dilations=-1,1}" + end:                                                             `dilations of [-1 1]`,
		image + "Conv(_, 3x3x3x3){dilations=65536,1}" + end:                                                          `node Conv "r0": a kernel of`,
		image + "Conv(_, 3x3x3x3){pads=1099511627776,0,0,0}" + end:                                                   `pads of`,
		image + "Conv(_, 3x3x3x3){pads=-1,0,0,0}" + end:                                                              `pads of`,
		image + "Conv(_, 3x3x3x3){pads=1,1}" + end:                                                                   `pads of`,
		image + "Conv(_, 3x1x3x3){group=3 pads=65000,65000,65000,65000 strides=65536,65536}":                         `is too large`,
		image + "Conv(_, 3x3x3x3){pads=65000,65000,65000,65000 strides=65536,65536}":                                 `is too large`,
		image + "Conv(_, 3x3x2x2){dilations=65000,65000 auto_pad=SAME_UPPER strides=8,8}":                            `is too large`,
		image + "Conv(_, 3x3x3x3){group=0}" + end:                                                                    `node Conv "r0": weights of shape [3 3 3 3] for inputs of [2 3 8 8] in 0 groups`,
		image + "Conv(_, 3x3x3x3){group=-3}" + end:                                                                   `in -3 groups`,
		image + "Conv(_, 3x1x3x3){group=2}" + end:                                                                    `in 2 groups`,
		image + "Conv(_, 3x3x3x3){group=4611686018427387905}" + end:                                                  `groups`,
		image + "Conv(_, 3x3x9x9)" + end:                                                                             `node Conv "r0": a kernel of [9 9] on images of [8 8]`,
		image + "Conv(_, 3x3x3)" + end:                                                                               `weights of shape [3 3 3] for inputs of`,
		image + "Conv(_, 3x3x3x3){kernel_shape=5,5}" + end:                                                           `a kernel of [5 5], and weights of [3 3]`,
		"x:Nx3x8x8; Unsqueeze(_, [1]); Conv(_, 3x1x2x3x3){pads=1,1,1,1,1,1}; Flatten; Gemm(_, 192x5)":                `3 dimensions of space`,
		"x:Nx3x8x8; Unsqueeze(_, [1]); Conv(_, 3x1x1x3x3){strides=1,4611686018427387904,1}; Flatten; Gemm(_, 192x5)": `node Conv "r1": strides of`,
		"x:Nx3x8x8; Unsqueeze(_, [1]); Conv(_, 3x1x1x3x3){pads=0,1,1,0,1,1,1}; Flatten; Gemm(_, 192x5)":              `node Conv "r1": pads of`,
		"x:Nx3x8x8; Unsqueeze(_, [1]); Conv(_, 3x1x1x9x9); Flatten; Gemm(_, 192x5)":                                  `node Conv "r1": a kernel of [9 9] on images of [8 8]`,
		"x:Nx3x8x8; Unsqueeze(_, [1]); Conv(_, 3x1x3x3); Flatten; Gemm(_, 192x5)":                                    `node Conv "r1": weights of shape [3 1 3 3]`,
		image + "Conv(_)" + end:                                                                                      `node Conv "r0": input 1 is missing`,
		image + "Conv(-, 3x3x3x3)" + end:                                                                             `no parameters`,
		image + "Conv(_, 3x3x3x3, 4)" + pooled:                                                                       `Conv "r0"`,
		image + "Conv(_, 3x0x3x3)" + end:                                                                             `node Conv "r0": a tensor of shape [3 0 3 3]`,
		image + "MaxPool{kernel_shape=9,9}" + end:                                                                    `node MaxPool "r0": a kernel of [9 9]`,
		image + "MaxPool{kernel_shape=4611686018427387904,1}" + end:                                                  `a kernel of`,
		image + "MaxPool{kernel_shape=0,1}" + end:                                                                    `a kernel of`,
		image + "MaxPool{kernel_shape=[2]}" + end:                                                                    `a kernel of 1 dimensions for inputs of shape [2 3 8 8]`,
		image + "MaxPool" + end:                                                                                      `node MaxPool "r0"`,
		image + "AveragePool{kernel_shape=2,2 pads=5,5,5,5}" + pooled:                                                `must be less than the kernel`,
		image + "AveragePool{kernel_shape=2,2 strides=2,2,2}" + end:                                                  `strides of`,
		row + "MaxPool{kernel_shape=2,2}" + end:                                                                      `node MaxPool "r0"`,
		row + "GlobalAveragePool" + end:                                                                              `no dimensions of space`,
		image + "BatchNormalization(_, 3, 3, 3)" + end:                                                               `input 4 is missing`,
		image + "BatchNormalization(_, 3, 3, 2, 2)" + end:                                                            `statistics of 2 and 2 channels for 3`,
		image + "BatchNormalization(_, 2, 3, 3, 3)" + end:                                                            `input 1 of shape [2]`,
		image + "BatchNormalization(_, -, 3, 3, 2)" + end:                                                            `BatchNormalization "r0"`,
		image + "InstanceNormalization(_, 2, 2)" + end:                                                               `input 1 of shape [2]`,
		image + "GroupNormalization(_, 3, 3){num_groups=2}" + end:                                                    `3 channels in 2 groups`,
		image + "GroupNormalization(_, 3, 3){num_groups=0}" + end:                                                    `3 channels in 0 groups`,
		image + "LayerNormalization(_, 7)" + end:                                                                     `input 1 of shape [7]`,
		image + "LRN{size=0}" + end:                                                                                  `LRN "r0"`,
		image + "LRN{size=-4611686018427387904}" + end:                                                               `LRN "r0"`,
		image + "DepthToSpace{blocksize=4294967296}" + end:                                                           `node DepthToSpace "r0": blocks of 4294967296`,
		image + "SpaceToDepth{blocksize=0}" + end:                                                                    `blocks of 0`,
		image + "SpaceToDepth" + end:                                                                                 `blocks of 0`,
		image + "f=Flatten; Concat(x, f){axis=3}; Gemm(_, 192x5)":                                                    `node Concat "r1": [2 3 8 8] and [2 192] are joined`,
		row + "f=Reshape(_, [-1,1]); Concat(4, f){axis=0}; Gemm(_, 1x5)":                                             `node Concat "r1": [4] and [12 1] are joined`,
		row + "Unsqueeze(_, [1]); Concat(r0, 12){axis=2}; Flatten; Gemm(_, 18x5)":                                    `node Concat "r1"`,
		row + "Concat(1x1x1x6, _){axis=3}; Gemm(_, 6x5)":                                                             `node Concat "r0": [1 1 1 6] and [2 6] are joined`,
		image + "Split{axis=1}; Concat(r0, @1.)" + end:                                                               `node Concat "r1"`,
		image + "Split(_, [9223372036854775807,9223372036854775807,5]){axis=1}" + end:                                `node Split "r0": parts of`,
		image + "Split(_, [-1,4]){axis=1}" + end:                                                                     `parts of`,
		image + "Slice(_, [0], [1], [9])" + end:                                                                      `node Slice "r0": axis 9`,
		image + "Slice(_, [0], [1], [1], [0])" + end:                                                                 `a step of 0`,
		image + "Slice(_, [3], [1], [1])" + end:                                                                      `node Slice "r0": a tensor of shape [2 0 8 8], which is empty`,
		image + "Slice(_, [0,0], [1], [1])" + end:                                                                    `2 starts, 1 ends`,
		image + "Gather(_, [3]){axis=1}" + end:                                                                       `node Gather "r0": index 3 of 3`,
		image + "Gather(_, [-9223372036854775808]){axis=1}" + end:                                                    `node Gather "r0": index`,
		image + "Gather(_, [.5]){axis=1}" + end:                                                                      `node Gather "r0": indices of float32`,
		image + "Gather(_, []){axis=1}" + end:                                                                        `node Gather "r0": no indices`,
		image + "Transpose{perm=0,1,2}" + end:                                                                        `no order`,
		image + "Transpose{perm=0,1,1,2}" + end:                                                                      `no order`,
		image + "Transpose{perm=[]}" + end:                                                                           `no order`,
		image + "Where(x, x, x)" + end:                                                                               `node Where "r0": a condition of float32`,
		image + "Add(_, 7)" + end:                                                                                    `node Add "r0": shapes`,
		image + "Add(_)" + end:                                                                                       ``,
		image + "MatMul(_, 7x2)" + end:                                                                               `node MatMul "r0"`,
		image + "MatMul(_, @1.)" + end:                                                                               `node MatMul "r0"`,
		image + "Einsum(_, 3x3){equation=nchw,cd}" + end:                                                             ``,
		image + "Einsum{equation=abcd->aa}" + end:                                                                    `node Einsum "r0": equation`,
		image + "Einsum{equation=abcd->a!}" + end:                                                                    `equation`,
		image + "Einsum{equation=abcd->xyz}" + end:                                                                   `equation`,
		image + "Einsum" + end:                                                                                       `equation "" for 1 inputs`,
		image + "Dropout(_, @1.5)" + end:                                                                             `node Dropout "r0": a ratio of 1.5`,
		image + "Dropout(_, @nan)" + end:                                                                             `a ratio of NaN`,
		image + "Flatten; Gemm(_, 191x5)":                                                                            `node Gemm "r1": [2 192] times [191 5]`,
		image + "Gemm(_, 192x5)":                                                                                     `both must be matrices`,
		image + "Flatten; Gemm(_, 192x5, 4)":                                                                         `node Gemm "r1"`,
		image + "Flatten; Gemm(_, 192x0)":                                                                            `no parameters`,
		image + "Conv(_, 4x3x1x1)":                                                                                   `the output "r0" has shape [2 4 8 8]`,
		image + "Harm" + end:                                                                                         `operators that are not supported: Harm "r0"`,
		image + "own.Relu" + end:                                                                                     `operators that are not supported: own.Relu "r0"`,
		image + "Relu":                                                                                               `no parameters`,
		row + "Gemm(_, 7x5)":                                                                                         `[2 6] times [7 5]`,
		text + "Flatten; Gemm(_, 23x5)":                                                                              `[2 24] times [23 5]`,
		"x:Nx3x4611686018427387904x8; GlobalAveragePool; Flatten; Gemm(_, 3x5)":                                      `there may be 1048576 of a dimension`,
		"x:Nx1048576x1048576x1048576; GlobalAveragePool; Flatten; Gemm(_, 1048576x2)":                                `there may be 134217728 numbers`,
		"x:Nx1048577; Gemm(_, 5x5)":                                                                                  `there may be 1048576 of a dimension`,
		"ids:int64:Nx4611686018427387904; e=Gather(table:9x6, ids); Flatten; Gemm(_, 24x5)":                          `there may be 1048576 of a dimension`,
		"x:Nx3x-5x8; GlobalAveragePool; Flatten; Gemm(_, 3x5)":                                                       ``,
		"x:N; Gemm(_, 3x5)":                                                                                          `its inputs are "x" float32 [N]`,
		"x:Nx3x8x8; y:Nx3; Flatten(x); Gemm(_, 192x5)":                                                               `its inputs are "x" float32 [N 3 8 8], "y" float32 [N 3]`,
		"x:Nx3x8x8; Mul(_, 3x1x1); Sub(_, 1x3x8x8)" + end + "; Reshape(_, [5])":                                      `node Reshape`,
		image + "Hardmax(_)" + end:                                                                                   ``,
	} {
		t.Run(text, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "m.onnx")
			onnxtest.Write(t, path, text)
			err := openBounded(t, path)
			if says == "" && err == nil {
				return
			}
			if err == nil || !strings.Contains(err.Error(), says) || !strings.HasPrefix(err.Error(), path+": ") {
				t.Errorf("error %v, want one with %q", err, says)
			}
		})
	}
}

// An axis out of range is an error of every operator that has one, and so is each operator without
// inputs.
func TestAxes(t *testing.T) {
	for _, op := range []string{"Flatten", "Softmax", "LogSoftmax", "Hardmax", "Concat", "Split", "Gather", "GatherElements", "LayerNormalization",
		"RMSNormalization", "LpNormalization", "ArgMax", "ArgMin", "TopK", "CumSum", "Squeeze", "Unsqueeze", "ReduceSum", "ReduceMean", "ReduceMax", "ReduceL2", "Compress", "ScatterElements", "OneHot"} {
		for _, axis := range []int{5, -6, 1 << 62, -1 << 62, -1 << 63} {
			text := fmt.Sprintf("x:Nx3x4x4; %s(_, [%d]){axis=%d}; Flatten; Gemm(_, 48x5)", op, axis, axis)
			switch op {
			case "Squeeze", "Unsqueeze", "ReduceSum", "ReduceMean", "ReduceMax", "ReduceL2", "CumSum", "Split":
			case "TopK":
				text = fmt.Sprintf("x:Nx3x4x4; TopK(_, [1]){axis=%d}; Flatten; Gemm(_, 48x5)", axis)
			case "ScatterElements":
				text = fmt.Sprintf("x:Nx3x4x4; ScatterElements(_, [0], [1.]){axis=%d}; Flatten; Gemm(_, 48x5)", axis)
			case "LayerNormalization", "RMSNormalization":
				text = fmt.Sprintf("x:Nx3x4x4; %s(_, 4){axis=%d}; Flatten; Gemm(_, 48x5)", op, axis)
			case "GatherElements", "Gather":
				text = fmt.Sprintf("x:Nx3x4x4; %s(_, [0]){axis=%d}; Flatten; Gemm(_, 48x5)", op, axis)
			case "Compress":
				text = fmt.Sprintf("x:Nx3x4x4; Compress(_, [1]){axis=%d}; Flatten; Gemm(_, 48x5)", axis)
			case "OneHot":
				text = fmt.Sprintf("x:Nx3x4x4; OneHot(_, [3], [0.,1.]){axis=%d}; Flatten; Gemm(_, 48x5)", axis)
			default:
				text = fmt.Sprintf("x:Nx3x4x4; %s(_){axis=%d}; Flatten; Gemm(_, 48x5)", op, axis)
			}
			f, err := Of(onnxtest.Model(t, text))
			if err == nil {
				err = f.Check()
			}
			if err == nil || !strings.Contains(err.Error(), "node "+op+` "r0"`) {
				t.Errorf("%s: error %v", text, err)
			}
		}
	}
	for _, op := range allOperators() {
		if op == "Constant" {
			continue
		}
		for _, text := range []string{"x:Nx6; y=%s(); Gemm(x, 6x5, y)", "x:Nx6; y=%s(-, x); Gemm(x, 6x5, y)", "x:Nx6; y=%s(-, -, x); Gemm(_, 6x5)"} {
			text = fmt.Sprintf(text, op)
			f, err := Of(onnxtest.Model(t, text))
			if err == nil {
				err = f.Check()
			}
			if err == nil || !strings.Contains(err.Error(), op) && !strings.Contains(err.Error(), "no parameters") {
				t.Errorf("%s: error %v", text, err)
			}
		}
	}
}

// Numbers that are none go through, and are an error of training, not of building.
func TestNaNWeights(t *testing.T) {
	for _, text := range graphs {
		m := onnxtest.Model(t, text)
		for _, x := range m.Graph.Initializers {
			if v, err := x.Floats(); err == nil && len(x.Dims) > 1 {
				v[0] = float32(slices.Max(v) * 0)
				v[0] /= v[0]
				x.SetFloats(v)
			}
		}
		b, err := m.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if err := tryNetwork(t, b, nil, Options{}); err != nil && !strings.Contains(err.Error(), "NaN") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// Names are fit for messages and files, whatever they are in the file.
func TestNames(t *testing.T) {
	for what, c := range map[string]struct{ name, says string }{
		"escapes":  {"\x1b]0;owned\a", `the name of tensor "?]0;owned?" can't be printed`},
		"newlines": {"a\nb", `the name of tensor "a?b" can't be printed`},
		"long":     {strings.Repeat("n", 1<<16), ""},
		"unicode":  {"Gewicht.größe/重み", ""},
		"slashes":  {"/model/fc.weight", ""},
	} {
		t.Run(what, func(t *testing.T) {
			m := onnxtest.Model(t, "x:Nx6; Gemm(_, 6x5)")
			m.Graph.Initializers[0].Name, m.Graph.Nodes[0].Inputs[1] = c.name, c.name
			b, err := m.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			err = tryNetwork(t, b, nil, Options{})
			if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v", err)
			}
		})
	}
}

// As many nodes as there may be are looked through in a time that grows with their number.
func TestManyNodes(t *testing.T) {
	if testing.Short() {
		t.Skip("20 seconds")
	}
	const n = 1 << 17
	for what, add := range map[string]func(g *onnx.Graph, i int) string{
		"identities": func(g *onnx.Graph, i int) string {
			return addNode(g, "Identity", i, "x")
		},
		"constants": func(g *onnx.Graph, i int) string {
			g.Initializers = append(g.Initializers, onnx.NewFloats(fmt.Sprint("w", i), []float32{1, 2}, 2, 1, 1, 1))
			return addNode(g, "Conv", i, "x", fmt.Sprint("w", i), "bias")
		},
		"tables": func(g *onnx.Graph, i int) string {
			g.Initializers = append(g.Initializers, onnx.NewFloats(fmt.Sprint("w", i), []float32{0, 0, 0, 0, .5, 1}, 2, 3))
			return addNode(g, "Add", i, "x", fmt.Sprint("w", i))
		},
		"one weight": func(g *onnx.Graph, i int) string { return addNode(g, "Add", i, "x", "bias") },
		"inputs": func(g *onnx.Graph, i int) string {
			g.Inputs = append(g.Inputs, &onnx.Value{Name: fmt.Sprint("i", i)})
			return "x"
		},
		"functions": func(g *onnx.Graph, i int) string { return addNode(g, "Relu", i, "x") },
		"chain":     func(g *onnx.Graph, i int) string { return addNode(g, "Identity", i, g.Outputs[0].Name) },
		"sums":      func(g *onnx.Graph, i int) string { return addNode(g, "ReduceSum", i, "large") },
	} {
		t.Run(what, func(t *testing.T) {
			m := onnxtest.Model(t, "x:Nx6; y=Gemm(_, 6x5)")
			g := m.Graph
			g.Initializers = append(g.Initializers, onnx.NewFloats("bias", []float32{1, 2}, 2), onnx.NewInts("large", make([]int64, 1<<16), 1<<16))
			for i := range n {
				if last := add(g, i); what == "chain" {
					g.Outputs[0].Name = last
				}
				if what == "functions" {
					m.Functions = append(m.Functions, fmt.Sprint("own.F", i))
				}
			}
			if what == "sums" { // all of which are wanted
				for i := range n {
					whole := fmt.Sprint("c", i)
					g.Nodes = append(g.Nodes, &onnx.Node{Op: "Cast", Inputs: []string{fmt.Sprint("n", i)}, Outputs: []string{whole}, Attrs: []*onnx.Attr{onnx.IntAttr("to", int(onnx.Float))}})
					in := []string{"y", whole}
					if i > 0 {
						in[0] = fmt.Sprint("s", i-1)
					}
					g.Nodes = append(g.Nodes, &onnx.Node{Op: "Add", Inputs: in, Outputs: []string{fmt.Sprint("s", i)}})
				}
				g.Outputs[0].Name = fmt.Sprint("s", n-1)
			}
			before, start := heap(), time.Now()
			f, err := Of(m)
			if err == nil {
				f.Unsupported()
				err = f.Check()
			}
			if err == nil {
				b := nn.NewBuilder()
				o := Options{}
				if f.Heads != nil {
					o.Classes = 3
				}
				net := f.Layer(b, o)
				var parts nn.Network
				if parts, err = b.Network(); err == nil {
					_, err = net.Export(make([]float32, parts.Size()))
				}
			}
			if got, d := heap()-before, time.Since(start); got > 2<<30 || d > 60*time.Second {
				t.Errorf("%d bytes, %v", got, d)
			}
			if want := what == "sums" || what == "inputs"; (err != nil) != want {
				t.Error(err)
			}
		})
	}
}

func addNode(g *onnx.Graph, op string, i int, in ...string) string {
	out := fmt.Sprint("n", i)
	g.Nodes = append(g.Nodes, &onnx.Node{Op: op, Inputs: in, Outputs: []string{out}})
	return out
}

// Functions that a file defines itself are an error where they are used.
func TestFunctions(t *testing.T) {
	m := onnxtest.Model(t, "x:Nx6; own.Relu; Gemm(_, 6x5)")
	m.Functions = []string{"own.Relu"}
	if _, err := Of(m); err == nil || !strings.Contains(err.Error(), `node own.Relu "r0" is a function that the file defines itself`) {
		t.Error(err)
	}
}

func TestNoFile(t *testing.T) {
	if _, err := Find(filepath.Join(t.TempDir(), "gone.onnx")); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "gone.onnx") {
		t.Error(err)
	}
}
