"""Writes added.json: the tokens that CLIPTokenizer of Hugging Face's transformers (5.24) makes of captions, with files that add tokens
to the vocabulary in small/, for the tests of package tokenizer. An object in place of model.vocab's content, "SMALL", stands for
that vocabulary.

    python3 gen_added.py > added.json
"""
import json
import os
import shutil
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"

from transformers import CLIPTokenizer

HERE = os.path.dirname(os.path.abspath(__file__))
SMALL = os.path.join(HERE, "small")
N = len(json.load(open(os.path.join(SMALL, "vocab.json"))))


def token(content, **flags):
    return {"content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False, **flags}


ENDS = {str(N - 2): token("<|startoftext|>", special=True), str(N - 1): token("<|endoftext|>", special=True)}
MODEL = {"type": "BPE", "dropout": None, "unk_token": "<|endoftext|>", "continuing_subword_prefix": "", "end_of_word_suffix": "</w>",
         "fuse_unk": False, "vocab": "SMALL", "merges": "SMALL"}
PARTS = {
    "version": "1.0", "truncation": {"direction": "Right", "max_length": 77, "strategy": "LongestFirst", "stride": 0}, "padding": None,
    "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Replace", "pattern": {"Regex": "\\s+"}, "content": " "}, {"type": "Lowercase"}]},
    "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
        {"type": "Split", "pattern": {"Regex": "<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+"},
         "behavior": "Removed", "invert": True},
        {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}]},
    "post_processor": {"type": "RobertaProcessing", "sep": ["<|endoftext|>", N - 1], "cls": ["<|startoftext|>", N - 2], "trim_offsets": False, "add_prefix_space": False},
    "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
    "model": MODEL,
}


def listed(decoder):
    return [{"id": int(i), **t} for i, t in decoder.items()]


NEW = {str(N): token("<Cat-Toy>"), str(N + 1): token("<cat", normalized=True), str(N + 2): token("Golden  Retriever", normalized=True),
       str(N + 3): token("zing", single_word=True), str(N + 4): token("[S]", lstrip=True, rstrip=True, special=True), str(N + 5): token("猫")}

CASES = {
    "plain": {},
    "added_tokens.json": {"added_tokens.json": {"<Cat-Toy>": N, "golden": N + 1}},
    "added_tokens.json, special": {"added_tokens.json": {"<Cat-Toy>": N, "golden": N + 1}, "special_tokens_map.json": {"pad_token": "<Cat-Toy>"}},
    "added_tokens_decoder": {"tokenizer_config.json": {"tokenizer_class": "CLIPTokenizer", "added_tokens_decoder": {**ENDS, **NEW}}},
    "a word of the vocabulary": {"tokenizer_config.json": {"added_tokens_decoder": {**ENDS, "320": token("a</w>")}}},
    "tokenizer.json": {"tokenizer.json": {**PARTS, "added_tokens": listed({**ENDS, **NEW})}},
    "tokenizer.json without parts": {"tokenizer.json": {"version": "1.0", "added_tokens": listed(ENDS), "model": MODEL}},
}

CAPTIONS = ["a photo of a cat", "a <Cat-Toy> on a <cat-toy>", "x<Cat-Toy>y", "<CAT and <cats", "golden retriever, GOLDEN \t Retriever", "goldenretriever",
            "zing amazing zing. -zing- zing1 _zing", "a [S] b[S]c", "猫の写真 猫", "a</w> b", "<Cat-Toy><Cat-Toy> [S][S]", "é zing é", "<|endoftext|> a"]


def main():
    out = []
    vocab = json.load(open(os.path.join(SMALL, "vocab.json")))
    merges = [line for line in open(os.path.join(SMALL, "merges.txt")).read().split("\n")[1:] if line]
    for name, files in CASES.items():
        with tempfile.TemporaryDirectory() as d:
            if "tokenizer.json" not in files:
                for f in ("vocab.json", "merges.txt"):
                    shutil.copy(os.path.join(SMALL, f), d)
            for f, content in files.items():
                if f == "tokenizer.json":
                    content = {**content, "model": {**MODEL, "vocab": vocab, "merges": merges}}
                json.dump(content, open(os.path.join(d, f), "w"))
            t = CLIPTokenizer.from_pretrained(d)
            out.append({"name": name, "files": files, "ids": [t(c)["input_ids"] for c in CAPTIONS]})
    print(json.dumps({"captions": CAPTIONS}, ensure_ascii=False)[:-1] + ',\n"cases": [\n' + ",\n".join(json.dumps(o, ensure_ascii=False) for o in out) + "\n]}")


main()
