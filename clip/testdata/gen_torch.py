#!/usr/bin/python3
"""Writes torch.json: what a CLIP in PyTorch, of torch.nn alone, computes, for the tests of package clip.

Embeddings, the gradient of the contrastive loss by every parameter (its norm and its product with fixed numbers), and
the losses of ten steps of M-SAM; and the embeddings of a model with OpenCLIP's names, by nn.MultiheadAttention. All are in
float64. Run with Debian's python3-torch (1.13):

    /usr/bin/python3 gen_torch.py > torch.json
"""
import json
import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

CONFIG = {
    "model_type": "clip", "projection_dim": 12, "logit_scale_init_value": 1.5,
    "text_config": {"hidden_size": 16, "intermediate_size": 40, "num_hidden_layers": 2, "num_attention_heads": 4,
                    "vocab_size": 50, "max_position_embeddings": 9, "hidden_act": "quick_gelu"},
    "vision_config": {"hidden_size": 24, "intermediate_size": 32, "num_hidden_layers": 3, "num_attention_heads": 3,
                      "image_size": 12, "patch_size": 4, "num_channels": 3, "hidden_act": "gelu"},
}


def numbers(n, salt):
    """Numbers in [-1, 1), exact in float32, and easy to make again in Go."""
    x = (np.arange(n, dtype=np.uint64) + np.uint64(salt)) * np.uint64(2654435761) & np.uint64(0xffffffff)
    x ^= x >> np.uint64(15)
    x = x * np.uint64(2246822519) & np.uint64(0xffffffff)
    x ^= x >> np.uint64(13)
    return (x & np.uint64(0xffff)).astype(np.float64) / 32768 - 1


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        for name in ("k_proj", "v_proj", "q_proj", "out_proj"):
            setattr(self, name, nn.Linear(width, width))

    def forward(self, x, causal):
        n, t, d = x.shape
        q, k, v = (f(x).reshape(n, t, self.heads, -1).transpose(1, 2) for f in (self.q_proj, self.k_proj, self.v_proj))
        scores = q @ k.transpose(2, 3) / (d // self.heads) ** .5
        if causal:
            scores = scores.masked_fill(torch.ones(t, t).triu(1).bool(), float("-inf"))
        return self.out_proj((scores.softmax(-1) @ v).transpose(1, 2).reshape(n, t, d))


class MLP(nn.Module):
    def __init__(self, width, hidden, act):
        super().__init__()
        self.act = {"gelu": F.gelu, "quick_gelu": lambda x: x * torch.sigmoid(1.702 * x)}[act]
        self.fc1, self.fc2 = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x):
        return self.fc2(self.act(self.fc1(x)))


class Layer(nn.Module):
    def __init__(self, c):
        super().__init__()
        width = c["hidden_size"]
        self.self_attn = Attention(width, c["num_attention_heads"])
        self.layer_norm1 = nn.LayerNorm(width)
        self.mlp = MLP(width, c["intermediate_size"], c["hidden_act"])
        self.layer_norm2 = nn.LayerNorm(width)

    def forward(self, x, causal):
        x = x + self.self_attn(self.layer_norm1(x), causal)
        return x + self.mlp(self.layer_norm2(x))


class Encoder(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.layers = nn.ModuleList(Layer(c) for _ in range(c["num_hidden_layers"]))

    def forward(self, x, causal):
        for layer in self.layers:
            x = layer(x, causal)
        return x


class TextEmbeddings(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.token_embedding = nn.Embedding(c["vocab_size"], c["hidden_size"])
        self.position_embedding = nn.Embedding(c["max_position_embeddings"], c["hidden_size"])

    def forward(self, ids):
        return self.token_embedding(ids) + self.position_embedding.weight[:ids.shape[1]]


class Text(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.embeddings, self.encoder = TextEmbeddings(c), Encoder(c)
        self.final_layer_norm = nn.LayerNorm(c["hidden_size"])

    def forward(self, ids, ends):
        x = self.final_layer_norm(self.encoder(self.embeddings(ids), True))
        return x[torch.arange(len(ids)), ends]


class VisionEmbeddings(nn.Module):
    def __init__(self, c):
        super().__init__()
        width, patch = c["hidden_size"], c["patch_size"]
        self.class_embedding = nn.Parameter(torch.zeros(width))
        self.patch_embedding = nn.Conv2d(c["num_channels"], width, patch, patch, bias=False)
        self.position_embedding = nn.Embedding((c["image_size"] // patch) ** 2 + 1, width)

    def forward(self, x):
        x = self.patch_embedding(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.class_embedding.expand(len(x), 1, -1), x], 1)
        return x + self.position_embedding.weight


class Vision(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.embeddings = VisionEmbeddings(c)
        self.pre_layrnorm = nn.LayerNorm(c["hidden_size"])
        self.encoder = Encoder(c)
        self.post_layernorm = nn.LayerNorm(c["hidden_size"])

    def forward(self, x):
        return self.post_layernorm(self.encoder(self.pre_layrnorm(self.embeddings(x)), False)[:, 0])


class CLIP(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.logit_scale = nn.Parameter(torch.tensor(c["logit_scale_init_value"]))
        self.text_model, self.vision_model = Text(c["text_config"]), Vision(c["vision_config"])
        self.visual_projection = nn.Linear(c["vision_config"]["hidden_size"], c["projection_dim"], bias=False)
        self.text_projection = nn.Linear(c["text_config"]["hidden_size"], c["projection_dim"], bias=False)

    def images(self, x):
        return F.normalize(self.visual_projection(self.vision_model(x)), dim=-1)

    def texts(self, ids, ends):
        return F.normalize(self.text_projection(self.text_model(ids, ends)), dim=-1)

    def loss(self, x, ids, ends):
        logits = self.logit_scale.exp() * self.images(x) @ self.texts(ids, ends).T
        y = torch.arange(len(x))
        return (F.cross_entropy(logits, y) + F.cross_entropy(logits.T, y)) / 2


def fill(net):
    salt = 0
    for name, p in net.named_parameters():
        x = torch.tensor(numbers(p.numel(), salt)).reshape(p.shape)
        salt += p.numel()
        if p.dim() == 0:
            continue
        if p.dim() > 1:
            x = x * float(np.float32(math.sqrt(6 / p[0].numel())))
        else:
            x = x / 8 + (1 if "norm" in name and name.endswith("weight") else 0)
        p.data = x


def batch(n, step):
    """Images, and texts of 2 to 9 tokens padded with 0."""
    x = torch.tensor(numbers(n * 3 * 12 * 12, 7919 * (step + 1))).reshape(n, 3, 12, 12)
    lengths = [2 + (3 * i + step) % 8 for i in range(n)]
    ids = torch.zeros(n, 9, dtype=torch.long)
    for i, length in enumerate(lengths):
        for j in range(length):
            ids[i, j] = (7 * i + 11 * j + 5 * step + i * j) % 50
    return x, ids, torch.tensor(lengths) - 1


def model():
    net = CLIP(CONFIG).double()
    fill(net)
    return net


def check():
    net = model()
    x, ids, ends = batch(5, 0)
    out = {"images": net.images(x).reshape(-1).tolist(), "texts": net.texts(ids, ends).reshape(-1).tolist()}
    loss = net.loss(x, ids, ends)
    loss.backward()
    out["loss"] = float(loss)
    out["gradients"] = []
    for name, p in net.named_parameters():
        g = p.grad.reshape(-1)
        out["gradients"].append({"name": name, "norm": float(g.norm()), "dot": float(g @ torch.tensor(numbers(g.numel(), 5)))})
    return out


def train(rho, lr):
    net = model()
    params = list(net.parameters())
    opt = torch.optim.SGD(params, lr=lr, momentum=.9)
    losses = []
    for step in range(10):
        def gradient():
            opt.zero_grad()
            loss = net.loss(*batch(6, step))
            loss.backward()
            return float(loss)

        losses.append(gradient())
        g = [p.grad.clone() for p in params]
        norm = math.sqrt(sum(float((v * v).sum()) for v in g))
        saved = [p.data.clone() for p in params]
        for p, v in zip(params, g):
            p.data += v * (rho / (norm * math.sqrt(1 + norm * norm)))
        gradient()
        for p, s in zip(params, saved):
            p.data = s
        opt.step()
    return losses


OPENCLIP = {
    "model_cfg": {
        "embed_dim": 12, "quick_gelu": True,
        "vision_cfg": {"image_size": 12, "layers": 2, "width": 24, "head_width": 8, "mlp_ratio": 1.3334, "patch_size": 4},
        "text_cfg": {"context_length": 9, "vocab_size": 50, "width": 16, "heads": 4, "layers": 2},
    },
    "preprocess_cfg": {"mean": [.5, .4, .3], "std": [.25, .5, .75], "interpolation": "bicubic", "resize_mode": "shortest"},
}


class Block(nn.Module):
    def __init__(self, width, heads, ratio):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.mlp = nn.ModuleDict({"c_fc": nn.Linear(width, int(width * ratio)), "c_proj": nn.Linear(int(width * ratio), width)})

    def forward(self, x, mask):
        y = self.ln_1(x)
        x = x + self.attn(y, y, y, need_weights=False, attn_mask=mask)[0]
        y = self.mlp["c_fc"](self.ln_2(x))
        return x + self.mlp["c_proj"](y * torch.sigmoid(1.702 * y))


def blocks(width, heads, ratio, layers):
    return nn.ModuleDict({"resblocks": nn.ModuleList(Block(width, heads, ratio) for _ in range(layers))})


class OpenVision(nn.Module):
    def __init__(self, c, embed):
        super().__init__()
        width, patch = c["width"], c["patch_size"]
        self.class_embedding = nn.Parameter(torch.zeros(width))
        self.positional_embedding = nn.Parameter(torch.zeros((c["image_size"] // patch) ** 2 + 1, width))
        self.proj = nn.Parameter(torch.zeros(width, embed))
        self.conv1 = nn.Conv2d(3, width, patch, patch, bias=False)
        self.ln_pre, self.ln_post = nn.LayerNorm(width), nn.LayerNorm(width)
        self.transformer = blocks(width, width // c["head_width"], c["mlp_ratio"], c["layers"])

    def forward(self, x):
        x = self.conv1(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.class_embedding.expand(len(x), 1, -1), x], 1)
        x = self.ln_pre(x + self.positional_embedding)
        for block in self.transformer["resblocks"]:
            x = block(x, None)
        return self.ln_post(x[:, 0]) @ self.proj


class OpenCLIP(nn.Module):
    """The parameters of OpenCLIP's CLIP, by its names."""
    def __init__(self, c):
        super().__init__()
        text = c["text_cfg"]
        self.positional_embedding = nn.Parameter(torch.zeros(text["context_length"], text["width"]))
        self.text_projection = nn.Parameter(torch.zeros(text["width"], c["embed_dim"]))
        self.logit_scale = nn.Parameter(torch.tensor(0.))
        self.visual = OpenVision(c["vision_cfg"], c["embed_dim"])
        self.transformer = blocks(text["width"], text["heads"], 4, text["layers"])
        self.token_embedding = nn.Embedding(text["vocab_size"], text["width"])
        self.ln_final = nn.LayerNorm(text["width"])

    def images(self, x):
        return F.normalize(self.visual(x), dim=-1)

    def texts(self, ids, ends):
        x = self.token_embedding(ids) + self.positional_embedding
        mask = torch.full((ids.shape[1], ids.shape[1]), float("-inf"), dtype=x.dtype).triu(1)
        for block in self.transformer["resblocks"]:
            x = block(x, mask)
        return F.normalize(self.ln_final(x)[torch.arange(len(ids)), ends] @ self.text_projection, dim=-1)


def openclip():
    net = OpenCLIP(OPENCLIP["model_cfg"]).double()
    salt = 0
    for p in net.parameters():
        p.data = torch.tensor(numbers(p.numel(), salt) / 2).reshape(p.shape)
        salt += p.numel()
    x, ids, ends = batch(5, 0)
    return {
        "config": OPENCLIP, "tensors": [{"name": name, "shape": list(p.shape)} for name, p in net.named_parameters()],
        "images": net.images(x).reshape(-1).tolist(), "texts": net.texts(ids, ends).reshape(-1).tolist(),
    }


print(json.dumps({"torch": torch.__version__, "config": CONFIG, "check": check(), "losses": train(.1, .02), "openclip": openclip()}))
