#!/usr/bin/env python3
"""Plain against unbalanced transport on data whose masses do not match: the figures of docs/unbalanced.md.

    bench/unbalanced.py outliers [--monge PROGRAM] [--dim 2] [--fraction .01] [--seed 0] [--threads 1] [KEY=VALUE ...]
        the Gaussian case with a fraction of far points in the source or in the target; the error (L2-UVP) of the map on clean inputs
    bench/unbalanced.py classes [the same options]
        two labelled Gaussian mixtures of two classes, 80 % and 20 % in the source, 20 % and 80 % in the target; the fraction of
        points that keep their class

KEY=VALUE go to the unbalanced trainings, as in unbalanced.alpha=5. One JSON line per training. Needs numpy.
"""
import argparse
import json
import pathlib
import subprocess
import tempfile
import time

import numpy as np

RECIPE = pathlib.Path(__file__).resolve().parent.parent / "recipes/quick/gaussian.toml"

DIVERGENCES = ("none", "kl", "softplus", "chi2")


def settings_of(o, divergence):
    """Of a training; plain transport for "none"."""
    return [] if divergence == "none" else [f'unbalanced.source="{divergence}"', f'unbalanced.target="{divergence}"', *o.settings]


def command(monge, *words):
    out = subprocess.run([monge, *map(str, words)], capture_output=True, text=True)
    if out.returncode:
        raise SystemExit(f"{' '.join(map(str, words))}: {out.stderr}")
    return out.stdout


def train(o, folder, source, target, settings):
    """Trains on the arrays; @return the run folder and the seconds."""
    run = folder / f"run-{time.monotonic_ns()}"
    np.save(folder / "source.npy", source.astype(np.float32))
    np.save(folder / "target.npy", target.astype(np.float32))
    base = [f'source.path="{folder}/source.npy"', f'target.path="{folder}/target.npy"', f"train.seed={o.seed}",
            "eval.every=0", "samples.every=0", f"train.threads={o.threads}"]
    start = time.time()
    command(o.monge, "train", RECIPE, "--out", run, "--quiet", *(w for s in base + settings for w in ("--set", s)))
    return run, time.time() - start


def translate(o, run, x, folder, weights=None):
    np.save(folder / "x.npy", x.astype(np.float32))
    words = ["translate", run, folder / "x.npy", folder / "y.npy", "--quiet"]
    command(o.monge, *words, *(["--weights", weights] if weights else []))
    return np.load(folder / "y.npy")


def report(**values):
    print(json.dumps({k: float(f"{v:.4g}") if isinstance(v, float) else v for k, v in values.items()}), flush=True)


def outliers(o, folder):
    def samples(seed):
        place = folder / f"case-{seed}"
        command(o.monge, "truth", "gaussian", "--dim", o.dim, "--write", place, "--seed", seed, "--quiet")
        return (np.load(place / f"{name}.npy") for name in ("inputs", "target", "truth"))

    x, y, _ = samples(o.seed + 1)
    test, _, truth = samples(o.seed + 2)
    rng = np.random.default_rng(o.seed)
    far = np.full(o.dim, 20.0 / o.dim**0.5) + 0.5 * rng.normal(size=(len(x), o.dim))
    bad = rng.random(len(x)) < o.fraction
    for side, source, target in (("none", x, y), ("source", np.where(bad[:, None], far, x), y),
                                 ("target", x, np.where(bad[:, None], far, y))):
        for divergence in DIVERGENCES:
            own = settings_of(o, divergence)
            run, seconds = train(o, folder, source, target, own)
            error = 100 * ((translate(o, run, test, folder) - truth) ** 2).sum(1).mean() / truth.var(0).sum()
            line = dict(case="outliers", dim=o.dim, side=side, divergence=divergence, l2_uvp=float(error), seconds=seconds)
            if divergence != "none" and side == "source":
                translate(o, run, source, folder, folder / "w.npy")
                w = np.load(folder / "w.npy")
                line |= dict(weight_of_outliers=float(w[bad].mean()), weight_of_others=float(w[~bad].mean()))
            report(**line, settings=own)


def classes(o, folder):
    """Class 0 lies on the left of both mixtures, class 1 on the right; the target lies above the source."""
    rng = np.random.default_rng(o.seed)

    def mixture(n, fraction_of_one, height):
        label = rng.random(n) < fraction_of_one
        middle = np.zeros((n, o.dim))
        middle[:, 0] = np.where(label, 2.0, -2.0)
        middle[:, 1] = height
        return middle + 0.5 * rng.normal(size=(n, o.dim)), label

    x, _ = mixture(16384, 0.2, 0.0)
    y, _ = mixture(16384, 0.8, 2.0)
    test, label = mixture(8192, 0.2, 0.0)
    for divergence in DIVERGENCES:
        own = settings_of(o, divergence)
        run, seconds = train(o, folder, x, y, own)
        out = translate(o, run, test, folder)
        kept = (out[:, 0] > 0) == label
        height = ((out[:, 1] - 2.0) ** 2).mean() ** 0.5
        report(case="classes", dim=o.dim, divergence=divergence, kept=float(kept.mean()), kept_class_0=float(kept[~label].mean()),
               kept_class_1=float(kept[label].mean()), rms_off_height=float(height), seconds=seconds, settings=own)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["outliers", "classes"])
    parser.add_argument("--monge", default="build/release/monge")
    parser.add_argument("--dim", type=int, default=2)
    parser.add_argument("--fraction", type=float, default=0.01)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("settings", nargs="*")
    o = parser.parse_intermixed_args()
    with tempfile.TemporaryDirectory() as name:
        {"outliers": outliers, "classes": classes}[o.what](o, pathlib.Path(name))


if __name__ == "__main__":
    main()
