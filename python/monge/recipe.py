"""Recipes: every option of a training, with its default."""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from . import _monge
from ._errors import input_error


class Recipe:
    """Every option of a training, as docs/recipes.md lists them.

    >>> recipe = Recipe(method="weak", train__iterations=500)
    >>> recipe["train.iterations"]
    500

    Args:
        base: a recipe file (.toml), the name of a recipe of the package (see :func:`recipes`), a nested dict
            ``{"train": {"iterations": 500}}``, another Recipe, or None for the defaults.
        **options: options over the base. Sections are joined by two underscores: ``train__iterations=500`` sets
            ``train.iterations``.

    Raises:
        InputError: an unknown key (with the nearest one), a wrong type, a value out of range, bad TOML (with the line).
    """

    def __init__(self, base: str | os.PathLike[str] | Mapping[str, Any] | Recipe | None = None, **options: Any) -> None:
        assignments = list(_assignments(options))
        if base is None:
            self._recipe = _monge.Recipe()
        elif isinstance(base, Recipe):
            self._recipe = base._recipe.copy()
        elif isinstance(base, Mapping):
            self._recipe = _monge.Recipe()
            assignments = list(_assignments(base)) + assignments
        else:
            self._recipe = _monge.Recipe.from_file(_find(base), [])
        self._recipe.assign(assignments)

    @classmethod
    def from_toml(cls, text: str, **options: Any) -> Recipe:
        """Reads the text of a recipe. Raises InputError as the constructor."""
        recipe = cls()
        recipe._recipe = _monge.Recipe.from_toml(text, list(_assignments(options)))
        return recipe

    def set(self, **options: Any) -> Recipe:
        """Changes options and returns the recipe. Raises InputError as the constructor."""
        self._recipe.assign(list(_assignments(options)))
        return self

    def to_toml(self, commented: bool = False) -> str:
        """The whole recipe as TOML, with the help of each key as a comment if `commented`."""
        return str(self._recipe.to_toml(commented))

    def to_dict(self) -> dict[str, Any]:
        """All options by key (``"train.iterations"``)."""
        return {row["key"]: row["value"] for row in self._recipe.option_rows()}

    def changes(self) -> dict[str, Any]:
        """The options that differ from their defaults."""
        defaults = Recipe().to_dict()
        return {key: value for key, value in self.to_dict().items() if defaults.get(key) != value}

    def help(self, key: str) -> str:
        """The meaning of a key in a sentence."""
        for row in self._recipe.option_rows():
            if row["key"] == key:
                return str(row["help"])
        raise input_error("no such key", "recipe", repr(key), fix="list(recipe) names all keys")

    def __getitem__(self, key: str) -> Any:
        try:
            return self.to_dict()[key]
        except KeyError:
            raise input_error("no such key", "recipe", repr(key), fix="list(recipe) names all keys") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.to_dict())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Recipe) and self.to_toml() == other.to_toml()

    def __repr__(self) -> str:
        options = ", ".join(f"{key.replace('.', '__')}={value!r}" for key, value in self.changes().items())
        return f"Recipe({options})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Recipe, (self.changes(),)


def recipes() -> list[str]:
    """The names of the recipes of the package, such as ``"vectors/gradient"``."""
    folder = _folder()
    return sorted(str(path.relative_to(folder).with_suffix("")) for path in folder.rglob("*.toml"))


def _folder() -> pathlib.Path:
    here = pathlib.Path(__file__).resolve().parent
    packaged = here / "recipes"
    return packaged if packaged.is_dir() else here.parents[1] / "recipes"


def _find(base: str | os.PathLike[str]) -> str:
    path = os.fspath(base)
    if not os.path.exists(path) and path in recipes():
        return str(_folder() / (path + ".toml"))
    return path


def _assignments(options: Mapping[str, Any], section: str = "") -> Iterator[str]:
    """``section.key=value`` lines of a nested dict, or of names joined by two underscores."""
    for name, value in options.items():
        key = section + str(name).replace("__", ".")
        if isinstance(value, Mapping):
            yield from _assignments(value, key + ".")
        else:
            yield f"{key}={_toml(value, key)}"


def _toml(value: Any, key: str) -> str:
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    if isinstance(value, (float, np.floating)):
        return repr(float(value))
    if isinstance(value, (str, os.PathLike)):
        text = os.fspath(value)
        try:
            text.encode()
        except UnicodeEncodeError:
            raise input_error("not a text in UTF-8", key, repr(text)) from None
        return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")  # nearly a string of TOML
    if isinstance(value, (list, tuple, np.ndarray)):
        return "[" + ", ".join(_toml(entry, key) for entry in value) + "]"
    raise input_error("a value of a type that no option has", key, f"{value!r} of type {type(value).__name__}",
                      "bool, int, float, str, path, list")
