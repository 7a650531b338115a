"""Writes grey.json: what Pillow's convert("L") makes of the pictures in images/, in their size and resized.

Run after gen_images.py with /usr/bin/python3 (Debian's python3-pil):

    cd data/picture/testdata && /usr/bin/python3 gen_grey.py
"""
import base64
import json
import os
import zlib

from PIL import Image


def entry(name, image, **more):
    pix = base64.b64encode(zlib.compress(image.tobytes(), 9)).decode()
    return dict(more, name=name, width=image.width, height=image.height, zlib=pix)


def grey(name):
    return Image.open("images/" + name).convert("L")


cases = [entry(name, grey(name)) for name in sorted(os.listdir("images"))]
wide = grey("wide.png")
for size in 8, 10, 40:
    cases.append(entry("wide.png", wide.resize((size, size), Image.BILINEAR), size=size))
    # torchvision's Resize (the shorter side) and CenterCrop
    w = int(size * wide.width / wide.height)
    left = int(round((w - size) / 2))
    cut = wide.resize((w, size), Image.BILINEAR).crop((left, 0, left + size, size))
    cases.append(entry("wide.png", cut, size=size, crop=True))

with open("grey.json", "w") as f:
    json.dump(cases, f, indent=0)
