package hf

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/monge-ml/monge/internal/atomicfile"
	"github.com/monge-ml/monge/internal/foreign"
	"github.com/monge-ml/monge/weights"
)

// WeightsFile is the name of the weights that are written.
const WeightsFile = "model.safetensors"

// Saved is what is written of a network that was trained.
type Saved struct {
	Tensors  []weights.Tensor // its state dict
	Input    []int            // shape of an input, nil for the directory's own
	Labels   []string         // of the outputs
	Problem  string           // what they are: transformers' problem_type
	Metadata map[string]string
}

// beside are the files that go from a directory into another as they are: how texts become tokens.
var beside = []string{"tokenizer.json", "tokenizer_config.json", "vocab.txt", "vocab.json", "merges.txt", "special_tokens_map.json", "added_tokens.json",
	"sentencepiece.bpe.model", sentenceFile, "config_sentence_transformers.json"}

// Save writes a directory that transformers opens as the same network, and [Open]. Each file is whole or not
// there, the weights last.
func (n *Network) Save(dir string, s Saved) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	for _, name := range beside {
		if err := copyFile(filepath.Join(dir, name), filepath.Join(n.Dir, name)); err != nil {
			return err
		}
	}
	if err := n.savePreprocessor(dir, s.Input); err != nil {
		return err
	}
	if err := n.saveConfig(dir, s); err != nil {
		return err
	}
	list := append(slices.Clone(s.Tensors), n.asleep(s.Tensors)...)
	if n.design.modules != nil {
		var err error
		if list, err = n.saveModules(dir, list); err != nil {
			return err
		}
	}
	metadata := map[string]string{"format": "pt"} // without which transformers refuses it
	maps.Copy(metadata, s.Metadata)
	return writeTensors(filepath.Join(dir, WeightsFile), list, metadata)
}

// asleep are the trunk's tensors that the network has no use for, and others have.
func (n *Network) asleep(used []weights.Tensor) (list []weights.Tensor) {
	for _, t := range n.tensors {
		is := func(u weights.Tensor) bool { return u.Name == t.Name }
		if n.design.prefix != "" && strings.HasPrefix(t.Name, n.design.prefix) && t.Data != nil && !slices.ContainsFunc(used, is) {
			t.DType = ""
			list = append(list, t)
		}
	}
	return list
}

// savePreprocessor says how images of a shape are prepared: as before, or in the same way for their size. Of images
// that are not square nothing says so.
func (n *Network) savePreprocessor(dir string, input []int) error {
	p := n.Preprocessor
	same := p != nil && (input == nil || input[0] == p.Side() && input[1] == p.Side())
	if n.text != nil || p == nil || n.design.preprocessor != nil || !same && input[0] != input[1] {
		return nil
	}
	if !same {
		return atomicfile.WriteJSON(filepath.Join(dir, PreprocessorFile), n.preprocessorAt(input[0]))
	}
	for _, name := range []string{PreprocessorFile, ProcessorFile} {
		if err := copyFile(filepath.Join(dir, name), filepath.Join(n.Dir, name)); err != nil {
			return err
		}
	}
	return nil
}

func writeTensors(path string, list []weights.Tensor, metadata map[string]string) error {
	return atomicfile.Write(path, func(w io.Writer) error { return weights.WriteSafetensors(w, list, metadata) })
}

// copyFile copies a file if it is there.
func copyFile(to, from string) error {
	in, err := os.Open(from)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer in.Close()
	return atomicfile.Write(to, func(w io.Writer) error {
		_, err := io.Copy(w, in)
		return err
	})
}

// saveConfig writes config.json as it was, but for what the head is.
func (n *Network) saveConfig(dir string, s Saved) error {
	all, err := n.resized(n.config.all, s.Input)
	if err != nil {
		return err
	}
	if n.design.whole != "" {
		inner, err := json.Marshal(all)
		if err != nil {
			return err
		}
		all = map[string]json.RawMessage{"model_type": json.RawMessage(strconv.Quote(n.design.whole)), "vision_config": inner}
	}
	all = maps.Clone(all)
	set := func(key string, v any) {
		b, err := json.Marshal(v)
		if err != nil {
			panic(err) // strings and numbers alone
		}
		all[key] = b
	}
	names, numbers := map[string]string{}, map[string]int{}
	for i, name := range s.Labels {
		names[fmt.Sprint(i)], numbers[name] = name, i
	}
	delete(all, "torch_dtype")
	delete(all, "num_labels") // which transformers makes of id2label
	n.design.describe(set, s, all)
	if n.design.timm == nil {
		set("dtype", "float32")
		set("id2label", names)
		set("label2id", numbers)
		set("problem_type", s.Problem)
	}
	return atomicfile.WriteJSON(filepath.Join(dir, ConfigFile), all)
}

// describe says in a config.json which class of transformers has the head.
func (d *design) describe(set func(key string, v any), s Saved, all map[string]json.RawMessage) {
	switch {
	case d.timm != nil:
		var args map[string]json.RawMessage
		if json.Unmarshal(all["model_args"], &args) != nil { // there are none
			args = nil
		}
		d.timm.describe(set, s, args)
	case d.modules == nil:
		set("architectures", []string{d.classifier})
	}
}

// saveModules writes what sentence-transformers does behind the transformer, the head as its last module, and
// returns the transformer's tensors under the names that its base class gives them.
func (n *Network) saveModules(dir string, list []weights.Tensor) ([]weights.Tensor, error) {
	m := n.design.modules
	parts := []module{newModule(0, "", "Transformer"), newModule(1, "1_Pooling", "Pooling")}
	pooling := map[string]any{"word_embedding_dimension": m.rows, "pooling_mode_cls_token": m.pooling == "cls", "pooling_mode_mean_tokens": m.pooling == "mean",
		"pooling_mode_max_tokens": m.pooling == "max", "pooling_mode_mean_sqrt_len_tokens": m.pooling == "mean_sqrt_len"}
	if err := saveModule(dir, "1_Pooling", pooling, nil); err != nil {
		return nil, err
	}
	for _, l := range append(slices.Clone(m.dense), dense{path: m.head, bias: true, kind: "Identity"}) {
		var own []weights.Tensor
		list = slices.DeleteFunc(list, func(t weights.Tensor) bool {
			name, is := strings.CutPrefix(t.Name, l.path+".")
			if t.Name = name; is {
				own = append(own, t)
			}
			return is
		})
		weight := own[slices.IndexFunc(own, func(t weights.Tensor) bool { return t.Name == "linear.weight" })]
		module := "torch.nn.modules.activation." + l.kind
		if l.kind == "Identity" {
			module = "torch.nn.modules.linear.Identity"
		}
		if err := saveModule(dir, l.path, map[string]any{"in_features": weight.Shape[1], "out_features": weight.Shape[0], "bias": l.bias, "activation_function": module}, own); err != nil {
			return nil, err
		}
		parts = append(parts, newModule(len(parts), l.path, "Dense"))
	}
	for i := range list {
		list[i].Name = strings.TrimPrefix(list[i].Name, n.design.prefix)
	}
	return list, atomicfile.WriteJSON(filepath.Join(dir, ModulesFile), parts)
}

func newModule(i int, path, kind string) module {
	return module{i, fmt.Sprint(i), path, "sentence_transformers.models." + kind}
}

// saveModule writes one module's directory.
func saveModule(dir, path string, config map[string]any, list []weights.Tensor) error {
	dir = filepath.Join(dir, path)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	if err := atomicfile.WriteJSON(filepath.Join(dir, ConfigFile), config); err != nil || list == nil {
		return err
	}
	return writeTensors(filepath.Join(dir, WeightsFile), list, map[string]string{"format": "pt"})
}

// Digest is what tells the network from others: a hash of its settings and its weights.
func (n *Network) Digest() ([]byte, error) {
	b, err := foreign.ReadFile(filepath.Join(n.Dir, ConfigFile))
	if err != nil {
		return nil, err
	}
	sum := sha256.New()
	sum.Write(b)
	err = weights.WriteSafetensors(sum, n.tensors, nil)
	return sum.Sum(nil), err
}
