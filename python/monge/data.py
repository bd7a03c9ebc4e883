"""Data: open a set as a data set of PyTorch, check it, pack it."""

from __future__ import annotations

import builtins
import json
import numbers
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from . import _monge
from ._errors import input_error
from ._jobs import JobHooks
from .model import PathLike, filled, path_text
from .recipe import _assignments


class Dataset:
    """A set of samples, as monge trains on it: prepared images float32 [C, H, W] in [-1, 1], or vectors float32 [D].

    It is a map-style data set of PyTorch: give it to ``torch.utils.data.DataLoader`` (its ``__getitems__`` reads whole
    batches). Items are tensors if PyTorch is imported, else NumPy arrays. It can be pickled.
    """

    def __init__(self, path: PathLike, **options: Any) -> None:
        self._path, self._options = path_text(path), options
        with JobHooks() as hooks:
            self._source = _monge.open_source(self._path, list(_assignments(options, "source.")), hooks)

    @property
    def name(self) -> str:
        return str(self._source.name)

    @property
    def item_shape(self) -> tuple[int, ...]:
        """[C, H, W] or [D]."""
        return tuple(self._source.item_shape)

    @property
    def columns(self) -> list[str]:
        """The names of the columns of a table, or []."""
        return list(self._source.columns)

    def __len__(self) -> int:
        if self._source.size == 0:
            raise input_error("a law has endless draws and no length", "data", self.name, fix="use draw(n, seed)")
        return int(self._source.size)

    def __getitem__(self, index: int) -> Any:
        size = len(self)
        if not -size <= index < size:
            raise IndexError(f"{self.name} has {size} items; {index} is out of range")
        return _tensor(np.asarray(self._source.items([index % size]))[0])

    def __getitems__(self, indices: Sequence[int]) -> list[Any]:
        return list(_tensor(np.asarray(self._source.items([int(i) for i in indices]))))

    def __iter__(self) -> Iterator[Any]:
        for begin in range(0, len(self), 256):
            yield from self.__getitems__(range(begin, min(begin + 256, len(self))))

    def item_name(self, index: int) -> str:
        """The name of an item inside the set ("a/smile.png")."""
        return str(self._source.item_name(index))

    def draw(self, n: int, seed: int = 0) -> Any:
        """n independent draws, [n, ...item]; the only way to read a law (``toy:moons``)."""
        return _tensor(np.asarray(self._source.draw(n, seed)))

    def numpy(self) -> np.ndarray:
        """All items, [N, ...item]."""
        return np.asarray(self._source.items(list(range(len(self)))))

    def __repr__(self) -> str:
        size = self._source.size
        return f"<monge.data.Dataset {self.name}, {size or 'endless'} items of {list(self.item_shape)}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopen, (self._path, self._options)


def open(path: PathLike, **options: Any) -> Dataset:
    """Opens data.

    Args:
        path: a folder, an archive, a packed set, .npy, .npz, .csv, Parquet, .h5ad, ``toy:NAME``, ... (docs/formats.md).
        **options: options of images, as in the section [source] of a recipe: ``size=64``, ``crop="centre"``,
            ``grey=True``, ``filter="bicubic"``, ``on_error="skip"``, ...

    Raises:
        InputError: a missing path, an unknown kind, a file that cannot be read.
    """
    return Dataset(path, **options)


def check(path: PathLike, against: PathLike = "", *, strict: bool = False, progress: bool = False) -> dict[str, Any]:
    """Checks every image or row of a set, as ``monge data check`` does.

    Args:
        path: a set of images or a table.
        against: a second set; items in both count as leaked.
        strict: also fail for duplicates and the like.

    Returns:
        The report of ``monge data check --json``; ``passed`` says whether the set is fit to train on.
    """
    with JobHooks(progress) as hooks:
        return dict(json.loads(_monge.check_data(path_text(path), path_text(against), strict, hooks)))


def pack(source: PathLike, destination: PathLike, *, size: int | tuple[int, int] = 64, resize_to: int = 0,
         crop: str = "centre", filter: str = "bicubic", background: str = "white", grey: bool = False,
         exif: str = "apply", range: str = "full", encoded: bool = False, convert: bool = True, on_error: str = "fail",
         select: Sequence[str] = (), split: str = "", split_by: str = "name", shard_mb: int = 64,
         progress: bool = True) -> list[dict[str, Any]]:
    """Prepares images once as a packed set that a training opens in milliseconds, as ``monge data pack`` does.

    Args:
        source: a folder, an archive, shards, Parquet, a packed set or an image.
        destination: the folder of the packed set; an interrupted call resumes.
        size: of the images in pixels: one side, or (width, height).
        The others are those of ``monge data pack``.

    Returns:
        One dict for each set that was made: ``folder``, ``images``, ``bytes``, ``left_out``, ...
    """
    width, height = (int(size), int(size)) if isinstance(size, numbers.Integral) else size  # type: ignore[misc]
    options = filled(_monge.PackOptions(), encoded=encoded, convert=convert, on_error=on_error,
                     select=builtins.list(select), split_by=split_by, shard_bytes=shard_mb << 20)
    filled(options.preparation, width=width, height=height, resize_to=resize_to, crop=crop, filter=filter,
           background=background, grey=grey, exif=exif, range=range)
    if split:
        options.set_split(split)
    with JobHooks(progress) as hooks:
        return builtins.list(_monge.pack(path_text(source), path_text(destination), options, hooks))


def _tensor(values: np.ndarray) -> Any:
    import sys

    torch = sys.modules.get("torch")
    return values if torch is None else torch.from_numpy(values)


def _reopen(path: str, options: dict[str, Any]) -> Dataset:
    return Dataset(path, **options)
