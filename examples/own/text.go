package main

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/monge-ml/monge/data"
	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/nn/models"
	"github.com/monge-ml/monge/tensor"
)

// opinions are texts of a few words that praise or blame: --data opinions:200 makes 200.
var opinions = data.Format{Name: "opinions", Place: "COUNT", Info: "short texts that praise or blame", Open: openOpinions}

func openOpinions(place string, _ *data.Options) (*data.Splits, error) {
	n, err := strconv.Atoi(place)
	if err != nil || n < 20 || n > 1e6 {
		return nil, fmt.Errorf("opinions:%s: it takes a number of texts from 20 to a million", place)
	}
	words := [][]string{{"nice", "lovely", "grand", "fine"}, {"awful", "nasty", "poor", "grim"}}
	list, labels := make([]string, n), make([]int, n)
	for i := range list {
		rng := rand.New(rand.NewPCG(uint64(i), 3))
		labels[i] = i % 2
		text := []string{"it is"}
		for range 1 + rng.IntN(3) {
			text = append(text, words[labels[i]][rng.IntN(4)])
		}
		list[i] = strings.Join(text, " ")
	}
	set, err := data.NewTexts(list)
	if err != nil {
		return nil, err
	}
	if set, err = set.WithLabels(labels); err != nil {
		return nil, err
	}
	return &data.Splits{Classes: []string{"praise", "blame"}, Train: set.Select(between(0, n*8/10)), Test: set.Select(between(n*8/10, n))}, nil
}

const alphabet = 27 // token 0 fills rows up, then come a to z

// letters is the mean of its letters' vectors and a small network on it: --model letters. It
// brings its own tokenizer.
var letters = models.Entry{
	Name: "letters", Info: "the mean of a text's letters and two linear layers", Input: []int{32}, Vocabulary: alphabet,
	Tokenizer: spell,
	Build: func(b nn.Builder, o models.Options) nn.Layer {
		return nn.Sequential{
			mean{b.Param("letters", nn.Normal(.5), alphabet, 16)},
			b.LinearReLU("hidden", 16, 16), b.Linear("fc", 16, o.Classes),
		}
	},
}

// spell writes a text's letters as numbers from 1, and zeros after them.
func spell(dst []float32, text string) {
	clear(dst)
	at := 0
	for _, r := range strings.ToLower(text) {
		if at < len(dst) && r >= 'a' && r <= 'z' {
			dst[at] = float32(r - 'a' + 1)
			at++
		}
	}
}

// mean is a layer: the mean of the vectors of a row's tokens.
type mean struct{ vectors *nn.Param }

func (m mean) Forward(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor {
	ids := make([]int, len(x.Data))
	for i, id := range x.Data {
		ids[i] = int(id)
	}
	return t.Mean(t.Reshape(t.Embedding(m.vectors.Tensor(), ids), x.Dim(0), x.Dim(1), m.vectors.Shape[1]), 1)
}
