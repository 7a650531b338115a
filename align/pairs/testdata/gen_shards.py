#!/usr/bin/python3
"""Writes shards of webdataset's layout with Python's tarfile, and shards.json: what is in them, pixels by Pillow.

Run with Debian's python3-pil in this directory:  /usr/bin/python3 gen_shards.py
"""
import io
import json
import tarfile
from PIL import Image


def picture(seed, kind):
    img = Image.new("RGB", (3, 3))
    img.putdata([((40 * seed + 7 * i) % 256, (11 * i) % 256, (3 * seed) % 256) for i in range(9)])
    out = io.BytesIO()
    img.save(out, kind, quality=95)
    with Image.open(io.BytesIO(out.getvalue())) as back:
        return out.getvalue(), [v for p in back.convert("RGB").getdata() for v in p]


def write(name, form, members):
    with tarfile.open(name, "w", format=form) as t:
        for path, content in members:
            info = tarfile.TarInfo(path)
            info.size = len(content)
            t.addfile(info, io.BytesIO(content))


pairs = []


def sample(shard, key, seed, kind="png", caption=None, meta=None):
    """The members of a sample; it is a pair if it has a caption."""
    content, pixels = picture(seed, "JPEG" if kind == "jpg" else "PNG")
    members = [(key + "." + kind, content)]
    if caption is not None:
        members.append((key + ".txt", caption.encode()))
    if meta is not None:
        members.append((key + ".json", json.dumps(meta).encode()))
    pairs.append({"shard": shard, "member": key + "." + kind, "caption": caption or meta["caption"], "pixels": pixels})
    return members


long = "d" * 90 + "/" + "e" * 70 + "/000007"
write("ustar-000.tar", tarfile.USTAR_FORMAT,
      sample("ustar-000.tar", "000000", 1, caption="a first caption\n", meta={"caption": "not this one", "width": 3})
      + sample("ustar-000.tar", "./a.dir/000001", 2, meta={"caption": "from json: caf\u00e9", "key": 1})
      + [("000002.cls", b"7"), ("README", b"nothing")]
      + sample("ustar-000.tar", "000003", 3, caption="\u00fc" * 700))
write("gnu-001.tar", tarfile.GNU_FORMAT, sample("gnu-001.tar", long, 4, caption="long names, GNU's way"))
write("pax-002.tar", tarfile.PAX_FORMAT,
      sample("pax-002.tar", long + "\u4e2d", 5, caption="\u4e2d\u6587")
      + sample("pax-002.tar", "000008", 6, kind="jpg", caption="a jpeg"))
with open("shards.json", "w") as f:
    json.dump(sorted(pairs, key=lambda p: p["shard"]), f)
    f.write("\n")
