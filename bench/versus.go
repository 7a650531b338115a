package bench

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

//go:embed pytorch.py
var pytorchScript string

// DefaultPython is the interpreter that Debian's python3-torch serves.
const DefaultPython = "/usr/bin/python3"

// A Workload is a training step to compare, or with method "eval" the logits of a
// minibatch without gradients.
type Workload struct {
	Model      string `json:"model"`
	Batch      int    `json:"batch"`
	Method     string `json:"method"`
	Microbatch int    `json:"microbatch,omitempty"`  // pairs at a time, of a CLIP model; 0 means all
	Direct     bool   `json:"direct_conv,omitempty"` // convolutions without Winograd's algorithm
	// Size is the side of the images of a file's network whose size is open; 0 means 224.
	Size int `json:"size,omitempty"`
}

// methodEval is the method of a workload that does not train.
const methodEval = "eval"

// Workloads are what a comparison runs.
var Workloads = []Workload{
	{Model: "resnet18", Batch: 32, Method: "m-sam"}, {Model: "resnet18", Batch: 32, Method: "sgd"},
	{Model: "resnet20", Batch: 128, Method: "m-sam"}, {Model: "resnet20", Batch: 128, Method: "sgd"},
	{Model: "mlp-512", Batch: 128, Method: "m-sam"}, {Model: "mlp-512", Batch: 128, Method: "sgd"},
	{Model: "vit-tiny", Batch: 128, Method: "m-sam"}, {Model: "vit-tiny", Batch: 128, Method: "sgd"},
	{Model: "clip-vit-base-patch32", Batch: 16, Method: "m-sam"}, {Model: "clip-vit-base-patch32", Batch: 16, Method: "sgd"},
	{Model: "bert-base", Batch: 16, Method: "m-sam"}, {Model: "bert-base", Batch: 16, Method: "sgd"},
	{Model: "resnet18", Batch: 128, Method: methodEval}, {Model: "resnet20", Batch: 128, Method: methodEval},
	{Model: "mobilenet_v3_small", Batch: 16, Method: "m-sam"},
	{Model: "efficientnet_b0", Batch: 16, Method: "m-sam"},
	{Model: "efficientnet_lite0", Batch: 16, Method: "m-sam"},
	{Model: "resnet18-imagenet", Batch: 16, Method: "m-sam"},
}

// exported are the models of a comparison that PyTorch has and writes as an ONNX file, with its
// batch normalisation kept, which is what is run here.
var exported = []string{"mobilenet_v3_small", "efficientnet_b0", "efficientnet_lite0", "resnet18-imagenet"}

// large are the models whose steps take seconds.
var large = []string{"clip-vit-base-patch32", "bert-base"}

// A variant is a way to run PyTorch.
type variant struct {
	Name string
	args []string
	env  []string
}

// variants returns the ways to run PyTorch that are worth trying on this machine.
func variants() []variant {
	v := []variant{{Name: "plain"}, {Name: "channels_last", args: []string{"channels_last"}}}
	if lib := jemalloc(); lib != "" {
		v = append(v, variant{Name: "channels_last + jemalloc", args: []string{"channels_last"}, env: []string{"LD_PRELOAD=" + lib}})
	}
	return v
}

func jemalloc() string {
	found, _ := filepath.Glob("/usr/lib/*/libjemalloc.so.2")
	if len(found) == 0 {
		return ""
	}
	return found[0]
}

// Side is one side's measurements of a workload.
type Side struct {
	Name         string    `json:"name"`
	MedianS      float64   `json:"median_s"` // of the rounds' medians
	Rounds       []float64 `json:"rounds"`   // a round's median step
	PeakRSSBytes int64     `json:"peak_rss_bytes"`
}

func (s *Side) add(times []float64, rss int64) {
	s.Rounds = append(s.Rounds, median(times))
	s.MedianS = median(s.Rounds)
	s.PeakRSSBytes = max(s.PeakRSSBytes, rss)
}

// Comparison is a workload on both sides; Ratio is the best of PyTorch's medians over
// ours.
type Comparison struct {
	Workload
	Ours    Side    `json:"ours"`
	PyTorch []Side  `json:"pytorch"`
	Best    string  `json:"best"` // of PyTorch's variants
	Ratio   float64 `json:"ratio"`
}

// Versus is the outcome of [VersusPyTorch].
type Versus struct {
	CPU     string       `json:"cpu"`
	Torch   string       `json:"torch"`
	Rounds  int          `json:"rounds"`
	Results []Comparison `json:"results"`
	Machine
}

// FindPyTorch returns an error that says what is missing if PyTorch can't be run at its
// best.
func FindPyTorch(python string) error {
	out, err := exec.Command(python, "-c", "import torch; torch.randn(8, 8) @ torch.randn(8, 8); print(open('/proc/self/maps').read())").CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s can't import torch (on Debian: apt-get install python3-torch libopenblas0-pthread): %v %s", python, err, lastLine(out))
	}
	if !bytes.Contains(out, []byte("openblas")) && !bytes.Contains(out, []byte("mkl")) {
		return errors.New("PyTorch runs on a slow reference BLAS, which would make the comparison unfair (on Debian: apt-get install libopenblas0-pthread)")
	}
	return nil
}

// VersusPyTorch runs every workload in turn on both sides, rounds times, each time in a
// fresh process, PyTorch in every variant, as an interpreter of Python has it. Progress is told
// of each measurement when it is done.
func VersusPyTorch(ctx context.Context, python string, workloads []Workload, rounds, threads int, progress func(done, all int, what string)) (*Versus, error) {
	if err := FindPyTorch(python); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "monge-versus")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	v := &Versus{CPU: cpuName(), Rounds: rounds, Machine: ThisMachine()}
	v.Threads = threads
	ways := variants()
	done, all := 0, len(workloads)*rounds*(len(ways)+1)
	tell := func(what string) {
		done++
		if progress != nil {
			progress(done, all, what)
		}
	}
	for _, w := range workloads {
		c := Comparison{Workload: w, Ours: Side{Name: "monge"}}
		for _, way := range ways {
			c.PyTorch = append(c.PyTorch, Side{Name: way.Name})
		}
		mine := w
		if slices.Contains(exported, w.Model) {
			mine.Model = filepath.Join(dir, w.Model+".onnx")
			if _, err := pytorchOnce(ctx, python, variant{args: []string{mine.Model}}, threads, "export", w.Model, "2", "-", "1"); err != nil {
				return v, fmt.Errorf("%s as an ONNX file (torchvision, and from PyTorch 2 on onnx, are needed beside torch): %w", w.Model, err)
			}
		}
		for range rounds {
			times, rss, err := oursOnce(ctx, self, mine, threads, repeatsFor(w))
			if err != nil {
				return v, err
			}
			c.Ours.add(times, rss)
			tell(w.Model + " monge")
			for i, way := range ways {
				out, err := pytorchOnce(ctx, python, way, threads, w.what(), w.Model, strconv.Itoa(w.Batch), w.Method, repeatsFor(w))
				if err != nil {
					return v, err
				}
				v.Torch = out.Torch
				c.PyTorch[i].add(out.Times, out.PeakRSSBytes)
				tell(w.Model + " PyTorch " + way.Name)
			}
		}
		best := slices.MinFunc(c.PyTorch, func(a, b Side) int { return compare(a.MedianS, b.MedianS) })
		c.Best, c.Ratio = best.Name, best.MedianS/c.Ours.MedianS
		v.Results = append(v.Results, c)
	}
	return v, nil
}

func compare(a, b float64) int {
	if a < b {
		return -1
	}
	return 1
}

// what is what pytorch.py calls the workload's kind.
func (w Workload) what() string {
	if w.Method == methodEval {
		return "eval"
	}
	return "step"
}

// repeatsFor is how many steps a round times: a second's worth or so.
func repeatsFor(w Workload) string {
	switch {
	case strings.HasPrefix(w.Model, "mlp"):
		return "50"
	case w.Method == methodEval:
		return "5"
	case slices.Contains(large, w.Model):
		return "1"
	}
	return "3"
}

func oursOnce(ctx context.Context, self string, w Workload, threads int, repeats string) ([]float64, int64, error) {
	args := []string{"bench", w.what(), "--json", "--model", w.Model, "--batch", strconv.Itoa(w.Batch),
		"--threads", strconv.Itoa(threads), "--repeats", repeats, "--winograd=" + strconv.FormatBool(!w.Direct)}
	if w.Method != methodEval {
		args = append(args, "--method", w.Method, "--microbatch", strconv.Itoa(w.Microbatch))
	}
	out, err := output(exec.CommandContext(ctx, self, args...))
	if err != nil {
		return nil, 0, err
	}
	var r struct {
		PeakRSSBytes int64 `json:"peak_rss_bytes"`
		Times
	}
	if err := json.Unmarshal(out, &r); err != nil {
		return nil, 0, fmt.Errorf("monge bench %s: %w", w.what(), err)
	}
	return []float64{r.MedianS}, r.PeakRSSBytes, nil
}

// pytorchResult is what pytorch.py prints.
type pytorchResult struct {
	Torch        string
	Times        []float64
	PeakRSSBytes int64 `json:"peak_rss_bytes"`
	Layers       []struct {
		Name      string
		ForwardS  float64 `json:"forward_s"`
		BackwardS float64 `json:"backward_s"`
	}
}

// pytorchOnce runs the script once. PyTorch gets its best: variables that choose a
// slower BLAS are removed.
func pytorchOnce(ctx context.Context, python string, way variant, threads int, what, model, batch, method, repeats string) (r pytorchResult, err error) {
	args := append([]string{"-", what, model, batch, method, strconv.Itoa(threads), repeats}, way.args...)
	cmd := exec.CommandContext(ctx, python, args...)
	cmd.Stdin = strings.NewReader(pytorchScript)
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "OPENBLAS_CORETYPE=") && !strings.HasPrefix(e, "OPENBLAS_L2_SIZE=") {
			cmd.Env = append(cmd.Env, e)
		}
	}
	cmd.Env = append(cmd.Env, way.env...)
	out, err := output(cmd)
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(out, &r); err != nil {
		return r, fmt.Errorf("pytorch.py: %w", err)
	}
	return r, nil
}

// output runs a command and returns its standard output; errors carry the last line of
// the other.
func output(cmd *exec.Cmd) ([]byte, error) {
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w: %s", filepath.Base(cmd.Path), err, lastLine(stderr.Bytes()))
	}
	return stdout.Bytes(), nil
}

func lastLine(b []byte) string {
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return lines[len(lines)-1]
}

// cpuName is the processor's name as Linux tells it.
func cpuName() string {
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown"
	}
	for _, line := range strings.Split(string(b), "\n") {
		if name, ok := strings.CutPrefix(line, "model name"); ok {
			return strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(name), ":"))
		}
	}
	return "unknown"
}
