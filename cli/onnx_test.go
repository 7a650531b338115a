package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/monge-ml/monge/internal/onnxtest"
)

// tensorPB is a file with a row of two floats: dimensions, type, values.
func tensorPB(a, b byte) []byte {
	return []byte{0x08, 1, 0x08, 2, 0x10, 1, 0x4a, 8, 0, 0, a, 0x40, 0, 0, b, 0x40}
}

// nodeTest writes a test in ONNX's layout: of a model, which makes one row of another.
func nodeTest(t *testing.T, dir, model string, in, out []byte) string {
	t.Helper()
	set := filepath.Join(dir, "test_data_set_0")
	if err := os.MkdirAll(set, 0o777); err != nil {
		t.Fatal(err)
	}
	onnxtest.Write(t, filepath.Join(dir, "model.onnx"), model)
	onnxtest.WriteBytes(t, filepath.Join(set, "input_0.pb"), in)
	onnxtest.WriteBytes(t, filepath.Join(set, "output_0.pb"), out)
	return dir
}

func TestONNXTest(t *testing.T) {
	root := t.TempDir()
	x := tensorPB(0, 0x40)
	good := nodeTest(t, filepath.Join(root, "some", "good"), "x:1x2; Relu", x, x)
	wrong := nodeTest(t, filepath.Join(root, "wrong"), "x:1x2; Neg", x, x)
	other := nodeTest(t, filepath.Join(root, "other"), "x:1x2; Harm", x, x)
	damaged := nodeTest(t, filepath.Join(root, "damaged"), "x:1x2; Relu", x[:5], x)
	empty := filepath.Join(root, "empty")
	if err := os.Mkdir(empty, 0o777); err != nil {
		t.Fatal(err)
	}
	for args, c := range map[string]struct {
		code        int
		out, stderr []string
	}{
		good:                      {0, []string{"1 passed, 0 failed, 0 unsupported"}, nil},
		filepath.Dir(good):        {0, []string{"1 passed, 0 failed, 0 unsupported"}, nil},
		good + " " + good:         {0, []string{"2 passed, 0 failed, 0 unsupported"}, nil},
		other:                     {0, []string{`unsupported  other: node Harm "r0": not supported`, "0 passed, 0 failed, 1 unsupported"}, nil},
		wrong:                     {exitFailed, []string{"failed  wrong: output 0: element 0 of 2 is -2, want 2", "0 passed, 1 failed, 0 unsupported"}, []string{"monge: tests failed"}},
		damaged:                   {exitFailed, []string{"failed  damaged: " + filepath.Join(damaged, "test_data_set_0", "input_0.pb") + ": not a tensor"}, []string{"tests failed"}},
		root:                      {exitFailed, []string{"1 passed, 2 failed, 1 unsupported"}, []string{"tests failed"}},
		empty:                     {exitFailed, nil, []string{empty + ": no model.onnx in it or below it"}},
		good + " " + empty:        {exitFailed, nil, []string{empty + ": no model.onnx"}},
		filepath.Join(root, "no"): {exitFailed, nil, []string{filepath.Join(root, "no"), "no such file"}},
		"":                        {exitUsage, nil, []string{"monge onnx test takes one directory or more"}},
		good + " --harm":          {exitUsage, nil, []string{"--harm"}},
	} {
		code, out, stderr := call(append([]string{"onnx", "test"}, strings.Fields(args)...)...)
		if code != c.code {
			t.Errorf("%s: exit code %d, want %d: %s%s", args, code, c.code, out, stderr)
		}
		for _, s := range c.out {
			if !strings.Contains(out, s) {
				t.Errorf("%s: no %q in %q", args, s, out)
			}
		}
		for _, s := range c.stderr {
			if !strings.Contains(stderr, s) {
				t.Errorf("%s: no %q in %q", args, s, stderr)
			}
		}
		if c.out == nil && out != "" {
			t.Errorf("%s: %q", args, out)
		}
	}
	var doc struct {
		Passed, Failed, Unsupported int
		Tests                       []struct{ Name, State, Why string }
	}
	code, out, stderr := call("onnx", "test", "--json", root)
	if err := json.Unmarshal([]byte(out), &doc); err != nil || code != exitFailed || !strings.Contains(stderr, "tests failed") {
		t.Fatal(code, stderr, err)
	}
	states := map[string]string{}
	for _, c := range doc.Tests {
		if states[c.Name] = c.State; (c.State == "passed") != (c.Why == "") {
			t.Errorf("%+v", c)
		}
	}
	if doc.Passed != 1 || doc.Failed != 2 || doc.Unsupported != 1 || states["good"] != "passed" || states["wrong"] != "failed" || states["other"] != "unsupported" || states["damaged"] != "failed" {
		t.Errorf("%+v", doc)
	}
}

// A run whose file to start from was replaced by one that can't be trained so says that it was replaced.
func TestResumeReplaced(t *testing.T) {
	dir := t.TempDir()
	net, out := filepath.Join(dir, "net.onnx"), filepath.Join(dir, "run")
	onnxtest.Write(t, net, digitsNet)
	if code, _, stderr := call("train", "--init", net, "--lr", "3e38", "--out", out, "--no-tensorboard"); code != exitFailed {
		t.Fatal(stderr)
	}
	onnxtest.Write(t, net, normedNet)
	code, _, stderr := call("train", "--resume", "--out", out)
	if code != exitUsage || !strings.Contains(stderr, "the file of init has changed since the run in "+out+" began; put it back, or start a new run: ") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}
