"""Writes images/ and images.json: small pictures of every kind, and what Pillow makes of them.

Run with /usr/bin/python3 (Debian's python3-pil, and cjpeg of libjpeg-turbo-progs):

    cd data/picture/testdata && /usr/bin/python3 gen_images.py
"""
import base64
import io
import json
import os
import subprocess
import zlib

import numpy as np
from PIL import Image

rng = np.random.default_rng(1)
os.makedirs("images", exist_ok=True)
want = {}


def photo(w, h):
    """Smooth colours with an edge and some noise, as photographs have."""
    y, x = np.mgrid[0:h, 0:w]
    p = np.stack([128 + 100 * np.sin(x / 5 + y / 9), 255 * x / w, 128 + 100 * np.cos(y / 4)], -1)
    p[(x > w / 2) & (y > h / 3)] = [230, 40, 60]
    return Image.fromarray(np.clip(p + rng.normal(0, 4, p.shape), 0, 255).astype(np.uint8))


def blocks(w, h):
    """Flat squares of 32 pixels: exact in JPEG but for the edges between colours."""
    p = rng.integers(0, 256, ((h + 31) // 32, (w + 31) // 32, 3)).repeat(32, 0).repeat(32, 1)
    return Image.fromarray(p[:h, :w].astype(np.uint8))


def entry(image, **more):
    image = image.convert("RGB")
    return dict(more, width=image.width, height=image.height, zlib=base64.b64encode(zlib.compress(image.tobytes(), 9)).decode())


def add(name, data):
    with open("images/" + name, "wb") as f:
        f.write(data)
    want[name] = [entry(Image.open(io.BytesIO(data)))]


def save(image, kind, **how):
    b = io.BytesIO()
    image.save(b, kind, **how)
    return b.getvalue()


def cjpeg(image, *how):
    return subprocess.run(["cjpeg", *how], input=save(image, "PPM"), stdout=subprocess.PIPE, check=True).stdout


for name, sample in [("420", "2x2"), ("422", "2x1"), ("440", "1x2"), ("411", "4x1"), ("444", "1x1")]:
    add(f"photo{name}.jpg", cjpeg(photo(21, 19), "-quality", "90", "-sample", sample))
    add(f"blocks{name}.jpg", cjpeg(blocks(75, 70), "-quality", "100", "-sample", sample))
add("narrow420.jpg", cjpeg(photo(4, 7), "-quality", "90", "-sample", "2x2"))
add("narrow422.jpg", cjpeg(photo(3, 7), "-quality", "90", "-sample", "2x1"))
add("progressive.jpg", cjpeg(photo(21, 19), "-quality", "90", "-progressive"))
add("gray.jpg", cjpeg(photo(21, 19), "-quality", "90", "-grayscale"))
add("rgb.jpg", cjpeg(photo(21, 19), "-quality", "90", "-rgb"))
add("cmyk.jpg", save(photo(21, 19).convert("CMYK"), "JPEG", quality=90))
exif = Image.Exif()
exif[0x0112] = 6  # turned by a quarter: plain open and convert leave it
add("turned.jpg", save(photo(21, 19), "JPEG", quality=90, exif=exif))

picture = photo(21, 19)
veil = Image.fromarray(rng.integers(0, 256, (19, 21), dtype=np.uint8))
seen = picture.copy()
seen.putalpha(veil)
add("rgb.png", save(picture, "PNG"))
add("rgba.png", save(seen, "PNG"))
add("palette.png", save(picture.quantize(16), "PNG", transparency=3))
add("gray.png", save(picture.convert("L"), "PNG"))
grayalpha = picture.convert("L")
grayalpha.putalpha(veil)
add("grayalpha.png", save(grayalpha, "PNG"))
add("palette.gif", save(picture.quantize(16), "GIF"))
add("rgb.bmp", save(picture, "BMP"))
add("lossy.webp", save(picture, "WEBP", quality=80))
add("alpha.webp", save(seen, "WEBP", quality=80))
add("lossless.webp", save(seen, "WEBP", lossless=True, exact=True))

wide = photo(50, 33)
add("wide.png", save(wide, "PNG"))
for size in 8, 10, 40:
    want["wide.png"].append(entry(wide.resize((size, size), Image.BILINEAR), size=size))
    # torchvision's Resize (the shorter side) and CenterCrop
    w = int(size * 50 / 33)
    left = int(round((w - size) / 2))
    want["wide.png"].append(entry(wide.resize((w, size), Image.BILINEAR).crop((left, 0, left + size, size)), size=size, crop=True))

with open("images.json", "w") as f:
    json.dump(want, f, indent=0)
