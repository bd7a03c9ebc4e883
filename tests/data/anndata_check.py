#!/usr/bin/env python3
"""Compares what monge reads and writes in .h5ad files with anndata, the format's own library.

    tests/data/anndata_check.py MONGE [SHARED.h5ad]

Writes files in many forms into a scratch folder, translates them, and reads the outputs by anndata. What a map does not
change must be equal; with --t 0 a map is the identity, so that its output is what monge has read. PEER_PYTHON names a
Python that has anndata, if this one does not. Exit code 77: skipped.
"""
import os
import pathlib
import subprocess
import sys
import tempfile
import warnings

PEER = os.environ.get("PEER_PYTHON")
if PEER and os.path.abspath(PEER) != os.path.abspath(sys.executable) and not os.environ.get("MONGE_IN_PEER"):
    os.environ["MONGE_IN_PEER"] = "1"
    os.execv(PEER, [PEER, *sys.argv])
try:
    import anndata
    import h5py
    import numpy as np
    import pandas as pd
    import scipy.sparse as sp
    from anndata.tests.helpers import assert_equal
except ImportError as failure:
    print(f"skipped: needs a Python with anndata and pytest, named by PEER_PYTHON ({failure})")
    sys.exit(77)

warnings.filterwarnings("ignore")
anndata.settings.remove_unused_categories = False
if hasattr(anndata.settings, "allow_write_nullable_strings"):
    anndata.settings.allow_write_nullable_strings = True
CELLS, GENES, SCORES = 40, 6, 3
MONGE = os.path.abspath(sys.argv[1])
RECIPE = """
method = "weak"
[source]
path = "{path}"
[target]
path = "{path}"
[weak]
z = 2
[map]
width = 8
[potential]
width = 8
[train]
iterations = 3
threads = 1
batch = 16
k_t = 1
[eval]
every = 0
samples = 8
[samples]
every = 0
"""
checks = 0


def monge(*arguments, fails=False):
    done = subprocess.run([MONGE, *map(str, arguments)], capture_output=True, text=True)
    if (done.returncode != 0) != fails:
        sys.exit(f"monge {' '.join(map(str, arguments))}\nended with {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stderr


def check(condition, what):
    global checks
    checks += 1
    if not condition:
        sys.exit(f"FAILED: {what}")


def cells(x=None):
    """A table of cells with every kind of part."""
    random = np.random.default_rng(1)
    if x is None:
        x = np.where(random.random((CELLS, GENES)) < 0.5, 0, random.normal(size=(CELLS, GENES))).astype("f4")
    names = [f"cell-{i}é" if i % 7 == 0 else f"cell-{i}" for i in range(CELLS)]
    obs = pd.DataFrame(index=pd.Index(names, name="barcode"))
    obs["condition"] = pd.Categorical(np.array(["ctrl", "stim", "other, too"])[np.arange(CELLS) % 3])
    obs["stage"] = pd.Categorical(np.array([10.5, 10.0, 11.0])[np.arange(CELLS) % 3], ordered=True)
    obs["holes"] = pd.Categorical([None if i % 5 == 0 else "full" for i in range(CELLS)], categories=["full", "unused"])
    obs["note"] = [f"note {i % 4}" for i in range(CELLS)]
    obs["donor"] = np.arange(CELLS) % 4
    obs["score"] = (np.arange(CELLS) % 5 / 10).astype("f4")
    obs["good"] = np.arange(CELLS) % 2 == 0
    obs["age"] = pd.array([None if i % 6 == 0 else i % 3 for i in range(CELLS)], dtype="Int64")
    obs["sure"] = pd.array([None if i % 6 == 1 else i % 2 == 0 for i in range(CELLS)], dtype="boolean")
    if hasattr(anndata.settings, "allow_write_nullable_strings"):
        obs["words"] = pd.array([None if i % 6 == 2 else f"w{i % 3}" for i in range(CELLS)], dtype="string")
    var = pd.DataFrame({"mean": np.asarray(x.mean(0)).ravel()[:GENES].astype("f8")},
                       index=[f"gene{j}" for j in range(GENES)])
    var["kind"] = pd.Categorical(["a", "b"] * (GENES // 2))
    out = anndata.AnnData(x, obs=obs, var=var)
    out.layers["counts"] = sp.csr_matrix(random.poisson(1, (CELLS, GENES)).astype("i4"))
    out.layers["exact"] = random.normal(size=(CELLS, GENES))
    out.layers["turned"] = sp.csc_matrix(np.asarray(out.layers["counts"].todense()).astype("f8"))
    out.obsm["X_pca"] = random.normal(size=(CELLS, SCORES)).astype("f4")
    out.obsm["sparse"] = sp.csr_matrix(random.poisson(1, (CELLS, SCORES)).astype("f4"))
    out.obsm["frame"] = pd.DataFrame(random.normal(size=(CELLS, SCORES)), index=names, columns=["u", "v", "w"])
    out.obsm["cube"] = random.normal(size=(CELLS, 2, 2))
    out.obsp["distances"] = sp.random(CELLS, CELLS, 0.2, format="csr", random_state=1)
    out.obsp["turned"] = sp.random(CELLS, CELLS, 0.2, format="csc", random_state=2)
    out.obsp["dense"] = random.normal(size=(CELLS, CELLS)).astype("f4")
    out.varm["PCs"] = random.normal(size=(GENES, SCORES))
    out.varp["graph"] = sp.random(GENES, GENES, 0.5, format="csr", random_state=3)
    out.uns["condition_colors"] = np.array(["#000000", "#ff0000", "#00ff00"])
    out.uns["deep"] = {"number": 3, "text": "é", "list": np.array(["a", "b"]), "frame": var.copy(), "flag": True,
                       "records": np.array([(1, 2.5)], dtype=[("a", "i4"), ("b", "f8")])}
    out.raw = anndata.AnnData(sp.csr_matrix(random.poisson(1, (CELLS, GENES + 2)).astype("f4")), obs=obs,
                              var=pd.DataFrame(index=[f"raw{j}" for j in range(GENES + 2)]))
    return out


def dense(matrix):
    if isinstance(matrix, pd.DataFrame):
        return matrix.to_numpy()
    return np.asarray(matrix.todense()) if sp.issparse(matrix) else np.asarray(matrix)


def make_old(path):
    """The same file as anndata 0.7 wrote it: categories beside the columns, no encodings but those of tables."""
    with h5py.File(path, "r+") as file:
        for frame in (file["obs"], file["var"], file["uns/deep/frame"]):
            frame.attrs["encoding-version"] = "0.1.0"
            for name in list(frame):
                column = frame[name]
                if isinstance(column, h5py.Group) and column.attrs["encoding-type"] == "categorical":
                    codes, categories = column["codes"][()], column["categories"][()]
                    ordered = column.attrs["ordered"]
                    del frame[name]
                    frame.require_group("__categories")
                    if categories.dtype == object:  # also texts of fixed length
                        categories = np.array([c for c in categories], dtype="S16")
                    listed = frame["__categories"].create_dataset(name, data=categories)
                    listed.attrs["ordered"] = ordered
                    frame.create_dataset(name, data=codes).attrs["categories"] = listed.ref
                elif isinstance(column, h5py.Group):
                    del frame[name]
                    frame.attrs["column-order"] = np.array([c for c in frame.attrs["column-order"] if c != name],
                                                           dtype=h5py.string_dtype())
                else:
                    for attribute in list(column.attrs):
                        del column.attrs[attribute]

        def strip(name, node):
            if node.attrs.get("encoding-type") in ("dict", "array", "string-array", "string", "numeric-scalar"):
                del node.attrs["encoding-type"], node.attrs["encoding-version"]
        file.visititems(strip)
        for attribute in list(file.attrs):
            del file.attrs[attribute]


def make_older(path):
    """Sparse matrices as h5sparse had them."""
    with h5py.File(path, "r+") as file:
        for name in ("X", "layers/counts", "layers/turned"):
            group = file[name]
            if "encoding-type" not in group.attrs:
                continue
            group.attrs["h5sparse_format"] = group.attrs["encoding-type"][:3]
            group.attrs["h5sparse_shape"] = group.attrs["shape"]
            for attribute in ("encoding-type", "encoding-version", "shape"):
                del group.attrs[attribute]


def same_members(a, b, where="/"):
    """Every member of a is in b, bit by bit, with its type and attributes."""
    for name in a.attrs:
        left, right = a.attrs[name], b.attrs[name]
        check(isinstance(left, h5py.Reference) or np.array_equal(left, right), f"attribute {name} of {where}")
    if isinstance(a, h5py.Dataset):
        check(a.dtype == b.dtype and a.shape == b.shape and a.compression == b.compression, f"form of {where}")
        if a.shape is None:
            return
        left, right = a[()], b[()]
        check(np.array_equal(left, right) or left.tobytes() == right.tobytes(), f"values of {where}")
        return
    for name in a:
        check(name in b, f"{where}{name} is missing")
        same_members(a[name], b[name], f"{where}{name}/")


def read_checks(folder, runs):
    x = cells().X
    forms = {
        "dense": x, "double": x.astype("f8") + 0.1, "half": x.astype("f2"), "csr": sp.csr_matrix(x), "csc": sp.csc_matrix(x),
        "csr64": sp.csr_matrix(x.astype("f8") + 0.1), "int32": np.round(x * 9).astype("i4"),
        "int8": sp.csr_matrix(np.round(x * 9).astype("i1")), "uint16": np.round(abs(x) * 9).astype("u2"),
        "uint64": np.round(abs(x) * 9).astype("u8"), "bool": x > 0, "fortran": np.asfortranarray(x),
        "empty": sp.csr_matrix((CELLS, GENES), dtype="f4")}
    writers = {"plain": {}, "gzip": {"compression": "gzip"}, "lzf": {"compression": "lzf"}}
    for form, matrix in forms.items():
        for compression, options in writers.items():
            table = cells(matrix)
            path = folder / f"{form}-{compression}.h5ad"
            table.write_h5ad(path, **options)
            monge("translate", runs["genes"], path, folder / "read.npy", "--t", 0, "-q")
            got, expected = np.load(folder / "read.npy"), dense(matrix)
            check(np.array_equal(got, expected.astype(got.dtype)), f"X as {form}, {compression}")
            wide = expected.dtype.itemsize > 4 or expected.dtype.kind in "iu" and expected.dtype.itemsize == 4
            check(got.dtype == ("f8" if wide else "f4"), f"type of X as {form}: {got.dtype}")
    path = folder / "all.h5ad"
    cells(sp.csr_matrix(x)).write_h5ad(path)
    old, older = folder / "old.h5ad", folder / "older.h5ad"
    for copy, changes in ((old, (make_old,)), (older, (make_old, make_older))):
        copy.write_bytes(path.read_bytes())
        for change in changes:
            change(copy)
    chosen = {"condition=stim": lambda o: o.condition == "stim", "condition!=stim": lambda o: o.condition != "stim",
              'condition="other, too"': lambda o: o.condition == "other, too", "stage=10": lambda o: o.stage == 10,
              "note=note 2,donor=2": lambda o: (o.note == "note 2") & (o.donor == 2),
              "score=0.3": lambda o: o.score == np.float32(0.3), "good=true": lambda o: o.good,
              "holes=full": lambda o: o.holes == "full", "holes!=full": lambda o: o.holes != "full"}
    new = {"age=2": lambda o: (o.age == 2).fillna(False).astype(bool),
           "sure=false": lambda o: (o.sure == False).fillna(False).astype(bool)}  # noqa: E712
    if "words" in cells().obs:
        new["words=w1"] = lambda o: (o.words == "w1").fillna(False).astype(bool)
    for file in (path, old, older):
        table = anndata.read_h5ad(path)
        for where, holds in (chosen | (new if file == path else {})).items():
            mask = np.asarray(holds(table.obs))
            monge("translate", runs["genes"], f"{file}?where={where}", folder / "read.csv", "--t", 0, "-q")
            got = pd.read_csv(folder / "read.csv", index_col=0)
            check(list(got.index) == list(table.obs_names[mask]), f"{file.name}: cells of {where}")
            check(list(got.columns) == list(table.var_names) and np.array_equal(got.to_numpy("f4"), dense(table.X)[mask]),
                  f"{file.name}: values of {where}")
        for place, matrix, run in (("layer=counts", table.layers["counts"], "genes"), ("layer=exact", table.layers["exact"], "genes"),
                                   ("layer=turned", table.layers["turned"], "genes"), ("obsm=X_pca", table.obsm["X_pca"], "scores"),
                                   ("obsm=sparse", table.obsm["sparse"], "scores"), ("obsm=frame", table.obsm["frame"], "named"),
                                   ("columns=gene0-gene5", table.X, "genes"), ("raw=yes", table.raw.X, "raw")):
            monge("translate", runs[run], f"{file}?{place}&where=good=1", folder / "read.npy", "--t", 0, "-q")
            got = np.load(folder / "read.npy")
            check(np.array_equal(got, dense(matrix)[table.obs.good].astype(got.dtype)), f"{file.name}: {place}")
    message = monge("translate", runs["genes"], f"{path}?where=condition=control", folder / "no.npy", fails=True)
    check('"ctrl"' in message and "control" in message, message)
    return path, old, older


def write_checks(folder, runs, path, old, older):
    out, values = folder / "out.h5ad", folder / "values.npy"

    def translated(run, line, place="", *options):
        out.unlink(missing_ok=True)
        monge("translate", runs[run], line, f"{out}{place}", "-q", *options)
        check(sorted(p.name for p in folder.glob("out.h5ad*")) == ["out.h5ad"], "the file alone")
        return anndata.read_h5ad(out)

    for file in (path, old, older):
        before = anndata.read_h5ad(file)
        after = translated("genes", file)
        with h5py.File(file) as a, h5py.File(out) as b:
            same_members(a, b)
        monge("translate", runs["genes"], file, values, "-q")
        check(np.array_equal(after.layers["transported"], np.load(values)), "the layer of all cells")
        facts = after.uns["monge"]["transported"]
        check(facts["seed"] == 0 and "genes" in facts["model"] and facts["version"], "uns")
        for where, mask in (("good=true", before.obs.good.to_numpy()), ("donor=3", (before.obs.donor == 3).to_numpy()),
                            ("condition!=ctrl,donor!=0", ((before.obs.condition != "ctrl") & (before.obs.donor != 0)).to_numpy())):
            after = translated("genes", f"{file}?where={where}", "?layer=there")
            monge("translate", runs["genes"], f"{file}?where={where}", values, "-q")
            check(np.array_equal(after.layers["there"], np.load(values)), "the layer of some cells")
            expected = before[mask].copy()
            del after.layers["there"], after.uns["monge"]
            assert_equal(expected, after, exact=True)
            check(np.array_equal(dense(expected.raw.X), dense(after.raw.X)), "raw")
            check([type(after.layers[k]) for k in after.layers] == [type(expected.layers[k]) for k in expected.layers], "forms")
            with h5py.File(file) as a, h5py.File(out) as b:
                for part in ("var", "varm", "varp", "raw/var"):
                    same_members(a[part], b[part], part + "/")
                for part in ("obs", "layers", "obsm"):
                    for name in a[part]:
                        if isinstance(a[part][name], h5py.Dataset):
                            check(a[part][name].dtype == b[part][name].dtype, f"type of {part}/{name}")

    lzf = folder / "csr-lzf.h5ad"
    before = anndata.read_h5ad(lzf)
    after = translated("genes", f"{lzf}?where=good=true")
    del after.layers["transported"], after.uns["monge"]
    assert_equal(before[before.obs.good.to_numpy()].copy(), after, exact=True)

    # A layer has the order of var, whatever the order of the training.
    order = [3, 1, 0, 5, 4, 2]
    turned = folder / "turned.h5ad"
    before = anndata.read_h5ad(path)
    before[:, order].copy().write_h5ad(turned)
    straight, other = translated("genes", path).layers["transported"], translated("genes", turned).layers["transported"]
    check(np.array_equal(straight[:, order], other), "the order of genes")

    # Embeddings, data frames, some genes, raw.
    line = f"{path}?obsm=X_pca&where=good=true"
    after = translated("scores", line)
    monge("translate", runs["scores"], line, values, "-q")
    check(np.array_equal(after.obsm["X_transported"], np.load(values)), "an embedding")
    after = translated("named", f"{path}?obsm=frame", "?obsm=moved")
    check(list(after.obsm["moved"].columns) == ["u", "v", "w"] and after.obsm["moved"].to_numpy().dtype == "f8", "a data frame")
    check(list(after.obsm["moved"].index) == list(after.obs_names), "names of a data frame")
    after = translated("some", f"{path}?columns=gene4,gene1")
    check(list(after.obsm["X_transported"].columns) == ["gene4", "gene1"], "some genes")
    after = translated("raw", f"{path}?raw=yes")
    check(list(after.obsm["X_transported"].columns) == list(after.raw.var_names), "raw genes")

    # Back to genes.
    before = anndata.read_h5ad(path)
    for options, low in (("", -np.inf), ("&range=0..", 0)):
        after = translated("scores", line, "?obsm=moved&genes=again" + options)
        middle = dense(before.X).mean(0) - before.obsm["X_pca"].mean(0) @ before.varm["PCs"].T
        expected = np.maximum(after.obsm["moved"] @ before.varm["PCs"].T + middle, low)
        check(np.allclose(after.layers["again"], expected, atol=1e-5), "genes")

    after = translated("scores", line, "?genes=again&rest=keep")
    chosen = before[before.obs.good.to_numpy()]
    expected = dense(chosen.X) + (after.obsm["X_transported"] - chosen.obsm["X_pca"]) @ before.varm["PCs"].T
    check(np.allclose(after.layers["again"], expected, atol=1e-5), "genes with the rest")

    # Samples and steps.
    after = translated("genes", path, "", "--samples", 2)
    monge("translate", runs["genes"], path, values, "-q", "--samples", 2)
    both = np.load(values)
    check(np.array_equal(after.layers["transported_1"], both[:, 0]) and
          np.array_equal(after.layers["transported_2"], both[:, 1]), "samples")
    after = translated("genes", path, "", "--steps", 3)
    check(np.array_equal(after.layers["transported_step_1"], dense(before.X)), "the first step")
    check(sorted(k for k in after.layers if "step" in k) == [f"transported_step_{i}" for i in (1, 2, 3)], "steps")

    # What is refused leaves nothing behind.
    out.unlink()
    for run, source, place, word in (
            ("genes", path, "?layer=counts", "counts"), ("scores", line, "?layer=a", "genes=NAME"),
            ("some", f"{path}?columns=gene4,gene1", "?layer=a", "data frame"), ("genes", path, "?genes=a", "embedding"),
            ("scores", f"{path}?obsm=sparse", "?genes=a&loadings=PC", '"PCs"'), ("genes", path, "?name=a", "layer"), ("scores", line, "?rest=keep", "belongs to genes=NAME")):
        message = monge("translate", runs[run], source, f"{out}{place}", fails=True)
        check(word in message, message)
    message = monge("translate", runs["genes"], path, path, fails=True)
    check("is the input itself" in message, message)
    check(not list(folder.glob("out.h5ad*")), "nothing is left")


def shared_checks(folder, file):
    run = folder / "real"
    recipe = folder / "real.toml"
    recipe.write_text(RECIPE.format(path=file))
    monge("train", recipe, "--out", run, "-q", "--set", "train.iterations=1")
    out = folder / "real-out.h5ad"
    for where in ("", "?where=day=10.5"):
        monge("translate", run, f"{file}{where}", out, "-q")
        before, after = anndata.read_h5ad(file), anndata.read_h5ad(out)
        if where:
            before = before[(before.obs.day == 10.5).to_numpy()].copy()
        check(after.layers["transported"].shape == before.shape, "the real file's layer")
        del after.layers["transported"], after.uns["monge"]
        assert_equal(before, after, exact=True)


def main():
    with tempfile.TemporaryDirectory(prefix="monge-anndata-") as name:
        folder = pathlib.Path(name)
        first = folder / "first.h5ad"
        cells().write_h5ad(first)
        runs = {}
        for run, line in (("genes", ""), ("scores", "?obsm=X_pca"), ("named", "?obsm=frame"), ("raw", "?raw=yes"),
                          ("some", "?columns=gene4,gene1")):
            recipe = folder / f"{run}.toml"
            recipe.write_text(RECIPE.format(path=f"{first}{line}"))
            monge("train", recipe, "--out", folder / run, "-q")
            runs[run] = folder / run
        files = read_checks(folder, runs)
        write_checks(folder, runs, *files)
        if len(sys.argv) > 2 and os.path.exists(sys.argv[2]):
            shared_checks(folder, sys.argv[2])
        else:
            print("without the real file of ../shared")
    print(f"{checks} comparisons with anndata {anndata.__version__} hold")


if __name__ == "__main__":
    main()
