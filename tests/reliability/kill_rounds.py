#!/usr/bin/env python3
"""Kills a tiny training again and again at random moments, resumes it each time, and compares its end with an undisturbed run.

    kill_rounds.py PROGRAM [--rounds 100] [--signal KILL|TERM] [--ranks 1|2] [--seed 0]

The training evaluates, draws samples, saves and writes its report every few iterations, so that signals hit all of these. After
the last round it is resumed up to some iterations more, and so is a new run; every tensor of the two last checkpoints must have
the same bits, and every evaluation the same values. After each SIGTERM the program must have saved the iteration at which it says that it stopped.
"""
import argparse
import collections
import itertools
import json
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from safetensors_file import tensors  # noqa: E402
from tiny_trainings import VECTORS  # noqa: E402

SETTINGS = """
[train]
iterations = 1000000
threads = 1
batch = 32
k_t = 2
[checkpoint]
every = 7
keep = 2
[eval]
every = 11
samples = 64
[samples]
every = 13
"""


class Rounds:
    def __init__(self, options, folder):
        self.options, self.folder, self.random = options, folder, random.Random(options.seed)
        self.run = folder / "run"
        self.program = [str(pathlib.Path(options.program).resolve())]
        (folder / "tiny.toml").write_text(VECTORS + SETTINGS)
        # 3: stopped with a checkpoint. SIGTERM kills a program that has only begun; ranks whose peer was killed end with 1.
        self.codes = {"KILL": (-9, 1, 137) if options.ranks > 1 else (-9,), "TERM": (3, -15, 143)}[options.signal]
        self.counts = collections.Counter()

    def start(self, *arguments):
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        ranks = ["--ranks", str(self.options.ranks)] if self.options.ranks > 1 else ["--threads", "1"]
        return subprocess.Popen([*self.program, *arguments, *ranks], cwd=self.folder, env=environment, text=True,
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)

    def newest(self, run="run"):
        """Iteration of the newest checkpoint; -1 without one."""
        steps = [int(m[1]) for p in (self.folder / run / "checkpoints").glob("step_*") if (m := re.fullmatch(r"step_(\d+)", p.name))]
        return max(steps, default=-1)

    def signal_all(self, process, number):
        """To a rank at random, or with SIGTERM to the launcher, as a scheduler does."""
        target = process.pid
        if self.options.ranks > 1 and number == signal.SIGKILL:
            children = pathlib.Path(f"/proc/{target}/task/{target}/children").read_text().split()
            target = int(self.random.choice(children)) if children else target
        try:
            os.kill(target, number)
        except ProcessLookupError:
            pass

    def begin(self):
        """Resumes what is there; before the run has a checkpoint a user starts anew."""
        if self.newest() >= 0:
            return self.start("resume", "run")
        return self.start("train", "tiny.toml", "--out", "run")

    def wait_for_iterations(self, process):
        """Until the training has written lines of metrics, so that signals come after the start as well, however slow it is."""
        def size():
            file = self.run / "metrics.jsonl"
            return file.stat().st_size if file.exists() else 0
        least, until = size(), time.monotonic() + 60
        while process.poll() is None and time.monotonic() < until:
            now = size()
            if now > least:
                return
            least = min(least, now)  # the start drops lines after the checkpoint
            time.sleep(0.01)

    def one(self, number):
        before = self.newest()
        process = self.begin()
        if self.random.random() < 0.75:
            self.wait_for_iterations(process)
        time.sleep(self.random.uniform(*self.options.seconds))
        if process.poll() is not None:
            raise SystemExit(f"round {number}: the program ended by itself with {process.returncode}:\n{process.stderr.read()}")
        self.signal_all(process, getattr(signal, "SIG" + self.options.signal))
        try:
            said = process.communicate(timeout=120)[1]
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise SystemExit(f"round {number}: the program goes on two minutes after the signal")
        after = self.newest()
        if after < before:
            raise SystemExit(f"round {number}: the newest checkpoint went from {before} to {after}:\n{said}")
        if self.options.signal == "TERM" and (stop := re.search(r"stopped after iteration (\d+)", said)) and int(stop[1]) != after:
            raise SystemExit(f"round {number}: stopped after iteration {stop[1]}, but the newest checkpoint is {after}")
        self.counts["moved on" if after > before else "not moved on"] += 1
        self.counts[f"code {process.returncode}"] += 1
        if process.returncode not in self.codes:
            raise SystemExit(f"round {number}: code {process.returncode}:\n{said}")

    def metrics(self, run):
        return [json.loads(line) for line in (self.folder / run / "metrics.jsonl").read_text().splitlines()]

    def finish(self, run, words, last):
        process = self.start(*words, "--set", f"train.iterations={last}")
        said = process.communicate(timeout=1800)[1]
        if process.returncode != 0:
            raise SystemExit(f"{' '.join(words)}: code {process.returncode}:\n{said}")
        return tensors(self.folder / run / "checkpoints" / f"step_{last:06d}" / "state.safetensors")

    def all(self):
        for number in range(1, self.options.rounds + 1):
            self.one(number)
            if number % 10 == 0:
                print(f"round {number}: iteration {self.newest()}", flush=True)
        last = self.newest() + 5
        ends = self.finish("run", ["resume", "run"] if self.newest() >= 0 else ["train", "tiny.toml", "--out", "run"], last)
        alone = self.finish("undisturbed", ["train", "tiny.toml", "--out", "undisturbed"], last)
        if ends.keys() != alone.keys():
            raise SystemExit(f"tensors differ: {sorted(ends.keys() ^ alone.keys())}")
        if unlike := [name for name in alone if ends[name] != alone[name]]:
            raise SystemExit(f"after {self.options.rounds} rounds, {len(unlike)} of {len(alone)} tensors differ at iteration {last}: {unlike[:5]}")
        best, expected = (json.loads((self.folder / run / "checkpoints" / f"step_{last:06d}" / "manifest.json").read_text())
                          for run in ("run", "undisturbed"))
        for key in ("best_iteration", "best_figure", "evaluation_due"):
            if best.get(key) != expected.get(key):
                raise SystemExit(f"the last checkpoint has {key} {best.get(key)}, that of an undisturbed run {expected.get(key)}")
        left = [p.name for p in self.run.rglob("*") if p.name.endswith((".part", ".tmp"))]
        if left:
            raise SystemExit(f"parts were left behind: {left}")
        lines = self.metrics("run")
        evaluations, expected = ([(line["iteration"], line["eval"]) for line in found if "eval" in line]
                                 for found in (lines, self.metrics("undisturbed")))
        if evaluations != expected:
            first = next((pair for pair in itertools.zip_longest(evaluations, expected) if pair[0] != pair[1]))
            raise SystemExit(f"metrics.jsonl has other evaluations than that of an undisturbed run; the first are {first}")
        iterations = [line["iteration"] for line in lines if "eval" not in line]
        if iterations != sorted(set(iterations)):
            raise SystemExit("metrics.jsonl tells iterations twice or out of order")
        print(f"passed: {self.options.rounds} rounds of SIG{self.options.signal} on {self.options.ranks} rank(s), {last} iterations, "
              f"{len(alone)} tensors and {len(evaluations)} evaluations equal, {dict(self.counts)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--signal", choices=("KILL", "TERM"), default="KILL")
    parser.add_argument("--ranks", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, nargs=2, default=(0, 1.5),
                        help="bounds of the time to the signal, from the start in a quarter of the rounds, else from the first iterations")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        Rounds(options, pathlib.Path(scratch)).all()


if __name__ == "__main__":
    sys.exit(main())
