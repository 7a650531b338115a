package bench

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"unicode"
)

//go:embed pytorch.py
var pytorchScript string

// DefaultPython is the interpreter that Debian's python3-torch serves.
const DefaultPython = "/usr/bin/python3"

// A Python is the command that runs an interpreter, as words.
type Python []string

// ParsePython splits a command as a shell splits words: at spaces, with quotes and backslashes,
// and nothing else that a shell does.
func ParsePython(command string) (Python, error) {
	var words Python
	var word []rune // nil between words
	var quote rune  // the one that is open
	escaped := false
	for _, c := range command + " " {
		switch {
		case escaped:
			if quote == '"' && c != '"' && c != '\\' {
				word = append(word, '\\')
			}
			word = append(word, c)
			escaped = false
		case c == '\\' && quote != '\'':
			escaped = true
		case quote == 0 && (c == '\'' || c == '"'):
			quote = c
			word = append([]rune{}, word...)
		case c == quote:
			quote = 0
		case quote == 0 && unicode.IsSpace(c):
			if word != nil {
				words = append(words, string(word))
			}
			word = nil
		default:
			word = append(word, c)
		}
	}
	switch {
	case word != nil: // the space that was added does not end it
		return nil, fmt.Errorf("the command %s ends within a quote or after a backslash", command)
	case len(words) == 0 || words[0] == "":
		return nil, errors.New("no command of a Python is given")
	}
	return words, nil
}

// command is the interpreter with the script. That comes as an argument, and what the script has
// to say by its output, so that the interpreter needs no file of ours.
func (p Python) command(threads int, args ...string) []string {
	return append(append(append([]string{}, p...), "-c", pytorchScript, strconv.Itoa(threads)), args...)
}

// start starts the script, PyTorch at its best: without variables that choose a slower BLAS, and
// with a library loaded before all others unless that is "".
func (p Python) start(ctx context.Context, threads int, preload string) (*side, error) {
	var env []string
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "OPENBLAS_CORETYPE=") && !strings.HasPrefix(e, "OPENBLAS_L2_SIZE=") {
			env = append(env, e)
		}
	}
	if preload != "" {
		env = append(env, "LD_PRELOAD="+preload)
	}
	return startSide(ctx, p.command(threads), env)
}

// Torch says what an interpreter's PyTorch is.
type Torch struct {
	Version   string   `json:"torch"`
	BLAS      string   `json:"blas"`
	Libraries []string `json:"libraries"` // and the instructions that it uses
	jemalloc  string   // the path of its library as the interpreter sees it, or ""
}

// FindPyTorch returns what PyTorch an interpreter has, and an error that says what is missing if it
// can't be run at its best.
func FindPyTorch(ctx context.Context, python Python) (Torch, error) {
	s, err := python.start(ctx, 1, "")
	if err != nil {
		return Torch{}, err
	}
	defer s.close()
	r, err := s.ask(request{What: whatAbout}, 0)
	if err != nil {
		return Torch{}, fmt.Errorf("%s can't import torch (on Debian: apt-get install python3-torch libopenblas0-pthread): %w", strings.Join(python, " "), err)
	}
	if r.BLAS == "" {
		return Torch{}, errors.New("PyTorch runs on a slow reference BLAS, which would make the comparison unfair (on Debian: apt-get install libopenblas0-pthread; a chroot needs its /proc, from which this is read)")
	}
	r.Torch.jemalloc = r.Jemalloc
	return r.Torch, nil
}

// export has PyTorch write a network as an ONNX file.
func (p Python) export(ctx context.Context, threads int, model, file string) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	words := p.command(threads, "export", model)
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	var stderr tail
	cmd.Stdout, cmd.Stderr = f, &stderr
	if err := errors.Join(cmd.Run(), f.Close()); err != nil {
		return fmt.Errorf("%s as an ONNX file (torchvision, and from PyTorch 2 on onnx, are needed beside torch): %w: %s", model, err, stderr.line())
	}
	return nil
}
