"""Writes calibration.json: expected calibration errors of 15 bins by the definition of Guo et al. (2017, arXiv 1706.04599),
whose bins have their upper edges. Those of logits are held against torchmetrics (1.9), which rounds to float32. Its bins
have their lower edges, and a confidence of 1 one of its own: the two agree wherever no confidence is on an edge.

Run with a python3 that has torchmetrics and NumPy:  python3 gen_calibration.py > calibration.json
"""
import json

import numpy as np
import torch
from torchmetrics.functional.classification import multiclass_calibration_error

BINS = 15
rng = np.random.default_rng(7)


def guo(sure, right):
    sure, right = np.asarray(sure, float), np.asarray(right, float)
    edges, error = np.arange(BINS + 1) / BINS, 0.0
    for low, high in zip(edges[:-1], edges[1:]):
        within = (sure > low) & (sure <= high)
        if within.any():
            error += within.mean() * abs(right[within].mean() - sure[within].mean())
    return float(error)


def of_logits(classes, n, scale):
    x = np.float32(np.round(scale * rng.standard_normal((n, classes)), 2))
    y = rng.integers(classes, size=n)
    p = torch.softmax(torch.tensor(x, dtype=torch.float64), 1)
    sure, said = p.max(1)
    assert min(abs(sure.numpy()[:, None] - np.arange(BINS + 1) / BINS).flatten()) > 1e-9
    error = float(multiclass_calibration_error(p, torch.tensor(y), num_classes=classes, n_bins=BINS, norm="l1"))
    ours = guo(sure.numpy(), said.numpy() == y)
    assert abs(error - ours) < 1e-6
    return {"classes": classes, "logits": [round(float(v), 2) for v in x.flatten()], "labels": y.tolist(), "confidences": sure.tolist(),
            "right": [int(v) for v in said.numpy() == y], "ece": ours}


def of_confidences(sure, right):
    return {"confidences": list(map(float, sure)), "right": list(map(int, right)), "ece": guo(sure, right)}


edges = [k / BINS for k in range(1, BINS + 1)]
print(json.dumps({
    "logits": [of_logits(k, n, s) for k, n, s in [(2, 30, 1), (3, 40, 3), (10, 60, 1), (10, 60, 5), (100, 25, 2), (4, 1, 1)]],
    "confidences": [of_confidences(edges, rng.integers(2, size=BINS)), of_confidences(np.nextafter(edges, 0), rng.integers(2, size=BINS)),
                    of_confidences(np.nextafter(edges[:-1], 1), rng.integers(2, size=BINS - 1)),
                    of_confidences(edges + [e - 1 / 30 for e in edges], [1] * BINS + [0] * BINS),
                    of_confidences([1] * 5, [1] * 5), of_confidences([1] * 4, [0, 1, 1, 1]), of_confidences([1e-9, 1e-12], [0, 1])],
}))
