#!/usr/bin/env python3
"""Writes gram.json: products of the gradients of single examples, and solves with the metric
I + a²/n sum of g_i g_i', of a perceptron and a network of convolutions in PyTorch, for nn's tests.

Parameters and inputs are numbers that Go makes again; PyTorch computes in float64.
Run with a current PyTorch (2.15):  python3 gen_gram.py > gram.json
"""
import json
import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call, grad, vmap

N, A = 7, 1.5
torch.set_default_dtype(torch.float64)


def numbers(n, salt):
    return torch.tensor([((40503 * (i + salt) + 12345) % 65536) / 32768 - 1 for i in range(n)])


networks = {
    "perceptron": ([6], nn.Sequential(nn.Linear(6, 9), nn.ReLU(), nn.Linear(9, 7), nn.ReLU(), nn.Linear(7, 4))),
    "convolutions": ([2, 6, 5], nn.Sequential(
        nn.Conv2d(2, 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, 8, 3, stride=2, groups=2), nn.GroupNorm(2, 8), nn.ReLU(),
        nn.Conv2d(8, 8, 1), nn.Flatten(), nn.Linear(8 * 2 * 2, 4))),
}
labels = torch.tensor([(7 * i + i * i) % 4 for i in range(N)])
golden = {}
for name, (shape, net) in networks.items():
    theta, salt = {}, 1
    for key, p in net.named_parameters():
        theta[key] = numbers(p.numel(), salt).reshape(p.shape) / 2
        salt += p.numel()
    x = numbers(N * torch.Size(shape).numel(), 5).reshape(N, *shape)

    def loss(theta, x, label):
        return F.cross_entropy(functional_call(net, theta, x[None]), label[None])

    each = vmap(grad(loss), (None, 0, 0))(theta, x, labels)
    g = torch.cat([each[key].reshape(N, -1) for key in theta], 1)
    metric = torch.eye(g.shape[1]) + A * A / N * g.T @ g
    v = torch.linalg.solve(metric, g.mean(0))
    golden[name] = {"gram": (g @ g.T).flatten().tolist(), "solved": v.tolist()}
print(json.dumps(golden))
