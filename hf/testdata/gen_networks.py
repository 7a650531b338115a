"""Writes small random networks as transformers saves them, and what they compute, for the tests of hf.

Each is a directory with config.json, model.safetensors and golden.json: inputs, logits, the loss of a minibatch, the gradient
of every parameter (its norm and its product with fixed numbers) under the names of the file, and the losses of ten steps of
M-SAM, all in float64 on float32's weights. Run with transformers 5.24, PyTorch 2.15 and timm 1.0:

    python3 gen_networks.py
"""
import json
import math
import os
import shutil
import sys
import tempfile

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import nn
import transformers as hf

here = os.path.dirname(os.path.abspath(__file__))
hf.logging.set_verbosity_error()
hf.logging.disable_progress_bar()


def numbers(n, salt):
    """Numbers in [-1, 1), exact in float32, and easy to make again in Go."""
    x = (np.arange(n, dtype=np.uint64) + np.uint64(salt)) * np.uint64(2654435761) & np.uint64(0xffffffff)
    x ^= x >> np.uint64(15)
    x = x * np.uint64(2246822519) & np.uint64(0xffffffff)
    x ^= x >> np.uint64(13)
    return (x & np.uint64(0xffff)).astype(np.float64) / 32768 - 1


def fill(net, seed):
    torch.manual_seed(seed)
    for name, p in net.named_parameters():
        if p.dim() > 1:
            p.data = torch.randn_like(p) * (.5 if "embed" in name or "token" in name else 1.2 / math.sqrt(p[0].numel()))
        elif name.endswith("bias"):
            p.data = torch.randn_like(p) * .1
        else:
            p.data = 1 + torch.randn_like(p) * .1 if "class_embedding" not in name else torch.randn_like(p)
    for name, b in net.named_buffers():
        if name.endswith("running_mean"):
            b.data = torch.randn_like(b) * .1
        elif name.endswith("running_var"):
            b.data = 1 + torch.rand_like(b)


def texts(vocabulary, padding, types, length=10):
    """Rows of ids, their mask and their segments, of several lengths."""
    rng = np.random.RandomState(17)
    lengths = [length, 3, 6, 1]
    ids = np.full((len(lengths), length), padding)
    segments, mask = np.zeros_like(ids), np.zeros_like(ids)
    for i, n in enumerate(lengths):
        ids[i, :n] = rng.randint(2, vocabulary, n)
        mask[i, :n] = 1
        if types > 1:
            segments[i, (n + 1) // 2:n] = 1
    ids[0, 4] = padding  # a token of padding within a text counts as one
    packed = np.where(mask == 1, 1 + ids + segments * 2 ** 19, 0)
    args = {"input_ids": torch.tensor(ids), "attention_mask": torch.tensor(mask)}
    if types > 0:
        args["token_type_ids"] = torch.tensor(segments)
    return args, packed.tolist()


def images(side, n=4, step=0):
    x = torch.tensor(numbers(n * 3 * side * side, 7919 * (step + 1))).reshape(n, 3, side, side)
    return x, None


def logits_of(net, args):
    y = net(args) if torch.is_tensor(args) else net(**args)
    return y if torch.is_tensor(y) else y.logits


def measure(net, batch, saved, classes):
    net = net.double().eval()
    norms = [m for m in net.modules() if isinstance(m, nn.BatchNorm2d)]
    labels = lambda n, step: torch.tensor([(i + step) % classes for i in range(n)])
    for m in net.modules():
        if isinstance(m, nn.Embedding):
            m.padding_idx = None  # which keeps a gradient from a token of padding within a text
    args, rows = batch(0)
    y = logits_of(net, args).detach()
    out = {"classes": classes, "logits": y.reshape(-1).tolist()}
    if rows:
        out["rows"] = rows
    else:
        out["side"] = args.shape[-1]
    net.train()
    momentum(norms, 0.)
    loss = F.cross_entropy(logits_of(net, args), labels(len(y), 0))
    net.zero_grad()
    loss.backward()
    out["loss"] = loss.item()
    weights = [p.data for p in net.parameters()]
    for p in net.parameters():
        p.data = p.grad.clone() if p.grad is not None else torch.zeros_like(p)
    out["gradients"] = {k: [float(g.double().norm()), float(g.double().reshape(-1) @ torch.tensor(numbers(g.numel(), 5)))]
                        for k, g in saved(net).items() if g.dtype.is_floating_point and "running_" not in k}
    for p, w in zip(net.parameters(), weights):
        p.data = w
    out["losses"] = train(net, norms, batch, labels)
    return out


def momentum(norms, m):
    for n in norms:
        n.momentum = m


def train(net, norms, batch, labels, rho=.1, lr=.01):
    params = [p for p in net.parameters()]
    opt = torch.optim.SGD(params, lr=lr, momentum=.9)
    losses = []
    for step in range(10):
        args, _ = batch(step)

        def gradient():
            opt.zero_grad()
            y = logits_of(net, args)
            loss = F.cross_entropy(y, labels(len(y), step))
            loss.backward()
            return loss.item()

        momentum(norms, .1)
        losses.append(gradient())
        momentum(norms, 0.)
        g = [p.grad.clone() if p.grad is not None else torch.zeros_like(p) for p in params]
        norm = math.sqrt(sum(float((v * v).sum()) for v in g))
        kept = [p.data.clone() for p in params]
        for p, v in zip(params, g):
            p.data = p.data + v * (rho / (norm * math.sqrt(1 + norm * norm)))
        gradient()
        for p, s in zip(params, kept):
            p.data = s
        opt.step()
    return losses


def by_file(net):
    with tempfile.TemporaryDirectory() as d:
        net.float().save_pretrained(d)
        tensors = load_file(d + "/model.safetensors")
    net.double()
    return tensors


def by_state(net):
    return {k: v.clone() for k, v in net.state_dict().items()}


def write(name, net, batch, saved, classes, save):
    d = os.path.join(here, name)
    shutil.rmtree(d, ignore_errors=True)
    os.makedirs(d)
    save(d)
    out = measure(net, batch, saved, classes)
    with open(d + "/golden.json", "w") as f:
        json.dump(out, f)
        f.write("\n")


def published(name, cls, config, batch, seed=1):
    net = cls(config)
    fill(net, seed)
    write(name, net, batch, by_file, config.num_labels, lambda d: net.save_pretrained(d))
    return net


T = dict(vocab_size=60, max_position_embeddings=16, hidden_dropout_prob=0., attention_probs_dropout_prob=0.)
C = dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24, num_labels=3)
I = dict(image_size=16, patch_size=8)


def encoders():
    def batch(padding, types):
        return lambda step: texts(60, padding, types)

    published("bert", hf.BertForSequenceClassification, hf.BertConfig(**C, **T, hidden_act="gelu_new", layer_norm_eps=1e-5), batch(0, 2))
    published("distilbert", hf.DistilBertForSequenceClassification, hf.DistilBertConfig(
        vocab_size=60, max_position_embeddings=16, dim=16, n_layers=2, n_heads=4, hidden_dim=24, dropout=0., attention_dropout=0., seq_classif_dropout=0.,
        num_labels=3), batch(0, 0))
    published("roberta", hf.RobertaForSequenceClassification, hf.RobertaConfig(**C, **T, type_vocab_size=1, pad_token_id=1), batch(1, 1))
    published("xlm-roberta", hf.XLMRobertaForSequenceClassification, hf.XLMRobertaConfig(**C, **T, type_vocab_size=1, pad_token_id=1, hidden_act="relu"), batch(1, 1))
    published("electra", hf.ElectraForSequenceClassification, hf.ElectraConfig(**C, **T, embedding_size=8), batch(0, 2))
    published("mpnet", hf.MPNetForSequenceClassification, hf.MPNetConfig(**C, **(T | dict(max_position_embeddings=40))), lambda step: texts(60, 1, 0, length=24))


def pixels(side):
    return lambda step: images(side, step=step)


def towers():
    published("vit", hf.ViTForImageClassification, hf.ViTConfig(**C, **I, qkv_bias=True), pixels(16))
    published("deit", hf.DeiTForImageClassification, hf.DeiTConfig(**C, **I, hidden_act="quick_gelu"), pixels(16))
    published("deit-teacher", hf.DeiTForImageClassificationWithTeacher, hf.DeiTConfig(**C, **I), pixels(16))
    two = {k: v for k, v in C.items() if k != "num_labels"}
    published("clip", hf.CLIPForImageClassification, hf.CLIPConfig(text_config=dict(**two, vocab_size=60, max_position_embeddings=16), vision_config=dict(**two, **I), num_labels=3), pixels(16))
    published("siglip", hf.SiglipForImageClassification, hf.SiglipConfig(text_config=dict(**two, vocab_size=60, max_position_embeddings=16), vision_config=dict(**two, **I), num_labels=3), pixels(16))


def convolutions():
    published("resnet", hf.ResNetForImageClassification, hf.ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 2], layer_type="basic", num_labels=3), pixels(32))
    published("resnet-bottleneck", hf.ResNetForImageClassification, hf.ResNetConfig(
        embedding_size=8, hidden_sizes=[16, 32], depths=[1, 1], layer_type="bottleneck", downsample_in_first_stage=True, num_labels=3), pixels(32))
    published("convnext", hf.ConvNextForImageClassification, hf.ConvNextConfig(
        hidden_sizes=[8, 16], depths=[1, 2], num_stages=2, image_size=32, num_labels=3), pixels(32))


def timm_networks():
    import timm
    from timm.models._hub import save_for_hf

    def make(name, arch, side, **args):
        net = timm.create_model(arch, num_classes=3, **args)
        fill(net, 1)
        write(name, net, pixels(side), by_state, 3, lambda d: save_for_hf(
            net, d, model_config={"num_classes": 3, "label_names": ["x", "y", "z"]}, model_args=args, safe_serialization=True))
        config = os.path.join(here, name, "config.json")
        c = json.load(open(config))
        c["pretrained_cfg"]["input_size"] = [3, side, side]
        json.dump(c, open(config, "w"), indent=2)

    make("timm-vit", "vit_tiny_patch16_224", 16, img_size=16, patch_size=8, embed_dim=16, depth=2, num_heads=2)
    make("timm-resnet", "resnet18", 64, layers=[1, 1, 1, 1], channels=[4, 4, 8, 8])
    make("timm-bottleneck", "resnet50", 64, layers=[1, 1, 1, 1], channels=[2, 2, 4, 4])
    make("timm-convnext", "convnext_tiny", 32, depths=[1, 1, 1, 1], dims=[4, 4, 8, 8])


def torchvision_networks():
    import torchvision
    net = torchvision.models.VisionTransformer(image_size=16, patch_size=8, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=64, num_classes=3)
    fill(net, 1)

    def save(d):  # under the names of the published files, which torchvision renames
        older = lambda k: k.replace(".mlp.0.", ".mlp.linear_1.").replace(".mlp.3.", ".mlp.linear_2.")
        torch.save({older(k): v for k, v in net.state_dict().items()}, d + "/vit.pth")
        net.load_state_dict(torch.load(d + "/vit.pth"))  # it does

    write("torchvision", net, pixels(16), by_state, 3, save)


def positions():
    """What transformers says of images of another size, and what PyTorch makes of a table of positions."""
    out = {"logits": {}, "tables": []}
    for name, cls in {"vit": hf.ViTForImageClassification, "deit": hf.DeiTForImageClassification}.items():
        net = cls.from_pretrained(os.path.join(here, name)).double().eval()
        for side in 8, 24, 40:
            y = net(images(side)[0], interpolate_pos_encoding=True).logits
            out["logits"][f"{name} {side}"] = y.reshape(-1).tolist()
    for a, b in (14, 6), (5, 8), (4, 1), (2, 3):
        x = torch.tensor(numbers(a * a * 3, a)).reshape(1, a, a, 3).permute(0, 3, 1, 2)
        for smooth in False, True:
            y = F.interpolate(x, size=(b, b), mode="bicubic", align_corners=False, antialias=smooth).permute(0, 2, 3, 1)
            out["tables"].append({"from": a, "to": b, "smooth": smooth, "values": y.reshape(-1).tolist()})
    with open(os.path.join(here, "positions.json"), "w") as f:
        json.dump(out, f)
        f.write("\n")


def pickled():
    """Weights as older directories have them."""
    torch.save(load_file(os.path.join(here, "bert", "model.safetensors")), os.path.join(here, "pytorch_model.bin"))


parts = {"pickled": pickled, "positions": positions, "torchvision": torchvision_networks, "timm": timm_networks, "encoders": encoders, "towers": towers, "convolutions": convolutions}

if __name__ == "__main__":
    for part in sys.argv[1:] or parts:
        parts[part]()
