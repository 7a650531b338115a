#!/usr/bin/env python3
"""Writes operations.json: results and gradients of the operations that networks from ONNX files need, in PyTorch.

Inputs are those of gen_torch.py; PyTorch computes in float64. Run with a current PyTorch (2.15):
    python3 gen_operations.py > operations.json
"""
import json
import torch
import torch.nn.functional as F


def numbers(n, salt):
    """Numbers in [-1, 1), exact in float32."""
    return [((40503 * (i + salt) + 12345) % 65536) / 32768 - 1 for i in range(n)]


def tensor(shape, salt):
    n = 1
    for d in shape:
        n *= d
    return torch.tensor(numbers(n, salt), dtype=torch.float64).reshape(shape)


ROW = [[3, 5]]
above = lambda f: lambda x: f(2 * x + 3)  # from 1 to 5
wide = lambda f: lambda x: f(4 * x)


def condition(*shape):
    n = 1
    for d in shape:
        n *= d
    return torch.tensor([i % 3 == 0 for i in range(n)]).reshape(shape)


def lrn(x, size, alpha, beta, bias):
    """PyTorch's window has the channel more of an even size before the middle, ONNX's after it."""
    y = F.local_response_norm(x.flip(-1).reshape(-1, x.shape[-1], 1), size, alpha, beta, bias)
    return y.reshape(x.shape).flip(-1)


CASES = {
    # A name with "whole" has whole numbers from -3 to 3 as inputs: kinks and ties.
    "exp": (wide(torch.exp), ROW),
    "log": (above(torch.log), ROW),
    "sqrt": (above(torch.sqrt), ROW),
    "reciprocal": (above(torch.reciprocal), ROW),
    "neg": (torch.neg, ROW),
    "abs whole": (torch.abs, ROW),
    "sin": (wide(torch.sin), ROW),
    "cos": (wide(torch.cos), ROW),
    "tan": (torch.tan, ROW),
    "asin": (lambda x: torch.asin(.75 * x), ROW),
    "acos": (lambda x: torch.acos(.75 * x), ROW),
    "atan": (wide(torch.atan), ROW),
    "sinh": (wide(torch.sinh), ROW),
    "cosh": (wide(torch.cosh), ROW),
    "asinh": (wide(torch.asinh), ROW),
    "acosh": (lambda x: torch.acosh(2 * x + 4), ROW),
    "atanh": (lambda x: torch.atanh(.75 * x), ROW),
    "erf": (wide(torch.erf), ROW),
    "floor": (wide(torch.floor), ROW),
    "ceil": (wide(torch.ceil), ROW),
    "round": (wide(torch.round), ROW),
    "round whole": (lambda x: torch.round(x / 2), ROW),
    "sign whole": (torch.sign, ROW),
    "softplus": (wide(F.softplus), ROW),
    "softsign": (wide(F.softsign), ROW),
    "mish": (wide(F.mish), ROW),
    "affine": (lambda x: 2 * x + 3, ROW),
    "elu whole": (lambda x: F.elu(x, 1.5), ROW),
    "selu whole": (F.selu, ROW),
    "celu whole": (lambda x: F.celu(x, 1.5), ROW),
    "thresholded relu whole": (lambda x: F.threshold(x, 1, 0), ROW),
    "soft shrink whole": (lambda x: F.softshrink(x, 1), ROW),
    "hard shrink whole": (lambda x: F.hardshrink(x, 1), ROW),
    "pow 2.5": (above(lambda x: x ** 2.5), ROW),
    "pow 3 whole": (lambda x: x ** 3, ROW),
    "2.5 pow": (wide(lambda x: torch.pow(2.5, x)), ROW),
    "sub": (torch.sub, [[2, 3], [2, 3]]),
    "sub broadcast": (torch.sub, [[2, 1, 3], [4, 1]]),
    "sub of one tensor": (lambda x: x - x, ROW),
    "div": (lambda x, y: x / (y + 3), [[2, 3], [2, 3]]),
    "div broadcast": (lambda x, y: x / (y + 3), [[3], [2, 1, 4, 1]]),
    "div of one tensor": (lambda x: (x + 3) / (x + 3), ROW),
    "pow": (lambda x, y: (x + 3) ** y, [[2, 3], [2, 3]]),
    "pow broadcast": (lambda x, y: (x + 3) ** y, [[2, 1, 1, 3, 1], [4, 1, 5]]),
    "pow whole": (lambda x, y: (x + 3) ** (y + 3), [[7, 1], [9]]),
    "minimum whole": (torch.minimum, [[7, 1], [9]]),
    "maximum whole": (torch.maximum, [[7], [2, 3, 1]]),
    "maximum of one tensor": (lambda x: torch.maximum(x, x), ROW),
    "where": (lambda x, y: torch.where(condition(2, 3), x, y), [[2, 3], [2, 3]]),
    "where broadcast": (lambda x, y: torch.where(condition(3, 1, 4), x, y), [[5, 1], [2, 1, 1, 1]]),
    "where of a column": (lambda x, y: torch.where(condition(4, 1), x, y), [[1], [4, 5]]),
    "take": (lambda x: torch.cat([x.flatten(), torch.zeros(1)])[torch.tensor([5, 0, -1, 5, 3, 5])].reshape(2, 3), [[2, 3]]),
    "gather": (lambda x: x[torch.tensor([2, 0, 2, 2])], [[3, 2, 2]]),
    "gather in the middle": (lambda x: x[:, torch.tensor([2, 0, 2, 1, 2])], [[2, 3, 2]]),
    "gather along the last": (lambda x: x[..., torch.tensor([2, 0, 2, 2])], [[2, 2, 3]]),
    "put": (lambda x, u: x.flatten().index_put((torch.tensor([4, 0, 2]),), u).reshape(2, 3), [[2, 3], [3]]),
    "put added": (lambda x, u: x.flatten().index_put((torch.tensor([4, 0, 4, 4]),), u.flatten(), accumulate=True).reshape(2, 3), [[2, 3], [2, 2]]),
    "slice by 2": (lambda x: x[:, 1::2], [[2, 6, 3]]),
    "slice by -2": (lambda x: x.flip(1)[:, 1:5:2], [[2, 6, 3]]),
    "expand": (lambda x: x.expand(2, 4, 3, 5), [[4, 1, 5]]),
    "cumulative sum": (lambda x: x.cumsum(1), [[2, 4, 3]]),
    "cumulative sum, exclusive": (lambda x: x.cumsum(2) - x, [[2, 4, 3]]),
    "cumulative sum, reverse": (lambda x: x.flip(0).cumsum(0).flip(0), [[4, 3]]),
    "cumulative sum, exclusive, reverse": (lambda x: x.flip(1).cumsum(1).flip(1) - x, [[2, 4, 3]]),
    "interpolate": (lambda x: F.interpolate(x.transpose(1, 2), scale_factor=2, mode="linear", align_corners=False).transpose(1, 2), [[2, 3, 17]]),
    "interpolate the last": (lambda x: F.interpolate(x, scale_factor=2, mode="linear", align_corners=False), [[2, 2, 3]]),
    "interpolate by copies": (lambda x: F.pad(x.transpose(1, 2), (2, 1), mode="reflect").transpose(1, 2), [[2, 3, 17]]),
    "max whole": (torch.amax, [[3, 5]]),
    "max of the middle whole": (lambda x: x.amax(1), [[2, 7, 3]]),
    "max of the last whole": (lambda x: x.amax(-1), [[2, 3, 7]]),
    "max of the first and last whole": (lambda x: x.amax((0, 2)), [[4, 2, 5]]),
    "max of the second and last whole": (lambda x: x.amax((1, 3)), [[2, 3, 2, 4]]),
    "min of the first whole": (lambda x: x.amin(0), [[7, 2, 3]]),
    "min of three whole": (lambda x: x.amin((0, 2, 4)), [[2, 2, 2, 2, 2]]),
    "prod": (torch.prod, [[2, 3]]),
    "prod of the middle whole": (lambda x: x.prod(1), [[2, 3, 5]]),
    "prod of the first and last": (lambda x: x.prod(2).prod(0), [[2, 2, 3]]),
    "log-sum-exp": (lambda x: (40 * x).logsumexp((0, 1)), [[3, 5]]),
    "log-sum-exp of the middle": (lambda x: (4 * x).logsumexp(1), [[2, 3, 17]]),
    "log-sum-exp of the first and last": (lambda x: (4 * x).logsumexp((0, 2)), [[4, 2, 5]]),
    "lrn": (lambda x: lrn(4 * x, 5, .7, .75, 1), [[2, 3, 9]]),
    "lrn, even": (lambda x: lrn(4 * x, 4, .7, .6, 2), [[2, 7]]),
    "lrn, wide": (lambda x: lrn(4 * x, 9, .7, .75, 1), [[3]]),
    "rms norm": (lambda x, w: F.rms_norm(x, x.shape[-1:], w, 1e-5), [[3, 2, 5], [5]]),
    "rms norm, not affine": (lambda x: F.rms_norm(4 * x, x.shape[-1:], None, 1e-2), [[3, 37]]),
    "rms norm of a vector": (lambda x, w: F.rms_norm(x, x.shape[-1:], w, 1e-5), [[19], [19]]),
    "layer norm of a vector": (lambda x, w, b: F.layer_norm(x, x.shape[-1:], w, b), [[19], [19], [19]]),
    "layer norm of eight dimensions": (lambda x, w, b: F.layer_norm(x, x.shape[-1:], w, b), [[2, 1, 2, 1, 1, 1, 2, 7], [7], [7]]),
    "instance norm": (lambda x, w, b: F.instance_norm(x.permute(0, 3, 1, 2), weight=w, bias=b).permute(0, 2, 3, 1), [[2, 3, 4, 19], [19], [19]]),
    "instance norm of sequences": (lambda x: F.instance_norm(x.transpose(1, 2)).transpose(1, 2), [[2, 5, 3]]),
    "add of eight dimensions": (torch.add, [[2, 1, 2, 1, 2, 1, 3, 1], [1, 2, 2, 1, 3, 2]]),
    "permute of eight dimensions": (lambda x: x.permute(7, 1, 5, 3, 4, 2, 6, 0), [[2, 1, 2, 2, 1, 3, 1, 2]]),
    "sum over four of eight dimensions": (lambda x: x.sum((0, 2, 5, 7)), [[2, 1, 2, 2, 1, 3, 1, 2]]),
}

MT = lambda x: x.transpose(-2, -1)
for name, f in {"": lambda x, y: x @ y, " of left transposed": lambda x, y: MT(x) @ y, " of right transposed": lambda x, y: x @ MT(y), " of both transposed": lambda x, y: MT(x) @ MT(y)}.items():
    def swapped(shapes, name=name):
        turn = lambda s: s[:-2] + s[:-3:-1]
        a, b = shapes
        return [turn(a) if "left" in name or "both" in name else a, turn(b) if "right" in name or "both" in name else b]
    CASES |= {
        "matmul" + name: (f, swapped([[3, 4], [4, 5]])),
        "matmul, rows of many" + name: (f, swapped([[2, 3, 2, 4], [4, 5]])),
        "matmul, batch" + name: (f, swapped([[2, 3, 2, 4], [2, 3, 4, 3]])),
        "matmul, one left" + name: (f, swapped([[2, 4], [3, 4, 2]])),
        "matmul, one right" + name: (f, swapped([[3, 2, 4], [1, 4, 2]])),
        "matmul, broadcast" + name: (f, swapped([[2, 1, 3, 1, 4], [3, 1, 4, 2]])),
    }
CASES["matmul of one tensor"] = (lambda x: x @ MT(x), [[2, 3, 4]])


def digits(x):
    return [float("%.8g" % v) for v in x.detach().reshape(-1).tolist()]


def case(name, f, shapes):
    inputs = [tensor(s, 1000 * i) for i, s in enumerate(shapes)]
    if "whole" in name:
        inputs = [torch.trunc(4 * x) for x in inputs]
    for x in inputs:
        x.requires_grad_()
    y = f(*inputs)
    (y * tensor(list(y.shape), 77)).sum().backward()
    return {"y": digits(y), "grad": [digits(x.grad) for x in inputs]}


print("{\n" + ",\n".join(json.dumps(n) + ": " + json.dumps(case(n, *c), separators=(",", ":")) for n, c in CASES.items()) + "\n}")
