package classifier_test

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/monge-ml/monge/classifier"
	"github.com/monge-ml/monge/data"
)

// result is what testdata/gen_torch.py writes of a set.
type result struct {
	N        int
	Accuracy float64
	Loss     float64
	PerClass []float64 `json:"per_class"`
}

type golden struct {
	Step         int // every so many-th image is the subset
	Test, Subset result
}

// published returns the checkpoint and the archive of images that the environment names.
func published(t *testing.T) (c *classifier.Classifier, archive string, want golden) {
	t.Helper()
	weights, archive := os.Getenv("MONGE_TEST_RESNET20"), os.Getenv("MONGE_TEST_CIFAR10_JPG")
	if weights == "" || archive == "" {
		t.Skip("MONGE_TEST_RESNET20 and MONGE_TEST_CIFAR10_JPG are not both set to the paths of resnet20-12fca82f.th and cifar10-jpg.tar.gz")
	}
	if testing.Short() {
		t.Skip("10,000 images")
	}
	b, err := os.ReadFile("testdata/torch.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	if c, err = classifier.Load(weights, classifier.Options{}); err != nil {
		t.Fatal(err)
	}
	if c.Model != "resnet20" || c.Normalize.String() != "imagenet" || c.Classes[9] != "truck" || !strings.Contains(c.Source, "akamaster") {
		t.Fatalf("%+v of the published checkpoint, %s", c.Info, c.Source)
	}
	return c, archive, want
}

// On the pixels that Pillow decodes, accuracy is PyTorch's, and loss within 1e-4.
func TestPublishedCheckpoint(t *testing.T) {
	c, archive, want := published(t)
	const python = "/usr/bin/python3"
	if out, err := exec.Command(python, "-c", "import PIL").CombinedOutput(); err != nil {
		t.Skipf("%s has no Pillow: %v %s", python, err, out)
	}
	dir := t.TempDir()
	if out, err := exec.Command(python, "testdata/gen_torch.py", "decode", archive, dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	d, err := data.Open("cifar10:"+dir, data.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var every []int
	for i := 0; i < d.Test.Len(); i += want.Step {
		every = append(every, i)
	}
	compare(t, c, d.Test, want.Test)
	compare(t, c, d.Test.Select(every), want.Subset)
}

func compare(t *testing.T, c *classifier.Classifier, set *data.Set, want result) {
	t.Helper()
	got, err := classifier.Evaluate(context.Background(), c.Net, c.Theta, set, c.Normalize)
	if err != nil {
		t.Fatal(err)
	}
	if got.N != want.N || math.Abs(float64(got.Accuracy)-want.Accuracy) > 1e-12 || !(math.Abs(float64(got.Loss)-want.Loss) <= 1e-4) {
		t.Errorf("accuracy %.6f, loss %.6f of %d, PyTorch's are %.6f, %.6f of %d", got.Accuracy, got.Loss, got.N, want.Accuracy, want.Loss, want.N)
	}
	for i, v := range want.PerClass {
		if math.Abs(float64(got.PerClass[i])-v) > 1e-12 {
			t.Errorf("accuracy %.6f on class %d, PyTorch's is %.6f", got.PerClass[i], i, v)
		}
	}
}

// Go's JPEG decoder rounds pixels otherwise than Pillow's here and there: accuracy was
// .8104 where PyTorch's on Pillow's pixels is .8103.
func TestPublishedCheckpointOnJPEG(t *testing.T) {
	c, archive, want := published(t)
	dir := t.TempDir()
	unpack(t, archive, dir)
	d, err := data.Open("imagefolder:"+dir, data.Options{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := classifier.Evaluate(context.Background(), c.Net, c.Theta, d.Test, c.Normalize)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("accuracy %.4f, loss %.6f, with Pillow's pixels %.4f, %.6f", got.Accuracy, got.Loss, want.Test.Accuracy, want.Test.Loss)
	if got.N != want.Test.N || !(math.Abs(float64(got.Accuracy)-.8104) <= 3e-4) || !(math.Abs(float64(got.Loss)-want.Test.Loss) <= 2e-3) {
		t.Errorf("accuracy %.4f, loss %.6f of %d", got.Accuracy, got.Loss, got.N)
	}
}

// unpack writes the test images of an archive.
func unpack(t *testing.T, archive, dir string) {
	t.Helper()
	f, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(h.Name, "test/") || !strings.HasSuffix(h.Name, ".jpg") || !filepath.IsLocal(h.Name) {
			continue
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, h.Name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
