"""Prints what Hugging Face's PEFT makes of an adapter of a published network: logits of rows of tokens, as it is and merged,
and those of the network that the run has saved.

    python3 peft_directory.py BASE ADAPTER SAVED CLASSES TOKENS

BASE is the directory that the run began with, ADAPTER and SAVED those that it left, TOKENS a JSON array of rows, padded with 0.
It needs PyTorch, transformers and peft.
"""
import json
import sys

import torch
from peft import PeftModel
from transformers import AutoModelForSequenceClassification

base, adapter, saved, classes, tokens = sys.argv[1:]
ids = torch.tensor(json.loads(open(tokens).read())).long()


def logits(m):
    with torch.no_grad():
        return m.eval()(input_ids=ids, attention_mask=(ids != 0).long()).logits.tolist()


model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=int(classes), ignore_mismatched_sizes=True)
wrapped = PeftModel.from_pretrained(model, adapter)
print(json.dumps({"adapted": logits(wrapped), "merged": logits(wrapped.merge_and_unload()), "saved": logits(AutoModelForSequenceClassification.from_pretrained(saved))}))
