"""Distances between distributions known by samples: the metrics of ``monge eval``, ``fid``, ``kid``, ``lpips`` and
``score``, to the bit."""

from __future__ import annotations

import os
import pathlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from . import _monge
from ._arrays import as_items, select_columns
from ._errors import input_error
from ._jobs import JobHooks
from .model import PathLike, filled, path_text


def energy_distance(a: Any, b: Any, *, unbiased: bool = False) -> float:
    """Energy distance 2 E|a - b| - E|a - a'| - E|b - b'| (Szekely and Rizzo 2013); 0 only for equal distributions.

    Args:
        a, b: vectors [N, D] and [M, D], or images of one shape. Columns of data frames are found by name.
        unbiased: leave out the pairs i = i; then equal distributions scatter around 0. If False, the value is never
            negative and is the ``target_error`` of an evaluation.

    Time grows with N M D. Raises InputError for entries of different shapes.
    """
    return float(_monge.energy_distance(*_pair(a, b), unbiased))


def sliced_wasserstein(a: Any, b: Any, *, projections: int = 256, seed: int = 0) -> float:
    """Squared Wasserstein-2 distance of random projections, averaged over `projections` directions."""
    return float(_monge.sliced_wasserstein(*_pair(a, b), projections, seed))


def sample_distances(a: Any, reference: Any, *, plan_points: int = 2048, seed: int = 0) -> dict[str, Any]:
    """The distances that the literature of single cells reports, as ``monge score interpolation`` computes them.

    Args:
        a: samples [N, D], at least `plan_points`.
        reference: samples [M, D], M >= 4.
        plan_points: samples of each side in the exact plans of W1 and W2; at most M / 2.
        seed: of their choice.

    Returns:
        ``energy`` (half of :func:`energy_distance`, unbiased), ``mmd_squared`` (unbiased, a sum of five Gaussian kernels
        around the median distance), ``w1`` and ``w2`` (exact plans), and ``floor``: the same between two halves of the
        reference.
    """
    x, y = _pair(a, reference)
    return dict(_monge.sample_distances(x, y, min(plan_points, len(x)), seed))


def l2_uvp(prediction: Any, truth: Any, target_variance: float | None = None) -> float:
    """Unexplained variance of a map, 100 E|T - T*|^2 / Var Q, in percent (Korotin et al. 2021).

    Args:
        prediction, truth: [N, D], the map and the optimal map on the same inputs.
        target_variance: trace of the target's covariance; None: that of `truth`.
    """
    made, right = _pair(prediction, truth)
    variance = float(np.var(right, axis=0, dtype=np.float64).sum()) if target_variance is None else target_variance
    return float(_monge.l2_uvp(made, right, variance))


def kernel_distance(a: Any, b: Any) -> tuple[float, float]:
    """Unbiased MMD^2 with the kernel (x.y / F + 1)^3 of features [N, F] and [M, F], and its standard error.

    KID (Binkowski et al. 2018) is this distance of Inception features; see :func:`kid` for images.
    """
    value, error = _monge.kernel_distance(*_pair(a, b))
    return float(value), float(error)


def fid(a: Any, b: Any, *, features: str = "inception", mode: str = "clean", weights: PathLike = "", samples: int = 0,
        background: str = "white", on_error: str = "fail", batch: int = 64, device: str = "auto",
        progress: bool = False) -> float:
    """Frechet distance of features between two sets of images: FID (Heusel et al. 2017), or FD of another net.

    Args:
        a, b: a folder, an archive, a .npy, a file of ``monge stats``; or images [N, C, H, W], uint8 or floats in [-1, 1].
        features: "inception", or a TorchScript file that maps [N, 3, H, W] in 0..255 to [N, F].
        mode: how images come to inception's size: "clean" or "legacy".
        weights: folder of weight files that is searched first (``monge weights list``).
        samples: only the first images of each set; 0: all.
        on_error: "fail" or "skip" for images that cannot be used.

    Raises:
        InputError: weights that are missing (with the command that fetches them), images that cannot be used.
    """
    options = filled(_monge.FeatureOptions(), features=features, mode=mode, weights=path_text(weights),
                     background=background, on_error=on_error, batch=batch, samples=samples)
    return float(_features(a, b, False, options, device, progress)["value"])


def kid(a: Any, b: Any, *, features: str = "inception", mode: str = "clean", weights: PathLike = "", samples: int = 0,
        background: str = "white", on_error: str = "fail", batch: int = 64, device: str = "auto",
        progress: bool = False) -> tuple[float, float]:
    """Kernel distance of features between two sets of images, and its standard error. Arguments as :func:`fid`."""
    options = filled(_monge.FeatureOptions(), features=features, mode=mode, weights=path_text(weights),
                     background=background, on_error=on_error, batch=batch, samples=samples)
    result = _features(a, b, True, options, device, progress)
    return float(result["value"]), float(result["standard_error"])


def lpips(a: Any, b: Any, *, net: str = "alex", weights: PathLike = "", background: str = "white",
          on_error: str = "fail", by_order: bool = False, table: PathLike = "", device: str = "auto",
          progress: bool = False) -> dict[str, Any]:
    """Mean LPIPS (Zhang et al. 2018, version 0.1) of paired images, with MSE, PSNR and SSIM.

    Args:
        a, b: a folder, an archive, a .npy or an image, paired by name; or images [N, C, H, W], paired by order.
        net: trunk: "alex", "squeeze" or "vgg".
        table: .csv file for the distances of each pair.

    Returns:
        ``lpips``, ``mse`` (values in [-1, 1]), ``psnr`` (dB), ``ssim``, ``pairs``, ``skipped``, ``weights`` (hash).
    """
    with _images(a, b) as (x, y), JobHooks(progress) as hooks:
        options = filled(_monge.PairedOptions(), net=net, weights=path_text(weights), background=background,
                         on_error=on_error, by_order=by_order, table=path_text(table))
        return dict(_monge.paired_distances(x, y, options, device, hooks))


def _pair(a: Any, b: Any) -> tuple[np.ndarray, np.ndarray]:
    """Both sets as floats, the columns of the second in the order of the first."""
    x = as_items(a, "a")
    return x.floats(), select_columns(as_items(b, "b"), x.columns, "b").floats()


def _features(a: Any, b: Any, kernel: bool, options: Any, device: str, progress: bool) -> dict[str, Any]:
    with _images(a, b) as (x, y), JobHooks(progress) as hooks:
        return dict(_monge.feature_distance(x, y, kernel, options, device, hooks))


@contextmanager
def _images(a: Any, b: Any) -> Iterator[tuple[str, str]]:
    """Both sets as paths; arrays become .npy files, which the library reads as the program does."""
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for name, data in (("a", a), ("b", b)):
            if isinstance(data, (str, os.PathLike)):
                paths.append(path_text(data))
                continue
            values = as_items(data, name).values
            if values.ndim != 4:
                raise input_error("images are needed", name, f"shape {values.shape}", "[N, C, H, W], or a path")
            path = pathlib.Path(folder) / f"{name}.npy"
            np.save(path, values if values.dtype == np.uint8 else values.astype(np.float32))
            paths.append(str(path))
        yield paths[0], paths[1]
