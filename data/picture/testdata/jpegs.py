"""A small writer of JPEG files with free sampling factors, markers and restart intervals, for gen_kinds.py."""
import math
import struct

import numpy as np

STEP = 6  # of quantization
ZIGZAG = sorted(((y, x) for y in range(8) for x in range(8)), key=lambda p: (p[0] + p[1], p[0] if (p[0] + p[1]) % 2 else p[1]))
COSINE = np.array([[math.sqrt((1 if u == 0 else 2) / 8) * math.cos((2 * x + 1) * u * math.pi / 16) for x in range(8)] for u in range(8)])
DC = list(range(12))  # codes of 4 bits
AC = [(r << 4) | s for r in range(16) for s in range(1, 11)] + [0, 0xF0]  # codes of 8 bits
JFIF = b"\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0"


def adobe(transform):
    return b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0" + bytes([transform])


class Bits:
    def __init__(self):
        self.bytes, self.last, self.n = bytearray(), 0, 0

    def put(self, value, n):
        for i in range(n - 1, -1, -1):
            self.last, self.n = self.last << 1 | (value >> i & 1), self.n + 1
            if self.n == 8:
                self.bytes.append(self.last)
                if self.last == 255:
                    self.bytes.append(0)
                self.last = self.n = 0

    def flush(self):
        while self.n:
            self.put(1, 1)


def magnitude(v):
    n = abs(v).bit_length()
    return n, (v if v >= 0 else v + (1 << n) - 1)


def table(kind, symbols, length):
    counts = [0] * 16
    counts[length - 1] = len(symbols)
    return b"\xff\xc4" + struct.pack(">HB", 19 + len(symbols), kind << 4) + bytes(counts) + bytes(symbols)


def downsampled(plane, fx, fy, w, h):
    """Means of fx x fy pixels, as large as the blocks are."""
    out = np.zeros((h, w))
    for y in range(h):
        for x in range(w):
            ys = np.clip(np.arange(int(y * fy), max(math.ceil((y + 1) * fy), int(y * fy) + 1)), 0, plane.shape[0] - 1)
            xs = np.clip(np.arange(int(x * fx), max(math.ceil((x + 1) * fx), int(x * fx) + 1)), 0, plane.shape[1] - 1)
            out[y, x] = plane[np.ix_(ys, xs)].mean()
    return out - 128


def block(bits, pixels, before):
    b = np.rint(COSINE @ pixels @ COSINE.T / STEP).astype(int)
    n, v = magnitude(int(b[0, 0]) - before)
    bits.put(DC.index(n), 4)
    bits.put(v, n)
    run = 0
    for y, x in ZIGZAG[1:]:
        if b[y, x] == 0:
            run += 1
            continue
        while run > 15:
            bits.put(AC.index(0xF0), 8)
            run -= 16
        n, v = magnitude(int(b[y, x]))
        bits.put(AC.index(run << 4 | n), 8)
        bits.put(v, n)
        run = 0
    if run:
        bits.put(AC.index(0), 8)
    return int(b[0, 0])


def encode(planes, sampling, markers=JFIF, ids=None, restart=0):
    h, w = planes[0].shape
    hmax, vmax = max(s[0] for s in sampling), max(s[1] for s in sampling)
    across, down = -(-w // (8 * hmax)), -(-h // (8 * vmax))
    ids = ids or list(range(1, len(planes) + 1))
    out = b"\xff\xd8" + markers + b"\xff\xdb" + struct.pack(">HB", 67, 0) + bytes([STEP] * 64)
    out += b"\xff\xc0" + struct.pack(">HBHHB", 8 + 3 * len(planes), 8, h, w, len(planes))
    out += b"".join(bytes([i, s[0] << 4 | s[1], 0]) for i, s in zip(ids, sampling))
    out += table(0, DC, 4) + table(1, AC, 8)
    if restart:
        out += b"\xff\xdd" + struct.pack(">HH", 4, restart)
    out += b"\xff\xda" + struct.pack(">HB", 6 + 2 * len(planes), len(planes)) + b"".join(bytes([i, 0]) for i in ids) + b"\0\x3f\0"
    small = [downsampled(p, hmax / s[0], vmax / s[1], across * 8 * s[0], down * 8 * s[1]) for p, s in zip(planes, sampling)]
    bits, before = Bits(), [0] * len(planes)
    for i in range(across * down):
        if restart and i and i % restart == 0:
            bits.flush()
            bits.bytes += bytes([0xFF, 0xD0 + (i // restart - 1) % 8])
            before = [0] * len(planes)
        my, mx = divmod(i, across)
        for c, s in enumerate(sampling):
            for v in range(s[1]):
                for u in range(s[0]):
                    y, x = (my * s[1] + v) * 8, (mx * s[0] + u) * 8
                    before[c] = block(bits, small[c][y : y + 8, x : x + 8], before[c])
    bits.flush()
    return out + bytes(bits.bytes) + b"\xff\xd9"
