"""Domain adaptation: a classifier for slanted digits from labels of upright digits only.

    python examples/python/digits.py [--quick]

Source: 900 handwritten digits of scikit-learn (8 x 8 pixels) with labels. Target: the other 897, slanted by 27 degrees; their
labels are used for scoring alone. Each method moves the source to the target, in 32 principal components; then a classifier
is trained on the moved digits, which keep their labels. POT is used if it is installed (pip install POT).
"""

import argparse

import numpy as np
from scipy.ndimage import affine_transform
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

import monge


def slanted(images, slope=0.5):
    """Images [N, 8, 8], sheared about their centre."""
    shear, centre = np.array([[1, 0], [slope, 1]]), np.array([3.5, 3.5])
    return np.stack([affine_transform(image, shear, centre - shear @ centre, order=1) for image in images])


def load(seed):
    """Source, its labels, target and its labels, in principal components."""
    digits = load_digits()
    images, labels = digits.images / 16, digits.target
    order = np.random.default_rng(seed).permutation(len(images))
    source, target = order[:900], order[900:]
    x, y = images[source].reshape(-1, 64), slanted(images[target]).reshape(-1, 64)
    pca = PCA(32, random_state=0).fit(np.concatenate([x, y]))
    return pca.transform(x), labels[source], pca.transform(y), labels[target]


def moved_sources(x, y, quick):
    """The source, moved to the target by each method."""
    yield "no adaptation", x
    try:
        import ot
    except ImportError:
        print("(without POT: pip install POT)")
    else:
        yield "POT EMDTransport", ot.da.EMDTransport().fit_transform(Xs=x, Xt=y)
        yield "POT SinkhornTransport", ot.da.SinkhornTransport(reg_e=2).fit_transform(Xs=x, Xt=y)
    strong = monge.Map("strong", threads=1, map__width=32, potential__width=32, train__iterations=150, eval__holdout=0.1)
    yield "monge strong", strong.fit(x, y).transform(x)
    light = monge.Map("light", threads=1, light__epsilon=8, train__iterations=500 if quick else 2000, eval__holdout=0.1)
    light.fit(x, y)
    yield "monge light", light.model_.translate(x, deterministic=True)  # the mean of the plan, as POT's transform


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Domain adaptation of digits.")
    parser.add_argument("--quick", action="store_true", help="fewer iterations")
    parser.add_argument("--seed", type=int, default=1, help="seed of the split; the settings were chosen on split 0")
    options = parser.parse_args(arguments)
    x, x_labels, y, y_labels = load(options.seed)

    print(f"{'accuracy on the target':24s}1-nearest neighbour   logistic regression")
    results = {}
    for name, moved in moved_sources(x, y, options.quick):
        classifiers = KNeighborsClassifier(1), LogisticRegression(max_iter=1000)
        results[name] = [float(c.fit(moved, x_labels).score(y, y_labels)) for c in classifiers]
        print(f"{name:24s}{results[name][0]:19.3f}   {results[name][1]:19.3f}", flush=True)
    return results


if __name__ == "__main__":
    main()
