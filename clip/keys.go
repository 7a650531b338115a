package clip

import "github.com/monge-ml/monge/internal/foreign"

// The keys of config.json: those that decide are fields of [Config]; what the others say
// changes nothing of what a model computes from its weights, or is refused.

// commonKeys are every model's in transformers, and what a tower may have beside.
var commonKeys = foreign.Transformers.With(foreign.Keys{
	// of training, in transformers; here a tower has no dropout
	"attention_dropout": foreign.Idle, "dropout": foreign.Idle,
	// of text, read by nothing in transformers' CLIP but the end's
	"bos_token_id": foreign.Idle, "pad_token_id": foreign.Idle,
	"is_decoder": foreign.Idle, "add_cross_attention": foreign.Idle, "is_encoder_decoder": foreign.Idle,
})

var configKeys = commonKeys.With(foreign.Keys{
	"text_config": foreign.Read, "vision_config": foreign.Read, "text_config_dict": foreign.Read, "vision_config_dict": foreign.Read,
	"projection_dim": foreign.Read, "logit_scale_init_value": foreign.Read,
	"eos_token_id": foreign.Idle, // the text tower's own counts
})

var towerKeys = commonKeys.With(foreign.Keys{
	"hidden_size": foreign.Read, "intermediate_size": foreign.Read, "num_hidden_layers": foreign.Read, "num_attention_heads": foreign.Read,
	"hidden_act": foreign.Read, "layer_norm_eps": foreign.Read,
	"projection_dim": foreign.Idle, // the model's own counts
})

var textKeys = towerKeys.With(foreign.Keys{"vocab_size": foreign.Read, "max_position_embeddings": foreign.Read, "eos_token_id": foreign.Read})

var visionKeys = towerKeys.With(foreign.Keys{
	"image_size": foreign.Read, "patch_size": foreign.Read, "num_channels": foreign.Read, "eos_token_id": foreign.Idle,
})

// shaping are keys that the shapes of weights follow from.
var shaping = map[string]bool{
	"hidden_size": true, "intermediate_size": true, "num_hidden_layers": true, "vocab_size": true, "max_position_embeddings": true,
	"image_size": true, "patch_size": true, "num_channels": true,
}
