package clip

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/monge-ml/monge/onnx"
	"github.com/monge-ml/monge/onnx/export"
	"github.com/monge-ml/monge/tensor"
)

// What the ONNX model of a CLIP model takes and gives, by the names of Hugging Face's exporter.
const (
	ONNXImages      = "pixel_values"     // [image_batch, channels, height, width]
	ONNXTexts       = "input_ids"        // [text_batch, tokens], int64
	ONNXImageEmbeds = "image_embeds"     // [image_batch, projection_dim], of length 1
	ONNXTextEmbeds  = "text_embeds"      // [text_batch, projection_dim], of length 1
	ONNXLogits      = "logits_per_image" // [image_batch, text_batch], their products times the logit scale
)

// Program returns what both towers do, for [Pretrained.ONNX].
func (p *Pretrained) Program() (*export.Program, error) {
	v := p.Config.Vision
	return export.TraceParts(&p.Network, p.tape, export.Part{
		Input: ONNXImages, Output: ONNXImageEmbeds, Batch: "image_batch", Width: p.Config.Projection,
		Shape:   []int{v.Size, v.Size, v.Channels},
		Forward: func(theta, x []float32, _ int) ([]float32, error) { return p.EmbedImages(theta, x) },
	}, export.Part{
		Input: ONNXTexts, Output: ONNXTextEmbeds, Batch: "text_batch", Width: p.Config.Projection,
		Shape: []int{p.Config.Text.Length}, Length: "tokens",
		Forward: p.embedPadded,
	})
}

// embedPadded is [Model.EmbedTexts] of n texts of one length, each with anything behind its end of text.
func (p *Pretrained) embedPadded(theta, tokens []float32, n int) ([]float32, error) {
	if err := p.checkTheta(theta); err != nil {
		return nil, err
	}
	p.tape.Reset(tensor.Eval)
	p.Bind(theta, nil, false)
	return p.data(p.padded(tokens, n, p.Tokenizer.End))
}

// padded is [Model.texts] of a matrix of n rows of tokens, in which the first one that is end ends a
// text. All of it is on the tape, so that a graph can be made of it.
func (m *Model) padded(tokens []float32, n, end int) *tensor.Tensor {
	t, w := m.tape, &m.text
	length := len(tokens) / n
	t.Scope("text_model.embeddings")
	ids := t.Input(tokens, n, length)
	y := t.Add(t.EmbeddingOf(w.table.Tensor(), ids), t.Slice(w.positions.Tensor(), 0, 0, length))
	y = w.encoder.Forward(t, y)
	t.Scope("text_model.end")
	not := func(x *tensor.Tensor) *tensor.Tensor { return t.ReLU(t.Map(tensor.Affine, x, -1, 1)) } // of whole numbers: 1 for 0, else 0
	ends := not(t.Map(tensor.Abs, t.Sub(ids, t.Input([]float32{float32(end)}, 1)), 0, 0))
	first := t.Mul(ends, not(t.CumSum(ends, 1, true, false)))
	y = t.MatMul(t.Reshape(first, n, 1, length), y, false, false)
	return w.project(t, t.Reshape(y, n, m.Config.Text.Width))
}

// ONNX returns the model as an ONNX model (opset 17), with the sizes of both minibatches and the length
// of texts symbolic. Images are normalised as mean and std of its metadata say. A text ends at its first
// end-of-text token, whatever stands behind it. program is what [Pretrained.Program] returns, made if it
// is nil; extra metadata must have other keys.
func (p *Pretrained) ONNX(program *export.Program, extra map[string]string) (*onnx.Model, error) {
	if program == nil {
		var err error
		if program, err = p.Program(); err != nil {
			return nil, err
		}
	}
	metadata, err := p.onnxMetadata(extra)
	if err != nil {
		return nil, err
	}
	m, err := program.Model(p.Theta, export.Options{Name: "clip", Metadata: metadata})
	if err != nil {
		return nil, err
	}
	p.addLogits(m.Graph)
	return m, nil
}

// SaveONNX writes the model as an ONNX model, see [Pretrained.ONNX], whole or not at all.
func (p *Pretrained) SaveONNX(path string, program *export.Program, extra map[string]string) error {
	m, err := p.ONNX(program, extra)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return m.WriteFile(path)
}

// onnxMetadata says what to make of images and texts.
func (p *Pretrained) onnxMetadata(extra map[string]string) (list []onnx.Property, err error) {
	normalize := p.Preprocessor.Normalize
	all := map[string]string{
		"model": "clip", "normalize": normalize.String(), "image_size": strconv.Itoa(p.Config.Vision.Size),
		"context_length": strconv.Itoa(p.Config.Text.Length), "end_of_text": strconv.Itoa(p.Tokenizer.End),
		"logit_scale": strconv.FormatFloat(p.LogitScale(p.Theta), 'g', 6, 64),
	}
	for key, numbers := range map[string][]float32{"mean": normalize.Mean, "std": normalize.Std} {
		if numbers == nil {
			continue
		}
		b, err := json.Marshal(numbers)
		if err != nil {
			return nil, err
		}
		all[key] = string(b)
	}
	for key, value := range extra {
		if _, taken := all[key]; taken {
			return nil, fmt.Errorf("metadata %q is the model's own; choose another key", key)
		}
		all[key] = value
	}
	for _, key := range slices.Sorted(maps.Keys(all)) {
		list = append(list, onnx.Property{Key: key, Value: all[key]})
	}
	return list, nil
}

// addLogits adds how near each image and each text are.
func (p *Pretrained) addLogits(g *onnx.Graph) {
	node := func(op string, in []string, out string, attrs ...*onnx.Attr) string {
		g.Nodes = append(g.Nodes, &onnx.Node{Name: out, Op: op, Inputs: in, Outputs: []string{out}, Attrs: attrs})
		return out
	}
	g.Initializers = append(g.Initializers, onnx.NewFloats(p.scale.Name, p.scale.Export(p.Theta)))
	texts := node("Transpose", []string{ONNXTextEmbeds}, "logits/Transpose", onnx.IntsAttr("perm", 1, 0))
	near := node("MatMul", []string{ONNXImageEmbeds, texts}, "logits/MatMul")
	node("Mul", []string{near, node("Exp", []string{p.scale.Name}, "logits/Exp")}, ONNXLogits)
	g.Outputs = append(g.Outputs, &onnx.Value{Name: ONNXLogits, DType: onnx.Float, HasShape: true, Shape: []onnx.Dim{{Name: "image_batch"}, {Name: "text_batch"}}})
}
