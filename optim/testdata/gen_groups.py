"""Writes groups.json: PyTorch's optimizers on three groups of parameters, for the tests of groups.

Run with Debian's python3-torch (1.13):  /usr/bin/python3 gen_groups.py > groups.json
"""
import json
import torch

N, STEPS, LR, DECAY = 12, 8, .05, .2
GROUPS = [(5, .25, 1), (6, .25, 0), (12, 1, 0)]  # end, times the learning rate, times the weight decay


def numbers(n, salt):
    return [((40503 * (i + salt) + 12345) % 65536) / 32768 - 1 for i in range(n)]


def run(rule, **settings):
    parts, groups, at = [], [], 0
    start = torch.tensor(numbers(N, 0), dtype=torch.float64)
    for end, lr, decay in GROUPS:
        p = start[at:end].clone().requires_grad_()
        parts.append(p)
        groups.append({"params": [p], "lr": LR * lr, "weight_decay": DECAY * decay})
        at = end
    o = rule(groups, lr=LR, **settings)
    for step in range(STEPS):
        g, at = torch.tensor(numbers(N, 100 * (step + 1)), dtype=torch.float64), 0
        for p in parts:
            p.grad = g[at:at + len(p)].clone()
            at += len(p)
        o.step()
    return torch.cat(parts).tolist()


print(json.dumps({
    "sgd": run(torch.optim.SGD, momentum=.9),
    "adam": run(torch.optim.Adam),
    "adamw": run(torch.optim.AdamW),
    "rmsprop": run(torch.optim.RMSprop),
}, indent=1))
