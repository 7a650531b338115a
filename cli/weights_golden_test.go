package cli

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/internal/kernel"
)

var updateWeights = flag.Bool("update-weights", false, "write testdata/weights.json anew: go test ./cli -run SameWeights -update-weights")

// weightsFile holds the digest of the weights of each run of sameWeights, by its name. Both
// assembly levels compute the same bits.
const weightsFile = "testdata/weights.json"

// sameWeights lists runs whose weights may not change unless a change means to change them:
// a name, and the command's arguments. PAIRS and TEXTS are replaced by specs of data.
var sameWeights = func() [][2]string {
	const mlp = "train --max-steps 30 --label-noise .4 "
	list := [][2]string{
		{"sgd", mlp + "--method none"},
		{"sam", mlp + "--method sam --rho .1"},
		{"m-sam", mlp + "--method m-sam --rho .3"},
		{"m-sam-alpha", mlp + "--method m-sam --rho .3 --alpha 2"},
		{"budget", mlp + "--method m-sam --rho inf --ascent-budget .08 --budget-schedule linear,start=.1,end=1"},
		{"fisher", mlp + "--method fisher --rho .3"},
		{"asam", mlp + "--method asam --rho 1 --precondition-descent"},
		{"nesterov", mlp + "--nesterov --weight-decay 1e-3 --lr-schedule cosine,warmup=5%"},
		{"adam", mlp + "--base adam --lr 1e-3 --method sam --rho .05"},
		{"adamw", mlp + "--base adamw --lr 1e-3 --weight-decay .1"},
		{"rmsprop", mlp + "--base rmsprop --lr 1e-3 --centered --momentum .5"},
		{"lion", mlp + "--base lion --lr 1e-4 --method m-sam --rho .1"},
		{"microbatch", mlp + "--method m-sam --rho .3 --microbatch 24"},
		{"per-microbatch", mlp + "--method m-sam --rho .3 --microbatch 16 --per-microbatch"},
		{"interval", mlp + "--method m-sam --rho .3 --interval 3 --clip-norm .5"},
		{"smoothing", mlp + "--label-smoothing .1 --mixup .4 --pixel-dropout .1 --copies 2"},
		{"cnn", "train --model cnn --max-steps 6 --method m-sam --rho .1 --pad 1 --flip --cutout 2"},
		{"resnet20", "train --model resnet20 --max-steps 4 --batch 32 --method m-sam --rho .1"},
		{"resnet20-direct", "train --model resnet20 --max-steps 3 --batch 32 --method sam --rho .1 --direct-conv --microbatch 12"},
		{"resnet20-group", "train --model resnet20 --norm group --max-steps 3 --batch 32 --freeze conv1"},
		{"clip-tiny", "align train --model clip-tiny --data PAIRS --val 12 --batch 16 --max-steps 3 --lr 1e-3 --method m-sam --rho .05 --flip"},
		{"clip-tiny-chunks", "align train --model clip-tiny --data PAIRS --val 12 --batch 16 --max-steps 2 --lr 1e-3 --microbatch 8 --recompute"},
		{"bert-tiny", "train --data TEXTS --size 16 --model bert-tiny --base adamw --lr 2e-3 --max-steps 4 --method m-sam --rho .1"},
	}
	return list
}()

// The same settings give the same weights as in earlier versions, and so does a run that was
// stopped and resumed.
func TestSameWeights(t *testing.T) {
	if kernel.Active() == kernel.Portable {
		t.Skip("the portable level rounds products differently")
	}
	want := map[string]string{}
	if b, err := os.ReadFile(weightsFile); err == nil {
		decode(t, string(b), &want)
	} else if !*updateWeights {
		t.Fatal(err)
	}
	specs := strings.NewReplacer("PAIRS", colours(t, 28), "TEXTS", "debian:"+writePackages(t))
	got := map[string]string{}
	digest := func(args []string) string {
		var res struct {
			WeightsSHA256 string `json:"weights_sha256"`
		}
		decode(t, mustCall(t, append(args, "--json")...), &res)
		return res.WeightsSHA256
	}
	for _, run := range sameWeights {
		got[run[0]] = digest(strings.Fields(specs.Replace(run[1])))
	}
	half := strings.Fields(mlpHalf + filepath.Join(t.TempDir(), "run"))
	digest(append(slices.Clone(half), "--deadline", "1ns"))
	got["m-sam-resumed"] = digest(append(half, "--resume", "--deadline", "1h"))
	if *updateWeights {
		b, err := json.MarshalIndent(got, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(weightsFile, append(b, '\n'), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got["m-sam-resumed"] != got["m-sam"] {
		t.Errorf("the resumed run has the weights %s, the uninterrupted one %s", got["m-sam-resumed"], got["m-sam"])
	}
	for name, digest := range got {
		if digest != want[name] {
			t.Errorf("%s: weights %s, were %s", name, digest, want[name])
		}
	}
}

// mlpHalf is the run m-sam in a directory.
const mlpHalf = "train --max-steps 30 --label-noise .4 --method m-sam --rho .3 --out "
