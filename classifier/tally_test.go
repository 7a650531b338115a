package classifier

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/monge-ml/monge/classifier/score"
)

// The calibration error of logits is that of torchmetrics' cases, and NaN with one logit that is.
func TestCalibrationOfLogits(t *testing.T) {
	b, err := os.ReadFile("score/testdata/calibration.json")
	var g struct {
		Logits []struct {
			Classes int
			Logits  []float32
			Labels  []int
			ECE     float64
		}
	}
	if err == nil {
		err = json.Unmarshal(b, &g)
	}
	if err != nil || len(g.Logits) == 0 {
		t.Fatalf("%v, %d cases", err, len(g.Logits))
	}
	for i, want := range g.Logits {
		c := tally{Counts: score.NewCounts(want.Classes)}
		if err := c.add(want.Logits, want.Labels); err != nil {
			t.Fatal(err)
		}
		if got := float64(c.evaluation(1).ECE); !(math.Abs(got-want.ECE) < 1e-6) {
			t.Errorf("case %d: calibration error %.9g, want %.9g", i, got, want.ECE)
		}
		want.Logits[0] = float32(math.NaN())
		if err := c.add(want.Logits, want.Labels); err != nil || !math.IsNaN(float64(c.evaluation(1).ECE)) {
			t.Errorf("case %d: with a NaN it is %g, %v", i, c.evaluation(1).ECE, err)
		}
	}
}
