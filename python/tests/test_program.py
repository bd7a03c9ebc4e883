"""Results equal those of the program, to the bit where both use the same number of threads."""

import json
import os

import numpy as np
import pytest
from conftest import QUICK

import monge


def write(path, array):
    np.save(path, array)
    return path


def sets(options):
    return [word for key, value in options.items()
            for word in ("--set", f"{key.replace('__', '.')}={json.dumps(value)}")]


def test_fit_equals_train(clouds, program, tmp_path):
    x, y = write(tmp_path / "x.npy", clouds[0]), write(tmp_path / "y.npy", clouds[1])
    recipe = tmp_path / "recipe.toml"
    transport = monge.Map(**QUICK).fit(*clouds)
    recipe.write_text(transport.recipe_.set(source__path=str(x), target__path=str(y)).to_toml())
    program("train", recipe, "--out", tmp_path / "run", "--quiet")
    run = monge.load(tmp_path / "run")
    np.testing.assert_array_equal(run.translate(clouds[0]), transport.transform(clouds[0]))
    np.testing.assert_array_equal(run.inverse().translate(clouds[1]), transport.inverse_transform(clouds[1]))
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    for name in ("target_error", "target_floor", "cost", "cycle_error"):
        assert summary[name] == transport.metrics_[name]


def test_train_equals_train(program, tmp_path):
    options = {"train__iterations": 20, "eval__every": 10, "eval__samples": 64}
    run = monge.train("quick/gaussian", out=tmp_path / "a", progress=False, **options)
    program("train", os.path.join(os.path.dirname(__file__), "../../recipes/quick/gaussian.toml"), "--out", tmp_path / "b",
            "--quiet", *sets(options))
    run.model.save(tmp_path / "a.safetensors")
    program("export", tmp_path / "b", "--out", tmp_path / "b.safetensors")
    a, b = ((tmp_path / name).read_bytes() for name in ("a.safetensors", "b.safetensors"))
    weights = [data[8 + int.from_bytes(data[:8], "little"):] for data in (a, b)]
    assert weights[0] == weights[1]


def test_translate_equals_translate(fitted, program, tmp_path):
    fitted.save(tmp_path / "map.safetensors")
    rng = np.random.default_rng(3)
    for dtype in (np.float32, np.float64):
        x = rng.normal(size=(5000, 2)).astype(dtype)
        program("translate", tmp_path / "map.safetensors", write(tmp_path / "in.npy", x), tmp_path / "out.npy", "--quiet")
        out = np.load(tmp_path / "out.npy")
        mine = fitted.transform(x)
        assert mine.dtype == out.dtype and mine.tobytes() == out.tobytes()
    fitted.model_.translate_files(tmp_path / "in.npy", tmp_path / "mine.npy")
    assert (tmp_path / "mine.npy").read_bytes() == (tmp_path / "out.npy").read_bytes()


def test_draws_equal_draws(clouds, program, tmp_path):
    plan = monge.Map("light", train__iterations=30, eval__every=0).fit(*clouds)
    plan.save(tmp_path / "plan.safetensors")
    program("translate", tmp_path / "plan.safetensors", write(tmp_path / "in.npy", clouds[0]), tmp_path / "out.npy",
            "--samples", "3", "--seed", "5", "--quiet")
    mine = plan.model_.translate(clouds[0], samples=3, seed=5)
    assert mine.tobytes() == np.load(tmp_path / "out.npy").tobytes()
    program("translate", tmp_path / "plan.safetensors", tmp_path / "in.npy", tmp_path / "half.npy", "--t", "0.5", "--quiet")
    half = plan.model_.translate(clouds[0], t=0.5)
    assert half.tobytes() == np.load(tmp_path / "half.npy").tobytes()


def test_evaluate_equals_eval(fitted, program, tmp_path, clouds):
    fitted.save(tmp_path / "map.safetensors")
    x, y = write(tmp_path / "x.npy", clouds[0]), write(tmp_path / "y.npy", clouds[1])
    line = json.loads(program("eval", tmp_path / "map.safetensors", "--source", x, "--target", y, "--samples", "300", "--json",
                              "--quiet"))
    mine = fitted.model_.evaluate(x, y, samples=300)
    assert {key: line[key] for key in mine} == mine


def test_score_equals_metrics(program, tmp_path, clouds):
    x, y = clouds
    paths = [write(tmp_path / f"{name}.npy", data) for name, data in
             {"start": x, "end": y, "between": (x[:400] + y[:400]) / 2, "outputs": x[:300] + 1}.items()]
    line = json.loads(program("score", "interpolation", *(word for name, path in zip(
        ("--start", "--end", "--between", "--outputs"), paths) for word in (name, path)), "--json", "--quiet"))
    mine = monge.metrics.sample_distances(x[:300] + 1, (x[:400] + y[:400]) / 2)
    assert line["plan_points"] == mine["plan_points"]
    for key in ("energy", "w1", "w2"):  # in the last bits the order of sums counts, and OMP_NUM_THREADS sets that of Python alone
        assert line["outputs"][key] == pytest.approx(mine[key], rel=1e-12)


def test_truth_equals_truth(program):
    options = {"train__iterations": 20}
    line = json.loads(program("truth", "gaussian", "--seed", "2", "--json", "--quiet", *sets(options)))
    mine = monge.truth("gaussian", seed=2, **options)
    for name in ("l2_uvp", "target_error", "cost_error"):
        assert line[name] == mine[name]
    assert mine["x"].shape == mine["target"].shape
