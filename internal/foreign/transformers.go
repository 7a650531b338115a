package foreign

// Transformers are the keys of config.json that every model of Hugging Face's transformers may have. What
// its base class keeps of how text is generated is among them.
var Transformers = IdleKeys(
	"model_type", "architectures", "transformers_version", "_name_or_path", "name_or_path", "_commit_hash",
	"dtype", "torch_dtype", "torchscript", "attn_implementation", "_attn_implementation", "_attn_implementation_autoset",
	"_attn_implementation_internal", "_experts_implementation_internal", "experts_implementation", "use_cache",
	"output_attentions", "output_hidden_states", "return_dict", "use_return_dict", "chunk_size_feed_forward",
	"id2label", "label2id", "num_labels", "problem_type", "finetuning_task", "task_specific_params",
	"initializer_factor", "initializer_range", "gradient_checkpointing", "tokenizer_class", "processor_class", "prefix",
	"cross_attention_hidden_size", "decoder_start_token_id", "sep_token_id",
	"tie_encoder_decoder", "tie_word_embeddings", "tf_legacy_loss", "use_bfloat16",
	"bad_words_ids", "begin_suppress_tokens", "diversity_penalty", "do_sample", "early_stopping", "encoder_no_repeat_ngram_size",
	"exponential_decay_length_penalty", "forced_bos_token_id", "forced_eos_token_id", "length_penalty", "max_length", "max_new_tokens",
	"min_length", "no_repeat_ngram_size", "num_beam_groups", "num_beams", "num_return_sequences", "output_scores",
	"remove_invalid_values", "repetition_penalty", "return_dict_in_generate", "suppress_tokens", "temperature", "top_k", "top_p", "typical_p",
	"assistant_confidence_threshold", "encoder_repetition_penalty", "epsilon_cutoff", "eta_cutoff", "num_assistant_tokens",
	"num_assistant_tokens_schedule", "target_lookbehind", "assistant_lookbehind",
).With(Keys{
	// heads that are taken out change the weights' shapes
	"pruned_heads": Only(map[string]any{}),
	// a decoder sees what comes before alone, and another model beside
	"is_decoder": Only(false), "add_cross_attention": Only(false), "is_encoder_decoder": Only(false),
})
