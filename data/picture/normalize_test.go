package picture

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestParseNormalization(t *testing.T) {
	for _, name := range NormalizationNames {
		n, err := ParseNormalization(name)
		if err != nil || n.String() != name || n.check() != nil {
			t.Errorf("%s: %v, %v", name, n, err)
		}
	}
	n, err := ParseNormalization("mean=.5,0.25,0:std=1,2e-3,3")
	want := Normalization{Mean: []float32{.5, .25, 0}, Std: []float32{1, .002, 3}}
	if err != nil || !reflect.DeepEqual(n, want) {
		t.Errorf("%+v, %v", n, err)
	}
	if n.String() != "mean=0.5,0.25,0:std=1,0.002,3" {
		t.Errorf("as text %s", n)
	}
	for _, tt := range []struct{ in, want string }{
		{"", "there are none, cifar10, cifar100, imagenet, mnist, fashion-mnist, and numbers"},
		{"CIFAR10", `unknown normalization "CIFAR10"`},
		{"mean=1", "unknown normalization"},
		{"std=1:mean=1", "unknown normalization"},
		{"mean=:std=", `"" is no number`},
		{"mean=1,x:std=1,1", `"x" is no number`},
		{"mean=1e99:std=1", `"1e99" is no number`},
		{"mean=.5,.5:std=1", "2 means and 1 standard deviations"},
		{"mean=nan:std=1", "the mean of channel 0 is NaN"},
		{"mean=0,inf:std=1,1", "the mean of channel 1 is +Inf"},
		{"mean=0:std=0", "the standard deviation of channel 0 is 0"},
		{"mean=0:std=-1", "the standard deviation of channel 0 is -1"},
		{"mean=0:std=nan", "the standard deviation of channel 0 is NaN"},
		{"mean=0:std=inf", "the standard deviation of channel 0 is +Inf"},
		{"mean=0:std=1e-40", "pixels divided by it are infinite"},
	} {
		if _, err := ParseNormalization(tt.in); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: error %v, want %q", tt.in, err, tt.want)
		}
	}
}

func TestNormalizationJSON(t *testing.T) {
	type config struct{ Normalize, None Normalization }
	norm, _ := ParseNormalization("imagenet")
	b, err := json.Marshal(config{Normalize: norm})
	if want := `{"Normalize":"imagenet","None":"none"}`; err != nil || string(b) != want {
		t.Fatalf("%s, %v; want %s", b, err, want)
	}
	var got config
	if err := json.Unmarshal(b, &got); err != nil || !reflect.DeepEqual(got, config{Normalize: norm}) {
		t.Errorf("%+v, %v", got, err)
	}
	if err := json.Unmarshal([]byte(`{"Normalize":"mean=1:std=0"}`), &got); err == nil || got.Normalize.Name != "imagenet" {
		t.Errorf("%+v, %v; an error must leave what was", got, err)
	}
}

// A preset that a caller changes is nobody else's.
func TestPresetsAreCopies(t *testing.T) {
	n, _ := ParseNormalization("mnist")
	n.Mean[0] = 7
	if again, _ := ParseNormalization("mnist"); again.Mean[0] != .1307 {
		t.Errorf("the mean has become %g", again.Mean[0])
	}
	if err := n.check(); err == nil || !strings.Contains(err.Error(), `"mnist" has not the numbers`) {
		t.Errorf("error %v", err)
	}
}

func TestFashionMNISTPresetBesideData(t *testing.T) {
	const variable = "MONGE_TEST_FASHION_MNIST"
	dir := os.Getenv(variable)
	if dir == "" {
		t.Skipf("%s is not set; it names the directory of train-images-idx3-ubyte.gz", variable)
	}
	f, err := os.Open(filepath.Join(dir, "train-images-idx3-ubyte.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	b = b[16:] // the header
	var sum, squares float64
	for _, v := range b {
		x := float64(v) / 255
		sum += x
		squares += x * x
	}
	mean := sum / float64(len(b))
	std := math.Sqrt(squares/float64(len(b)) - mean*mean)
	n, _ := ParseNormalization("fashion-mnist")
	if math.Abs(mean-float64(n.Mean[0])) > 1e-4 || math.Abs(std-float64(n.Std[0])) > 1e-4 {
		t.Errorf("the data have %.5f and %.5f, the preset %g and %g", mean, std, n.Mean[0], n.Std[0])
	}
}

func FuzzParseNormalization(f *testing.F) {
	for _, s := range append(NormalizationNames, "mean=.5:std=.25", "mean=.5,.5,.5:std=.25,.25,.25", "mean=1:std=0", "mean=:std=", "") {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := ParseNormalization(s)
		if err != nil {
			return
		}
		again, err := ParseNormalization(n.String())
		if err != nil || !reflect.DeepEqual(n, again) {
			t.Fatalf("%q is %+v, whose text %q is %+v, %v", s, n, n, again, err)
		}
		x := make([]float32, len(n.Mean))
		for _, v := range []float32{0, 1} {
			for i := range x {
				x[i] = v
			}
			n.Apply(x)
			for _, y := range x {
				if math.IsNaN(float64(y)) || math.IsInf(float64(y), 0) {
					t.Fatalf("%q makes %g of %g", s, y, v)
				}
			}
		}
	})
}
