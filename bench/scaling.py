"""Predicts the time of training on N GPUs by a model of three numbers: the compute time of a rank, the bytes to sum, the speed of a link.

An outer iteration is K_T updates of the map and one of the potential. An update computes for c seconds on its rank's part of the
batch, of which the backward pass is the fraction o; its gradients, G bytes, are added over all ranks by a ring:

    r = 2 (N - 1) / N  G / B  +  2 (N - 1) L          B: bytes a second of the slowest link, L: latency of one step of the ring

The buckets but the last are added while the backward pass runs; the last, of b bytes, can only begin at its end:

    update = c + max(r_last, r - o c)                 r_last: r with min(b, G) in place of G

NCCL takes trees where rings would be long, so that L counts log2(N) times there (--tree). Efficiency is c / update, over all updates.

    bench/scaling.py --map-ms 8.9 --potential-ms 10 --k-t 10 --map-mb 38.9 --potential-mb 91 --link-gb 40 --ranks 8,64,512 --tree
    bench/scaling.py --check            measures this machine: 1 and 2 ranks of one thread each, against the model; JSON lines
"""
import argparse
import json
import math
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent


def update(compute, gigabytes, ranks, link, latency, overlap, bucket, tree):
    """Seconds of one update."""
    if ranks == 1:
        return compute
    steps = 2 * math.log2(ranks) if tree else 2 * (ranks - 1)
    reduce = lambda size: 2 * (ranks - 1) / ranks * size / link + steps * latency
    return compute + max(reduce(min(bucket, gigabytes)), reduce(gigabytes) - overlap * compute)


def iteration(a, ranks):
    common = dict(ranks=ranks, link=a.link_gb, latency=a.latency_us * 1e-6, overlap=a.overlap, bucket=a.bucket_mb / 1024, tree=a.tree)
    return (a.k_t * update(a.map_ms / 1e3, a.map_mb / 1024, **common) + update(a.potential_ms / 1e3, a.potential_mb / 1024, **common))


def predict(a):
    alone = iteration(a, 1)
    for ranks in a.ranks:
        seconds = iteration(a, ranks)
        print(json.dumps({"ranks": ranks, "ms": round(1e3 * seconds, 3), "efficiency": round(alone / seconds, 4)}))


def check(a):
    """Times whole programs, of two lengths, so that starting and ending cancel out."""
    program, sums = a.build / "monge", a.build / "bench" / "bench_sums"
    environment = dict(os.environ, OMP_WAIT_POLICY="passive")
    measured = subprocess.run(["mpirun", "--allow-run-as-root", "--bind-to", "none", "-np", "2", sums], capture_output=True, text=True, check=True, env=environment)
    lines = [json.loads(line) for line in measured.stdout.splitlines()]
    latency = lines[0]["seconds"] / 2
    for name, words in CASES.items():
        sizes = {}
        with tempfile.TemporaryDirectory() as folder:
            recipe = pathlib.Path(folder) / "r.toml"
            recipe.write_text(words)

            def seconds(ranks, iterations, run):
                line = [program, "train", recipe, "--quiet", "--out", f"{folder}/{run}", "--threads", "1", "--set", f"train.batch={ranks * BATCH}",
                        "--set", f"train.iterations={iterations}", "--set", f"checkpoint.every={iterations}"]
                launcher = ["mpirun", "--allow-run-as-root", "--bind-to", "none", "-np", str(ranks)] if ranks > 1 else []
                began = time.monotonic()
                subprocess.run(launcher + line, check=True, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
                return time.monotonic() - began

            def beside_another(iterations, run):
                """The time of one rank while another process trains the same beside it: a job shares caches and memory too."""
                line = [program, "train", recipe, "--quiet", "--threads", "1", "--set", f"train.batch={BATCH}", "--set", f"train.iterations={iterations}",
                        "--set", f"checkpoint.every={iterations}", "--out"]
                began = time.monotonic()
                both = [subprocess.Popen(line + [f"{folder}/{run}{i}"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for i in (0, 1)]
                for one in both:
                    if one.wait() != 0:
                        raise SystemExit(one.stderr.read().decode())
                return time.monotonic() - began

            short, long = a.iterations, 4 * a.iterations
            per = {key: [] for key in ("one", "beside", "two")}
            for k in range(a.rounds):
                per["one"].append((seconds(1, long, f"a{k}") - seconds(1, short, f"b{k}")) / (long - short))
                per["beside"].append((beside_another(long, f"c{k}") - beside_another(short, f"d{k}")) / (long - short))
                per["two"].append((seconds(2, long, f"e{k}") - seconds(2, short, f"f{k}")) / (long - short))
            one, beside, two = (statistics.median(per[key]) for key in ("one", "beside", "two"))
            counts = json.loads(subprocess.run([program, "train", recipe, "--dry-run", "--json"], capture_output=True, text=True, check=True).stdout)
            sizes = {key: 4 * counts[key] / 2**30 for key in ("parameters_map", "parameters_potential")}
        link = min(lines, key=lambda line: abs(line["bytes"] - sizes["parameters_map"] * 2**30))["link_bytes_per_second"] / 2**30
        # The updates are not timed apart, so the model takes them to be equal.
        compute = beside / (K_T + 1)
        common = dict(ranks=2, link=link, latency=latency, overlap=0.0 if a.cores < 4 else a.overlap, bucket=25 / 1024, tree=False)
        predicted = K_T * update(compute, sizes["parameters_map"], **common) + update(compute, sizes["parameters_potential"], **common)
        print(json.dumps({"case": name, "ms_one": round(1e3 * one, 3), "ms_one_beside_another": round(1e3 * beside, 3), "ms_two": round(1e3 * two, 3),
                          "ms_two_predicted": round(1e3 * predicted, 3), "efficiency": round(one / two, 4), "efficiency_beside": round(beside / two, 4),
                          "link_gb_per_second": round(link, 3), "latency_us": round(1e6 * latency, 1), "cores": a.cores}), flush=True)


K_T, BATCH = 10, 256
CASES = {"vectors 3 x 512, D = 64": f"""
method = "strong"
[source]
path = "toy:gaussian?dim=64"
[target]
path = "toy:gaussian?dim=64"
[map]
width = 512
[potential]
width = 512
[train]
k_t = {K_T}
batch = {BATCH}
[eval]
every = 0
[samples]
every = 0
"""}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--map-ms", type=float, help="an update of the map on one rank's part of the batch")
    parser.add_argument("--potential-ms", type=float)
    parser.add_argument("--k-t", type=int, default=10)
    parser.add_argument("--map-mb", type=float, help="MiB of the map's gradients")
    parser.add_argument("--potential-mb", type=float)
    parser.add_argument("--link-gb", type=float, help="GiB a second of the slowest link of the ring, in one direction")
    parser.add_argument("--latency-us", type=float, default=5)
    parser.add_argument("--overlap", type=float, default=0.6, help="part of an update in which the backward pass runs")
    parser.add_argument("--bucket-mb", type=float, default=25)
    parser.add_argument("--ranks", type=lambda words: [int(word) for word in words.split(",")], default=[8, 64, 512])
    parser.add_argument("--tree", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "release")
    parser.add_argument("--iterations", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cores", type=int, default=os.cpu_count())
    a = parser.parse_args()
    if a.check:
        return check(a)
    missing = [name for name in ("map_ms", "potential_ms", "map_mb", "potential_mb", "link_gb") if getattr(a, name) is None]
    if missing:
        parser.error("--" + missing[0].replace("_", "-") + " is needed")
    return predict(a)


if __name__ == "__main__":
    sys.exit(main())
