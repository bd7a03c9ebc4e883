#!/usr/bin/env python3
"""Trains a tiny map for many iterations with evaluations, saves and sample images, and watches memory and handles.

    soak.py PROGRAM [--iterations 20000] [--kind images|vectors] [--most-growth 1024]

Once a second it reads resident memory, open files and threads of the program. The slope is that of a line through the second half
of the iterations. Ends with 1 if memory grows by more than --most-growth KiB per 1,000 iterations there, or if the number of open
files or threads at the end exceeds that at a quarter of the way.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from tiny_trainings import IMAGES, VECTORS, write_images  # noqa: E402

SETTINGS = """
[train]
iterations = {iterations}
batch = 8
k_t = 1
threads = 1
ema = 0.99
[checkpoint]
every = 200
keep = 2
[eval]
every = 200
samples = 16
[samples]
every = 200
"""


def iteration_of(run):
    """The iteration of the last whole line of metrics.jsonl."""
    try:
        with open(run / "metrics.jsonl", "rb") as file:
            file.seek(max(0, os.path.getsize(run / "metrics.jsonl") - 4096))
            lines = file.read().split(b"\n")
        return json.loads(lines[-2])["iteration"] if len(lines) > 1 else 0
    except (OSError, ValueError, KeyError):
        return 0


def facts_of(pid):
    status = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line)
    return int(status["VmRSS"].split()[0]), len(os.listdir(f"/proc/{pid}/fd")), int(status["Threads"])


def slope(points):
    """Least squares of (x, y)."""
    n = len(points)
    mean_x, mean_y = sum(x for x, _ in points) / n, sum(y for _, y in points) / n
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--iterations", type=int, default=20000)
    parser.add_argument("--kind", choices=("images", "vectors"), default="images")
    parser.add_argument("--most-growth", type=float, default=1024)
    options = parser.parse_args()
    recipe = {"images": IMAGES.replace("flip = true", "flip = true\nworkers = 2"), "vectors": VECTORS}[options.kind] + SETTINGS.format(iterations=options.iterations)
    seen = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        write_images(folder)
        (folder / "tiny.toml").write_text(recipe)
        process = subprocess.Popen([str(pathlib.Path(options.program).resolve()), "train", "tiny.toml", "--out", "run"], cwd=folder,
                                   env={**os.environ, "OMP_NUM_THREADS": "1"}, stdout=subprocess.DEVNULL,
                                   stderr=(folder / "said.txt").open("w"))
        began = told = time.monotonic()
        while process.poll() is None:
            try:
                seen.append((iteration_of(folder / "run"), *facts_of(process.pid)))
            except (OSError, KeyError):
                break  # it ends
            if time.monotonic() - told > 60:
                told = time.monotonic()
                print("iteration {}: {} KiB, {} files, {} threads".format(*seen[-1]), flush=True)
            time.sleep(1)
        if process.wait() != 0:
            raise SystemExit(f"code {process.returncode}\n{(folder / 'said.txt').read_text()[-2000:]}")
    seconds = time.monotonic() - began
    half = [(at, memory) for at, memory, *_ in seen if at >= options.iterations / 2]
    quarter = next(row for row in seen if row[0] >= options.iterations / 4)
    growth = 1000 * slope(half)
    last = seen[-2]
    print(f"{options.kind}: {options.iterations} iterations, {seconds:.0f} s; resident {quarter[1]} KiB at a quarter, {half[0][1]} at half, "
          f"{last[1]} at the end; slope of the second half {growth:.0f} KiB per 1,000 iterations; open files {quarter[2]} and {last[2]}, "
          f"threads {quarter[3]} and {last[3]}")
    return 1 if growth > options.most_growth or last[2] > quarter[2] or last[3] > quarter[3] else 0


if __name__ == "__main__":
    sys.exit(main())
