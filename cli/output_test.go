package cli

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// full is a disk without room.
type full struct{}

var errFull = errors.New("no space left on device")

func (full) Write([]byte) (int, error) { return 0, errFull }

// printing is for each command the arguments of a call that prints something; DIR is a directory
// with a run in run, embeddings in a.safetensors and a study in study.
var printing = map[string]string{
	"monge":                       "--version",
	"monge align embed":           "--help",
	"monge align map":             "--help",
	"monge align score":           "--a DIR/a.safetensors --b DIR/a.safetensors --k 2",
	"monge align train":           "--help",
	"monge bench ascent":          "--method m-sam --rho .1 --max-steps 1",
	"monge bench conv":            "--help",
	"monge bench cost":            "--help",
	"monge bench gemm":            "--help",
	"monge bench eval":            "--help",
	"monge bench layers":          "--help",
	"monge bench peak":            "",
	"monge bench step":            "--model mlp --repeats 1",
	"monge bench versus-pytorch":  "--help",
	"monge compare":               "--methods none --seeds 1 --epochs 1 --out DIR/compare",
	"monge completion bash":       "",
	"monge completion fish":       "",
	"monge completion powershell": "",
	"monge completion zsh":        "",
	"monge data get":              "--help",
	"monge data info":             "digits",
	"monge data make":             "lines --out DIR/lines --train 1 --val 1 --test 1",
	"monge eval":                  "--weights DIR/run/weights.safetensors --data digits",
	"monge help":                  "",
	"monge models":                "",
	"monge onnx test":             "DIR/relu",
	"monge paper":                 "fig3",
	"monge predict":               "--help",
	"monge report":                "DIR/run",
	"monge runs":                  "DIR",
	"monge study report":          "DIR/study",
	"monge study run":             "DIR/study/study.toml --out DIR/study",
	"monge study show":            "text",
	"monge study status":          "DIR/study",
	"monge toy":                   "banana --start 1,1 --steps 5",
	"monge train":                 "--epochs 1 --max-steps 3",
	"monge version":               "",
	"monge weights convert":       "DIR/run/weights.safetensors DIR/b.safetensors",
	"monge weights diff":          "DIR/run/weights.safetensors DIR/run/weights.safetensors",
	"monge weights show":          "DIR/run/weights.safetensors",
}

// leaves are the commands that do something themselves.
func leaves(cmd *cobra.Command) (list []*cobra.Command) {
	if cmd.Runnable() && !cmd.Hidden && (!cmd.HasSubCommands() || !cmd.HasParent()) {
		list = append(list, cmd)
	}
	for _, c := range cmd.Commands() {
		list = append(list, leaves(c)...)
	}
	return list
}

// A command whose output could not be written fails, in its text form and as JSON.
func TestFullOutput(t *testing.T) {
	dir := t.TempDir()
	mustCall(t, "train", "--epochs", "1", "--max-steps", "3", "--out", filepath.Join(dir, "run"))
	writeEmbeddings(t, filepath.Join(dir, "a.safetensors"), 2, 1, 0, 0, 1, 1, 1, 1, -1)
	study := filepath.Join(dir, "tiny.toml")
	if err := os.WriteFile(study, []byte("[base]\nepochs = 1\n[[grid]]\nmethod = \"none\"\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	mustCall(t, "study", "run", study, "--out", filepath.Join(dir, "study"))
	x := tensorPB(0, 0x40)
	nodeTest(t, filepath.Join(dir, "relu"), "x:1x2; Relu", x, x)
	root := newRootCommand()
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, cmd := range leaves(root) {
		path := cmd.CommandPath()
		text, known := printing[path]
		if !known {
			t.Errorf("%s: give the arguments of a call that prints something", path)
			continue
		}
		args := append(strings.Fields(path)[1:], strings.Fields(strings.ReplaceAll(text, "DIR", dir))...)
		calls := [][]string{args}
		if cmd.Flags().Lookup("json") != nil && !strings.Contains(text, "--help") {
			calls = append(calls, append(args[:len(args):len(args)], "--json"))
		}
		for _, args := range calls {
			var stderr strings.Builder
			if code := run(args, full{}, &stderr); code != exitFailed || !strings.Contains(stderr.String(), errFull.Error()) {
				t.Errorf("%q: exit code %d, %q", args, code, stderr.String())
			}
			if strings.Contains(text, "--out") {
				break // what it writes is there now
			}
		}
	}
}

func TestVersion(t *testing.T) {
	var v versionResult
	decode(t, mustCall(t, "version", "--json"), &v)
	text := mustCall(t, "--version")
	for _, want := range []string{v.Version, v.Go, v.Platform, v.Level} {
		if want == "" || !strings.Contains(text, want) {
			t.Errorf("%q is not in %q", want, text)
		}
	}
}
