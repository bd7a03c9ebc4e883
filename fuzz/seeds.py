"""Writes the seeds of fuzz/corpus with the libraries of the formats themselves.

    seeds.py [FOLDER]

Needs numpy, Pillow, torch, anndata, h5py and fontTools. Files that a fuzzing run has added are left alone.
"""

import gzip
import io
import json
import pathlib
import struct
import sys
import tarfile
import zipfile
import zlib

import numpy as np
import torch
from PIL import Image

ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "corpus")
FIXTURES = pathlib.Path(__file__).resolve().parents[1] / "tests/fixtures"


def seed(target, name, content):
    folder = ROOT / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())


def bytes_of(write):
    out = io.BytesIO()
    write(out)
    return out.getvalue()


def safetensors(header, data=b""):
    text = header if isinstance(header, str) else json.dumps(header)
    return struct.pack("<Q", len(text)) + text.encode() + data


def tensors():
    f32 = np.arange(6, dtype="<f4").tobytes()
    seed("safetensors", "two", safetensors({
        "__metadata__": {"method": "weak"},
        "w": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
        "flag": {"dtype": "BOOL", "shape": [3], "data_offsets": [24, 27]}}, f32 + b"\1\0\1"))
    seed("safetensors", "types", safetensors({
        name: {"dtype": name, "shape": [1], "data_offsets": [8 * i, 8 * i + size]}
        for i, (name, size) in enumerate([("F64", 8), ("I64", 8)])}, bytes(16)))
    seed("safetensors", "small-types", safetensors({
        "a": {"dtype": "BF16", "shape": [], "data_offsets": [0, 2]},
        "b": {"dtype": "F16", "shape": [1, 1], "data_offsets": [2, 4]},
        "c": {"dtype": "I16", "shape": [1], "data_offsets": [4, 6]},
        "d": {"dtype": "I32", "shape": [1], "data_offsets": [6, 10]},
        "e": {"dtype": "U8", "shape": [0, 5], "data_offsets": [10, 10]},
        "f": {"dtype": "I8", "shape": [1], "data_offsets": [10, 11]}}, bytes(11)))
    seed("safetensors", "vast", safetensors({"w": {"dtype": "F32", "shape": [1 << 62, 4], "data_offsets": [0, 0]}}))
    seed("safetensors", "empty", safetensors("{}"))

    arrays = {"c": np.arange(6, dtype="<f4").reshape(2, 3), "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
              "big": np.arange(4, dtype=">i4"), "scalar": np.float64(3), "bool": np.array([True, False]),
              "half": np.arange(3, dtype="<f2"), "none": np.zeros((0, 3), "u1"), "u64": np.arange(2, dtype="<u8"),
              "complex": np.zeros(2, "c8")}
    for name, array in arrays.items():
        seed("npy", name, bytes_of(lambda out: np.save(out, array)))
    seed("npy", "version2", bytes_of(lambda out: np.lib.format.write_array(out, arrays["c"], version=(2, 0))))
    seed("npy", "vast", b"\x93NUMPY\1\0" + struct.pack("<H", 70) +
         b"{'descr':'<f4','fortran_order':False,'shape':(4611686018427387904,4),}".ljust(70))
    seed("npz", "stored", bytes_of(lambda out: np.savez(out, x=arrays["c"], y=arrays["big"])))
    seed("npz", "packed", bytes_of(lambda out: np.savez_compressed(out, x=arrays["fortran"])))

    w = torch.arange(6.0).view(2, 3)
    checkpoints = {"nested": {"net": {"w": w, "tied": w[1]}, "step": 3, "lr": 0.5, "name": "a", "list": [w, None, True]},
                   "views": {"t": w.t(), "grown": torch.ones(1).expand(1000)},
                   "types": {"d": w.double(), "h": w.half(), "b": w.bfloat16(), "i": w.int(), "k": w > 2}}
    for name, content in checkpoints.items():
        seed("torch_checkpoint", name, bytes_of(lambda out: torch.save(content, out)))
        seed("torch_checkpoint", name + "-legacy",
             bytes_of(lambda out: torch.save(content, out, _use_new_zipfile_serialization=False)))
    seed("torch_checkpoint", "protocol4", bytes_of(lambda out: torch.save(checkpoints["nested"], out, pickle_protocol=4)))
    for path in FIXTURES.glob("evil_*.pt"):
        seed("torch_checkpoint", path.stem, path.read_bytes())


def statistics():
    def content(**changes):
        metadata = {"format": "monge feature statistics 1", "net": "inception", "mode": "clean", "weights": "0",
                    "source": "a", "count": "4"} | changes
        return safetensors({"__metadata__": metadata,
                            "mean": {"dtype": "F64", "shape": [2], "data_offsets": [0, 16]},
                            "covariance": {"dtype": "F64", "shape": [2, 2], "data_offsets": [16, 48]}}, bytes(48))
    seed("statistics", "moments", content())
    header = json.loads(content()[8:-48])
    header["mean"] |= {"shape": [0], "data_offsets": [0, 0]}
    header["covariance"] |= {"shape": [0, 0], "data_offsets": [0, 0]}
    seed("statistics", "no-features", safetensors(header))
    seed("statistics", "count", content(count="99999999999999999999"))


def texts():
    seed("csv", "header", "\na,b,c\n1,2,3\n4.5,-6e3,7\n")
    seed("csv", "index", "index=cell&columns=b,c\ncell,b,c\n\"x,1\",1,2\n\"y\"\"2\",3,4\n")
    seed("csv", "tabs", "separator=tab&header=no\n1\t2\n3\t4\n")
    seed("csv", "decimal-comma", "\na;b\n1,5;2\n3,25;4\n")
    seed("csv", "missing", "missing=drop\na,b\n1,NA\n2,\n3,4\n")
    seed("csv", "comments", "\n# a comment\nsep=;\n1;2\n\n3;4\n")
    seed("csv", "blank", "\n  1.0  2.0\n  3.0  inf\n")
    seed("csv", "utf16", b"\n" + "a,b\n1,2\n".encode("utf-16"))
    seed("csv", "utf32", b"\n" + "a,b\n1,2\n".encode("utf-32"))
    seed("csv", "windows", b"\nn\xe4me,b\r\n1,2\r\n")
    for i, line in enumerate([
            "toy:gaussian?dim=2", "toy:moons?noise=0.1", "font:a.ttf?mode=grey&part=1/2", "w2bench:f.safetensors?side=source",
            "npz:f.npz?key=x", "f.csv?columns=a,b,d-f&index=cell&header=yes", 'f.csv?columns="a,b",c', "f.npy?columns=0,2-5",
            "f.h5ad?obsm=X_pca&where=condition=ctrl,day!=3", "f.h5ad?layer=counts&missing=drop", "f.h5ad?raw=yes",
            "n-{000..146}.tar?member=input.png;jpg", "folder?names=l.txt&part=1/2&groups=line*",
            "s-{00000..00012}-of-00013.parquet?column=image", "f.parquet?columns=a,b&index=c", "a.zip?member=*", "a,b-g,0"]):
        seed("source_path", f"{i:02}", line)
    seed("recipe", "assignment", 'weak.gamma1=0.5\nmethod = "weak"\n[source]\npath = "toy:gaussian"\n[target]\npath = "toy:moons"\n')
    seed("recipe", "list", 'name=a b\nname = "x"\nseed = 3\n[eval]\nholdout = 0.1\nsource = "a"\n')
    seed("recipe", "size", '\n[source]\nsize = "64x32"\nbackground = "#ff0000"\n[card]\ntitle = """a\nb"""\n')
    seed("recipe", "unknown", 'x\n[sourse]\npath = 1979-05-27\n')


def images():
    rng = np.random.default_rng(1)
    rgb = rng.integers(0, 256, (5, 7, 3), "u1")
    exif = Image.Exif()
    exif[0x0112] = 6

    def save(name, image, form, choice=b"\0", **options):
        seed("image", name, choice + bytes_of(lambda out: image.save(out, form, **options)))

    colour, grey = Image.fromarray(rgb), Image.fromarray(rgb[..., 0])
    alpha = Image.fromarray(np.dstack([rgb, rgb[..., :1]]))
    deep = Image.fromarray(rgb[..., 0].astype("u2") * 257)
    for form in ("png", "tiff", "webp", "jpeg"):
        save("rgb." + form, colour, form, exif=exif.tobytes())
        save("grey." + form, grey, form)
    for form in ("png", "tiff", "webp"):
        save("rgba." + form, alpha, form)
    save("lossless.webp", colour, "webp", lossless=True)
    save("cmyk.jpeg", colour.convert("CMYK"), "jpeg")
    save("progressive.jpeg", colour, "jpeg", progressive=True)
    save("deep.png", deep, "png", b"\x40")
    save("deep.tiff", deep, "tiff", b"\x40")
    save("palette.png", colour.quantize(4), "png")
    save("palette.tiff", colour.quantize(4), "tiff")
    save("bits.png", grey.convert("1"), "png")
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "group4"):
        save(f"{compression}.tiff", grey.convert("1") if compression == "group4" else colour, "tiff",
             compression=compression)
    save("two.png", colour, "png", save_all=True, append_images=[colour.rotate(180)])
    save("two.tiff", colour, "tiff", save_all=True, append_images=[colour])
    save("two.webp", colour, "webp", save_all=True, append_images=[colour.rotate(180)])
    block = exif.tobytes()
    seed("exif", "little", block[6:] if block.startswith(b"Exif") else block)
    seed("exif", "prefix", b"Exif\0\0" + (block[6:] if block.startswith(b"Exif") else block))
    seed("exif", "big", b"MM\0*\0\0\0\x08\0\1\x01\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0")


def drawings():
    def drawing(content, before=""):
        return before + ('<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
                         'viewBox="0 0 10 10">' + content + "</svg>")
    rect = '<rect width="9" height="9"/>'
    seed("svg", "groups", "line*,b\n" + drawing(f'<g id="line1">{rect}</g><g id="b"><path d="M1 1c0,2-1,3-3,3z"/></g>'))
    seed("svg", "style", "\n" + drawing(f"<style>.a:not(b){{fill:url(#l)}}</style><linearGradient id='l'><stop/></linearGradient>{rect}"))
    seed("svg", "use", "\n" + drawing(f'<defs><g id="a">{rect}</g></defs><use xlink:href="#a"/><mask id="m"/><g mask="url(#m)"/>'))
    seed("svg", "filter", "\n" + drawing(f'<filter id="f"><feGaussianBlur stdDeviation="1"/></filter><g filter="url(#f)">{rect}</g>'))
    seed("svg", "entities", "\n" + drawing(rect, "<?xml version='1.0' encoding='UTF-8'?><!-- c --><!DOCTYPE svg [<?p?><!ENTITY a 'b'>]>"))
    seed("svg", "text", "\n" + drawing('<text y="9" font-size="4" style="stroke-width:1">x<![CDATA[y]]></text>'))
    # These hid what is nested in them, and librsvg ended the process.
    seed("svg", "utf7", "\n" + drawing("+ADw-g/+AD4-", "<?xml version='1.0' encoding='UTF-7'?>"))
    seed("svg", "include", "\n" + drawing("<i:include xmlns:i='http://www.w3.org/2001/XInclude' href='data:image/svg+xml,x'/>"))
    seed("svg", "import", "\n" + drawing("<style>@import 'data:text/css,a{}';</style>" + rect))
    seed("svg", "instruction", "\n" + drawing(rect, "<?xml-stylesheet type='text/css' href='data:text/css,a{}'?>"))
    seed("svg", "brackets", "\n" + drawing("<style>a" + ":not([a=')']" * 20 + "{}</style>" + rect))


def fonts():
    from fontTools.fontBuilder import FontBuilder
    from fontTools.pens.ttGlyphPen import TTGlyphPen
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    pen.lineTo((0, 50))
    pen.qCurveTo((40, 60), (50, 0))
    pen.closePath()
    builder = FontBuilder(64, isTTF=True)
    builder.setupGlyphOrder([".notdef", "A"])
    builder.setupCharacterMap({65: "A"})
    builder.setupGlyf({".notdef": TTGlyphPen(None).glyph(), "A": pen.glyph()})
    builder.setupHorizontalMetrics({".notdef": (64, 0), "A": (64, 0)})
    builder.setupHorizontalHeader(ascent=60, descent=0)
    builder.setupPost(keepGlyphNames=False)
    builder.setupMaxp()
    builder.font["head"].created = builder.font["head"].modified = 0
    builder.font.recalcTimestamp = False
    plain = bytes_of(builder.save)
    seed("font", "plain", plain)
    seed("font", "weights", (FIXTURES / "weights.ttf").read_bytes())

    def table(font, tag, content):
        """The font with another table of this tag."""
        count = int.from_bytes(font[4:6], "big")
        tables = {}
        for at in range(12, 12 + 16 * count, 16):
            begin, size = struct.unpack(">II", font[at + 8:at + 16])
            tables[font[at:at + 4]] = font[begin:begin + size]
        tables[tag] = content
        records, body, begin = b"", b"", 12 + 16 * len(tables)
        for name in sorted(tables):
            records += name + struct.pack(">III", 0, begin + len(body), len(tables[name]))
            body += tables[name] + b"\0" * (-len(tables[name]) % 4)
        return font[:4] + struct.pack(">HHHH", len(tables), 0, 0, 0) + records + body
    # A map of one group: every number of 32 bits is the glyph 1.
    seed("font", "vast-map", table(plain, b"cmap", struct.pack(">HHHHI", 0, 1, 0, 4, 12) + struct.pack(
        ">HHIIIIII", 13, 0, 28, 0, 1, 0, 0xFFFFFFFE, 1)))

    def bitmaps(png):
        """The font with one strike of bitmaps, in which the glyph 1 has this one."""
        data = struct.pack(">hh", 0, 0) + b"png " + png
        begin = 4 + 3 * 4  # behind the size of the strike and the offsets of both glyphs and the end
        strike = struct.pack(">HHIII", 8, 72, begin, begin, begin + len(data)) + data
        return table(plain, b"sbix", struct.pack(">HHII", 1, 1, 1, 12) + strike)

    def claiming(width, height):
        """A PNG that claims to be of this size and holds no pixels of it."""
        def chunk(kind, content):
            return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0))
                + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b""))
    seed("font", "bitmap", bitmaps(bytes_of(lambda out: Image.new("RGBA", (8, 8), (200, 30, 30, 255)).save(out, "PNG"))))
    seed("font", "vast-bitmap", bitmaps(claiming(30000, 30000)))
    seed("font", "wide-bitmap", bitmaps(claiming(30000, 1)))


def archives():
    def tar(mode, form=tarfile.PAX_FORMAT):
        def write(out):
            with tarfile.open(fileobj=out, mode="w:" + mode, format=form) as archive:
                for name, content in (("a.txt", b"hello"), ("folder/ü.png", b"x" * 20)):
                    info = tarfile.TarInfo(name)
                    info.size = len(content)
                    archive.addfile(info, io.BytesIO(content))
                for name, kind in (("hard", tarfile.LNKTYPE), ("soft", tarfile.SYMTYPE), ("../out", tarfile.LNKTYPE)):
                    info = tarfile.TarInfo(name)
                    info.type, info.linkname = kind, "a.txt"
                    archive.addfile(info)
        return bytes_of(write)
    seed("archive", "plain.tar", tar("")[:6144])
    seed("archive", "gnu.tar.gz", tar("gz", tarfile.GNU_FORMAT))
    seed("archive", "pax.tar.xz", tar("xz"))
    seed("archive", "pax.tar.bz2", tar("bz2"))

    def zipped(method):
        def write(out):
            with zipfile.ZipFile(out, "w", method) as archive:
                archive.writestr("a.txt", "hello")
                archive.writestr("folder/ü.txt", "x" * 50)
                archive.writestr("../out", "y")
        return bytes_of(write)
    for name, method in (("stored", zipfile.ZIP_STORED), ("deflated", zipfile.ZIP_DEFLATED), ("lzma", zipfile.ZIP_LZMA)):
        seed("archive", name + ".zip", zipped(method))
    for path in FIXTURES.glob("*.7z"):
        seed("archive", path.name, path.read_bytes())
    seed("archive", "bomb.tar.gz", gzip.compress(tarfile.TarInfo("a").tobuf()[:124] + b"77777777777\0" +
                                                 tarfile.TarInfo("a").tobuf()[136:] + bytes(20000)))


def packed():
    def joined(manifest, **files):
        parts = [("manifest.json", json.dumps(manifest).encode())] + [(k, v) for k, v in files.items()]
        return b"\n".join(b"=== " + name.encode() + b"\n" + content for name, content in parts)

    pixels = bytes_of(lambda out: np.save(out, np.arange(24, dtype="u1").reshape(2, 2, 2, 3)))
    content = bytes_of(lambda out: np.save(out, np.arange(2, dtype="<i8")))
    names = b"a.png\nb%0A.png\n"
    entry = lambda name, bytes_, count=0: {"file": name, "count": count, "bytes": len(bytes_), "xxh3": "0" * 16}
    manifest = {"format": "monge packed pictures", "version": 1, "kind": "pixels", "count": 2, "height": 2, "width": 2,
                "grey": False, "shards": [entry("pixels-00000.npy", pixels, 2)],
                "files": [entry("names.txt", names), entry("content.npy", content)]}
    files = {"names.txt": names, "content.npy": content}
    seed("packed_set", "pixels", joined(manifest, **{"pixels-00000.npy": pixels}, **files))
    png = bytes_of(lambda out: Image.new("RGB", (2, 2)).save(out, "png"))
    places = bytes_of(lambda out: np.save(out, np.array([[0, 0, len(png)], [0, 1, 2]], "<i8")))
    encoded = manifest | {"kind": "encoded", "shards": [entry("encoded-00000.tar", png, 2)],
                          "files": manifest["files"] + [entry("places.npy", places)]}
    seed("packed_set", "encoded", joined(encoded, **{"encoded-00000.tar": png, "places.npy": places}, **files))


def cells():
    import anndata
    import pandas
    table = anndata.AnnData(np.arange(6, dtype="f4").reshape(3, 2), obs=pandas.DataFrame(
        {"day": pandas.Categorical(["a", "b", "a"])}, index=list("xyz")), var=pandas.DataFrame(index=["g", "h"]))
    path = ROOT / "h5ad.tmp"
    table.write_h5ad(path)
    seed("h5ad", "dense", path.read_bytes())
    path.unlink()


ROOT.mkdir(exist_ok=True)
for write in (tensors, statistics, texts, images, drawings, fonts, archives, packed, cells):
    write()
