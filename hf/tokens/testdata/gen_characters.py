"""Writes characters.json: checksums of what the normalizers and pre-tokenizers of Hugging Face's tokenizers library (0.23) make of every
character, between others, in blocks of 16,384.

    python3 gen_characters.py > characters.json
"""
import json
import os
import zlib

from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers

HERE = os.path.dirname(os.path.abspath(__file__))
BLOCK = 0x4000
# c among letters and marks, and at the end
TEXTS = ["a{c}\u0301b", "1{c}", "\u1100\u0345{c}\u0323"]

PARTS = [
    normalizers.NFC(), normalizers.NFD(), normalizers.NFKC(), normalizers.NFKD(), normalizers.Lowercase(), normalizers.StripAccents(), normalizers.Nmt(), normalizers.Strip(),
    normalizers.BertNormalizer(), normalizers.BertNormalizer(lowercase=False), Tokenizer.from_file(os.path.join(HERE, "xlmr", "tokenizer.json")).normalizer,
    pre_tokenizers.BertPreTokenizer(), pre_tokenizers.Whitespace(), pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.Punctuation(),
    pre_tokenizers.ByteLevel(add_prefix_space=False), pre_tokenizers.Split(Regex(r"\w+|\d\s|\p{N}\P{L}"), "isolated"),
]


def make(part, text):
    if hasattr(part, "normalize_str"):
        return part.normalize_str(text)
    return "|".join(piece for piece, _ in part.pre_tokenize_str(text))


def sums(part):
    out = []
    for block in range(0, 0x110000, BLOCK):
        crc = 0
        for c in range(block, block + BLOCK):
            if not 0xD800 <= c < 0xE000:
                for text in TEXTS:
                    crc = zlib.crc32(make(part, text.format(c=chr(c))).encode() + b"\n", crc)
        out.append(crc)
    return out


if __name__ == "__main__":
    lines = []
    for part in PARTS:
        what = json.loads(part.__getstate__())
        lines.append(json.dumps({"part": what, "normalizer": hasattr(part, "normalize_str"), "sums": sums(part)}, separators=(",", ":")))
    print("[" + ",\n".join(lines) + "]")
