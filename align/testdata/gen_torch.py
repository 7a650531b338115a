#!/usr/bin/python3
"""Writes torch.json: what PyTorch finds for pairs of embeddings that align's tests make again.

Similarities are float64, neighbours and ranks come from a stable sort, so that ties go to the smaller index.
Run with Debian's python3-torch (1.13):  /usr/bin/python3 gen_torch.py > torch.json
"""
import json
import math
import torch

LOGIT_SCALE = 100.


def number(i):
    """A number in [-1, 1), exact in float32, and easy to make again in Go."""
    x = (i * 2654435761) % 2 ** 32
    x ^= x >> 16
    x = (x * 0x45d9f3b) % 2 ** 32
    x ^= x >> 16
    return (x >> 8) / 2 ** 23 - 1


def numbers(n, d, salt):
    return torch.tensor([number(salt + i) for i in range(n * d)], dtype=torch.float64).reshape(n, d)


def make(kind, n, da, db):
    """A pair of sets; each kind stands in align_test.go too."""
    a, b = numbers(n, da, 1), numbers(n, db, 10 ** 6)
    w = min(da, db)
    if kind == "related":
        b[:, :w] += a[:, :w] / 2
    elif kind == "close":
        b[:, :w] += a[:, :w] * 2
    elif kind == "signs":  # of 1 and -1: similarities are few and exact
        a, b = torch.where(a < 0, -1., 1.), torch.where(b < 0, -1., 1.)
        b[:, 0] = a[:, 0]
        a, b = a.double(), b.double()
    elif kind == "repeated":  # rows 0 to 6 again and again
        a, b = a[torch.arange(n) % 7], b[torch.arange(n) % 7]
    elif kind == "point":  # every row is row 0
        a, b = a[:1].repeat(n, 1), b[:1].repeat(n, 1)
    return a, b


def similarity(x, y):
    """Rounded to 2^-36, so that what is equal in exact arithmetic is equal here."""
    return torch.round(torch.nn.functional.normalize(x) @ torch.nn.functional.normalize(y).T * 2 ** 36) / 2 ** 36


def neighbours(x, k):
    s = similarity(x, x)
    s.fill_diagonal_(-math.inf)
    return torch.sort(s, dim=1, descending=True, stable=True)[1][:, :k]


def margin(x, k):
    """How far the last neighbour is ahead of the next, but for ties."""
    s = similarity(x, x)
    s.fill_diagonal_(-math.inf)
    v = torch.sort(s, dim=1, descending=True)[0]
    gap = v[:, k - 1] - v[:, k] if k < x.shape[0] - 1 else torch.ones(1)
    gap = gap[gap > 0]
    return float(gap.min()) if len(gap) else 1.


def recalls(s):
    order = torch.sort(s, dim=1, descending=True, stable=True)[1]
    rank = (order == torch.arange(len(s))[:, None]).nonzero()[:, 1]
    own = s.diagonal()[:, None]
    gap = (s - own).abs()
    assert gap[gap > 0].numel() == 0 or gap[gap > 0].min() > 1e-6, "a near tie with a partner"
    return [float((rank < k).double().mean()) for k in (1, 5, 10)]


def case(kind, n, da, db, k):
    a, b = make(kind, n, da, db)
    for x in (a, b):
        assert margin(x, k) > 1e-6, "a near tie of neighbours"
    near = [[set(row) for row in neighbours(x, k).tolist()] for x in (a, b)]
    out = {"kind": kind, "n": n, "da": da, "db": db, "k": k,
           "sKNN": sum(len(x & y) / k for x, y in zip(*near)) / n}
    if da == db:
        x, y = torch.nn.functional.normalize(a), torch.nn.functional.normalize(b)
        s, target = similarity(a, b), torch.arange(n)
        out["aToB"], out["bToA"] = recalls(s), recalls(s.T.contiguous())
        out["gap"] = float(torch.linalg.norm(x.mean(0) - y.mean(0)))
        out["spread"] = float(s.std(unbiased=False))
        ce = torch.nn.functional.cross_entropy
        out["loss"] = float(ce(LOGIT_SCALE * s, target) + ce(LOGIT_SCALE * s.T, target)) / 2
    return out


print("[")
print(",\n".join(json.dumps(case(*c)) for c in [
    ("related", 137, 24, 24, 8),
    ("related", 137, 24, 24, 1),
    ("related", 137, 24, 17, 100),
    ("close", 301, 20, 32, 8),
    ("close", 259, 24, 24, 8),
    ("related", 601, 40, 40, 8),
    ("related", 2, 3, 3, 1),
    ("random", 259, 16, 16, 8),
    ("random", 65, 2085, 2085, 8),
    ("signs", 301, 16, 16, 8),
    ("signs", 301, 16, 4, 20),
    ("repeated", 75, 5, 5, 8),
    ("repeated", 270, 9, 9, 30),
    ("point", 300, 12, 12, 8),
]))
print("]")
