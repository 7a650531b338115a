"""Writes depths.json: the scales of learning rates and the weight decay that timm (1.0.31) gives the parameters of networks.

Run with a python3 that has timm:  python3 gen_depths.py > depths.json
"""
import json

import timm
from timm.optim import param_groups_layer_decay

HEADS = {"vit_tiny_patch16_224": "head", "resnet18": "fc", "convnext_atto": "head.fc", "mobilenetv2_100": "classifier", "efficientnet_b0": "classifier",
         "swin_tiny_patch4_window7_224": "head.fc"}
out = {}
for name, head in HEADS.items():
    model = timm.create_model(name, num_classes=10)
    of = {}
    for g in param_groups_layer_decay(model, .5, layer_decay=.5):
        for p in g["params"]:
            of[id(p)] = g
    out[name] = {"head": head, "params": [[n, p.dim(), of[id(p)]["lr_scale"], of[id(p)]["weight_decay"]] for n, p in model.named_parameters()]}
print(json.dumps(out, separators=(",", ":")))
