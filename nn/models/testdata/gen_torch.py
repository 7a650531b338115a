#!/usr/bin/python3
"""Writes torch.json: what PyTorch computes with networks, for the tests of nn/models.

Logits, the gradient of every parameter (its norm and its product with fixed numbers), and the losses of some steps of
SGD and of M-SAM with batch norm's statistics moved in the first pass only, all in float64. Run with Debian's
python3-torch (1.13) and python3-torchvision, and the path of the CIFAR ResNet-20 checkpoint resnet20-12fca82f.th:

    /usr/bin/python3 gen_torch.py resnet20-12fca82f.th > torch.json
"""
import json
import math
import sys

import numpy as np
import torch
import torch.nn.functional as F
import torchvision
from torch import nn


def numbers(n, salt):
    """Numbers in [-1, 1), exact in float32, and easy to make again in Go."""
    x = (np.arange(n, dtype=np.uint64) + np.uint64(salt)) * np.uint64(2654435761) & np.uint64(0xffffffff)
    x ^= x >> np.uint64(15)
    x = x * np.uint64(2246822519) & np.uint64(0xffffffff)
    x ^= x >> np.uint64(13)
    return (x & np.uint64(0xffff)).astype(np.float64) / 32768 - 1


class OptionA(nn.Module):
    def forward(self, x):
        planes = x.shape[1] // 2
        return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, planes, planes))


class Basic(nn.Module):
    def __init__(self, inp, planes, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inp, planes, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.shortcut = nn.Sequential() if stride == 1 else OptionA()

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


class ResNet20(nn.Module):
    """He et al. 2016 with the names of the checkpoint."""

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)
        inp = 16
        for i, planes in enumerate((16, 32, 64)):
            blocks = []
            for j in range(3):
                blocks.append(Basic(inp, planes, 2 if i and not j else 1))
                inp = planes
            setattr(self, f"layer{i + 1}", nn.Sequential(*blocks))
        self.linear = nn.Linear(64, 10)

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.layer3(self.layer2(self.layer1(y)))
        return self.linear(y.mean((2, 3)))


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        for name in ("k_proj", "v_proj", "q_proj", "out_proj"):
            setattr(self, name, nn.Linear(width, width))

    def forward(self, x):
        n, t, d = x.shape
        q, k, v = (f(x).reshape(n, t, self.heads, -1).transpose(1, 2) for f in (self.q_proj, self.k_proj, self.v_proj))
        y = (q @ k.transpose(2, 3) / (d // self.heads) ** .5).softmax(-1) @ v
        return self.out_proj(y.transpose(1, 2).reshape(n, t, d))


class EncoderLayer(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.self_attn = Attention(width, heads)
        self.layer_norm1 = nn.LayerNorm(width)
        self.mlp = nn.Sequential()
        self.mlp.add_module("fc1", nn.Linear(width, 4 * width))
        self.mlp.add_module("gelu", nn.GELU())
        self.mlp.add_module("fc2", nn.Linear(4 * width, width))
        self.layer_norm2 = nn.LayerNorm(width)

    def forward(self, x):
        x = x + self.self_attn(self.layer_norm1(x))
        return x + self.mlp(self.layer_norm2(x))


class ViT(nn.Module):
    def __init__(self, size, patch, layers, width, heads):
        super().__init__()
        self.patch_embedding = nn.Conv2d(3, width, patch, patch)
        self.position_embedding = nn.Embedding((size // patch) ** 2, width)
        self.encoder = nn.Module()
        self.encoder.layers = nn.Sequential(*(EncoderLayer(width, heads) for _ in range(layers)))
        self.post_layernorm = nn.LayerNorm(width)
        self.classifier = nn.Linear(width, 10)

    def forward(self, x):
        x = self.patch_embedding(x).flatten(2).transpose(1, 2) + self.position_embedding.weight
        return self.classifier(self.post_layernorm(self.encoder.layers(x)).mean(1))


def group_norm(channels):
    return nn.GroupNorm(max(1, channels // 16), channels)


def build(name):
    if name == "resnet20":
        return ResNet20()
    if name == "vit-tiny":
        return ViT(32, 4, 6, 192, 3)
    norm = group_norm if name.endswith("group") else None
    net = getattr(torchvision.models, name.split("-")[0])(num_classes=10, norm_layer=norm)
    if not name.endswith("imagenet"):
        net.conv1, net.maxpool = nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.Identity()
    return net


def fill(net):
    """Sets every parameter to numbers of a usual size."""
    salt = 0
    for p in net.parameters():
        x = torch.tensor(numbers(p.numel(), salt)).reshape(p.shape)
        salt += p.numel()
        if p.dim() > 1:
            # small logits, so that training starts from a benign place
            head = p.dim() == 2 and not name_of(net, p).startswith("encoder.")
            x = x * float(np.float32((.1 if head else 1) * math.sqrt(6 / p[0].numel())))
        else:
            x = x / 8 + (1 if p.dim() == 1 and name_of(net, p).endswith("weight") else 0)
        p.data = x


def name_of(net, p):
    return next(n for n, q in net.named_parameters() if q is p)


def batch(size, n, step):
    x = torch.tensor(numbers(n * 3 * size * size, 7919 * (step + 1))).reshape(n, 3, size, size)
    return x, torch.tensor([(3 * i + step) % 10 for i in range(n)])


def check(name, size, n, weights=None):
    net = build(name).double()
    if weights is None:
        fill(net)
    else:
        state = torch.load(weights, map_location="cpu")["state_dict"]
        net.load_state_dict({k.removeprefix("module."): v for k, v in state.items()})
    x, y = batch(size, n, 0)
    out = {"model": name, "size": size, "batch": n, "checkpoint": weights is not None}
    net.eval()
    out["eval"] = net(x).detach().reshape(-1).tolist()
    net.train()
    F.cross_entropy(net(x), y).backward()
    out["gradients"] = []
    for key, p in net.named_parameters():
        g = p.grad.reshape(-1)
        out["gradients"].append({"name": key, "norm": float(g.norm()), "dot": float(g @ torch.tensor(numbers(g.numel(), 5)))})
    return out


def train(name, size, n, steps, method, lr):
    net = build(name).double()
    fill(net)
    net.train()
    params = list(net.parameters())
    norms = [m for m in net.modules() if isinstance(m, nn.BatchNorm2d)]
    opt = torch.optim.SGD(params, lr=lr, momentum=.9, weight_decay=1e-4)
    losses = []
    for step in range(steps):
        x, y = batch(size, n, step)

        def gradient():
            opt.zero_grad()
            loss = F.cross_entropy(net(x), y)
            loss.backward()
            return float(loss)

        losses.append(gradient())
        if method == "m-sam":
            g = [p.grad.clone() for p in params]
            norm = math.sqrt(sum(float((v * v).sum()) for v in g))
            saved = [p.data.clone() for p in params]
            for p, v in zip(params, g):
                p.data += v * (.1 / (norm * math.sqrt(1 + norm * norm)))
            for m in norms:
                m.momentum = 0.
            gradient()
            for m in norms:
                m.momentum = .1
            for p, s in zip(params, saved):
                p.data = s
        opt.step()
    stats = {}
    if norms:
        last = norms[-1]
        stats = {"mean": float(last.running_mean.sum()), "var": float(last.running_var.sum())}
    return {"model": name, "size": size, "batch": n, "method": method, "lr": lr, "losses": losses, "last_norm": stats}


torch.manual_seed(0)
print(json.dumps({
    "torch": torch.__version__,
    "checks": [
        check("resnet20", 32, 4, sys.argv[1]), check("resnet20", 32, 4), check("resnet18", 32, 3), check("resnet18-group", 32, 3),
        check("resnet50", 16, 4), check("resnet18-imagenet", 64, 4), check("resnet50-imagenet", 64, 4), check("vit-tiny", 32, 3),
    ],
    "runs": [train(*run, how, .002) for run in (("resnet20", 32, 4, 10), ("resnet18", 16, 4, 4), ("vit-tiny", 32, 2, 5)) for how in ("sgd", "m-sam")],
}))
