"""One measurement in PyTorch, for `monge bench versus-pytorch`: the steps' times and the peak memory as JSON.

    python3 pytorch.py step MODEL BATCH METHOD THREADS REPEATS [channels_last]
    python3 pytorch.py eval MODEL BATCH - THREADS REPEATS [channels_last]
    python3 pytorch.py layers MODEL BATCH - THREADS REPEATS [channels_last]
    python3 pytorch.py gemm N - - THREADS REPEATS

Methods are sgd, sam and m-sam. The models are written here with torch.nn alone, as torchvision, the CIFAR ResNets
of He et al. (2016) and the vision transformers of Dosovitskiy et al. (2021) define them.
"""
import json
import math
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


class ResNet(nn.Module):
    def __init__(self, widths, blocks, option_a):
        super().__init__()
        layers, inp = [], widths[0]
        self.stem = nn.Sequential(nn.Conv2d(3, inp, 3, 1, 1, bias=False), nn.BatchNorm2d(inp), nn.ReLU(inplace=True))
        for i, (w, n) in enumerate(zip(widths, blocks)):
            for j in range(n):
                layers.append(Basic(inp, w, 2 if i and not j else 1, option_a))
                inp = w
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


def build(name):
    """The model and the shape of one input."""
    if name == "resnet18":
        return ResNet((64, 128, 256, 512), (2, 2, 2, 2), False), (3, 32, 32)
    if name == "resnet20":
        return ResNet((16, 32, 64), (3, 3, 3), True), (3, 32, 32)
    if name == "vit-tiny":
        return ViT(32, 4, 6, 192, 3), (3, 32, 32)
    if name == "vit-b32":
        return ViT(224, 32, 12, 768, 12), (3, 224, 224)
    if name in ("mlp", "mlp-512"):
        return nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10)), (784,)
    sys.exit(f"unknown model {name!r}")


class Step:
    """A training step: one gradient for sgd, two for sam and m-sam, with SGD and momentum as the base."""

    def __init__(self, model, x, y, method):
        self.model, self.x, self.y, self.method = model, x, y, method
        self.params = list(model.parameters())
        self.opt = torch.optim.SGD(self.params, lr=.01, momentum=.9, foreach=True)
        self.norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]

    def gradient(self):
        self.opt.zero_grad(set_to_none=True)
        loss = F.cross_entropy(self.model(self.x), self.y)
        loss.backward()
        return loss

    def statistics(self, move):
        for m in self.norms:
            m.momentum = .1 if move else 0.

    def __call__(self):
        self.gradient()
        if self.method != "sgd":
            grads = [p.grad for p in self.params]
            norm = float(torch.linalg.vector_norm(torch.stack(torch._foreach_norm(grads))))
            scale = .05 / norm
            if self.method == "m-sam":
                scale /= math.sqrt(1 + norm * norm)
            with torch.no_grad():
                delta = torch._foreach_mul(grads, scale)
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


def main():
    what, name, batch, method, threads, repeats = sys.argv[1:7]
    torch.set_num_threads(int(threads))
    torch.manual_seed(0)
    result = {"torch": torch.__version__}
    if what == "gemm":
        a, b = torch.randn(int(name), int(name)), torch.randn(int(name), int(name))
        c = torch.empty(int(name), int(name))
        result["times"] = times(lambda: torch.mm(a, b, out=c), int(repeats))
    else:
        model, shape = build(name)
        x, y = torch.randn(int(batch), *shape), torch.arange(int(batch)) % 10
        if "channels_last" in sys.argv[7:] and len(shape) == 3:
            model, x = model.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
        if what == "layers":
            result["layers"] = layers(model, x, int(repeats))
        elif what == "eval":
            model.eval()
            with torch.inference_mode():
                result["times"] = times(lambda: model(x), int(repeats))
        else:
            result["times"] = times(Step(model, x, y, method), int(repeats))
    result["peak_rss_bytes"] = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps(result))


main()
