"""The accuracy of a model.onnx that Monge wrote, served by ONNX Runtime on the images of a folder by class.

    pip install onnxruntime pillow numpy
    python3 serve.py runs/a/model.onnx lines/test

What the network takes is read from the file's metadata: size, normalisation, order of the channels, classes.
"""
import json
import pathlib
import sys

import numpy as np
import onnxruntime
from PIL import Image

session = onnxruntime.InferenceSession(sys.argv[1])
said = session.get_modelmeta().custom_metadata_map
height, width, _ = json.loads(said["input"])
classes = json.loads(said["classes"])
presets = {"imagenet": ([.485, .456, .406], [.229, .224, .225]), "none": ([0, 0, 0], [1, 1, 1])}
if said["normalize"] in presets:
    mean, std = presets[said["normalize"]]
else:  # mean=.5,.5,.5:std=.5,.5,.5
    mean, std = [[float(v) for v in part.split("=")[1].split(",")] for part in said["normalize"].split(":")]
right = seen = 0
for label, name in enumerate(classes):
    for path in sorted(pathlib.Path(sys.argv[2], name).iterdir()):
        image = Image.open(path).convert("RGB")
        x = np.asarray(image.resize((width, height), Image.BILINEAR), np.float32) / 255
        x = ((x - np.float32(mean)) / np.float32(std)).transpose(2, 0, 1)
        if said.get("channels") == "bgr":
            x = x[::-1]
        logits = session.run(None, {session.get_inputs()[0].name: np.ascontiguousarray(x[None])})[0]
        right += int(logits[0].argmax()) == label
        seen += 1
print(f"accuracy {right / seen:.4f} of {seen} images, ONNX Runtime {onnxruntime.__version__}")
