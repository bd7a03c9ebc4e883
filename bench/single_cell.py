#!/usr/bin/env python3
"""A table of single cells in two conditions, and the figures of a map between them: docs/single-cell.md.

    bench/single_cell.py make cells.h5ad [--cells 6000] [--genes 200] [--seed 0]
        Counts of control and stimulated cells of three types and four donors. The cells of the two conditions are not
        paired. X holds log1p of normalised counts, layers["counts"] the counts, obsm["X_pca"] and varm["PCs"] twenty
        principal components, obs["split"] says which cells are for training and which are held out.
    bench/single_cell.py score OUT.h5ad --layer NAME --cells cells.h5ad [--top 30]
        Compares transported control cells with held-out stimulated cells, beside control cells that are not moved and
        stimulated cells of the training.

Needs numpy, scipy and anndata.
"""
import argparse
import json

import anndata
import numpy as np
import pandas as pd
import scipy.sparse as sp

COMPONENTS = 20


def make(o):
    random = np.random.default_rng(o.seed)
    types, donors = np.array(["B", "T", "NK"]), np.array([f"donor {i}" for i in range(1, 5)])
    kind = random.choice(3, o.cells, p=[0.5, 0.3, 0.2])
    donor = random.choice(4, o.cells)
    stimulated = random.random(o.cells) < 0.5
    # Log rates of a gene: a base, a profile for each type, a cell's own state along two programs, a donor's shift.
    base = random.normal(-0.5, 1.2, o.genes)
    profile = random.normal(0, 1.0, (3, o.genes)) * (random.random((3, o.genes)) < 0.3)
    programs = random.normal(0, 0.5, (2, o.genes)) * (random.random((2, o.genes)) < 0.2)
    state = random.normal(size=(o.cells, 2))
    shift = random.normal(0, 0.1, (4, o.genes))
    # A sixth of the genes respond; each type in its own strength, and cells in a high state more.
    responds = np.where(random.random(o.genes) < 1 / 6, random.normal(1.2, 0.6, o.genes), 0)
    strength = np.array([1.0, 0.6, 1.4])
    log_rate = base + profile[kind] + state @ programs + shift[donor]
    response = responds * (strength[kind] * (1 + 0.3 * np.tanh(state[:, 0])))[:, None]
    log_rate += stimulated[:, None] * response
    rate = np.exp(log_rate)
    depth = random.lognormal(np.log(2 * o.genes), 0.3, o.cells)
    mean = rate / rate.sum(1, keepdims=True) * depth[:, None]
    dispersion = 2.0  # variance mean + mean² / dispersion
    counts = random.poisson(random.gamma(dispersion, mean / dispersion)).astype("f4")
    x = np.log1p(counts / np.maximum(1, counts.sum(1, keepdims=True)) * np.median(counts.sum(1))).astype("f4")
    obs = pd.DataFrame({"condition": pd.Categorical(np.where(stimulated, "stim", "ctrl")), "cell_type": pd.Categorical(types[kind]),
                        "donor": pd.Categorical(donors[donor]),
                        "split": pd.Categorical(np.where(random.random(o.cells) < 0.8, "train", "test"))},
                       index=[f"cell{i:05}" for i in range(o.cells)])
    table = anndata.AnnData(sp.csr_matrix(x), obs=obs, var=pd.DataFrame({"responds": responds}, index=[f"gene{i:03}" for i in range(o.genes)]))
    table.layers["counts"] = sp.csr_matrix(counts)
    _, _, axes = np.linalg.svd(x - x.mean(0), full_matrices=False)
    table.varm["PCs"] = axes[:COMPONENTS].T.astype("f4")
    table.obsm["X_pca"] = ((x - x.mean(0)) @ table.varm["PCs"]).astype("f4")
    table.write_h5ad(o.file, compression="gzip")
    print(f"{o.file}: {o.cells} cells x {o.genes} genes; {(obs.groupby(['condition', 'split'], observed=True).size()).to_dict()}")


def dense(matrix):
    return np.asarray(matrix.todense() if sp.issparse(matrix) else matrix, dtype="f8")


def distances(a, b):
    return np.sqrt(np.maximum(0, (a ** 2).sum(1)[:, None] + (b ** 2).sum(1) - 2 * a @ b.T))


def energy(a, b):
    """E|a - b| - 1/2 E|a - a'| - 1/2 E|b - b'|, without pairs of a cell and itself."""
    own = [distances(x, x).sum() / (len(x) * (len(x) - 1)) for x in (a, b)]
    return distances(a, b).mean() - sum(own) / 2


def mmd(a, b, scale):
    """MMD² of a Gaussian kernel, unbiased."""
    kernel = lambda x, y: np.exp(-distances(x, y) ** 2 / (2 * scale ** 2))  # noqa: E731
    own = [(kernel(x, x).sum() - len(x)) / (len(x) * (len(x) - 1)) for x in (a, b)]
    return sum(own) - 2 * kernel(a, b).mean()


def r2(a, b):
    return np.corrcoef(a.mean(0), b.mean(0))[0, 1] ** 2


def wasserstein(a, b):
    """W1 for each gene, by quantiles."""
    levels = (np.arange(500) + 0.5) / 500
    return np.abs(np.quantile(a, levels, axis=0) - np.quantile(b, levels, axis=0)).mean(0)


def score(o):
    moved, cells = anndata.read_h5ad(o.file), anndata.read_h5ad(o.cells)
    held, train = cells[cells.obs.split == "test"], cells[cells.obs.split == "train"]
    target, control = held[held.obs.condition == "stim"], held[held.obs.condition == "ctrl"]
    assert list(moved.obs_names) == list(control.obs_names), "OUT.h5ad must hold the held-out control cells"
    known = train[train.obs.condition == "stim"]
    known = known[np.random.default_rng(0).permutation(known.n_obs)[:control.n_obs]]
    y, x = dense(target.X), dense(control.X)
    axes, centre = cells.varm["PCs"].astype("f8"), dense(cells.X).mean(0)
    tables = {"transported": dense(moved.layers[o.layer]), "not moved": x, "stimulated cells of the training": dense(known.X)}
    change = np.abs(dense(train[train.obs.condition == "stim"].X).mean(0) - dense(train[train.obs.condition == "ctrl"].X).mean(0))
    top = np.argsort(-change)[:o.top]
    scale = np.median(distances((y - centre) @ axes, (y - centre) @ axes))
    for name, table in tables.items():
        p, q = (table - centre) @ axes, (y - centre) @ axes
        w = wasserstein(table, y)
        print(json.dumps({
            "cells": name, "r2_means": round(r2(table, y), 4), "r2_means_top": round(r2(table[:, top], y[:, top]), 4),
            "mean_error_top": round(float(np.abs(table.mean(0) - y.mean(0))[top].mean()), 4),
            "energy_pca": round(energy(p, q), 4), "mmd2_pca": round(mmd(p, q, scale), 5),
            "energy_genes": round(energy(table, y), 4), "w1_gene_median": round(float(np.median(w)), 4),
            "w1_gene_top": round(float(w[top].mean()), 4), "negative": round(float((table < 0).mean()), 4)}))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("make")
    one.add_argument("file")
    one.add_argument("--cells", type=int, default=6000)
    one.add_argument("--genes", type=int, default=200)
    one.add_argument("--seed", type=int, default=0)
    one.set_defaults(run=make)
    one = commands.add_parser("score")
    one.add_argument("file")
    one.add_argument("--layer", required=True)
    one.add_argument("--cells", required=True)
    one.add_argument("--top", type=int, default=30, help="genes of the largest change in the training cells")
    one.set_defaults(run=score)
    o = parser.parse_args()
    o.run(o)


if __name__ == "__main__":
    main()
