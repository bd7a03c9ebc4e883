"""An optimal transport map with the estimator API of scikit-learn."""

from __future__ import annotations

import difflib
import functools
import numbers
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from ._arrays import Items, as_items, as_tensor, refuse_masked, require_finite, select_columns
from ._errors import InputError, input_error
from ._jobs import Callback
from .model import Model, as_samples, load
from .recipe import Recipe
from .training import train

_BASES = {
    "strong": "vectors/gradient",
    "light": "vectors/light",
    "kernel": "quick/mixture-kernel",
    "weak": "quick/moons",
    "noised": "quick/moons",
    "otp": "quick/moons",
}


class Score(float):
    """A score, greater is better: minus the target error.

    Attributes: ``error``, the distance of the outputs from target samples; ``floor``, the distance between target samples;
    ``verdict``, whether the map reaches its target; ``metrics``, all metrics.
    """

    error: float
    floor: float
    verdict: str
    metrics: dict[str, Any]

    def __new__(cls, metrics: dict[str, Any]) -> Score:
        score = super().__new__(cls, -metrics["target_error"])
        score.error, score.floor = metrics["target_error"], metrics.get("target_floor", float("nan"))
        score.verdict, score.metrics = metrics["verdict"], metrics
        return score

    def __reduce__(self) -> tuple[Any, ...]:
        return Score, (self.metrics,)

    def __repr__(self) -> str:
        return f"Score({float(self):.6g}: target error {self.error:.4g}, floor {self.floor:.4g}; {self.verdict})"


class Map(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """A neural optimal transport map T, or plan, between two tables: E c(x, T(x)) is least among the maps that move the
    distribution of X to that of Y.

    >>> transport = Map("strong", train__iterations=500).fit(X, Y)
    >>> Y_like = transport.transform(X)

    The semi-dual problem max_f min_T E c(x, T(x)) - f(T(x)) + f(y) (Korotin et al. 2023, Neural Optimal Transport) is solved
    by two networks; docs/methods.md explains the methods.

    Args:
        method: "strong" (a map), "light" (an entropic plan in closed form; seconds), "weak", "kernel", "noised" or "otp".
            None: that of `recipe`, else "strong".
        recipe: what :class:`monge.Recipe` takes; None: that of the package for the method ("vectors/gradient" for
            "strong", which also learns the way back). `method` and `options` are applied over it.
        standardise: how the columns are scaled: "off", "scale" (one scale for all columns, which leaves the problem
            unchanged), "joint" or "each". None: the recipe's, else "scale".
        random_state: seed of all random draws: a whole number, a RandomState, or None for another seed in each fit.
        device: "auto", "cpu" or "cuda".
        threads: of the CPU; 0: all cores.
        verbose: show a progress bar (tqdm).
        callbacks: each is called as ``callback(iteration, metrics)`` after an evaluation; a true result ends the fit.
        **options: options of the recipe, with two underscores between section and key: ``train__iterations=500``,
            ``map__width=256``, ``train__directions="both"`` (docs/recipes.md lists all). They are parameters like the
            others: for ``get_params``, ``set_params``, ``clone`` and grid searches.

    Attributes:
        model_: the trained :class:`monge.Model`.
        metrics_: dict of the metrics on held-out data at the end, None without an evaluation.
        verdict_: whether the map reaches its target, in words.
        history_: the metrics of each evaluation.
        seed_: the seed of the fit, also that of the draws of transform and sample.
        recipe_: the :class:`monge.Recipe` of the fit.
        n_features_in_, feature_names_in_: as in scikit-learn.
    """

    def __init__(self, method: str | None = None, *, recipe: Any = None, standardise: str | None = None,
                 random_state: int = 0, device: str = "auto", threads: int = 0, verbose: bool = False,
                 callbacks: Sequence[Callback] = (), **options: Any) -> None:
        self.method = method
        self.recipe = recipe
        self.standardise = standardise
        self.random_state = random_state
        self.device = device
        self.threads = threads
        self.verbose = verbose
        self.callbacks = callbacks
        _require_options(options)
        self._options = options

    # Parameters

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """All parameters, with the options of the recipe that were given."""
        return {**super().get_params(deep=False), **self._options}

    def set_params(self, **params: Any) -> Map:
        """Sets parameters and options. Raises InputError for an option that does not exist."""
        own = {name: value for name, value in params.items() if "__" not in name}
        options = {**self._options, **{name: value for name, value in params.items() if "__" in name}}
        _require_options(options)
        super().set_params(**own)
        self._options = options
        return self

    def __getattr__(self, name: str) -> Any:
        if "__" in name and not name.startswith("__"):
            options = self.__dict__.get("_options", {})
            if name in options:
                return options[name]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    # Fit

    def fit(self, X: Any, Y: Any) -> Map:
        """Learns the map from samples X [N, D] to samples Y [M, D], which need no pairing.

        A part of both is held out (``eval__holdout``; 512 rows, but at least 5 % and at most 20 %; none below 40 rows), and the
        metrics of the fit are those on that part. The result equals
        ``monge train`` on files of the same rows, to the bit. Ctrl-C ends the fit and raises KeyboardInterrupt.

        Args:
            X, Y: NumPy arrays, tensors of PyTorch, data frames of pandas (columns are paired by name) or arrays of the
                array API.

        Raises:
            InputError (a ValueError): NaN, other shapes, columns that do not match, an option out of its range.
            DivergedError: when losses are no longer finite.
        """
        source = self._validated(X, reset=True)
        if Y is None:
            raise input_error("fit needs samples of the target", "Y", "None", "a table [M, D] with the columns of X")
        target = self._target(Y, [])
        if len(target.values) < 2:
            raise input_error("a distribution needs at least 2 samples", "Y", f"shape {target.values.shape}", "2 rows or more")
        if target.values.shape[1] != source.values.shape[1]:
            raise input_error("the two sides have different numbers of columns", "X and Y",
                              f"{source.values.shape[1]} and {target.values.shape[1]}", "one number of columns")
        if bool(source.columns) != bool(target.columns):  # names on one side only tell nothing
            source, target = Items(source.values), Items(target.values)
        recipe = self._recipe(source.values.shape[1], len(source.values), len(target.values))
        run = train(recipe, as_samples(source, "X"), as_samples(target, "Y"), device=self.device, threads=self.threads,
                    progress=bool(self.verbose), callbacks=self.callbacks)
        self.recipe_: Recipe | None = recipe
        self.seed_ = int(recipe["train.seed"])
        self.model_ = run.model
        self.metrics_ = run.metrics
        self.verdict_ = run.verdict
        self.history_ = run.history
        self.n_iter_ = run.iterations
        return self

    def fit_transform(self, X: Any, Y: Any = None, **_: Any) -> Any:
        """fit(X, Y).transform(X)."""
        return self.fit(X, Y).transform(X)

    def _recipe(self, columns: int, *sizes: int) -> Recipe:
        method = self.method or ("strong" if self.recipe is None else None)
        recipe = Recipe(_BASES.get(str(method)) if self.recipe is None else self.recipe)
        if method is not None:
            recipe.set(method=method)
        if self.recipe is None:
            # Some 512 held-out rows make a verdict that is no chance, but a fit needs most rows of a small table. Below 40
            # rows nothing is held out, and the metrics are those of the fit's own rows.
            holdout = 0.0 if min(sizes) < 40 else round(min(0.2, max(0.05, 512 / min(sizes))), 3)
            recipe.set(data__standardise="scale", eval__holdout=holdout)
            if method == "strong" and columns >= 32:  # docs/benchmarks.md: with many columns 1 makes maps that are too steep
                recipe.set(potential__weight=0.3)
        if self.standardise is not None:
            recipe.set(data__standardise=self.standardise)
        for name in ("source__path", "target__path", "train__seed"):
            if name in self._options:
                raise input_error("an option that fit sets itself", name, repr(self._options[name]),
                                  fix="give data to fit, and the seed as random_state")
        return recipe.set(source__path="", target__path="", train__seed=_seed_of(self.random_state), **self._options)

    # Use

    def transform(self, X: Any) -> Any:
        """T(X), one draw for each row of a stochastic map: what ``monge translate`` writes, [N, D].

        The kind of array of X; float64 if X is, else float32.
        """
        return self._apply(self._fitted(), X)

    def inverse_transform(self, Y: Any) -> Any:
        """The map back, [N, D]. Raises InputError unless fitted with ``train__directions="both"`` (the default of
        "strong")."""
        return self._apply(self._fitted().inverse(), Y, is_source=False)

    def sample(self, X: Any, n: int = 1) -> Any:
        """n draws for each row of a stochastic map, [N, n, D]. A deterministic map has one: n > 1 raises InputError."""
        model = self._fitted()
        tensor = self._rows_on_device(X, model)
        if tensor is not None:
            return model.translate(tensor, samples=n, seed=self.seed_, threads=self.threads)
        items = self._validated(X, reset=False)
        out = model.translate(items.values, samples=n, seed=self.seed_, threads=self.threads)
        return items.wrap(out)

    def score(self, X: Any, Y: Any) -> Score:
        """Minus the distance of T(X) from Y (energy distance of standardised columns), so that greater is better.

        The result is a float with ``error``, ``floor`` (the distance between halves of Y), ``verdict`` and ``metrics``.
        Give rows that the fit has not seen.
        """
        model = self._fitted()
        source, target = self._validated(X, reset=False), self._target(Y, model.output_columns)
        rows = max(2, min(len(source.values), len(target.values), 4096))
        return Score(model.evaluate(source.values, target.values, samples=rows, threads=self.threads))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the map to a .safetensors file, which :meth:`load`, :func:`monge.load` and the program read."""
        self._fitted().save(path)

    @classmethod
    def load(cls, path: str | os.PathLike[str], device: str = "auto") -> Map:
        """The map of a file of :meth:`save`, of a run directory, or of what :func:`monge.load` takes, ready to use."""
        model = load(path, device)
        if len(model.item_shape) != 1:
            raise input_error("Map is for tables, and this is a map of images", "path", os.fspath(path),
                              fix="use monge.load")
        recipe = model.recipe
        out = cls(recipe=recipe, device=device)
        out.recipe_, out.model_, out.seed_ = recipe, model, 0
        out.metrics_ = out.verdict_ = None
        out.history_ = []
        out.n_iter_ = model.iteration
        out.n_features_in_ = model.item_shape[0]
        if model.source_columns:
            out.feature_names_in_ = np.asarray(model.source_columns, dtype=object)
        return out

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """The names of the columns of outputs: those of Y, else those of X, else x0, x1, ..."""
        model = self._fitted()
        names = model.output_columns or list(getattr(self, "feature_names_in_", []))
        return np.asarray(names or [f"x{i}" for i in range(self.n_features_in_)], dtype=object)

    # Internal

    def _fitted(self) -> Model:
        check_is_fitted(self, "model_")
        return self.model_

    def _validated(self, X: Any, reset: bool) -> Items:
        """Rows with scikit-learn's checks; tensors and data frames keep their kind, and data frames their names."""
        given = Items(np.empty(0))
        refuse_masked(X, "X")
        if not isinstance(X, np.ndarray) and (hasattr(X, "iloc") or hasattr(X, "__dlpack__")):
            given = as_items(X, "X")
            if not given.columns:
                X = given.values
        values = validate_data(self, X, reset=reset, dtype=[np.float64, np.float32], ensure_min_samples=2 if reset else 1,
                               ensure_all_finite=False)
        require_finite(values, "X", given.columns)
        return Items(values, given.columns, given.wrap)

    def _rows_on_device(self, X: Any, model: Model) -> Any:
        """A tensor of PyTorch that fits the map, which is then not copied; None for what needs scikit-learn's checks."""
        tensor = None if hasattr(self, "feature_names_in_") else as_tensor(X)
        return tensor if tensor is not None and tuple(tensor.shape[1:]) == model.item_shape else None

    def _apply(self, model: Model, X: Any, is_source: bool = True) -> Any:
        tensor = self._rows_on_device(X, model)
        if tensor is not None:
            return model.translate(tensor, seed=self.seed_, threads=self.threads)
        items = self._validated(X, reset=False) if is_source else self._target(X, model.source_columns)
        out = model.translate(items.values, seed=self.seed_, threads=self.threads)
        return items.wrap(out, model.output_columns or items.columns) if items.columns else items.wrap(out)

    def _target(self, Y: Any, columns: list[str]) -> Items:
        items = select_columns(as_items(Y, "Y"), columns, "Y")
        _require_vectors(items, "Y")
        return items

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.non_deterministic = False
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")


@functools.cache
def _keys() -> tuple[str, ...]:
    return tuple(Recipe())


def _require_options(options: dict[str, Any]) -> None:
    """Raises for a name that no option has: it would be ignored until the fit."""
    for name in options:
        if "__" not in name:
            raise TypeError(f"Map has no parameter {name!r}; options of a recipe have two underscores between section and key, "
                            f"such as train__iterations")
        key = name.replace("__", ".")
        if key not in _keys():
            near = difflib.get_close_matches(key, _keys(), 1)
            raise input_error("no such option", "Map", name, fix=f"did you mean {near[0].replace('.', '__')}?" if near
                              else "docs/recipes.md lists all")


def _seed_of(random_state: Any) -> int:
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1)[0])
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31 - 1))
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**31 - 1))
    if not isinstance(random_state, numbers.Integral) or random_state < 0:
        raise input_error("not a seed", "random_state", repr(random_state), "a whole number of 0 or more, RandomState, None")
    return int(random_state)


def _require_vectors(items: Items, name: str) -> None:
    if items.values.ndim != 2:
        raise input_error("Map is for tables", name, f"shape {items.values.shape}", "[N, D]",
                          "use monge.train for images")


__all__ = ["Map", "Score", "InputError"]
