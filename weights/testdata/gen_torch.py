#!/usr/bin/env python3
"""Writes the golden checkpoints beside this file, and golden.json with what PyTorch holds.

    /usr/bin/python3 weights/testdata/gen_torch.py

Floats are in golden.json as the bits of their float32.
"""
import collections
import io
import json
import os
import pickle
import struct
import zipfile

import torch

HERE = os.path.dirname(os.path.abspath(__file__))
NAMES = {torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64",
         torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL"}
golden = {}


def values(t):
    if t.is_floating_point():
        return [struct.unpack("<I", struct.pack("<f", v))[0] for v in t.detach().float().flatten().tolist()]
    return [int(v) for v in t.flatten().tolist()]


def flatten(name, v):
    if isinstance(v, torch.Tensor):
        yield {"name": name or "tensor", "dtype": NAMES[v.dtype], "shape": list(v.shape), "values": values(v)}
        return
    items = v.items() if isinstance(v, dict) else enumerate(v) if isinstance(v, (list, tuple)) else ()
    for k, e in items:
        yield from flatten(f"{name}.{k}" if name else str(k), e)


def describe(value, fmt, state):
    meta = {}
    if isinstance(value, dict):
        for k, v in value.items():
            if isinstance(v, (str, bool, int)) and abs(v if isinstance(v, int) else 0) < 2**63:
                meta[str(k)] = str(v)
    tensors = list(flatten("", value))
    return {"format": fmt, "metadata": meta, "tensors": tensors, "state": state or [t["name"] for t in tensors]}


def save(name, value, state=None, **kw):
    path = os.path.join(HERE, name)
    torch.save(value, path, **kw)
    fmt = "torch zip" if kw.get("_use_new_zipfile_serialization", True) else "torch legacy"
    golden[name] = describe(value, fmt, state)


def both(name, value, state=None):
    save("zip_" + name + ".pt", value, state)
    save("legacy_" + name + ".pt", value, state, _use_new_zipfile_serialization=False)


def dtypes():
    special = [0.0, -0.0, 1.0, -2.5, 1 / 3, 65504.0, 65520.0, 1e-7, -6e-8, 3e38, float("inf"), -float("inf"), 1e-40]
    d = {n.lower(): torch.tensor(special, dtype=torch.float64).to(t) for t, n in NAMES.items() if t.is_floating_point}
    for t, n in NAMES.items():
        if t in (torch.int64, torch.int32, torch.int16, torch.int8):
            info = torch.iinfo(t)
            d[n.lower()] = torch.tensor([info.min, -1, 0, 1, info.max], dtype=t)
    d["u8"] = torch.tensor([0, 1, 128, 255], dtype=torch.uint8)
    d["bool"] = torch.tensor([[True, False], [False, True]])
    d["scalar"] = torch.tensor(7.5)
    d["steps"] = torch.tensor(123456789012)
    d["empty"] = torch.zeros(0, 3)
    d["long name " + "x" * 300 + " \u00e9\u4e16"] = torch.ones(1)
    return d


def views():
    base = torch.arange(60, dtype=torch.float32).reshape(3, 4, 5)
    return collections.OrderedDict(
        base=base, transposed=base.permute(2, 0, 1), row=base[1], strided=base[:, ::2, 1:4:2], column=base[:, :, 3],
        expanded=torch.tensor([1.5, -2.0]).unsqueeze(1).expand(2, 6), again=base, ints=torch.arange(12).reshape(3, 4).t(),
        none=base[3:], one=base[2, 3, 4])


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(2, 3, 3, bias=False)
        self.bn = torch.nn.BatchNorm2d(3)
        self.fc = torch.nn.Linear(3, 4)
        self.tied = self.fc

    def forward(self, x):
        return self.fc(self.bn(self.conv(x)).mean((2, 3)))


def trained():
    net = Net()
    opt = torch.optim.Adam(net.parameters(), lr=1e-2)
    net(torch.randn(4, 2, 5, 5)).square().sum().backward()
    opt.step()
    return net, opt


def legacy_part():
    """A storage that is a part of another, as PyTorch wrote it up to 0.4."""
    root = torch.arange(10, dtype=torch.float32)

    class P(pickle.Pickler):
        def persistent_id(self, obj):
            if isinstance(obj, Part):
                return ("storage", torch.FloatStorage, "root", "cpu", 10, obj.part)

    class Part:
        def __init__(self, part):
            self.part = part

    class View:
        def __init__(self, *args):
            self.args = args

        def __reduce__(self):
            return torch._utils._rebuild_tensor, self.args

    value = collections.OrderedDict(
        whole=View(Part(None), 0, (2, 5), (5, 1)), part=View(Part(("p", 4, 6)), 1, (2, 2), (2, 1)))
    f = io.BytesIO()
    for v in (0x1950A86A20F9469CFC6C, 1001, dict(protocol_version=1001, little_endian=True, type_sizes=dict(short=2, int=4, long=4))):
        pickle.dump(v, f, protocol=2)
    P(f, protocol=2).dump(value)
    pickle.dump(["root"], f, protocol=2)
    f.write(struct.pack("<q10f", 10, *root.tolist()))
    with open(os.path.join(HERE, "legacy_part.pt"), "wb") as out:
        out.write(f.getvalue())
    want = collections.OrderedDict(whole=root.view(2, 5), part=root[5:9].view(2, 2))
    golden["legacy_part.pt"] = describe(want, "torch legacy", None)


def deflated():
    """A checkpoint that another zip program packed again."""
    path = os.path.join(HERE, "zip_deflated.pt")
    with zipfile.ZipFile(os.path.join(HERE, "zip_model.pt")) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    golden["zip_deflated.pt"] = golden["zip_model.pt"]


def safetensors(name, tensors, metadata=None):
    header, data = {}, b""
    if metadata:
        header["__metadata__"] = metadata
    for k, t in tensors.items():
        raw = t.contiguous().view(-1)
        raw = bytes(raw.view(torch.uint8).tolist()) if t.numel() else b""
        header[k] = {"dtype": NAMES[t.dtype], "shape": list(t.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    h = json.dumps(header, separators=(",", ":")).encode()
    h += b" " * (-len(h) % 8)
    with open(os.path.join(HERE, name), "wb") as f:
        f.write(struct.pack("<Q", len(h)) + h + data)
    golden[name] = describe(tensors, "safetensors", None)
    golden[name]["metadata"] = metadata or {}


torch.manual_seed(1)
net, opt = trained()
both("dtypes", dtypes())
both("views", views())
both("model", net.state_dict())
both("nested", {"a": {"b": [torch.ones(2), {"c": (torch.zeros(1), 3, None)}]}, 7: torch.eye(2), "deep": {"x": {"y": torch.ones(1)}}})
both("parallel", {"epoch": 12, "state_dict": torch.nn.DataParallel(net).state_dict(), "best": True}, list(net.state_dict()))
both("optimizer", {"epoch": 3, "arch": "net", "none": None, "flag": False, "raw": b"\x00\xff", "nothing": b"", "big": 2**70,
                   "model": net.state_dict(), "optimizer": opt.state_dict(), "history": [0.5, 0.25]}, list(net.state_dict()))
both("tensor", torch.arange(4.0))
both("parameter", {"w": torch.nn.Parameter(torch.ones(2, 2))})
for p in (1, 3, 4, 5):
    save(f"zip_protocol{p}.pt", {"state_dict": net.state_dict(), "lr": 1, "raw": b"abc"}, list(net.state_dict()), pickle_protocol=p)
save("legacy_protocol4.pt", {"net": net.state_dict()}, list(net.state_dict()), pickle_protocol=4, _use_new_zipfile_serialization=False)
legacy_part()
deflated()
safetensors("dtypes.safetensors", dtypes(), {"format": "pt", "quote": "\"\\\u00e9"})
safetensors("model.safetensors", net.state_dict())
with open(os.path.join(HERE, "golden.json"), "w") as f:
    json.dump(golden, f, indent=None, separators=(",", ":"), sort_keys=True)
    f.write("\n")
