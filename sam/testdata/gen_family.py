"""Twenty steps of members of the family on a loss that changes from step to step, by the formulas of their papers and of their
authors' code, in NumPy's float64. Writes family.json.

    python3 gen_family.py
"""
import json
import os

import numpy as np

N, STEPS, LR, MOMENTUM, RHO = 5, 20, .05, .5, .3
START = np.array([1.5, -.7, .3, 2., -1.2])


def gradient(theta, step):
    i = np.arange(1, N + 1)
    k, c = i + .3 * np.cos(step * i), 1 + np.sin(1.7 * step + i)
    return theta ** 3 + k * theta - c


def norm(x):
    return np.sqrt(np.sum(x * x))


def sam(g, rho=RHO):
    return rho * g / norm(g)


class LESAM:  # rho_t = min(sigma / |g|, rho_max)
    def __init__(self, sigma):
        self.sigma = sigma

    def step(self, theta, t):
        g = gradient(theta, t)
        return gradient(theta + sam(g, min(self.sigma / norm(g), RHO)), t)


class Power(LESAM):  # |eps|^-p = rho^-p + (|g|/b)^p
    def __init__(self, sigma, p):
        self.sigma, self.p = sigma, p

    def step(self, theta, t):
        g = gradient(theta, t)
        return gradient(theta + sam(g, (RHO ** -self.p + (norm(g) / self.sigma) ** self.p) ** (-1 / self.p)), t)


class VaSSO:  # d = (1 - theta) d + theta g
    def __init__(self, share):
        self.share, self.d = share, np.zeros(N)

    def step(self, theta, t):
        self.d = (1 - self.share) * self.d + self.share * gradient(theta, t)
        return gradient(theta + sam(self.d), t)


class FriendlySAM:  # d = g - sigma m with the mean before this step; the first mean is the first gradient, and d that gradient
    def __init__(self, sigma, lmbda):
        self.sigma, self.lmbda, self.m = sigma, lmbda, None

    def step(self, theta, t):
        g = gradient(theta, t)
        if self.m is None:
            self.m, d = g, g
        else:
            d = g - self.sigma * self.m
            self.m = self.lmbda * self.m + (1 - self.lmbda) * g
        return gradient(theta + sam(d), t)


class GSAM:  # vertical = g - cos(g, g') |g| g'/|g'|; step g' - alpha vertical
    def __init__(self, alpha):
        self.alpha = alpha

    def step(self, theta, t):
        g = gradient(theta, t)
        p = gradient(theta + sam(g), t)
        cosine = np.dot(g, p) / (norm(g) * norm(p))
        return p - self.alpha * (g - cosine * norm(g) * p / norm(p))


class LookSAM:  # every k-th step SAM's, keeping g_v; else g + alpha |g|/|g_v| g_v
    def __init__(self, alpha, k):
        self.alpha, self.k = alpha, k

    def step(self, theta, t):
        g = gradient(theta, t)
        if t % self.k:
            return g + self.alpha * norm(g) / norm(self.v) * self.v
        p = gradient(theta + sam(g), t)
        self.v = p - norm(p) * (np.dot(g, p) / (norm(g) * norm(p))) * g / norm(g)
        return p


cases = {"le-sam": LESAM(.35), "le-sam p 4": Power(.35, 4), "le-sam p 2": Power(.35, 2), "vasso": VaSSO(.4), "friendly-sam": FriendlySAM(.8, .6), "gsam": GSAM(.4), "looksam": LookSAM(.2, 5)}
out = {}
for name, method in cases.items():
    theta, v, path = START.copy(), np.zeros(N), []
    for t in range(STEPS):
        v = MOMENTUM * v + method.step(theta, t)
        theta = theta - LR * v
        path.append(theta.tolist())
    out[name] = path
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "family.json"), "w") as f:
    json.dump(out, f)
    f.write("\n")
