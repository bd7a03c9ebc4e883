"""Messages, progress and callbacks of a job."""

from __future__ import annotations

import logging
import pathlib
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any

logger = logging.getLogger("monge")

Callback = Callable[[int, dict[str, Any]], Any]


class MongeWarning(UserWarning):
    """A warning of a job: data that look wrong, a setting that does not fit."""


class JobHooks:
    """What the extension module calls during a job (python/bindings/hooks.h).

    Messages go to the logger "monge", warnings to :mod:`warnings`. Progress is shown by tqdm if `progress` is true and
    tqdm is installed.
    """

    every_iteration = False

    def __init__(self, progress: bool = False, callbacks: Sequence[Callback] = (),
                 on_iteration: Callback | None = None) -> None:
        self._bars = _bar_class() if progress else None
        self._bar: Any = None
        self._step = ""
        self._target = ""
        self._callbacks = list(callbacks)
        self._on_iteration = on_iteration
        self.every_iteration = on_iteration is not None
        self.history: list[dict[str, Any]] = []

    def log(self, level: str, text: str) -> None:
        if level == "warning":
            warnings.warn(text, MongeWarning, stacklevel=_level_of_caller())
        else:
            logger.info("%s", text)

    def progress(self, step: str, done: int, total: int) -> None:
        self._show(step, done, total)

    def iteration(self, done: int, total: int, metrics: dict[str, Any]) -> None:
        self._show("training", done, total)
        if self._bar is not None and self._target:
            self._bar.set_postfix_str(self._target, refresh=False)
        if self._on_iteration is not None:
            self._on_iteration(done, metrics)

    def evaluated(self, iteration: int, metrics: dict[str, Any]) -> bool:
        self.history.append({"iteration": iteration, **metrics})
        if "target_floor" in metrics:
            self._target = f"target {metrics['target_error']:.4g} (floor {metrics['target_floor']:.4g})"
        stops = [bool(callback(iteration, metrics)) for callback in self._callbacks]
        return any(stops)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def __enter__(self) -> JobHooks:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def _show(self, step: str, done: int, total: int) -> None:
        if self._bars is None:
            return
        if self._bar is None or step != self._step:
            self.close()
            self._bar, self._step = self._bars(total=total, desc=step), step
        self._bar.total = total
        self._bar.update(done - self._bar.n)
        if done == total:
            self.close()


def _level_of_caller() -> int:
    """The stacklevel with which a warning of the function that calls this one names the first line outside the package."""
    package = str(pathlib.Path(__file__).parent)
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and str(pathlib.Path(frame.f_code.co_filename).parent) == package:
        level, frame = level + 1, frame.f_back
    return level


def _bar_class() -> Any:
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return None
    return tqdm
