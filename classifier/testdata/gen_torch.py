#!/usr/bin/python3
"""What PyTorch makes of CIFAR-10's test images with the CIFAR ResNet-20 of github.com/akamaster/pytorch_resnet_cifar10.

Writes torch.json, accuracy and loss on all test images and on a subset, from the images as JPEG files
(cifar10-jpg.tar.gz: test/CLASS/NNNN.jpg) that Pillow decodes, with Debian's python3-torch (1.13):

    /usr/bin/python3 gen_torch.py cifar10-jpg.tar.gz resnet20-12fca82f.th > torch.json

With decode it needs Pillow alone and writes the same pixels as CIFAR-10's binary version, DIR/test_batch.bin and
DIR/batches.meta.txt, for the test to read:

    /usr/bin/python3 gen_torch.py decode cifar10-jpg.tar.gz DIR
"""
import io
import json
import os
import sys
import tarfile

from PIL import Image

CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
SUBSET = 37  # every 37th image in the order of names: 271 of all classes


def images(archive):
    """Labels and images, in the order of the files' names."""
    with tarfile.open(archive) as tar:
        members = sorted((m for m in tar if m.name.startswith("test/") and m.name.endswith(".jpg")), key=lambda m: m.name)
        at = {m.name: i for i, m in enumerate(members)}
        found = [None] * len(members)
        for m in sorted(members, key=lambda m: m.offset):
            image = Image.open(io.BytesIO(tar.extractfile(m).read())).convert("RGB")
            found[at[m.name]] = CLASSES.index(m.name.split("/")[1]), image
    return found


def decode(archive, folder):
    with open(os.path.join(folder, "test_batch.bin"), "wb") as f:
        for label, image in images(archive):
            f.write(bytes([label]) + b"".join(band.tobytes() for band in image.split()))
    with open(os.path.join(folder, "batches.meta.txt"), "w") as f:
        f.write("\n".join(CLASSES) + "\n")


def model(path):
    import torch
    import torch.nn.functional as F
    from torch import nn

    class Block(nn.Module):
        def __init__(self, inp, planes, stride):
            super().__init__()
            self.conv1 = nn.Conv2d(inp, planes, 3, stride, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(planes)
            self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(planes)

        def forward(self, x):
            y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
            if x.shape != y.shape:
                half = (y.shape[1] - x.shape[1]) // 2
                x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, half, half))
            return F.relu(x + y)

    class ResNet20(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1, self.bn1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)
            inp = 16
            for i, planes in enumerate((16, 32, 64)):
                blocks = []
                for j in range(3):
                    blocks.append(Block(inp, planes, 2 if i and not j else 1))
                    inp = planes
                setattr(self, f"layer{i + 1}", nn.Sequential(*blocks))
            self.linear = nn.Linear(64, 10)

        def forward(self, x):
            y = self.layer3(self.layer2(self.layer1(F.relu(self.bn1(self.conv1(x))))))
            return self.linear(y.mean((2, 3)))

    net = ResNet20()
    state = torch.load(path, map_location="cpu")["state_dict"]
    net.load_state_dict({k.replace("module.", "", 1): v for k, v in state.items()})
    return net.eval()


def main():
    if sys.argv[1] == "decode":
        return decode(*sys.argv[2:])
    import numpy as np
    import torch
    import torch.nn.functional as F

    net, found = model(sys.argv[2]), images(sys.argv[1])
    mean, std = torch.tensor([.485, .456, .406]), torch.tensor([.229, .224, .225])
    labels = torch.tensor([label for label, _ in found])
    logits = []
    with torch.inference_mode():
        for i in range(0, len(found), 250):
            x = torch.from_numpy(np.stack([np.asarray(image) for _, image in found[i:i + 250]])).float() / 255
            logits.append(net(((x - mean) / std).permute(0, 3, 1, 2)).double())
    logits = torch.cat(logits)

    def result(step):
        z, y = logits[::step], labels[::step]
        hit = z.argmax(1) == y
        return {"n": len(y), "accuracy": hit.double().mean().item(), "loss": F.cross_entropy(z, y).item(),
                "per_class": [hit[y == c].double().mean().item() for c in range(10)]}

    print(json.dumps({"step": SUBSET, "test": result(1), "subset": result(SUBSET)}, indent=1))


main()
