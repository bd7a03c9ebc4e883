"""Two trainings that take seconds: a weak map of points, and a strong map of images that write_images() draws."""
import struct
import zlib

VECTORS = """
method = "weak"
[source]
path = "toy:gaussian"
[target]
path = "toy:moons"
[weak]
z = 2
[map]
width = 64
[potential]
width = 64
"""

IMAGES = """
method = "strong"
[source]
path = "ramps"
size = 16
[target]
path = "discs"
size = 16
[data]
flip = true
[map]
width = 8
depth = 2
norm = "group"
[potential]
width = 8
width_max = 16
r1 = 0.1
"""


def png(side, colour_at):
    """An RGB image as a PNG file. colour_at(x, y) is three numbers from 0 to 255."""
    rows = b"".join(b"\0" + bytes(c for x in range(side) for c in colour_at(x, y)) for y in range(side))

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def write_images(folder):
    """Ramps of many colours, and discs of many radii; 48 each."""
    for name in ("ramps", "discs"):
        (folder / name).mkdir()
    for i in range(48):
        ramp = png(20, lambda x, y: (12 * x, (12 * y + 5 * i) % 256, 5 * i))
        disc = png(20, lambda x, y: (240, 5 * i, 40) if (x - 10) ** 2 + (y - 10) ** 2 < 2 * i + 4 else (250, 250, 250))
        (folder / "ramps" / f"{i:02}.png").write_bytes(ramp)
        (folder / "discs" / f"{i:02}.png").write_bytes(disc)
