#!/usr/bin/python3
"""Writes torch.json: an MLP trained by each method of the family in PyTorch, for nn's tests.

The perturbations are written out from their definitions, in float64, over the concatenation of all gradients.
Run with Debian's python3-torch (1.13):  /usr/bin/python3 gen_torch.py > torch.json
"""
import json
import math
import torch

WIDTHS, BATCH, STEPS, LR, MOMENTUM, DECAY = (6, 9, 7, 4), 11, 20, .1, .9, 1e-3


def numbers(n, salt):
    """Numbers in [-1, 1), exact in float32, and easy to make again in Go."""
    return [((40503 * (i + salt) + 12345) % 65536) / 32768 - 1 for i in range(n)]


def model():
    layers = []
    for i, (a, b) in enumerate(zip(WIDTHS, WIDTHS[1:])):
        if i:
            layers.append(torch.nn.ReLU())
        layers.append(torch.nn.Linear(a, b))
    net = torch.nn.Sequential(*layers).double()
    n = 0
    for p in net.parameters():
        p.data = torch.tensor(numbers(p.numel(), n), dtype=torch.float64).reshape(p.shape)
        n += p.numel()
    return net, n


def perturbation(method, rho, theta, g, budget):
    if method == "fisher":
        v = g / (1 + g * g)
    elif method == "asam":
        v = (theta.abs() + .01) ** 2 * g
    else:
        v = g
    s = math.sqrt(float(g @ v))
    alpha = rho / budget if budget else 1. if method == "m-sam" else 0.
    return rho * v / (s * math.sqrt(1 + alpha ** 2 * s ** 2))


def run(method, rho, budget=None):
    net, n = model()
    params = list(net.parameters())
    opt = torch.optim.SGD(params, lr=LR, momentum=MOMENTUM, weight_decay=DECAY)
    losses, perturbed = [], []

    def evaluate(step):
        x = torch.tensor(numbers(BATCH * WIDTHS[0], 1000 * step), dtype=torch.float64).reshape(BATCH, WIDTHS[0])
        y = torch.tensor([(7 * i + step) % WIDTHS[-1] for i in range(BATCH)])
        opt.zero_grad()
        loss = torch.nn.functional.cross_entropy(net(x), y)
        loss.backward()
        return float(loss)

    flat = lambda of: torch.cat([of(p).reshape(-1) for p in params])
    for step in range(STEPS):
        losses.append(evaluate(step))
        if method != "none":
            theta = flat(lambda p: p.data).clone()
            delta = perturbation(method, rho, theta, flat(lambda p: p.grad), budget)
            at = theta + delta
            torch.nn.utils.vector_to_parameters(at, params)
            perturbed.append(evaluate(step))
            torch.nn.utils.vector_to_parameters(theta, params)
        else:
            perturbed.append(losses[-1])
        opt.step()
    return {"method": method, "rho": rho, "budget": budget, "losses": losses, "perturbed": perturbed,
            "theta": [round(float(v), 7) for v in flat(lambda p: p.data)[::5]]}


print(json.dumps({"torch": torch.__version__, "runs": [
    run("none", 0), run("sam", .2), run("m-sam", .5), run("budget", 2., .3), run("fisher", .3), run("asam", .5),
]}))
