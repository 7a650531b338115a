"""Prints what transformers (or timm) says of inputs with the networks of directories: JSON of a list of logits for each.

    python3 logits.py < QUESTIONS

A question is {"dir": DIR, "rows": packed tokens} or {"dir": DIR, "pixels": numbers, "shape": [n, height, width, channels]}.
"""
import json
import os
import sys

import torch


def network(directory):
    config = json.load(open(os.path.join(directory, "config.json")))
    if "model_type" not in config:
        import timm
        return timm.create_model("local-dir:" + directory, pretrained=True)
    import transformers
    # missing or unexpected weights are an error here
    net, report = getattr(transformers, config["architectures"][0]).from_pretrained(directory, output_loading_info=True)
    left = {k: v for k, v in report.items() if v and not isinstance(v, str)}
    assert not left, (directory, left)
    assert net.config.num_labels == len(config["id2label"]), net.config.num_labels
    return net


def logits(question):
    net = network(question["dir"]).eval()
    if question.get("rows"):
        rows = torch.tensor(question["rows"], dtype=torch.int64)
        pad = getattr(net.config, "pad_token_id", 0) or 0
        args = {"input_ids": torch.where(rows != 0, (rows - 1) % 2 ** 19, pad), "attention_mask": (rows != 0).long()}
        if getattr(net.config, "type_vocab_size", 0) > 0:
            args["token_type_ids"] = torch.where(rows != 0, (rows - 1) // 2 ** 19, 0)
        return net(**args).logits
    y = net(torch.tensor(question["pixels"]).reshape(question["shape"]).permute(0, 3, 1, 2))
    return y if torch.is_tensor(y) else y.logits


with torch.no_grad():
    print(json.dumps([logits(q).reshape(-1).tolist() for q in json.load(sys.stdin)]))
