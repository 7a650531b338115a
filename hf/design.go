package hf

import (
	"github.com/monge-ml/monge/data/picture"
	"github.com/monge-ml/monge/nn"
)

// A design is a network that settings describe, before it has weights.
type design struct {
	name       string   // for people: "BERT"
	classifier string   // the class of transformers that has a head on it, for config.json's architectures
	prefix     string   // of the trunk's parameters: "bert."
	anchor     string   // a parameter that every checkpoint of the trunk has, below the prefix
	head       string   // the layer that makes the outputs
	more       []string // others that do, whose outputs are averaged with it
	heads      []string // what the names of the head's parameters begin with

	// whole is the model_type that the class of transformers with a head wants, with these settings as its
	// vision_config; "" if it takes them as they are.
	whole string

	vocabulary int    // of a network of texts
	padding    int    // the token that stands for no text
	positions  int    // tokens of a text, at most
	input      []int  // shape of an image, or nil for a network of texts
	anySize    bool   // images may have another
	sized      *sized // what changes with it, nil for nothing, or if they may not

	// unused are patterns of tensors that checkpoints have beside and the network has no use for.
	unused []string
	// tied are other names, at the top, of the word embeddings, for checkpoints that have them there alone.
	tied []string
	// layers makes the network; the last is the linear layer of the outputs, named head.
	layers func(b nn.Builder, input []int, outputs int) nn.Layer
	// preprocessor makes inputs of images, where the settings say how; nil if another file does.
	preprocessor *picture.Preprocessor
	share        float64 // of images that it cuts out, as timm says it; 0 if it does not
	// timm is set for a network as timm publishes it.
	timm *timm
	// modules are the parts of a directory of sentence-transformers, nil for others.
	modules *modules
	notes   []string
}

// initial is how parameters start that no checkpoint gives, as in transformers.
func initial(p *nn.Param) {
	if len(p.Shape) > 1 {
		p.Init = nn.Normal(.02)
	} else if p.Name[len(p.Name)-4:] == "bias" {
		p.Init = nn.Constant(0)
	}
}
