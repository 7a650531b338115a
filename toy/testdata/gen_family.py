"""Where methods and lengths end on the banana (1 - t1 t2)^2 from a grid of 10 x 10 starts, by the formulas of
sam/testdata/gen_family.py. Writes family.json.

    python3 gen_family.py
"""
import importlib.util
import json
import os
import sys

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
SPEC = importlib.util.spec_from_file_location("family", os.path.join(HERE, "../../sam/testdata/gen_family.py"))
family = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(family)

LR, STEPS = .01, 200


class Banana:
    least, bound = 0., LR

    def __init__(self, rho):
        self.rho = rho

    def loss(self, t, step):
        return (1 - t[0] * t[1]) ** 2

    def gradient(self, t, step):
        r = 1 - t[0] * t[1]
        return np.array([-2 * r * t[1], -2 * r * t[0]])

    def hessian(self, t, step):
        mixed = 4 * t[0] * t[1] - 2
        return np.array([[2 * t[1] ** 2, mixed], [mixed, 2 * t[0] ** 2]])


def end(rho, method, lr, momentum, start):
    problem, theta, v = Banana(rho), np.array(start), np.zeros(2)
    for step in range(STEPS):
        with np.errstate(all="ignore"):
            if not problem.gradient(theta, step).any() and not v.any():
                break  # nothing to go along
            g, beside = method.step(problem, theta, step, v)
            v = momentum * v + g
            theta = theta - lr * (v + beside)
        if not np.isfinite(theta).all():
            return "other"
    for name, place in {"saddle": (0, 0), "(-1,-1)": (-1, -1), "(1,1)": (1, 1)}.items():
        if np.hypot(*(theta - place)) <= .3:
            return name
    return "other"


def ends(rho, make, lr=LR, momentum=0.):
    axis = [-3 + 6 * i / 9 for i in range(10)]
    counts = dict.fromkeys(["saddle", "(-1,-1)", "(1,1)", "other"], 0)
    for a in axis:
        for b in axis:
            counts[end(rho, make(), lr, momentum, (a, b))] += 1
    return counts


class None_(family.SAM):
    def step(self, p, theta, t, buffer):
        return p.gradient(theta, t), 0


def of(method, **numbers):
    """A method with other numbers than the golden steps have."""
    def make():
        m = method()
        for name, value in numbers.items():
            assert hasattr(m, name), name
            setattr(m, name, value)
        return m
    return make


def sam(length, *numbers):
    return lambda: family.SAM(length(*numbers))


# By method, or by length of sam, with the numbers that they have by themselves.
CASES = {
    "none": None_, "sam": family.SAM, "m-sam": sam(family.Monge), "fisher": sam(family.Fisher), "asam": sam(family.Adaptive),
    "le-sam": sam(family.Power, .35, np.inf), "vasso": family.VaSSO, "friendly-sam": of(family.FriendlySAM, sigma=1, lmbda=.95),
    "sparse-sam": of(family.SparseSAM, every=100), "eigen-sam": of(lambda: family.EigenSAM(True), every=100, powers=5),
    "gsam": family.GSAM, "looksam": lambda: family.Sometimes(family.LookSAM(), 0, 5), "wsam": of(family.WSAM, gamma=.9), "cr-sam": family.CRSAM,
    "length recent": sam(family.Recent, 1, 4, .9), "length running": sam(family.Running, 1, .9), "length running-norm": sam(family.RunningNorm, 1, .9),
    "length hessian": sam(family.Hessian, 1, .01), "length hessian spread .5": sam(family.Hessian, 1, .5),
    "length microbatch": sam(family.Monge),  # of one microbatch
}

if __name__ == "__main__":
    out = {name: ends(1., make) for name, make in CASES.items()}
    out["sam-sps"] = ends(1., family.SAMSPS, lr=1.)
    out["momentum-sam"] = ends(1., lambda: family.MomentumSAM(), momentum=.5)
    for name in "none", "sam", "m-sam", "length running", "length hessian spread .5":
        out[name + " rho 2"] = ends(2., CASES[name])
    for name, counts in out.items():
        print(name, counts, file=sys.stderr)
    with open(os.path.join(HERE, "family.json"), "w") as f:
        json.dump(out, f, indent=1)
        f.write("\n")
