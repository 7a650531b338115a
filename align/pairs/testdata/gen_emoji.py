#!/usr/bin/env python3
"""Write emoji.json: what Pillow and hashlib say of what `monge data get emoji --out DIR` brings.

    python3 gen_emoji.py DIR

For each set of pictures the SHA-256 of all of them on white, one behind the other, in the order
of emoji.json without the five bare skin tones; for each split the codes' number and SHA-256.
"""
import hashlib
import json
import os
import sys

from PIL import Image

here = os.path.dirname(os.path.abspath(__file__))
want = {"pixels": {}, "splits": {}}
for name in "twitter", "google":
    source = os.path.join(sys.argv[1], "emoji-datasource-" + name)
    with open(os.path.join(source, "emoji.json"), encoding="utf-8") as f:
        entries = [e for e in json.load(f) if e["category"] != "Component"]
    sheet = Image.open(os.path.join(source, "img", name, "sheets-clean", "64.png")).convert("RGBA")
    h = hashlib.sha256()
    for e in entries:
        x, y = e["sheet_x"] * 66 + 1, e["sheet_y"] * 66 + 1
        cell = sheet.crop((x, y, x + 64, y + 64))
        white = Image.new("RGB", cell.size, "white")
        white.paste(cell, mask=cell)
        h.update(white.tobytes())
    want["pixels"][name] = h.hexdigest()
codes = {"train": [], "val": [], "test": []}
for e in entries:
    part = int.from_bytes(hashlib.sha256(e["unified"].encode()).digest()[:8], "big") % 10
    codes["train" if part < 5 else "val" if part < 6 else "test"].append(e["unified"])
for split, c in codes.items():
    want["splits"][split] = {"n": len(c), "codes": hashlib.sha256(" ".join(c).encode()).hexdigest()}
with open(os.path.join(here, "emoji.json"), "w", encoding="utf-8") as f:
    json.dump(want, f, indent=1)
    f.write("\n")
