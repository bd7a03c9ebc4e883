"""Writes damaged files and what numpy, zipfile, tarfile, Pillow, safetensors and py7zr read of them, for
damaged_files_test.cpp to compare.

    python_damages_files.py FOLDER ROUNDS

FOLDER/I.npy, I.zip, I.tar, I.png, I.safetensors and I.7z are damaged files; where the library reads one,
FOLDER/I.npy.expected (.npy, C order, little-endian), I.zip.expected, I.tar.expected or I.7z.expected (an .npz of uint8
with a name per entry), I.png.expected (.npy, uint8 [H, W, 3]) or I.safetensors.expected (an .npz) has what it reads.
Ends with code 77 when this Python lacks numpy or Pillow. Without safetensors or py7zr there are no files of that kind.
"""

import io
import pathlib
import random
import stat
import sys
import tarfile
import warnings
import zipfile
import zlib

try:
    import numpy as np
    from PIL import Image
except Exception as error:
    print(f"this Python lacks a package: {error}")
    sys.exit(77)

try:
    import safetensors.numpy
except Exception:
    safetensors = None
try:
    import py7zr
except Exception:
    py7zr = None

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


def with_tar_checksums(content):
    """A tar whose headers have the sums of what they hold."""
    out, at = bytearray(content), 0
    while at + 512 <= len(out) and any(out[at:at + 512]):
        out[at + 148:at + 156] = b" " * 8
        out[at + 148:at + 156] = b"%06o\0 " % sum(out[at:at + 512])
        try:
            size = int(bytes(out[at + 124:at + 136]).strip(b"\0 ") or b"0", 8)
        except ValueError:
            break
        at += 512 + (size + 511) // 512 * 512
    return bytes(out)


def with_7z_checksums(content):
    """A 7z whose two headers have the checksums of what they hold."""
    if len(content) < 32:
        return content
    out = bytearray(content)
    begin, size = (int.from_bytes(out[at:at + 8], "little") for at in (12, 20))
    out[28:32] = zlib.crc32(out[32 + begin:32 + begin + size]).to_bytes(4, "little")
    out[8:12] = zlib.crc32(out[12:32]).to_bytes(4, "little")
    return bytes(out)


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
        return saved_entries([(info.filename, archive.read(info)) for info in archive.infolist() if not info.is_dir()])


def saved_entries(entries):
    """An .npz of the entries, where their names are plain and differ."""
    if len({name for name, _ in entries}) == len(entries) and all(
            name.isascii() and name.isalnum() for name, _ in entries):
        out = io.BytesIO()
        np.savez(out, **{name: np.frombuffer(data, "u1") for name, data in entries})
        return out.getvalue()
    return None


def tarfile_reads(content):
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
        members = archive.getmembers()
        # monge leaves out links and devices; and tarfile ends silently at a header that it cannot read.
        ends = not any(content[archive.offset:archive.offset + 512])
        if not ends or any(not (member.isreg() or member.isdir()) for member in members):
            return None
        return saved_entries([(member.name, archive.extractfile(member).read()) for member in members if member.isreg()])


def py7zr_reads(content):
    with py7zr.SevenZipFile(io.BytesIO(content)) as archive:
        # What has bytes is no folder to libarchive, whatever its attributes say; monge leaves out what is no file.
        if any(file.st_fmt not in (None, 0, stat.S_IFREG) or (file.is_directory and not file.emptystream)
               for file in archive.files):
            return None
        factory = py7zr.io.BytesIOFactory(1 << 20)
        archive.extractall(factory=factory)
        return saved_entries([(name, product.read()) for name, product in factory.products.items()])


def safetensors_reads(content):
    tensors = safetensors.numpy.load(content)
    if not all(name.isascii() and name.isalnum() for name in tensors):
        return None
    out = io.BytesIO()
    np.savez(out, **tensors)
    return out.getvalue()


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


def tarred(format, name):
    def write(out):
        with tarfile.open(fileobj=out, mode="w", format=format) as archive:
            for entry, data in ((name, b"hello"), ("two", b"x" * 600)):
                info = tarfile.TarInfo(entry)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    return of(write)


def packed_7z(method):
    def write(out):
        with py7zr.SevenZipFile(out, "w", filters=[{"id": method}], header_encryption=False) as archive:
            archive.set_encoded_header_mode(False)
            archive.writestr(b"hello", "one")
            archive.writestr(b"x" * 40, "two")
    return of(write)


rgb = np.random.default_rng(1).integers(0, 256, (5, 7, 3), "u1")
seeds = {
    "npy": ([saved(np.arange(6, dtype="<f4").reshape(2, 3)), of(lambda o: np.save(o, np.asfortranarray(np.ones((2, 3))))),
             of(lambda o: np.save(o, np.arange(4, dtype=">i2"))), saved(np.array([True, False]))], numpy_reads),
    "zip": ([zipped(zipfile.ZIP_STORED), zipped(zipfile.ZIP_DEFLATED)], zipfile_reads),
    "png": ([of(lambda o: Image.fromarray(rgb).save(o, "png")), of(lambda o: Image.fromarray(rgb[..., 0]).save(o, "png"))],
            pillow_reads),
    "tar": ([tarred(tarfile.USTAR_FORMAT, "one"), tarred(tarfile.GNU_FORMAT, "n" * 120), tarred(tarfile.PAX_FORMAT, "n" * 120)],
            tarfile_reads),
}
if safetensors:
    seeds["safetensors"] = ([safetensors.numpy.save({"a": np.ones((2, 3), "<f4"), "b": np.arange(3), "c": np.zeros(0, "u1")}),
                             safetensors.numpy.save({"x": np.ones((2, 1), "<f2"), "y": np.array(True)}, {"k": "v"})],
                            safetensors_reads)
if py7zr:
    seeds["7z"] = ([packed_7z(py7zr.FILTER_LZMA2), packed_7z(py7zr.FILTER_COPY)], py7zr_reads)
checksums = {"png": with_checksums, "tar": with_tar_checksums, "7z": with_7z_checksums}
for kind, (contents, read) in seeds.items():
    for number in range(rounds):
        content = rng.choice(contents)
        content = damaged(content) if number else content
        if kind in checksums and number % 2:
            content = checksums[kind](content)
        (folder / f"{number}.{kind}").write_bytes(content)
        try:
            expected = read(content)
        except Exception:
            continue
        if expected is not None:
            (folder / f"{number}.{kind}.expected").write_bytes(expected)
