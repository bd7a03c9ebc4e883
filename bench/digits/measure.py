#!/usr/bin/env python3
"""Measures maps of grey digits to digits in one of three colours (recipes/digits/), on digits that no training saw.

    bench/digits/measure.py RUN... [--monge build/release/monge] [--data data/digits] [--samples 72] [--record FILE]

For each run `monge translate` draws outputs of test.npy and `monge eval` judges them. It prints a line for each run, and
for each name of runs the mean and the worst of its runs. --record adds a line of JSON for each run to FILE. Needs numpy.

    fraction   largest deviation of the fraction of a colour from 1/3, over the ten classes and three colours, in points
    clear      fraction of outputs of one clear colour: on the stroke the other two channels have less than 1/4 of it
    IoU        overlap of the strokes of input and output (largest channel above 1/2): intersection over union, mean
    black      mean of the largest channel of outputs where the input is black, of 255
    left       fraction of the way from the source to the target that is left, by the feature error of `monge eval`

The stroke of a digit is where its input is above 1/2. The colour of an output is its largest channel there.
"""
import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import tomllib

import numpy

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import record  # noqa: E402  (bench/record.py)

CLASSES, COLOURS = 10, 3
VERDICT = re.compile("reaches|comes near|MISSES|cannot be judged")
CLEAR = 0.25  # largest part of the other channels in a clear colour


def unit(images):
    """Images of bytes or of [-1, 1], in [0, 1]."""
    images = numpy.asarray(images)
    return images / numpy.float32(255) if images.dtype == numpy.uint8 else (images + 1) / 2


def colour_and_shape(inputs, outputs, labels):
    """The figures of outputs [N, K, 3, H, W] of inputs [N, 3, H, W], both in [0, 1]."""
    grey = inputs.max(1)[:, None]
    stroke = grey > 0.5
    ink = (outputs * stroke[:, :, None]).sum((3, 4)) / stroke.sum((2, 3))[..., None]  # [N, K, 3]: means on the stroke
    colour = ink.argmax(2)
    ordered = numpy.sort(ink, 2)
    value = outputs.max(2)
    drawn = value > 0.5
    fractions = numpy.array([[(colour[labels == digit] == one).mean() for one in range(COLOURS)] for digit in range(CLASSES)])
    return {
        "fraction_deviation": float(numpy.abs(fractions - 1 / COLOURS).max() * 100),
        "fractions": [[round(float(fraction), 4) for fraction in row] for row in fractions],
        "clear": float((ordered[..., 1] < CLEAR * ordered[..., 2]).mean()),
        "iou": float(((stroke & drawn).sum((2, 3)) / (stroke | drawn).sum((2, 3))).mean()),
        "background": float(value[numpy.broadcast_to(grey == 0, value.shape)].mean() * 255),
    }


def deviation_of_chance(labels, draws, trials=2000):
    """The mean of fraction_deviation for colours that are drawn independently with equal fractions."""
    draw = numpy.random.default_rng(0)
    worst = numpy.zeros(trials)
    for digit in range(CLASSES):
        number = int((labels == digit).sum()) * draws
        counts = draw.multinomial(number, [1 / COLOURS] * COLOURS, trials)
        worst = numpy.maximum(worst, numpy.abs(counts / number - 1 / COLOURS).max(1))
    return float(worst.mean() * 100)


def evaluated(monge, run):
    told = json.loads(subprocess.run([monge, "eval", run, "--json"], check=True, capture_output=True, text=True).stdout)
    start, floor, error = (told[f"feature_{part}"] for part in ("start", "floor", "error"))
    return {
        "verdict": told["verdict"],
        "left": (error - floor) / (start - floor),
        "diversity": told.get("diversity"),
        "texture_luma": told.get("texture_luma"),
        "texture_chroma": told.get("texture_chroma"),
        "feature_error": error,
        "feature_floor": floor,
    }


def translated(monge, run, data, draws):
    """Outputs [N, K, 3, H, W] of test.npy, in [0, 1]; K = 1 for a map without noise."""
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "out.npy"
        recipe = tomllib.loads((pathlib.Path(run) / "recipe.toml").read_text())
        count = 1 if recipe["method"] == "strong" else draws
        command = [monge, "translate", run, str(data / "test.npy"), str(out), "--samples", str(count), "--quiet"]
        subprocess.run(command, check=True)
        outputs = unit(numpy.load(out))
    return outputs if outputs.ndim == 5 else outputs[:, None]


def measured(monge, run, data, draws):
    labels = numpy.loadtxt(data / "test_labels.txt", dtype=int)
    recipe = tomllib.loads((pathlib.Path(run) / "recipe.toml").read_text())
    summary = json.loads((pathlib.Path(run) / "summary.json").read_text())
    return {
        "run": pathlib.Path(run).resolve().name,
        "name": recipe["name"],
        "seed": recipe["train"]["seed"],
        "samples": draws,
        "fraction_by_chance": deviation_of_chance(labels, draws),
        "iterations": summary.get("iterations"),
        "seconds": summary.get("seconds"),
        **colour_and_shape(unit(numpy.load(data / "test.npy")), translated(monge, run, data, draws), labels),
        **evaluated(monge, run),
    }


def in_words(name, rows):
    """A line of a table: the mean of the rows, and in brackets the worst if there are several."""
    def both(key, worst, form):
        values = [row[key] for row in rows if row[key] is not None]
        if not values:
            return "-"
        mean = form.format(sum(values) / len(values))
        return mean if len(rows) == 1 else f"{mean} ({form.format(worst(values))})"

    def farthest_from_one(values):
        return max(values, key=lambda value: abs(value - 1))

    cells = [name, both("fraction_deviation", max, "{:.1f}"), both("clear", min, "{:.3f}"), both("iou", min, "{:.3f}"),
             both("background", max, "{:.2f}"), both("left", max, "{:.3f}"), both("diversity", min, "{:.3f}"),
             both("texture_luma", farthest_from_one, "{:.2f}"), both("texture_chroma", farthest_from_one, "{:.2f}"),
             both("seconds", max, "{:.0f}"),
             ", ".join(sorted({VERDICT.search(row["verdict"])[0] for row in rows}))]
    return "| " + " | ".join(cells) + " |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", metavar="RUN")
    parser.add_argument("--monge", default="build/release/monge")
    parser.add_argument("--data", type=pathlib.Path, default=pathlib.Path("data/digits"))
    parser.add_argument("--samples", type=int, default=72, help="outputs of each input")
    parser.add_argument("--record", metavar="FILE", help="adds a line of JSON for each run")
    arguments = parser.parse_args()

    print("| run | fraction | clear | IoU | black | left | diversity | texture luma | chroma | seconds | verdict |")
    print("| --- " * 11 + "|")
    by_name = {}
    for run in arguments.runs:
        row = measured(arguments.monge, run, arguments.data, arguments.samples)
        if arguments.record:
            record.append(arguments.record, row)
        by_name.setdefault(row["name"], []).append(row)
        print(in_words(row["run"], [row]), flush=True)
    for name, rows in by_name.items():
        if len(rows) > 1:
            print(in_words(f"{name}: mean (worst) of {len(rows)}", rows))
    print(f"exact fractions would show a deviation of {row['fraction_by_chance']:.1f} points at this number of draws")


if __name__ == "__main__":
    main()
