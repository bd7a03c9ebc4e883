#!/usr/bin/env python3
"""Compares ONNX files with the outputs of monge, by onnxruntime.

    onnx_check.py FOLDER

FOLDER has CASE.onnx and CASE/BATCH/{x,y,...}.npy: inputs and the output under their names in the graph. Prints the
largest difference of each case, relative to the larger of 1 and the value, and exits with 1 if one is above 1e-4, if
onnx.checker refuses a file, if a case has no batches, or if its outputs do not vary. Exits with 77 without numpy, onnx
and onnxruntime.
"""
import pathlib
import sys

try:
    import numpy
    import onnx
    import onnxruntime
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

MOST = 1e-4


def difference(got, wanted):
    if got.shape != wanted.shape:
        return f"has the shape {got.shape}, wanted {wanted.shape}"
    if not numpy.isfinite(wanted).all():
        return "the wanted output is not finite"
    if len(wanted) > 1 and numpy.ptp(wanted, axis=0).max() < 1e-3:
        return "the wanted outputs do not vary"
    wanted = wanted.astype(numpy.float64)
    return float((numpy.abs(got - wanted) / numpy.maximum(1, numpy.abs(wanted))).max())


def check(file):
    """The largest difference, or a fault in words."""
    model = onnx.load(file)
    onnx.checker.check_model(model, full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    batches = sorted(folder for folder in file.with_suffix("").iterdir())
    if not batches:
        return 0, "has no batches"
    worst = 0.0
    for folder in batches:
        inputs = {entry.name: numpy.load(folder / f"{entry.name}.npy") for entry in session.get_inputs()}
        found = difference(session.run(["y"], inputs)[0], numpy.load(folder / "y.npy"))
        if isinstance(found, str):
            return len(batches), f"{folder.name}: {found}"
        worst = max(worst, found)
    return len(batches), worst


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    failed = 0
    files = sorted(pathlib.Path(sys.argv[1]).glob("*.onnx"))
    for file in files:
        try:
            count, worst = check(file)
        except Exception as error:  # whatever a library throws is a fault of the file
            count, worst = 0, f"{type(error).__name__}: {error}"
        good = not isinstance(worst, str) and worst <= MOST
        failed += not good
        print(f"{'ok  ' if good else 'FAIL'} {file.stem:40} {count:3} batches  "
              f"{worst if isinstance(worst, str) else format(worst, '.1e')}")
    print(f"{len(files)} files, {failed} failed; onnx {onnx.__version__}, onnxruntime {onnxruntime.__version__}")
    return 1 if failed or not files else 0


if __name__ == "__main__":
    sys.exit(main())
