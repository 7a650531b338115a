"""Writes transformers.json: what CLIPModel of Hugging Face's transformers (5.24) computes with one configuration after
another, for the tests of package clip: embeddings of two images and three texts, not yet of length one.

    python3 gen_transformers.py > transformers.json

Beside it pytorch_model.bin is written, the parameters of the first.
"""
import copy
import json
import os
import zlib

os.environ["HF_HUB_OFFLINE"] = "1"

import numpy as np
import torch
from transformers import CLIPConfig, CLIPModel

BASE = {
    "model_type": "clip", "projection_dim": 6, "logit_scale_init_value": 1.5,
    "text_config": {"hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 2, "num_attention_heads": 2,
                    "vocab_size": 20, "max_position_embeddings": 7, "hidden_act": "quick_gelu", "eos_token_id": 19},
    "vision_config": {"hidden_size": 12, "intermediate_size": 10, "num_hidden_layers": 2, "num_attention_heads": 3,
                      "image_size": 8, "patch_size": 4, "num_channels": 3, "hidden_act": "gelu"},
}
TEXTS = [[3, 5, 19], [7, 1, 2, 9, 19], [0, 18, 4, 4, 11, 6, 19]]
IDLE = {"attention_dropout": .3, "dropout": .1, "initializer_range": .5, "initializer_factor": 2.5, "projection_dim": 77, "output_attentions": True,
        "torch_dtype": "float32", "bos_token_id": 5, "pad_token_id": 3, "num_labels": 4, "max_length": 3, "temperature": .5, "tie_word_embeddings": True}


def numbers(n, salt):
    """Numbers in [-1, 1), exact in float32, and easy to make again in Go."""
    x = (np.arange(n, dtype=np.uint64) + np.uint64(salt)) * np.uint64(2654435761) & np.uint64(0xffffffff)
    x ^= x >> np.uint64(15)
    x = x * np.uint64(2246822519) & np.uint64(0xffffffff)
    x ^= x >> np.uint64(13)
    return (x & np.uint64(0xffff)).astype(np.float64) / 32768 - 1


def vary(**towers):
    c = copy.deepcopy(BASE)
    for key, value in towers.items():
        if isinstance(value, dict) and isinstance(c.get(key), dict):
            c[key].update(value)
        else:
            c[key] = value
    return c


def variants():
    yield "base", BASE
    yield "epsilon", vary(text_config={"layer_norm_eps": .1}, vision_config={"layer_norm_eps": .03})
    for act in ("gelu", "quick_gelu", "gelu_new", "gelu_fast", "gelu_accurate", "gelu_python", "gelu_pytorch_tanh", "gelu_python_tanh",
                "relu", "silu", "swish", "tanh", "sigmoid"):
        yield "hidden_act " + act, vary(text_config={"hidden_act": act}, vision_config={"hidden_act": act})
    yield "idle keys", vary(text_config=IDLE, vision_config=IDLE, initializer_factor=3., torch_dtype="float32", tie_word_embeddings=False)
    yield "null", vary(text_config_dict=None, vision_config_dict=None, text_config={"hidden_act": "gelu"})
    yield "whole text_config_dict", vary(text_config_dict={**BASE["text_config"], "hidden_act": "relu", "num_hidden_layers": 1, "layer_norm_eps": .2})
    yield "whole vision_config_dict", vary(vision_config_dict={**BASE["vision_config"], "num_attention_heads": 2})
    older = {k: v for k, v in BASE["text_config"].items() if k != "hidden_act"}
    yield "text_config_dict without what text_config says", vary(text_config={"hidden_act": "relu", "layer_norm_eps": .3}, text_config_dict=older)
    yield "text_config_dict alone", {**{k: v for k, v in BASE.items() if k != "text_config"}, "text_config_dict": BASE["text_config"]}
    yield "largest token", vary(text_config={"eos_token_id": 2})


def fill(model):
    """Sets parameters by their names."""
    for name, p in model.named_parameters():
        x = torch.from_numpy(numbers(p.numel(), zlib.crc32(name.encode()) & 0xffff)).reshape(p.shape)
        if p.dim() > 1:
            x = x / 2
        elif "norm" in name and name.endswith("weight"):
            x = 1 + x / 8
        else:
            x = x / 8
        p.data = x.to(torch.float64)


def features(x):
    x = x if torch.is_tensor(x) else x.pooler_output
    return [round(v, 7) for v in x.flatten().tolist()]


def main():
    out = []
    for name, config in variants():
        # what is read from a file is given by name, too
        model = CLIPModel(CLIPConfig.from_dict(copy.deepcopy(config))).double().eval()
        fill(model)
        if config is BASE:
            state = {k: v.detach().float().clone() for k, v in model.state_dict().items()}
            torch.save(state, os.path.join(os.path.dirname(os.path.abspath(__file__)), "pytorch_model.bin"))
        images = torch.from_numpy(numbers(2 * 3 * 8 * 8, 11)).reshape(2, 3, 8, 8)
        longest = max(map(len, TEXTS))
        ids = torch.tensor([t + [t[-1]] * (longest - len(t)) for t in TEXTS])
        with torch.no_grad():
            out.append({"name": name, "config": config, "texts": features(model.get_text_features(input_ids=ids)),
                        "images": features(model.get_image_features(pixel_values=images))})
    print("[\n" + ",\n".join(json.dumps(o) for o in out) + "\n]")


main()
