"""monge.Map: the estimator API of scikit-learn."""

import pickle

import numpy as np
import pandas
import pytest
from conftest import QUICK
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

import monge


def test_fit_moves_the_source_to_the_target():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2000, 2)), rng.normal(size=(2000, 2)) @ [[1.5, 0.5], [0.5, 0.8]] + [3, 1]
    transport = monge.Map(train__iterations=600, train__batch=256, map__width=32, potential__width=32).fit(x, y)
    assert transport.metrics_["target_error"] < 0.05 * transport.metrics_["target_start"], transport.verdict_
    moved = transport.transform(x)
    assert moved.shape == x.shape and moved.dtype == np.float64
    np.testing.assert_allclose(moved.mean(0), [3, 1], atol=0.15)
    np.testing.assert_allclose(np.cov(moved.T), np.cov(y.T), atol=0.3)
    assert np.abs(transport.inverse_transform(moved) - x).mean() < 0.1
    score = transport.score(rng.normal(size=(500, 2)), y[:500])
    assert isinstance(score, float) and score == -score.error and score.floor < 0.1
    assert score > monge.Map(**QUICK).fit(x, x).score(x, y)


def test_the_light_plan_is_stochastic(clouds):
    transport = monge.Map("light", train__iterations=50, eval__every=50).fit(*clouds)
    draws = transport.sample(clouds[0][:7], 5)
    assert draws.shape == (7, 5, 2)
    assert np.ptp(draws, axis=1).min() > 0
    np.testing.assert_array_equal(draws, transport.sample(clouds[0][:7], 5))  # the seed decides


def test_a_seed_gives_the_same_bits(clouds):
    x, y = clouds
    first, second = (monge.Map(random_state=3, **QUICK).fit(x, y).transform(x) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert (monge.Map(random_state=4, **QUICK).fit(x, y).transform(x) != first).any()


def test_parameters_are_those_of_scikit_learn(clouds):
    transport = monge.Map("strong", random_state=7, train__iterations=20)
    assert transport.get_params()["train__iterations"] == 20
    assert transport.set_params(train__iterations=30, method="light").get_params()["method"] == "light"
    copy = clone(transport)
    assert copy is not transport and copy.get_params() == transport.get_params()
    assert copy.train__iterations == 30
    assert repr(copy) == "Map(method='light', random_state=7, train__iterations=30)"
    with pytest.raises(TypeError, match="has no parameter 'iterations'.*train__iterations"):
        monge.Map(iterations=5)
    with pytest.raises(monge.InputError, match="no such option .*did you mean train__iterations"):
        monge.Map(train__iteration=5)
    with pytest.raises(monge.InputError, match="did you mean map__width"):
        copy.set_params(map__widht=8)
    assert "map__widht" not in copy.get_params()
    with pytest.raises(monge.InputError, match="train.lr_map"):
        monge.Map(train__lr_map="fast").fit(*clouds)


def test_the_method_is_applied_over_a_recipe(clouds):
    assert monge.Map(recipe="vectors/light", train__iterations=20, eval__every=0).fit(*clouds).recipe_["method"] == "light"
    weak = monge.Map("weak", recipe="quick/moons", train__iterations=2, eval__every=0).fit(*clouds)
    assert weak.recipe_["method"] == "weak" and weak.model_.stochastic
    for name in ("train__seed", "source__path"):
        with pytest.raises(monge.InputError, match="an option that fit sets itself"):
            monge.Map(**{name: 3}).fit(*clouds)


def test_seeds_of_numpy_are_seeds(clouds):
    a, b = (monge.Map("light", random_state=seed, train__iterations=5, eval__every=0).fit(*clouds)
            for seed in (3, np.int64(3)))
    np.testing.assert_array_equal(a.sample(clouds[0], 2), b.sample(clouds[0], 2))
    assert monge.Map(random_state=np.random.RandomState(0), **QUICK).fit(*clouds).seed_ > 0
    with pytest.raises(monge.InputError, match="not a seed"):
        monge.Map(random_state="one").fit(*clouds)


def test_it_can_be_searched(clouds):
    x, y = clouds
    search = GridSearchCV(monge.Map(**QUICK), {"train__lr_map": [1e-3, 5e-3]}, cv=2)
    search.fit(x[:400], y[:400])
    assert search.best_params_["train__lr_map"] in (1e-3, 5e-3)


def test_data_frames_keep_their_names(clouds):
    x = pandas.DataFrame(clouds[0], columns=["gene a", "gene b"], index=[f"cell {i}" for i in range(len(clouds[0]))])
    y = pandas.DataFrame(clouds[1][:, ::-1], columns=["gene b", "gene a"])  # paired by name
    transport = monge.Map(**QUICK).fit(x, y)
    out = transport.transform(x)
    assert list(out.columns) == ["gene a", "gene b"] and list(out.index) == list(x.index)
    np.testing.assert_array_equal(out.to_numpy(), monge.Map(**QUICK).fit(*clouds).transform(clouds[0]))
    np.testing.assert_array_equal(transport.inverse_transform(y), transport.inverse_transform(y[["gene a", "gene b"]]))
    assert transport.score(x, y) == transport.score(x, y[["gene a", "gene b"]]) == transport.score(*clouds)
    numbered = monge.Map(**QUICK).fit(pandas.DataFrame(clouds[0], columns=[7, 8]),
                                      pandas.DataFrame(clouds[1][:, ::-1], columns=[8, 7]))
    np.testing.assert_array_equal(numbered.transform(clouds[0]), out.to_numpy())
    assert list(transport.feature_names_in_) == list(transport.get_feature_names_out()) == ["gene a", "gene b"]
    with pytest.raises(ValueError, match="feature names"):
        transport.transform(x.rename(columns={"gene a": "gene c"}))
    with pytest.warns(monge.MongeWarning, match="name 2 of 2 columns differently"):
        renamed = monge.Map(**QUICK).fit(x, y.rename(columns={"gene a": "gene c"}))
    assert list(renamed.transform(x).columns) == ["gene b", "gene c"]
    with pytest.raises(monge.InputError, match="a column does not hold numbers .*'label'"):
        monge.Map(**QUICK).fit(x.assign(label="t"), y)


def test_a_warning_names_the_line_of_the_caller(clouds):
    with pytest.warns(monge.MongeWarning, match="MISSES its target") as caught:
        monge.Map(**QUICK).fit(*clouds)
    assert {warning.filename for warning in caught} == {__file__}


def test_any_layout_gives_the_same(fitted, clouds):
    x = clouds[0]
    right = fitted.transform(x)
    wide = np.zeros((len(x), 4), np.float32)
    wide[:, ::2] = x
    for same in (np.asfortranarray(x), wide[:, ::2], x[::-1].copy()[::-1], x.astype(">f4"), x.tolist()):
        np.testing.assert_array_equal(np.asarray(fitted.transform(same), np.float32), right)
    half = x.astype(np.float16)
    np.testing.assert_allclose(fitted.transform(half), right, atol=0.02)
    read_only = x.copy()
    read_only.flags.writeable = False
    np.testing.assert_array_equal(fitted.transform(read_only), right)


def test_tensors_give_tensors(fitted, clouds):
    torch = pytest.importorskip("torch", exc_type=ImportError)
    x = torch.from_numpy(clouds[0]).requires_grad_()
    out = fitted.transform(x)
    assert isinstance(out, torch.Tensor) and out.device == x.device
    np.testing.assert_array_equal(out.numpy(), fitted.transform(clouds[0]))
    fitted.fit(x, torch.from_numpy(clouds[1]))
    np.testing.assert_array_equal(fitted.sample(x, 1)[:, 0].numpy(), out.numpy())


@pytest.mark.parametrize("kind", ["float64", "bfloat16", "int64", "int8"])
def test_tensors_of_any_type_are_translated_as_their_values(fitted, clouds, kind):
    torch = pytest.importorskip("torch", exc_type=ImportError)
    x = torch.from_numpy(clouds[0] * (10 if "int" in kind else 1)).to(getattr(torch, kind))
    wide = torch.stack([x, x], 2)  # steps of two elements
    out = fitted.transform(wide[:, :, 0])
    values = x.double().numpy() if kind in ("float64", "int64") else x.float().numpy()
    np.testing.assert_array_equal(out.numpy(), fitted.transform(values))
    assert out.dtype == (torch.float64 if values.dtype == np.float64 else torch.float32)
    np.testing.assert_array_equal(fitted.sample(wide[:, :, 0], 1)[:, 0].numpy(), out.numpy())


def test_bad_tensors_get_the_errors_of_arrays(fitted):
    torch = pytest.importorskip("torch", exc_type=ImportError)
    for bad, message in [(torch.full((5, 2), torch.nan), "NaN or infinite, the first in row 0, column 0"),
                         (torch.zeros(5, 3), "3 features"), (torch.zeros(0, 2), "array is empty"), (torch.zeros(5, 2).to_sparse(), "dense"),
                         (torch.zeros(5, 2, dtype=torch.complex64), "omplex")]:
        with pytest.raises(ValueError, match=message):
            fitted.transform(bad)


def test_tensors_on_a_gpu_stay_there(fitted, clouds):
    torch = pytest.importorskip("torch", exc_type=ImportError)
    if not torch.cuda.is_available():
        pytest.skip("needs a GPU")
    model = pickle.loads(pickle.dumps(fitted.model_))
    assert model.device.startswith("cuda")
    x = torch.from_numpy(clouds[0]).cuda()
    side = torch.cuda.Stream()
    with torch.cuda.stream(side):  # the work of a map is in the stream of its caller
        out = model.translate(x + 0, samples=1)[:, 0]
    side.synchronize()
    assert out.device == x.device
    np.testing.assert_allclose(out.cpu().numpy(), fitted.transform(clouds[0]), atol=1e-4)


def test_arrays_of_the_array_api_give_their_kind(fitted, clouds):
    xp = pytest.importorskip("array_api_strict")
    out = fitted.transform(xp.asarray(clouds[0]))
    assert type(out) is type(xp.asarray(clouds[0]))
    np.testing.assert_array_equal(np.from_dlpack(out), fitted.transform(clouds[0]))


BAD = {
    "one dimension": (np.zeros(5), "1D array"),
    "no rows": (np.zeros((0, 2)), "0 sample"),
    "NaN": (np.array([[0, 1], [2, np.nan]]), "1 values are NaN or infinite, the first in row 1, column 1"),
    "infinity": (np.full((5, 2), np.inf), "values are NaN or infinite, the first in row 0, column 0"),
    "objects": (np.array([["a", "b"], ["c", "d"]], dtype=object), "convert string to float"),
    "complex": (np.zeros((5, 2), complex), "[Cc]omplex"),
    "columns": (np.zeros((5, 3)), "X has 3 features, but Map is expecting 2"),
    "masked": (np.ma.masked_array(np.zeros((5, 2)), np.eye(5, 2)), "2 of them"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_a_clear_error(fitted, name):
    data, message = BAD[name]
    with pytest.raises(ValueError, match=message):
        fitted.transform(data)


BAD_TARGETS = {
    "none": (None, "fit needs samples of the target"),
    "columns": (np.zeros((5, 3)), "different numbers of columns.*2 and 3"),
    "NaN": (np.array([[0, 1], [2, np.nan]]), "1 values are NaN or infinite, the first in row 1, column 1"),
    "objects": (np.array([[object(), 1]]), "objects that are not numbers"),
    "one row": (np.zeros((1, 2)), "at least 2 samples"),
    "images": (np.zeros((5, 3, 8, 8)), "Map is for tables"),
    "lengths": ([[1, 2], [3]], "cannot be read|rows have different lengths"),
    "huge": (np.array([[10**400, 2]], object), "cannot be read"),
    "a class": (np.ndarray, "a class"),
    "two names": (pandas.DataFrame(np.zeros((5, 2)), columns=["a", "a"]), "two columns have the same name .*'a'"),
}


@pytest.mark.parametrize("name", BAD_TARGETS)
def test_a_bad_target_is_a_clear_error(clouds, name):
    data, message = BAD_TARGETS[name]
    with pytest.raises(monge.InputError, match=message):
        monge.Map(**QUICK).fit(clouds[0], data)


def test_it_is_saved_loaded_and_pickled(fitted, clouds, tmp_path):
    right = fitted.transform(clouds[0])
    fitted.save(tmp_path / "map.safetensors")
    for same in (monge.Map.load(tmp_path / "map.safetensors"), pickle.loads(pickle.dumps(fitted))):
        np.testing.assert_array_equal(same.transform(clouds[0]), right)
        np.testing.assert_array_equal(same.inverse_transform(right), fitted.inverse_transform(right))
    with pytest.raises(monge.InputError, match="extension .safetensors"):
        fitted.save(tmp_path / "map.pt")
    with pytest.raises(monge.InputError, match="trained in one direction|both"):
        monge.Map(**QUICK, train__directions="forward").fit(*clouds).inverse_transform(right)


def test_callbacks_see_metrics_and_end_the_fit(clouds):
    seen = []
    options = {**QUICK, "train__iterations": 100, "eval__every": 10}
    transport = monge.Map(callbacks=[lambda i, m: seen.append((i, m["target_error"])) or i >= 30], **options).fit(*clouds)
    assert [i for i, _ in seen] == [10, 20, 30] and transport.n_iter_ == 30
    assert [line["iteration"] for line in transport.history_] == [10, 20, 30]


def test_nullable_columns_are_numbers(fitted, clouds):
    whole = pandas.DataFrame({"a": [1, 2, 3], "b": [0, 1, 0]})
    right = monge.Map(**QUICK).fit(*clouds).transform(whole)
    np.testing.assert_array_equal(fitted.transform(whole.astype("Int64")), right)
    with pytest.raises(monge.InputError, match="row 1, column 'a'"):
        fitted.transform(whole.astype("Int64").mask(whole == 2))
    assert list(fitted.transform(whole.rename(columns={"a": 0, "b": 1})).columns) == [0, 1]
    assert fitted.sample(whole.rename(columns={"a": 0, "b": 1})).shape == (3, 1, 2)
