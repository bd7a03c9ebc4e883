"""Trainings: from a recipe to a map."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Sequence
from typing import Any

from . import _monge
from ._jobs import Callback, JobHooks
from .model import Model, PathLike, as_samples, path_text, thread_count
from .recipe import Recipe, _assignments


class Run:
    """A training that has ended."""

    def __init__(self, handle: _monge.Training, history: list[dict[str, Any]]) -> None:
        self._training = handle
        self.history = history
        """The metrics of each evaluation of this call, with ``iteration``."""

    @property
    def model(self) -> Model:
        """The averaged map."""
        return Model(self._training.model())

    @property
    def folder(self) -> pathlib.Path | None:
        """The run directory; None for a training in memory."""
        folder = str(self._training.folder)
        return pathlib.Path(folder) if folder else None

    @property
    def complete(self) -> bool:
        """Whether it reached the end of its recipe; False when a callback ended it."""
        return bool(self._training.complete)

    @property
    def iterations(self) -> int:
        """Outer iterations done, including those of earlier processes."""
        return int(self._training.iterations)

    @property
    def seconds(self) -> float:
        """Duration of the training in this call."""
        return float(self._training.seconds)

    @property
    def metrics(self) -> dict[str, Any] | None:
        """The last evaluation on held-out data; None if there was none."""
        metrics: Any = self._training.metrics
        return None if metrics is None else dict(metrics)

    @property
    def verdict(self) -> str | None:
        """Whether the map reaches its target, in words."""
        return None if self.metrics is None else str(self.metrics["verdict"])

    @property
    def summary(self) -> dict[str, Any] | None:
        """The content of summary.json; None for a training in memory."""
        text = str(self._training.summary_json)
        return json.loads(text) if text else None

    def __repr__(self) -> str:
        return f"<monge.Run {self.folder or 'in memory'}, {self.iterations} iterations: {self.verdict or 'not evaluated'}>"


def train(recipe: Recipe | PathLike | dict[str, Any] | None = None, source: Any = None, target: Any = None, *,
          out: PathLike | None = None, device: str = "auto", threads: int = 0, progress: bool = True,
          callbacks: Sequence[Callback] = (), on_iteration: Callback | None = None, **options: Any) -> Run:
    """Trains the map or plan that a recipe describes, as ``monge train`` does, to the same bits.

    Args:
        recipe: what :class:`Recipe` takes.
        source, target: paths, arrays (see :meth:`Model.translate`), or data of :func:`monge.data.open`; None: the
            recipe's own paths.
        out: a new run directory, with checkpoints, metrics and a report; None: train in memory and write nothing.
        device: "auto", "cpu" or "cuda".
        threads: of the CPU; 0: the recipe's, or all cores.
        progress: show a progress bar (tqdm).
        callbacks: each is called as ``callback(iteration, metrics)`` after an evaluation on held-out data; a true result
            ends the training.
        on_iteration: called as ``on_iteration(iteration, losses)`` after each outer iteration.
        **options: options over the recipe, ``train__iterations=500``.

    The GIL is released. Ctrl-C ends the training after the iteration in hand, saves it if there is a run directory
    (:func:`resume` continues it), and raises KeyboardInterrupt. An exception of a callback does the same.

    Raises:
        InputError: for a recipe or data that cannot be used, before any file is written.
        DivergedError: when losses are no longer finite.
    """
    full = Recipe(recipe, **options)
    x, y = as_samples(source, "source"), as_samples(target, "target")
    with JobHooks(progress, callbacks, on_iteration) as hooks:
        handle = _monge.train(full._recipe, x, y, "" if out is None else path_text(out), device, thread_count(threads), hooks)
        return Run(handle, hooks.history)


def resume(folder: PathLike, source: Any = None, target: Any = None, *, device: str = "auto", threads: int = 0,
           progress: bool = True, callbacks: Sequence[Callback] = (), on_iteration: Callback | None = None,
           **options: Any) -> Run:
    """Continues a run exactly from its newest checkpoint, as ``monge resume`` does.

    Args:
        folder: the run directory.
        source, target: needed again by a run that was trained on arrays; a path replaces that of the run.
        **options: options that may change on resume, such as ``train__iterations=20000``.
        The others are those of :func:`train`.

    Raises:
        InputError: for a folder that is no run, or an option that may not change.
    """
    x, y = as_samples(source, "source"), as_samples(target, "target")
    with JobHooks(progress, callbacks, on_iteration) as hooks:
        handle = _monge.resume(path_text(folder), list(_assignments(options)), x, y, device, thread_count(threads), hooks)
        return Run(handle, hooks.history)
