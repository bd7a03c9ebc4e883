"""Trainings on cases with a known answer."""

from __future__ import annotations

from typing import Any

from . import _monge
from ._jobs import JobHooks
from .model import PathLike, path_text, thread_count
from .recipe import _assignments


def truth_names() -> list[str]:
    """The cases with a known answer, which docs/benchmarks.md explains."""
    return list(_monge.truth_names())


def truth(name: str, *, dim: int = 0, method: str = "", pair: PathLike = "", epsilon: float = 0.0, quick: bool = False,
          seed: int = 0, device: str = "auto", threads: int = 0, progress: bool = False, **options: Any) -> dict[str, Any]:
    """Trains a case with a known answer in memory and measures the error of its map, as ``monge truth`` does.

    Args:
        name: one of :func:`truth_names`.
        dim: dimension; 0: the case's own.
        method: of the training; "": the case's own.
        pair: the file of ``w2bench``.
        epsilon: of ``entropic-mixture``; 0: 1.
        quick: few iterations, for a result in seconds.
        seed: of the training.
        **options: options over the case's recipe, ``train__iterations=500``.

    Returns:
        The scores by name: ``l2_uvp`` (100 E|T - T*|^2 / Var Q, in percent; Korotin et al. 2021), ``target_error``,
        ``target_floor``, ``cost_error``, ``seconds``, ... (NaN where one does not apply), and samples ``x`` [N, D],
        ``y`` [N, K, D] and ``target`` [N, D].

    Raises:
        InputError: an unknown case (with the nearest), an option that the case fixes.
        DivergedError: when losses are no longer finite.
    """
    with JobHooks(progress) as hooks:
        return dict(_monge.truth(name, dim, method, path_text(pair), epsilon, quick, list(_assignments(options)), seed,
                                 device, thread_count(threads), hooks))
