"""Pretrained models: list those that are here, fetch others."""

from __future__ import annotations

import builtins
import os
from typing import Any

from . import _monge
from ._jobs import JobHooks
from .model import PathLike, path_text


def list(folder: PathLike = "") -> builtins.list[dict[str, Any]]:  # noqa: A001 - as `monge models list`
    """The models in the folders that are searched: `folder`, those of MONGE_MODELS, the user's cache, the package.

    Returns:
        A dict for each, by name: ``name``, ``path``, ``bytes``, ``title``, ``licence``.
    """
    with JobHooks() as hooks:
        return [dict(entry) for entry in _monge.list_models(path_text(folder), hooks)]


def fetch(name: str, *, url: str = "", folder: PathLike = "", progress: bool = False) -> str:
    """Fetches a model file, even if one of this name is here, and checks it.

    Args:
        name: a name of the index, or the address of a model file (http, https, file) that ends in NAME.safetensors.
        url: the address of a folder with an index (``monge models index`` writes one); "": MONGE_MODELS_URL.
        folder: where to write it; "": the first folder of MONGE_MODELS, else the user's cache.
        progress: show a progress bar (tqdm).

    Returns:
        The path of the file.

    Raises:
        InputError: an unknown name, a wrong hash, a file that is no model.
        SystemError: the server is not reached, or the transfer breaks; what was fetched is kept for the next call.
    """
    with JobHooks(progress) as hooks:
        return str(_monge.fetch_model(name, url, path_text(folder), hooks))


def find(name: str, *, url: str = "", progress: bool = False) -> str:
    """What :func:`monge.load` takes for `name`: a path or the name of a model that is here, or else the file that
    :func:`fetch` brings. An address is always fetched."""
    if "://" in name:
        return fetch(name, url=url, progress=progress)
    if os.path.exists(name.split("?")[0]):
        return name
    if not (name.isascii() and _monge.is_model_name(name)):
        return name  # a path, of which load() says that it is missing
    for model in list():
        if model["name"] == name:
            return str(model["path"])
    return fetch(name, url=url, progress=progress) if url or os.environ.get("MONGE_MODELS_URL") else name
