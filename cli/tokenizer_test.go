package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/nn/models"
)

func init() {
	models.Register(models.Entry{Name: "loudness", Info: "one layer on whether letters are large", Input: []int{8}, Vocabulary: 8192,
		Tokenizer: func(dst []float32, text string) {
			clear(dst)
			for i, r := range text {
				if i < len(dst) && unicode.IsUpper(r) {
					dst[i] = 1
				}
			}
		},
		Build: func(b nn.Builder, o models.Options) nn.Layer { return b.Linear("fc", o.Input[0], o.Classes) },
	})
}

// A model with a tokenizer of its own is trained, evaluated and asked with it: hashed words have
// no large letters.
func TestOwnTokenizer(t *testing.T) {
	dir := t.TempDir()
	var lines strings.Builder
	for i := range 200 {
		word := fmt.Sprintf("word%c%c", 'a'+i%26, 'a'+i%7)
		fmt.Fprintf(&lines, "quiet\t%s\nloud\t%s\n", word, strings.ToUpper(word))
	}
	path := filepath.Join(dir, "a.tsv")
	if err := os.WriteFile(path, []byte(lines.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	run := filepath.Join(dir, "run")
	var trained struct {
		Accuracy float64 `json:"test_accuracy"`
	}
	decode(t, mustCall(t, "train", "--data", "text:"+path, "--size", "6", "--model", "loudness", "--epochs", "8", "--batch", "8", "--lr", ".1", "--out", run, "--json"), &trained)
	if trained.Accuracy != 1 {
		t.Errorf("%+v", trained)
	}
	mustCall(t, "train", "--resume", "--out", run)
	weights := filepath.Join(run, "weights.safetensors")
	var e struct{ Accuracy float64 }
	decode(t, mustCall(t, "eval", "--weights", weights, "--data", "text:"+path, "--split", "train", "--json"), &e)
	if e.Accuracy != 1 {
		t.Errorf("%+v", e)
	}
	var p []struct{ Top []struct{ Class string } }
	decode(t, mustCall(t, "predict", "--weights", weights, "--json", "--text", "HELLO", "--text", "hello"), &p)
	if len(p) != 2 || p[0].Top[0].Class != "loud" || p[1].Top[0].Class != "quiet" {
		t.Errorf("%+v", p)
	}
}
