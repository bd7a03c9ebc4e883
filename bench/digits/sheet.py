#!/usr/bin/env python3
"""Draws docs/otp/digits.png: an input of each class, and beside it outputs of several maps.

    bench/digits/sheet.py OUT.png RUN... [--monge build/release/monge] [--data data/digits] [--samples 6]

Columns: the input, then for each RUN its draws (a single one for a map without noise). Enlarged by 3, nearest neighbour. Needs
numpy and Pillow.
"""
import argparse
import pathlib

import numpy
from PIL import Image

import measure

ENLARGED, GAP, WHITE = 3, 4, 255


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", metavar="OUT.png")
    parser.add_argument("runs", nargs="+", metavar="RUN")
    parser.add_argument("--monge", default="build/release/monge")
    parser.add_argument("--data", type=pathlib.Path, default=pathlib.Path("data/digits"))
    parser.add_argument("--samples", type=int, default=6, help="outputs of each input")
    parser.add_argument("--item", type=int, default=3, help="which input of each class, from 0")
    arguments = parser.parse_args()

    labels = numpy.loadtxt(arguments.data / "test_labels.txt", dtype=int)
    rows = [numpy.flatnonzero(labels == digit)[arguments.item] for digit in range(measure.CLASSES)]
    groups = [measure.unit(numpy.load(arguments.data / "test.npy"))[:, None]]
    groups += [measure.translated(arguments.monge, run, arguments.data, arguments.samples) for run in arguments.runs]
    blocks = []
    for group in groups:
        side = group.shape[-1]
        block = (group[rows].clip(0, 1) * 255).round().astype(numpy.uint8)
        block = block.transpose(0, 3, 1, 4, 2).reshape(len(rows) * side, -1, 3)  # rows of inputs, columns of draws
        gap = numpy.full((len(block), GAP, 3), WHITE, numpy.uint8)
        blocks += [block.repeat(ENLARGED, 0).repeat(ENLARGED, 1), gap.repeat(ENLARGED, 0)]
    Image.fromarray(numpy.concatenate(blocks[:-1], 1)).save(arguments.out, optimize=True)


if __name__ == "__main__":
    main()
