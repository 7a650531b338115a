#!/usr/bin/python3
"""Writes sklearn.json: what scikit-learn finds for points that map_test.go makes again.

Probabilities of neighbours, divergence and gradient of t-SNE at a given layout, the divergences that its exact t-SNE
reaches from five starts, and what is left of points when principal components are removed.
Run with Debian's python3-sklearn (1.2):  /usr/bin/python3 gen_sklearn.py > sklearn.json
"""
import json
import numpy as np
from scipy.spatial.distance import pdist, squareform
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE, _t_sne


def number(i):
    """A number in [-1, 1), as gen_torch.py has it."""
    x = (i * 2654435761) % 2 ** 32
    x ^= x >> 16
    x = (x * 0x45d9f3b) % 2 ** 32
    x ^= x >> 16
    return (x >> 8) / 2 ** 23 - 1


def points(n, d, classes):
    """Rows around as many centres; map_test.go has the same."""
    x = np.array([number(1 + i) for i in range(n * d)]).reshape(n, d)
    centres = np.array([number(10 ** 6 + i) for i in range(classes * d)]).reshape(classes, d)
    return x / 2 + 2 * centres[np.arange(n) % classes]


def short(x, digits=10):
    return [float(f"%.{digits}g" % v) for v in np.asarray(x).ravel()]


def plane(n, d, classes, perplexity):
    p = _t_sne._joint_probabilities(squareform(pdist(points(n, d, classes), "sqeuclidean")), perplexity, 0)
    p = np.array(short(p, 9))
    at = np.array([3 * number(2 * 10 ** 6 + i) for i in range(2 * n)])
    kl, gradient = _t_sne._kl_divergence(at, p, 1, n, 2)
    _, early = _t_sne._kl_divergence(at, 12 * p, 1, n, 2)  # TSNE's early_exaggeration
    return {"n": n, "d": d, "classes": classes, "perplexity": perplexity,
            "p": short(p, 9), "kl": kl, "gradient": short(gradient), "early": short(early)}


def reached(n, d, classes, perplexity):
    tsne = lambda seed: TSNE(method="exact", init="random", learning_rate="auto", perplexity=perplexity, random_state=seed).fit(points(n, d, classes))
    return {"n": n, "d": d, "classes": classes, "perplexity": perplexity, "kl": [float(tsne(s).kl_divergence_) for s in range(5)]}


def left(n, d, classes, k):
    x = points(n, d, classes)
    pca = PCA(n_components=k, svd_solver="full").fit(x)
    rest = x - (pca.inverse_transform(pca.transform(x)) - pca.mean_)
    return {"n": n, "d": d, "classes": classes, "k": k, "shares": short(pca.explained_variance_ratio_), "left": short(rest)}


if __name__ == "__main__":
    print(json.dumps({
        "planes": [plane(30, 6, 3, 5), plane(24, 3, 24, 7.5)],
        "reached": [reached(150, 10, 5, 10), reached(120, 20, 120, 20)],
        "left": [left(20, 5, 4, 1), left(20, 5, 4, 3), left(6, 15, 6, 2)],
    }))
