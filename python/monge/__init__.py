"""Neural optimal transport: learns a map or plan from samples of one distribution to another, and applies it.

>>> import monge
>>> transport = monge.Map("strong").fit(X, Y)          # two tables [N, D] and [M, D], unpaired
>>> transport.verdict_                                 # 'the map reaches its target'
>>> moved = transport.transform(X)

``monge.train`` trains a recipe on tables or folders of images, ``monge.load`` loads a run or a model file,
``monge.translate`` applies it, ``monge.models`` has pretrained ones, ``monge.metrics`` measures, ``monge.data`` opens,
checks and packs data. Nets, kernels and random draws are those of the C++ library, so results equal those of the program
``monge``.
"""

from __future__ import annotations

import atexit
import os
from typing import TYPE_CHECKING, Any

from . import _libtorch

_libtorch.load()

from . import _monge, data, metrics, models, onnx  # noqa: E402
from ._errors import DivergedError, Error, InputError, SystemError  # noqa: E402
from ._jobs import MongeWarning  # noqa: E402
from ._truth import truth, truth_names  # noqa: E402
from .model import Model, load, translate  # noqa: E402
from .recipe import Recipe, recipes  # noqa: E402
from .training import Run, resume, train  # noqa: E402

if TYPE_CHECKING:
    from ._map import Map

os.register_at_fork(after_in_child=_monge.use_one_thread)
atexit.register(_monge.finish_calls)

__version__: str = _monge.version()
__all__ = [
    "DivergedError", "Error", "InputError", "Map", "Model", "MongeWarning", "Recipe", "Run", "SystemError", "data", "load",
    "metrics", "models", "onnx", "recipes", "resume", "train", "translate", "truth", "truth_names",
]


def __getattr__(name: str) -> Any:
    if name == "Map":  # imports scikit-learn, which takes longer than all the rest
        from ._map import Map

        return Map
    raise AttributeError(f"module 'monge' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
