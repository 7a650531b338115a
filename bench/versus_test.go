package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/monge-ml/monge/internal/kernel"
)

// TestMain lets the tests run this binary as both sides of a comparison.
func TestMain(m *testing.M) {
	switch fake := os.Getenv("MONGE_TEST_SIDE"); {
	case fake == "":
		os.Exit(m.Run())
	case os.Args[1] == "bench":
		serveFake("")
	case os.Args[1] == "-c" && os.Args[2] == pytorchScript:
		serveFake(fake)
	}
}

// serveFake answers requests as a side would whose times are known; broken says by words
// what does not work.
func serveFake(broken string) {
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		var r request
		if in.Decode(&r) != nil {
			return
		}
		preloaded := os.Getenv("LD_PRELOAD") == "/nowhere/jemalloc.so"
		switch {
		case r.What == whatAbout:
			out.Encode(reply{Torch: Torch{Version: "9.1", BLAS: "Fake 2", Libraries: []string{"oneFake 3"}}, Jemalloc: "/nowhere/jemalloc.so"})
		case r.Jemalloc != preloaded:
			out.Encode(reply{Error: "LD_PRELOAD is " + os.Getenv("LD_PRELOAD")})
		case r.Compile && strings.Contains(broken, "compiled crashes"):
			fmt.Fprintln(os.Stderr, "first line\nterminate called")
			os.Exit(3)
		case r.Precision == BFloat16 && strings.Contains(broken, "no bfloat16"), r.Compile && strings.Contains(broken, "no compiler"):
			out.Encode(reply{Error: "no such thing"})
		case strings.Contains(broken, "nothing works"):
			out.Encode(reply{Error: "out of order"})
		case strings.Contains(broken, "hangs"):
			time.Sleep(time.Hour)
		default:
			out.Encode(reply{Times: []float64{fakeTime(r), 100, 0}, PeakRSSBytes: 1000 * int64(1+len(r.Way.Name()))})
		}
	}
}

// fakeTime is what a step takes in each way: float32 is best channels_last, bfloat16
// with jemalloc and compiled.
func fakeTime(r request) float64 {
	t := 8.
	if os.Args[1] == "bench" {
		t = 2
	}
	if r.ChannelsLast {
		t -= 3
	}
	if r.Precision == BFloat16 && os.Getenv("MONGE_TEST_SIDE") == "slow bfloat16" {
		return 5 * t
	}
	if r.Precision == BFloat16 {
		t /= 2
		if r.ChannelsLast {
			t += 2
		}
		if r.Jemalloc {
			t--
		}
		if r.Compile {
			t--
		}
	} else if r.Jemalloc || r.Compile {
		t++
	}
	if r.Method == "m-sam" {
		t *= 2
	}
	return t
}

// fakeVersus compares a workload with a PyTorch of which something is broken.
func fakeVersus(t *testing.T, broken string, w ...Workload) (*Versus, error) {
	t.Setenv("MONGE_TEST_SIDE", broken)
	percent := -1
	v, err := VersusPyTorch(context.Background(), VersusOptions{
		Python: Python{os.Args[0]}, Workloads: w, Rounds: 3, Threads: 2, Search: time.Hour,
		Progress: func(p int, _ string) {
			if p < percent || p > 100 {
				t.Errorf("%d%% after %d%%", p, percent)
			}
			percent = p
		},
	})
	if err == nil && percent != 100 {
		t.Errorf("the end is at %d%%", percent)
	}
	return v, err
}

// withoutBF16 makes the level one at which bfloat16 is no faster, and not compared.
func withoutBF16(t *testing.T) {
	was := kernel.Active()
	if err := kernel.SetLevel(min(was, kernel.AVX512)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = kernel.SetLevel(was) })
}

// Where bfloat16 is fast, our own step is compared in both precisions.
func TestVersusOurPrecisions(t *testing.T) {
	if kernel.Best() != kernel.AVX512BF16 {
		t.Skip("no level at which bfloat16 is faster")
	}
	was := kernel.Active()
	if err := kernel.SetLevel(kernel.AVX512BF16); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = kernel.SetLevel(was) })
	v, err := fakeVersus(t, "none", Workload{Model: "mlp-512", Batch: 2, Method: "sgd"})
	if err != nil {
		t.Fatal(err)
	}
	c := v.Results[0]
	want := []Ratio{{Float32, Float32, 4}, {Float32, BFloat16, 1}, {BFloat16, Float32, 8}, {BFloat16, BFloat16, 2}}
	if len(c.Ours) != 2 || c.Ours[1].Precision != BFloat16 || !slices.Equal(c.Ratios, want) {
		t.Errorf("%+v", c)
	}
}

func TestVersus(t *testing.T) {
	withoutBF16(t)
	v, err := fakeVersus(t, "none", Workload{Model: "resnet20", Batch: 2, Method: "m-sam"}, Workload{Model: "resnet20", Batch: 2, Method: "sgd"},
		Workload{Model: "mlp-512", Batch: 2, Method: "sgd"}, Workload{Model: "gemm1024", Method: methodProduct, Product: GemmShape{1000, 1000, 1000, "nn"}})
	if err != nil {
		t.Fatal(err)
	}
	if v.Version != "9.1" || v.BLAS != "Fake 2" || v.Rounds != 3 || v.Threads != 2 || v.CPU == "" || v.Level == "" || len(v.Results) != 4 {
		t.Errorf("%+v", v)
	}
	for i, want := range []struct {
		ours, float32, bfloat16 float64
		as                      string
		tried                   int
	}{
		{4, 10, 4, "channels_last, float32 jemalloc + compiled, bfloat16", 8},
		{2, 5, 2, "channels_last, float32 jemalloc + compiled, bfloat16", 8},
		{2, 8, 2, "plain, float32 jemalloc + compiled, bfloat16", 6},
		{2, 8, 3, "plain, float32 jemalloc, bfloat16", 4},
	} {
		c := v.Results[i]
		if len(c.Ours) != 1 || len(c.PyTorch) != 2 || len(c.Ratios) != 2 || len(c.Notes) != 0 || len(c.Tried) != want.tried {
			t.Errorf("%+v", c)
			continue
		}
		ours, a, b := c.Ours[0], c.PyTorch[0], c.PyTorch[1]
		if ours.MedianS != want.ours || a.MedianS != want.float32 || b.MedianS != want.bfloat16 || a.Way.String()+" "+b.Way.String() != want.as {
			t.Errorf("%+v, %+v, %+v; want %+v", ours, a, b, want)
		}
		if ours.Precision != Float32 || len(a.Rounds) != 3 || a.PeakRSSBytes != 1000*int64(1+len(a.Name)) {
			t.Errorf("%+v, %+v", ours, a)
		}
		if c.Ratios[0] != (Ratio{Float32, Float32, want.float32 / want.ours}) || c.Ratios[1] != (Ratio{Float32, BFloat16, want.bfloat16 / want.ours}) {
			t.Errorf("ratios %+v", c.Ratios)
		}
	}
	if c := v.Results[3]; math.Abs(c.Ours[0].GFLOPS-1) > 1e-9 || v.Results[0].Ours[0].GFLOPS != 0 {
		t.Errorf("a product of 2e9 operations in 2 s: %g GFLOP/s", c.Ours[0].GFLOPS)
	}
}

// Products beside several PyTorches, of which the best counts.
func TestGemmsVersus(t *testing.T) {
	t.Setenv("MONGE_TEST_SIDE", "none")
	shapes, done := []GemmShape{{100, 200, 300, "nt"}, {1000, 1000, 1000, "nn"}}, 0
	v, err := GemmsVersusPyTorch(context.Background(), []Python{{os.Args[0]}, {os.Args[0]}}, shapes, Float32, 3, 2, func(n int) { done = n })
	if err != nil {
		t.Fatal(err)
	}
	// ours take 2 s, theirs 8
	if r := v.Rows[1]; len(v.Rows) != 2 || done != 2 || v.Rounds != 3 || len(v.PyTorch) != 2 || r.GFLOPS != 1 || !slices.Equal(r.Torch, []float64{.25, .25}) || r.Ratio != 4 {
		t.Errorf("%+v", v)
	}
	for _, s := range []GemmShape{{0, 1, 1, "nn"}, {1, 1, 1, "tt"}, {1 << 20, 1 << 20, 1, "nn"}} {
		if _, err := GemmsVersusPyTorch(context.Background(), nil, []GemmShape{s}, Float32, 1, 2, func(int) {}); err == nil {
			t.Errorf("a product of %s was measured", s)
		}
	}
}

// What fails in PyTorch is a note, and the rest is compared.
func TestVersusFailures(t *testing.T) {
	mlp := Workload{Model: "mlp-512", Batch: 2, Method: "sgd"}
	for broken, want := range map[string]struct{ as, note string }{
		"no compiler":      {"plain, float32 jemalloc, bfloat16", "compiled, float32: no such thing"},
		"compiled crashes": {"plain, float32 jemalloc, bfloat16", "compiled, float32: " + "exit status 3: terminate called"},
		"no bfloat16":      {"plain, float32", "plain, bfloat16: no such thing"},
		"slow bfloat16":    {"plain, float32", "plain, bfloat16: 5.0 times as slow as the best in float32, so not compared"},
	} {
		v, err := fakeVersus(t, broken, mlp)
		if err != nil {
			t.Fatal(err)
		}
		var as []string
		for _, p := range v.Results[0].PyTorch {
			as = append(as, p.Way.String())
		}
		notes := v.Results[0].Notes
		name, what, _ := strings.Cut(want.note, ": ")
		if strings.Join(as, " ") != want.as || len(notes) != 1 || !strings.HasPrefix(notes[0], name+": ") || !strings.HasSuffix(notes[0], what) {
			t.Errorf("%s: best %q, notes %q; want %+v", broken, as, notes, want)
		}
	}
	if _, err := fakeVersus(t, "nothing works", mlp); err == nil || !strings.Contains(err.Error(), "mlp-512 in PyTorch: out of order") {
		t.Errorf("error %v", err)
	}
	t.Setenv("MONGE_TEST_SIDE", "")
	if _, err := VersusPyTorch(context.Background(), VersusOptions{Python: Python{"/nowhere/python3"}}); err == nil || !strings.Contains(err.Error(), "/nowhere/python3") {
		t.Errorf("error %v", err)
	}
}

// A way for which there is no time is not tried, and one that takes too long is ended.
func TestVersusTime(t *testing.T) {
	t.Setenv("MONGE_TEST_SIDE", "none")
	v, err := VersusPyTorch(context.Background(), VersusOptions{Python: Python{os.Args[0]}, Workloads: []Workload{{Model: "mlp-512", Batch: 2, Method: "sgd"}}, Rounds: 1, Threads: 1})
	if err != nil || len(v.Results[0].Tried) != 2 || len(v.Results[0].Notes) != 2 || !strings.Contains(v.Results[0].Notes[0], "jemalloc, float32: not tried") {
		t.Errorf("%+v, %v", v, err)
	}
	t.Setenv("MONGE_TEST_SIDE", "hangs")
	s, err := Python{os.Args[0]}.start(context.Background(), 1, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.ask(request{What: whatTimes}, time.Millisecond); err != errLate || !s.ended {
		t.Errorf("error %v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := VersusPyTorch(ctx, VersusOptions{Python: Python{os.Args[0]}, Workloads: mainWorkloads, Rounds: 1, Threads: 1}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}

func TestParsePython(t *testing.T) {
	for command, want := range map[string][]string{
		"/usr/bin/python3":                     {"/usr/bin/python3"},
		"  chroot /srv/sid\tpython3 ":          {"chroot", "/srv/sid", "python3"},
		`env "X=a b" Y='c "d"\' python3`:       {"env", "X=a b", `Y=c "d"\`, "python3"},
		`/opt/my\ venv/python3 "a\"\\\b" e''f`: {"/opt/my venv/python3", `a"\\b`, "ef"},
		`python3 ''`:                           {"python3", ""},
	} {
		if got, err := ParsePython(command); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s is %q, %v; want %q", command, got, err, want)
		}
	}
	for _, command := range []string{"", " ", "''", "python3 'x", `python3 "x`, `python3 \`} {
		if got, err := ParsePython(command); err == nil {
			t.Errorf("%s is %q", command, got)
		}
	}
}

func TestWorkloads(t *testing.T) {
	usual, err := Workloads(nil, false)
	if err != nil || !slices.Equal(usual, mainWorkloads) {
		t.Errorf("%v, %v", usual, err)
	}
	some, err := Workloads([]string{"resnet18", "efficientnet_b0"}, false)
	if err != nil || len(some) != 4 {
		t.Errorf("%v, %v", some, err)
	}
	if all, err := Workloads(nil, true); err != nil || len(all) != len(mainWorkloads)+len(moreWorkloads) {
		t.Errorf("%v, %v", all, err)
	}
	if _, err := Workloads([]string{"vgg"}, false); err == nil || !strings.Contains(err.Error(), `unknown model "vgg"; there are `) {
		t.Errorf("error %v", err)
	}
}

// Our side answers a line for a line, and goes on after what it can't do.
func TestServe(t *testing.T) {
	requests := `{"what":"times","model":"mlp","batch":2,"method":"m-sam","precision":"float32"}
{"what":"times","model":"mlp","batch":2,"method":"m-sam","precision":"float16"}
{"what":"times","model":"cnn","batch":2,"method":"eval","precision":"float32"}
{"what":"times","model":"vgg","batch":2,"method":"sgd","precision":"float32"}
{"what":"times","model":"gemm1024","product":{"m":16,"n":16,"k":16,"op":"nn"},"method":"product","precision":"float32"}
`
	var out strings.Builder
	if err := Serve(strings.NewReader(requests), &out); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"", `precision "float16"`, "", `unknown model "vgg"`, ""} {
		var r reply
		lines := strings.Split(out.String(), "\n")
		if err := json.Unmarshal([]byte(lines[i]), &r); err != nil || len(lines) != 6 {
			t.Fatalf("%v in %q", err, out.String())
		}
		if !strings.Contains(r.Error, want) || (r.Error == "") != (want == "") || (len(r.Times) == 1) != (want == "") {
			t.Errorf("answer %d: %+v; want %q", i, r, want)
		}
	}
	if err := Serve(strings.NewReader("{"), &out); err == nil {
		t.Error("half a request is none")
	}
}
