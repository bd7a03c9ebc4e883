"""Small problems for the tests of the Python package. Run them by `ctest -R Python` or, with PYTHONPATH=build/release/python,
by `pytest python/tests`."""

import os
import pathlib
import subprocess

import numpy as np
import pytest

import monge
from monge import _program

QUICK = {"train__iterations": 30, "train__batch": 64, "map__width": 16, "potential__width": 16, "eval__every": 30}
SHARED = pathlib.Path(__file__).resolve().parents[3] / "shared"


@pytest.fixture
def clouds():
    """Two Gaussian clouds in the plane, float32."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(400, 2)).astype(np.float32), (rng.normal(size=(500, 2)) + [3, 1]).astype(np.float32)


@pytest.fixture
def fitted(clouds):
    return monge.Map("strong", **QUICK).fit(*clouds)


@pytest.fixture
def program():
    """Runs the program monge and returns what it prints."""

    def run(*arguments):
        done = subprocess.run([_program.path(), *map(os.fspath, arguments)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
