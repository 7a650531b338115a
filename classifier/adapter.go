package classifier

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/monge-ml/monge/internal/atomicfile"
	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/weights"
)

// The files of an adapter as Hugging Face's PEFT has them.
const (
	adapterConfigFile  = "adapter_config.json"
	adapterWeightsFile = "adapter_model.safetensors"
)

// adapterPrefix is what PEFT has before the names of the network that it wraps.
const adapterPrefix = "base_model.model."

// An adapterConfig is what PEFT reads of low-rank adapters.
type adapterConfig struct {
	Type     string   `json:"peft_type"`
	Task     *string  `json:"task_type"`
	Base     string   `json:"base_model_name_or_path"`
	Rank     int      `json:"r"`
	Alpha    float64  `json:"lora_alpha"`
	Dropout  float64  `json:"lora_dropout"`
	Layers   []string `json:"target_modules"`
	Saved    []string `json:"modules_to_save"` // beside the adapters, as a whole
	Bias     string   `json:"bias"`
	FanInOut bool     `json:"fan_in_fan_out"`
	Frozen   bool     `json:"inference_mode"`
}

// SaveAdapter writes what adaptation has trained into a directory that PEFT opens: the adapters, and layers that
// are trained as a whole, as the head. Base is the path or name of the network that it was begun with. Networks without adapters are an error.
func SaveAdapter(dir string, m *nn.Model, theta []float32, base string) error {
	l := m.Adaptation()
	if l == nil {
		return errors.New("the network has no adapters")
	}
	tensors, layers := m.Adapters(theta)
	var saved []string
	for i, t := range tensors {
		layer := t.Name[:max(0, strings.LastIndexByte(t.Name, '.'))]
		if !strings.Contains(t.Name, ".lora_") && !slices.Contains(saved, layer) {
			saved = append(saved, layer)
		}
		tensors[i].Name = adapterPrefix + t.Name
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	err := atomicfile.Write(filepath.Join(dir, adapterWeightsFile), func(w io.Writer) error {
		return weights.WriteSafetensors(w, tensors, map[string]string{"format": "pt"})
	})
	if err != nil {
		return err
	}
	return atomicfile.WriteJSON(filepath.Join(dir, adapterConfigFile), adapterConfig{
		Type: "LORA", Base: base, Rank: l.Rank, Alpha: l.Alpha, Layers: layers, Saved: saved, Bias: "none", Frozen: true,
	})
}
