"""Twenty steps of members of the family on two losses that change from step to step, by the formulas of their papers and of their
authors' code, in NumPy's float64. Writes family.json.

    python3 gen_family.py
"""
import json
import os

import numpy as np

STEPS, STORED = 20, (0, 1, 2, 6, 19)
SHARES = np.array([1, 2, 3]) / 6  # of the microbatches


def norm(x):
    return np.sqrt(np.sum(x * x))


class Quartic:
    """A quartic in each of five parameters; the microbatches' slopes differ, and their mean is the whole's."""
    start = np.array([1.5, -.7, .3, 2., -1.2])
    lr, rho, part = .05, .3, slice(1, 3)
    bound, least = .1, -4.  # of SAM-SPS

    def terms(self, t, shift):
        i = np.arange(1, 6)
        return i + .3 * np.cos(t * i), 1 + np.sin(1.7 * t + i) + shift

    def loss(self, theta, t, shift=0.):
        k, c = self.terms(t, shift)
        return np.sum(theta ** 4 / 4 + k * theta ** 2 / 2 - c * theta)

    def gradient(self, theta, t, shift=0.):
        k, c = self.terms(t, shift)
        return theta ** 3 + k * theta - c

    def microbatches(self, theta, t):
        return [self.gradient(theta, t, shift) for shift in (.6, -.3, 0)]

    def hessian(self, theta, t):
        return np.diag(3 * theta ** 2 + self.terms(t, 0.)[0])


class Network:
    """Three inputs, four hidden units with tanh, two classes; a step is on six of eight examples, which are microbatches of 1, 2
    and 3. The parameters are weights (a row for each unit) and biases of the first layer, then of the second."""
    start = .8 * np.sin(np.arange(1., 27))
    x = np.sin(1.3 * np.arange(8)[:, None] + 2.1 * np.arange(3) + .5)
    y = np.array([0, 1, 1, 0, 1, 0, 0, 1])
    lr, rho, part = .3, .3, slice(12, 16)
    bound, least = 2., 0.

    def examples(self, t):
        return (t + np.arange(6)) % 8

    def forward(self, theta, i):
        w1, b1, w2, b2 = self.weights(theta)
        hidden = np.tanh(self.x[i] @ w1.T + b1)
        out = hidden @ w2.T + b2
        e = np.exp(out - out.max(1, keepdims=True))
        return hidden, e / e.sum(1, keepdims=True)

    def weights(self, theta):
        return theta[:12].reshape(4, 3), theta[12:16], theta[16:24].reshape(2, 4), theta[24:]

    def loss(self, theta, t):
        i = self.examples(t)
        return -np.mean(np.log(self.forward(theta, i)[1][np.arange(6), self.y[i]]))

    def of(self, theta, i):
        hidden, p = self.forward(theta, i)
        dout = (p - np.eye(2)[self.y[i]]) / len(i)
        dhidden = dout @ theta[16:24].reshape(2, 4) * (1 - hidden ** 2)
        return np.concatenate([(dhidden.T @ self.x[i]).ravel(), dhidden.sum(0), (dout.T @ hidden).ravel(), dout.sum(0)])

    def gradient(self, theta, t):
        return self.of(theta, self.examples(t))

    def microbatches(self, theta, t):
        i = self.examples(t)
        return [self.of(theta, i[:1]), self.of(theta, i[1:3]), self.of(theta, i[3:])]

    def product(self, theta, t, v):
        """The Hessian times v (Pearlmutter's R-operator)."""
        i = self.examples(t)
        _, _, w2, _ = self.weights(theta)
        v1, c1, v2, c2 = self.weights(v)
        h, p = self.forward(theta, i)
        rh = (1 - h ** 2) * (self.x[i] @ v1.T + c1)
        rout = rh @ w2.T + h @ v2.T + c2
        dout = (p - np.eye(2)[self.y[i]]) / 6
        rdout = p * (rout - (p * rout).sum(1, keepdims=True)) / 6
        rdh = (rdout @ w2 + dout @ v2) * (1 - h ** 2) - 2 * (dout @ w2) * h * rh
        return np.concatenate([(rdh.T @ self.x[i]).ravel(), rdh.sum(0), (rdout.T @ h + dout.T @ rh).ravel(), rdout.sum(0)])

    def hessian(self, theta, t):
        return np.stack([self.product(theta, t, e) for e in np.eye(26)])


def check(problem):
    """Gradients and Hessians against central differences, and microbatches against the whole."""
    theta, t, h = problem.start, 3, 1e-6
    g, n = problem.gradient(theta, t), len(problem.start)
    slopes = [(problem.loss(theta + h * e, t) - problem.loss(theta - h * e, t)) / (2 * h) for e in np.eye(n)]
    turns = [(problem.gradient(theta + h * e, t) - problem.gradient(theta - h * e, t)) / (2 * h) for e in np.eye(n)]
    assert np.abs(g - slopes).max() < 1e-8 and np.abs(problem.hessian(theta, t) - turns).max() < 1e-8
    assert np.abs(g - SHARES @ problem.microbatches(theta, t)).max() < 1e-14


# Lengths: delta along d, of what there is to know of the step.

def ball(rho, d):
    return rho * d / norm(d)


def dense(rho, d, metric):
    """The farthest that d reaches on the ball of a metric."""
    v = np.linalg.solve(metric, d)
    return rho * v / np.sqrt(d @ v)


class Rho:
    def delta(self, p, theta, t, g, d):
        return ball(p.rho, d)


class Monge:  # I + alpha^2 d d'
    def __init__(self, alpha=1.):
        self.alpha = alpha

    def delta(self, p, theta, t, g, d):
        return dense(p.rho, d, np.eye(len(d)) + self.alpha ** 2 * np.outer(d, d))


class Budget:  # the same with alpha = rho / b
    def __init__(self, b):
        self.b = b

    def delta(self, p, theta, t, g, d):
        return Monge(p.rho / self.b).delta(p, theta, t, g, d)


class Power:  # |delta|^-p = rho^-p + (|d|/b)^p
    def __init__(self, b, power):
        self.b, self.power = b, power

    def delta(self, p, theta, t, g, d):
        if np.isinf(self.power):  # LE-SAM: min(sigma / |g|, rho_max)
            return ball(min(self.b / norm(d), p.rho), d)
        return ball((p.rho ** -self.power + (norm(d) / self.b) ** self.power) ** (-1 / self.power), d)


class Adaptive:  # rho T^2 g / |T g|
    def delta(self, p, theta, t, g, d):
        scale = np.abs(theta) + .01
        return p.rho * scale ** 2 * d / norm(scale * d)


class Fisher:  # the metric diag(1 + g^2)
    def delta(self, p, theta, t, g, d):
        return dense(p.rho, d, np.diag(1 + d * d))


class Recent:  # I + alpha^2 (1 - beta) sum of beta^k g_k g_k', of the gradient and those before
    def __init__(self, alpha, points, beta):
        self.alpha, self.points, self.beta, self.last = alpha, points, beta, []

    def delta(self, p, theta, t, g, d):
        self.last = [g] + self.last[:self.points]
        metric = np.eye(len(d))
        for k, old in enumerate(self.last):
            metric = metric + self.alpha ** 2 * (1 - self.beta) * self.beta ** k * np.outer(old, old)
        return dense(p.rho, d, metric)


class Running:  # I + alpha^2 m m', m = beta m + (1 - beta) g
    def __init__(self, alpha, beta):
        self.alpha, self.beta, self.m = alpha, beta, None

    def delta(self, p, theta, t, g, d):
        self.m = g if self.m is None else self.beta * self.m + (1 - self.beta) * g
        return dense(p.rho, d, np.eye(len(d)) + self.alpha ** 2 * np.outer(self.m, self.m))


class RunningNorm:  # rho / sqrt(1 + alpha^2 v), v = beta v + (1 - beta) |d|^2
    def __init__(self, alpha, beta):
        self.alpha, self.beta, self.v = alpha, beta, None

    def delta(self, p, theta, t, g, d):
        n2 = d @ d
        self.v = n2 if self.v is None else self.beta * self.v + (1 - self.beta) * n2
        return ball(p.rho / np.sqrt(1 + self.alpha ** 2 * self.v), d)


class Hessian:  # I + alpha^2 (g g' + spread^2 H^2)
    def __init__(self, alpha, spread):
        self.alpha, self.spread = alpha, spread

    def delta(self, p, theta, t, g, d):
        h = p.hessian(theta, t)
        return dense(p.rho, d, np.eye(len(d)) + self.alpha ** 2 * (np.outer(g, g) + self.spread ** 2 * h @ h))


class Microbatch:  # I + alpha^2 sum of w_i g_i g_i'
    def __init__(self, alpha):
        self.alpha = alpha

    def delta(self, p, theta, t, g, d):
        metric = np.eye(len(d))
        for w, gi in zip(SHARES, p.microbatches(theta, t)):
            metric = metric + self.alpha ** 2 * w * np.outer(gi, gi)
        return dense(p.rho, d, metric)


class Example:  # I + alpha^2/B sum of g_i g_i' over single examples
    def __init__(self, alpha):
        self.alpha = alpha

    def delta(self, p, theta, t, g, d):
        own = np.stack([p.of(theta, [i]) for i in p.examples(t)])
        return dense(p.rho, d, np.eye(len(d)) + self.alpha ** 2 * own.T @ own / len(own))


# Methods: step returns what the base optimizer is handed, and what theta moves by beside it, in learning rates.

class SAM:
    def __init__(self, length=None):
        self.length = length or Rho()

    def direction(self, p, theta, t, g):
        return g

    def delta(self, p, theta, t, g):
        return self.length.delta(p, theta, t, g, self.direction(p, theta, t, g))

    def descent(self, p, theta, t, g, delta):
        return p.gradient(theta + delta, t), 0

    def plain(self, g):
        return g

    def step(self, p, theta, t, buffer):
        g = p.gradient(theta, t)
        return self.descent(p, theta, t, g, self.delta(p, theta, t, g))


class Sometimes:  # a method at steps first, first + k, ...; between them the base optimizer
    def __init__(self, method, first, k):
        self.method, self.first, self.k = method, first, k

    def step(self, p, theta, t, buffer):
        if t < self.first or (t - self.first) % self.k:
            return self.method.plain(p.gradient(theta, t)), 0
        return self.method.step(p, theta, t, buffer)


class VaSSO(SAM):  # d = (1 - theta) d + theta g
    share, d = .4, 0.

    def direction(self, p, theta, t, g):
        self.d = (1 - self.share) * self.d + self.share * g
        return self.d


class FriendlySAM(SAM):  # d = g - sigma m with the mean before this step; the first mean is the first gradient, and d that gradient
    sigma, lmbda, m = .8, .6, None

    def direction(self, p, theta, t, g):
        if self.m is None:
            self.m = g
            return g
        d = g - self.sigma * self.m
        self.m = self.lmbda * self.m + (1 - self.lmbda) * g
        return d


class MomentumSAM(SAM):
    """The gradient at theta - rho v/|v|, with v the momentum buffer, 0 at first. At length monge v is in a gradient's unit."""

    def step(self, p, theta, t, buffer):
        u = (1 - .5) * buffer
        if not u.any():
            return p.gradient(theta, t), 0
        return p.gradient(theta + self.length.delta(p, theta, t, None, -u), t), 0


class SAMON(SAM):  # the perturbation of some tensors, with the norm over these alone; all are updated
    def delta(self, p, theta, t, g):
        only = np.zeros_like(g)
        only[p.part] = g[p.part]
        return super().delta(p, theta, t, only)


class HalfSAM(SAM):  # an ascent on the first half of the examples
    def delta(self, p, theta, t, g):
        return super().delta(p, theta, t, p.of(theta, p.examples(t)[:3]))


class SparseSAM(SAM):
    """rho g/|g| where a mask is set: the largest of the mean of squared gradients since the last mask, which is made of the first
    gradient and after every so many."""
    share, every = .5, 3

    def __init__(self):
        self.squares, self.mask = [], None

    def make(self, squares):
        mean = np.mean(squares, 0)
        self.mask = np.zeros(len(mean))
        self.mask[np.argsort(-mean, kind="stable")[:len(mean) - int(self.share * len(mean))]] = 1
        self.squares = []

    def delta(self, p, theta, t, g):
        if self.mask is None:
            self.make([g * g])
        else:
            if len(self.squares) == self.every:
                self.make(self.squares)
            self.squares.append(g * g)
        return ball(p.rho, g) * self.mask


class EigenSAM(SAM):
    """rho (gh + a sign(g.v) (v - (gh.v) gh)), v the first eigenvector by the power method, from the gradient and then from where
    it was. Products with the Hessian are exact, or differences of gradients."""
    a, every, powers = .2, 4, 3

    def __init__(self, exact):
        self.exact, self.v = exact, None

    def product(self, p, theta, t, g, v):
        if self.exact:
            return p.hessian(theta, t) @ v
        h = 2. ** -26 * (1 + norm(theta))
        return p.gradient(theta + h * v, t) - g

    def delta(self, p, theta, t, g):
        if t % self.every == 0:
            self.v = g / norm(g) if self.v is None else self.v
            for _ in range(self.powers):
                hv = self.product(p, theta, t, g, self.v)
                self.v = hv / norm(hv)
        unit = g / norm(g)
        return p.rho * (unit + self.a * np.sign(g @ self.v) * (self.v - (unit @ self.v) * unit))


class GSAM(SAM):  # vertical = g - cos(g, g') |g| g'/|g'|; step g' - alpha vertical
    alpha = .4

    def descent(self, p, theta, t, g, delta):
        h = p.gradient(theta + delta, t)
        cosine = g @ h / (norm(g) * norm(h))
        return h - self.alpha * (g - cosine * norm(g) * h / norm(h)), 0


class LookSAM(SAM):  # keeps g_v; between the steps that do, g + alpha |g|/|g_v| g_v
    alpha = .2

    def descent(self, p, theta, t, g, delta):
        h = p.gradient(theta + delta, t)
        self.v = h - norm(h) * (g @ h / (norm(g) * norm(h))) * g / norm(g)
        return h, 0

    def plain(self, g):
        return g + self.alpha * norm(g) / norm(self.v) * self.v if self.v.any() else g


class WSAM(SAM):  # the base optimizer steps along g, and theta by gamma/(1 - gamma) (g' - g) beside it
    gamma = .6

    def descent(self, p, theta, t, g, delta):
        return g, self.gamma / (1 - self.gamma) * (p.gradient(theta + delta, t) - g)


class CoupledWSAM(WSAM):  # what it is not: all of it through the base optimizer
    def descent(self, p, theta, t, g, delta):
        g, beside = super().descent(p, theta, t, g, delta)
        return g + beside, 0


class SAMSPS(SAM):  # lr = min([L(theta + delta) - l* - g'.delta]+ / |g'|^2, gamma_b)
    def __init__(self):
        super().__init__()
        self.bounded = []

    def descent(self, p, theta, t, g, delta):
        h = p.gradient(theta + delta, t)
        polyak = max(0, p.loss(theta + delta, t) - p.least - h @ delta) / (h @ h)
        self.bounded.append(polyak > p.bound)
        return min(polyak, p.bound) * h, 0  # with a learning rate of 1


class CRSAM(SAM):  # w + gamma (w + b - 2 g) + beta (w - b)
    gamma, beta = .1, .01

    def descent(self, p, theta, t, g, delta):
        w, b = p.gradient(theta + delta, t), p.gradient(theta - delta, t)
        return w + self.gamma * (w + b - 2 * g) + self.beta * (w - b), 0


def incremental(p):
    """Momentum SAM as its authors' optimizer steps: the parameters are kept at the perturbed point."""
    at, v, path, by = p.start.copy(), np.zeros_like(p.start), [], 0.
    for t in range(STEPS):
        g = p.gradient(at, t)
        at = at + by * v  # back
        v = .5 * v + g
        at = at - p.lr * v
        path.append(at.copy())
        by = p.rho / norm(v)
        at = at - by * v
    return path


def run(p, method, lr=None, momentum=.5):
    theta, v, path = p.start.copy(), np.zeros_like(p.start), []
    for t in range(STEPS):
        g, beside = method.step(p, theta, t, v)
        v = momentum * v + g
        theta = theta - (lr or p.lr) * (v + beside)
        path.append(theta)
    return path


CASES = {
    "sam": SAM, "m-sam": lambda: SAM(Monge()), "m-sam budget": lambda: SAM(Budget(.1)),
    "asam": lambda: SAM(Adaptive()), "fisher": lambda: SAM(Fisher()),
    "le-sam": lambda: SAM(Power(.35, np.inf)), "le-sam budget": lambda: SAM(Power(.1, np.inf)), "le-sam p 4": lambda: SAM(Power(.35, 4)), "le-sam p 2": lambda: SAM(Power(.35, 2)),
    "vasso": VaSSO, "vasso running": lambda: VaSSO(Running(2, .8)), "friendly-sam": FriendlySAM,
    "momentum-sam": MomentumSAM, "momentum-sam monge": lambda: MomentumSAM(Monge()),
    "sam-on": SAMON, "sam-on monge": lambda: SAMON(Monge()), "sparse-sam": SparseSAM,
    "eigen-sam": lambda: EigenSAM(False), "eigen-sam exact": lambda: EigenSAM(True),
    "gsam": GSAM, "gsam monge": lambda: GSAM(Monge()), "looksam": lambda: Sometimes(LookSAM(), 0, 5),
    "m-sam from 2 interval 3": lambda: Sometimes(SAM(Monge()), 2, 3),
    "wsam from 1 interval 2": lambda: Sometimes(WSAM(), 1, 2), "vasso from 1 interval 2": lambda: Sometimes(VaSSO(), 1, 2),
    "recent from 1 interval 2": lambda: Sometimes(SAM(Recent(2, 3, .8)), 1, 2),
    "wsam": WSAM, "wsam coupled": CoupledWSAM, "cr-sam": CRSAM,
    "recent": lambda: SAM(Recent(2, 3, .8)), "running": lambda: SAM(Running(2, .8)), "running-norm": lambda: SAM(RunningNorm(2, .8)),
    "hessian": lambda: SAM(Hessian(2, .5)), "microbatch": lambda: SAM(Microbatch(2)), "gsam recent": lambda: GSAM(Recent(2, 3, .8)),
}


def golden(p):
    out = {name: run(p, method()) for name, method in CASES.items()}
    sps = SAMSPS()
    out["sam-sps"] = run(p, sps, lr=1, momentum=0)
    assert 0 < sum(sps.bounded) < STEPS, sps.bounded
    if isinstance(p, Network):
        out["half the examples"] = run(p, HalfSAM())
        out["example"] = run(p, SAM(Example(2)))
    assert np.abs(np.array(out["momentum-sam"]) - incremental(p)).max() < 1e-13
    return {name: [path[t].round(14).tolist() for t in STORED] for name, path in out.items()}


if __name__ == "__main__":
    problems = {"quartic": Quartic(), "network": Network()}
    for problem in problems.values():
        check(problem)
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "family.json"), "w") as f:
        json.dump({name: golden(problem) for name, problem in problems.items()}, f)
        f.write("\n")
