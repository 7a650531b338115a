"""Writes kinds.json: small image files of all kinds that Pillow reads, and what its convert("RGB") makes of them.

Run with Pillow 13 and numpy:

    cd data/picture/testdata && python3 gen_kinds.py
"""
import base64
import io
import json
import struct
import warnings
import zlib

import numpy as np
from PIL import Image

import jpegs

warnings.simplefilter("ignore")
rng = np.random.default_rng(5)
kinds = {}


def packed(b):
    return base64.b64encode(zlib.compress(bytes(b), 9)).decode()


def add(name, b):
    image = Image.open(io.BytesIO(b)).convert("RGB")
    kinds[name] = dict(file=packed(b), width=image.width, height=image.height, zlib=packed(image.tobytes()))


def saved(image, kind, **how):
    b = io.BytesIO()
    image.save(b, kind, **how)
    return b.getvalue()


def save(name, image, kind, **how):
    add(name, saved(image, kind, **how))


def photo(w, h):
    y, x = np.mgrid[0:h, 0:w]
    p = np.stack([128 + 100 * np.sin(x / 3 + y / 5), 255 * x / w, 128 + 100 * np.cos(y / 2)], -1)
    p[(x > w / 2) & (y > h / 3)] = [230, 40, 60]
    return Image.fromarray(np.clip(p + rng.normal(0, 5, p.shape), 0, 255).astype(np.uint8))


def with_alpha(image):
    out = image.copy()
    out.putalpha(Image.fromarray(rng.integers(0, 256, image.size[::-1], dtype=np.uint8)))
    return out


W, H = 13, 11
rgb = photo(W, H)
modes = {
    "1": rgb.convert("1"), "l": rgb.convert("L"), "la": with_alpha(rgb).convert("LA"), "rgb": rgb, "rgba": with_alpha(rgb),
    "p2": rgb.quantize(2), "p4": rgb.quantize(4), "p16": rgb.quantize(16), "p200": rgb.quantize(200), "cmyk": rgb.convert("CMYK"),
    "i": Image.fromarray(rng.integers(-50, 400, (H, W)).astype(np.int32)), "i16": Image.fromarray(rng.integers(0, 600, (H, W)).astype(np.uint16)),
    "f": Image.fromarray(rng.normal(100, 150, (H, W)).astype(np.float32)),
}
ways = [
    ("png", "PNG", {}), ("gif", "GIF", {}), ("bmp", "BMP", {}), ("ppm", "PPM", {}), ("lossy.webp", "WEBP", dict(quality=70)),
    ("lossless.webp", "WEBP", dict(lossless=True, exact=True)), ("jpg", "JPEG", dict(quality=60)), ("progressive.jpg", "JPEG", dict(quality=60, progressive=True)),
] + [(c + ".tif", "TIFF", dict(compression=c)) for c in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "group3", "group4")]
for mode, image in modes.items():
    for ending, kind, how in ways:
        if (mode, ending) in {("1", "jpeg.tif"), ("la", "jpeg.tif"), ("f", "ppm")} or mode in {"p2", "p4", "p16", "p200"} and ending == "jpeg.tif":
            continue
        if mode in {"i", "i16", "f"} and ending == "jpeg.tif" or mode != "1" and ending.startswith("group"):
            continue
        try:
            b = saved(image, kind, **how)
        except (OSError, ValueError):  # a format that lacks the mode
            continue
        add(f"{mode}.{ending}", b)
for w, h in (1, 1), (2, 1), (1, 2), (3, 5), (17, 16):
    small = photo(w, h)
    for ending, kind, how in ways[4:8] + [("gif", "GIF", {}), ("bmp", "BMP", {}), ("jpeg.tif", "TIFF", dict(compression="jpeg"))]:
        save(f"{w}x{h}.{ending}", small, kind, **how)
save("big.tif", rgb, "TIFF", big_tiff=True)
save("big.tif", rgb, "TIFF", big_tiff=True)
save("predictor.tif", rgb, "TIFF", compression="tiff_lzw", tiffinfo={317: 2})
save("predictor16.tif", modes["i16"], "TIFF", compression="tiff_adobe_deflate", tiffinfo={317: 2})
save("restart.jpg", photo(40, 20), "JPEG", quality=50, restart_marker_blocks=1)
for n in range(2, 9):
    save(f"turned{n}.tif", rgb, "TIFF", tiffinfo={274: n})
exif = Image.Exif()
exif[0x0112] = 6
save("turned6.jpg", rgb, "JPEG", quality=60, exif=exif)
save("turned6.png", rgb, "PNG", exif=exif)
save("turned6.webp", rgb, "WEBP", quality=60, exif=exif)

# Transparency, and the first frame of animations.
few = rgb.quantize(16)
save("transparent.gif", few, "GIF", transparency=2)
save("transparent.png", few, "PNG", transparency=2)
save("translucent.png", few, "PNG", transparency=bytes(range(0, 160, 10)))
save("transparentrgb.png", rgb, "PNG", transparency=rgb.getpixel((0, 0)))
save("transparentl.png", rgb.convert("L"), "PNG", transparency=100)
frames = [photo(W, H) for _ in range(2)]
save("frames.gif", rgb, "GIF", save_all=True, append_images=frames)
save("frames.png", rgb, "PNG", save_all=True, append_images=frames)
save("frames.tif", rgb, "TIFF", save_all=True, append_images=frames)
save("frames.webp", rgb, "WEBP", save_all=True, append_images=frames, quality=50)
hole = np.zeros((H, W), np.uint8)
hole[3:8, 4:10] = 200
part = rgb.copy()
part.putalpha(Image.fromarray(hole))
save("part.webp", part, "WEBP", save_all=True, append_images=frames, lossless=True)
save("partlossy.webp", part, "WEBP", save_all=True, append_images=frames, quality=60)

# GIF: a screen that is not the frame's, a frame that is not at its corner, white that is transparent.
gif = saved(few, "GIF")
for name, size in ("small", (5, 4)), ("zero", (0, 0)), ("big", (20, 17)):
    add(f"screen{name}.gif", gif[:6] + struct.pack("<HH", *size) + gif[10:])
clear = saved(few, "GIF", transparency=2)
add("screentransparent.gif", clear[:6] + struct.pack("<HH", 20, 17) + clear[10:])
at = gif.rindex(b",\0\0\0\0" + struct.pack("<HH", W, H))
add("offset.gif", gif[: at + 1] + struct.pack("<HH", 3, 6) + gif[at + 5 :])
white = Image.new("P", (W, H), 0)
white.putpalette([255, 255, 255, 10, 20, 30])
white.paste(1, (4, 4, 8, 8))
save("logo.gif", white, "GIF", transparency=0)
save("woven.gif", photo(W, 29).quantize(8), "GIF", interlace=1)

# PNG of 16 bits in colour.
def chunk(kind, b):
    return struct.pack(">I", len(b)) + kind + b + struct.pack(">I", zlib.crc32(kind + b) & 0xFFFFFFFF)


def png16(colour, channels, extra=b""):
    rows = rng.integers(0, 65536, (H, W, channels)).astype(">u2")
    data = b"".join(b"\0" + r.tobytes() for r in rows)
    head = struct.pack(">IIBBBBB", W, H, 16, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


plain, grey8 = saved(rgb, "PNG"), saved(rgb.convert("L"), "PNG")
index = saved(few, "PNG", bits=4)
add("endless.png", plain[: plain.index(b"IEND") - 4])
add("endlesscrc.png", plain[: plain.index(b"IEND") - 6])
add("badtext.png", plain[: plain.index(b"IEND") - 4] + b"\0\0\0\3tEXta\0b\0\0\0\0" + plain[plain.index(b"IEND") - 4 :])
add("palettegrey.png", grey8[:33] + chunk(b"PLTE", bytes(9)) + grey8[33:])
add("longtransparent.png", grey8[:33] + chunk(b"tRNS", bytes(9)) + grey8[33:])
add("early.png", index[:33] + chunk(b"tRNS", bytes(2)) + index[33:])
at = index.index(b"PLTE") - 4
length = struct.unpack(">I", index[at : at + 4])[0]
add("longpalette.png", index[:at] + chunk(b"PLTE", index[at + 8 : at + 8 + length] + bytes(range(12))) + index[at + 12 + length :])
add("rgb16.png", png16(2, 3))
add("rgba16.png", png16(6, 4))
add("la16.png", png16(4, 2))
add("l16transparent.png", png16(0, 1, chunk(b"tRNS", b"\0\5")))


# BMP: depths, headers, runs.
def bmp(bits, packing, data, palette=b"", header=40, extra=b"", w=W, h=H, colours=0):
    start = 14 + header + len(extra) + len(palette)
    return (b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start)
            + struct.pack("<IiiHHIIiiII", header, w, h, 1, bits, packing, len(data), 2835, 2835, colours, 0)
            + b"\0" * max(header - 40 - len(extra), 0) + extra + palette + data)


def noise(stride, h=H):
    return rng.integers(0, 256, stride * h, dtype=np.uint8).tobytes()


def palette(n, each=4):
    return b"".join(bytes([i * 7 % 256, 255 - i, i * 3 % 256, 0][:each]) for i in range(n))


add("555.bmp", bmp(16, 0, noise(28)))
add("565.bmp", bmp(16, 3, noise(28), extra=struct.pack("<III", 0xF800, 0x7E0, 0x1F)))
add("masks555.bmp", bmp(16, 3, noise(28), extra=struct.pack("<III", 0x7C00, 0x3E0, 0x1F)))
add("masks24.bmp", bmp(24, 3, noise(40), extra=struct.pack("<III", 0xFF0000, 0xFF00, 0xFF)))
add("masks32.bmp", bmp(32, 3, noise(52), extra=struct.pack("<III", 0xFF000000, 0xFF0000, 0xFF00)))
add("masks0.bmp", bmp(32, 3, noise(52), extra=struct.pack("<III", 0, 0, 0)))
for header in 52, 56, 64, 108, 124:
    add(f"header{header}.bmp", bmp(24, 0, noise(40), header=header))
for bits, stride in (1, 4), (4, 8), (8, 16):
    add(f"short{bits}.bmp", bmp(bits, 0, noise(stride), palette(2), colours=2))
    add(f"grey{bits}.bmp", bmp(bits, 0, noise(stride), b"".join(bytes([i] * 3 + [0]) for i in range(1 << bits)))) if bits == 8 else None
    colours, data = palette(1 << bits, 3), noise(stride)
    start = 26 + len(colours)
    add(f"os2_{bits}.bmp", b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start) + struct.pack("<IHHHH", 12, W, H, 1, bits) + colours + data)
data = noise(40)
add("os2_24.bmp", b"BM" + struct.pack("<IHHI", 26 + len(data), 0, 0, 26) + struct.pack("<IHHHH", 12, W, H, 1, 24) + data)
up = np.asarray(rgb)[:, :, ::-1]
rows = b"".join(r.tobytes() + b"\0" for r in up)
add("topdown.bmp", bmp(24, 0, rows, h=-H))
add("rle8.bmp", bmp(8, 1, bytes([5, 200, 0, 0, 0, 5, 1, 2, 3, 4, 5, 0, 0, 0, 2, 77, 3, 99, 0, 1]), palette(256), w=5, h=3))
add("rle8delta.bmp", bmp(8, 1, bytes([2, 200, 0, 2, 1, 1, 2, 9, 0, 0, 5, 8, 0, 0, 0, 1]), palette(256), w=5, h=3))
add("rle8endless.bmp", bmp(8, 1, bytes([5, 200, 0, 0, 5, 3, 0, 0, 5, 4]), palette(256), w=5, h=3))
add("rle4.bmp", bmp(4, 2, bytes([3, 0x12, 2, 0x45, 0, 0, 0, 3, 0x34, 0x50, 2, 0x11, 0, 0, 5, 0x99, 0, 0, 0, 1]), palette(16), w=5, h=3))

# TIFF: tiles, planes, either order of bytes, alpha that colours were multiplied by, bits turned round.
def tiff(tags, pieces, order="<", tiled=False):
    tags = {**tags, 324 if tiled else 273: [0] * len(pieces), 325 if tiled else 279: [len(p) for p in pieces]}
    start = 8 + 2 + 12 * len(tags) + 4
    at = start + sum(4 * len(v) for v in tags.values() if len(v) > 1)
    tags[324 if tiled else 273] = [at + sum(map(len, pieces[:i])) for i in range(len(pieces))]
    entries, more = b"", b""
    for tag, values in sorted(tags.items()):
        packed_values = struct.pack(f"{order}{len(values)}I", *values)
        entries += struct.pack(order + "HHI", tag, 4, len(values))
        if len(values) > 1:
            entries += struct.pack(order + "I", start + len(more))
            more += packed_values
        else:
            entries += packed_values
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, len(tags))
    return head + entries + b"\0" * 4 + more + b"".join(pieces)


def tags(bits, kind, samples, **more):
    return {256: [W], 257: [H], 258: [bits] * samples, 259: [1], 262: [kind], 277: [samples], **{int(k[1:]): v for k, v in more.items()}}


def pieces(a, w, h):
    a = np.pad(a, ((0, -a.shape[0] % h), (0, -a.shape[1] % w), (0, 0)))
    return [a[y : y + h, x : x + w].tobytes() for y in range(0, a.shape[0], h) for x in range(0, a.shape[1], w)]


solid, seen = np.asarray(rgb), np.asarray(modes["rgba"])
add("tiles.tif", tiff(tags(8, 2, 3, t322=[16], t323=[16]), pieces(solid, 16, 16), tiled=True))
add("smalltiles.tif", tiff(tags(8, 2, 3, t322=[8], t323=[4]), pieces(solid, 8, 4), tiled=True))
add("planes.tif", tiff(tags(8, 2, 3, t284=[2]), [solid[..., i].tobytes() for i in range(3)]))
add("multiplied.tif", tiff(tags(8, 2, 4, t338=[1]), [seen.tobytes()]))
add("extra.tif", tiff(tags(8, 2, 4, t338=[0]), [seen.tobytes()]))
for order in "<>":
    name = "le" if order == "<" else "be"
    wide = rng.integers(0, 65536, (H, W, 3)).astype(order + "u2")
    add(f"rgb16{name}.tif", tiff(tags(16, 2, 3), [wide.tobytes()], order))
    add(f"l16{name}.tif", tiff(tags(16, 1, 1), [(wide[..., 0] // 100).astype(order + "u2").tobytes()], order))
    add(f"cmyk16{name}.tif", tiff(tags(16, 5, 4), [np.concatenate([wide, wide[..., :1]], -1).astype(order + "u2").tobytes()], order))
add("white.tif", tiff(tags(8, 0, 1), [solid[..., :1].tobytes()]))
add("white4.tif", tiff(tags(4, 0, 1), [noise(7)]))
add("black2.tif", tiff(tags(2, 1, 1), [noise(4)]))
add("turnedbits.tif", tiff(tags(1, 1, 1, t266=[2]), [noise(2)]))
add("palette4.tif", tiff(tags(4, 3, 1, t320=[int(v) for v in rng.integers(0, 65536, 48)]), [noise(7)]))

# Netpbm: text and bytes, comments, ranges.
add("1.pbm", b"P1\n# by hand\n5 3\n1 0 1 0 1\n01011\n# more\n1 1 1 0 0")
add("2.pgm", b"P2 4 2 # by hand\n100\n0 50 100 33 1 2 3 99\n")
add("2wide.pgm", b"P2 4 2 1000\n0 50 1000 333 1 2 3 99\n")
add("3.ppm", b"P3\n2 2\n15\n1 2 3 4 5 6 7 8 9 10 11 15\n")
add("3wide.ppm", b"P3\n2 2\n1023\n1 2 3 4 5 6 7 8 9 10 11 1023\n")
add("4.pbm", b"P4\n10 2\n\xa5\x40\xff\x80")
add("5.pgm", b"P5 4 2 100\n" + bytes([0, 1, 50, 100, 33, 34, 99, 120]))
add("5wide.pgm", b"P5 4 2 1000\n" + struct.pack(">8H", 0, 1, 50, 1000, 333, 34, 99, 1200))
add("5full.pgm", b"P5 4 2 65535\n" + struct.pack(">8H", 0, 1, 50, 1000, 255, 256, 65535, 1200))
add("6.pnm", b"P6\n#by hand\n2 1\n31\n" + bytes([0, 1, 31, 15, 16, 30]))
add("6wide.ppm", b"P6 2 1 4095\n" + struct.pack(">6H", 0, 1, 50, 4095, 255, 2000))

# JPEG: sampling, markers, colours.
picture = np.asarray(photo(19, 17))
luma = [np.asarray(Image.fromarray(picture).convert("YCbCr"))[..., i].astype(float) for i in range(3)]
colours = [picture[..., i].astype(float) for i in range(3)]
inks = [255 - c for c in colours] + [np.full(picture.shape[:2], 215.0)]
for name in ("11 11 11", "21 11 11", "22 11 11", "12 11 11", "41 11 11", "42 11 11", "22 12 12", "22 21 21", "21 21 21", "22 12 11", "22 21 12",
             "11 21 21", "11 22 22", "31 11 11", "41 21 21", "24 11 11", "14 11 11", "22 22 11", "11 11 21"):
    add(f"sampled {name}.jpg", jpegs.encode(luma, [(int(s[0]), int(s[1])) for s in name.split()]))
one, two = [(1, 1)] * 4, [(2, 2), (1, 1), (1, 1), (2, 2)]
add("adobe0.jpg", jpegs.encode(colours, one[:3], jpegs.adobe(0)))
add("ids.jpg", jpegs.encode(colours, one[:3], b"", [82, 71, 66]))
add("idsjfif.jpg", jpegs.encode(colours, one[:3], jpegs.JFIF, [82, 71, 66]))
add("unmarked.jpg", jpegs.encode(luma, two[:3], b"", [0, 1, 2]))
add("unmarked34.jpg", jpegs.encode(luma, two[:3], b"", [1, 34, 35]))
for name, sampling in ("", one), ("420", two):
    add(f"cmyk{name}.jpg", jpegs.encode(inks, sampling, jpegs.adobe(0)))
    add(f"cmykunmarked{name}.jpg", jpegs.encode(inks, sampling, b""))
    add(f"ycck{name}.jpg", jpegs.encode(luma + inks[3:], sampling, jpegs.adobe(2)))
add("grey22.jpg", jpegs.encode(luma[:1], [(2, 2)]))
many = jpegs.encode(luma, [(1, 1)] * 3, restart=1)
add("restarts.jpg", many)
for n, m in (1, 2), (1, 3), (2, 0), (0, 7), (3, 1):
    add(f"restart{n}is{m}.jpg", many.replace(bytes([0xFF, 0xD0 + n]), bytes([0xFF, 0xD0 + m]), 1))
add("junkbeforerestart.jpg", many.replace(b"\xff\xd1", b"\x12\x34\xff\xd1", 1))
add("junkbeforeend.jpg", many[:-2] + b"\0\x55\xaa\0\xff\xd9")
add("junkbehind.jpg", many + b"\0" * 50 + b"MotionPhoto")
at = many.index(b"\xff\xdb")
add("fill.jpg", many[:at] + b"\xff\xff" + many[at:])

with open("kinds.json", "w") as f:
    f.write("{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in kinds.items()) + "\n}\n")
print(len(kinds))
