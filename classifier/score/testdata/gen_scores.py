"""Writes scores.json: measures as scikit-learn (1.9) and SciPy (1.17) compute them, of random and of degenerate cases.

Run with a python3 that has both:  python3 gen_scores.py > scores.json
"""
import json
import math
import random
import warnings

from scipy import stats
from sklearn import metrics

warnings.simplefilter("ignore")
random.seed(7)


def classes(k, y, p):
    r = {"classes": k, "labels": y, "said": p, "accuracy": metrics.accuracy_score(y, p), "f1_macro": metrics.f1_score(y, p, average="macro"),
         "f1_micro": metrics.f1_score(y, p, average="micro"), "mcc": metrics.matthews_corrcoef(y, p)}
    if k == 2:
        r["f1"] = metrics.f1_score(y, p, pos_label=1, average="binary")
    return r


def labels(k, y, p):
    return {"classes": k, "labels": y, "said": p, "exact_match": metrics.accuracy_score(y, p), "accuracy": 1 - metrics.hamming_loss(y, p),
            "f1_macro": metrics.f1_score(y, p, average="macro"), "f1_micro": metrics.f1_score(y, p, average="micro"),
            "f1_each": list(metrics.f1_score(y, p, average=None))}


def correlation(x, y):
    of = lambda v: None if math.isnan(v) else float(v)
    return {"x": x, "y": y, "pearson": of(stats.pearsonr(x, y)[0]), "spearman": of(stats.spearmanr(x, y)[0])}


def draw(k, n):
    return [random.randrange(k) for _ in range(n)]


def rows(k, n, share):
    return [[int(random.random() < share) for _ in range(k)] for _ in range(n)]


numbers = lambda n: [round(random.gauss(0, 1), 3) for _ in range(n)]
few = lambda n: [float(random.randrange(4)) for _ in range(n)]
print(json.dumps({
    "classes": [classes(k, draw(k, n), draw(k, n)) for k, n in [(2, 40), (3, 50), (7, 60), (10, 12)]] + [
        classes(2, [1] * 9, [1] * 9), classes(2, [0] * 9, [0] * 9), classes(2, [0] * 9, [1] * 9), classes(2, draw(2, 9), [0] * 9),
        classes(2, [0] * 9, draw(2, 9)), classes(4, [0, 1, 2, 0], [0, 1, 2, 0]), classes(4, [0, 1, 1, 0], [3, 3, 0, 0]), classes(3, [1] * 5, draw(3, 5))],
    "labels": [labels(k, rows(k, n, s), rows(k, n, .5)) for k, n, s in [(3, 40, .5), (6, 30, .1), (2, 1, .5)]] + [
        labels(3, rows(3, 8, 0), rows(3, 8, .4)), labels(3, rows(3, 8, .4), rows(3, 8, 0)), labels(2, rows(2, 5, 0), rows(2, 5, 0)),
        labels(2, rows(2, 5, 1), rows(2, 5, 1))],
    "correlations": [correlation(numbers(n), numbers(n)) for n in (2, 5, 60)] + [correlation(few(30), few(30)), correlation(few(30), numbers(30)),
        correlation([1., 2, 3, 4], [2., 4, 6, 8]), correlation([1., 2, 3, 4], [8., 1, 0, -5]), correlation([1., 1, 1], [1., 2, 3]),
        correlation([1., 2, 3], [.1, .1, .1]), correlation([1e8 + 1, 1e8 + 2, 1e8 + 4], [1., 2, 3])],
}))
