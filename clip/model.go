// Package clip is CLIP (Radford et al. 2021, arXiv 2103.00020): two transformers that
// bring images and texts into one space, and the contrastive loss that aligns them.
// Parameters have the names of Hugging Face's transformers.
package clip

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/objective"
	"github.com/monge-ml/monge/tensor"
)

// activations have the names of transformers, where some have several.
var activations = map[string]nn.LayerFunc{
	"quick_gelu": nn.QuickGELU, "gelu": nn.GELU, "gelu_python": nn.GELU,
	"gelu_new": nn.GELUTanh, "gelu_fast": nn.GELUTanh, "gelu_accurate": nn.GELUTanh, "gelu_pytorch_tanh": nn.GELUTanh, "gelu_python_tanh": nn.GELUTanh,
	"relu": nn.ReLU, "silu": nn.SiLU, "swish": nn.SiLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid,
}

// Activations are the names that hidden_act may have.
func Activations() []string { return slices.Sorted(maps.Keys(activations)) }

// A Model is a CLIP model. It is not safe for concurrent use.
type Model struct {
	nn.Network
	Config Config

	text, image tower
	scale       *nn.Param // logit_scale
	tape        *tensor.Tape

	ascent, descent tensor.Precision // see SetPrecision

	// Memory of the batch at hand.
	zeros       []float32
	ids, places []int
	labels      []int
	correct     int // see Correct
}

// A tower is what comes after the embeddings.
type tower struct {
	class      *nn.Param // of images alone
	patches    nn.Layer
	table      *nn.Param // of texts alone
	positions  *nn.Param
	before     nn.Layer // nil for texts
	encoder    nn.Layer
	after      nn.Layer
	projection nn.Layer
}

// A Batch is pairs of an image and a text.
type Batch struct {
	Images []float32 // one after the other, height x width x channels, normalised
	Tokens [][]int   // of each text, to the end-of-text token included
}

// Options say how a model is trained.
type Options struct {
	LoRA       *nn.LoRA // adapters of the linear layers, which alone are trained
	Freeze     []string // parameters to leave alone, see [nn.Network.Freeze]
	Seed       uint64   // of what is not read from a file
	Checkpoint bool     // keep the results of transformer layers alone, see [tensor.Tape.Checkpoint]
}

// New returns a model of a shape, whose parameters [nn.Network.Init] sets as Hugging Face's
// transformers do.
func New(c Config) (*Model, error) { return NewWith(c, Options{}) }

// NewWith is [New] with options.
func NewWith(c Config, o Options) (*Model, error) {
	c.complete()
	if err := c.check(); err != nil {
		return nil, err
	}
	b := nn.NewBuilder()
	if o.LoRA != nil {
		if err := b.Adapt(*o.LoRA); err != nil {
			return nil, err
		}
	}
	m := &Model{Config: c, tape: tensor.NewTape()}
	m.scale = b.Param("logit_scale", nn.Constant(float32(c.LogitScale)), 1)
	m.scale.Scalar = true
	m.text = textTower(b.In("text_model"), c, o)
	m.image = imageTower(b.In("vision_model"), c, o)
	m.image.projection = b.Projection("visual_projection", c.Vision.Width, c.Projection)
	m.text.projection = b.Projection("text_projection", c.Text.Width, c.Projection)
	var err error
	if m.Network, err = b.Network(); err != nil {
		return nil, err
	}
	for _, p := range m.Params {
		switch {
		case strings.HasPrefix(p.Name, "text_"):
			initialise(p, c.Text.TowerConfig)
		case strings.HasPrefix(p.Name, "vis"):
			initialise(p, c.Vision.TowerConfig)
		}
	}
	if len(o.Freeze) > 0 {
		if err := m.Freeze(o.Freeze...); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// initialise sets how a tower's linear layers and embeddings start.
func initialise(p *nn.Param, t TowerConfig) {
	width, layers := float64(t.Width), float64(t.Layers)
	inner := math.Sqrt(1 / width / (2 * layers))
	for part, deviation := range map[string]float64{
		"q_proj.weight": inner, "k_proj.weight": inner, "v_proj.weight": inner, "out_proj.weight": math.Sqrt(1 / width),
		"fc1.weight": math.Sqrt(1 / (2 * width)), "fc2.weight": inner, "_projection.weight": math.Sqrt(1 / width),
		"class_embedding": math.Sqrt(1 / width), "_embedding.weight": .02,
	} {
		if strings.HasSuffix(p.Name, part) {
			p.Init = nn.Normal(deviation)
		}
	}
	if strings.HasSuffix(p.Name, "bias") {
		p.Init = nn.Constant(0)
	}
}

func (t TowerConfig) encoder(causal bool, o Options) nn.EncoderOptions {
	return nn.EncoderOptions{Layers: t.Layers, Width: t.Width, Heads: t.Heads, Hidden: t.Hidden, Activation: activations[t.Activation],
		Causal: causal, Checkpoint: o.Checkpoint, Epsilon: t.Epsilon}
}

func textTower(b nn.Builder, c Config, o Options) tower {
	e := b.In("embeddings")
	return tower{
		table:     e.Param("token_embedding.weight", nil, c.Text.Vocabulary, c.Text.Width),
		positions: e.Param("position_embedding.weight", nil, c.Text.Length, c.Text.Width),
		encoder:   b.Encoder("encoder", c.Text.encoder(true, o)),
		after:     b.LayerNormWith("final_layer_norm", c.Text.Width, c.Text.Epsilon),
	}
}

func imageTower(b nn.Builder, c Config, o Options) tower {
	e, v := b.In("embeddings"), c.Vision
	side := v.Size / v.Patch
	return tower{
		class:     e.Param("class_embedding", nil, v.Width),
		patches:   e.Conv2d("patch_embedding", v.Channels, v.Width, v.Patch, nn.ConvOptions{Stride: v.Patch, NoBias: true}),
		positions: e.Param("position_embedding.weight", nil, side*side+1, v.Width),
		before:    b.LayerNormWith("pre_layrnorm", v.Width, v.Epsilon), // so spelt there
		encoder:   b.Encoder("encoder", v.encoder(false, o)),
		after:     b.LayerNormWith("post_layernorm", v.Width, v.Epsilon),
	}
}

// Tape returns the tape that the model computes on, for profiles and counts of operations.
func (m *Model) Tape() *tensor.Tape { return m.tape }

// SetDirectConv says whether the model convolves directly, as [tensor.Tape.SetDirect] does.
func (m *Model) SetDirectConv(on bool) { m.tape.SetDirect(on) }

// SetPrecision says in which precision the model multiplies for gradients: those that are for the
// perturbation (see [objective.Call]), and all others. Embeddings are computed in float32.
func (m *Model) SetPrecision(ascent, descent tensor.Precision) { m.ascent, m.descent = ascent, descent }

// precisely makes a call of an objective in its precision. The caller defers what it returns.
func (m *Model) precisely(c objective.Call) (after func()) {
	if m.tape.SetPrecision(m.descent); c.Ascent {
		m.tape.SetPrecision(m.ascent)
	}
	return func() { m.tape.SetPrecision(tensor.Float32) }
}

// images brings images to unit vectors of the common space, a row each.
func (m *Model) images(x []float32, n int) *tensor.Tensor {
	t, v, w := m.tape, m.Config.Vision, &m.image
	y := w.patches.Forward(t, t.Input(x, n, v.Size, v.Size, v.Channels))
	y = t.Reshape(y, n, -1, v.Width)
	if cap(m.zeros) < n*v.Width {
		m.zeros = make([]float32, n*v.Width)
	}
	t.Scope("vision_model.embeddings")
	class := t.Add(t.Input(m.zeros[:n*v.Width], n, 1, v.Width), w.class.Tensor())
	y = t.Add(t.Concat(1, class, y), w.positions.Tensor())
	y = w.encoder.Forward(t, w.before.Forward(t, y))
	return w.project(t, t.Reshape(t.Slice(y, 1, 0, 1), n, v.Width))
}

// texts brings texts to unit vectors of the common space. A row sees only those before it,
// so all are cut to the longest, and the end-of-text token's stands for the text.
func (m *Model) texts(tokens [][]int) *tensor.Tensor {
	t, c, w := m.tape, m.Config.Text, &m.text
	length := 0
	for _, s := range tokens {
		length = max(length, len(s))
	}
	m.ids, m.places = m.ids[:0], m.places[:0]
	for i, s := range tokens {
		m.places = append(m.places, i*length+len(s)-1)
		m.ids = append(m.ids, s...)
		for range length - len(s) {
			m.ids = append(m.ids, 0)
		}
	}
	t.Scope("text_model.embeddings")
	y := t.Reshape(t.Embedding(w.table.Tensor(), m.ids), len(tokens), length, c.Width)
	y = w.encoder.Forward(t, t.Add(y, t.Slice(w.positions.Tensor(), 0, 0, length)))
	return w.project(t, t.Embedding(t.Reshape(y, -1, c.Width), m.places))
}

// project brings what a tower has read of its inputs to unit vectors of the common space.
func (w *tower) project(t *tensor.Tape, y *tensor.Tensor) *tensor.Tensor {
	return t.UnitRows(w.projection.Forward(t, w.after.Forward(t, y)))
}

// checkImages returns how many images x holds.
func (m *Model) checkImages(x []float32) (int, error) {
	v := m.Config.Vision
	one := v.Size * v.Size * v.Channels
	if len(x) == 0 || len(x)%one != 0 {
		return 0, fmt.Errorf("%d numbers are no images of %dx%dx%d", len(x), v.Size, v.Size, v.Channels)
	}
	return len(x) / one, nil
}

func (m *Model) checkTexts(tokens [][]int) error {
	for i, s := range tokens {
		if len(s) == 0 || len(s) > m.Config.Text.Length {
			return fmt.Errorf("text %d has %d tokens; there must be 1 to %d", i, len(s), m.Config.Text.Length)
		}
		for _, id := range s {
			if id < 0 || id >= m.Config.Text.Vocabulary {
				return fmt.Errorf("text %d has token %d, the vocabulary %d", i, id, m.Config.Text.Vocabulary)
			}
		}
	}
	if len(tokens) == 0 {
		return errors.New("there is no text")
	}
	return nil
}

// pairs returns how many pairs a batch holds.
func (m *Model) pairs(b Batch, theta []float32) (int, error) {
	n, err := m.checkImages(b.Images)
	if err := errors.Join(err, m.checkTexts(b.Tokens), m.checkTheta(theta)); err != nil {
		return 0, err
	}
	if n != len(b.Tokens) {
		return 0, fmt.Errorf("%d images and %d texts are no pairs", n, len(b.Tokens))
	}
	return n, nil
}

func (m *Model) checkTheta(theta []float32) error {
	if len(theta) != m.Size() {
		return fmt.Errorf("the model has %d parameters, got %d", m.Size(), len(theta))
	}
	return nil
}

// EmbedImages returns the images' embeddings, unit vectors of Config.Projection numbers
// one after the other. They are valid until the model's next call.
func (m *Model) EmbedImages(theta, x []float32) ([]float32, error) {
	n, err := m.checkImages(x)
	if err := errors.Join(err, m.checkTheta(theta)); err != nil {
		return nil, err
	}
	m.tape.Reset(tensor.Eval)
	m.Bind(theta, nil, false)
	return m.data(m.images(x, n))
}

// EmbedTexts returns the texts' embeddings, like EmbedImages.
func (m *Model) EmbedTexts(theta []float32, tokens [][]int) ([]float32, error) {
	if err := errors.Join(m.checkTexts(tokens), m.checkTheta(theta)); err != nil {
		return nil, err
	}
	m.tape.Reset(tensor.Eval)
	m.Bind(theta, nil, false)
	return m.data(m.texts(tokens))
}

func (m *Model) data(y *tensor.Tensor) ([]float32, error) {
	if err := m.tape.Err(); err != nil {
		return nil, err
	}
	return y.Data, nil
}

// Gradient returns the symmetric contrastive loss of a batch at theta and writes its
// gradient as [objective.Objective] says: the mean of the cross-entropies with which an image
// finds its text among all of the batch, and a text its image, by their cosines times exp(logit_scale).
func (m *Model) Gradient(b Batch, grad, theta []float32, c objective.Call) (float64, error) {
	n, err := m.pairs(b, theta)
	if err != nil {
		return 0, err
	}
	defer m.precisely(c)()
	m.tape.Reset(mode(c))
	m.BindPart(theta, grad, c.Add, c.Part)
	loss := m.contrast(m.images(b.Images, n), m.texts(b.Tokens))
	if err := m.tape.Backward(loss, float32(c.Weight)); err != nil {
		return 0, err
	}
	m.FinishGrad()
	return float64(loss.Data[0]), nil
}

// mode is what a call is for.
func mode(c objective.Call) tensor.Mode {
	if c.Perturbed {
		return tensor.Perturbed
	}
	return tensor.Train
}

// contrast is the loss of embeddings.
func (m *Model) contrast(images, texts *tensor.Tensor) *tensor.Tensor {
	t := m.tape
	t.Scope("contrastive loss")
	logits := t.Mul(t.Linear(images, texts, nil), t.Apply(exp{}, m.scale.Tensor()))
	if t.Err() != nil {
		return nil
	}
	n := logits.Dim(0)
	for i := len(m.labels); i < n; i++ {
		m.labels = append(m.labels, i)
	}
	m.correct = 0
	for i := range n {
		if row := logits.Data[i*n : (i+1)*n]; row[i] == slices.Max(row) {
			m.correct++
		}
	}
	half := t.Input([]float32{.5}, 1)
	return t.Mul(t.Add(t.CrossEntropy(logits, m.labels[:n]), t.CrossEntropy(t.Transpose(logits, 0, 1), m.labels[:n])), half)
}

// FLOPs returns the floating-point operations of the products and convolutions of one
// forward pass of one pair, whose text has full length, at any theta.
func (m *Model) FLOPs(theta []float32) (int, error) {
	v := m.Config.Vision
	if _, err := m.EmbedImages(theta, make([]float32, v.Size*v.Size*v.Channels)); err != nil {
		return 0, err
	}
	flops := m.tape.FLOPs()
	if _, err := m.EmbedTexts(theta, [][]int{make([]int, m.Config.Text.Length)}); err != nil {
		return 0, err
	}
	return flops + m.tape.FLOPs(), nil
}

// Correct returns how many images of the last gradient's batch have no text nearer than
// their own.
func (m *Model) Correct() int { return m.correct }

// LogitScale returns the factor of similarities at theta, the inverse of the temperature.
func (m *Model) LogitScale(theta []float32) float64 {
	return math.Exp(float64(m.scale.Export(theta)[0]))
}

// GradientInChunks is [Model.Gradient] with the memory that so many pairs take: embeddings
// first, the loss's gradient by them, and then the towers again, chunk by chunk (Gao et
// al. 2021, arXiv 2101.06983), for one more forward pass.
func (m *Model) GradientInChunks(b Batch, chunk int, grad, theta []float32, c objective.Call) (float64, error) {
	n, err := m.pairs(b, theta)
	if err != nil {
		return 0, err
	}
	if chunk < 1 {
		return 0, fmt.Errorf("chunks are of %d pairs; it must be at least 1", chunk)
	}
	if chunk >= n {
		return m.Gradient(b, grad, theta, c)
	}
	defer m.precisely(c)()
	images, texts := make([]float32, 0, n*m.Config.Projection), make([]float32, 0, n*m.Config.Projection)
	for part := range b.chunks(chunk) {
		x, err := m.EmbedImages(theta, part.Images)
		if err != nil {
			return 0, err
		}
		images = append(images, x...)
		if x, err = m.EmbedTexts(theta, part.Tokens); err != nil {
			return 0, err
		}
		texts = append(texts, x...)
	}
	if !c.Add {
		clear(grad)
	}
	loss, dImages, dTexts, err := m.contrastGradient(images, texts, grad, theta, c)
	if err != nil {
		return 0, err
	}
	each := chunk * m.Config.Projection
	for part := range b.chunks(chunk) {
		m.tape.Reset(mode(c))
		m.BindPart(theta, grad, true, c.Part)
		here := min(each, len(dImages))
		err := m.backward(m.images(part.Images, len(part.Tokens)), dImages[:here])
		if err == nil {
			m.tape.Reset(mode(c))
			m.BindPart(theta, grad, true, c.Part)
			err = m.backward(m.texts(part.Tokens), dTexts[:here])
		}
		if err != nil {
			return 0, err
		}
		dImages, dTexts = dImages[here:], dTexts[here:]
	}
	return loss, nil
}

// backward takes the way back from a chunk's embeddings, if the gradient is of anything in their tower.
func (m *Model) backward(y *tensor.Tensor, grad []float32) error {
	if m.tape.Err() == nil && !y.NeedsGrad() {
		return nil
	}
	return m.tape.BackwardFrom(y, grad)
}

// First returns the first pairs of a batch, n of them.
func (b Batch) First(n int) Batch {
	return Batch{b.Images[:len(b.Images)/len(b.Tokens)*n], b.Tokens[:n]}
}

// chunks cuts a batch.
func (b Batch) chunks(size int) iter.Seq[Batch] {
	one := len(b.Images) / len(b.Tokens)
	return func(yield func(Batch) bool) {
		for lo := 0; lo < len(b.Tokens); lo += size {
			hi := min(lo+size, len(b.Tokens))
			if !yield(Batch{b.Images[lo*one : hi*one], b.Tokens[lo:hi]}) {
				return
			}
		}
	}
}

// contrastGradient returns the loss of embeddings and its gradients by them, and adds that
// by the temperature to grad.
func (m *Model) contrastGradient(images, texts, grad, theta []float32, c objective.Call) (loss float64, dImages, dTexts []float32, err error) {
	m.tape.Reset(tensor.Train)
	m.BindPart(theta, grad, true, c.Part)
	n, width := len(images)/m.Config.Projection, m.Config.Projection
	dImages, dTexts = make([]float32, len(images)), make([]float32, len(texts))
	bound := func(x, dx []float32) *tensor.Tensor {
		p, _ := tensor.Parameter(n, width) // the shape is one
		p.Bind(x, dx, false)
		return p
	}
	y := m.contrast(bound(images, dImages), bound(texts, dTexts))
	if err := m.tape.Backward(y, float32(c.Weight)); err != nil {
		return 0, nil, nil, err
	}
	return float64(y.Data[0]), dImages, dTexts, nil
}

// exp is the exponential function of a few numbers.
type exp struct{}

func (exp) Name() string                              { return "exp" }
func (exp) Shape(in ...*tensor.Tensor) ([]int, error) { return in[0].Shape(), nil }

func (exp) Forward(out *tensor.Tensor, in ...*tensor.Tensor) {
	for i, x := range in[0].Data {
		out.Data[i] = float32(math.Exp(float64(x)))
	}
}

func (exp) Backward(out *tensor.Tensor, in ...*tensor.Tensor) {
	for i := range in[0].Grad {
		in[0].Grad[i] += out.Grad[i] * out.Data[i]
	}
}
