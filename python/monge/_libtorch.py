"""Loads LibTorch, which the extension module links to, from the installed wheel of PyTorch.

The process must have one LibTorch. It is that of ``import torch``, whether torch is imported before or after monge.
Without a GPU only its two CPU libraries are loaded, which takes a fraction of the time of ``import torch``.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import pathlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_LIBRARIES = ("libgomp.so.1", "libc10.so", "libtorch_cpu.so")


def load() -> None:
    """Loads LibTorch and the extension module. Raises ImportError naming what is missing."""
    with _short_spinning():
        if "torch" not in sys.modules:
            _load_libraries()
        try:
            from . import _monge  # noqa: F401
        except ImportError as error:
            if "libtorch" not in str(error) and "libc10" not in str(error):
                raise
            raise ImportError(f"monge needs LibTorch, the C++ part of PyTorch 2.11.0 ({error}); install it with: "
                              "pip install torch==2.11.0") from None


@contextmanager
def _short_spinning() -> Iterator[None]:
    """Bounds how long waiting threads of OpenMP spin, as the program does (docs/performance.md, "Beside other work"): beside
    other work a training takes a tenth of the time. Libgomp reads the variable when it is loaded."""
    if "GOMP_SPINCOUNT" in os.environ or "OMP_WAIT_POLICY" in os.environ:
        yield
        return
    os.environ["GOMP_SPINCOUNT"] = "2000"
    try:
        yield
    finally:
        del os.environ["GOMP_SPINCOUNT"]


def _load_libraries() -> None:
    # With a GPU, all of torch must be there before LibTorch is first asked for its devices.
    if os.path.exists("/dev/nvidiactl"):
        import torch  # noqa: F401

        return
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return  # the extension module has a run path to LibTorch, as in a build folder
    folder = pathlib.Path(spec.origin).parent / "lib"
    try:
        for name in _LIBRARIES:
            if (folder / name).exists():
                ctypes.CDLL(str(folder / name), mode=ctypes.RTLD_GLOBAL)
    except OSError:
        import torch  # noqa: F401 - it also finds companions that are installed elsewhere
