package clip

import "github.com/monge-ml/monge/internal/foreign"

// The keys of config.json: those that decide are fields of [Config]; what the others say
// changes nothing of what a model computes from its weights, or is refused.

// commonKeys are every model's in transformers. What its base class keeps of how text is
// generated is among them.
var commonKeys = foreign.IdleKeys(
	"model_type", "architectures", "transformers_version", "_name_or_path", "name_or_path", "_commit_hash",
	"dtype", "torch_dtype", "torchscript", "attn_implementation", "_attn_implementation", "_attn_implementation_autoset",
	"_attn_implementation_internal", "_experts_implementation_internal", "experts_implementation", "use_cache",
	"output_attentions", "output_hidden_states", "return_dict", "use_return_dict", "chunk_size_feed_forward",
	"id2label", "label2id", "num_labels", "problem_type", "finetuning_task", "task_specific_params",
	"initializer_factor", "initializer_range", "gradient_checkpointing", "tokenizer_class", "processor_class", "prefix",
	"is_decoder", "is_encoder_decoder", "cross_attention_hidden_size", "add_cross_attention", "decoder_start_token_id", "sep_token_id",
	"tie_encoder_decoder", "tie_word_embeddings", "tf_legacy_loss", "use_bfloat16",
	"bad_words_ids", "begin_suppress_tokens", "diversity_penalty", "do_sample", "early_stopping", "encoder_no_repeat_ngram_size",
	"exponential_decay_length_penalty", "forced_bos_token_id", "forced_eos_token_id", "length_penalty", "max_length", "max_new_tokens",
	"min_length", "no_repeat_ngram_size", "num_beam_groups", "num_beams", "num_return_sequences", "output_scores",
	"remove_invalid_values", "repetition_penalty", "return_dict_in_generate", "suppress_tokens", "temperature", "top_k", "top_p", "typical_p",
	"assistant_confidence_threshold", "encoder_repetition_penalty", "epsilon_cutoff", "eta_cutoff", "num_assistant_tokens",
	"num_assistant_tokens_schedule", "target_lookbehind", "assistant_lookbehind",
).With(foreign.Keys{
	// heads that are taken out change the weights' shapes
	"pruned_heads": foreign.Only(map[string]any{}),
	// of training, in transformers; here a tower has no dropout
	"attention_dropout": foreign.Idle, "dropout": foreign.Idle,
	// of text, read by nothing in transformers' CLIP but the end's
	"bos_token_id": foreign.Idle, "pad_token_id": foreign.Idle,
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
