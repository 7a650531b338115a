"""Ten M-SAM steps of small networks in PyTorch, beside the ONNX file that they begin from:

    python3 golden.py OUT [NAME[,NAME...]]

NAME.kept is exported for training, so that batch normalisation stays as it is: the reference is
the module itself, in training mode. NAME.folded is exported as files are published: the reference
is the file's graph, run by PyTorch (graph.py), with all of its parameters. reference.safetensors
has the inputs, the outputs before the first step (in evaluation mode), the gradient there, the
losses, and all parameters and running statistics after the last step. "frozen" in its metadata
says that the statistics stayed as they were in the steps."""
import copy
import math
import os
import sys

import torch
from torchvision.models import DenseNet

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import graph as onnxgraph
from zoo import CLASSES, images, settle, texts, torchvision_set, write_safetensors

STEPS, RHO = 10, .05


class Bert(torch.nn.Module):
    """A text classifier as BERT is, with the names of Hugging Face's."""

    def __init__(self, vocabulary=100, width=32, heads=4, layers=2, hidden=64):
        super().__init__()
        self.word_embeddings = torch.nn.Embedding(vocabulary, width)
        self.position_embeddings = torch.nn.Embedding(64, width)
        self.token_type_embeddings = torch.nn.Embedding(2, width)
        self.norm = torch.nn.LayerNorm(width, 1e-12)
        self.layers = torch.nn.ModuleList([BertLayer(width, heads, hidden) for _ in range(layers)])
        self.pooler, self.classifier = torch.nn.Linear(width, width), torch.nn.Linear(width, CLASSES)

    def forward(self, input_ids, attention_mask, token_type_ids):
        places = torch.arange(input_ids.shape[1]).unsqueeze(0)
        x = self.norm(self.word_embeddings(input_ids) + self.position_embeddings(places) + self.token_type_embeddings(token_type_ids))
        mask = (1 - attention_mask[:, None, None, :].to(x.dtype)) * torch.finfo(x.dtype).min
        for layer in self.layers:
            x = layer(x, mask)
        return self.classifier(torch.tanh(self.pooler(x[:, 0])))


class BertLayer(torch.nn.Module):
    def __init__(self, width, heads, hidden):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (torch.nn.Linear(width, width) for _ in range(4))
        self.up, self.down = torch.nn.Linear(width, hidden), torch.nn.Linear(hidden, width)
        self.norm1, self.norm2 = torch.nn.LayerNorm(width, 1e-12), torch.nn.LayerNorm(width, 1e-12)

    def split(self, x):
        return x.view(x.shape[0], x.shape[1], self.heads, -1).permute(0, 2, 1, 3)

    def forward(self, x, mask):
        q, k, v = self.split(self.query(x)), self.split(self.key(x)), self.split(self.value(x))
        p = torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]) + mask, -1)
        y = (p @ v).permute(0, 2, 1, 3).contiguous()
        x = self.norm1(x + self.out(y.view(y.shape[0], y.shape[1], -1)))
        return self.norm2(x + self.down(torch.nn.functional.gelu(self.up(x))))


NORMED = ('mobilenet_v3_small', 'efficientnet_b0', 'shufflenet_v2_x0_5')
# Where ten steps in PyTorch's float32 end far from those in its float64, as minibatches normalise
# deep networks with fresh weights: the gradient is compared, and the steps keep the statistics.
FROZEN = ('efficientnet_b0', 'shufflenet_v2_x0_5')
OTHERS = ('convnext', 'swin', 'vit')


def networks():
    """Names, modules, inputs and learning rates."""
    for name, make, inputs in torchvision_set():
        if name in NORMED:
            yield name, lambda make=make: conditioned(make()), images(8, 64 if name == 'efficientnet_b0' else 32), .005
        elif name in OTHERS:
            yield name, make, images(4, inputs['input'].shape[-1]), .02
    narrow = lambda: DenseNet(growth_rate=8, block_config=(2, 2, 2), num_init_features=16, bn_size=2, num_classes=CLASSES)
    yield 'densenet', lambda: conditioned(narrow()), images(8, 32), .005
    yield 'bert', Bert, texts(4), .02


def conditioned(module):
    """Weights so large that no channel is nearly constant, as they are in no trained network:
    normalised, such a channel makes steps in float32 a matter of luck, in PyTorch as well."""
    for m in module.modules():
        if isinstance(m, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(m.weight)
    return module


def kept(module, inputs, path):
    names = list(inputs)
    copied = copy.deepcopy(module).train()
    torch.onnx.export(copied, tuple(inputs.values()), path, input_names=names, output_names=['logits'], opset_version=16,
                      dynamic_axes={n: {0: 'batch'} for n in names + ['logits']}, training=torch.onnx.TrainingMode.TRAINING, do_constant_folding=False)


def folded(module, inputs, path):
    names = list(inputs)
    torch.onnx.export(module, tuple(inputs.values()), path, input_names=names, output_names=['logits'], opset_version=16,
                      dynamic_axes={n: {0: 'batch'} for n in names + ['logits']})


def trainable(g):
    """The tensors of a file that are parameters: not masks, scalars or statistics."""
    statistics = {k for n in g.nodes if n.op == 'BatchNormalization' for k in n.inputs[3:5]}
    for k, v in g.floats.items():
        if v.numel() > 1 and k not in statistics and not (v.min() <= -50 and bool(((v == 0) | (v == v.min())).all())):
            yield k


def steps(loss, params, still, rate):
    """M-SAM with plain SGD; still() makes statistics stay as they are in the second pass."""
    losses, first = [], None
    for _ in range(STEPS):
        value = loss()
        g = torch.autograd.grad(value, params)
        losses.append(value.item())
        first = first or g
        length = math.sqrt(sum(float((x.double() ** 2).sum()) for x in g))
        scale = RHO / (length * math.sqrt(1 + length ** 2))
        with torch.no_grad(), still():
            old = [p.clone() for p in params]
            for p, x in zip(params, g):
                p += scale * x
            with torch.enable_grad():
                g = torch.autograd.grad(loss(), params)
            for p, o, x in zip(params, old, g):
                p.copy_(o - rate * x)
    return losses, first


class Still:
    """Batch normalisations whose running statistics stay."""

    def __init__(self, module):
        self.norms = [m for m in module.modules() if isinstance(m, torch.nn.BatchNorm2d)]

    def __enter__(self):
        self.momenta = [m.momentum for m in self.norms]
        for m in self.norms:
            m.momentum = 0.

    def __exit__(self, *_):
        for m, v in zip(self.norms, self.momenta):
            m.momentum = v


def run(name, module, inputs, rate, folder, keep):
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, 'model.onnx')
    (kept if keep else folded)(module, inputs, path)
    g = onnxgraph.Graph(path)
    feed = {spec[0]: v for spec, v in zip(g.inputs, inputs.values())}
    labels = torch.arange(len(inputs[g.inputs[0][0]])) % CLASSES
    if keep:
        own = dict(module.named_parameters())
        for k, b in module.named_buffers():
            if k in g.tensors:
                b.copy_(g.tensors[k])  # tracing has moved them
        module.eval()
        with torch.no_grad():
            logits = module(*inputs.values())
        module.train()
        forward, still = lambda: module(*inputs.values()), lambda: Still(module)
    else:
        own = {k: g.floats[k].clone().requires_grad_(True) for k in trainable(g)}
        with torch.no_grad():
            logits = module(*inputs.values())
        probe = torch.autograd.grad(g.run(feed, own).sum(), list(own.values()), allow_unused=True)
        own = {k: v for (k, v), d in zip(own.items(), probe) if d is not None}
        forward, still = lambda: g.run(feed, own), lambda: Still(torch.nn.Module())
    loss = lambda: torch.nn.functional.cross_entropy(forward(), labels)
    frozen = keep and name in FROZEN
    if frozen:
        with Still(module):
            first = torch.autograd.grad(loss(), list(own.values()))
        module.eval()
    losses, g = steps(loss, list(own.values()), still, rate)
    if not frozen:
        first = g
    tensors = {'input.' + k: v for k, v in inputs.items()}
    tensors.update({'logits': logits, 'losses': torch.tensor(losses)})
    for (k, v), d in zip(own.items(), first):
        tensors['grad.' + k], tensors['after.' + k] = d, v
    if keep and not frozen:
        for k, b in module.named_buffers():
            if k.endswith(('running_mean', 'running_var')):
                tensors['after.' + k] = b
    write_safetensors(os.path.join(folder, 'reference.safetensors'), tensors, {'name': name, 'rate': str(rate), 'rho': str(RHO), 'frozen': str(frozen)})


def main():
    only = sys.argv[2].split(',') if len(sys.argv) > 2 else None
    torch.set_num_threads(1)  # small tensors, and cores that may be far apart
    for name, make, inputs, rate in networks():
        if only and name not in only:
            continue
        for keep in (True, False):
            torch.manual_seed(1)
            run(name, settle(make()), inputs, rate, os.path.join(sys.argv[1], name + ('.kept' if keep else '.folded')), keep)


if __name__ == '__main__':
    main()
