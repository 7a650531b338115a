"""Writes holm.json: p-values of paired differences as SciPy (1.17) computes them, and p-values as statsmodels (0.15)
corrects them by Holm's step-down.

Run with a python3 that has both:  python3 gen_holm.py > holm.json
"""
import json

import numpy as np
from scipy import stats
from statsmodels.stats.multitest import multipletests

rng = np.random.default_rng(7)


def paired(n, mean, spread):
    a, b = rng.normal(mean, spread, n), rng.normal(0, spread, n)
    return {"differences": (a - b).tolist(), "p": float(stats.ttest_rel(a, b).pvalue)}


def corrected(p):
    return {"p": list(p), "holm": [float(v) for v in multipletests(p, method="holm")[1]]}


print(json.dumps({
    "paired": [paired(n, m, s) for n, m, s in [(3, 0, 1), (3, 1, .1), (5, .5, 1), (10, 1, 1), (10, -2, .5), (30, 5, .3)]],
    "corrected": [corrected(p) for p in [[.03], [.01, .04, .03, .005], [.02, .02, .02], [.9, .5, .7], [0, .04, 1], [.04, .011, .012, .013],
                                         np.round(rng.random(20) ** 3, 6).tolist()]],
}))
