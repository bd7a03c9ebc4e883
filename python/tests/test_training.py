"""monge.train, resume, load and translate."""

import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import warnings

import numpy as np
import pytest
from conftest import QUICK

import monge

LONG = {**QUICK, "train__iterations": 1_000_000, "eval__every": 0, "checkpoint__every": 1_000_000}


def test_a_recipe_is_a_file_a_dict_or_options(tmp_path):
    path = tmp_path / "r.toml"
    path.write_text('method = "weak"\n[source]\npath = "toy:moons"\n[target]\npath = "toy:moons"\n[train]\niterations = 7\n')
    nested = {"method": "weak", "source": {"path": "toy:moons"}, "target": {"path": "toy:moons"}, "train": {"iterations": 7}}
    options = {"source__path": "toy:moons", "target__path": "toy:moons", "train__iterations": 7}
    assert monge.Recipe(path) == monge.Recipe(nested) == monge.Recipe(method="weak", **options)
    recipe = monge.Recipe(path, train__betas=[0.5, 0.9])
    assert recipe["train.betas"] == [0.5, 0.9] and recipe.changes()["method"] == "weak"
    assert pickle.loads(pickle.dumps(recipe)) == recipe
    assert "iterations" in recipe.help("train.iterations")
    assert "vectors/gradient" in monge.recipes()
    for wrong, message in (({"method": "strnog"}, "strong"), ({"train__lr_map": "fast"}, "train.lr_map"),
                           ({"train__iterations": -1}, "at least 1|1 or more|allowed"), ({"train__lr_map": object()}, "no option")):
        with pytest.raises(monge.InputError, match=message) as caught:
            monge.Recipe(path, **wrong)
        assert caught.value.what
    with pytest.raises(monge.InputError, match="no-such-file"):
        monge.train("no-such-file.toml")


def test_a_run_is_resumed_to_the_same_bits(clouds, tmp_path):
    whole = monge.train("vectors/gradient", *clouds, progress=False, **QUICK)
    assert whole.folder is None and whole.complete and whole.iterations == 30
    part = monge.train("vectors/gradient", *clouds, out=tmp_path / "run", progress=False,
                       **{**QUICK, "train__iterations": 12, "train__schedule": "constant"})
    assert part.folder == tmp_path / "run" and part.summary["iterations"] == 12
    again = monge.resume(tmp_path / "run", *clouds, progress=False, train__iterations=30)
    straight = monge.train("vectors/gradient", *clouds, progress=False, **QUICK, train__schedule="constant")
    x = clouds[0]
    np.testing.assert_array_equal(again.model.translate(x), straight.model.translate(x))
    np.testing.assert_array_equal(monge.load(tmp_path / "run").translate(x), straight.model.translate(x))


def test_iterations_and_messages_are_reported(clouds, caplog, tmp_path):
    seen = []
    with caplog.at_level("INFO", logger="monge"), pytest.warns(monge.MongeWarning, match="50 samples") as warned:
        monge.train("vectors/gradient", *clouds, out=tmp_path / "run", progress=False,
                    on_iteration=lambda i, m: seen.append((i, m["cost"])), **QUICK)
    assert any("parameters" in message for message in caplog.messages)
    assert all(warning.filename == __file__ for warning in warned)
    assert [i for i, _ in seen] == list(range(1, 31))
    assert all(np.isfinite(cost) for _, cost in seen)


def test_an_exception_of_a_callback_ends_the_training(clouds, tmp_path):
    def fail(iteration, metrics):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        monge.train("vectors/gradient", *clouds, out=tmp_path / "run", progress=False, on_iteration=fail, **LONG)
    assert monge.load(tmp_path / "run").iteration <= 3  # and what was done is saved


def test_ctrl_c_ends_a_training_and_saves_it(clouds, tmp_path):
    def interrupt(iteration, metrics):
        if iteration == 5:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        monge.train("vectors/gradient", *clouds, out=tmp_path / "run", progress=False, on_iteration=interrupt, **LONG)
    assert 5 <= monge.load(tmp_path / "run").iteration < 1000


def test_ctrl_c_ends_a_translation_of_an_array(fitted, monkeypatch):
    seen = []

    def interrupt(hooks, step, done, total):
        seen.append(done)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr("monge._jobs.JobHooks.progress", interrupt)
    rows = np.zeros((1_000_000, 2), np.float32)
    with pytest.raises(KeyboardInterrupt):
        fitted.model_.translate(rows)
    assert 0 < seen[-1] < len(rows)
    monkeypatch.undo()
    assert fitted.model_.translate(rows[:10]).shape == (10, 2)  # the model can still be used


def test_ctrl_c_ends_an_evaluation(fitted, monkeypatch):
    seen = []

    def interrupt(hooks, step, done, total):
        seen.append((done, total))
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr("monge._jobs.JobHooks.progress", interrupt)
    rows = np.random.default_rng(0).normal(size=(20_000, 2)).astype(np.float32)
    with pytest.raises(KeyboardInterrupt):
        fitted.model_.evaluate(rows, rows + 1, samples=len(rows))
    assert 0 < seen[-1][0] < seen[-1][1]
    monkeypatch.undo()
    assert fitted.model_.evaluate(rows[:100], rows[:100], samples=100)["samples"] == 100  # the model can still be used


def test_other_threads_run_during_a_training(clouds):
    count = 0
    done = threading.Event()

    def work():
        nonlocal count
        while not done.is_set():
            count += 1
            time.sleep(0.001)

    thread = threading.Thread(target=work)
    thread.start()
    monge.train("vectors/gradient", *clouds, progress=False, **{**QUICK, "train__iterations": 200})
    done.set()
    thread.join()
    assert count > 20


def test_two_threads_translate_at_once(fitted, clouds):
    x = np.concatenate([clouds[0]] * 20)
    right, back = fitted.transform(x), fitted.inverse_transform(x)
    results = {}

    def work(name, function):
        results[name] = [function(x) for _ in range(10)]

    threads = [threading.Thread(target=work, args=(i, function)) for i, function in
               enumerate((fitted.transform, fitted.inverse_transform, fitted.transform, fitted.inverse_transform))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, outs in results.items():
        for out in outs:
            np.testing.assert_array_equal(out, back if i % 2 else right)


def test_models_of_a_run_share_a_lock(clouds):
    run = monge.train("vectors/gradient", *clouds, progress=False, **QUICK)
    x = np.concatenate([clouds[0]] * 20)
    right = run.model.translate(x)
    results = []
    threads = [threading.Thread(target=lambda: results.extend(run.model.translate(x) for _ in range(5))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 15 and all((out == right).all() for out in results)


def test_two_threads_train_at_once(clouds):
    right = monge.Map(**QUICK).fit(*clouds).transform(clouds[0])
    results = []
    threads = [threading.Thread(target=lambda: results.append(monge.Map(**QUICK).fit(*clouds).transform(clouds[0])))
               for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 3
    for out in results:
        np.testing.assert_array_equal(out, right)


def test_a_forked_child_computes(clouds):
    monge.metrics.energy_distance(*clouds)  # starts the threads of OpenMP, which the child does not have
    with multiprocessing.get_context("fork").Pool(1) as pool:
        value = pool.apply_async(monge.metrics.energy_distance, clouds).get(timeout=60)
    assert value == pytest.approx(monge.metrics.energy_distance(*clouds), rel=1e-6)


def test_a_warning_that_is_an_error_ends_the_training(clouds):
    with warnings.catch_warnings(), pytest.raises(monge.MongeWarning, match="50 samples"):
        warnings.simplefilter("error", monge.MongeWarning)
        monge.train("vectors/gradient", *clouds, progress=False, **QUICK)


def test_an_inverse_is_pickled(fitted, clouds):
    inverse = fitted.model_.inverse()
    same = pickle.loads(pickle.dumps(inverse))
    np.testing.assert_array_equal(same.translate(clouds[1]), inverse.translate(clouds[1]))
    assert same.origin == inverse.origin


def test_translate_takes_paths_and_arrays(fitted, clouds, tmp_path):
    fitted.save(tmp_path / "map.safetensors")
    (tmp_path / "in.csv").write_text("a,b\n0,0\n1,2\n")
    result = monge.translate(tmp_path / "map.safetensors", tmp_path / "in.csv", tmp_path / "out.csv")
    assert result["complete"] and result["items"] == 2
    rows = np.loadtxt(tmp_path / "out.csv", delimiter=",", skiprows=1)
    np.testing.assert_allclose(rows, fitted.transform(np.array([[0, 0], [1, 2]], np.float32)), rtol=1e-6)
    np.testing.assert_array_equal(monge.translate(fitted.model_, clouds[0]), fitted.transform(clouds[0]))
    steps = fitted.model_.translate(clouds[0], steps=4)
    assert steps.shape == (400, 4, 2)
    np.testing.assert_array_equal(steps[:, 0], clouds[0])
    with pytest.raises(monge.InputError, match="a path needs a place for the outputs"):
        monge.translate(fitted.model_, tmp_path / "in.csv")
    with pytest.raises(monge.InputError, match="no-such.csv"):
        monge.translate(fitted.model_, tmp_path / "no-such.csv", tmp_path / "out.csv")
    with pytest.raises(monge.InputError, match="samples"):
        fitted.model_.translate(clouds[0], samples=0)
    for wrong in ({"batch": -1}, {"seed": -1}, {"t": 2.0}, {"noise": "some"}):
        with pytest.raises(monge.InputError, match=next(iter(wrong))):
            fitted.model_.translate(clouds[0], **wrong)
    with pytest.raises(monge.InputError, match="no such device"):
        monge.load(tmp_path / "map.safetensors", device="gpu")
    with pytest.raises(monge.InputError, match="not UTF-8"):
        monge.load(os.fsdecode(b"\xff.safetensors"))
    with pytest.raises(monge.InputError, match="no-such-model"):
        monge.load(tmp_path / "no-such-model")


def test_images_are_trained_on_arrays():
    rng = np.random.default_rng(0)
    x = (rng.random((40, 1, 16, 16)) * 100).astype(np.uint8)
    y = (255 - rng.random((40, 1, 16, 16)) * 100).astype(np.uint8)
    run = monge.train(None, x, y, progress=False, train__iterations=3, train__batch=4, train__k_t=1, map__width=8, map__depth=2,
                      potential__width=8, eval__every=0)
    out = run.model.translate(x[:3])
    assert out.shape == (3, 1, 16, 16) and out.dtype == np.float32
    signed = x[:3].astype(np.float32) / np.float32(127.5) - 1
    np.testing.assert_array_equal(out, run.model.translate(signed))


def test_a_model_may_be_used_by_the_callbacks_of_its_job(fitted, clouds, tmp_path, monkeypatch):
    np.save(tmp_path / "in.npy", np.concatenate([clouds[0]] * 100))
    seen = []
    monkeypatch.setattr(warnings, "showwarning", lambda *a, **k: seen.append(fitted.transform(clouds[0][:2])))
    with warnings.catch_warnings():
        warnings.simplefilter("always", monge.MongeWarning)
        fitted.model_.evaluate(clouds[0][:20], clouds[1][:20])
    assert seen


@pytest.mark.parametrize("work", ["monge.train('vectors/light', x, x + 1, progress=False, train__iterations=10**6)",
                                  "monge.metrics.energy_distance(np.tile(x, (10, 1)), np.tile(x, (10, 1)))"])
def test_the_interpreter_ends_while_a_thread_computes(work):
    code = f"""
import threading, time
import numpy as np
import monge
x = np.random.default_rng(0).normal(size=(1000, 2)).astype(np.float32)
threading.Thread(target=lambda: {work}, daemon=True).start()
time.sleep(0.5)
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_the_state_of_torch_is_no_matter(clouds):
    torch = pytest.importorskip("torch", exc_type=ImportError)
    right = monge.Map(**QUICK).fit(*clouds).transform(clouds[0])
    torch.set_default_dtype(torch.float64)
    try:
        np.testing.assert_array_equal(monge.Map(**QUICK).fit(*clouds).transform(clouds[0]), right)
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    for state in (torch.no_grad(), torch.inference_mode(), torch.autocast("cpu")):
        with state:
            np.testing.assert_array_equal(monge.Map(**QUICK).fit(*clouds).transform(clouds[0]), right)
    with pytest.raises(monge.InputError, match="no dense numbers|strided"):
        monge.Map(**QUICK).fit(torch.eye(5, 2).to_sparse(), clouds[1])


def test_threads_are_checked(fitted, clouds):
    for wrong in (-1, 5000, 1.5, "two", 2**32 + 1):
        with pytest.raises(monge.InputError, match="threads"):
            fitted.model_.translate(clouds[0], threads=wrong)
    np.testing.assert_array_equal(fitted.model_.translate(clouds[0], threads=1), fitted.transform(clouds[0]))
