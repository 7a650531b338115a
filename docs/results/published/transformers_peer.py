"""transformers' side of the fine-tuning of a text classifier, for its accuracy and its time.

    python3 transformers_peer.py MODEL DATA [adamw|m-sam] [float32|bfloat16] [EPOCHS] [compile]

MODEL is a directory of Hugging Face, DATA one with train.tsv and test.tsv. Batches of 32 are padded to their longest
text; AdamW at lr 1e-4 without decay, M-SAM's rho .05. An epoch is timed without evaluation.
"""
import contextlib
import sys
import time

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

model_dir, data, method, precision, epochs = (sys.argv[1:] + ["adamw", "float32", "3"][len(sys.argv) - 3:])[:5]
torch.manual_seed(0)
torch.set_num_threads(2)


def read(name):
    rows = [line.rstrip("\n").split("\t", 1) for line in open(f"{data}/{name}.tsv")]
    return [text for _, text in rows], [label for label, _ in rows]


train_x, train_y = read("train")
test_x, test_y = read("test")
names = sorted(set(train_y))
train_y, test_y = (torch.tensor([names.index(l) for l in labels]) for labels in (train_y, test_y))
tokenizer = AutoTokenizer.from_pretrained(model_dir)
tokenizer.backend_tokenizer.no_padding(), tokenizer.backend_tokenizer.no_truncation()
encode = lambda texts: [t[:128] for t in tokenizer(texts)["input_ids"]]
train_x, test_x = encode(train_x), encode(test_x)
model = AutoModelForSequenceClassification.from_pretrained(model_dir, num_labels=len(names))
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0)
call = torch.compile(model, dynamic=True) if sys.argv[6:] == ["compile"] else model


def batch(texts, index):
    rows = [texts[i] for i in index]
    longest = max(map(len, rows))
    ids = torch.tensor([r + [0] * (longest - len(r)) for r in rows])
    return {"input_ids": ids, "attention_mask": (ids != 0).long()}


def gradient(index):
    with torch.autocast("cpu", torch.bfloat16) if precision == "bfloat16" else contextlib.nullcontext():
        loss = call(**batch(train_x, index), labels=train_y[index]).loss
    loss.backward()


def step(index):
    optimizer.zero_grad()
    gradient(index)
    if method == "m-sam":
        parameters = [p for p in model.parameters() if p.grad is not None]
        grads = [p.grad for p in parameters]
        norm = torch._foreach_norm(grads)
        norm = torch.stack(norm).norm()
        scale = .05 / (norm * (1 + norm * norm).sqrt())
        delta = torch._foreach_mul(grads, scale)
        with torch.no_grad():
            torch._foreach_add_(parameters, delta)
        optimizer.zero_grad()
        gradient(index)
        with torch.no_grad():
            torch._foreach_sub_(parameters, delta)
    optimizer.step()


for epoch in range(int(epochs)):
    model.train()
    order, begin = torch.randperm(len(train_x)), time.perf_counter()
    for i in range(0, len(order), 32):
        step(order[i:i + 32].tolist())
    seconds = time.perf_counter() - begin
    model.eval()
    with torch.no_grad():
        hits = sum(int((model(**batch(test_x, range(i, i + 50))).logits.argmax(1) == test_y[i:i + 50]).sum()) for i in range(0, len(test_x), 50))
    print(f"{method}, {precision}: epoch {epoch + 1} {seconds:.2f} s, {100 * hits / len(test_x):.1f}% of {len(test_x)}", flush=True)
