"""Trains small tokenizers of every kind with Hugging Face's tokenizers library (0.23), and writes what it makes of the texts in texts.json
to tokens.json: of each text, and of each with the next as a pair cut to 12 tokens, a checksum of tokens and segments. With --train
the tokenizers are trained anew, of the texts in this project's docs; without, those that are here are taken.

    python3 gen_tokens.py [--train]
"""
import glob
import json
import os
import shutil
import sys
import zlib

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from encode import encode

HERE = os.path.dirname(os.path.abspath(__file__))
DOCS = [line for path in sorted(glob.glob(os.path.join(HERE, "../../../docs/**/*.md"), recursive=True)) for line in open(path, encoding="utf-8")]
DOCS += [t for t in json.load(open(os.path.join(HERE, "texts.json"), encoding="utf-8"))["texts"]] * 3
SIZE = 700

bert_ends = dict(single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1")
CL100K = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def template(t, **kwargs):
    names = ["[CLS]", "[SEP]"] if "[CLS]" in kwargs["single"] else ["<s>", "</s>"]
    return processors.TemplateProcessing(special_tokens=[(n, t.token_to_id(n)) for n in names], **kwargs)


def train(model, normalizer, pre, trainer):
    t = Tokenizer(model)
    if normalizer is not None:
        t.normalizer = normalizer
    if pre is not None:
        t.pre_tokenizer = pre
    t.train_from_iterator(DOCS, trainer)
    return t


def bert():
    t = train(models.WordPiece(unk_token="[UNK]"), normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer(),
              trainers.WordPieceTrainer(vocab_size=SIZE, limit_alphabet=150, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], show_progress=False))
    t.post_processor = template(t, **bert_ends)
    return t


def bert_cased():
    """Nothing is made of accents, Chinese or control characters; a word has up to 12 characters; added tokens of all kinds."""
    t = train(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=12),
              normalizers.BertNormalizer(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False), pre_tokenizers.BertPreTokenizer(),
              trainers.WordPieceTrainer(vocab_size=SIZE, limit_alphabet=150, special_tokens=["[UNK]", "[CLS]", "[SEP]"], show_progress=False))
    t.add_tokens([AddedToken("the", single_word=True), AddedToken("ab", lstrip=True), AddedToken("abc", rstrip=True), AddedToken("éa", normalized=True)])
    t.add_special_tokens([AddedToken("[X]", lstrip=True, rstrip=True), AddedToken("[ X ]", single_word=True), " ", AddedToken("\u00a0", lstrip=True, rstrip=True)])
    t.post_processor = processors.BertProcessing(("[SEP]", t.token_to_id("[SEP]")), ("[CLS]", t.token_to_id("[CLS]")))
    return t


def roberta():
    t = train(models.BPE(), None, pre_tokenizers.ByteLevel(add_prefix_space=False),
              trainers.BpeTrainer(vocab_size=SIZE, special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    t.add_special_tokens([AddedToken("<mask>", lstrip=True)])
    t.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    return t


def clip():
    t = train(models.BPE(unk_token="<|endoftext|>", end_of_word_suffix="</w>"),
              normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]),
              pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"), "removed", invert=True), pre_tokenizers.ByteLevel(add_prefix_space=True)]),
              trainers.BpeTrainer(vocab_size=SIZE, special_tokens=["<|startoftext|>", "<|endoftext|>"], end_of_word_suffix="</w>",
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    return t


def llama3():
    t = train(models.BPE(ignore_merges=True), None, pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(CL100K), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]),
              trainers.BpeTrainer(vocab_size=SIZE, special_tokens=["<s>", "</s>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    t.post_processor = processors.Sequence([processors.ByteLevel(), template(t, single="<s> $A", pair="<s> $A <s>:1 $B:1")])
    return t


def llama2():
    t = train(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True), normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]), None,
              trainers.BpeTrainer(vocab_size=SIZE, special_tokens=["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256) if b != 0xe2], limit_alphabet=80, max_token_length=8, show_progress=False))
    t.post_processor = template(t, single="<s> $A", pair="<s> $A $B:1 </s>:1")
    return t


def subword():
    """Byte-pair encoding of characters, with a prefix, and unknown ones that are not fused."""
    return train(models.BPE(unk_token="[UNK]", continuing_subword_prefix="##"), normalizers.Sequence([normalizers.NFKD(), normalizers.StripAccents(), normalizers.Strip()]),
                 pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.Punctuation("contiguous")]),
                 trainers.BpeTrainer(vocab_size=SIZE, special_tokens=["[UNK]"], continuing_subword_prefix="##", limit_alphabet=60, show_progress=False))


def unigram():
    t = train(models.Unigram(), normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]), pre_tokenizers.Metaspace(),
              trainers.UnigramTrainer(vocab_size=SIZE, special_tokens=["<s>", "<pad>", "</s>", "<unk>"], unk_token="<unk>", show_progress=False))
    t.add_special_tokens([AddedToken("<mask>", lstrip=True)])
    t.post_processor = template(t, single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>")
    return t


def xlmr(charsmap):
    t = unigram()
    t.normalizer = normalizers.Precompiled(charsmap)
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    return t


def unigram_bytes():
    """One word for a text, whose spaces count, with bytes in place of the unknown, but for one of them."""
    t = train(models.Unigram(), normalizers.NFKC(), pre_tokenizers.Metaspace(prepend_scheme="first", split=False),
              trainers.UnigramTrainer(vocab_size=SIZE + 300, special_tokens=["<unk>"] + [f"<0x{b:02X}>" for b in range(256) if b != 0xe2], unk_token="<unk>", show_progress=False))
    j = json.loads(t.to_str())
    j["model"]["byte_fallback"] = True
    t = Tokenizer.from_str(json.dumps(j))
    t.add_tokens(["of", " the "])
    return t


def words():
    return train(models.WordLevel(unk_token="?"), normalizers.Sequence([normalizers.NFD(), normalizers.Lowercase(), normalizers.StripAccents()]),
                 pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.Digits(), pre_tokenizers.Punctuation("merged_with_previous")]),
                 trainers.WordLevelTrainer(vocab_size=SIZE, special_tokens=["?"], show_progress=False))


def pieces():
    """Splits that join delimiters to what follows, at letters, signs and every four characters."""
    return train(models.WordLevel(unk_token="?"), normalizers.Sequence([normalizers.Strip(left=True, right=False), normalizers.NFC(), normalizers.Replace("e", "")]),
                 pre_tokenizers.Sequence([pre_tokenizers.CharDelimiterSplit("o"), pre_tokenizers.Split(Regex(r"[\p{N}\s]"), "merged_with_next"), pre_tokenizers.Split("a", "merged_with_previous"),
                                          pre_tokenizers.Split(Regex(r"\w+|^."), "contiguous", invert=True), pre_tokenizers.FixedLength(4)]),
                 trainers.WordLevelTrainer(vocab_size=SIZE, special_tokens=["?"], show_progress=False))


ALL = [bert, bert_cased, roberta, clip, llama3, llama2, subword, unigram, unigram_bytes, words, pieces]
# as files that transformers makes a tokenizer of
LEGACY = {
    "bert_text": ("bert", {"tokenizer_class": "BertTokenizer", "do_lower_case": False, "strip_accents": True, "tokenize_chinese_chars": False}),
    "mpnet_text": ("bert", {"tokenizer_class": "MPNetTokenizer", "model_max_length": 512}),
    "electra_text": ("bert", {"tokenizer_class": "ElectraTokenizer", "added_tokens_decoder": {"9": {"content": "[MASK]", "lstrip": True, "special": True, "normalized": False, "rstrip": False, "single_word": False}}}),
    "roberta_text": ("roberta", {"tokenizer_class": "RobertaTokenizer"}),
    "roberta_spaced": ("roberta", {"tokenizer_class": "RobertaTokenizer", "add_prefix_space": True, "mask_token": {"__type": "AddedToken", "content": "<mask>", "lstrip": True, "normalized": True, "rstrip": False, "single_word": False}}),
}


def write(name, text):
    os.makedirs(os.path.dirname(name), exist_ok=True)
    with open(name, "w", encoding="utf-8") as f:
        f.write(text)


def legacy(name):
    source, config = LEGACY[name]
    dir = os.path.join(HERE, name)
    model = json.load(open(os.path.join(HERE, source, "tokenizer.json"), encoding="utf-8"))["model"]
    write(os.path.join(dir, "tokenizer_config.json"), json.dumps(config) + "\n")
    if source == "bert":
        tokens = sorted(model["vocab"], key=model["vocab"].get)
        write(os.path.join(dir, "vocab.txt"), "\n".join(tokens) + "\n")
    else:
        write(os.path.join(dir, "vocab.json"), json.dumps(model["vocab"], ensure_ascii=False) + "\n")
        write(os.path.join(dir, "merges.txt"), "#version: 0.2\n" + "\n".join(" ".join(m) for m in model["merges"]) + "\n")


def checksum(dir, texts, **how):
    try:
        ids, types = encode(dir, texts, **how)
    except BaseException as e:  # the library's panics are no Exceptions
        return -1
    return zlib.crc32(json.dumps([ids, types], separators=(",", ":")).encode())


def charsmap():
    """A table of a few texts and what they become, as SentencePiece writes it."""
    import sentencepiece, tempfile

    rules = {"①": "1", "ｶﾞ": "ガ", "A\u030a": "Å", "e\u0301": "é", "ﬁ": "fi", "\u00a0": " ", "\u200b": "", "…": "...", "🇩🇪": "DE", "x\u0301": "X", "ﷺ": "صلى الله",
             "\t": " ", "y\u0301\u0302": "Y", "\r\n": " ", "n\u0303\u0323": "N"}
    with tempfile.TemporaryDirectory() as d:
        with open(d + "/rules.tsv", "w", encoding="utf-8") as f:
            for a, b in rules.items():
                f.write(" ".join(f"{ord(c):x}" for c in a) + "\t" + " ".join(f"{ord(c):x}" for c in b) + "\n")
        with open(d + "/text", "w", encoding="utf-8") as f:
            f.writelines(DOCS)
        sentencepiece.SentencePieceTrainer.train(input=d + "/text", model_prefix=d + "/m", vocab_size=300, hard_vocab_limit=False, normalization_rule_tsv=d + "/rules.tsv")
        m = sentencepiece.sentencepiece_model_pb2.ModelProto() if hasattr(sentencepiece, "sentencepiece_model_pb2") else None
        if m is None:
            from transformers.convert_slow_tokenizer import import_protobuf

            m = import_protobuf().ModelProto()
        m.ParseFromString(open(d + "/m.model", "rb").read())
        return m.normalizer_spec.precompiled_charsmap


if __name__ == "__main__":
    if "--train" in sys.argv:
        for make in ALL:
            write(os.path.join(HERE, make.__name__, "tokenizer.json"), make().to_str() + "\n")
        write(os.path.join(HERE, "xlmr", "tokenizer.json"), xlmr(charsmap()).to_str() + "\n")
        for name in LEGACY:
            legacy(name)
    texts = json.load(open(os.path.join(HERE, "texts.json"), encoding="utf-8"))["texts"]
    lines = []
    for name in [make.__name__ for make in ALL] + ["xlmr", *LEGACY]:
        dir = os.path.join(HERE, name)
        single = [checksum(dir, [t]) for t in texts]
        pairs = [checksum(dir, [a, b], max=12) for a, b in zip(texts, texts[1:])]
        lines.append(json.dumps({"name": name, "single": single, "pairs": pairs}, separators=(",", ":")))
    with open(os.path.join(HERE, "tokens.json"), "w") as f:
        f.write("[" + ",\n".join(lines) + "]\n")
