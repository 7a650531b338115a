"""Writes processor.json: what image processors of Hugging Face's transformers (5.24, by Pillow) make of one image with one
preprocessor_config.json after another, for the tests of package picture.

    python3 gen_processor.py > processor.json
"""
import json
import os
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"

import numpy as np
from PIL import Image
import transformers

W, H = 14, 10
SMALL = {"size": {"shortest_edge": 6}, "crop_size": {"height": 4, "width": 4}}
CONFIGS = [
    SMALL,
    {**SMALL, "size": 6, "crop_size": 6, "image_processor_type": "CLIPImageProcessor"},
    {**SMALL, "size": 5, "feature_extractor_type": "CLIPFeatureExtractor", "do_center_crop": True, "do_resize": True, "do_convert_rgb": False},
    {**SMALL, "size": 4, "default_to_square": True},
    {**SMALL, "size": [4, 4]},
    {**SMALL, "size": {"height": 5, "width": 5}, "do_center_crop": False},
    {**SMALL, "resample": 2},
    {**SMALL, "do_normalize": None},
    {**SMALL, "do_normalize": False},
    {**SMALL, "image_mean": 0.25, "image_std": 0.5},
    {**SMALL, "image_mean": [0.1, 0.2, 0.3], "image_std": [0.3, 0.2, 0.1], "rescale_factor": 0.00392156862745098, "do_rescale": True},
    {"image_processor_type": "ViTImageProcessor", "size": 5},
    {"image_processor_type": "ViTImageProcessorFast", "size": {"height": 4, "width": 4}, "resample": 3},
    {"image_processor_type": "DeiTImageProcessor", "size": {"height": 7, "width": 7}, "crop_size": {"height": 4, "width": 4}},
    {"image_processor_type": "SiglipImageProcessor", "size": {"height": 5, "width": 5}},
    {"image_processor_type": "ConvNextImageProcessor", "size": {"shortest_edge": 5}, "crop_pct": 0.7},
    {"image_processor_type": "ConvNextFeatureExtractor", "size": 6},
]

image = Image.fromarray(((np.arange(H * W * 3) * 7919) % 256).astype(np.uint8).reshape(H, W, 3))
out = []
for config in CONFIGS:
    name = config.get("image_processor_type", "CLIP").replace("FeatureExtractor", "").replace("ImageProcessor", "").replace("Fast", "")
    kind = getattr(transformers, name + "ImageProcessorPil")
    with tempfile.TemporaryDirectory() as d:
        json.dump(config, open(os.path.join(d, "preprocessor_config.json"), "w"))
        x = kind.from_pretrained(d)(image, return_tensors="np")["pixel_values"][0].transpose(1, 2, 0)
    out.append({"config": config, "pixels": [round(float(v), 5) for v in x.flatten()]})
print("[\n" + ",\n".join(json.dumps(o) for o in out) + "\n]")
