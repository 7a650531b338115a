package clip_test

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/clip"
	"github.com/monge-ml/monge/internal/onnxruntime"
	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/onnx"
)

// exported are models of all kinds, moved so that each parameter has a part in the result.
func exported(t *testing.T) map[string]*clip.Pretrained {
	t.Helper()
	open, err := clip.Open(largeOpenCLIP(t))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]*clip.Pretrained{
		"clip-tiny": begin(t, clip.Options{Seed: 3}), "OpenCLIP": open,
		"adapters": begin(t, clip.Options{Seed: 3, LoRA: &nn.LoRA{Rank: 2}}),
		"frozen":   begin(t, clip.Options{Seed: 3, Freeze: []string{"vision_model", "logit_scale"}, Checkpoint: true}),
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		p, rng := all[name], rand.New(rand.NewPCG(1, 2))
		for i := range p.Theta {
			p.Theta[i] += .05 * float32(rng.NormFloat64())
		}
	}
	return all
}

// What an ONNX model says of itself.
func TestONNXStructure(t *testing.T) {
	p := exported(t)["clip-tiny"]
	m, err := p.ONNX(nil, map[string]string{"a": "b"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, v := range slices.Concat(m.Graph.Inputs, m.Graph.Outputs) {
		line := fmt.Sprint(v.Name, " ", v.DType)
		for _, d := range v.Shape {
			if line += " " + d.Name; d.Set {
				line += fmt.Sprint(d.Size)
			}
		}
		got = append(got, line)
	}
	want := []string{
		"pixel_values float32 image_batch 3 32 32", "input_ids int64 text_batch tokens",
		"image_embeds float32 image_batch 64", "text_embeds float32 text_batch 64", "logits_per_image float32 image_batch text_batch",
	}
	if !slices.Equal(got, want) {
		t.Errorf("inputs and outputs %q, want %q", got, want)
	}
	for key, want := range map[string]string{
		"a": "b", "model": "clip", "mean": "[0.48145467,0.4578275,0.40821072]", "std": "[0.26862955,0.2613026,0.2757771]",
		"image_size": "32", "context_length": "32", "end_of_text": fmt.Sprint(p.Tokenizer.End), "logit_scale": fmt.Sprintf("%.6g", p.LogitScale(p.Theta)),
	} {
		if v, _ := m.Property(key); v != want {
			t.Errorf("%s is %q, want %q", key, v, want)
		}
	}
	for _, s := range p.StateDict(p.Theta) {
		x := m.Graph.Initializer(s.Name)
		if x == nil {
			t.Errorf("%s is missing", s.Name)
			continue
		}
		if data, err := x.Floats(); err != nil || !slices.Equal(data, s.Data) || !slices.Equal(x.Dims, s.Shape) {
			t.Errorf("%s: shape %v, want %v, error %v, or other numbers", s.Name, x.Dims, s.Shape, err)
		}
	}
	counts := map[string]int{}
	for _, n := range m.Graph.Nodes {
		counts[n.Op]++
	}
	for op, want := range map[string]int{"Conv": 1, "Softmax": 6, "LayerNormalization": 15, "Gather": 1, "CumSum": 1, "Exp": 1} {
		if counts[op] != want {
			t.Errorf("%d nodes %s, want %d, of %v", counts[op], op, want, counts)
		}
	}
	b, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := onnx.Parse(b); err != nil {
		t.Error(err)
	}
	if _, err := p.ONNX(nil, map[string]string{"mean": "x"}); err == nil || !strings.Contains(err.Error(), "the model's own") {
		t.Errorf("error %v", err)
	}
}

// ONNX Runtime gives the model's embeddings, for any numbers of images and texts, and texts of any
// lengths with anything behind them.
func TestONNXServed(t *testing.T) {
	onnxruntime.Need(t)
	all := exported(t)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		t.Run(name, func(t *testing.T) { served(t, all[name]) })
	}
}

func served(t *testing.T, p *clip.Pretrained) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "model.onnx")
	program, err := p.Program()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.SaveONNX(path, program, nil); err != nil {
		t.Fatal(err)
	}
	length := p.Config.Text.Length
	for _, size := range []struct{ images, tokens int }{{2, length}, {3, length - 1}, {1, 4}} {
		side, rng := p.Config.Vision.Size, rand.New(rand.NewPCG(5, uint64(size.tokens)))
		x, first := make([]float32, size.images*side*side*3), make([]float32, size.images*side*side*3)
		for i := range x {
			x[i] = float32(rng.NormFloat64())
			n, at, c := i/(side*side*3), i/3%(side*side), i%3
			first[(n*3+c)*side*side+at] = x[i]
		}
		images, err := p.EmbedImages(p.Theta, x)
		if err != nil {
			t.Fatal(err)
		}
		images = slices.Clone(images)
		texts, ids := someTexts(p, rng, size.tokens)
		embeds, err := p.EmbedTexts(p.Theta, texts)
		if err != nil {
			t.Fatal(err)
		}
		got := onnxruntime.Once(t, path,
			onnxruntime.Input{Name: clip.ONNXImages, Batch: onnxruntime.Batch{Dims: []int{size.images, 3, side, side}, Data: first}},
			onnxruntime.Input{Name: clip.ONNXTexts, Batch: onnxruntime.Batch{Dims: []int{len(texts), size.tokens}, Data: ids}, Whole: true})
		onnxruntime.Near(t, got[clip.ONNXImageEmbeds].Data, images)
		onnxruntime.Near(t, got[clip.ONNXTextEmbeds].Data, embeds)
		width := p.Config.Projection
		var logits []float32
		for i := range size.images {
			for j := range texts {
				sum := 0.
				for k := range width {
					sum += float64(images[i*width+k]) * float64(embeds[j*width+k])
				}
				logits = append(logits, float32(sum*p.LogitScale(p.Theta)))
			}
		}
		onnxruntime.Near(t, got[clip.ONNXLogits].Data, logits)
		if len(texts) != 5 || !slices.Equal(got[clip.ONNXLogits].Dims, []int{size.images, 5}) || !slices.Equal(got[clip.ONNXTextEmbeds].Dims, []int{5, width}) {
			t.Errorf("shapes %v, %v", got[clip.ONNXLogits].Dims, got[clip.ONNXTextEmbeds].Dims)
		}
		for i := 1; i < len(texts); i++ {
			if near(embeds[:width], embeds[i*width:][:width]) {
				t.Errorf("the test shows little: text %d is text 0", i)
			}
		}
	}
}

// someTexts returns texts of all lengths up to a number of tokens, and the same with rows of that many,
// in which anything stands behind their end.
func someTexts(p *clip.Pretrained, rng *rand.Rand, tokens int) (texts [][]int, ids []float32) {
	end := p.Tokenizer.End
	for i, n := range []int{tokens, 1, tokens / 2, 2, tokens - 1} {
		var text []int
		for range n - 1 {
			text = append(text, rng.IntN(end))
		}
		texts = append(texts, append(text, end))
		for _, id := range texts[i] {
			ids = append(ids, float32(id))
		}
		for k := range tokens - n {
			ids = append(ids, float32([]int{end, 0, rng.IntN(end)}[(i+k)%3]))
		}
	}
	return texts, ids
}

// near reports whether two unit vectors are about the same.
func near(a, b []float32) bool {
	sum := 0.
	for i, v := range a {
		sum += math.Abs(float64(v - b[i]))
	}
	return sum < 1e-2
}
