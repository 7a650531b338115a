package clip_test

import (
	"encoding/json"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/monge-ml/monge/clip"
	"github.com/monge-ml/monge/weights"
)

// A variant is what transformers compute with a configuration, see testdata/gen_transformers.py.
type variant struct {
	Name          string
	Config        json.RawMessage
	Images, Texts []float64
}

func readVariants(t *testing.T) (all []variant) {
	t.Helper()
	b, err := os.ReadFile("testdata/transformers.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// filled are the script's parameters of a shape.
func filled(t *testing.T, c clip.Config) []weights.Tensor {
	t.Helper()
	m, err := clip.New(c)
	if err != nil {
		t.Fatal(err)
	}
	theta := make([]float32, m.Size())
	for _, p := range m.Params {
		x := numbers(p.Len(), int(crc32.ChecksumIEEE([]byte(p.Name))&0xffff))
		for i := range x {
			switch {
			case len(p.TorchShape()) > 1:
				x[i] /= 2
			case strings.Contains(p.Name, "norm") && strings.HasSuffix(p.Name, "weight"):
				x[i] = 1 + x[i]/8
			default:
				x[i] /= 8
			}
		}
		if err := p.Import(theta, x); err != nil {
			t.Fatal(err)
		}
	}
	return m.StateDict(theta)
}

// modelDir is a directory with a configuration and weights.
func modelDir(t *testing.T, config []byte, name string, tensors []weights.Tensor) string {
	t.Helper()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, clip.ConfigFile), config)
	f, err := os.Create(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := weights.WriteSafetensors(f, tensors, nil); err != nil {
		t.Fatal(err)
	}
	return dir
}

func writeFile(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
}

// Each setting of config.json means what it means to transformers.
func TestConfigsAsTransformers(t *testing.T) {
	for _, v := range readVariants(t) {
		c, err := clip.ParseConfig(v.Config)
		if err != nil {
			t.Errorf("%s: %v", v.Name, err)
			continue
		}
		m, theta, err := clip.Load(modelDir(t, v.Config, clip.WeightsFile, filled(t, c)))
		if err != nil {
			t.Errorf("%s: %v", v.Name, err)
			continue
		}
		images, err := m.EmbedImages(theta, channelsLast(numbers(2*3*8*8, 11), 2, 8))
		if err != nil {
			t.Fatal(err)
		}
		compare(t, v.Name+": images", images, units(v.Images, c.Projection), 1e-5)
		texts, err := m.EmbedTexts(theta, [][]int{{3, 5, 19}, {7, 1, 2, 9, 19}, {0, 18, 4, 4, 11, 6, 19}})
		if err != nil {
			t.Fatal(err)
		}
		compare(t, v.Name+": texts", texts, units(v.Texts, c.Projection), 1e-5)
	}
}

// channelsLast brings PyTorch's images to the order of ours.
func channelsLast(x []float32, n, side int) []float32 {
	y := make([]float32, 0, len(x))
	for i := range n {
		for p := range side * side {
			for c := range 3 {
				y = append(y, x[(i*3+c)*side*side+p])
			}
		}
	}
	return y
}

// units returns rows at length one.
func units(x []float64, width int) []float64 {
	for lo := 0; lo < len(x); lo += width {
		var s float64
		for _, v := range x[lo : lo+width] {
			s += v * v
		}
		for i := range width {
			x[lo+i] /= math.Sqrt(s)
		}
	}
	return x
}
