"""Writes cifar_pickles.json: a batch of CIFAR-10 as Python and NumPy spell it.

    cd data/testdata && /usr/bin/python3 gen_cifar.py
"""
import base64
import io
import json
import pickle
import struct
import zlib

import numpy as np


class Python2(pickle._Pickler):
    """Writes bytes as Python 2's str, as the published files have them."""

    dispatch = dict(pickle._Pickler.dispatch)

    def save_str2(self, s):
        self.write((b"U" + bytes([len(s)]) if len(s) < 256 else b"T" + struct.pack("<i", len(s))) + s)
        self.memoize(s)

    dispatch[bytes] = save_str2


def python2(v):
    b = io.BytesIO()
    Python2(b, 2).dump(v)
    return b.getvalue()


data = (np.arange(2 * 3072) * 7 % 251).astype(np.uint8).reshape(2, 3072)
batch = {"batch_label": "testing batch 1 of 1", "labels": [3, 7], "data": data, "filenames": ["a.png", "b.png"]}
meta = {"num_cases_per_batch": 2, "label_names": [f"class {i}" for i in range(10)], "num_vis": 3072}
as_bytes = {k.encode(): [w.encode() if isinstance(w, str) else w for w in v] if isinstance(v, list) else v for k, v in batch.items()}
as_bytes[b"batch_label"] = as_bytes[b"batch_label"].encode()
meta_bytes = {k.encode(): [w.encode() for w in v] if isinstance(v, list) else v for k, v in meta.items()}

out = {"python2": python2(as_bytes), "meta, python2": python2(meta_bytes), "meta, protocol 4": pickle.dumps(meta, 4)}
for protocol in 2, 3, 4, 5:
    out[f"protocol {protocol}"] = pickle.dumps(batch, protocol)
    out[f"bytes, protocol {protocol}"] = pickle.dumps(as_bytes, protocol)
    columns = dict(batch, data=np.asfortranarray(data))
    out[f"columns, protocol {protocol}"] = pickle.dumps(columns, protocol)
out["float64"] = pickle.dumps(dict(batch, data=data.astype(float)), 4)
with open("cifar_pickles.json", "w") as f:
    json.dump({k: base64.b64encode(zlib.compress(v, 9)).decode() for k, v in out.items()}, f, indent=0)
