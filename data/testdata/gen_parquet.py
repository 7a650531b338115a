"""Writes parquet/, what pandas, pyarrow and Hugging Face's datasets write of small data sets, and
parquet.json, what is in them. Run it by a python3 that has pandas 3.1, pyarrow 26, datasets 5.2 and
Pillow 13, in this directory: python3 gen_parquet.py
"""
import io
import json
import os

import pandas
import pyarrow
import pyarrow.parquet
from datasets import ClassLabel, Dataset, Features, Image, List, Value
from PIL import Image as Pillow

os.makedirs("parquet/pairs", exist_ok=True)
told = {}

# Pairs as the data sets' own library writes them: classes by number, a test split without labels.
classes = ["not_equivalent", "equivalent"]
features = Features({"sentence1": Value("string"), "sentence2": Value("string"), "label": ClassLabel(names=classes), "idx": Value("int32")})


def pairs(n, hidden=False):
    return Dataset.from_dict({
        "sentence1": [f"the {i}th of them, naïve 東京" for i in range(n)],
        "sentence2": [f"them, {i * i}" for i in range(n)],
        "label": [-1 if hidden else i * i % 3 % 2 for i in range(n)],
        "idx": list(range(n)),
    }, features=features)


for name, n, hidden in ("train-00000-of-00002", 300, False), ("train-00001-of-00002", 7, False), ("validation-00000-of-00001", 5, False), ("test-00000-of-00001", 4, True):
    d = pairs(n, hidden)
    d.to_parquet(f"parquet/pairs/{name}.parquet", batch_size=100)
    told[f"pairs/{name}"] = {"sentence1": d["sentence1"][:], "sentence2": d["sentence2"][:], "label": [classes[l] if l >= 0 else None for l in d["label"]]}

# Scores, with another row group every seven rows and zstd.
scores = pandas.DataFrame({"sentence1": [f"a {i}" for i in range(40)], "sentence2": [f"b {i}" for i in range(40)], "label": [i / 7 for i in range(40)]})
scores.astype({"label": "float32"}).to_parquet("parquet/scores.parquet", compression="zstd", row_group_size=7)
told["scores"] = scores.to_dict("list")

# Lists of labels, with and without names.
tags = ["sad", "glad", "calm"]
lists = [[k for k in range(3) if i >> k & 1] for i in range(20)]
Dataset.from_dict({"text": [f"text {i}" for i in range(20)], "labels": lists},
                  features=Features({"text": Value("string"), "labels": List(ClassLabel(names=tags))})).to_parquet("parquet/labels.parquet")
told["labels"] = {"text": [f"text {i}" for i in range(20)], "labels": [[tags[k] for k in l] for l in lists]}

# Strings as classes, an index, gzip and pages of the second version; and other encodings.
frame = pandas.DataFrame({"text": [f"text {i} " + "x" * (i % 5) for i in range(50)], "label": [["b", "a", "c"][i % 3] for i in range(50)]}, index=range(100, 150))
frame.to_parquet("parquet/strings.parquet", compression="gzip", data_page_version="2.0")
told["strings"] = frame.to_dict("list")
pyarrow.parquet.write_table(pyarrow.table({"text": frame["text"].tolist(), "label": pyarrow.array([i % 2 for i in range(50)], pyarrow.int64())}),
                            "parquet/deltas.parquet", use_dictionary=False, compression="none", data_page_size=128,
                            column_encoding={"text": "DELTA_BYTE_ARRAY", "label": "DELTA_BINARY_PACKED"})
told["deltas"] = {"text": frame["text"].tolist(), "label": [str(i % 2) for i in range(50)]}


# Images, as bytes with their paths.
def png(i):
    p = Pillow.new("RGB", (4, 3))
    p.putdata([(i * 5 % 256, 20 * k % 256, 255 - k) for k in range(12)])
    b = io.BytesIO()
    p.save(b, "PNG")
    return p, b.getvalue()


images = [png(i) for i in range(30)]
Dataset.from_dict({"image": [{"bytes": b, "path": f"{i}.png"} for i, (_, b) in enumerate(images)], "label": [i % 2 for i in range(30)]},
                  features=Features({"image": Image(), "label": ClassLabel(names=["cat", "dog"])})).to_parquet("parquet/images.parquet")
told["images"] = {"image": [list(p.tobytes()) for p, _ in images], "label": [["cat", "dog"][i % 2] for i in range(30)]}

with open("parquet.json", "w") as f:
    json.dump(told, f, ensure_ascii=False)
