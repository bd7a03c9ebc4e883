"""Single cells: predicts stimulated cells from control cells. No cell is measured twice, so there are no pairs.

    python examples/python/cells.py [--quick]

The counts are generated: two cell types, 300 genes, and a stimulation that raises 30 genes in both types, 15 in the first
type alone, and lowers 15 in the second alone. The map is learned on principal components of log counts. Its outputs for
held-out control cells are compared with held-out stimulated cells, beside two simple predictions: no change, and one shift
for all cells. For your own data replace `generate` by arrays of counts [cells, genes], such as adata.X of anndata (dense).
"""

import argparse

import numpy as np
from sklearn.decomposition import PCA

import monge

GENES = 300


def generate(cells, stimulated, seed):
    """Counts [cells, GENES], and the type of each cell, 0 or 1."""
    genes = np.random.default_rng(0)  # the genes are the same in all calls
    log_mean = np.stack([genes.normal(0.5, 1, GENES)] * 2)
    log_mean[1] += genes.normal(0, 1, GENES) * (genes.random(GENES) < 0.2)
    if stimulated:
        log_mean[:, :30] += 1.5
        log_mean[0, 30:45] += 2
        log_mean[1, 45:60] -= 2
    rng = np.random.default_rng(seed)
    kind = rng.integers(2, size=cells)
    depth = rng.lognormal(0, 0.3, (cells, 1))
    activity = rng.gamma(5, 1 / 5, (cells, GENES))  # biological noise: counts are negative binomial
    return rng.poisson(depth * activity * np.exp(log_mean[kind])), kind


def log_normalised(counts):
    """log(1 + counts), each cell scaled to 1,000 counts."""
    return np.log1p(1000 * counts / counts.sum(1, keepdims=True))


def r2(a, b):
    """Squared correlation of two vectors."""
    return float(np.corrcoef(a, b)[0, 1] ** 2)


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Predicts stimulated cells from control cells.")
    parser.add_argument("--quick", action="store_true", help="fewer cells and iterations")
    options = parser.parse_args(arguments)
    cells, held_out, iterations = (1000, 400, 200) if options.quick else (4000, 1000, 600)

    control, stimulated = (log_normalised(generate(cells, on, seed)[0]) for seed, on in ((1, False), (2, True)))
    (x, x_kind), (y, y_kind) = generate(held_out, False, 3), generate(held_out, True, 4)
    x, y = log_normalised(x), log_normalised(y)

    pca = PCA(20, random_state=0).fit(np.concatenate([control, stimulated]))
    transport = monge.Map("strong", threads=1, map__width=64, potential__width=64, train__iterations=iterations)
    transport.fit(pca.transform(control), pca.transform(stimulated))

    moved = transport.transform(pca.transform(x))
    # Back to genes, and no negative expression. The outputs lack the noise of single genes that 20 components leave out.
    # x + (moved - pca.transform(x)) @ pca.components_ keeps that of the control cell instead.
    predicted = np.maximum(pca.inverse_transform(moved), 0)
    shift = stimulated.mean(0) - control.mean(0)
    predictions = {"no change": x, "mean shift": np.maximum(x + shift, 0), "monge": predicted}

    print("prediction    r2 of means   r2 of changes   energy    MMD^2")
    results = {}
    for name, genes in predictions.items():
        changes = [(genes[x_kind == k].mean(0) - x[x_kind == k].mean(0), y[y_kind == k].mean(0) - x[x_kind == k].mean(0))
                   for k in (0, 1)]
        distances = monge.metrics.sample_distances(pca.transform(genes), pca.transform(y), plan_points=held_out // 2)
        results[name] = {
            "r2": r2(genes.mean(0), y.mean(0)),
            "r2 of changes": float(np.mean([r2(a, b) if a.any() else 0 for a, b in changes])),  # by type, mean of both
            "energy": distances["energy"], "mmd": distances["mmd_squared"], "minimum": float(genes.min()),
        }
        row = results[name]
        print(f"{name:12s}  {row['r2']:11.3f}   {row['r2 of changes']:13.3f}  {row['energy']:7.3f}  {row['mmd']:7.4f}")
    floor = results["floor"] = distances["floor"]
    print(f"{'floor':12s}  {'':11s}   {'':13s}  {floor['energy']:7.3f}  {floor['mmd_squared']:7.4f}")
    return results


if __name__ == "__main__":
    main()
