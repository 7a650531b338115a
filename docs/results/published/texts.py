"""Short descriptions of Debian's packages as texts to tell ten sections apart.

    apt-cache dumpavail | python3 texts.py DIR

writes DIR/train.tsv, 128 of each section, and DIR/test.tsv, 100 of each, by the hash of a description; of each source
package one is taken.
"""
import hashlib
import os
import sys

SECTIONS = ["admin", "devel", "games", "graphics", "libs", "math", "net", "python", "science", "sound"]
found, sources = {s: [] for s in SECTIONS}, set()
for stanza in sys.stdin.read().split("\n\n"):
    fields = dict(line.split(": ", 1) for line in stanza.splitlines() if ": " in line and line[0] != " ")
    section, text = fields.get("Section", "").split("/")[-1], fields.get("Description", fields.get("Description-en", ""))
    source = fields.get("Source", fields.get("Package", "")).split(" ")[0]
    if section in found and text and source not in sources:
        sources.add(source)
        found[section].append(text)
os.makedirs(sys.argv[1], exist_ok=True)
for name, first, last in [("train", 0, 128), ("test", 128, 228)]:
    with open(os.path.join(sys.argv[1], name + ".tsv"), "w") as f:
        for section, texts in found.items():
            texts = sorted(set(texts), key=lambda t: hashlib.sha256(t.encode()).digest())
            assert len(texts) >= last, f"{section} has {len(texts)} descriptions"
            for text in texts[first:last]:
                f.write(f"{section}\t{text}\n")
