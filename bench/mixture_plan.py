#!/usr/bin/env python3
"""The benchmark of entropic plans with Gaussian mixtures (Gushchin et al. 2023), with parameters of our own.

    bench/mixture_plan.py write FOLDER [--dim 16] [--eps 1] [--seed 0] [--rotated] [--count 50000] [--tests 500]
        FOLDER/source.npy [N, D], target.npy [N, D], test.npy [T, D], and the plan: log_alpha.npy [5], r.npy [5, D], S.npy [5, D, D]
    bench/mixture_plan.py score FOLDER DRAWS.npy
        cBW2-UVP in percent of draws [T, Z, D], Z for each row of test.npy; beside it that of as many draws of the true plan, and
        of Gaussians: the target's moments for every input

Needs numpy. The source is N(0, I). The plan is pi(y|x) ~ exp(-||x - y||^2 / (2 eps)) phi(y), with phi a mixture of 5 Gaussians:
means uniform on the sphere of radius 5; covariances with the deviations 0.5 .. 1.2, evenly, in the coordinates in random order or,
with --rotated, in random orthogonal axes; weights such that the components' part of all draws is one Dirichlet(5) draw. All come
from the seed and the dimension. In the notation of monge/nn/gaussian_plan.h, v(y) = exp(-||y||^2 / (2 eps)) phi(y), so that
eps S_k = (Sigma_k^-1 + I / eps)^-1 and r_k = eps S_k Sigma_k^-1 m_k. The published benchmark has other parameters, which are a
download; figures are comparable in kind only.
"""
import argparse
import json
import pathlib

import numpy as np

COMPONENTS, RADIUS, DEVIATIONS = 5, 5.0, (0.5, 1.2)


def problem(dim, eps, rotated, seed):
    """@return log_alpha [K], r [K, D], S [K, D, D], float64."""
    rng = np.random.default_rng([seed, dim])
    m = rng.normal(size=(COMPONENTS, dim))
    m *= RADIUS / np.linalg.norm(m, axis=1, keepdims=True)
    variances, sigma = np.linspace(*DEVIATIONS, dim) ** 2, []
    for _ in range(COMPONENTS):
        if rotated:
            axes, upper = np.linalg.qr(rng.normal(size=(dim, dim)))
            axes *= np.sign(np.diag(upper))
        else:
            axes = np.eye(dim)[rng.permutation(dim)]
        sigma.append(axes * variances @ axes.T)
    sigma, identity = np.array(sigma), np.eye(dim)
    x = rng.normal(size=(20_000, dim))
    inverse, log_det = np.linalg.inv(sigma + eps * identity), np.linalg.slogdet(sigma + eps * identity)[1]
    exponents = np.stack([-0.5 * np.einsum("bi,ij,bj->b", x - m[k], inverse[k], x - m[k], optimize=True) - 0.5 * log_det[k]
                          for k in range(COMPONENTS)], 1)
    parts = rng.dirichlet(np.full(COMPONENTS, 5.0))
    log_weights = np.log(parts)
    for _ in range(200):
        log_weights += 0.5 * np.log(parts / softmax(exponents + log_weights).mean(0))
    covariance = np.linalg.inv(np.linalg.inv(sigma) + identity / eps)
    r = np.einsum("kij,kjl,kl->ki", covariance, np.linalg.inv(sigma), m)
    S = (covariance + covariance.transpose(0, 2, 1)) / (2 * eps)
    # The exponents of c and those above differ by what is the same for all components; so one x gives all log_alpha.
    forms = np.einsum("i,kij,j->k", x[0], S, x[0]) + 2 * r @ x[0]
    log_alpha = exponents[0] + log_weights - forms / (2 * eps)
    return log_alpha - log_alpha.max(), r, S


def softmax(logits):
    weights = np.exp(logits - logits.max(1, keepdims=True))
    return weights / weights.sum(1, keepdims=True)


def conditional(plan, eps, x):
    """@return weights [B, K] and means [B, K, D] of pi(y|x)."""
    log_alpha, r, S = plan
    forms = np.einsum("bi,kij,bj->bk", x, S, x, optimize=True) + 2 * x @ r.T
    return softmax(log_alpha + forms / (2 * eps)), r + np.einsum("kij,bj->bki", S, x)


def draw(plan, eps, x, rng):
    weights, means = conditional(plan, eps, x)
    chosen = (rng.random((len(x), 1)) > np.cumsum(weights, 1)).sum(1).clip(0, COMPONENTS - 1)
    factors, z = np.linalg.cholesky(eps * plan[2]), rng.normal(size=x.shape)
    y = means[np.arange(len(x)), chosen]
    for k in range(COMPONENTS):
        y[chosen == k] += z[chosen == k] @ factors[k].T
    return y


def moments(plan, eps, x):
    """Mean [B, D] and covariance [B, D, D] of pi(y|x)."""
    weights, means = conditional(plan, eps, x)
    mean = np.einsum("bk,bkd->bd", weights, means)
    apart = means - mean[:, None]
    spread = np.einsum("bk,bki,bkj->bij", weights, apart, apart, optimize=True)
    return mean, spread + np.einsum("bk,kij->bij", weights, eps * plan[2], optimize=True)


def moments_of(draws):
    """The same of draws [B, Z, D]."""
    apart = draws - draws.mean(1, keepdims=True)
    return draws.mean(1), np.einsum("bzi,bzj->bij", apart, apart, optimize=True) / (draws.shape[1] - 1)


def root(matrices):
    values, vectors = np.linalg.eigh(matrices)
    return vectors * np.sqrt(values.clip(0))[:, None] @ vectors.transpose(0, 2, 1)


def bures(first, second):
    """Half the squared Bures-Wasserstein distance, [B]."""
    half, trace = root(second[1]), lambda matrices: np.trace(matrices, axis1=1, axis2=2)
    cross = root(half @ first[1] @ half)
    return 0.5 * (((first[0] - second[0]) ** 2).sum(1) + trace(first[1]) + trace(second[1])) - trace(cross)


def write(a):
    a.folder.mkdir(parents=True, exist_ok=True)
    plan = problem(a.dim, a.eps, a.rotated, a.seed)
    rng = np.random.default_rng([a.seed, a.dim, 1])
    x = rng.normal(size=(a.count, a.dim))
    target = draw(plan, a.eps, rng.normal(size=(a.count, a.dim)), rng)  # of other sources: the two are not paired
    arrays = dict(source=x, target=target, test=rng.normal(size=(a.tests, a.dim)))
    for name, values in arrays.items():
        np.save(a.folder / f"{name}.npy", values.astype(np.float32))
    for name, values in zip(("log_alpha", "r", "S"), plan):
        np.save(a.folder / f"{name}.npy", values)
    settings = dict(dim=a.dim, eps=a.eps, seed=a.seed, rotated=a.rotated)
    (a.folder / "problem.json").write_text(json.dumps(settings) + "\n")


def score(a):
    eps = json.loads((a.folder / "problem.json").read_text())["eps"]
    plan = tuple(np.load(a.folder / f"{name}.npy") for name in ("log_alpha", "r", "S"))
    x, target = np.load(a.folder / "test.npy").astype(float), np.load(a.folder / "target.npy").astype(float)
    draws = np.load(a.draws).astype(float)
    if draws.ndim != 3 or draws.shape[0] != len(x) or draws.shape[2] != x.shape[1]:
        raise SystemExit(f"{a.draws}: {list(draws.shape)}, but the draws must be [{len(x)}, Z, {x.shape[1]}]")
    truth, unit = moments(plan, eps, x), 0.5 * target.var(0).sum() / 100
    rng = np.random.default_rng(0)
    again = draw(plan, eps, x.repeat(draws.shape[1], 0), rng).reshape(draws.shape)
    independent = target.mean(0)[None].repeat(len(x), 0), np.cov(target.T)[None].repeat(len(x), 0)
    result = {name: bures(found, truth).mean() / unit
              for name, found in dict(draws=moments_of(draws), true_plan=moments_of(again), independent=independent).items()}
    print(json.dumps({name: round(value, 4) for name, value in result.items()}))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    writing, scoring = commands.add_parser("write"), commands.add_parser("score")
    writing.add_argument("folder", type=pathlib.Path)
    for name, default in dict(dim=16, eps=1.0, seed=0, count=50_000, tests=500).items():
        writing.add_argument("--" + name, type=type(default), default=default)
    writing.add_argument("--rotated", action="store_true")
    writing.set_defaults(run=write)
    scoring.add_argument("folder", type=pathlib.Path)
    scoring.add_argument("draws", type=pathlib.Path)
    scoring.set_defaults(run=score)
    a = parser.parse_args()
    a.run(a)


if __name__ == "__main__":
    main()
