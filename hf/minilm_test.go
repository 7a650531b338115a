package hf_test

import (
	"math"
	"os"
	"slices"
	"testing"

	"github.com/monge-ml/monge/nn/models"
)

// A published MiniLM's embeddings are those of transformers: rows averaged over the tokens, brought to length 1.
func TestMiniLM(t *testing.T) {
	dir := os.Getenv("MONGE_TEST_MINILM")
	if dir == "" {
		t.Skip("MONGE_TEST_MINILM names no directory")
	}
	e, err := models.Find(dir)
	if err != nil {
		t.Fatal(err)
	}
	const width = 384
	m, err := models.Build(dir, models.Options{Input: []int{32}, Classes: width})
	if err != nil {
		t.Fatal(err)
	}
	theta := passing(t, m)
	x := make([]float32, 64)
	if n := e.Pairs(x[:32], "A static binary fine-tunes a published network.", "", false); n != 12 {
		t.Errorf("%d tokens, want 12", n)
	}
	e.Pairs(x[32:], "Der Löwe schläft heute nicht.", "", false)
	y, err := m.Logits(theta, x)
	if err != nil {
		t.Fatal(err)
	}
	rows := [][]float32{unit(y[:width]), unit(y[width:])}
	near(t, "numbers", slices.Concat(rows[0][:4], rows[1][:4]),
		[]float64{-.0248749, .0050777, -.0440943, -.0355116, -.0725552, .0865958, -.0404059, .0201082}, 1e-5)
	var product float64
	for i, v := range rows[0] {
		product += float64(v) * float64(rows[1][i])
	}
	if math.Abs(product-.0390192) > 1e-6 {
		t.Errorf("product %.7f, want 0.0390192", product)
	}
}

// unit brings numbers to length 1.
func unit(x []float32) []float32 {
	var sum float64
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	out := slices.Clone(x)
	for i := range out {
		out[i] = float32(float64(out[i]) / math.Sqrt(sum))
	}
	return out
}
