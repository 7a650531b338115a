#!/usr/bin/env python3
"""What torchvision makes of one small image: pad, crop, flip, to [0, 1], normalize.

    /usr/bin/python3 data/testdata/gen_torchvision.py > data/testdata/torchvision.json

It needs Debian's python3-torchvision (0.14.1).
"""
import inspect
import json

import numpy as np
import torchvision.transforms.functional as F
from PIL import Image
from torchvision.transforms._presets import ImageClassification

H, W, PAD = 4, 5, 2
MEAN, STD = [0.4914, 0.4822, 0.4465], [0.2470, 0.2435, 0.2616]


def last(x):
    """Channels last, as a flat list."""
    return x.permute(1, 2, 0).flatten().tolist()


image = np.random.default_rng(1).integers(1, 256, (H, W, 3), dtype=np.uint8)
cases = []
for down, right, flip in [(0, 0, False), (-2, 2, True), (1, -1, False), (2, 2, True), (-1, -2, False)]:
    # RandomCrop(padding=PAD) draws top and left from 0 to 2*PAD, both included.
    x = F.crop(F.pad(Image.fromarray(image), PAD), PAD + down, PAD + right, H, W)
    if flip:
        x = F.hflip(x)
    cases.append({"down": down, "right": right, "flip": flip, "pixels": np.asarray(x).flatten().tolist(),
                  "normalized": last(F.normalize(F.to_tensor(x), MEAN, STD))})
imagenet = inspect.signature(ImageClassification).parameters
print(json.dumps({"height": H, "width": W, "image": image.flatten().tolist(), "cases": cases,
                  "imagenet_mean": imagenet["mean"].default, "imagenet_std": imagenet["std"].default}))
