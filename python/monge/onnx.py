"""ONNX files of maps: compare one with its map."""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import Any

import numpy as np

from . import _monge
from ._errors import Error, input_error
from .model import Model, PathLike, load


def check(model: Model | PathLike, path: PathLike, *, batches: tuple[int, ...] = (1, 7), seed: int = 0,
          tolerance: float = 1e-4) -> dict[str, Any]:
    """Runs an ONNX file in onnxruntime and compares its outputs with those of the map.

    Inputs are standard normal in the units of the training, for images uniform in [-1, 1], at three sizes where any size
    fits. The noises are standard normal.

    Args:
        model: the map of which the file was made, or what :func:`monge.load` takes.
        path: the file of :meth:`Model.export_onnx` or ``monge export --to onnx``.
        batches: numbers of inputs to try.
        seed: of inputs and noises.
        tolerance: largest difference that passes, relative to the larger of 1 and the value.

    Returns:
        ``passed``, ``largest`` (difference), ``tolerance``, and ``cases``: shape of x and difference of each comparison.

    Raises:
        InputError: a file that is no ONNX file of this map; onnxruntime is not installed.
    """
    try:
        import onnxruntime
    except ImportError:
        raise input_error("comparing needs onnxruntime", fix="pip install onnxruntime") from None
    if not isinstance(model, Model):
        model = load(model, "cpu")
    try:
        session = onnxruntime.InferenceSession(os.fspath(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has many classes of its own
        raise input_error("onnxruntime cannot open the file", os.fspath(path), fix=str(error).splitlines()[0]) from None
    about = session.get_modelmeta().custom_metadata_map
    if "monge.inputs" not in about:
        raise input_error("this is no ONNX file of monge", os.fspath(path), fix="make it by monge export --to onnx")
    if (about["monge.direction"] == "inverse") != bool(model._model.reversed):
        model = model.inverse()
    deterministic = about["monge.deterministic"] == "true"
    inputs = session.get_inputs()
    exact = inputs[0].type == "tensor(double)"
    noises = _monge.noise_inputs(model._model, deterministic)
    if [entry.name for entry in inputs[1:]] != [name for name, _, _ in noises]:
        raise input_error("the file has other inputs than the map", os.fspath(path),
                          ", ".join(entry.name for entry in inputs), ", ".join(["x", *(name for name, _, _ in noises)]))
    rng = np.random.default_rng(seed)
    cases: list[dict[str, Any]] = []
    for shape in _shapes(inputs[0].shape, about):
        for batch in batches:
            x = _inputs(rng, model, (batch, *shape)).astype(np.float64 if exact else np.float32)
            draws = [rng.normal(size=(batch, *(_filled(item, shape)))).astype(np.float32) for _, item, _ in noises]
            feeds = {"x": x, **{name: draw for (name, _, _), draw in zip(noises, draws)}}
            given = session.run(["y"], feeds)[0].astype(np.float64)
            wanted = np.asarray(_monge.outputs_for(model._model, x, draws, deterministic)).astype(np.float64)
            difference = float((np.abs(given - wanted) / np.maximum(1, np.abs(wanted))).max())
            cases.append({"shape": list(x.shape), "difference": difference})
    largest = max(float(case["difference"]) for case in cases)
    return {"passed": largest <= tolerance, "largest": largest, "tolerance": tolerance, "cases": cases}


def _shapes(shape: list[Any], about: dict[str, str]) -> list[tuple[int, ...]]:
    """Shapes of items to try: the fixed one, or three sizes where height and width are free."""
    item = shape[1:]
    if all(isinstance(extent, int) for extent in item):
        return [tuple(item)]
    multiple, least = int(about["monge.size_multiple"]), int(about["monge.size_least"])
    side = -(-max(least, 16) // multiple) * multiple
    return [(item[0], side, side), (item[0], side, side + multiple), (item[0], side + 2 * multiple, side + multiple)]


def _filled(item: list[int], shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of a noise, whose height and width are 0 where they are those of x."""
    if len(item) == 3:
        return (item[0], item[1] or shape[1], item[2] or shape[2])
    return tuple(item)


def _inputs(rng: np.random.Generator, model: Model, shape: tuple[int, ...]) -> np.ndarray:
    return rng.uniform(-1, 1, shape) if len(shape) == 4 else rng.normal(size=shape)


def main(arguments: list[str]) -> int:
    """``monge check-export MODEL FILE.onnx``: 0 if the file passes, 1 if it differs, 2 for wrong input."""
    parser = argparse.ArgumentParser("monge check-export", description="Compare an ONNX file with its map in onnxruntime")
    parser.add_argument("MODEL", help="run directory or model file of which the ONNX file was made")
    parser.add_argument("FILE", help="file of monge export --to onnx")
    parser.add_argument("--seed", type=int, default=0, help="seed of inputs and noises")
    parser.add_argument("--tolerance", type=float, default=1e-4, help="largest difference that passes, relative to the "
                        "larger of 1 and the value (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(arguments)
    try:
        result = check(options.MODEL, options.FILE, seed=options.seed, tolerance=options.tolerance)
    except Error as error:
        print(f"monge: {error}", file=sys.stderr)
        return 2
    if options.json:
        print(json.dumps(result))
    else:
        for case in result["cases"]:
            print(f"x {case['shape']}: difference {case['difference']:.2g}")
        print(f"{'equal' if result['passed'] else 'NOT equal'} within {result['tolerance']:g}: {result['largest']:.2g}")
    return 0 if result["passed"] else 1
