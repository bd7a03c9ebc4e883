#!/usr/bin/env python3
"""Trains tiny maps under changed circumstances and says which of them end with the same bits.

    determinism.py PROGRAM [--iterations 40] [--promises]

Each circumstance is compared with the plain training (2 threads), or with another circumstance: every tensor of the last checkpoint
by its bits, and otherwise the map's weights by the norm of their difference over their norm. What docs/reliability.md promises to be equal and is not ends the program
with 1. The instruction sets are asked of LibTorch, MKL and oneDNN; monge's own kernels take the widest that the processor has.
"""
import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from safetensors_file import floats, tensors  # noqa: E402
from tiny_trainings import IMAGES, VECTORS, write_images  # noqa: E402

SMALL = """
[train]
iterations = {iterations}
batch = 16
k_t = 2
ema = 0.9
[checkpoint]
every = 1000
[eval]
every = 15
samples = 64
[samples]
every = 0
"""

NARROW = {"avx2": {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"},
          "sse": {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41", "MKL_ENABLE_INSTRUCTIONS": "SSE4_2"}}


class Circumstance:
    def __init__(self, name, promised, options=(), sets=(), environment=None, stop=False, like="plain"):
        self.name, self.promised, self.options, self.sets, self.like = name, promised, options, sets, like
        self.environment, self.stop = environment or {}, stop


CIRCUMSTANCES = (
    Circumstance("the same again", True),
    Circumstance("in another folder, stopped and resumed in the middle", True, stop=True),
    Circumstance("no data workers", True, sets=("data.workers=0",)),
    Circumstance("1 data worker", True, sets=("data.workers=1",)),
    Circumstance("4 data workers, 1 batch ahead", True, sets=("data.workers=4", "data.prefetch=1")),
    Circumstance("without evaluations", True, sets=("eval.every=0",)),
    Circumstance("1 thread", False, options=("--threads", "1")),
    Circumstance("1 thread, again", True, options=("--threads", "1"), like="1 thread"),
    Circumstance("4 threads", False, options=("--threads", "4")),
    Circumstance("4 threads, again", True, options=("--threads", "4"), like="4 threads"),
    Circumstance("2 ranks", False, options=("--ranks", "2")),
    Circumstance("2 ranks, again", True, options=("--ranks", "2"), like="2 ranks"),
    Circumstance("instructions up to AVX2", False, environment=NARROW["avx2"]),
    Circumstance("instructions up to SSE", False, environment=NARROW["sse"]),
)


class Trainings:
    def __init__(self, options, folder, recipe):
        self.program, self.folder, self.iterations = str(pathlib.Path(options.program).resolve()), folder, options.iterations
        write_images(folder)
        (folder / "tiny.toml").write_text(recipe + SMALL.format(iterations=options.iterations))

    def run(self, words, circumstance):
        ranks = "--ranks" in circumstance.options
        threads = () if ranks or "--threads" in circumstance.options else ("--threads", "2")
        environment = {**os.environ, "GOMP_SPINCOUNT": "2000", **circumstance.environment}
        done = subprocess.run([self.program, *words, *circumstance.options, *threads], cwd=self.folder, env=environment,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=1800)
        if done.returncode:
            raise SystemExit(f"{circumstance.name}: code {done.returncode}\n{done.stderr}")

    def end_of(self, circumstance, run):
        """The tensors of the last checkpoint under a circumstance."""
        sets = [word for one in circumstance.sets for word in ("--set", one)]
        last = f"train.iterations={self.iterations}"
        if circumstance.stop:
            middle = ["--set", f"train.iterations={self.iterations // 2}"]
            self.run(["train", "tiny.toml", "--out", run, *sets, *middle], circumstance)
            self.run(["resume", run, "--set", last], circumstance)
        else:
            self.run(["train", "tiny.toml", "--out", run, *sets], circumstance)
        return tensors(self.folder / run / "checkpoints" / f"step_{self.iterations:06d}" / "state.safetensors")


def difference(one, other):
    """The norm of the difference of the maps' weights over their norm."""
    change = size = 0.0
    for name, entry in one.items():
        if not name.startswith("map/") or entry[0] != "F32" or name not in other:
            continue
        for a, b in zip(floats(entry), floats(other[name])):
            change, size = change + (a - b) ** 2, size + a * a
    return (change / max(size, 1e-30)) ** 0.5


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--iterations", type=int, default=40)
    parser.add_argument("--promises", action="store_true", help="only what is promised to be equal")
    options = parser.parse_args()
    broken = 0
    for kind, recipe in (("vectors", VECTORS), ("images", IMAGES)):
        with tempfile.TemporaryDirectory() as scratch:
            trainings = Trainings(options, pathlib.Path(scratch), recipe)
            ends = {"plain": trainings.end_of(Circumstance("plain", True), "plain")}
            for number, circumstance in enumerate(CIRCUMSTANCES):
                if options.promises and not circumstance.promised and all(c.like != circumstance.name for c in CIRCUMSTANCES):
                    continue
                other = ends[circumstance.name] = trainings.end_of(circumstance, f"run{number}")
                before = ends[circumstance.like]
                unlike = [name for name in before if before[name] != other.get(name)]
                broken += bool(unlike) and circumstance.promised
                result = "the same bits" if not unlike else (
                    f"{len(unlike)} of {len(before)} tensors differ, the map by {difference(before, other):.1e}")
                print(f"{kind:8} {circumstance.name:55} {result}{'  BROKEN PROMISE' if unlike and circumstance.promised else ''}", flush=True)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
