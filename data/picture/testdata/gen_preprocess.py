"""Writes preprocess.json: what CLIPImageProcessor's steps make of pictures in images/.

The steps are those of transformers' image_processing_clip.py and image_transforms.py
(resize with Pillow, center_crop, rescale, normalize), without the library. Run after
gen_images.py with /usr/bin/python3 (Debian's python3-pil):

    cd data/picture/testdata && /usr/bin/python3 gen_preprocess.py
"""
import base64
import json
import zlib

import numpy as np
from PIL import Image

MEAN = [0.48145466, 0.4578275, 0.40821073]
STD = [0.26862954, 0.26130258, 0.27577711]


def pack(a):
    return base64.b64encode(zlib.compress(a.tobytes(), 9)).decode()


def process(name, size, crop, resample):
    image = Image.open("images/" + name).convert("RGB")
    if crop:
        short, long = sorted(image.size)
        other = int(size * long / short)
        image = image.resize((size, other) if image.width <= image.height else (other, size), resample=resample)
        x = np.array(image)
        top, left = (x.shape[0] - crop) // 2, (x.shape[1] - crop) // 2
        x = x[top:top + crop, left:left + crop]
    else:
        x = np.array(image.resize((size, size), resample=resample))
    return dict(name=name, size=size, crop=crop, bicubic=resample == Image.BICUBIC, zlib=pack(x))


def normalize(x):
    x = (x.astype(np.float64) * 0.00392156862745098).astype(np.float32)
    return (x - np.array(MEAN, np.float32)) / np.array(STD, np.float32)


cases = [process(*c) for c in [
    ("wide.png", 8, 8, Image.BICUBIC), ("wide.png", 11, 10, Image.BICUBIC), ("wide.png", 33, 31, Image.BICUBIC),
    ("wide.png", 40, 40, Image.BICUBIC), ("wide.png", 5, 0, Image.BICUBIC), ("wide.png", 45, 0, Image.BICUBIC),
    ("rgb.png", 7, 7, Image.BICUBIC), ("rgb.png", 32, 29, Image.BICUBIC), ("gray.png", 13, 0, Image.BICUBIC),
    ("palette.png", 10, 9, Image.BICUBIC), ("wide.png", 12, 9, Image.BILINEAR), ("wide.png", 9, 0, Image.BILINEAR)]]
levels = normalize(np.repeat(np.arange(256)[:, None], 3, 1))  # of each byte, by colour
with open("preprocess.json", "w") as f:
    json.dump(dict(mean=MEAN, std=STD, cases=cases, levels=pack(levels.astype("<f4"))), f, indent=0)
