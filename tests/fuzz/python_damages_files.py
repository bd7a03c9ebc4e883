"""Writes damaged files and what numpy, zipfile and Pillow read of them, for damaged_files_test.cpp to compare.

    python_damages_files.py FOLDER ROUNDS

FOLDER/I.npy, I.zip and I.png are damaged files; where the library reads one, FOLDER/I.npy.expected (.npy, C order,
little-endian), I.zip.expected (an .npz of uint8 with a name per entry) or I.png.expected (.npy, uint8 [H, W, 3]) has what
it reads. Ends with code 77 when this Python lacks one of the packages.
"""

import io
import pathlib
import random
import stat
import sys
import warnings
import zipfile
import zlib

try:
    import numpy as np
    from PIL import Image
except Exception as error:
    print(f"this Python lacks a package: {error}")
    sys.exit(77)

warnings.simplefilter("ignore")
folder, rounds = pathlib.Path(sys.argv[1]), int(sys.argv[2])
rng = random.Random(20261202)
Image.MAX_IMAGE_PIXELS = 1 << 20


def damaged(content):
    """One to three changes: a byte replaced, digits of a header replaced, a piece doubled or cut."""
    out = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        at = rng.randrange(len(out))
        kind = rng.randrange(6)
        if kind == 0:
            del out[at:at + rng.randint(1, 4)]
        elif kind == 1:
            out[at:at] = out[at:at + rng.randint(1, 8)]
        elif kind == 2:
            out[at] = rng.choice(b"0123456789,'<>|=fiub() TF")
        else:
            out[at] ^= 1 << rng.randrange(8)
        if not out:
            out = bytearray(content)
    return bytes(out)


def with_checksums(content):
    """A PNG whose chunks have the checksums of what they hold, so that more than checksums is compared."""
    out, at = content[:8], 8
    while at + 12 <= len(content):
        length = int.from_bytes(content[at:at + 4], "big")
        if at + 12 + length > len(content):
            break
        body = content[at + 4:at + 8 + length]
        out += content[at:at + 4] + body + zlib.crc32(body).to_bytes(4, "big")
        at += 12 + length
    return out + content[at:]


def saved(array):
    out = io.BytesIO()
    np.save(out, np.ascontiguousarray(array).reshape(array.shape).astype(array.dtype.newbyteorder("<")))
    return out.getvalue()


def numpy_reads(content):
    array = np.load(io.BytesIO(content), allow_pickle=False)
    return saved(array) if isinstance(array, np.ndarray) and array.size < 1 << 20 else None


def zipfile_reads(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        # monge leaves out what the archive says is a folder, a link or a device.
        if any(stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG) for info in archive.infolist()):
            return None
        # Python believes the counts of the end record, libarchive the directory itself; compared is where they agree.
        end = content.rfind(b"PK\5\6")
        if int.from_bytes(content[end + 10:end + 12], "little") != len(archive.infolist()):
            return None
        entries = [(info.filename, archive.read(info)) for info in archive.infolist() if not info.is_dir()]
    if len({name for name, _ in entries}) == len(entries) and all(
            name.isascii() and name.isalnum() for name, _ in entries):
        out = io.BytesIO()
        np.savez(out, **{name: np.frombuffer(data, "u1") for name, data in entries})
        return out.getvalue()
    return None


def pillow_reads(content):
    image = Image.open(io.BytesIO(content), formats=["PNG"])
    image.load()
    if image.mode in ("L", "RGB") and "transparency" not in image.info:
        return saved(np.asarray(image.convert("RGB")))
    return None


def of(write):
    out = io.BytesIO()
    write(out)
    return out.getvalue()


def zipped(method):
    def write(out):
        with zipfile.ZipFile(out, "w", method) as archive:
            archive.writestr("one", "hello")
            archive.writestr("two", "x" * 40)
    return of(write)


rgb = np.random.default_rng(1).integers(0, 256, (5, 7, 3), "u1")
seeds = {
    "npy": ([saved(np.arange(6, dtype="<f4").reshape(2, 3)), of(lambda o: np.save(o, np.asfortranarray(np.ones((2, 3))))),
             of(lambda o: np.save(o, np.arange(4, dtype=">i2"))), saved(np.array([True, False]))], numpy_reads),
    "zip": ([zipped(zipfile.ZIP_STORED), zipped(zipfile.ZIP_DEFLATED)], zipfile_reads),
    "png": ([of(lambda o: Image.fromarray(rgb).save(o, "png")), of(lambda o: Image.fromarray(rgb[..., 0]).save(o, "png"))],
            pillow_reads),
}
for kind, (contents, read) in seeds.items():
    for number in range(rounds):
        content = rng.choice(contents)
        content = damaged(content) if number else content
        if kind == "png" and number % 2:
            content = with_checksums(content)
        (folder / f"{number}.{kind}").write_bytes(content)
        try:
            expected = read(content)
        except Exception:
            continue
        if expected is not None:
            (folder / f"{number}.{kind}.expected").write_bytes(expected)
