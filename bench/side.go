package bench

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/monge-ml/monge/internal/usage"
	"github.com/monge-ml/monge/tensor"
)

// Precisions that a side computes in.
const (
	Float32  = "float32"
	BFloat16 = "bfloat16"
)

// What a side is asked for.
const (
	whatAbout  = "about"  // [Torch]
	whatTimes  = "times"  // of steps
	whatLayers = "layers" // each convolution and linear layer alone
)

// A request is a line of JSON to a process that measures. One for the same as before goes on where
// that ended; another model, or the same in another way, is built and warmed up first.
type request struct {
	What string `json:"what"`
	Workload
	Way
	Seconds float64 `json:"seconds"` // to take steps for; one is taken in any case
	Repeats int     `json:"repeats,omitempty"`
}

// A reply is the line that answers it.
type reply struct {
	Error        string    `json:"error,omitempty"`
	Times        []float64 `json:"times,omitempty"`
	PeakRSSBytes int64     `json:"peak_rss_bytes,omitempty"`
	Torch
	Jemalloc string `json:"jemalloc,omitempty"`
	Layers   []struct {
		Name      string  `json:"name"`
		ForwardS  float64 `json:"forward_s"`
		BackwardS float64 `json:"backward_s"`
	} `json:"layers,omitempty"`
}

// side is a process that answers requests.
type side struct {
	ctx    context.Context // that ends the process
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *json.Decoder
	stderr tail
	ended  bool
}

// startSide starts a command; its environment is this process's if nil.
func startSide(ctx context.Context, command, env []string) (*side, error) {
	s := &side{ctx: ctx, cmd: exec.CommandContext(ctx, command[0], command[1:]...)}
	s.cmd.Env, s.cmd.Stderr = env, &s.stderr
	s.cmd.WaitDelay = time.Second // compilers that it started may hold its output open
	in, err := s.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s.in, s.out = in, json.NewDecoder(out)
	return s, s.cmd.Start()
}

// errLate is what is wrong with an answer that takes longer than its limit.
var errLate = errors.New("not ready in time")

// ask sends a request and waits for its answer, if limit is not 0 only so long. After an error that
// was not the answer, the process has ended.
func (s *side) ask(r request, limit time.Duration) (reply, error) {
	begin := time.Now()
	if limit > 0 {
		defer time.AfterFunc(limit, func() { s.cmd.Process.Kill() }).Stop()
	}
	var answer reply
	failed := json.NewEncoder(s.in).Encode(r)
	if err := s.out.Decode(&answer); err != nil {
		ended := s.close()
		if s.ctx.Err() != nil {
			return answer, s.ctx.Err()
		}
		if limit > 0 && time.Since(begin) >= limit {
			return answer, errLate
		}
		return answer, fmt.Errorf("%s: %w: %s", filepath.Base(s.cmd.Path), cmp.Or(ended, failed, err), s.stderr.line())
	}
	if answer.Error != "" {
		return answer, errors.New(answer.Error)
	}
	return answer, nil
}

// close lets the process end.
func (s *side) close() error {
	if s == nil || s.ended {
		return nil
	}
	s.ended = true
	s.in.Close()
	defer time.AfterFunc(10*time.Second, func() { s.cmd.Process.Kill() }).Stop()
	return s.cmd.Wait()
}

// tail keeps the end of what is written.
type tail struct{ b []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	t.b = t.b[max(0, len(t.b)-4096):]
	return len(p), nil
}

// line is the last one.
func (t *tail) line() string {
	lines := strings.Split(strings.TrimSpace(string(t.b)), "\n")
	return lines[len(lines)-1]
}

// Serve answers requests for times until its input ends: this program's side of a comparison.
func Serve(in io.Reader, out io.Writer) error {
	var last request
	var step func() error
	answers := json.NewEncoder(out)
	for requests := json.NewDecoder(in); ; {
		var r request
		if err := requests.Decode(&r); err == io.EOF {
			return nil
		} else if err != nil {
			return fmt.Errorf("a request to measure: %w", err)
		}
		var err error
		if step == nil || r.Workload != last.Workload || r.Way != last.Way {
			last = r
			step, err = prepare(r)
		}
		var answer reply
		if err == nil {
			answer.Times, err = lasting(r.Seconds, step)
		}
		if err != nil {
			step, answer.Error = nil, err.Error()
		}
		answer.PeakRSSBytes = usage.Now().PeakRSS
		if err := answers.Encode(answer); err != nil {
			return err
		}
	}
}

// prepare returns what takes a workload's step, warmed up.
func prepare(r request) (step func() error, err error) {
	switch r.Precision {
	case Float32:
	case BFloat16:
		r.Ascent, r.Descent = tensor.BFloat16, tensor.BFloat16
	default:
		return nil, fmt.Errorf("no steps in precision %q; there are %s, %s", r.Precision, Float32, BFloat16)
	}
	switch r.Method {
	case methodProduct:
		if err := r.Product.check(); err != nil {
			return nil, err
		}
		step = product(r.Descent, r.Product)
	case methodEval:
		b, theta, err := newExamples(r.Workload)
		if err != nil {
			return nil, err
		}
		step = func() error { _, err := b.Model.Logits(theta, b.X); return err }
	default:
		s, err := newStepper(r.Workload)
		if err != nil {
			return nil, err
		}
		step = s.step
	}
	_, err = lasting(min(r.Seconds, 1), step)
	runtime.GC() // what made the model would be collected among the steps
	return step, err
}

// lasting returns the times of steps until some seconds are over, of one at least.
func lasting(seconds float64, step func() error) (times []float64, err error) {
	for sum := 0.; len(times) == 0 || sum < seconds; {
		begin := time.Now()
		if err := step(); err != nil {
			return nil, err
		}
		t := time.Since(begin).Seconds()
		times, sum = append(times, t), sum+t
	}
	return times, nil
}
