#!/usr/bin/env python3
"""Measures monge recolour. Prints rows of Markdown tables.

    bench/recolour.py pairs PHOTO STYLE [PHOTO STYLE ...] [--out FOLDER] [--threads N] [--set KEY=VALUE ...]
        what each pair reaches, the seconds from start to end, and the CPU seconds of user code and system
    bench/recolour.py bands STYLE [--width N]
        levels and flat runs of a smooth gradient before and after
    bench/recolour.py frames PHOTO STYLE
        ten frames, which a window that moves over PHOTO cuts out: one map for all, or a map for each

Needs build/release/monge and Python alone; PHOTO of `frames` must be a PNG of 8 bits.
"""
import argparse
import json
import os
import pathlib
import resource
import struct
import subprocess
import sys
import tempfile
import time
import zlib

MONGE = os.environ.get("MONGE_PROGRAM", str(pathlib.Path(__file__).parent.parent / "build/release/monge"))


def recolour(photo, style, out, *options):
    """What `monge recolour --json` says, with wall and CPU seconds of the whole process."""
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([MONGE, "recolour", photo, style, out, "--json", "--quiet", *options], stdout=subprocess.PIPE)
    if done.returncode:
        sys.exit(done.returncode)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = json.loads(done.stdout)
    result["wall"] = time.monotonic() - began
    result["cpu"] = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return result


def write_png(path, rows, width, bits):
    """rows: lists of 3 * width samples."""
    pack = (lambda row: bytes(row)) if bits == 8 else (lambda row: struct.pack(f">{len(row)}H", *row))
    chunk = lambda kind, body: struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    header = struct.pack(">IIBBBBB", width, len(rows), bits, 2, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + pack(row) for row in rows), 1)
    pathlib.Path(path).write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b""))


def read_png(path):
    """@return rows of samples, the width and the bits of a PNG of RGB."""
    data, at, body = pathlib.Path(path).read_bytes(), 8, b""
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        content = data[at + 8:at + 8 + length]
        if kind == b"IHDR":
            width, height, bits, colour = struct.unpack(">IIBB", content[:10])
        body += content if kind == b"IDAT" else b""
        at += 12 + length
    if colour != 2:
        sys.exit(f"{path}: is no PNG of RGB")
    step = 3 * bits // 8
    length, raw, before, rows = step * width, zlib.decompress(body), bytes(step * width), []
    for y in range(height):
        kind, line = raw[y * (length + 1)], bytearray(raw[y * (length + 1) + 1:(y + 1) * (length + 1)])
        for i in range(length if kind else 0):
            left, up, corner = (line[i - step], before[i], before[i - step]) if i >= step else (0, before[i], 0)
            p = left + up - corner
            paeth = min((left, up, corner), key=lambda v: abs(p - v))
            line[i] = line[i] + (0, left, up, (left + up) // 2, paeth)[kind] & 255
        before = bytes(line)
        rows.append(list(struct.unpack(f">{length // 2}H", before) if bits == 16 else before))
    return rows, width, bits


def pairs(arguments):
    print("| photo, style | 1/2 W2^2 before | left | floor | cost, of the exact plan's | seconds | CPU seconds |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(arguments.out or scratch)
        folder.mkdir(exist_ok=True)
        for photo, style in zip(arguments.paths[::2], arguments.paths[1::2], strict=True):
            names = pathlib.Path(photo).name, pathlib.Path(style).name
            out = folder / f"{pathlib.Path(photo).stem}-{pathlib.Path(style).stem}{arguments.format}"
            options = ["--threads", str(arguments.threads), *(f"--set={key}" for key in arguments.set)]
            r = recolour(photo, style, str(out), *options)
            print(f"| {names[0]}, {names[1]} | {r['target_start']:.3f} | {r['target_error']:.4f} | {r['target_floor']:.4f} |"
                  f" {r['cost_ratio']:.3f} | {r['wall']:.1f} | {r['cpu']:.1f} |", flush=True)


def flat_run(values):
    longest = run = 1
    for a, b in zip(values, values[1:]):
        run = run + 1 if a == b else 1
        longest = max(longest, run)
    return longest


def bands(arguments):
    """A sky: a gradient from left to right over less than half of the range, the same in every row."""
    width, height = arguments.width, 64
    dark, light = (0.20, 0.36, 0.60), (0.62, 0.74, 0.86)
    way = [x / (width - 1) for x in range(width)]
    sky = lambda largest: [round(largest * (d + t * (l - d))) for t in way for d, l in zip(dark, light)]

    def row_of(name, rows, bits):
        middle = rows[len(rows) // 2]
        levels = [len(set(middle[c::3])) for c in range(3)]
        runs = [flat_run(middle[c::3]) for c in range(3)]
        # What the eye sees of a dithered area is its mean: here over columns of 64 pixels, in levels of 8 bits.
        unit = 257 if bits == 16 else 1
        means = [[sum(row[3 * x + c] for row in rows) / len(rows) / unit for x in range(width)] for c in range(3)]
        steps = [max(abs(b - a) for a, b in zip(m, m[8:])) for m in means]
        text = lambda v, f: ", ".join(format(x, f) for x in v)
        print(f"| {name} | {text(levels, 'd')} | {text(runs, 'd')} | {text(steps, '.2f')} |", flush=True)

    print("| red, green, blue | levels of a row | longest flat run | largest change of the column means over 8 pixels, levels |")
    print("| --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        for bits in (16, 8):
            photo = folder / f"sky-{bits}.png"
            write_png(photo, [sky(2**bits - 1)] * height, width, bits)
            row_of(f"gradient of {bits} bits", [sky(2**bits - 1)] * height, bits)
            recolour(str(photo), arguments.style, str(folder / "out.png"))
            out, _, bits_out = read_png(folder / "out.png")
            row_of(f"recoloured, {bits_out} bits", out, bits_out)
            if bits_out == 16:
                row_of("the same, rounded to 8 bits", [[round(v / 257) for v in row] for row in out], 8)


def frames(arguments):
    rows, width, bits = read_png(arguments.photo)
    if bits != 8:
        sys.exit(f"{arguments.photo}: has {bits} bits, allowed is 8")
    count, w, h = 10, width * 2 // 3, len(rows) * 2 // 3
    corners = [((width - w) * k // (count - 1), (len(rows) - h) * k // (count - 1)) for k in range(count)]
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        (folder / "frames").mkdir()
        for k, (x, y) in enumerate(corners):
            write_png(folder / f"frames/{k:02}.png", [row[3 * x:3 * (x + w)] for row in rows[y:y + h]], w, 8)

        def spread(out):
            """Of the pixels that all frames show: the mean over pixels of the largest difference of frames, and the largest."""
            shown = [read_png(out / f"{k:02}.png")[0] for k in range(count)]
            left, top = corners[-1]
            sums = largest = pixels = 0
            for y in range(top, h):
                for x in range(left, w):
                    for c in range(3):
                        values = [frame[y - b][3 * (x - a) + c] for frame, (a, b) in zip(shown, corners)]
                        difference = max(values) - min(values)
                        sums, largest, pixels = sums + difference, max(largest, difference), pixels + 1
            return sums / pixels, largest

        print(f"{count} frames of {w} x {h}, seen in all of them: {w - corners[-1][0]} x {h - corners[-1][1]}")
        result = recolour(str(folder / "frames"), arguments.style, str(folder / "one"))
        print("one map for all:  differences of the same pixel between frames: mean {:.2f}, largest {} levels;".format(*spread(folder / "one")),
              f"{result['wall']:.1f} s, CPU {result['cpu']:.1f} s")
        (folder / "each").mkdir()
        each = [recolour(str(folder / f"frames/{k:02}.png"), arguments.style, str(folder / f"each/{k:02}.png")) for k in range(count)]
        print("a map for each:   differences of the same pixel between frames: mean {:.2f}, largest {} levels;".format(*spread(folder / "each")),
              f"{sum(r['wall'] for r in each):.1f} s, CPU {sum(r['cpu'] for r in each):.1f} s")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("pairs")
    command.add_argument("paths", nargs="+", metavar="PHOTO STYLE")
    command.add_argument("--out", help="keeps the outputs in this folder")
    command.add_argument("--format", default=".jpg", help="of the outputs (.jpg)")
    command.add_argument("--threads", type=int, default=2)
    command.add_argument("--set", action="append", default=[])
    command.set_defaults(run=pairs)
    command = commands.add_parser("bands")
    command.add_argument("style")
    command.add_argument("--width", type=int, default=2000)
    command.set_defaults(run=bands)
    command = commands.add_parser("frames")
    command.add_argument("photo")
    command.add_argument("style")
    command.set_defaults(run=frames)
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
