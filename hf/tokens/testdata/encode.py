"""Answers what Hugging Face's own libraries make of texts, for tests that have them: each line of the input is a directory, texts, and
how they are to be cut, each line of the output the tokens and segments, or an error.
"""
import json
import os
import sys

os.environ["HF_HUB_OFFLINE"] = "1"

from tokenizers import Tokenizer

opened = {}


def open_dir(path):
    """The tokenizers library's tokenizer of a directory: of tokenizer.json, or as transformers makes one."""
    if path not in opened:
        if os.path.exists(os.path.join(path, "tokenizer.json")):
            opened[path] = Tokenizer.from_file(os.path.join(path, "tokenizer.json"))
        else:
            from transformers import AutoTokenizer

            opened[path] = AutoTokenizer.from_pretrained(path)._tokenizer
        opened[path].no_padding()
    return opened[path]


def encode(dir, texts, special=True, max=0, cut="longest_first", side="right"):
    t = open_dir(dir)
    if max:
        t.enable_truncation(max, strategy=cut, direction=side)
    else:
        t.no_truncation()
    e = t.encode(*texts, add_special_tokens=special)
    return [e.ids, e.type_ids]


if __name__ == "__main__":
    for line in sys.stdin:
        try:
            answer = encode(**json.loads(line))
        except BaseException as e:  # the library's panics are no Exceptions
            answer = str(e)
        print(json.dumps(answer), flush=True)
