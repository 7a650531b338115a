"""Writes unicode.txt: what Hugging Face's tokenizers library (0.23) takes each character for. Its parts have tables of their own, of
several versions of Unicode, none of which is Go's. A line is a set of characters: its name, then by turns how many are out and how many
are in, in hexadecimal numbers. Those of "lower" are runs of capital letters: first, last, step, and what is added to make them small.

    python3 gen_unicode.py > ../unicode.txt
"""
import os

from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers

CHARS = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000]


def deletes(n):
    return lambda c: n.normalize_str(c) == ""


def parts(p, n):
    return lambda c: len(p.pre_tokenize_str("a" + c + "a")) == n


def regex(r):
    p = pre_tokenizers.Split(Regex(r), "isolated")
    return lambda c: len(p.pre_tokenize_str("!" + c)) == 2


def bert(clean, strip):
    return normalizers.BertNormalizer(clean_text=clean, handle_chinese_chars=False, strip_accents=strip, lowercase=False)


NFD, NFKD, LOWER = normalizers.NFD(), normalizers.NFKD(), normalizers.Lowercase()


def acts(c):
    if NFKD.normalize_str(c) != c:
        return True
    # a mark is put behind U+0334, of class 1, or before U+0315, of class 232
    return NFD.normalize_str("a" + c + "\u0334") != "a" + c + "\u0334" or NFD.normalize_str("a\u0315" + c) != "a\u0315" + c or c == "\u0315"


# its table makes X of x and U+0301, which are 3 bytes; one more of 3 is too much, if it belongs to them
XLMR = Tokenizer.from_file(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../hf/tokens/testdata/xlmr/tokenizer.json")).normalizer


def joined(c):
    return c >= "\u0800" and XLMR.normalize_str("x\u0301" + c)[0] == "x"


SETS = {
    "punctuation": parts(pre_tokenizers.Punctuation("isolated"), 3),  # ASCII's signs, and categories P of unicode_categories
    "control": lambda c: c not in "\0\ufffd" and deletes(bert(True, False))(c),
    "nonspacing": deletes(bert(False, True)),
    "mark": deletes(normalizers.StripAccents()),
    "normal": acts,  # decomposed, or moved, by Unicode's normal forms
    "numeric": parts(pre_tokenizers.Digits(True), 3),
    "word": parts(pre_tokenizers.Whitespace(), 1),  # \w of Rust's expressions
    "letter": regex(r"\p{L}"),  # of Oniguruma's
    "number": regex(r"\p{N}"),
    "digit": regex(r"\d"),
    "wordlike": regex(r"\w"),
    "joined": joined,
}


def ranges(test):
    out, at = [], 0
    for c in CHARS:
        if test(c):
            if out and out[-1][1] == ord(c) - 1:
                out[-1][1] = ord(c)
            else:
                out.append([ord(c), ord(c)])
    line = []
    for lo, hi in out:
        line += [f"{lo - at:x}", f"{hi + 1 - lo:x}"]
        at = hi + 1
    return line


def lower():
    runs = []
    for c in CHARS:
        low = LOWER.normalize_str(c)
        if low == c or c == "\u0130":  # which becomes two
            continue
        at, add = ord(c), ord(low) - ord(c)
        last = runs[-1] if runs else None
        if last and last[3] == add and (at - last[1] == last[2] or last[0] == last[1] and at - last[1] <= 2):
            last[2], last[1] = at - last[1], at
        else:
            runs.append([at, at, 1, add])
    return [f"{v:x}" for run in runs for v in run]


for name, test in SETS.items():
    print(name, *ranges(test))
print("lower", *lower())
