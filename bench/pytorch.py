"""PyTorch's side of `monge bench versus-pytorch` and `monge bench layers`.

    python3 -c "$(cat pytorch.py)" THREADS               answers requests, a line of JSON each, until its input ends
    python3 -c "$(cat pytorch.py)" THREADS export MODEL  writes an ONNX file to its output

A request is what bench/side.go says. Methods are sgd, sam, m-sam and eval. The models are written here with torch.nn alone, as
torchvision, the CIFAR ResNets of He et al. (2016), the vision transformers of Dosovitskiy et al. (2021), CLIP (Radford et
al. 2021) and BERT (Devlin et al. 2019) define them.
"""
import contextlib
import ctypes
import gc
import glob
import io
import json
import math
import os
import re
import resource
import sys
import time

import torch
from torch import nn
import torch.nn.functional as F


class OptionA(nn.Module):
    """The CIFAR ResNets' shortcut: every second pixel, missing channels are zero."""

    def __init__(self, planes):
        super().__init__()
        self.planes = planes

    def forward(self, x):
        return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.planes // 4, self.planes // 4))


class Basic(nn.Module):
    def __init__(self, inp, planes, stride, option_a):
        super().__init__()
        self.conv1 = nn.Conv2d(inp, planes, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.shortcut = None
        if stride != 1 or inp != planes:
            self.shortcut = OptionA(planes) if option_a else nn.Sequential(
                nn.Conv2d(inp, planes, 1, stride, bias=False), nn.BatchNorm2d(planes))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        y = self.bn2(self.conv2(y))
        y += x if self.shortcut is None else self.shortcut(x)
        return F.relu(y, inplace=True)


class Bottleneck(nn.Module):
    """A block of ResNet-50; the stride is the 3x3 convolution's, as in torchvision."""

    def __init__(self, inp, planes, stride, _):
        super().__init__()
        self.conv1 = nn.Conv2d(inp, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, 4 * planes, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * planes)
        self.shortcut = None
        if stride != 1 or inp != 4 * planes:
            self.shortcut = nn.Sequential(nn.Conv2d(inp, 4 * planes, 1, stride, bias=False), nn.BatchNorm2d(4 * planes))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        y = F.relu(self.bn2(self.conv2(y)), inplace=True)
        y = self.bn3(self.conv3(y))
        y += x if self.shortcut is None else self.shortcut(x)
        return F.relu(y, inplace=True)


class ResNet(nn.Module):
    def __init__(self, widths, blocks, option_a=False, imagenet=False, block=Basic):
        super().__init__()
        layers, inp = [], widths[0]
        stem = [nn.Conv2d(3, inp, 7, 2, 3, bias=False)] if imagenet else [nn.Conv2d(3, inp, 3, 1, 1, bias=False)]
        stem += [nn.BatchNorm2d(inp), nn.ReLU(inplace=True)]
        if imagenet:
            stem.append(nn.MaxPool2d(3, 2, 1))
        self.stem = nn.Sequential(*stem)
        for i, (w, n) in enumerate(zip(widths, blocks)):
            for j in range(n):
                layers.append(block(inp, w, 2 if i and not j else 1, option_a))
                inp = 4 * w if block is Bottleneck else w
        self.layers = nn.Sequential(*layers)
        self.fc = nn.Linear(inp, 10)

    def forward(self, x):
        return self.fc(self.layers(self.stem(x)).mean((2, 3)))


class ViT(nn.Module):
    def __init__(self, size, patch, layers, width, heads):
        super().__init__()
        self.patches = nn.Conv2d(3, width, patch, patch)
        self.position = nn.Parameter(.02 * torch.randn((size // patch) ** 2, width))
        layer = nn.TransformerEncoderLayer(width, heads, 4 * width, 0., "gelu", batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, nn.LayerNorm(width))
        self.fc = nn.Linear(width, 10)

    def forward(self, x):
        return self.fc(self.encoder(self.patches(x).flatten(2).transpose(1, 2) + self.position).mean(1))


def quick_gelu(x):
    """x sigmoid(1.702 x), in the form that PyTorch computes faster and keeps less of."""
    return F.silu(1.702 * x) / 1.702


def encoder(width, heads, layers):
    layer = nn.TransformerEncoderLayer(width, heads, 4 * width, 0., quick_gelu, batch_first=True, norm_first=True)
    return nn.TransformerEncoder(layer, layers)


class CLIP(nn.Module):
    """openai/clip-vit-base-patch32; its inputs are pairs of an image and a text of full length."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(2.6592))
        self.patches = nn.Conv2d(3, 768, 32, 32, bias=False)
        self.class_row = nn.Parameter(.02 * torch.randn(768))
        self.image_positions = nn.Parameter(.02 * torch.randn(50, 768))
        self.before, self.image_encoder, self.image_norm = nn.LayerNorm(768), encoder(768, 12, 12), nn.LayerNorm(768)
        self.image_projection = nn.Linear(768, 512, bias=False)
        self.tokens = nn.Embedding(49408, 512)
        self.text_positions = nn.Parameter(.02 * torch.randn(77, 512))
        self.text_encoder, self.text_norm = encoder(512, 8, 12), nn.LayerNorm(512)
        self.text_projection = nn.Linear(512, 512, bias=False)
        self.register_buffer("causal", torch.full((77, 77), -math.inf).triu(1))
        nn.init.normal_(self.tokens.weight, std=.02)

    def forward(self, pairs):
        x, ids = pairs
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.class_row.expand(len(x), 1, -1), x], 1) + self.image_positions
        x = self.image_norm(self.image_encoder(self.before(x))[:, 0])
        y = self.text_encoder(self.tokens(ids) + self.text_positions, self.causal)
        y = self.text_norm(y[:, -1])
        return F.normalize(self.image_projection(x), dim=-1), F.normalize(self.text_projection(y), dim=-1)

    def loss(self, pairs, labels):
        images, texts = self(pairs)
        logits = self.scale.exp() * images @ texts.T
        return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2


class BERT(nn.Module):
    """BERT-base, a classifier of texts of 128 tokens into two, without dropout."""

    def __init__(self):
        super().__init__()
        self.words, self.norm = nn.Embedding(30522, 768), nn.LayerNorm(768, 1e-12)
        self.positions = nn.Parameter(.02 * torch.randn(512, 768))
        self.types = nn.Parameter(.02 * torch.randn(2, 768))
        layer = nn.TransformerEncoderLayer(768, 12, 3072, 0., "gelu", 1e-12, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 12)
        self.pooler, self.fc = nn.Linear(768, 768), nn.Linear(768, 2)
        nn.init.normal_(self.words.weight, std=.02)

    def forward(self, ids):
        x = self.words(ids) + (self.positions[:ids.shape[1]] + self.types[0])
        return self.fc(torch.tanh(self.pooler(self.encoder(self.norm(x))[:, 0])))


class Lite(nn.Module):
    """EfficientNet-Lite0 (Tan and Le 2019, without squeeze-and-excitation, ReLU6, padding SAME)."""

    def __init__(self):
        super().__init__()
        self.stem, inp = self.conv(3, 32, 3, 2, 1), 32
        blocks = []
        for t, c, n, s, k in [(1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 40, 2, 2, 5), (6, 80, 3, 2, 3), (6, 112, 3, 1, 5),
                              (6, 192, 4, 2, 5), (6, 320, 1, 1, 3)]:
            for i in range(n):
                stride, mid = s if i == 0 else 1, inp * t
                body = [] if t == 1 else [self.conv(inp, mid, 1, 1, 1)]
                body += [self.conv(mid, mid, k, stride, mid), nn.Conv2d(mid, c, 1, bias=False), nn.BatchNorm2d(c, 1e-3, .01)]
                blocks.append((nn.Sequential(*body), stride == 1 and inp == c))
                inp = c
        self.blocks, self.skip = nn.ModuleList([b for b, _ in blocks]), [s for _, s in blocks]
        self.head, self.fc = self.conv(inp, 1280, 1, 1, 1), nn.Linear(1280, 1000)

    @staticmethod
    def conv(inp, out, k, stride, groups):
        pad = [nn.ZeroPad2d((k // 2 - 1, k // 2, k // 2 - 1, k // 2))] if stride == 2 else []
        return nn.Sequential(*pad, nn.Conv2d(inp, out, k, stride, 0 if pad else k // 2, groups=groups, bias=False),
                             nn.BatchNorm2d(out, 1e-3, .01), nn.ReLU6(inplace=True))

    def forward(self, x):
        x = self.stem(x)
        for block, skip in zip(self.blocks, self.skip):
            x = x + block(x) if skip else block(x)
        return self.fc(self.head(x).mean((2, 3)))


def published(name):
    """A network of torchvision, without dropout, which would make the steps differ."""
    from torchvision import models
    model = getattr(models, name)()
    for m in model.modules():
        if isinstance(m, nn.Dropout) or type(m).__name__ == "StochasticDepth":
            m.p = 0.
    return model


def export(name, file):
    """Writes the network with its batch normalisation, which exporters fold away otherwise."""
    model, shape = build(name)
    options = {"dynamo": False} if int(torch.__version__.split(".")[0]) >= 2 else {}
    for m in model.modules():
        if isinstance(m, nn.BatchNorm2d):
            m.momentum = 0.
    written = io.BytesIO()
    torch.onnx.export(model.train(), torch.randn(2, *shape), written, opset_version=16, input_names=["input"], output_names=["logits"],
                      dynamic_axes={"input": {0: "batch"}, "logits": {0: "batch"}}, do_constant_folding=False,
                      training=torch.onnx.TrainingMode.TRAINING, **options)
    file.write(written.getvalue())


def build(name):
    """The model and the shape of one input."""
    if name == "efficientnet_lite0":
        return Lite(), (3, 224, 224)
    if name in ("mobilenet_v3_small", "efficientnet_b0"):
        return published(name), (3, 224, 224)
    if name == "resnet18":
        return ResNet((64, 128, 256, 512), (2, 2, 2, 2)), (3, 32, 32)
    if name == "resnet18-imagenet":
        return ResNet((64, 128, 256, 512), (2, 2, 2, 2), imagenet=True), (3, 224, 224)
    if name == "resnet50-imagenet":
        return ResNet((64, 128, 256, 512), (3, 4, 6, 3), imagenet=True, block=Bottleneck), (3, 224, 224)
    if name == "resnet20":
        return ResNet((16, 32, 64), (3, 3, 3), option_a=True), (3, 32, 32)
    if name == "vit-tiny":
        return ViT(32, 4, 6, 192, 3), (3, 32, 32)
    if name == "vit-b32":
        return ViT(224, 32, 12, 768, 12), (3, 224, 224)
    if name == "clip-vit-base-patch32":
        return CLIP(), (3, 224, 224)
    if name == "bert-base":
        return BERT(), (128,)
    if name in ("mlp", "mlp-512"):
        return nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10)), (784,)
    raise ValueError(f"unknown model {name!r}")


class Step:
    """A training step: one gradient for sgd, two for sam and m-sam, with SGD and momentum as the base."""

    def __init__(self, loss, model, method, fixed):
        self.loss, self.method, self.fixed = loss, method, fixed
        self.params = list(model.parameters())
        self.opt = torch.optim.SGD(self.params, lr=.01, momentum=.9, foreach=True)
        self.norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]

    def gradient(self):
        self.opt.zero_grad(set_to_none=True)
        self.loss().backward()

    def statistics(self, move):
        if self.fixed:  # another momentum would be compiled anew, and statistics that move twice take the same time
            return
        for m in self.norms:
            m.momentum = .1 if move else 0.

    def __call__(self):
        self.gradient()
        if self.method != "sgd":
            delta = [p.grad for p in self.params]
            norm = float(torch.linalg.vector_norm(torch.stack(torch._foreach_norm(delta))))
            scale = .05 / norm
            if self.method == "m-sam":
                scale /= math.sqrt(1 + norm * norm)
            with torch.no_grad():
                torch._foreach_mul_(delta, scale)
                torch._foreach_add_(self.params, delta)
            self.statistics(False)
            self.gradient()
            self.statistics(True)
            with torch.no_grad():
                torch._foreach_sub_(self.params, delta)
        self.opt.step()


def times(call, repeats, warmup=2):
    for _ in range(warmup):
        call()
    out = []
    for _ in range(repeats):
        begin = time.perf_counter()
        call()
        out.append(time.perf_counter() - begin)
    return out


def layers(model, x, repeats):
    """Forward and backward seconds of every convolution and linear layer, alone."""
    shapes = {}
    hooks = [m.register_forward_pre_hook(lambda m, inp, name=name: shapes.setdefault(name, inp[0].detach().clone()))
             for name, m in model.named_modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    model(x)
    for h in hooks:
        h.remove()
    out = []
    for name, m in model.named_modules():
        if name not in shapes:
            continue
        inp = shapes[name].requires_grad_(name != "stem.0")
        grad = torch.randn_like(m(inp))

        def both():
            m.zero_grad(set_to_none=True)
            inp.grad = None
            m(inp).backward(grad)

        with torch.no_grad():
            forward = sorted(times(lambda: m(inp), repeats))[repeats // 2]
        total = sorted(times(both, repeats))[repeats // 2]
        out.append({"name": name, "forward_s": forward, "backward_s": total - forward})
    return out


def maps():
    """What the process has mapped, "" where the system does not say."""
    try:
        return open("/proc/self/maps").read()
    except OSError:
        return ""


def about():
    """What runs here: versions, and the library of jemalloc if there is one."""
    torch.randn(8, 8) @ torch.randn(8, 8)  # which loads the BLAS
    show, found, blas = torch.__config__.show(), [], ""
    openblas = re.search(r"\S*/lib\S*openblas\S*|\S*/openblas\S*/libblas\S*", maps())
    if torch.backends.mkl.is_available():
        version = re.search(r"Math Kernel Library Version ([\d.]+)", show)
        blas = "MKL " + version[1] if version else "MKL"
    elif openblas:
        blas = "OpenBLAS"
        with contextlib.suppress(OSError, AttributeError, IndexError):
            config = ctypes.CDLL(openblas[0]).openblas_get_config
            config.restype = ctypes.c_char_p
            blas += " " + config().decode().split()[1]
    for name, pattern in [("oneDNN ", r"(?:MKL-DNN|oneDNN) v([\d.]+)"), ("capability ", r"CPU capability usage: (\S+)")]:
        version = re.search(pattern, show)
        if version:
            found.append(name + version[1])
    jemalloc = sorted(glob.glob("/usr/lib/*/libjemalloc.so.2") + glob.glob("/usr/lib*/libjemalloc.so.2"))
    return {"torch": torch.__version__, "blas": blas, "libraries": found, "jemalloc": jemalloc[0] if jemalloc else ""}


def product(m, n, k, op, bfloat16):
    """C = op(A) op(B), op(A) m x k and op(B) k x n, of which op says which is transposed."""
    dtype = torch.bfloat16 if bfloat16 else torch.float32
    a = torch.randn(k, m, dtype=dtype).t() if op == "tn" else torch.randn(m, k, dtype=dtype)
    b = torch.randn(n, k, dtype=dtype).t() if op == "nt" else torch.randn(k, n, dtype=dtype)
    c = torch.empty(m, n, dtype=dtype)
    return lambda: torch.mm(a, b, out=c)


def example(model, shape, n, channels_last):
    """The model in a memory format, n inputs, and what computes their loss."""
    x = torch.randn(n, *shape)
    if channels_last and len(shape) == 3:
        model, x = model.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
    if isinstance(model, CLIP):
        x, labels = (x, torch.randint(1, 49408, (n, 77))), torch.arange(n)
        return model, x, lambda: model.loss(x, labels)
    if isinstance(model, BERT):
        x = torch.randint(1, 30522, (n, 128))
    labels = torch.arange(n) % (2 if isinstance(model, BERT) else 10)
    return model, x, lambda: F.cross_entropy(model(x), labels)


def prepare(r):
    """What does one step, evaluation or product of a request."""
    torch.manual_seed(0)
    bfloat16 = r["precision"] == "bfloat16"
    if r["method"] == "product":
        return product(**r["product"], bfloat16=bfloat16)
    model, x, call = example(*build(r["model"]), r["batch"], r.get("channels_last"))
    if r["method"] == "eval":
        model.eval()
        call = lambda: model(x)
    if r.get("compile"):
        if not hasattr(torch, "compile"):
            raise RuntimeError(f"PyTorch {torch.__version__} has no torch.compile")
        call = torch.compile(call)

    def forward():
        with torch.autocast("cpu", torch.bfloat16) if bfloat16 else contextlib.nullcontext():
            return call()

    if r["method"] == "eval":
        return torch.inference_mode()(forward)
    return Step(forward, model, r["method"], fixed=r.get("compile"))


def lasting(step, seconds):
    """The times of steps until some seconds are over, of one at least."""
    out = []
    while not out or sum(out) < seconds:
        out += times(step, 1, 0)
    return out


class Side:
    """Answers requests; those for more of the same go on with the same model."""

    def __init__(self):
        self.key = self.step = None

    def answer(self, r):
        if r["what"] == "about":
            return about()
        if r["what"] == "layers":
            model, x, _ = example(*build(r["model"]), r["batch"], True)
            return {"layers": layers(model, x, r["repeats"])}
        seconds = r.pop("seconds")
        if r != self.key:
            self.key = self.step = None
            gc.collect()
            if r.get("jemalloc") and maps() and "jemalloc" not in maps():
                raise RuntimeError("LD_PRELOAD did not reach Python, or not its library")
            self.step = prepare(r)
            for _ in range(2 if r.get("compile") else 1):  # a warm-up; the second step may compile again
                lasting(self.step, min(seconds, 1))
            self.key = r
        return {"times": lasting(self.step, seconds), "peak_rss_bytes": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}


def main():
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever else prints must not come between the answers
    torch.set_num_threads(int(sys.argv[1]))
    if sys.argv[2:3] == ["export"]:
        export(sys.argv[3], out)
        return
    side = Side()
    for line in sys.stdin:
        try:
            answer = side.answer(json.loads(line))
        except Exception as e:
            answer = {"error": (str(e).strip() or type(e).__name__).splitlines()[0]}
        out.write(json.dumps(answer).encode() + b"\n")
        out.flush()


main()
