"""Trained maps: load, apply, evaluate, save."""

from __future__ import annotations

import json
import numbers
import os
import pathlib
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from . import _monge
from ._arrays import Items, as_items, as_tensor, select_columns
from ._errors import input_error
from ._jobs import JobHooks
from .recipe import Recipe, _assignments

PathLike = str | os.PathLike[str]


class Model:
    """A trained map T, or plan, ready to use. Made by :func:`load` and by trainings.

    Calls may come from several threads at once; those on one model run one after the other.
    """

    def __init__(self, handle: _monge.Model) -> None:
        self._model = handle

    def translate(self, x: Any, *, samples: int | None = None, seed: int = 0, deterministic: bool = False,
                  noise_scale: float = 1, t: float | None = None, steps: int | None = None, batch: int = 0,
                  range: str = "", size: str = "", tile: int = 0, noise: str = "item", threads: int = 0,
                  progress: bool = False) -> Any:
        """T of the rows of `x`, equal to what ``monge translate`` writes for a file of these rows.

        The outputs of a row depend on `seed` and on the number of the row, and on no other row.

        Args:
            x: vectors [N, D], or images [N, C, H, W]: floats in [-1, 1] or uint8 in 0..255; raw, as in training. NumPy,
                PyTorch, pandas or an array of the array API. The columns of a data frame are found by name.
            samples: outputs per input of a stochastic map, 1 to 1024; None: one, without a dimension for it.
            seed: of the noises.
            deterministic: set all noises to 0.
            noise_scale: factor of the noise level of the training, 0 to 4: below 1 the outputs of a row differ less, above
                it more; 0 is `deterministic`.
            t: in [0, 1]: return (1 - t) x + t T(x) (McCann's displacement interpolation; for method "light" points of
                the bridge).
            steps: return this many equidistant t from 0 to 1.
            batch: rows at a time; affects speed and memory only. 0: 32 images or 4,096 vectors.
            range: "LOW..HIGH" to which vectors are clamped; "": the recipe's output.range.
            size: of images, see ``monge translate --size``.
            tile: longest side of a tile of large images, in pixels; 0: chosen.
            noise: "item", or "fixed" for the same noise in all rows.
            threads: of the CPU; 0: those of LibTorch.
            progress: show a progress bar (tqdm).

        Ctrl-C ends it between batches.

        Returns:
            [N, D] or [N, C, H, W]; with `samples` [N, samples, ...]; with `steps` a further dimension after that. The
            kind of array of `x` (a data frame only for [N, D]), on its device, in float64 if `x` is, else in float32.

        Raises:
            InputError: NaN, infinity, another shape, missing columns, an option that does not fit the map.
        """
        options = filled(_monge.TranslateOptions(), samples=1 if samples is None else samples, seed=seed,
                         deterministic=deterministic, noise_scale=noise_scale, t=t, steps=steps or 0, batch=batch,
                         range=range, size=size, tile=tile, noise=noise)
        tensor = as_tensor(x)
        if tensor is not None and tensor.device.type == self._model.device.split(":")[0]:
            with JobHooks(progress) as hooks:
                moved: Any = self._model.translate_array(tensor, options, thread_count(threads), True, hooks)
            moved = moved.to(device=tensor.device, dtype=tensor.dtype if tensor.dtype.is_floating_point else moved.dtype)
            return moved[:, 0] if samples is None else moved
        items = select_columns(as_items(x, "x"), self.source_columns, "x")
        values = items.values if items.values.dtype == np.uint8 and items.values.ndim == 4 else items.floats()
        with JobHooks(progress) as hooks:
            out = np.asarray(self._model.translate_array(values, options, thread_count(threads), False, hooks))
        out = out.astype(np.float64 if values.dtype == np.float64 else np.float32, copy=False)
        if samples is None:
            out = out[:, 0]
        if out.ndim == 2:
            return items.wrap(out, self.output_columns or items.columns)
        return items.wrap(out) if not items.columns else out

    def translate_files(self, source: PathLike, out: PathLike, *, samples: int = 1, seed: int = 0,
                        deterministic: bool = False, noise_scale: float = 1, t: float | None = None, steps: int = 0,
                        batch: int = 0, range: str = "", size: str = "", tile: int = 0, noise: str = "item",
                        bits: str = "auto", on_error: str = "", grid: PathLike = "", weights: PathLike = "",
                        threads: int = 0, progress: bool = False) -> dict[str, Any]:
        """Writes T of every item of `source` to `out`, as ``monge translate`` does.

        Args:
            source, out: an image and an image, a folder and a folder, an archive and an archive, or a table (.npy,
                .npz, .csv, Parquet, .h5ad) and a table.
            bits: of image files: "8", "16" or "auto".
            on_error: "fail" or "skip" for images that cannot be used; "": the recipe's.
            grid: file for an image of the first inputs and outputs.
            weights: file for the weights of the inputs of an unbalanced problem.
            progress: show a progress bar (tqdm).
            The others are those of :meth:`translate`.

        Returns:
            ``complete``, ``items``, ``samples``, ``replaced``, ``left_out``, ``clamped``, ``not_finite``, ``mean_weight``.

        Raises:
            InputError: before anything is written, when paths, options or data do not fit.
            SystemError: when writing fails.
        """
        options = filled(_monge.TranslateOptions(), samples=samples, seed=seed, deterministic=deterministic,
                         noise_scale=noise_scale, t=t, steps=steps, batch=batch, range=range, size=size, tile=tile,
                         noise=noise, bits=bits, on_error=on_error, grid=path_text(grid), weights=path_text(weights))
        with JobHooks(progress) as hooks:
            return dict(self._model.translate_files(path_text(source), path_text(out), options, thread_count(threads), hooks))

    def evaluate(self, source: Any = None, target: Any = None, *, samples: int = 512, seed: int = 0, features: str = "",
                 mode: str = "", lpips: str = "", weights: PathLike = "", truth: PathLike = "", on_error: str = "",
                 threads: int = 0, progress: bool = False) -> dict[str, Any]:
        """The metrics of the map, as ``monge eval`` prints them (docs/metrics.md explains each).

        Args:
            source, target: paths, or arrays on both sides; None: the parts that the recipe held out. For arrays the
                floor is the distance between the halves of the target.
            samples: number of inputs and of target samples, from 2 on.
            seed: of the choice of samples and of the noises.
            features, mode, lpips, weights, truth, on_error: see ``monge eval --help``.

        Returns:
            The metrics by name (``target_error``, ``target_floor``, ``cost``, ...), ``reaches_target`` (None if
            unknown) and ``verdict`` in words. Distances are in the units of the training.

        Raises:
            InputError: missing data, data that do not fit, an option out of its range.
        """
        options = filled(_monge.EvaluateOptions(), samples=samples, seed=seed, features=features, mode=mode, lpips=lpips,
                         weights=path_text(weights), truth=path_text(truth), on_error=on_error)
        with JobHooks(progress) as hooks:
            return dict(self._model.evaluate(
                as_samples(source, "source", self.source_columns), as_samples(target, "target", self.output_columns),
                options, thread_count(threads), hooks))

    def inverse(self) -> Model:
        """The map back, which shares the nets. Raises InputError unless trained with ``train.directions="both"``."""
        return Model(self._model.inverse())

    @classmethod
    def from_pretrained(cls, name: PathLike, *, url: str = "", device: str = "auto", progress: bool = False) -> Model:
        """Loads a model by its name (:func:`monge.models.list`), or fetches it first.

        Args:
            name: the name of a pretrained model, the address of a model file (``https://.../NAME.safetensors``,
                which is fetched at each call), or a path as in :func:`load`.
            url: the address of a folder with an index, in which a name that is not here is looked up; "": the environment
                variable MONGE_MODELS_URL.
            device: "auto", "cpu" or "cuda".
            progress: show a progress bar of the fetch (tqdm).

        Raises:
            InputError: an unknown name, with the known ones; a file that is no model.
            SystemError: the server is not reached, or the transfer breaks.
        """
        from . import models

        return load(models.find(path_text(name), url=url, progress=progress), device)

    def save(self, path: PathLike, *, card: Mapping[str, str] | None = None, name: str = "") -> None:
        """Writes the map, its inverse if there is one, and the metrics of its evaluation to a .safetensors file, which
        :func:`load` reads.

        Args:
            path: the file to write (.safetensors).
            card: what people should know: any of ``title``, ``description``, ``licence`` (an SPDX identifier),
                ``credit``, ``source``, ``source_licence``, ``target``, ``target_licence``.
            name: the name of the map; "": that of its recipe.

        Raises:
            InputError: another extension, an unknown key of the card, a map without a recipe.
        """
        path = path_text(path)
        if not path.endswith(".safetensors"):
            raise input_error("a model file must have the extension .safetensors", "path", path)
        if card is not None and not isinstance(card, Mapping):
            raise input_error("a card is a dict of texts", "card", repr(card))
        self._model.save(path, list(_assignments({"card": card or {}, **({"name": name} if name else {})})))

    def export_onnx(self, path: PathLike, *, opset: int = 17, float64: bool = False, deterministic: bool = False) -> None:
        """Writes the map as an ONNX file, which onnxruntime and others run without monge (docs/onnx.md).

        Args:
            path: the file to write (.onnx).
            opset: version of the operators, 17 to 21.
            float64: inputs and outputs in float64; only for a model with a standardisation.
            deterministic: the map of the mean noise; else the noises are inputs of the graph.

        Use :func:`monge.onnx.check` to compare the file with the map. Raises InputError for an option out of its range.
        """
        path = path_text(path)
        if not path.endswith(".onnx"):
            raise input_error("an ONNX file must have the extension .onnx", "path", path)
        _monge.export_onnx(self._model, path, opset, float64, deterministic)

    def save_state_dict(self, path: PathLike) -> None:
        """Writes the net's state dict as ``torch.save`` would, with the keys of the public codes."""
        self._model.save_state_dict(path_text(path))

    @property
    def card(self) -> dict[str, Any]:
        """What is known about the map: ``title``, ``description``, ``licence``, ``credit``, ``source``, ``target``, the
        training, and the ``protocol``, ``metrics``, ``reaches_target`` and ``verdict`` of its evaluation; None where
        nothing is known."""
        return dict(json.loads(str(self._model.card())))

    @property
    def sample_image(self) -> bytes:
        """A PNG file of inputs and their outputs; b"" if the model holds none."""
        return bytes(self._model.sample_image())

    @property
    def origin(self) -> str:
        """The file or folder from which it was loaded."""
        return str(self._model.origin)

    @property
    def item_shape(self) -> tuple[int, ...]:
        """[D] or [C, H, W]; H and W are 0 where any size fits."""
        return tuple(self._model.item_shape)

    @property
    def stochastic(self) -> bool:
        """Whether several outputs per input differ."""
        return bool(self._model.stochastic)

    @property
    def has_inverse(self) -> bool:
        """Whether :meth:`inverse` is there."""
        return bool(self._model.has_inverse)

    @property
    def iteration(self) -> int:
        """Outer iterations trained; 0 when unknown."""
        return int(self._model.iteration)

    @property
    def parameters(self) -> int:
        """The number of the map's parameters."""
        return int(self._model.parameters)

    @property
    def device(self) -> str:
        return str(self._model.device)

    @property
    def source_columns(self) -> list[str]:
        """The names of the columns that it takes; [] if the training data had none."""
        return list(self._model.source_columns)

    @property
    def output_columns(self) -> list[str]:
        """The names of the columns that it returns."""
        return list(self._model.output_columns)

    @property
    def recipe(self) -> Recipe | None:
        """The recipe of its training; None for a state dict of the public codes."""
        toml = self._model.recipe_toml
        return None if toml is None else Recipe.from_toml(toml)

    def __repr__(self) -> str:
        recipe = self.recipe
        method = recipe["method"] if recipe else "unknown method"
        return f"<monge.Model {method} {list(self.item_shape)}, {self.parameters:,} parameters>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _model_from_bytes, (_bytes_of(self), bool(self._model.reversed), self.device, self.origin)


def load(path: PathLike, device: str = "auto") -> Model:
    """Loads a map.

    Args:
        path: a run directory (its newest checkpoint), a checkpoint folder, a file of :meth:`Model.save`, the name of a
            pretrained model that is here, or a state dict of the public codes (.pt; ``FILE?key=NAME`` chooses one of
            several).
        device: "auto", "cpu" or "cuda".

    Raises:
        InputError: naming the path and what is accepted, or saying that the file is damaged.
    """
    with JobHooks() as hooks:
        return Model(_monge.Model.load(path_text(path), device, hooks))


def translate(model: Model | PathLike, source: Any, out: PathLike | None = None, **options: Any) -> Any:
    """Applies a map: to a path, writing `out`; or to an array, returning an array.

    Args:
        model: a Model, or what :func:`load` takes.
        source: a path, with `out`; or an array.
        **options: those of :meth:`Model.translate_files` or :meth:`Model.translate`.
    """
    if not isinstance(model, Model):
        model = load(model)
    if isinstance(source, (str, os.PathLike)):
        if out is None:
            raise input_error("a path needs a place for the outputs", "out", "None", "a path of the same kind as source")
        return model.translate_files(source, out, **options)
    if out is not None:
        raise input_error("an array is returned and not written", "out", path_text(out), "None for arrays")
    return model.translate(source, **options)


def as_samples(data: Any, name: str, columns: Sequence[str] = ()) -> Any:
    """One side of a job for the extension module: None, a path, or a source of an array."""
    if data is None or isinstance(data, _monge.Source):
        return data
    if isinstance(data, (str, os.PathLike)):
        return path_text(data)
    handle = getattr(data, "_source", None)
    if isinstance(handle, _monge.Source):
        return handle
    items = data if isinstance(data, Items) else select_columns(as_items(data, name), list(columns), name)
    if len(items.values) < 2:
        raise input_error("a distribution needs at least 2 samples", name, f"shape {items.values.shape}", "2 rows or more")
    with JobHooks() as hooks:
        return _monge.source_of_array(name, items.values, items.columns, hooks)


def filled(options: Any, **values: Any) -> Any:
    """An options struct of the extension module with these fields. Raises InputError for a value of another type."""
    for name, value in values.items():
        try:
            setattr(options, name, value)
        except (TypeError, RuntimeError):
            raise input_error("a value of a wrong type", name, f"{value!r} of type {type(value).__name__}",
                              f"values like {getattr(options, name)!r}") from None
    return options


def path_text(path: PathLike) -> str:
    """A path as text. Raises InputError for one that is not UTF-8, which recipes cannot hold."""
    if not isinstance(path, (str, bytes, os.PathLike)):
        raise input_error("not a path", value=f"{path!r} of type {type(path).__name__}", allowed="text or a pathlib path")
    text = os.fspath(path)
    if isinstance(text, bytes):
        text = os.fsdecode(text)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise input_error("a path that is not UTF-8", value=ascii(text), fix="rename the file or folder") from None
    if "\0" in text:
        raise input_error("a path with a character of code 0", value=repr(text))
    return text


def thread_count(threads: Any) -> int:
    """A number of threads. Raises InputError for another type, or out of range."""
    if not isinstance(threads, numbers.Integral) or not 0 <= int(threads) <= 4096:
        raise input_error("not a number of threads", "threads", repr(threads), "a whole number from 0 (LibTorch's) to 4096")
    return int(threads)


def _bytes_of(model: Model) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "map.safetensors"
        (model.inverse() if model._model.reversed else model).save(path)
        return path.read_bytes()


def _model_from_bytes(data: bytes, is_reversed: bool, device: str, origin: str) -> Model:
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "map.safetensors"
        path.write_bytes(data)
        model = load(path, "auto" if device.startswith("cuda") else "cpu")  # on a machine without a GPU: its CPU
    model._model.set_origin(origin)
    return model.inverse() if is_reversed else model
