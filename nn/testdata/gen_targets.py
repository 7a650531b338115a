#!/usr/bin/python3
"""Writes targets.json: losses and gradients of a linear layer by kinds of targets in PyTorch, for nn's tests.

Inputs are numbers that Go makes again; PyTorch computes in float64.
Run with Debian's python3-torch (1.13):  /usr/bin/python3 gen_targets.py > targets.json
"""
import json
import torch
import torch.nn.functional as F

N, IN, OUT, LAMBDA = 10, 3, 4, .7


def numbers(n, salt):
    return [((40503 * (i + salt) + 12345) % 65536) / 32768 - 1 for i in range(n)]


theta = torch.tensor(numbers(IN * OUT + OUT, 1), dtype=torch.float64, requires_grad=True)
x = torch.tensor(numbers(N * IN, 2), dtype=torch.float64).reshape(N, IN)
labels = torch.tensor([7 * i % OUT for i in range(N)])
mixed = torch.tensor([(3 * i * i + 1) % OUT for i in range(N)])
weights = torch.tensor([.5, 3, 1, 7], dtype=torch.float64)
binary = torch.tensor([[float((i * 5 + k * 3) % 7 < 3) for k in range(OUT)] for i in range(N)], dtype=torch.float64)


def entropy(smooth=0., mix=False, weight=weights):
    def loss(y):
        of = lambda t: F.cross_entropy(y, t, weight=weight, label_smoothing=smooth)
        return LAMBDA * of(labels) + (1 - LAMBDA) * of(mixed) if mix else of(labels)
    return loss


cases = {
    "weighted": entropy(),
    "weighted, smoothed": entropy(.2),
    "weighted, mixed": entropy(0., True),
    "weighted, mixed, smoothed": entropy(.2, True),
    "mixed, smoothed": entropy(.2, True, None),
    "binary": lambda y: torch.nn.BCEWithLogitsLoss()(y, binary),
}
out = {}
for name, f in cases.items():
    theta.grad = None
    loss = f(F.linear(x, theta[:IN * OUT].reshape(OUT, IN), theta[IN * OUT:]))
    loss.backward()
    out[name] = {"loss": loss.item(), "grad": theta.grad.tolist()}
print(json.dumps(out, indent=1))
