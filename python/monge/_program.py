"""The program ``monge``, which the package brings."""

from __future__ import annotations

import os
import pathlib
import sys


def path() -> pathlib.Path:
    """The file of the program. Raises FileNotFoundError in an incomplete installation."""
    here = pathlib.Path(__file__).resolve()
    for candidate in (here.parent / "bin" / "monge", pathlib.Path(__file__).parents[2] / "monge"):
        if candidate.is_file():
            return candidate
    raise FileNotFoundError("the program monge is not in this package; build it with script/build")


def main() -> None:
    if sys.argv[1:2] == ["check-export"]:  # needs onnxruntime, which is there for Python only
        from .onnx import main as check

        sys.exit(check(sys.argv[2:]))
    os.execv(path(), ["monge", *sys.argv[1:]])
