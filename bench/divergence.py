#!/usr/bin/env python3
"""Trainings that explode, with and without the return to a sound state: the figures of docs/divergence.md.

    bench/divergence.py cases [--monge PROGRAM] [--seeds 3] [--threads 1] [KEY=VALUE ...]
        three cases that explode, each with train.on_divergence = ignore and rollback
    bench/divergence.py recipes [the same options] RECIPE[:KEY=VALUE[,KEY=VALUE ...]] ...
        recipes that must raise no alarm, with their own on_divergence = rollback
    bench/divergence.py truth [the same options] ["ARGUMENTS" ...]
        `monge truth` with these arguments (behind `--`), by default what TRUTH lists, that must raise no alarm; `KEY=VALUE` is not taken

One JSON line per training. `gap` is |mean f(T(x)) - mean f(y)|: its largest value, and the mean over the last 25 iterations.
"""
import argparse
import json
import math
import pathlib
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
FONTS = "/usr/share/fonts/truetype/dejavu/"
LETTERS = "ranges=0021-024F,0370-04FF"  # Latin, Greek and Cyrillic

CASES = {
    # Rates a hundred times those that suit the case.
    "high-rate": """
method = "strong"
source.path = "toy:gaussian?dim=16"
target.path = "toy:gaussian?dim=16&mean=1&cov_seed=1"
cost.scale = "half"
map = {width = 64, depth = 3, residual = true}
potential = {width = 64, depth = 3, quadratic = true}
train = {iterations = 1500, batch = 256, k_t = 4, lr_map = 0.1, lr_potential = 0.1, ema = 0.99}
checkpoint.every = 100
eval = {every = 500, samples = 1024}
samples.every = 0
""",
    # Letters of one font to those of another, without R1 and with few updates of the map.
    "letters": f"""
method = "strong"
source = {{path = "font:{FONTS}DejaVuSans.ttf?{LETTERS}", size = 16, grey = true}}
target = {{path = "font:{FONTS}DejaVuSerif-BoldItalic.ttf?{LETTERS}", size = 16, grey = true}}
cost.scale = "mean"
map = {{width = 8, depth = 2, norm = "group", residual = true}}
potential = {{width = 8, width_max = 32, r1 = 0}}
train = {{iterations = 500, batch = 16, k_t = 2, lr_map = 3e-3, lr_potential = 3e-3, ema = 0.99}}
checkpoint.every = 100
eval = {{every = 250, samples = 300, holdout = 0.3}}
samples.every = 0
""",
    # Every plan is optimal, and the source has no density: the nets and rates of `monge truth perpendicular --dim 256`.
    "perpendicular-256": """
method = "strong"
source.path = "toy:perpendicular?dim=256&side=source"
target.path = "toy:perpendicular?dim=256&side=target"
cost.scale = "half"
map = {width = 256, depth = 3, residual = true, zero_last = true}
potential = {width = 256, depth = 3, quadratic = true, zero_last = true, r1 = 0.02}
train = {iterations = 1500, batch = 256, k_t = 4, lr_map = 1e-3, lr_potential = 1e-3, schedule = "cosine", ema = 0.99}
checkpoint.every = 100
eval = {every = 500, samples = 2048}
samples.every = 0
""",
}


# Plain `strong` has no solution on `perpendicular` and is left out.
TRUTH = ("--quick", "gaussian --dim 256", "perpendicular --method otp --dim 256")


def truth(o, arguments):
    words = [o.monge, "truth", *arguments.split(), "--seeds", o.seeds, "--threads", o.threads, "--json"]
    start = time.time()
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True)
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    alarms = [line for line in done.stderr.splitlines() if "diverge" in line]
    return {"exit": done.returncode, "cases": sorted({r["case"] for r in rows if "case" in r}), "alarms": alarms, "seconds": time.time() - start}


def train(o, recipe, settings, folder):
    run = folder / f"run-{time.monotonic_ns()}"
    words = [o.monge, "train", recipe, "--out", run, "--quiet"]
    for setting in [f"train.threads={o.threads}", *settings]:
        words += ["--set", setting]
    start = time.time()
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True)
    lines = [json.loads(line) for line in open(run / "metrics.jsonl")] if (run / "metrics.jsonl").exists() else []
    gaps = [abs(v["loss_potential"]) for v in lines if v.get("loss_potential") is not None]
    evaluations = [v["eval"] for v in lines if "eval" in v]
    summary = json.loads((run / "summary.json").read_text()) if (run / "summary.json").exists() else {}
    last = evaluations[-1] if evaluations else {}
    tail = gaps[-25:] or [math.nan]
    values = {"exit": done.returncode, "iterations": summary.get("iterations"), "largest_gap": max(gaps, default=math.nan),
              "last_gap": sum(tail) / len(tail), "target_error": last.get("target_error"), "target_floor": last.get("target_floor"),
              "target_start": last.get("target_start"), **{k: last[k] for k in ("feature_error", "feature_floor", "feature_start") if k in last}, "cost": last.get("cost"), "verdict": summary.get("verdict"),
              "rollbacks": [{k: r[k] for k in ("alarm", "restored", "rate", "r1", "smoothing", "reason")} for r in summary.get("rollbacks", [])],
              "warned": "runs away" in done.stderr, "seconds": time.time() - start}
    if done.returncode:
        values["error"] = done.stderr.strip().splitlines()[-1:]
    return values


def report(**values):
    print(json.dumps({k: float(f"{v:.4g}") if isinstance(v, float) else v for k, v in values.items()}), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("cases", "recipes", "truth"))
    parser.add_argument("words", nargs="*")
    parser.add_argument("--monge", default=ROOT / "build/release/monge")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--case", choices=tuple(CASES), action="append")
    o = parser.parse_intermixed_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        if o.what == "cases":
            for case in o.case or CASES:
                (folder / f"{case}.toml").write_text(CASES[case])
                for seed in range(o.seeds):
                    for policy in ("ignore", "rollback"):
                        settings = [f"train.seed={seed}", f"train.on_divergence={policy}", *o.words]
                        report(case=case, seed=seed, policy=policy, **train(o, folder / f"{case}.toml", settings, folder))
            return
        if o.what == "truth":
            for arguments in o.words or TRUTH:
                report(truth=arguments, **truth(o, arguments))
            return
        for word in o.words:
            recipe, _, settings = word.partition(":")
            report(recipe=recipe, settings=settings, **train(o, ROOT / recipe, settings.split(",") if settings else [], folder))


main()
