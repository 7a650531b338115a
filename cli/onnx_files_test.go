package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/monge-ml/monge/internal/onnxtest"
	"github.com/monge-ml/monge/onnx"
)

// Networks of ONNX files for digits.
const (
	digitsNet = "x:Nx1x8x8; Conv(_, conv.weight:8x1x3x3, conv.bias:8){pads=1,1,1,1}; Relu; GlobalAveragePool; Flatten; Gemm(_, fc.weight:10x8, fc.bias:10){transB=1}; Softmax"
	normedNet = "x:1x1x8x8; Conv(_, conv.weight:8x1x3x3){pads=1,1,1,1}; BatchNormalization(_, bn.weight:8, bn.bias:8, bn.running_mean:8, bn.running_var:8);" +
		"Relu; GlobalAveragePool; Reshape(_, [1,8]); MatMul(_, fc.weight:8x5); Add(_, fc.bias:5)"
	lackingNet = "x:Nx1x8x8; Harm(_); own.Other; Harm; Flatten; Gemm(_, 64x10)"
	textNet    = "input_ids:int64:NxT; mask:int64:NxT; e=Gather(table:9x6, input_ids); ReduceMean{axes=[1] keepdims=0}; Gemm(_, w:6x2)"
)

// What weights show says of ONNX files, of those that can't be trained as well.
func TestShowONNX(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	onnxtest.Write(t, at("good.onnx"), digitsNet, func(m *onnx.Model) {
		m.SetProperty("classes\x1b", "\x1b[2J")
		m.ProducerVersion = "1.0"
	})
	onnxtest.Write(t, at("NORMED.ONNX"), normedNet)
	onnxtest.Write(t, at("lacking.onnx"), lackingNet)
	onnxtest.Write(t, at("two.onnx"), "x:Nx1x8x8; f=Flatten; a=Gemm(f, 64x10); c=Gemm(f, 64x10); b=Add(a, c)", func(m *onnx.Model) {
		m.Graph.Outputs = append(m.Graph.Outputs, &onnx.Value{Name: "a", DType: onnx.Float})
	})
	onnxtest.Write(t, at("odd.onnx"), "x:Nx3; y:Nx3; Add(x, y)")
	onnxtest.Write(t, at("bytes.onnx"), "x:Nx3x8x8; Cast(_){to=1}; Conv(_, 4x3x3x3); Flatten; Gemm(_, 144x5)", func(m *onnx.Model) { m.Graph.Inputs[0].DType = onnx.Uint8 })
	onnxtest.Write(t, at("bad.onnx"), "x:Nx1x8x8; Conv(_, 3x1x9x9); Flatten; Gemm(_, 64x10)")
	onnxtest.WriteBytes(t, at("cut.onnx"), onnxtest.Bytes(t, digitsNet)[:300])
	onnxtest.WriteBytes(t, at("html.onnx"), []byte("<html>404"))
	for file, c := range map[string]struct {
		code int
		says []string
	}{
		"good.onnx": {0, []string{"conv.weight  F32  [8 1 3 3]\n", "4 parameters, 170 numbers, onnx, opset 17, onnxtest 1.0\n", "inputs: \"x\" float32 [N 1 8 8]\noutputs: \"r5\" float32\n",
			"operators: 1 Conv, 1 Flatten, 1 Gemm, 1 GlobalAveragePool, 1 Relu, 1 Softmax\n", "head: Gemm \"r4\", 10 classes (weight fc.weight, bias fc.bias)\n",
			"closing: Softmax, which is no part of what is trained on classes\n", "--batch-norm restore", "metadata classes?: ?[2J\n"}},
		"NORMED.ONNX": {0, []string{"bn.weight    F32  [8]\n", "5 parameters, 133 numbers", "head: MatMul \"r5\", 5 classes (weight fc.weight, bias fc.bias)\n"}},
		"two.onnx":    {0, []string{"outputs: \"b\" float32, \"a\" float32\ntrained output: \"b\", unless --output chooses another\n", "head: Gemm \"a\", 10 classes", "head: Gemm \"c\", 10 classes"}},
		"lacking.onnx": {0, []string{"operators: 2 Harm, 1 Flatten, 1 Gemm, 1 own.Other\n", "not supported: 2 Harm, 1 own.Other\n",
			"can't be run or trained here: operators that are not supported: Harm \"r0\", own.Other \"r1\", Harm \"r2\"\n"}},
		"bytes.onnx": {0, []string{"no network that is known here, onnx", "can't be run or trained here: its input is \"x\" uint8 [N 3 8 8]: numbers of type uint8 are taken as rows of tokens alone",
			"export it with an input of float32"}},
		"odd.onnx":  {0, []string{"no network that is known here", "can't be run or trained here: its inputs are \"x\" float32 [N 3], \"y\" float32 [N 3]"}},
		"bad.onnx":  {0, []string{"can't be run or trained here: node Conv \"r0\": a kernel of [9 9] on images of [8 8]"}},
		"cut.onnx":  {exitFailed, []string{at("cut.onnx") + ": not an ONNX file, or a damaged one: it ends in the middle of a field; download it again"}},
		"html.onnx": {exitFailed, []string{at("html.onnx") + ": a web page, not an ONNX file"}},
		"gone.onnx": {exitFailed, []string{at("gone.onnx"), "no such file"}},
	} {
		code, out, stderr := call("weights", "show", at(file))
		if code != c.code || strings.ContainsRune(out+stderr, '\x1b') {
			t.Errorf("%s: exit code %d, %q%q", file, code, out, stderr)
		}
		for _, s := range c.says {
			if !strings.Contains(out+stderr, s) {
				t.Errorf("%s: %q is not said in\n%s%s", file, s, out, stderr)
			}
		}
		if code != 0 {
			continue
		}
		var doc struct {
			Format              string
			Opset               int
			Metadata            map[string]string
			Inputs, Outputs     []string
			Operators           map[string]int
			Parameters          []struct{ Name string }
			Elements            *int
			Head                *struct{ Classes int }
			Batch_norm_folded   *bool
			Unsupported         []string
			Not_trainable       string
			Closing             string
			File, DType, Weight string
		}
		decode(t, mustCall(t, "weights", "show", "--json", at(file)), &doc)
		if doc.Format != "onnx" || doc.Opset != 17 || doc.Inputs == nil || doc.Outputs == nil || doc.Operators == nil || doc.Parameters == nil || doc.Metadata == nil || doc.Unsupported == nil ||
			doc.Elements == nil || doc.Batch_norm_folded == nil || (doc.Not_trainable != "") != strings.Contains(out, "can't be run") {
			t.Errorf("%s: %+v", file, doc)
		}
		if file == "good.onnx" && (doc.Head.Classes != 10 || len(doc.Parameters) != 4 || *doc.Elements != 170 || doc.Closing != "Softmax" || !*doc.Batch_norm_folded) {
			t.Errorf("%+v", doc)
		}
		if file == "lacking.onnx" && fmt.Sprint(doc.Unsupported) != `[Harm "r0" own.Other "r1" Harm "r2"]` {
			t.Errorf("%+v", doc)
		}
	}
}

// Another output than the usual one is shown where that is asked for.
func TestShowONNXOutput(t *testing.T) {
	path := filepath.Join(t.TempDir(), "two.onnx")
	onnxtest.Write(t, path, "x:Nx1x8x8; f=Flatten; a=Gemm(f, 64x10); b=Gemm(f, 64x3)", func(m *onnx.Model) {
		m.Graph.Outputs = []*onnx.Value{{Name: "a", DType: onnx.Float}, {Name: "b", DType: onnx.Float}}
	})
	for output, want := range map[string]string{"a": `head: Gemm "a", 10 classes`, "b": `head: Gemm "b", 3 classes`} {
		if out := mustCall(t, "weights", "show", path, "--output", output); !strings.Contains(out, want) || !strings.Contains(out, "trained output: \""+output+"\"") {
			t.Errorf("no %q in %s", want, out)
		}
	}
}

// A network of a file is trained, evaluated, asked, and trained again, by commands.
func TestTrainONNX(t *testing.T) {
	dir := t.TempDir()
	file, five := filepath.Join(dir, "net.onnx"), filepath.Join(dir, "five.onnx")
	onnxtest.Write(t, file, digitsNet)
	onnxtest.Write(t, five, normedNet)
	picture := filepath.Join(dir, "a.png")
	img := image.NewGray(image.Rect(0, 0, 16, 8))
	for i := range img.Pix {
		img.Pix[i] = uint8(i * 7)
	}
	img.Set(3, 3, color.White)
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	onnxtest.WriteBytes(t, picture, b.Bytes())

	accuracy := func(weights string) float64 {
		t.Helper()
		var doc struct{ Accuracy float64 }
		decode(t, mustCall(t, "eval", "--weights", weights, "--json"), &doc)
		return doc.Accuracy
	}
	guess := func(weights string) string {
		t.Helper()
		return strings.ReplaceAll(mustCall(t, "predict", "--weights", weights, "--json", picture), weights, "")
	}
	run := filepath.Join(dir, "run")
	if _, _, stderr := call("train", "--init", file, "--epochs", "1"); !strings.Contains(stderr, "train with a small learning rate, or put it back with --batch-norm restore") {
		t.Errorf("notes %q", stderr)
	}
	out := mustCall(t, "train", "--init", file, "--epochs", "1", "--lr", ".05", "--out", run, "--json")
	var result struct {
		Test_accuracy float64
		Best          struct{ Test_accuracy float64 }
	}
	decode(t, out, &result)
	for graph, weights := range map[string]string{"model.onnx": "weights.safetensors", "best.onnx": "best.safetensors"} {
		want := result.Test_accuracy
		if graph == "best.onnx" {
			want = result.Best.Test_accuracy
		}
		graph, weights = filepath.Join(run, graph), filepath.Join(run, weights)
		if a, b := accuracy(graph), accuracy(weights); a != want || b != want {
			t.Errorf("%s: accuracy %g, %s %g, the run says %g", graph, a, weights, b, want)
		}
		if a, b := guess(graph), guess(weights); a != b {
			t.Errorf("%s: %s, %s: %s", graph, a, weights, b)
		}
	}
	shown := mustCall(t, "weights", "show", filepath.Join(run, "model.onnx"))
	for _, s := range []string{`metadata classes: ["0","1","2","3","4","5","6","7","8","9"]`, "metadata input: [8,8,1]", "metadata normalize: none", "metadata sha256: ", "closing: Softmax"} {
		if !strings.Contains(shown, s) {
			t.Errorf("no %q in %s", s, shown)
		}
	}
	// again, of a file that is the run's, and with a new head of the file of five classes
	again := filepath.Join(dir, "again")
	mustCall(t, "train", "--init", filepath.Join(run, "model.onnx"), "--epochs", "1", "--batch-norm", "restore", "--out", again)
	if a, b := accuracy(filepath.Join(again, "model.onnx")), accuracy(filepath.Join(again, "weights.safetensors")); a != b {
		t.Errorf("restored: accuracy %g, folded %g", b, a)
	}
	code, _, stderr := call("train", "--init", filepath.Join(run, "model.onnx"), "--epochs", "1", "--batch-norm", "restore")
	if code != 0 || strings.Contains(stderr, "put it back") {
		t.Errorf("notes %q", stderr)
	}
	if code, _, stderr = call("train", "--init", five, "--epochs", "1"); code != exitUsage || !strings.Contains(stderr, "the file tells 5 classes apart, not 10; 'head new' begins its last layer anew") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
	fresh := filepath.Join(dir, "fresh")
	mustCall(t, "train", "--init", five, "--head", "new", "--batch-norm", "frozen", "--epochs", "1", "--out", fresh)
	if a, b := accuracy(filepath.Join(fresh, "model.onnx")), accuracy(filepath.Join(fresh, "weights.safetensors")); a != b {
		t.Errorf("new head: accuracy %g, of the weights %g", a, b)
	}

	// a directory may be moved; the weights need the network beside them
	moved := filepath.Join(dir, "moved", "run")
	if err := os.Mkdir(filepath.Dir(moved), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(run, moved); err != nil {
		t.Fatal(err)
	}
	weights := filepath.Join(moved, "weights.safetensors")
	if got := accuracy(weights); got != result.Test_accuracy {
		t.Errorf("moved: accuracy %g, want %g", got, result.Test_accuracy)
	}
	graph := filepath.Join(moved, "model.onnx")
	if err := os.Remove(graph); err != nil {
		t.Fatal(err)
	}
	want := "monge: " + weights + ": its network is in " + graph + ", which is not there: copy it beside the weights"
	for _, args := range []string{"eval --weights " + weights, "predict --weights " + weights + " " + picture} {
		if code, _, stderr := call(strings.Fields(args)...); code != exitFailed || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit code %d, %s", args, code, stderr)
		}
	}
	onnxtest.Write(t, graph, normedNet) // of another network
	if code, _, stderr := call("eval", "--weights", weights); code != exitFailed || !strings.Contains(stderr, weights+": "+graph+" beside it is the network of other weights") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}

// Names of classes can't command a terminal.
func TestClassesPrintable(t *testing.T) {
	dir := t.TempDir()
	net, picture := filepath.Join(dir, "net.onnx"), filepath.Join(dir, "a.png")
	onnxtest.Write(t, net, "x:Nx1x8x8; Flatten; Gemm(_, 64x3)", func(m *onnx.Model) { m.SetProperty("classes", `["a\u001b[31m","b\n","c"]`) })
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 8, 8))); err != nil {
		t.Fatal(err)
	}
	onnxtest.WriteBytes(t, picture, b.Bytes())
	for _, args := range [][]string{{"predict", "--weights", net, picture}, {"eval", "--weights", net}, {"eval", "--weights", net, "--classes", "0,1,2"}} {
		_, out, stderr := call(args...)
		if strings.Contains(out+stderr, "\x1b") || !strings.Contains(out+stderr, "a?[31m") && args[len(args)-1] != "0,1,2" {
			t.Errorf("%q: %q%q", args, out, stderr)
		}
	}
}

// What commands say of ONNX files that they can't use.
func TestONNXFileErrors(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for name, text := range map[string]string{"net": digitsNet, "five": normedNet, "lacking": lackingNet, "text": textNet, "open": strings.Replace(digitsNet, "8x8", "HxW", 1),
		"seg": "x:Nx1x8x8; Conv(_, 4x1x1x1); Tanh", "openseg": "x:Nx1xHxW; Conv(_, 4x1x1x1); Tanh", "rows": "x:NxK; MatMul(_, w:64x10); Tanh"} {
		onnxtest.Write(t, at(name+".onnx"), text)
	}
	onnxtest.WriteBytes(t, at("cut.onnx"), onnxtest.Bytes(t, digitsNet)[:300])
	onnxtest.WriteBytes(t, at("t.tsv"), []byte(strings.Repeat("0\ta film\n1\tanother film\n", 20)))
	onnxtest.WriteBytes(t, at("s.toml"), []byte("[base]\nmodel = \""+at("net.onnx")+"\"\n[[grid]]\nlr = [0.1]\n"))
	onnxtest.WriteBytes(t, at("a.png"), []byte("harm"))
	for args, c := range map[string]struct {
		code int
		says string
	}{
		"eval --weights five.onnx":                                       {exitFailed, "five.onnx: the weights tell 5 classes apart, digits has 10"},
		"eval --weights net.onnx --model cnn":                            {exitUsage, "net.onnx holds its own network: leave --model and --norm off"},
		"eval --weights net.onnx --norm batch":                           {exitUsage, "leave --model and --norm off"},
		"eval --weights net.onnx --weights-key ema":                      {exitFailed, "net.onnx: it holds one network"},
		"eval --weights net.onnx --channels bgr":                         {exitFailed, "channels of images can't be exchanged"},
		"eval --weights net.onnx --channels grb":                         {exitUsage, `--channels "grb"; there are rgb, bgr`},
		"eval --weights net.onnx --output y":                             {exitFailed, `net.onnx: there is no output "y" of floating point; there are "r5"`},
		"weights convert net.onnx DIR/o.onnx --output y":                 {exitFailed, `net.onnx: there is no output "y" of floating point; there are "r5"`},
		"train --epochs 1 --init net.onnx --output y":                    {exitUsage, `net.onnx: there is no output "y" of floating point; there are "r5"`},
		"train --epochs 1 --output y":                                    {exitUsage, "output is for networks of ONNX files: give init as well"},
		"eval --weights net.onnx --size 9x9":                             {exitFailed, "net.onnx is for inputs of shape [9 9 1], those of digits have [8 8 1]"},
		"eval --weights lacking.onnx":                                    {exitFailed, `lacking.onnx: it has operators that are not supported: Harm "r0", own.Other "r1", Harm "r2"`},
		"eval --weights cut.onnx":                                        {exitFailed, "cut.onnx: not an ONNX file, or a damaged one"},
		"eval --weights gone.onnx":                                       {exitFailed, "gone.onnx: no such file"},
		"eval --weights text.onnx --data text:DIR/t.tsv --split train":   {exitFailed, "text.onnx: the file was not saved here, and its words are not the network's"},
		"predict --weights text.onnx --text film":                        {exitFailed, "its words are not the network's"},
		"predict --weights seg.onnx DIR/a.png":                           {exitFailed, `seg.onnx: the output "r1" has shape [2 4 8 8]: a classifier's is a row of numbers for each input`},
		"predict --weights seg.onnx --classes a,b DIR/a.png":             {exitFailed, `the output "r1" has shape`},
		"eval --weights seg.onnx":                                        {exitFailed, `the output "r1" has shape`},
		"predict --weights openseg.onnx DIR/a.png":                       {exitFailed, `name the classes in their order (--classes a,b,...); at a usual size of inputs there are none: the output "r1" has shape [2 4 224 224]`},
		"weights convert rows.onnx DIR/o.onnx":                           {exitFailed, "rows.onnx: no layer of the file is known to make the outputs: name the classes in their order (--classes a,b,...)"},
		"eval --weights rows.onnx":                                       {0, "those of the data are taken in their order"},
		"weights show net.onnx --weights-key ema":                        {exitUsage, "--weights-key is not for ONNX files: net.onnx holds one network"},
		"weights show net.onnx --output y":                               {exitFailed, `net.onnx: there is no output "y" of floating point; there are "r5"`},
		"weights show DIR/a.png --output y":                              {exitUsage, "--output is for ONNX files"},
		"predict --weights net.onnx --text film":                         {exitFailed, "net.onnx is for images of shape [8 8 1], not for texts"},
		"predict --weights open.onnx DIR/a.png":                          {exitFailed, "open.onnx: the file leaves the size of its inputs open: say it with --size"},
		"train --epochs 1 --init text.onnx --data text:DIR/t.tsv":        {exitUsage, "its words are not the network's"},
		"train --epochs 1 --init lacking.onnx":                           {exitUsage, "lacking.onnx: it has operators that are not supported"},
		"train --epochs 1 --init cut.onnx":                               {exitUsage, "cut.onnx: not an ONNX file"},
		"train --epochs 1 --init gone.onnx":                              {exitUsage, "gone.onnx: no such file"},
		"train --epochs 1 --model net.onnx":                              {exitUsage, "model is a file, DIR/net.onnx: give it as init"},
		"train --epochs 1 --init net.onnx --model cnn":                   {exitUsage, "leave model off"},
		"train --epochs 1 --init net.onnx --norm group":                  {exitUsage, "that of a file has its own"},
		"train --epochs 1 --batch-norm restore":                          {exitUsage, "batch-norm restore is for a network of a file"},
		"train --epochs 1 --batch-norm harm":                             {exitUsage, `unknown batch-norm "harm"; there are frozen, restore`},
		"train --epochs 1 --channels bgr":                                {exitUsage, "channels is for a network of a file"},
		"train --epochs 1 --init net.onnx --batch-norm frozen":           {exitUsage, "the network has no batch normalisation"},
		"train --epochs 1 --init net.onnx --freeze *":                    {exitUsage, "leave no parameter to train"},
		"data info net.onnx":                                             {exitUsage, "unknown data set"},
		"study run DIR/s.toml --out DIR/study":                           {exitUsage, "model is a file, DIR/net.onnx: give it as init"},
		"bench step --model lacking.onnx --batch 2 --repeats 1":          {exitUsage, `operators that are not supported: Harm "r0"`},
		"bench eval --model gone.onnx --batch 2 --repeats 1":             {exitUsage, "gone.onnx: no such file"},
		"bench layers --model cut.onnx --batch 2 --repeats 1":            {exitUsage, "cut.onnx: not an ONNX file"},
		"weights convert cut.onnx DIR/o.safetensors":                     {exitFailed, "cut.onnx: not an ONNX file"},
		"weights convert net.onnx DIR/o.onnx --model cnn":                {exitUsage, "holds its own network"},
		"weights diff net.onnx cut.onnx":                                 {exitFailed, "cut.onnx: not an ONNX file"},
		"weights show gone.onnx":                                         {exitFailed, "gone.onnx: no such file"},
		"align embed --model net.onnx --pairs pairs:DIR/p --out DIR/out": {exitFailed, ""},
	} {
		list := strings.Fields(strings.ReplaceAll(args, "DIR", dir))
		for i, a := range list {
			if strings.HasSuffix(a, ".onnx") && !filepath.IsAbs(a) {
				list[i] = at(a)
			}
		}
		code, out, stderr := call(list...)
		says := strings.ReplaceAll(c.says, "DIR", dir)
		if code != c.code || !strings.Contains(stderr, says) || strings.Contains(stderr, "onnx: "+at("")) {
			t.Errorf("%s: exit code %d, want %d and %q: %s%s", args, code, c.code, says, out, stderr)
		}
	}
}

// A study goes over settings of networks that files hold.
func TestStudyONNX(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "net.onnx")
	onnxtest.Write(t, file, digitsNet)
	toml, err := json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	onnxtest.WriteBytes(t, filepath.Join(dir, "s.toml"), []byte("[base]\nepochs = 1\nsubset = 64\ninit = "+string(toml)+"\n[[grid]]\nbatch_norm = [\"\", \"restore\"]\n"))
	out := filepath.Join(dir, "study")
	mustCall(t, "study", "run", filepath.Join(dir, "s.toml"), "--out", out)
	found, err := filepath.Glob(filepath.Join(out, "cells", "*", "model.onnx"))
	if err != nil || len(found) != 2 {
		t.Errorf("%v, %v", found, err)
	}
}

// Weights that are NaN or infinite are said by every command that uses them: which file, which tensor,
// and how many.
func TestNotFinite(t *testing.T) {
	dir := t.TempDir()
	path, digits := filepath.Join(dir, "nan.onnx"), filepath.Join(dir, "a.png")
	onnxtest.Write(t, path, strings.ReplaceAll(strings.ReplaceAll(normedNet, "8x5", "8x10"), "fc.bias:5", "fc.bias:10"), func(m *onnx.Model) {
		for _, x := range m.Graph.Initializers {
			v, err := x.Floats()
			switch x.Name {
			case "fc.weight":
				v[3], v[4] = float32(math.NaN()), float32(math.Inf(1))
			case "bn.running_var":
				v[0] = float32(math.Inf(1))
			default:
				continue
			}
			if err == nil {
				err = x.SetFloats(v)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	})
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 8, 8))); err != nil {
		t.Fatal(err)
	}
	onnxtest.WriteBytes(t, digits, b.Bytes())
	for _, args := range [][]string{
		{"train", "--init", path}, {"eval", "--weights", path}, {"predict", "--weights", path, digits},
		{"weights", "convert", path, filepath.Join(dir, "b.onnx")},
	} {
		code, out, stderr := call(args...)
		for _, want := range []string{path + ": ", "2 of 80 numbers of fc.weight", "1 of 8 numbers of bn.running_var", "take an earlier checkpoint"} {
			if code == 0 || !strings.Contains(stderr, want) {
				t.Errorf("%v: exit code %d, %q not in %s%s", args, code, want, out, stderr)
			}
		}
	}
}

// Eval says what train does of data in grey for a network that takes colour.
func TestEvalChannels(t *testing.T) {
	for _, size := range []string{"8x8", "HxW"} {
		path := filepath.Join(t.TempDir(), "net.onnx")
		onnxtest.Write(t, path, "x:Nx3x"+size+"; Conv(_, 8x3x3x3); GlobalAveragePool; Flatten; Gemm(_, fc.weight:8x10)")
		code, _, stderr := call("eval", "--weights", path)
		if code != exitFailed || !strings.Contains(stderr, path+": the network is for images in colour, the data's are in grey") {
			t.Errorf("%s: exit code %d, %q", size, code, stderr)
		}
	}
}
