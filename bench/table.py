#!/usr/bin/env python3
"""Trains on two large tables of vectors and on two small ones, and reports what the size costs.

    bench/table.py --folder FOLDER [--rows 10000000] [--small 100000] [--columns 50] [--iterations 300] [--record FILE]

FOLDER needs room for the tables (two of rows x columns x 4 bytes); they are removed at the end. Source: uniform on [1,2)^D, target: on
[2,4)^D. For each size one `monge train` is run and watched through /proc: seconds to the first iteration, milliseconds an
iteration (median), anonymous memory (what the program holds itself) and file pages (what of the mapped tables is in memory just then, and could be
given back); warm with the tables in the system's cache, cold without them there. Needs no package.
"""
import argparse
import json
import os
import pathlib
import random
import shutil
import statistics
import struct
import subprocess
import time

import record

RECIPE = """method = "strong"
[source]
path = "{source}"
[target]
path = "{target}"
[map]
width = 128
residual = true
[potential]
width = 128
[train]
iterations = {iterations}
batch = 1024
threads = {threads}
[eval]
every = {every}
[checkpoint]
every = {every}
[samples]
every = 0
"""


def write_table(path, rows, columns, exponent, seed):
    """A float32 .npy of random mantissas under one exponent: no number has to be made one by one."""
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {columns}), }}"
    header += " " * (-(10 + len(header) + 1) % 64) + "\n"
    draw = random.Random(seed)
    block = 1 << 20
    ones = int.from_bytes(b"\x01\0\0\0" * block, "little")  # times a word: the word in every place
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header.encode())
        left = rows * columns
        while left > 0:
            numbers = (draw.getrandbits(32 * block) & (ones * 0x007FFFFF)) | (ones * exponent)
            file.write(numbers.to_bytes(4 * block, "little")[:4 * min(left, block)])
            left -= block


def status(pid):
    try:
        lines = open(f"/proc/{pid}/status").read().splitlines()
    except OSError:
        return {}
    return {line.split(":")[0]: int(line.split()[1]) / 1024 for line in lines if line.startswith(("RssAnon", "RssFile", "VmHWM"))}


def warm(path):
    with open(path, "rb", buffering=0) as file:
        while file.read(1 << 24):
            pass


def cool(path):
    fd = os.open(path, os.O_RDONLY)
    os.fsync(fd)  # only what is on the disk can be forgotten
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(fd)


def train(monge, folder, name, iterations, threads, extra):
    recipe, run = folder / f"{name}.toml", folder / f"run-{name}"
    shutil.rmtree(run, ignore_errors=True)
    recipe.write_text(RECIPE.format(source=folder / f"{name}-source.npy", target=folder / f"{name}-target.npy",
                                    iterations=iterations, threads=threads, every=10 * iterations))
    began = time.time()
    process = subprocess.Popen([monge, "train", recipe, "--out", run, "-q", *extra])
    most = {}
    while process.poll() is None:
        for key, value in status(process.pid).items():
            most[key] = max(most.get(key, 0), value)
        time.sleep(0.02)
    if process.returncode != 0:
        raise SystemExit(f"monge train ended with {process.returncode}")
    seconds = [line["seconds"] for line in map(json.loads, open(run / "metrics.jsonl")) if "loss_map" in line]
    steps = [1e3 * (b - a) for a, b in zip(seconds, seconds[1:])]
    # When the run's folder is made, all data are open, split and checked; the run's clock starts with the training.
    opened = (run / "recipe.toml").stat().st_mtime - began
    return {"seconds_to_first_iteration": round(opened + seconds[0], 2), "ms_per_iteration": round(statistics.median(steps), 2),
            "ms_least": round(min(steps), 2), "seconds_of_iterations": round(seconds[-1] - seconds[0], 2),
            "mib_anonymous": round(most["RssAnon"]), "mib_of_files": round(most["RssFile"]), "mib_high_water": round(most["VmHWM"])}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=pathlib.Path, required=True)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--small", type=int, default=100_000)
    parser.add_argument("--columns", type=int, default=50)
    parser.add_argument("--iterations", type=int, default=300)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="leave the tables")
    parser.add_argument("--monge", default=str(record.ROOT / "build/release/monge"))
    parser.add_argument("--set", action="append", default=[], help="of the recipe: section.key=value")
    parser.add_argument("--record", type=pathlib.Path, help="file of JSON lines that the result is added to")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    extra = [word for assignment in options.set for word in ("--set", assignment)]
    result = {"columns": options.columns, "iterations": options.iterations, "threads": options.threads, "set": options.set}
    tables = []
    try:
        for name, rows in (("large", options.rows), ("small", options.small)):
            for seed, (side, exponent) in enumerate((("source", 0x3F800000), ("target", 0x40000000))):
                path = options.folder / f"{name}-{side}.npy"
                tables.append(path)
                if not path.exists():
                    write_table(path, rows, options.columns, exponent, seed)
        for name, rows in (("small", options.small), ("large", options.rows), ("large cold", options.rows), ("small again", options.small)):
            for path in tables:
                (cool if "cold" in name else warm)(path)
            figures = train(options.monge, options.folder, name.split()[0], options.iterations, options.threads, extra)
            result[name] = {"rows": rows, **figures}
            print(name, json.dumps(result[name]), flush=True)
    finally:
        for path in tables:
            if not options.keep:
                path.unlink(missing_ok=True)
    if options.record:
        record.append(options.record, result)


if __name__ == "__main__":
    main()
