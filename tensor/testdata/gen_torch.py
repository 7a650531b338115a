#!/usr/bin/python3
"""Writes torch.json: results and gradients of each operation in PyTorch, for tensor's tests.

Inputs are numbers that Go makes again (function numbers), exact in float32; PyTorch computes in float64. Images are
N x H x W x C on both sides of an operation, as in Go.
Run with Debian's python3-torch (1.13):  /usr/bin/python3 gen_torch.py > torch.json
"""
import json
import torch
import torch.nn.functional as F


def numbers(n, salt):
    """Numbers in [-1, 1), exact in float32."""
    return [((40503 * (i + salt) + 12345) % 65536) / 32768 - 1 for i in range(n)]


def tensor(shape, salt):
    n = 1
    for d in shape:
        n *= d
    return torch.tensor(numbers(n, salt), dtype=torch.float64).reshape(shape)


def far(x):
    """The numbers 1000 from zero, still exact in float32."""
    return 1000 + torch.trunc(x.detach() * 1024) / 1024


nchw = lambda x: x.permute(0, 3, 1, 2)
nhwc = lambda x: x.permute(0, 2, 3, 1)


def conv(stride=1, pad=0, dilation=1, groups=1):
    def f(x, w, b=None):
        return nhwc(F.conv2d(nchw(x), w.permute(3, 2, 0, 1), b, stride, pad, dilation, groups))
    return f


def sides(x, pads, value=0.):
    """NCHW with padding above, left, below, right."""
    top, left, below, right = pads
    return F.pad(x, (left, right, top, below), value=value)


def conv_sides(pads, stride=1, dilation=1):
    return lambda x, w, b=None: nhwc(F.conv2d(sides(nchw(x), pads), w.permute(3, 2, 0, 1), b, stride, 0, dilation))


def conv_transpose(stride=1, pad=0, more=0, groups=1, dilation=1):
    """PyTorch's weight is I x O/groups x KH x KW, Go's KH x KW x O/groups x I."""
    return lambda x, w, b=None: nhwc(F.conv_transpose2d(nchw(x), w.permute(3, 2, 0, 1), b, stride, pad, more, groups, dilation))


def max_pool_sides(kernel, stride, pads, dilation=1):
    return lambda x: nhwc(F.max_pool2d(sides(nchw(x), pads, float("-inf")), kernel, stride, 0, dilation))


def avg_pool_sides(kernel, stride, pads, inside=False):
    def f(x):
        y = F.avg_pool2d(sides(nchw(x), pads), kernel, stride)
        if inside:
            y = y / F.avg_pool2d(sides(torch.ones_like(nchw(x)), pads), kernel, stride)
        return nhwc(y)
    return f


def channels_second(x):
    return nchw(x) if x.dim() == 4 else x


def channels_last(x):
    return nhwc(x) if x.dim() == 4 else x


def batch_norm(affine=True, training=True, relu=False, res=False):
    """Appends the running statistics after the step to the result."""
    def f(x, *rest):
        c = x.shape[-1]
        rest = list(rest)
        w, b = (rest.pop(0), rest.pop(0)) if affine else (None, None)
        mean, var = tensor([c], 500).clone(), tensor([c], 600) + 2
        y = channels_last(F.batch_norm(channels_second(x), mean, var, w, b, training, .1, 1e-5))
        if res:
            y = y + rest.pop(0)
        if relu:
            y = F.relu(y)
        return y, torch.cat([mean, var])
    return f


def pool(f, *a, **k):
    return lambda x: nhwc(f(nchw(x), *a, **k))


def group_norm(groups):
    return lambda x, *wb: channels_last(F.group_norm(channels_second(x), groups, *wb))


labels = [3, 0, 4]
weights = torch.tensor(numbers(5, 9), dtype=torch.float64).abs() + .5


# 0, 1 and what mixing makes between
shares = torch.tensor([[0, 1, .25, 0, 1], [1, 1, 0, 0, 0], [.75, 0, 1, 1, .5]], dtype=torch.float64)


def entropy(**k):
    return lambda x: F.cross_entropy(x, torch.tensor(labels), **k)


def attention(heads, causal=False, lengths=None):
    """Of padding, results are 0."""
    def f(q, k=None, v=None, bias=0):
        k, v = q if k is None else k, q if v is None else v
        n, t, d = q.shape
        q, k, v = (x.reshape(n, -1, heads, d // heads).transpose(1, 2) for x in (q, k, v))
        scores = q @ k.transpose(2, 3) / (d // heads) ** .5 + bias
        if causal:
            scores = scores.masked_fill(torch.ones(t, t).triu(1).bool(), float("-inf"))
        seen = torch.arange(t) < torch.tensor(lengths or n * [t])[:, None]
        if lengths:
            scores = scores.masked_fill(~seen[:, None, None], float("-inf"))
        return (scores.softmax(-1) @ v).transpose(1, 2).reshape(n, t, d) * seen[:, :, None]
    return f


IMAGE = [2, 3, 4, 3]
CASES = {
    "conv 3x3": (conv(pad=1), [[1, 4, 3, 2], [3, 3, 2, 3], [3]]),
    "conv without bias, stride 2": (conv(stride=2, pad=1), [[2, 5, 4, 1], [3, 3, 1, 2]]),
    "conv dilated": (conv(dilation=2, pad=2), [[1, 5, 5, 2], [3, 2, 2, 2], [2]]),
    "conv in groups": (conv(groups=2), [[1, 3, 3, 4], [2, 2, 2, 6], [6]]),
    "conv depthwise": (conv(groups=3, pad=1, stride=2), [[1, 4, 4, 3], [3, 3, 1, 3], [3]]),
    "conv 1x1": (conv(), [[2, 2, 3, 3], [1, 1, 3, 2], [2]]),
    "conv, strides and dilations of axes": (conv(stride=(2, 1), pad=(2, 0), dilation=(1, 2)), [[2, 6, 5, 2], [3, 2, 2, 3], [3]]),
    "conv, strides of axes": (conv(stride=(2, 1), pad=(0, 2)), [[1, 5, 6, 3], [3, 4, 3, 2], [2]]),
    "conv, padding of sides": (conv_sides((0, 1, 2, 0)), [[1, 4, 5, 2], [3, 3, 2, 2]]),
    "conv, TensorFlow's SAME": (conv_sides((0, 0, 1, 1), 2), [[2, 6, 6, 2], [3, 3, 2, 3], [3]]),
    "conv transposed": (conv_transpose(), [[1, 3, 4, 2], [3, 2, 3, 2], [3]]),
    "conv transposed, stride 2": (conv_transpose(2, 1, 1), [[2, 3, 2, 2], [3, 3, 3, 2]]),
    "conv transposed, of axes": (conv_transpose((2, 3), (1, 0), (1, 2), 1, (1, 2)), [[1, 3, 3, 2], [2, 3, 2, 2], [2]]),
    "conv transposed in groups": (conv_transpose(2, 1, 0, 2), [[2, 2, 3, 4], [3, 3, 3, 4], [6]]),
    "linear": (F.linear, [[2, 3, 5], [4, 5], [4]]),
    "linear relu": (lambda *a: F.relu(F.linear(*a)), [[3, 5], [4, 5], [4]]),
    "linear relu without bias": (lambda *a: F.relu(F.linear(*a)), [[3, 5], [4, 5]]),
    "max pool 2": (pool(F.max_pool2d, 2), [[2, 5, 4, 3]]),
    "max pool 3, stride 2, pad 1": (pool(F.max_pool2d, 3, 2, 1), [[1, 6, 5, 3]]),
    "avg pool 2": (pool(F.avg_pool2d, 2), [[2, 5, 4, 3]]),
    "avg pool 3, stride 2, pad 1": (pool(F.avg_pool2d, 3, 2, 1), [[1, 6, 5, 3]]),
    "avg pool 3, pad 1, inside": (pool(F.avg_pool2d, 3, 1, 1, count_include_pad=False), [[1, 4, 5, 2]]),
    "max pool, ceil": (pool(F.max_pool2d, 3, 2, 0, 1, True), [[1, 6, 8, 3]]),
    "max pool, ceil, pad 1": (pool(F.max_pool2d, 3, 2, 1, 1, True), [[1, 4, 6, 2]]),
    "max pool, ceil, no last": (pool(F.max_pool2d, 2, 3, 1, 1, True), [[1, 6, 5, 2]]),
    "max pool, ceil, small": (pool(F.max_pool2d, 3, 2, 0, 1, True), [[1, 2, 2, 2]]),
    "max pool, dilated": (pool(F.max_pool2d, (3, 2), (1, 2), (1, 0), (2, 3)), [[1, 7, 8, 3]]),
    "max pool, padding of sides": (max_pool_sides((3, 4), (2, 1), (0, 3, 2, 1)), [[1, 5, 4, 2]]),
    "max pool, padding of sides, dilated": (max_pool_sides(2, 1, (1, 0, 1, 2), 2), [[1, 4, 4, 1]]),
    "avg pool, ceil, pad 1": (pool(F.avg_pool2d, 3, 2, 1, True), [[1, 4, 6, 2]]),
    "avg pool, ceil, pad 1, inside": (pool(F.avg_pool2d, 3, 2, 1, True, False), [[1, 4, 6, 2]]),
    "avg pool of axes": (pool(F.avg_pool2d, (3, 2), (1, 2), (1, 0)), [[1, 4, 5, 2]]),
    "avg pool, padding of sides": (avg_pool_sides(3, 2, (0, 1, 2, 1)), [[1, 5, 5, 2]]),
    "avg pool, padding of sides, inside": (avg_pool_sides(3, 2, (0, 1, 2, 1), True), [[1, 5, 5, 2]]),
    "global avg pool": (lambda x: x.mean((1, 2)), [IMAGE]),
    "batch norm": (batch_norm(), [IMAGE, [3], [3]]),
    "batch norm of rows": (batch_norm(), [[5, 4], [4], [4]]),
    "batch norm, not affine": (batch_norm(affine=False), [IMAGE]),
    "batch norm far from zero": (batch_norm(), [IMAGE, [3], [3]]),
    "batch norm frozen": (batch_norm(training=False), [IMAGE, [3], [3]]),
    "batch norm relu": (batch_norm(relu=True), [IMAGE, [3], [3]]),
    "batch norm add relu": (batch_norm(relu=True, res=True), [IMAGE, [3], [3], IMAGE]),
    "group norm": (group_norm(2), [[2, 2, 3, 4], [4], [4]]),
    "group norm of rows": (group_norm(3), [[2, 6], [6], [6]]),
    "group norm, not affine": (group_norm(1), [IMAGE]),
    "layer norm": (lambda x, w, b: F.layer_norm(x, x.shape[-1:], w, b), [[3, 2, 5], [5], [5]]),
    "layer norm, not affine": (lambda x: F.layer_norm(x, x.shape[-1:]), [[3, 7]]),
    "layer norm far from zero": (lambda x, w, b: F.layer_norm(x, x.shape[-1:], w, b), [[3, 7], [7], [7]]),
    "unit rows": (lambda x: F.normalize(x, dim=-1), [[2, 3, 5]]),
    "relu": (F.relu, [[3, 5]]),
    "sigmoid": (lambda x: torch.sigmoid(4 * x), [[3, 5]]),
    "tanh": (lambda x: torch.tanh(4 * x), [[3, 5]]),
    "silu": (lambda x: F.silu(4 * x), [[3, 5]]),
    "gelu": (lambda x: F.gelu(4 * x), [[3, 5]]),
    "gelu tanh": (lambda x: F.gelu(4 * x, approximate="tanh"), [[3, 5]]),
    "hard swish": (lambda x: F.hardswish(4 * x), [[3, 5]]),
    "hard sigmoid": (lambda x: F.hardsigmoid(4 * x), [[3, 5]]),
    "hard sigmoid of its own": (lambda x: (.2 * 4 * x + .4).clamp(0, 1), [[3, 5]]),
    "relu6": (lambda x: F.relu6(8 * x), [[3, 5]]),
    "clamp": (lambda x: (4 * x).clamp(-1.5, 2), [[3, 5]]),
    "clamp above": (lambda x: (4 * x).clamp(max=.7), [[3, 5]]),
    "leaky relu": (lambda x: F.leaky_relu(x, .1), [[3, 5]]),
    "softmax": (lambda x: F.softmax(4 * x, -1), [[2, 3, 5]]),
    "log softmax": (lambda x: F.log_softmax(4 * x, -1), [[2, 3, 5]]),
    "cross-entropy": (entropy(), [[3, 5]]),
    "cross-entropy smoothed": (entropy(label_smoothing=.1), [[3, 5]]),
    "cross-entropy weighted": (entropy(weight=weights), [[3, 5]]),
    "cross-entropy weighted, smoothed": (entropy(weight=weights, label_smoothing=.2), [[3, 5]]),
    "cross-entropy weighted, smoothed, sum": (entropy(weight=weights, label_smoothing=.2, reduction="sum"), [[3, 5]]),
    "binary cross-entropy": (lambda x: F.binary_cross_entropy_with_logits(4 * x, shares), [[3, 5]]),
    "mse": (F.mse_loss, [[3, 5], [3, 5]]),
    "mse sum": (lambda x, y: F.mse_loss(x, y, reduction="sum"), [[3, 5], [3, 5]]),
    "add": (torch.add, [[2, 3], [2, 3]]),
    "add broadcast": (torch.add, [[2, 1, 3], [4, 1]]),
    "mul": (torch.mul, [[2, 3], [2, 3]]),
    "mul broadcast": (torch.mul, [[2, 1, 3, 1], [4, 1, 5]]),
    "mul by a pixel": (torch.mul, [[2, 2, 3, 5], [2, 1, 1, 5]]),
    "mul of a row": (torch.mul, [[5], [2, 3, 5]]),
    "mul by columns": (torch.mul, [[2, 3, 4], [2, 3, 1]]),
    "mul by one": (torch.mul, [[2, 3], [1]]),
    "mul by rows that repeat around": (torch.mul, [[2, 3, 4], [3, 1]]),
    "add of a bias": (torch.add, [[2, 2, 2, 3], [3]]),
    "concat": (lambda *x: torch.cat(x, 1), [[2, 1, 3], [2, 2, 3], [2, 3, 3]]),
    "slice": (lambda x: x[:, 1:3], [[2, 4, 3]]),
    "pad": (lambda x: F.pad(x, (0, 0, 1, 1, 2, 2)), [[1, 2, 2, 2]]),
    "pad one side": (lambda x: F.pad(x, (0, 2, 1, 0)), [[2, 3]]),
    "reshape": (lambda x: (2 * x).reshape(3, 4), [[2, 3, 2]]),
    "permute": (lambda x: x.permute(2, 0, 3, 1), [[2, 3, 2, 2]]),
    "transpose": (lambda x: x.transpose(1, 2), [[2, 3, 4]]),
    "flatten": (lambda x: nchw(x).flatten(1), [[2, 2, 3, 3]]),
    "sum": (torch.sum, [[3, 4]]),
    "mean": (torch.mean, [[3, 4]]),
    "sum over the first": (lambda x: x.sum(0), [[3, 2, 4]]),
    "mean over the middle": (lambda x: x.mean(1), [[2, 3, 4]]),
    "mean over the first and last": (lambda x: x.mean((0, 2)), [[2, 3, 4]]),
    "attention": (attention(2), 3 * [[2, 5, 6]]),
    "attention, causal": (attention(1, causal=True), 3 * [[1, 67, 2]]),
    "attention, padded": (attention(3, lengths=[2, 5]), 3 * [[2, 5, 3]]),
    "attention, causal, padded": (attention(1, causal=True, lengths=[66, 3]), 3 * [[2, 67, 1]]),
    "attention, biased": (attention(3), 3 * [[2, 5, 6]] + [[3, 5, 5]]),
    "attention, biased, padded": (attention(1, lengths=[2, 4, 1]), 3 * [[3, 4, 2]] + [[1, 4, 4]]),
    "attention to others": (attention(2), [[2, 3, 4], [2, 5, 4], [2, 5, 4]]),
    "attention to others, biased": (attention(2), [[2, 5, 4], [2, 3, 4], [2, 3, 4], [2, 5, 3]]),
    "attention of one tensor": (attention(2), [[2, 4, 4]]),
    "attention of two tensors": (attention(2), [[2, 4, 4], [2, 4, 4]]),
    "quick gelu": (lambda x: 4 * x * torch.sigmoid(1.702 * 4 * x), [[3, 5]]),
    "embedding": (lambda w: F.embedding(torch.tensor([2, 0, 2, 3]), w), [[5, 3]]),
}


def digits(x):
    return [float("%.8g" % v) for v in x.detach().reshape(-1).tolist()]


def case(name, f, shapes):
    inputs = [tensor(s, 1000 * i) for i, s in enumerate(shapes)]
    if "far" in name:
        inputs[0] = far(inputs[0])
    for x in inputs:
        x.requires_grad_()
    y = f(*inputs)
    state = None
    if isinstance(y, tuple):
        y, state = y
    (y * tensor(list(y.shape), 77)).sum().backward()
    c = {"y": digits(y), "grad": [digits(x.grad) for x in inputs]}
    if state is not None:
        c["state"] = digits(state)
    return c


print("{\n" + ",\n".join(json.dumps(n) + ": " + json.dumps(case(n, *c), separators=(",", ":")) for n, c in CASES.items()) + "\n}")
