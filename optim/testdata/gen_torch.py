#!/usr/bin/python3
"""Writes torch.json: what PyTorch's optimizers and learning-rate schedules do, for optim's tests.

Run with Debian's python3-torch (1.13):  /usr/bin/python3 gen_torch.py > torch.json
"""
import json
import torch

N, STEPS = 8, 100


def gradient(step):
    """The gradients of the test: exact in float32, and easy to make again in Go."""
    return [((40503 * (step * N + i) + 12345) % 65536) / 32768 - 1 for i in range(N)]


def run(make, dtype):
    theta = torch.tensor([(i - 3) / 4 for i in range(N)], dtype=dtype, requires_grad=True)
    opt = make([theta])
    for step in range(STEPS):
        theta.grad = torch.tensor(gradient(step), dtype=dtype)
        opt.step()
    return theta.detach().double().tolist()


def case(rule, **kw):
    cls = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "rmsprop": torch.optim.RMSprop}[rule]
    names = {"lr": "LR", "momentum": "Momentum", "dampening": "Dampening", "weight_decay": "WeightDecay", "nesterov": "Nesterov",
             "eps": "Eps", "alpha": "Alpha", "centered": "Centered"}
    settings = {names[k]: v for k, v in kw.items() if k in names}
    if rule in ("adam", "adamw"):
        settings["Beta1"], settings["Beta2"] = kw.get("betas", (.9, .999))
        settings.setdefault("Eps", 1e-8)
        kw.setdefault("weight_decay", 0)
    if rule == "rmsprop":
        settings.setdefault("Alpha", .99)
        settings.setdefault("Eps", 1e-8)
    return {"rule": rule, "settings": settings,
            "float32": run(lambda p: cls(p, **kw), torch.float32),
            "float64": run(lambda p: cls(p, **kw), torch.float64)}


def schedule(name, steps, make):
    opt = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=.1)
    sched = make(opt)
    values = []
    for _ in range(steps):
        values.append(opt.param_groups[0]["lr"])
        opt.step()
        sched.step()
    return {"name": name, "values": values}


S = torch.optim.lr_scheduler
print(json.dumps({
    "torch": torch.__version__,
    "optimizers": [
        case("sgd", lr=.1),
        case("sgd", lr=.1, weight_decay=.01),
        case("sgd", lr=.1, momentum=.9),
        case("sgd", lr=.1, momentum=.9, dampening=.3, weight_decay=.01),
        case("sgd", lr=.1, momentum=.9, nesterov=True, weight_decay=.01),
        case("adam", lr=.01),
        case("adam", lr=.01, betas=(.8, .99), eps=1e-4, weight_decay=.1),
        case("adamw", lr=.01, weight_decay=.1),
        case("adamw", lr=.01, betas=(.8, .99), eps=1e-4, weight_decay=.01),
        case("rmsprop", lr=.01),
        case("rmsprop", lr=.01, alpha=.9, eps=1e-3, weight_decay=.05, momentum=.9),
        case("rmsprop", lr=.01, momentum=.5, centered=True),
    ],
    "schedules": [
        schedule("step", 12, lambda o: S.StepLR(o, 4, gamma=.5)),
        schedule("linear", 12, lambda o: S.LinearLR(o, start_factor=1, end_factor=.2, total_iters=10)),
        schedule("cosine", 11, lambda o: S.CosineAnnealingLR(o, 10, eta_min=.01)),
        schedule("onecycle", 20, lambda o: S.OneCycleLR(o, max_lr=.1, total_steps=21)),
        schedule("warmup", 8, lambda o: S.LinearLR(o, start_factor=.25, end_factor=1, total_iters=4)),
    ],
}, indent=1))
