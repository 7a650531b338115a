"""Prints what Hugging Face's PEFT makes of an adapter: logits of rows of tokens, as it is and merged.

    python3 peft_logits.py WEIGHTS ADAPTER TOKENS

WEIGHTS is the safetensors file of bert-tiny that the run began with, ADAPTER the directory that it left, TOKENS a JSON
array of rows. It needs PyTorch, transformers and peft.
"""
import json
import sys

import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import BertConfig, BertForSequenceClassification

weights, adapter, tokens = sys.argv[1:]
state = load_file(weights)
model = BertForSequenceClassification(BertConfig(
    vocab_size=8192, hidden_size=128, num_hidden_layers=2, num_attention_heads=2, intermediate_size=512, layer_norm_eps=1e-12,
    num_labels=state["classifier.weight"].shape[0]))
missing, unexpected = model.load_state_dict(state, strict=False)
assert not unexpected and all("position_ids" in k or "token_type_ids" in k for k in missing), (missing, unexpected)
ids = torch.tensor(json.loads(open(tokens).read())).long()


def logits(m):
    with torch.no_grad():
        return m.eval()(input_ids=ids, attention_mask=(ids != 0).long()).logits.tolist()


wrapped = PeftModel.from_pretrained(model, adapter)
print(json.dumps({"adapted": logits(wrapped), "merged": logits(wrapped.merge_and_unload())}))
