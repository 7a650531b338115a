#!/usr/bin/python3
"""Writes bert.json: what PyTorch computes with a small BERT on padded texts, for the tests of nn/models.

The network is written after Devlin et al. 2019 with the names of Hugging Face's BertForSequenceClassification, in
float64, with torch.nn alone. Run with Debian's python3-torch (1.13):

    /usr/bin/python3 gen_bert.py > bert.json
"""
import json
import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

VOCABULARY, LAYERS, WIDTH, HEADS, TOKENS, CLASSES = 50, 2, 16, 2, 7, 5
LENGTHS = [7, 4, 1, 5]


def numbers(n, salt):
    """Numbers in [-1, 1), exact in float32, and easy to make again in Go."""
    x = (np.arange(n, dtype=np.uint64) + np.uint64(salt)) * np.uint64(2654435761) & np.uint64(0xffffffff)
    x ^= x >> np.uint64(15)
    x = x * np.uint64(2246822519) & np.uint64(0xffffffff)
    x ^= x >> np.uint64(13)
    return (x & np.uint64(0xffff)).astype(np.float64) / 32768 - 1


def norm():
    return nn.LayerNorm(WIDTH, eps=1e-12)


class Embeddings(nn.Module):
    def __init__(self):
        super().__init__()
        self.word_embeddings = nn.Embedding(VOCABULARY, WIDTH)
        self.position_embeddings = nn.Embedding(512, WIDTH)
        self.token_type_embeddings = nn.Embedding(2, WIDTH)
        self.LayerNorm = norm()

    def forward(self, ids):
        places = torch.arange(ids.shape[1])
        return self.LayerNorm(self.word_embeddings(ids) + self.token_type_embeddings(torch.zeros_like(ids)) + self.position_embeddings(places))


class Self(nn.Module):
    def __init__(self):
        super().__init__()
        self.query, self.key, self.value = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)

    def forward(self, x, mask):
        n, t, d = x.shape
        q, k, v = (f(x).reshape(n, t, HEADS, -1).transpose(1, 2) for f in (self.query, self.key, self.value))
        scores = q @ k.transpose(2, 3) / math.sqrt(d // HEADS)
        scores = scores.masked_fill(~mask[:, None, None, :], -math.inf)
        return (scores.softmax(-1) @ v).transpose(1, 2).reshape(n, t, d)


class Output(nn.Module):
    def __init__(self, inp):
        super().__init__()
        self.dense, self.LayerNorm = nn.Linear(inp, WIDTH), norm()

    def forward(self, y, x):
        return self.LayerNorm(self.dense(y) + x)


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.Module()
        self.attention.self, self.attention.output = Self(), Output(WIDTH)
        self.intermediate = nn.Module()
        self.intermediate.dense = nn.Linear(WIDTH, 4 * WIDTH)
        self.output = Output(4 * WIDTH)

    def forward(self, x, mask):
        x = self.attention.output(self.attention.self(x, mask), x)
        return self.output(F.gelu(self.intermediate.dense(x)), x)


class BERT(nn.Module):
    def __init__(self):
        super().__init__()
        self.bert = nn.Module()
        self.bert.embeddings = Embeddings()
        self.bert.encoder = nn.Module()
        self.bert.encoder.layer = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.bert.pooler = nn.Module()
        self.bert.pooler.dense = nn.Linear(WIDTH, WIDTH)
        self.classifier = nn.Linear(WIDTH, CLASSES)

    def forward(self, ids):
        x, mask = self.bert.embeddings(ids), ids != 0
        for layer in self.bert.encoder.layer:
            x = layer(x, mask)
        return self.classifier(torch.tanh(self.bert.pooler.dense(x[:, 0])))


def fill(net):
    """Sets every parameter to numbers of a usual size."""
    salt = 0
    for name, p in net.named_parameters():
        x = torch.tensor(numbers(p.numel(), salt)).reshape(p.shape)
        salt += p.numel()
        if p.dim() > 1 and "embeddings" not in name:
            x = x * float(np.float32(math.sqrt(6 / p.shape[1])))
        elif p.dim() == 1:
            x = x / 8 + (1 if name.endswith("weight") else 0)
        p.data = x


net = BERT().double()
fill(net)
ids = [[1 + (17 * i + 5 * j) % (VOCABULARY - 1) if j < n else 0 for j in range(TOKENS)] for i, n in enumerate(LENGTHS)]
labels = [i % CLASSES for i in range(len(ids))]
logits = net(torch.tensor(ids))
loss = F.cross_entropy(logits, torch.tensor(labels))
loss.backward()
gradients = []
for key, p in net.named_parameters():
    g = p.grad.reshape(-1)
    gradients.append({"name": key, "norm": float(g.norm()), "dot": float(g @ torch.tensor(numbers(g.numel(), 5)))})
print(json.dumps({
    "torch": torch.__version__, "vocabulary": VOCABULARY, "layers": LAYERS, "width": WIDTH, "heads": HEADS, "classes": CLASSES,
    "ids": ids, "labels": labels, "loss": float(loss), "logits": logits.reshape(-1).tolist(), "gradients": gradients,
}))
