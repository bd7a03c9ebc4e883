#!/usr/bin/env python3
"""Times the Python package beside POT and ott-jax on one job, and measures the error of each on rows that none has seen.

    PYTHONPATH=build/release/python python3 bench/python_peers.py --rows 10000 [--out bench/results/FILE.jsonl] [NAME...]

The source is N(0, I) in D = 50. The target is T*(x), the gradient of the convex function

    phi(x) = 1/4 |x|^2 + sum_k softplus(w_k . x + b_k)      with 20 random w_k of norm 3

so T* is the optimal map for the squared distance (Brenier 1991), and the error is L2-UVP on 4,096 further rows,
100 E|T - T*|^2 / Var Q. X and Y are drawn independently. Each solver runs in a process of its own; the memory is the peak of that
process less what it has after the imports and the data.
"""
import argparse
import datetime
import json
import os
import pathlib
import subprocess
import sys
import time

import numpy as np

D, HELD_OUT = 50, 4096


def optimal_map(x):
    rng = np.random.default_rng(7)
    w = rng.normal(size=(20, D))
    w *= 3 / np.linalg.norm(w, axis=1, keepdims=True)
    b = rng.normal(size=20)
    return 0.5 * x + 1 / (1 + np.exp(-(x @ w.T + b))) @ w


def data(rows):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, D)).astype(np.float32)
    y = optimal_map(rng.normal(size=(rows, D))).astype(np.float32)
    held = rng.normal(size=(HELD_OUT, D)).astype(np.float32)
    return x, y, held


def with_monge_strong(x, y, held):
    import monge

    transport = monge.Map("strong", eval__every=0, **OPTIONS)
    yield
    transport.fit(x, y)
    yield transport.transform(held)


def with_monge_light(x, y, held):
    import monge

    transport = monge.Map("light", eval__every=0, **OPTIONS)
    yield
    transport.fit(x, y)
    yield transport.model_.translate(held, deterministic=True)


def with_pot_emd(x, y, held):
    import ot

    yield
    yield ot.da.EMDTransport().fit(Xs=x, Xt=y).transform(Xs=held)


def with_pot_sinkhorn(x, y, held):
    import ot

    yield
    transport = ot.da.SinkhornTransport(reg_e=OPTIONS.get("reg", 0.01), norm="max")
    yield transport.fit(Xs=x, Xt=y).transform(Xs=held)


def with_ott_sinkhorn(x, y, held):
    os.environ["JAX_PLATFORMS"] = "cpu"
    import jax
    import jax.numpy as jnp
    from ott.geometry import pointcloud
    from ott.solvers import linear

    def solve(a, b):
        geometry = pointcloud.PointCloud(a, b, epsilon=OPTIONS.get("epsilon", 2.0), batch_size=OPTIONS.get("batch_size"))
        return linear.solve(geometry, max_iterations=500)

    yield
    out = jax.jit(solve)(jnp.asarray(x), jnp.asarray(y))
    yield np.asarray(out.to_dual_potentials().transport(jnp.asarray(held)))


def with_ott_neural(x, y, held):
    os.environ["JAX_PLATFORMS"] = "cpu"
    import jax
    import jax.numpy as jnp
    import optax
    from ott.neural.methods.expectile_neural_dual import ExpectileNeuralDual
    from ott.neural.networks import potentials

    iterations = OPTIONS.get("iterations", 10000)

    def loader(rows):
        rng = np.random.default_rng(1)
        while True:
            yield jnp.asarray(rows[rng.integers(0, len(rows), 512)])

    def net():
        return potentials.MLP(dim_hidden=[128] * 4 + [1], act_fn=jax.nn.elu)

    def adam():
        return optax.adam(optax.cosine_decay_schedule(1e-3, iterations, 1e-3), b1=0.9, b2=0.9)

    # The settings that were best on the Wasserstein-2 benchmark (docs/benchmarks.md).
    solver = ExpectileNeuralDual(D, neural_f=net(), neural_g=net(), optimizer_f=adam(), optimizer_g=adam(), expectile=0.9,
                                 expectile_loss_coef=0.3, num_train_iters=iterations, valid_freq=10**9, log_freq=10**9)
    yield
    potentials_out = solver(loader(x), loader(y), loader(x), loader(y))
    yield np.asarray((potentials_out[0] if isinstance(potentials_out, tuple) else potentials_out).transport(jnp.asarray(held)))


SOLVERS = {name[5:].replace("_", "-"): function for name, function in list(globals().items()) if name.startswith("with_")}
OPTIONS = {}


def memory_of(key):
    """MiB of this process: VmRSS, now; VmHWM, the peak."""
    lines = dict(line.split(":", 1) for line in pathlib.Path("/proc/self/status").read_text().splitlines())
    return int(lines[key].split()[0]) / 1024


def worker(name, rows, options):
    OPTIONS.update(options)
    x, y, held = data(rows)
    steps = SOLVERS[name](x, y, held)
    next(steps)
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # the peak is now what the process has
    before = memory_of("VmRSS")
    began = time.perf_counter()
    outputs = np.asarray(next(steps))
    seconds = time.perf_counter() - began
    memory = memory_of("VmHWM") - before
    truth = optimal_map(held.astype(np.float64))
    error = 100 * ((outputs - truth) ** 2).sum(1).mean() / truth.var(0).sum()
    identity = 100 * ((held - truth) ** 2).sum(1).mean() / truth.var(0).sum()
    print(json.dumps({"solver": name, "rows": rows, "dim": D, "seconds": round(seconds, 1), "peak_mib": round(memory),
                      "l2_uvp": round(float(error), 3), "l2_uvp_identity": round(float(identity), 1), "options": options}))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help=", ".join(SOLVERS))
    parser.add_argument("--rows", type=int, default=10000)
    parser.add_argument("--out")
    parser.add_argument("--options", default="{}", help="JSON for the solver")
    parser.add_argument("--timeout", type=float, default=1800)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        worker(arguments.worker, arguments.rows, json.loads(arguments.options))
        return
    for name in arguments.names or SOLVERS:
        command = [sys.executable, os.path.abspath(__file__), "--worker", name, "--rows", str(arguments.rows), "--options",
                   arguments.options]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=arguments.timeout)
        except subprocess.TimeoutExpired:
            print(f"{name}: not done after {arguments.timeout:.0f} s", flush=True)
            continue
        lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
        print(lines[-1] if lines else f"{name}: exit {done.returncode}: {done.stderr.strip().splitlines()[-8:]}", flush=True)
        if arguments.out and lines:
            with open(arguments.out, "a") as out:
                out.write(json.dumps({"date": str(datetime.date.today()), **json.loads(lines[-1])}) + "\n")


if __name__ == "__main__":
    main()
