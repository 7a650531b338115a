package clip_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/clip"
	"github.com/monge-ml/monge/objective"
	"github.com/monge-ml/monge/optim"
	"github.com/monge-ml/monge/sam"
	"github.com/monge-ml/monge/tensor"
	"github.com/monge-ml/monge/weights"
)

// golden is testdata/torch.json.
type golden struct {
	Config json.RawMessage
	Check  struct {
		Images, Texts []float64
		Loss          float64
		Gradients     []struct {
			Name      string
			Norm, Dot float64
		}
	}
	Losses   []float64
	OpenCLIP struct {
		Config  json.RawMessage
		Tensors []struct {
			Name  string
			Shape []int
		}
		Images, Texts []float64
	}
}

func readGolden(t testing.TB) (g golden) {
	t.Helper()
	b, err := os.ReadFile("testdata/torch.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

// numbers are the numbers of testdata/gen_torch.py.
func numbers(n, salt int) []float32 {
	x := make([]float32, n)
	for i := range x {
		h := uint32(uint64(i+salt) * 2654435761)
		h ^= h >> 15
		h *= 2246822519
		h ^= h >> 13
		x[i] = float32(h&0xffff)/32768 - 1
	}
	return x
}

// load returns the script's model, by way of a directory.
func load(t testing.TB) (*clip.Model, []float32) {
	t.Helper()
	g := readGolden(t)
	c, err := clip.ParseConfig(g.Config)
	if err != nil {
		t.Fatal(err)
	}
	m, err := clip.New(c)
	if err != nil {
		t.Fatal(err)
	}
	theta, salt := make([]float32, m.Size()), 0
	m.Init(theta, 1)
	for _, p := range m.Params {
		x := numbers(p.Len(), salt)
		salt += p.Len()
		shape := p.TorchShape()
		if len(shape) == 0 {
			continue
		}
		for i := range x {
			switch {
			case len(shape) > 1:
				x[i] *= float32(math.Sqrt(6 / float64(p.Len()/shape[0])))
			case strings.Contains(p.Name, "norm") && strings.HasSuffix(p.Name, "weight"):
				x[i] = x[i]/8 + 1
			default:
				x[i] /= 8
			}
		}
		if err := p.Import(theta, x); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	state := append(m.StateDict(theta), weights.Tensor{Name: "text_model.embeddings.position_ids", DType: weights.I64, Shape: []int{1}, Ints: []int64{0}})
	f, err := os.Create(filepath.Join(dir, clip.WeightsFile))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := weights.WriteSafetensors(f, state, nil); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, clip.ConfigFile), g.Config, 0o666); err != nil {
		t.Fatal(err)
	}
	m, theta, err = clip.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return m, theta
}

// batch is the script's minibatch, whose channels come first.
func batch(n, step int) (b clip.Batch) {
	const side = 12
	torch := numbers(n*3*side*side, 7919*(step+1))
	b.Images = make([]float32, len(torch))
	for i := range n {
		for c := range 3 {
			for p := range side * side {
				b.Images[(i*side*side+p)*3+c] = torch[(i*3+c)*side*side+p]
			}
		}
		var ids []int
		for j := range 2 + (3*i+step)%8 {
			ids = append(ids, (7*i+11*j+5*step+i*j)%50)
		}
		b.Tokens = append(b.Tokens, ids)
	}
	return b
}

func compare(t *testing.T, name string, got []float32, want []float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, PyTorch has %d", name, len(got), len(want))
	}
	for i, v := range want {
		if !(math.Abs(float64(got[i])-v) <= tolerance) {
			t.Errorf("%s: number %d is %g, PyTorch's %g", name, i, got[i], v)
			return
		}
	}
}

// Embeddings to 1e-4 and gradients to 1e-3 are those of PyTorch in float64.
func TestFollowsPyTorch(t *testing.T) {
	want := readGolden(t).Check
	m, theta := load(t)
	b := batch(5, 0)
	images, err := m.EmbedImages(theta, b.Images)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "images", images, want.Images, 1e-4)
	texts, err := m.EmbedTexts(theta, b.Tokens)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "texts", texts, want.Texts, 1e-4)
	grad := make([]float32, m.Size())
	loss, err := m.Gradient(b, grad, theta, objective.Call{Weight: 1})
	if err != nil || !(math.Abs(loss-want.Loss) <= 1e-4) {
		t.Fatalf("loss %g, PyTorch's %g, %v", loss, want.Loss, err)
	}
	if len(want.Gradients) != len(m.Params) {
		t.Fatalf("%d parameters, PyTorch has %d", len(m.Params), len(want.Gradients))
	}
	for i, w := range want.Gradients {
		p := m.Params[i]
		var norm, dot float64
		salt := numbers(p.Len(), 5)
		for j, g := range p.Export(grad) {
			norm += float64(g) * float64(g)
			dot += float64(g) * float64(salt[j])
		}
		norm = math.Sqrt(norm)
		// Softmax does not feel a key's bias: that gradient is rounding alone.
		const rounding = 1e-6
		if p.Name != w.Name || !(math.Abs(norm-w.Norm) <= 1e-3*w.Norm+rounding) || !(math.Abs(dot-w.Dot) <= 5e-3*w.Norm+rounding) {
			t.Errorf("gradient of %s: norm %.6g, product %.6g; PyTorch's of %s %.6g and %.6g", p.Name, norm, dot, w.Name, w.Norm, w.Dot)
		}
	}
}

// Chunks give the gradient of the whole batch.
func TestGradientInChunks(t *testing.T) {
	m, theta := load(t)
	b := batch(7, 0)
	want := make([]float32, m.Size())
	wantLoss, err := m.Gradient(b, want, theta, objective.Call{Weight: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, chunk := range []int{1, 3, 7, 100} {
		grad := make([]float32, m.Size())
		for i := range grad {
			grad[i] = float32(math.NaN())
		}
		loss, err := m.GradientInChunks(b, chunk, grad, theta, objective.Call{Weight: 1})
		if err == nil {
			_, err = m.GradientInChunks(b, chunk, grad, theta, objective.Call{Weight: .5, Add: true})
		}
		if err != nil {
			t.Fatal(err)
		}
		var worst, top float64
		for i, v := range want {
			worst, top = max(worst, math.Abs(float64(grad[i])-1.5*float64(v))), max(top, math.Abs(float64(v)))
		}
		if !(worst <= 1e-5*top) || !(math.Abs(loss-wantLoss) <= 1e-5) {
			t.Errorf("chunks of %d: gradients differ by %.2g of the largest, losses by %.2g", chunk, worst/top, loss-wantLoss)
		}
	}
	if _, err := m.GradientInChunks(b, 0, want, theta, objective.Call{Weight: 1}); err == nil {
		t.Error("chunks of 0 were accepted")
	}
}

// minibatch is a batch's contrastive loss.
type minibatch struct {
	m *clip.Model
	b clip.Batch
}

func (o minibatch) Gradient(grad, theta []float32, c objective.Call) (float64, error) {
	return o.m.Gradient(o.b, grad, theta, c)
}

func TestTenSteps(t *testing.T) {
	m, theta := load(t)
	base, err := optim.NewSGD[float32](m.Size(), optim.SGDSettings{LR: optim.Constant(.02), Momentum: .9})
	if err != nil {
		t.Fatal(err)
	}
	settings, err := sam.Family[float32]("m-sam", sam.Params{Rho: sam.Constant(.1)})
	if err != nil {
		t.Fatal(err)
	}
	st, err := sam.New(m.Size(), base, settings)
	if err != nil {
		t.Fatal(err)
	}
	for step, want := range readGolden(t).Losses {
		res, err := st.Step(theta, minibatch{m, batch(6, step)})
		if err != nil {
			t.Fatal(err)
		}
		if !(math.Abs(res.Loss-want) <= 1e-3*want) {
			t.Fatalf("step %d: loss %.6f, PyTorch's %.6f", step, res.Loss, want)
		}
	}
}

// What a text is paired with, or how long the others are, does not change its embedding.
func TestTextsAlone(t *testing.T) {
	m, theta := load(t)
	b := batch(5, 0)
	all, err := m.EmbedTexts(theta, b.Tokens)
	if err != nil {
		t.Fatal(err)
	}
	all = slices.Clone(all)
	for i, s := range b.Tokens {
		one, err := m.EmbedTexts(theta, [][]int{s})
		if err != nil {
			t.Fatal(err)
		}
		for j, v := range one {
			if math.Abs(float64(v-all[i*len(one)+j])) > 1e-5 {
				t.Errorf("text %d: number %d is %g alone and %g among others", i, j, v, all[i*len(one)+j])
				break
			}
		}
	}
}

func TestErrors(t *testing.T) {
	m, theta := load(t)
	b := batch(2, 0)
	grad := make([]float32, m.Size())
	for want, change := range map[string]func(b *clip.Batch){
		"100 numbers are no images of 12x12x3":      func(b *clip.Batch) { b.Images = b.Images[:100] },
		"0 numbers are no images":                   func(b *clip.Batch) { b.Images = nil },
		"text 1 has 0 tokens; there must be 1 to 9": func(b *clip.Batch) { b.Tokens = [][]int{{1}, {}} },
		"text 0 has 10 tokens":                      func(b *clip.Batch) { b.Tokens = [][]int{make([]int, 10), {1}} },
		"text 0 has token 50, the vocabulary 50":    func(b *clip.Batch) { b.Tokens = [][]int{{50}, {1}} },
		"text 1 has token -5, the vocabulary 50":    func(b *clip.Batch) { b.Tokens = [][]int{{1}, {1, -5}} },
		"2 images and 1 texts are no pairs":         func(b *clip.Batch) { b.Tokens = b.Tokens[:1] },
		"there is no text":                          func(b *clip.Batch) { b.Tokens = nil },
	} {
		bad := b
		change(&bad)
		if _, err := m.Gradient(bad, grad, theta, objective.Call{Weight: 1}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	if _, err := m.EmbedImages(theta[1:], b.Images); err == nil || !strings.Contains(err.Error(), "parameters") {
		t.Errorf("error %v", err)
	}
}

func TestConfigErrors(t *testing.T) {
	for text, want := range map[string]string{
		``:                                  "not a config.json",
		`{"model_type": "siglip"}`:          `model_type is "siglip"; only "clip"`,
		`{"projection_dim": 4}`:             "model_type is missing, and there is no text_config",
		`{"text_config": {}}`:               `model_type is missing; that of a CLIP model is "clip"`,
		`{"model_type": "clip_text_model"}`: "one tower of a CLIP model",
		`{"model_type": "clip", "projection_dim": 0}`:                                "projection_dim is 0; it must be from 1",
		`{"model_type": "clip", "vision_config": {"patch_size": 5}}`:                 "not a multiple of patch_size, 5",
		`{"model_type": "clip", "text_config": {"hidden_size": 100}}`:                "text_config.hidden_size is 100, which is not a multiple of num_attention_heads, 8",
		`{"model_type": "clip", "text_config": {"num_hidden_layers": 1000000000}}`:   "text_config.num_hidden_layers is 1000000000",
		`{"model_type": "clip", "text_config": {"hidden_act": "mish"}}`:              `hidden_act is "mish"; there are gelu, `,
		`{"model_type": "clip", "text_config": {"layer_norm_eps": -0.1}}`:            "text_config.layer_norm_eps is -0.1; it must be above 0",
		`{"model_type": "clip", "vision_config": {"layer_norm_eps": 0}}`:             "vision_config.layer_norm_eps is 0; it must be above 0",
		`{"model_type": "clip", "text_config": {"Hidden_size": 4}}`:                  "text_config.Hidden_size is 4: this setting is not known here",
		`{"model_type": "clip", "vision_config_dict": {"pruned_heads": {"0": [1]}}}`: `vision_config_dict.pruned_heads is {"0": [1]}; only models where it is {}`,
		`{"model_type": "clip", "quantization_config": {"bits": 4}}`:                 "quantization_config is",
		`{"model_type": "clip", "text_config": {"eos_token_id": [1, 2]}}`:            "eos_token_id",
		`{"model_type": "clip", "vision_config": {"patch_size": [16, 32]}}`:          "vision_config.patch_size is [16, 32]; only squares",
		`{"model_type": "clip", "text_config": {"layer_norm_eps": null}}`:            "text_config.layer_norm_eps is null",
		`{"model_type": "clip", "text_config": []}`:                                  "text_config: no object of settings: it is a list",
		`{"model_type": "clip", "vision_config": {"image_size": -1}}`:                "vision_config.image_size is -1",
	} {
		if _, err := clip.ParseConfig([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", text, err, want)
		}
	}
	c, err := clip.ParseConfig([]byte(`{"model_type": "clip", "text_config": {}, "vision_config": {}}`))
	if err != nil || c != clip.DefaultConfig() {
		t.Errorf("what is left out: %+v, %v", c, err)
	}
	if _, _, err := clip.Load(t.TempDir()); err == nil || !strings.Contains(err.Error(), "config.json") {
		t.Errorf("empty directory: %v", err)
	}
}

func FuzzConfig(f *testing.F) {
	f.Add([]byte(`{"model_type": "clip", "text_config": {"hidden_size": 16}, "projection_dim": 4}`))
	f.Add([]byte(`{"model_type": "clip", "text_config": null, "vision_config": {"patch_size": 0}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := clip.ParseConfig(b)
		if err == nil && (c.Text.Width%c.Text.Heads != 0 || c.Vision.Size%c.Vision.Patch != 0 || c.Projection < 1) {
			t.Errorf("accepted %+v", c)
		}
	})
}

// Only gradients for the perturbation are computed in the ascent's precision, whole or in parts.
func TestAscentPrecision(t *testing.T) {
	m, theta := load(t)
	b := batch(5, 0)
	gradient := func(chunk int, c objective.Call) []float32 {
		t.Helper()
		c.Weight = 1
		g := make([]float32, m.Size())
		if _, err := m.GradientInChunks(b, chunk, g, theta, c); err != nil {
			t.Fatal(err)
		}
		return g
	}
	exact, chunks := gradient(5, objective.Call{}), gradient(2, objective.Call{})
	m.SetPrecision(tensor.BFloat16, tensor.Float32)
	for chunk, want := range map[int][]float32{5: exact, 2: chunks} {
		ascent := gradient(chunk, objective.Call{Ascent: true})
		if !slices.Equal(gradient(chunk, objective.Call{Perturbed: true}), want) {
			t.Errorf("chunks of %d: the descent is not in float32", chunk)
		}
		diff, size := 0., 0.
		for i, x := range want {
			diff += math.Pow(float64(x-ascent[i]), 2)
			size += math.Pow(float64(x), 2)
		}
		if r := math.Sqrt(diff / size); !(r > 0 && r < .05) {
			t.Errorf("chunks of %d: the ascent differs by %.2g of its size", chunk, r)
		}
	}
}

// The gradient of parameters that are in one tower alone is the same in chunks.
func TestOneTowerInChunks(t *testing.T) {
	m, theta := load(t)
	b := batch(7, 0)
	for _, prefix := range []string{"text_", "vis"} {
		var part []objective.Range
		for _, p := range m.Params {
			if strings.HasPrefix(p.Name, prefix) {
				part = append(part, objective.Range{From: p.Offset, To: p.Offset + p.Len()})
			}
		}
		want, grad := make([]float32, m.Size()), make([]float32, m.Size())
		c := objective.Call{Weight: 1, Ascent: true, Part: part}
		_, err := m.Gradient(b, want, theta, c)
		if err == nil {
			_, err = m.GradientInChunks(b, 3, grad, theta, c)
		}
		if err != nil {
			t.Errorf("%s: %v", prefix, err)
			continue
		}
		for i, v := range want {
			if !(math.Abs(float64(grad[i])-float64(v)) <= 1e-4) {
				t.Errorf("%s: gradient %d is %g, want %g", prefix, i, grad[i], v)
				break
			}
		}
	}
}
