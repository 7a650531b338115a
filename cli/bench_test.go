package cli

import (
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/bench"
	"github.com/monge-ml/monge/train"
)

// Costs are measured in this process and, their memory, in others of the same binary.
func TestBenchCost(t *testing.T) {
	t.Setenv("MONGE_TEST_MAIN", "1")
	args := strings.Fields("bench cost --model mlp --batch 8 --repeats 2 --threads 1")
	rows, err := bench.CostRows(bench.Workload{})
	if err != nil {
		t.Fatal(err)
	}
	rows = slices.DeleteFunc(rows, func(c bench.Cost) bool { return c.Method == "sam-on" }) // the network has no norms
	var table bench.CostTable
	decode(t, mustCall(t, append(args, "--json")...), &table)
	if table.Model != "mlp" || table.Batch != 8 || table.Parameters != 26122 || table.Threads != 1 || len(table.Costs) != len(rows) {
		t.Errorf("%+v", table)
	}
	for i, c := range table.Costs {
		if c.Method != rows[i].Method || c.Ascent != rows[i].Ascent || c.Descent != rows[i].Descent || !(c.MedianS > 0) || !(c.OverSGD > 0) || !(c.OverSAM > 0) || c.PeakRSSBytes < 1e6 || c.Repeats != 2 {
			t.Errorf("%+v", c)
		}
	}
	lines := strings.Split(mustCall(t, args...), "\n")
	if head := strings.Fields(lines[0]); strings.Join(head, " ") != "method ascent descent median ms min over sgd over sam peak MB" {
		t.Errorf("head %q", lines[0])
	}
	for i, c := range rows {
		f := strings.Fields(lines[1+i])
		if len(f) != 8 || f[0] != c.Method || f[1] != c.Ascent.String() || f[7] == "0" || i == 0 && f[5] != "1.000x" || i == 1 && f[6] != "1.000x" {
			t.Errorf("line %q", lines[1+i])
		}
	}
}

// Models complete to names, and where none fits to files; a list of them one after the other.
func TestBenchCompletion(t *testing.T) {
	for args, want := range map[string]string{
		"bench versus-pytorch --only resnet18,mobile":  "\nresnet18,mobilenet_v3_small\n",
		"bench versus-pytorch --only resnet18,resnet2": "\nresnet18,resnet20\n",
		"bench versus-pytorch --only ":                 "\nresnet18\n",
		"bench step --model clip":                      "\nclip-vit-base-patch32\n",
		"bench eval --model resnet20":                  "\nresnet20\n",
		"bench layers --model ./net":                   "\n:0\n", // files
		"compare --methods sam,m-":                     "\nsam,m-sam\n",
	} {
		out := "\n" + mustCall(t, append([]string{"__complete"}, strings.Split(args, " ")...)...)
		if !strings.Contains(out, want) || strings.Contains(args, ",") && strings.Contains(out, "\nsam,sam\n") {
			t.Errorf("%s: %q", args, out)
		}
	}
}

// The comparison along a run, and its table.
func TestBenchAscent(t *testing.T) {
	args := strings.Fields("bench ascent --method m-sam --rho .2 --max-steps 5 --every 2")
	var res ascentResult
	decode(t, mustCall(t, append(args, "--json")...), &res)
	if len(res.Steps) != 3 || res.Steps[2].Step != 4 || res.Threads == 0 {
		t.Fatalf("%+v", res)
	}
	worst, mean := res.Steps[0], train.Real(0)
	for _, s := range res.Steps {
		worst.GradCosine, worst.DeltaCosine, worst.DeltaError = min(worst.GradCosine, s.GradCosine), min(worst.DeltaCosine, s.DeltaCosine), max(worst.DeltaError, s.DeltaError)
		mean += s.GradCosine / 3
	}
	if want := (ascentSummary{worst.GradCosine, worst.DeltaCosine, worst.DeltaError}); res.Worst != want || res.Mean.GradCosine != mean || !(mean < 1 && mean > .99) {
		t.Errorf("mean %+v, worst %+v of %+v", res.Mean, res.Worst, res.Steps)
	}
	lines := strings.Split(mustCall(t, args...), "\n")
	if len(lines) != 8 || !strings.HasPrefix(strings.TrimSpace(lines[3]), "4 ") || !strings.HasPrefix(strings.TrimSpace(lines[5]), "worst ") {
		t.Errorf("%q", lines)
	}
}
