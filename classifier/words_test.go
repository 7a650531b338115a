package classifier_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/monge-ml/monge/classifier"
	"github.com/monge-ml/monge/data/picture"
)

// Weights of a published BERT have the shapes of a network of hashed words, and others' words.
func TestForeignWords(t *testing.T) {
	c := fresh(t, "bert-tiny", []int{8}, classes)
	c.Normalize = picture.Normalization{}
	own, foreign := filepath.Join(t.TempDir(), "own.safetensors"), filepath.Join(t.TempDir(), "foreign.safetensors")
	if err := classifier.Save(own, c, nil); err != nil {
		t.Fatal(err)
	}
	write(t, foreign, c.Net.StateDict(c.Theta))
	if _, err := classifier.Init(c.Net, c.Theta, own, false); err != nil {
		t.Error(err)
	}
	_, errInit := classifier.Init(c.Net, c.Theta, foreign, true)
	_, errLoad := classifier.Load(foreign, classifier.Options{Model: "bert-tiny", Input: []int{8}})
	for _, err := range []error{errInit, errLoad} {
		if err == nil || !strings.HasPrefix(err.Error(), foreign) || !strings.Contains(err.Error(), "its words are not the network's") {
			t.Errorf("error %v", err)
		}
	}
}
