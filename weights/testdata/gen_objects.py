#!/usr/bin/env python3
"""Writes checkpoints with Python objects beside the tensors, and what PyTorch holds of their network.

    /usr/bin/python3 weights/testdata/gen_objects.py old      # Debian's PyTorch 1.13 and NumPy 1
    python3 weights/testdata/gen_objects.py new               # PyTorch 2.15 and NumPy 2

Files are objects/old_*.pt and objects/new_*.pt, and old.json and new.json beside them.
"""
import argparse
import collections
import copy
import datetime
import decimal
import enum
import functools
import json
import os
import pathlib
import sys
import types
import uuid
from unittest import mock

import numpy as np
import torch

AGE = sys.argv[1]
OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "objects")
golden = {}


def module(name):
    m = types.ModuleType(name)
    sys.modules[name] = m
    return m


def foreign(mod, name, base=object, **members):
    """A class of a module that is not installed where the file is read."""
    parts = mod.split(".")
    for i in range(len(parts)):
        if ".".join(parts[:i + 1]) not in sys.modules:
            module(".".join(parts[:i + 1]))
    c = type(name, (base,), dict(members, __module__=mod))
    setattr(sys.modules[mod], name, c)
    return c


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(1, 2, 2, bias=False)
        self.bn = torch.nn.BatchNorm2d(2)
        self.fc = torch.nn.Linear(2, 2)
        self.tied = self.fc
        self.register_buffer("hidden", torch.ones(3), persistent=False)
        self.cache = torch.ones(4)
        self.sizes = torch.Size([1, 2])

    def forward(self, x):
        return self.fc(self.bn(self.conv(x)).mean((2, 3)))


class Colour(enum.Enum):
    RED = 1


class Options:
    class Inner:
        pass

    def __init__(self):
        self.depth, self.inner, self.me = 3, Options.Inner(), self


class Slots:
    __slots__ = ("a", "b")


class Sub(torch.Tensor):
    pass


def hook(*_):
    pass


Net.__module__ = Options.__module__ = Colour.__module__ = "research.code"
Options.Inner.__module__ = Slots.__module__ = Sub.__module__ = "research.code"
foreign("research.code", "Net")
for c in (Net, Options, Colour, Slots, Sub):
    setattr(sys.modules["research.code"], c.__name__, c)
PosixPath = foreign("pathlib._local", "PosixPath", __reduce__=lambda p: (type(p), ("runs", "a")))  # Python 3.13's
EasyDict = foreign("easydict", "EasyDict", dict)
DictConfig = foreign("omegaconf.dictconfig", "DictConfig")
Node = foreign("omegaconf.nodes", "AnyNode")


def config():
    c = DictConfig()
    n = Node()
    n.__dict__ = {"_val": 0.1, "_parent": c, "_metadata": {"key": "lr", "flags": {}}}
    c.__dict__ = {"_content": {"lr": n}, "_parent": None, "_metadata": {}}
    return c


def easy():
    e = EasyDict(lr=1, window=torch.ones(2))
    e.__dict__.update(e)
    return e


def beside(net):
    sgd = torch.optim.SGD(net.parameters(), lr=.1, momentum=.9)
    net(torch.ones(2, 1, 4, 4)).square().sum().backward()
    sgd.step()
    slots = Slots()
    slots.a = 1
    counts = collections.Counter("aab")
    return {
        "args": argparse.Namespace(lr=.1, out=pathlib.Path("a/b"), device=torch.device("cpu")),
        "acc": np.float64(91.25), "acc32": np.float32(.5), "epoch": np.int64(7), "good": np.bool_(True),
        "array": np.arange(6.).reshape(2, 3), "names": np.array(["a", "b"], dtype=object), "record": np.zeros(2, dtype=[("x", "f4")]),
        "npz": np.datetime64("2024-01-01"), "random": np.random.RandomState(0).get_state(), "generator": np.random.default_rng(0),
        "dtype": torch.float16, "device": torch.device("cuda:0"), "size": torch.Size([1, 2]), "layout": torch.strided,
        "rng": torch.Generator().get_state()[:8].clone(), "when": datetime.datetime(2024, 1, 2, tzinfo=datetime.timezone.utc), "took": datetime.timedelta(1),
        "path": pathlib.PosixPath("/tmp/x"), "pure": pathlib.PureWindowsPath("C:/x"), "path313": PosixPath(),
        "counter": counts, "default": collections.defaultdict(list, a=[1]), "factory": collections.defaultdict(lambda_free, b=2),
        "deque": collections.deque([1, 2], maxlen=3), "set": {1, 2}, "frozen": frozenset("ab"), "range": range(3), "slice": slice(1, 2),
        "complex": 1 + 2j, "enum": Colour.RED, "decimal": decimal.Decimal("1.5"), "uuid": uuid.UUID(int=5), "bytearray": bytearray(b"ab"),
        "partial": functools.partial(hook, 1), "function": np.mean, "class": Options, "inner": Options.Inner, "object": Options(), "slots": slots,
        "tuple keys": {(1, 2): 3, Colour.RED: 4, None: 5}, "huge": 2**100, "nan": float("nan"), "ellipsis": Ellipsis, "not": NotImplemented,
        "easy": easy(), "config": config(), "exception": ValueError("bad"), "namespace": types.SimpleNamespace(a=1),
        "optimizer": sgd.state_dict(), "whole optimizer": sgd, "scheduler": torch.optim.lr_scheduler.StepLR(sgd, 2),
        "multi": torch.optim.lr_scheduler.MultiStepLR(sgd, [1, 2]), "onecycle": torch.optim.lr_scheduler.CosineAnnealingLR(sgd, 5).state_dict(),
        "sampler": torch.utils.data.SequentialSampler([1, 2]), "loss": torch.nn.CrossEntropyLoss(), "storage": torch.ones(2).storage(),
    }


def lambda_free():
    return 0


lambda_free.__module__ = hook.__module__ = "research.code"
sys.modules["research.code"].lambda_free, sys.modules["research.code"].hook = lambda_free, hook


def bits(t):
    t = t.detach().to_dense() if t.is_sparse else t.detach()
    if t.is_floating_point():
        return np.asarray(t.to(torch.float32).contiguous().numpy()).view(np.uint32).flatten().tolist()
    return t.to(torch.int64).flatten().tolist()


def save(name, value, state, taken="", networks=(), passed=(), error="", key="", **kw):
    name = f"{AGE}_{name}.pt"
    # The old format keeps the source of modules, and where it lies.
    with mock.patch("inspect.getsourcefile", lambda _: "code.py"), mock.patch("inspect.getsourcelines", lambda _: (["class Source: ...\n"], 0)):
        torch.save(value, os.path.join(OUT, name), **kw)
    golden[name] = dict(state={k: bits(v) for k, v in state.items()}, taken=taken, networks=list(networks), passed=list(passed), error=error, key=key)


def save_all(net):
    state, other = net.state_dict(), {k: v.detach() + 1 if v.is_floating_point() else v for k, v in net.state_dict().items()}
    all_objects = beside(net)
    names = ["args", "array", "device", "when", "path313", "deque", "set", "enum", "object", "config", "whole optimizer", "storage", "class"]
    save("beside", dict(all_objects, state_dict=state), state, "state_dict", passed=names)
    save("beside_legacy", dict(all_objects, state_dict=state), state, "state_dict", passed=names, _use_new_zipfile_serialization=False)
    save("beside_protocol4", dict(all_objects, model=state), state, "model", passed=names, pickle_protocol=4)
    save("whole", net, state, passed=[""])
    save("whole_legacy", net, state, passed=[""], _use_new_zipfile_serialization=False)
    save("whole_parallel", torch.nn.DataParallel(net), state, passed=[""])
    save("yolo", {"epoch": -1, "model": net, "ema": copy.deepcopy(net), "optimizer": None, "date": datetime.datetime(2024, 1, 2)}, state, "model",
         ["model", "ema"], ["model", "ema", "date"])
    save("lightning", {"epoch": 1, "pytorch-lightning_version": "2.0", "state_dict": state, "hyper_parameters": easy(),
                       "callbacks": {"ModelCheckpoint{'monitor': 'acc'}": {"best_model_score": torch.tensor(.5), "dirpath": pathlib.PosixPath("a")}},
                       "optimizer_states": [all_objects["optimizer"]]}, state, "state_dict", passed=["hyper_parameters"])
    save("deepspeed", {"module": state, "lr_scheduler": all_objects["scheduler"], "ds_config": easy(), "dp_world_size": 1}, state, "module")
    save("fairseq", {"cfg": config(), "model": state, "args": None, "last_optimizer_state": all_objects["optimizer"]}, state, "model", passed=["cfg"])
    save("two", {"state_dict": state, "state_dict_ema": other}, state, "state_dict", ["state_dict", "state_dict_ema"])
    save("two_ema", {"state_dict": state, "state_dict_ema": other}, other, "state_dict_ema", ["state_dict", "state_dict_ema"], key="state_dict_ema")
    save("gan", {"generator": state, "discriminator": {"w": torch.ones(2)}}, {"w": torch.ones(2)}, "discriminator",
         ["generator", "discriminator"], key="discriminator")
    save("averaged", torch.optim.swa_utils.AveragedModel(net).state_dict(), dict(state, n_averaged=torch.tensor(0)))
    save("parameters", {"w": torch.nn.Parameter(torch.ones(2)), "sub": torch.arange(3.).as_subclass(Sub)}, {"w": torch.ones(2), "sub": torch.arange(3.)})
    kept = torch.nn.Parameter(torch.arange(2.))
    kept.note = "kept"
    save("parameter_state", {"w": kept}, {"w": kept})
    save("defaultdict", collections.defaultdict(dict, state), state)
    save("scalars", {"a": torch.tensor(1.5), "b": torch.ones(0, 3), "c": torch.ones(2)}, {"a": torch.tensor(1.5), "b": torch.ones(0), "c": torch.ones(2)})
    sparse = torch.eye(2).to_sparse()
    save("sparse", {"state_dict": {"emb": sparse, "w": torch.ones(2)}}, {}, error="tensor state_dict.emb is sparse")
    save("sparse_aside", {"state_dict": state, "graph": sparse}, state, "state_dict", passed=["graph"])
    quantized = torch.quantize_per_tensor(torch.ones(2), .1, 0, torch.quint8)
    save("quantized", {"w": quantized}, {}, error="tensor w is quantized")
    save("complex", {"state_dict": {"w": torch.ones(2, dtype=torch.complex64)}}, {}, error="tensor state_dict.w is of")
    save("meta", {"w": torch.ones(2, device="meta")}, {}, error="tensor w is")
    if AGE == "new":
        t = torch.tensor([1., -2., .0156, 448., 1e-3])
        kinds = {"e4m3": torch.float8_e4m3fn, "e5m2": torch.float8_e5m2}
        d = {k: t.to(v) for k, v in kinds.items()}
        d.update(u16=torch.tensor([1, 65535], dtype=torch.uint16), u32=torch.tensor([1, 2**32 - 1], dtype=torch.uint32), u64=torch.tensor([1, 2**62], dtype=torch.uint64))
        save("types", d, d)
        save("fnuz", {"w": t.to(torch.float8_e4m3fnuz)}, {}, error="tensor w is of type torch.float8_e4m3fnuz")
    script = torch.jit.script(torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2)).eval())
    name = f"{AGE}_script.pt"
    torch.jit.save(script, os.path.join(OUT, name))
    golden[name] = dict(state={k: bits(v) for k, v in script.state_dict().items()}, taken="", networks=[], passed=[""], error="", key="")


os.makedirs(OUT, exist_ok=True)
torch.manual_seed(1)
save_all(Net())
with open(os.path.join(OUT, AGE + ".json"), "w") as f:
    json.dump(golden, f, separators=(",", ":"), sort_keys=True)
    f.write("\n")
