"""Runs ONNX graphs with PyTorch, so that its autograd says what the gradient of every tensor of a
file is: also of those that an exporter has folded or transposed, which no module has. It has a
reader of its own for the format and needs PyTorch alone, 1.13 or later."""
import math
import os
import struct

import numpy as np
import torch
import torch.nn.functional as F

DTYPES = {1: np.float32, 2: np.uint8, 3: np.int8, 4: np.uint16, 5: np.int16, 6: np.int32, 7: np.int64, 9: np.bool_,
          10: np.float16, 11: np.float64, 12: np.uint32, 13: np.uint64}
FLOATS = (1, 10, 11, 16)


def varint(b, i):
    v = shift = 0
    while True:
        v |= (b[i] & 127) << shift
        shift += 7
        i += 1
        if b[i - 1] < 128:
            return v, i


def signed(v):
    return v - (1 << 64) if v >= 1 << 63 else v


def fields(b):
    """Yields number and value of each field of a message."""
    i = 0
    while i < len(b):
        tag, i = varint(b, i)
        kind = tag & 7
        if kind == 0:
            v, i = varint(b, i)
            v = signed(v)
        elif kind == 1:
            v, i = b[i:i + 8], i + 8
        elif kind == 5:
            v, i = b[i:i + 4], i + 4
        else:
            n, i = varint(b, i)
            v, i = b[i:i + n], i + n
        yield tag >> 3, v


def packed(v):
    if isinstance(v, int):
        return [v]
    out, i = [], 0
    while i < len(v):
        x, i = varint(v, i)
        out.append(signed(x))
    return out


def text(v):
    return bytes(v).decode()


class Tensor:
    def __init__(self, b, folder):
        self.dims, self.dtype, self.name = [], 0, ''
        raw, floats, ints, doubles, external, located = None, [], [], [], {}, 0
        for num, v in fields(b):
            if num == 1:
                self.dims += packed(v)
            elif num == 2:
                self.dtype = v
            elif num == 4:
                floats += struct.unpack('<%df' % (len(v) // 4), v)
            elif num in (5, 7, 11):
                ints += packed(v)
            elif num == 8:
                self.name = text(v)
            elif num == 9:
                raw = bytes(v)
            elif num == 10:
                doubles += struct.unpack('<%dd' % (len(v) // 8), v)
            elif num == 13:
                p = {n: text(w) for n, w in fields(v)}
                external[p[1]] = p.get(2, '')
            elif num == 14:
                located = v
        if located == 1:
            with open(os.path.join(folder, external['location']), 'rb') as f:
                f.seek(int(external.get('offset', 0)))
                raw = f.read(int(external['length'])) if 'length' in external else f.read()
        if self.dtype == 16:
            bits = np.frombuffer(raw, np.uint16) if raw else np.array(ints, np.uint16)
            a = (bits.astype(np.uint32) << 16).view(np.float32)
        elif raw:
            a = np.frombuffer(raw, DTYPES[self.dtype])
        elif self.dtype == 10:
            a = np.array(ints, np.uint16).view(np.float16)
        else:
            a = np.array(floats or doubles or ints, DTYPES[self.dtype])
        self.value = torch.from_numpy(np.ascontiguousarray(as_torch(a)).reshape(self.dims).copy())


def as_torch(a):
    """All of floating point is float32 here, as in what is compared with it."""
    if a.dtype in (np.float16, np.float64):
        return a.astype(np.float32)
    if a.dtype in (np.uint16, np.uint32, np.uint64):
        return a.astype(np.int64)
    return a


class Node:
    def __init__(self, b, folder):
        self.inputs, self.outputs, self.name, self.op, self.domain, self.attrs = [], [], '', '', '', {}
        for num, v in fields(b):
            if num == 1:
                self.inputs.append(text(v))
            elif num == 2:
                self.outputs.append(text(v))
            elif num == 3:
                self.name = text(v)
            elif num == 4:
                self.op = text(v)
            elif num == 5:
                self.attr(v, folder)
            elif num == 7:
                self.domain = text(v)

    def attr(self, b, folder):
        name, value, floats, ints, kind = '', None, [], [], 0
        for num, v in fields(b):
            if num == 1:
                name = text(v)
            elif num == 2:
                value = struct.unpack('<f', v)[0]
            elif num == 3:
                value = v
            elif num == 4:
                value = text(v)
            elif num == 5:
                value = Tensor(v, folder)
            elif num == 7:
                floats += struct.unpack('<%df' % (len(v) // 4), v)
            elif num == 8:
                ints += packed(v)
            elif num == 20:
                kind = v
        self.attrs[name] = floats if kind == 6 or floats else ints if kind == 7 or ints else value


def value_of(b):
    """Name, type and dimensions of an input or output; a dimension that is open is 0."""
    name, dtype, dims = '', 0, []
    for num, v in fields(b):
        if num == 1:
            name = text(v)
        elif num == 2:
            for num, v in fields(v):
                if num != 1:
                    continue
                for num, v in fields(v):
                    if num == 1:
                        dtype = v
                    elif num == 2:
                        for _, d in fields(v):
                            dims.append(next((x for n, x in fields(d) if n == 1), 0))
    return name, dtype, dims


class Graph:
    """A file's graph. tensors are its initializers and constants, and inputs what it takes."""

    def __init__(self, path):
        folder = os.path.dirname(path)
        with open(path, 'rb') as f:
            model = memoryview(f.read())
        self.opset, self.nodes, self.tensors, inputs, self.outputs = 0, [], {}, [], []
        self.floats = {}
        for num, v in fields(model):
            if num == 8:
                o = dict(fields(v))
                if bytes(o.get(1, b'')) in (b'', b'ai.onnx'):
                    self.opset = o[2]
            elif num == 7:
                for num, v in fields(v):
                    if num == 1:
                        self.nodes.append(Node(v, folder))
                    elif num == 5:
                        self.add(Tensor(v, folder))
                    elif num == 11:
                        inputs.append(value_of(v))
                    elif num == 12:
                        self.outputs.append(value_of(v)[0])
        self.inputs = [v for v in inputs if v[0] not in self.tensors]
        for n in self.nodes:
            if n.op == 'Constant' and isinstance(n.attrs.get('value'), Tensor):
                t = n.attrs['value']
                t.name = n.outputs[0]
                self.add(t)
            elif n.op == 'Identity' and n.inputs[0] in self.floats:  # a tensor of its own that is equal
                self.tensors[n.outputs[0]] = self.floats[n.outputs[0]] = self.tensors[n.inputs[0]].clone()

    def add(self, t):
        self.tensors[t.name] = t.value
        if t.dtype in FLOATS and t.value.numel():
            self.floats[t.name] = t.value

    def run(self, inputs, tensors=None, output=None, train=False):
        """Returns an output for the inputs, with other values of tensors if given."""
        env = dict(self.tensors)
        env.update(tensors or {})
        env.update(inputs)
        env[''] = None
        for n in self.nodes:
            if n.op == 'Constant' and n.outputs[0] in env or n.op == 'Identity' and n.outputs[0] in self.tensors:
                continue
            call = Call(n, self.opset, [env[i] for i in n.inputs], train)
            f = getattr(Operators, n.op, None)
            if f is None or n.domain not in ('', 'ai.onnx'):
                raise NotImplementedError(n.domain + ' ' + n.op)
            out = f(call, *call.inputs)
            if not isinstance(out, (tuple, list)):
                out = [out]
            for name, v in zip(n.outputs, out):
                env[name] = v
        return env[output or self.outputs[0]]


class Call:
    def __init__(self, node, opset, inputs, train):
        self.node, self.opset, self.inputs, self.train = node, opset, inputs, train

    def attr(self, name, other=None):
        return self.node.attrs.get(name, other)

    def ints(self, name, i):
        """Numbers that are an attribute or an input."""
        if i < len(self.inputs) and self.inputs[i] is not None:
            return [int(v) for v in self.inputs[i].reshape(-1)]
        return self.attr(name)

    def axes(self, x, i=1):
        axes = self.ints('axes', i)
        return [a % x.dim() for a in axes] if axes else list(range(x.dim()))


def unary(f):
    return lambda c, x: f(x)


def binary(f):
    return lambda c, x, y: f(x, y)


def reduction(f):
    def run(c, x, axes=None):
        axes = c.ints('axes', 1)
        if not axes and c.attr('noop_with_empty_axes', 0):
            return x
        return f(x, c.axes(x), bool(c.attr('keepdims', 1)))
    return run


def over(f):
    """A reduction of PyTorch's over one dimension, over several."""
    def run(x, axes, keep):
        for a in sorted(axes, reverse=True):
            x = f(x, a)
            if keep:
                x = x.unsqueeze(a)
        return x
    return run


def divided(x, y):
    return x / y if x.is_floating_point() else torch.div(x, y, rounding_mode='trunc')


def spatial(c, x, kernel):
    """Strides, dilations and pads of a window, the pads applied by whoever calls."""
    n = len(kernel)
    strides, dilations = c.attr('strides') or [1] * n, c.attr('dilations') or [1] * n
    pads = c.attr('pads') or [0] * 2 * n
    auto = c.attr('auto_pad', 'NOTSET')
    if auto in ('SAME_UPPER', 'SAME_LOWER'):
        pads = [0] * 2 * n
        for i in range(n):
            size = x.shape[2 + i]
            out = -(-size // strides[i])
            all_ = max(0, (out - 1) * strides[i] + dilations[i] * (kernel[i] - 1) + 1 - size)
            small = all_ // 2
            pads[i], pads[n + i] = (small, all_ - small) if auto == 'SAME_UPPER' else (all_ - small, small)
    elif auto == 'VALID':
        pads = [0] * 2 * n
    return strides, dilations, pads


def outside(x, pads, value=0.):
    """ONNX's pads of the dimensions of space."""
    n = len(pads) // 2
    flat = []
    for i in reversed(range(n)):
        flat += [pads[i], pads[n + i]]
    return F.pad(x, flat, value=value) if any(pads) else x


DTYPE = {1: torch.float32, 10: torch.float32, 11: torch.float32, 16: torch.float32, 2: torch.uint8, 3: torch.int8, 5: torch.int16,
         6: torch.int32, 7: torch.int64, 9: torch.bool, 12: torch.int64, 13: torch.int64, 4: torch.int64}


class Operators:
    Add, Sub, Mul, Div = binary(torch.add), binary(torch.sub), binary(torch.mul), binary(divided)
    Relu, Sigmoid, Tanh, Exp, Log = unary(torch.relu), unary(torch.sigmoid), unary(torch.tanh), unary(torch.exp), unary(torch.log)
    Sqrt, Erf, Neg, Abs, Floor, Ceil = unary(torch.sqrt), unary(torch.erf), unary(torch.neg), unary(torch.abs), unary(torch.floor), unary(torch.ceil)
    Reciprocal, Softplus, Sin, Cos, Round, Sign = unary(torch.reciprocal), unary(F.softplus), unary(torch.sin), unary(torch.cos), unary(torch.round), unary(torch.sign)
    Not, Identity, Mish, HardSwish, IsNaN = unary(torch.logical_not), unary(lambda x: x), unary(F.mish), unary(F.hardswish), unary(torch.isnan)
    Equal, Less, Greater, LessOrEqual, GreaterOrEqual = binary(torch.eq), binary(torch.lt), binary(torch.gt), binary(torch.le), binary(torch.ge)
    And, Or, MatMul = binary(torch.logical_and), binary(torch.logical_or), binary(torch.matmul)
    Pow = binary(lambda x, y: torch.pow(x, y.to(x.dtype)))
    Mod = binary(torch.remainder)
    ReduceSum = reduction(lambda x, a, k: x.sum(a, k))
    ReduceMean = reduction(lambda x, a, k: x.mean(a, k))
    ReduceL2 = reduction(lambda x, a, k: x.square().sum(a, k).sqrt())
    ReduceL1 = reduction(lambda x, a, k: x.abs().sum(a, k))
    ReduceSumSquare = reduction(lambda x, a, k: x.square().sum(a, k))
    ReduceLogSumExp = reduction(lambda x, a, k: x.logsumexp(a, k))
    ReduceMax = reduction(over(lambda x, a: x.max(a)[0]))
    ReduceMin = reduction(over(lambda x, a: x.min(a)[0]))
    ReduceProd = reduction(over(lambda x, a: x.prod(a)))

    def Min(c, *x):
        out = x[0]
        for y in x[1:]:
            out = torch.minimum(out, y)
        return out

    def Max(c, *x):
        out = x[0]
        for y in x[1:]:
            out = torch.maximum(out, y)
        return out

    def Sum(c, *x):
        return sum(x[1:], x[0])

    def Mean(c, *x):
        return sum(x[1:], x[0]) / len(x)

    def Constant(c):
        for name, v in c.node.attrs.items():
            if name in ('value_int', 'value_ints'):
                return torch.tensor(v, dtype=torch.int64)
            if name in ('value_float', 'value_floats'):
                return torch.tensor(v, dtype=torch.float32)

    def ConstantOfShape(c, shape):
        t = c.attr('value')
        v = t.value.reshape(()) if t else torch.tensor(0.)
        return v.expand([int(d) for d in shape]).clone()

    def Shape(c, x):
        return torch.tensor(list(x.shape), dtype=torch.int64)[c.attr('start', 0):c.attr('end')]

    def Size(c, x):
        return torch.tensor(x.numel())

    def Cast(c, x):
        return x.to(DTYPE[c.attr('to')])

    def CastLike(c, x, y):
        return x.to(y.dtype)

    def Clip(c, x, lo=None, hi=None):
        lo = c.attr('min') if lo is None else lo
        hi = c.attr('max') if hi is None else hi
        if lo is not None:
            x = torch.clamp(x, min=lo if not torch.is_tensor(lo) else lo.item())
        if hi is not None:
            x = torch.clamp(x, max=hi if not torch.is_tensor(hi) else hi.item())
        return x

    def Gelu(c, x):
        return F.gelu(x) if c.attr('approximate', 'none') == 'none' else F.gelu(x, approximate='tanh')

    def Swish(c, x):
        return x * torch.sigmoid(c.attr('alpha', 1.) * x)

    def Elu(c, x):
        return F.elu(x, c.attr('alpha', 1.))

    def Selu(c, x):
        return F.selu(x)

    def LeakyRelu(c, x):
        return F.leaky_relu(x, c.attr('alpha', .01))

    def PRelu(c, x, s):
        return torch.where(x < 0, x * s, x)

    def HardSigmoid(c, x):
        return torch.clamp(c.attr('alpha', .2) * x + c.attr('beta', .5), 0, 1)

    def Where(c, cond, x, y):
        return torch.where(cond, x, y)

    def Dropout(c, x, *_):
        return x

    def Reshape(c, x, shape=None):
        shape = c.ints('shape', 1)
        if not c.attr('allowzero', 0):
            shape = [x.shape[i] if d == 0 else d for i, d in enumerate(shape)]
        return x.reshape(shape)

    def Flatten(c, x):
        a = c.attr('axis', 1) % (x.dim() + 1) if c.attr('axis', 1) < 0 else c.attr('axis', 1)
        return x.reshape(int(np.prod(x.shape[:a])), -1)

    def Squeeze(c, x, axes=None):
        axes = c.ints('axes', 1)
        for a in sorted((a % x.dim() for a in axes), reverse=True) if axes else reversed(range(x.dim())):
            x = x.squeeze(a)
        return x

    def Unsqueeze(c, x, axes=None):
        axes = c.ints('axes', 1)
        rank = x.dim() + len(axes)
        for a in sorted(a % rank for a in axes):
            x = x.unsqueeze(a)
        return x

    def Transpose(c, x):
        return x.permute(c.attr('perm') or list(reversed(range(x.dim()))))

    def Concat(c, *x):
        return torch.cat(x, c.attr('axis'))

    def Split(c, x, sizes=None):
        axis, sizes = c.attr('axis', 0), c.ints('split', 1)
        if sizes is None:
            n, d = len(c.node.outputs), x.shape[axis]
            sizes = [min(-(-d // n), d - i * -(-d // n)) for i in range(n)]
        return torch.split(x, sizes, axis)

    def Slice(c, x, *_):
        starts, ends, axes = c.ints('starts', 1), c.ints('ends', 2), c.ints('axes', 3)
        steps = c.ints('steps', 4) or [1] * len(starts)
        for a, lo, hi, s in zip(axes or range(len(starts)), starts, ends, steps):
            at = list(range(x.shape[a]))[slice(lo, None if s < 0 and hi < -x.shape[a] else hi, s)]
            x = x.index_select(a % x.dim(), torch.tensor(at, dtype=torch.int64))
        return x

    def Gather(c, x, index):
        a = c.attr('axis', 0) % x.dim()
        index = index.to(torch.int64)
        index = torch.where(index < 0, index + x.shape[a], index)
        return x.index_select(a, index.reshape(-1)).reshape(x.shape[:a] + index.shape + x.shape[a + 1:])

    def GatherElements(c, x, index):
        a = c.attr('axis', 0)
        return x.gather(a, torch.where(index < 0, index + x.shape[a], index))

    def GatherND(c, x, index):
        if c.attr('batch_dims', 0):
            raise NotImplementedError('batch_dims')
        return x[tuple(index.unbind(-1))]

    def ScatterND(c, x, index, u):
        x = x.clone()
        x[tuple(index.unbind(-1))] = u
        return x

    def Expand(c, x, shape):
        return x.expand(torch.broadcast_shapes(x.shape, [int(d) for d in shape]))

    def Tile(c, x, times):
        return x.repeat([int(d) for d in times])

    def Range(c, lo, hi, step):
        return torch.arange(lo.item(), hi.item(), step.item(), dtype=lo.dtype)

    def Trilu(c, x, k=None):
        k = int(k) if k is not None else 0
        return torch.triu(x, k) if c.attr('upper', 1) else torch.tril(x, k)

    def CumSum(c, x, axis):
        return torch.cumsum(x, int(axis))

    def Pad(c, x, *_):
        pads, mode = c.ints('pads', 1), c.attr('mode', 'constant')
        value = c.inputs[2].item() if len(c.inputs) > 2 and c.inputs[2] is not None else c.attr('value', 0.)
        n = x.dim()
        if len(c.inputs) > 3 and c.inputs[3] is not None:
            all_ = [0] * 2 * n
            axes = c.ints('', 3)
            for i, a in enumerate(axes):
                all_[a % n], all_[n + a % n] = pads[i], pads[len(axes) + i]
            pads = all_
        flat = []
        for i in reversed(range(n)):
            flat += [pads[i], pads[n + i]]
        if mode == 'constant':
            return F.pad(x, flat, value=value)
        while flat[-2:] == [0, 0]:
            flat = flat[:-2]
        return F.pad(x, flat, mode={'reflect': 'reflect', 'edge': 'replicate', 'wrap': 'circular'}[mode])

    def Gemm(c, a, b, bias=None):
        a = a.t() if c.attr('transA', 0) else a
        b = b.t() if c.attr('transB', 0) else b
        y = c.attr('alpha', 1.) * (a @ b)
        return y if bias is None else y + c.attr('beta', 1.) * bias

    def Einsum(c, *x):
        return torch.einsum(c.attr('equation'), *x)

    def Conv(c, x, w, b=None):
        strides, dilations, pads = spatial(c, x, w.shape[2:])
        f = {3: F.conv1d, 4: F.conv2d, 5: F.conv3d}[x.dim()]
        return f(outside(x, pads), w, b, strides, 0, dilations, c.attr('group', 1))

    def ConvTranspose(c, x, w, b=None):
        strides, dilations, pads = spatial(c, x, w.shape[2:])
        n = len(strides)
        if pads[:n] != pads[n:]:
            raise NotImplementedError('pads')
        f = {3: F.conv_transpose1d, 4: F.conv_transpose2d}[x.dim()]
        return f(x, w, b, strides, pads[:n], c.attr('output_padding') or 0, c.attr('group', 1), dilations)

    def MaxPool(c, x):
        k = c.attr('kernel_shape')
        strides, dilations, pads = spatial(c, x, k)
        f = {1: F.max_pool1d, 2: F.max_pool2d}[len(k)]
        return f(outside(x, pads, -math.inf), k, strides, 0, dilations, bool(c.attr('ceil_mode', 0)))

    def AveragePool(c, x):
        k = c.attr('kernel_shape')
        strides, _, pads = spatial(c, x, k)
        f = {1: F.avg_pool1d, 2: F.avg_pool2d}[len(k)]
        if c.attr('ceil_mode', 0):
            n = len(k)
            if pads[:n] != pads[n:]:
                raise NotImplementedError('pads')
            return f(x, k, strides, pads[:n], True, bool(c.attr('count_include_pad', 0)))
        y = f(outside(x, pads), k, strides)
        return y if c.attr('count_include_pad', 0) else y / f(outside(torch.ones_like(x), pads), k, strides)

    def GlobalAveragePool(c, x):
        return x.mean(list(range(2, x.dim())), True)

    def GlobalMaxPool(c, x):
        return x.amax(list(range(2, x.dim())), True)

    def BatchNormalization(c, x, scale, bias, mean, var):
        if mean.requires_grad or var.requires_grad:
            if c.attr('training_mode', 0):
                return F.batch_norm(x, None, None, scale, bias, True, 0., c.attr('epsilon', 1e-5))
            shape = [1, -1] + [1] * (x.dim() - 2)
            y = (x - mean.reshape(shape)) * torch.rsqrt(var.reshape(shape) + c.attr('epsilon', 1e-5))
            return y * scale.reshape(shape) + bias.reshape(shape)
        train = c.train and bool(c.attr('training_mode', 0))
        return F.batch_norm(x, mean.detach().clone(), var.detach().clone(), scale, bias, train, 0., c.attr('epsilon', 1e-5))

    def LayerNormalization(c, x, scale, bias=None):
        a = c.attr('axis', -1) % x.dim()
        shape = x.shape[a:]
        return F.layer_norm(x, shape, scale.expand(shape), bias if bias is None else bias.expand(shape), c.attr('epsilon', 1e-5))

    def RMSNormalization(c, x, scale):
        a = c.attr('axis', -1) % x.dim()
        return x * torch.rsqrt(x.square().mean(list(range(a, x.dim())), True) + c.attr('epsilon', 1e-5)) * scale

    def InstanceNormalization(c, x, scale, bias):
        return F.instance_norm(x, weight=scale, bias=bias, eps=c.attr('epsilon', 1e-5))

    def GroupNormalization(c, x, scale, bias):
        g, n = c.attr('num_groups'), x.shape[1]
        if c.opset < 21 and scale.numel() == g:
            scale, bias = scale.repeat_interleave(n // g), bias.repeat_interleave(n // g)
        return F.group_norm(x, g, scale, bias, c.attr('epsilon', 1e-5))

    def LpNormalization(c, x):
        return x / x.norm(c.attr('p', 2), c.attr('axis', -1), True)

    def LRN(c, x):
        return F.local_response_norm(x, c.attr('size'), c.attr('alpha', 1e-4), c.attr('beta', .75), c.attr('bias', 1.))

    def Softmax(c, x):
        if c.opset < 13:
            a = c.attr('axis', 1) % x.dim()
            return torch.softmax(x.flatten(a), a).reshape(x.shape)
        return torch.softmax(x, c.attr('axis', -1))

    def LogSoftmax(c, x):
        return torch.log(Operators.Softmax(c, x))

    def DepthToSpace(c, x):
        b = c.attr('blocksize')
        if c.attr('mode', 'DCR') == 'CRD':
            return F.pixel_shuffle(x, b)
        n, ch, h, w = x.shape
        return x.reshape(n, b, b, ch // b ** 2, h, w).permute(0, 3, 4, 1, 5, 2).reshape(n, ch // b ** 2, h * b, w * b)

    def SpaceToDepth(c, x):
        b, (n, ch, h, w) = c.attr('blocksize'), x.shape
        return x.reshape(n, ch, h // b, b, w // b, b).permute(0, 3, 5, 1, 2, 4).reshape(n, ch * b * b, h // b, w // b)

    def Resize(c, x, *rest):
        at = 1 if c.opset < 11 else 2
        scales = c.inputs[at] if len(c.inputs) > at else None
        sizes = c.inputs[3] if len(c.inputs) > 3 else None
        size = [int(v) for v in sizes[2:]] if sizes is not None else None
        scale = [float(v) for v in scales[2:]] if size is None else None
        mode = {'nearest': 'nearest', 'linear': 'bilinear', 'cubic': 'bicubic'}[c.attr('mode', 'nearest')]
        if mode == 'nearest':
            return F.interpolate(x, size, scale, mode)
        return F.interpolate(x, size, scale, mode, align_corners=c.attr('coordinate_transformation_mode') == 'align_corners', recompute_scale_factor=False,
                             antialias=bool(c.attr('antialias', 0)))

    Upsample = Resize

    def Attention(c, q, k, v, mask=None):
        """Of opset 23, without caches."""
        rank = q.dim()
        if rank == 3:
            split = lambda x, heads: x.reshape(x.shape[0], x.shape[1], heads, -1).transpose(1, 2)
            q, k, v = split(q, c.attr('q_num_heads')), split(k, c.attr('kv_num_heads')), split(v, c.attr('kv_num_heads'))
        scale = c.attr('scale') or 1 / math.sqrt(q.shape[-1])
        k, v = k.repeat_interleave(q.shape[1] // k.shape[1], 1), v.repeat_interleave(q.shape[1] // v.shape[1], 1)
        s = q @ k.transpose(-2, -1) * scale
        if c.attr('is_causal', 0):
            s = s.masked_fill(torch.ones(s.shape[-2:]).tril() == 0, -math.inf)
        if mask is not None:
            s = s.masked_fill(~mask, -math.inf) if mask.dtype == torch.bool else s + mask
        y = torch.softmax(s, -1) @ v
        return y.transpose(1, 2).flatten(2) if rank == 3 else y

    def ArgMax(c, x):
        return x.argmax(c.attr('axis', 0), bool(c.attr('keepdims', 1)))

    def EyeLike(c, x):
        return torch.eye(*x.shape, dtype=DTYPE[c.attr('dtype', 1)])

    def OneHot(c, x, depth, values):
        return torch.where(F.one_hot(x % int(depth), int(depth)) > 0, values[1], values[0])
