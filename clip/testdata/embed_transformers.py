"""Embeds images and texts by CLIP models as transformers load them, for a test of package clip.

    python3 embed_transformers.py DIR... < INPUTS

INPUTS are {"images": [paths], "texts": [texts]}. The answer is a list, for each directory {"tokens": lists without padding,
"images": rows, "texts": rows, "processed": rows}: the embeddings by CLIPModel with CLIPTokenizer and CLIPImageProcessor, and those of texts by
way of AutoProcessor.
"""
import json
import os
import sys

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from PIL import Image
from transformers import AutoProcessor, AutoTokenizer, CLIPImageProcessor, CLIPModel, CLIPTokenizer, CLIPTokenizerFast

try:  # from version 5 on, that by Pillow has a name of its own
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil as CLIPImageProcessor
except ImportError:
    pass


def rows(x):
    x = x if torch.is_tensor(x) else x.pooler_output
    return torch.nn.functional.normalize(x.double(), dim=1).tolist()


def embed(directory, images, texts):
    model, notes = CLIPModel.from_pretrained(directory, output_loading_info=True)
    model.eval()
    for key in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if notes[key]:
            raise SystemExit(f"{directory}: {key}: {notes[key]}")
    tokenizers = [c.from_pretrained(directory) for c in (CLIPTokenizer, CLIPTokenizerFast, AutoTokenizer)]
    processor = AutoProcessor.from_pretrained(directory)
    pixels = CLIPImageProcessor.from_pretrained(directory)(images, return_tensors="pt")["pixel_values"]
    ids = [t(texts, padding=True, truncation=True, return_tensors="pt") for t in tokenizers]
    for other in ids[1:]:
        if other["input_ids"].tolist() != ids[0]["input_ids"].tolist():
            raise SystemExit(f"{directory}: the tokenizers differ")
    processed = processor(text=texts, images=images, padding=True, truncation=True, return_tensors="pt")
    with torch.no_grad():
        return {
            "tokens": [[i for i, on in zip(row, mask) if on] for row, mask in zip(ids[0]["input_ids"].tolist(), ids[0]["attention_mask"].tolist())],
            "images": rows(model.get_image_features(pixel_values=pixels)),
            "texts": rows(model.get_text_features(**ids[0])),
            "processed": rows(model.get_text_features(input_ids=processed["input_ids"], attention_mask=processed["attention_mask"])),
        }


inputs = json.load(sys.stdin)
pictures = [Image.open(p).convert("RGB") for p in inputs["images"]]
json.dump([embed(d, pictures, inputs["texts"]) for d in sys.argv[1:]], sys.stdout)
