package supervised_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/classifier"
	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/supervised"
	"github.com/monge-ml/monge/train"
	"github.com/monge-ml/monge/weights"
)

// adapting is a run with adapters on texts that starts from another's weights.
func adapting(t *testing.T) (c train.Config, init string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "first")
	c = textConfig(t)
	c.Epochs = 1
	if _, err := runIn(t, dir, c, 0); err != nil {
		t.Fatal(err)
	}
	init = filepath.Join(dir, supervised.WeightsFile)
	supervised.Change(&c, func(s *supervised.Settings) {
		s.Init, s.LoRA = init, nn.LoRA{Rank: 3, Alpha: 6, On: []string{"query", "value", "dense"}}
	})
	c.Epochs, c.LR = 2, .05
	return c, init
}

// tensorsOf are the tensors of a file, by name.
func tensorsOf(t *testing.T, path string) map[string]weights.Tensor {
	t.Helper()
	f, err := weights.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]weights.Tensor{}
	for _, x := range f.Tensors {
		all[x.Name] = x
	}
	return all
}

// Adapters and the head are trained, and a run goes on where it stopped; what is left is the adapter by itself, and
// a network without adapters that says the same.
func TestAdapts(t *testing.T) {
	c, init := adapting(t)
	dir := filepath.Join(t.TempDir(), "run")
	if _, err := runIn(t, dir, c, 3); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	res, err := runIn(t, dir, c, 0)
	if err != nil {
		t.Fatal(err)
	}
	r, want := do(t, c)
	if res.WeightsSHA256 != want.WeightsSHA256 {
		t.Errorf("resumed: weights %.8s, want %.8s", res.WeightsSHA256, want.WeightsSHA256)
	}
	before, after, adapter := tensorsOf(t, init), tensorsOf(t, filepath.Join(dir, supervised.WeightsFile)), tensorsOf(t, filepath.Join(dir, supervised.AdapterDir, "adapter_model.safetensors"))
	if len(before) != len(after) {
		t.Fatalf("%d tensors, %d before", len(after), len(before))
	}
	trained := 0
	for name, x := range after {
		layer := strings.TrimSuffix(name, ".weight")
		_, adapted := adapter["base_model.model."+layer+".lora_A.weight"]
		_, head := adapter["base_model.model."+name]
		if head {
			adapted = true
		}
		if got := !slices.Equal(x.Data, before[name].Data); got != adapted {
			t.Errorf("%s: changed %v, adapted %v", name, got, adapted)
		}
	}
	for _, x := range adapter {
		trained += len(x.Data)
	}
	if trained != r.Size() {
		t.Errorf("the adapter has %d numbers, %d are trained", trained, r.Size())
	}
	grouped := c
	grouped.LayerDecay, grouped.WeightDecay, grouped.DecayOn = .9, .1, "weights"
	if _, err := train.New(grouped); err != nil {
		t.Errorf("with groups of parameters: %v", err)
	}
	// the network that was merged says what the one with adapters said at its end
	k, err := classifier.Load(filepath.Join(dir, supervised.WeightsFile), classifier.Options{})
	if err != nil {
		t.Fatal(err)
	}
	task := r.Task.(*supervised.Task)
	e, err := classifier.Evaluate(context.Background(), k.Net, k.Theta, task.Data.Test, task.Normalize)
	if err != nil || math.Abs(float64(e.Loss-want.Test.Get("loss"))) > 1e-5 {
		t.Errorf("merged the loss is %g, with adapters %g, %v", e.Loss, want.Test.Get("loss"), err)
	}
	b, err := os.ReadFile(filepath.Join(dir, supervised.BestAdapterDir, "adapter_config.json"))
	var config struct {
		Base   string   `json:"base_model_name_or_path"`
		R      int      `json:"r"`
		Alpha  float64  `json:"lora_alpha"`
		Layers []string `json:"target_modules"`
		Saved  []string `json:"modules_to_save"`
	}
	if err == nil {
		err = json.Unmarshal(b, &config)
	}
	if err != nil || config.Base != init || config.R != 3 || config.Alpha != 6 || !slices.Equal(config.Saved, []string{"classifier"}) || len(config.Layers) == 0 || slices.Contains(config.Layers, "classifier") {
		t.Errorf("%s, %v", b, err)
	}
}

// All but the last layer is frozen by a word, beside patterns.
func TestFreezeTrunk(t *testing.T) {
	c := uneven(t)
	supervised.Change(&c, func(s *supervised.Settings) { s.Freeze = []string{"trunk"} })
	r, err := train.New(c)
	if err != nil || r.Size() != 128*3+3 {
		t.Fatalf("%v", err)
	}
	supervised.Change(&c, func(s *supervised.Settings) { s.Freeze = []string{"layers.2.bias", "trunk"} })
	if r, err = train.New(c); err != nil || r.Size() != 128*3 {
		t.Fatalf("%v", err)
	}
	supervised.Change(&c, func(s *supervised.Settings) { s.Freeze = []string{"trunk", "layers.2"} })
	if _, err = train.New(c); err == nil || !strings.Contains(err.Error(), "no parameter to train") {
		t.Errorf("error %v", err)
	}
}

func TestAdaptersOfNoUse(t *testing.T) {
	for want, l := range map[string]nn.LoRA{
		"lora is -1": {Rank: -1}, "lora-on has no use without lora": {On: []string{"a"}}, "lora-alpha has no use without lora": {Alpha: 1}, "lora-alpha is -1": {Rank: 1, Alpha: -1},
		`pattern "["`: {Rank: 1, On: []string{"["}}, "lora-on is layers.2, the linear layers beside the head are layers.0, layers.1": {Rank: 1, On: []string{"layers.2"}},
	} {
		c := uneven(t)
		supervised.Change(&c, func(s *supervised.Settings) { s.LoRA = l })
		if _, err := train.New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: error %v", l, err)
		}
	}
	c := brief(func(s *supervised.Settings) { s.Model, s.Data, s.LoRA = "cnn", "digits", nn.LoRA{Rank: 1} })
	if _, err := train.New(c); err == nil || !strings.Contains(err.Error(), "lora: ") {
		t.Errorf("error %v", err)
	}
	c = uneven(t)
	supervised.Change(&c, func(s *supervised.Settings) { s.LoRA = nn.LoRA{Rank: 1} })
	if r, err := train.New(c); err != nil || !strings.Contains(strings.Join(r.Notes(), "\n"), "lora adapts a network of random weights") {
		t.Errorf("notes of a network without weights, %v", err)
	}
}
