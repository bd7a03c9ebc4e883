"""Arrays of any library as NumPy arrays for the extension module, and the results in the library of the input."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ._errors import Error, input_error


@dataclass(frozen=True)
class Items:
    """A batch of items on the host."""

    values: np.ndarray
    """Float32, float64, integer or (images) uint8; shares the memory of the given array where its layout allows."""
    columns: list[str] = field(default_factory=list)
    """Names of the columns of a data frame."""
    wrap: Callable[..., Any] = lambda values, columns=(): values
    """Turns a result [N, ...] into the kind of the given array; a data frame only for [N, D]."""

    def floats(self) -> np.ndarray:
        """The values as float32 or float64, whichever holds them."""
        values = self.values
        if values.dtype in (np.float32, np.float64):
            return values
        wide = values.dtype.itemsize > 2 and values.dtype != np.float16
        return values.astype(np.float64 if wide else np.float32)


def as_items(data: Any, name: str) -> Items:
    """Reads vectors [N, D] or images [N, C, H, W].

    Takes NumPy arrays and lists, tensors of PyTorch (those on a GPU are copied to the host), data frames of pandas,
    and arrays of the array API. Raises InputError for sparse and object arrays, complex numbers, text, another rank, no
    rows, and NaN or infinity.
    """
    items = _convert(data, name)
    values = items.values
    if values.dtype.kind not in "fiub":
        kind = {"c": "complex numbers", "O": "objects", "U": "text", "S": "text", "M": "dates"}.get(values.dtype.kind, "")
        raise input_error(f"the array holds {kind or values.dtype} in place of real numbers", name, str(values.dtype),
                          "floats and integers", "convert it with .astype(float)")
    if values.ndim not in (2, 4):
        raise input_error("the array has a wrong number of dimensions", name, f"shape {values.shape}",
                          "vectors [N, D] or images [N, C, H, W]",
                          "reshape it to [N, 1]" if values.ndim == 1 else "reshape it")
    if values.size == 0:
        raise input_error("the array is empty", name, f"shape {values.shape}", "at least one row and one column")
    if values.dtype.kind == "f":
        require_finite(values, name, items.columns)
    return items


def as_tensor(data: Any) -> Any:
    """A well-formed tensor of PyTorch as float32, float64 or (images) uint8, without a copy where it is one already, and on
    its device. None for all else, also for wrong tensors, for which `as_items` says what is wrong."""
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(data, torch.Tensor):
        return None
    if data.layout != torch.strided or data.device.type == "meta" or data.dim() not in (2, 4) or not data.numel():
        return None
    if data.is_complex() or data.dtype == torch.bool:
        return None
    rows = data.detach().resolve_neg()
    if rows.dtype == torch.uint8 and rows.dim() == 4:
        return rows
    if rows.dtype not in (torch.float32, torch.float64):
        wide = rows.element_size() > 2
        rows = rows.to(torch.float64 if wide else torch.float32)
    # One pass and no copy: NaN and infinity survive a sum.
    return rows if bool(rows.sum(dtype=torch.float64).isfinite()) else None


def require_finite(values: np.ndarray, name: str, columns: list[str]) -> None:
    """Raises InputError that names the first NaN or infinity of vectors or images."""
    with np.errstate(all="ignore"):
        if np.isfinite(values.sum(dtype=np.float64)):  # one pass and no copy: NaN and infinity survive a sum
            return
    bad = ~np.isfinite(values)
    if not bad.any():
        return  # the sum alone was too large
    where = [int(i) for i in np.argwhere(bad)[0]]
    column = f", column {columns[where[1]]!r}" if columns else f", column {where[1]}"
    raise input_error(f"{int(bad.sum())} values are NaN or infinite, the first in row {where[0]}{column}", name,
                      str(values[tuple(where)]), "finite numbers", "drop or fill these rows first")


def refuse_masked(data: Any, name: str) -> None:
    """Raises InputError for a masked array with masked values, which NumPy would use as they are."""
    if np.ma.isMaskedArray(data) and np.ma.getmaskarray(data).any():
        raise input_error("the array has masked values", name, f"{int(np.ma.getmaskarray(data).sum())} of them",
                          "arrays without masked values", "fill them with .filled(), or drop these rows")


def _convert(data: Any, name: str) -> Items:
    if isinstance(data, type):
        raise input_error("a class in place of an array", name, data.__name__)
    refuse_masked(data, name)
    try:
        return _convert_kind(data, name)
    except Error:
        raise
    except (TypeError, ValueError, OverflowError, RuntimeError, NotImplementedError, BufferError) as error:
        raise input_error(f"{type(data).__name__} cannot be read as an array", name, allowed="arrays of real numbers",
                          fix=str(error).splitlines()[0] if str(error) else "") from error


def _convert_kind(data: Any, name: str) -> Items:
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(data, torch.Tensor):
        return _from_torch(data, torch, name)
    if hasattr(data, "iloc") and hasattr(data, "to_numpy"):
        return _from_pandas(data, name)
    if hasattr(data, "tocsr"):
        raise input_error("the array is sparse", name, type(data).__name__, "dense arrays", "convert it with .toarray()")
    if isinstance(data, np.ndarray) or not hasattr(data, "__dlpack__"):
        return Items(_native(_asarray(data, name)))
    if hasattr(data, "__array_namespace__"):
        xp = data.__array_namespace__()
        return Items(_native(np.asarray(np.from_dlpack(data))), wrap=lambda y, columns=(): xp.asarray(y))
    return Items(_native(np.asarray(np.from_dlpack(data))))


def _asarray(data: Any, name: str) -> np.ndarray:
    try:
        values = np.asarray(data)
    except ValueError as error:
        raise input_error("the rows have different lengths", name, fix=str(error)) from None
    if values.dtype == object:
        try:
            return values.astype(np.float64)
        except (TypeError, ValueError):
            raise input_error("the array holds objects that are not numbers", name, str(values.dtype), "floats and integers",
                              "convert it with .astype(float)") from None
    return values


def _native(values: np.ndarray) -> np.ndarray:
    """The array in a layout that can be shared: native bytes, no negative strides, whole elements as steps."""
    if not values.dtype.isnative:
        values = values.astype(values.dtype.newbyteorder("="))
    if values.dtype == np.longdouble and values.dtype.itemsize > 8:
        values = values.astype(np.float64)
    if values.dtype == bool:
        values = values.astype(np.uint8) if values.ndim == 4 else values.astype(np.float32)
    if any(step < 0 or step % values.dtype.itemsize for step in values.strides):
        values = np.ascontiguousarray(values)
    return values


def _from_torch(data: Any, torch: Any, name: str) -> Items:
    device = data.device
    if data.layout != torch.strided or device.type == "meta":
        raise input_error("the tensor holds no dense numbers", name, f"{data.layout} on {device}", "strided tensors",
                          "convert it with .to_dense()")
    host = data.detach().cpu()
    if host.dtype == torch.bfloat16:
        host = host.float()
    return Items(_native(host.resolve_conj().resolve_neg().numpy()),
                 wrap=lambda y, columns=(): torch.from_numpy(np.ascontiguousarray(y)).to(device))


def _from_pandas(data: Any, name: str) -> Items:
    if data.ndim == 1:
        data = data.to_frame()
    for column, kind in data.dtypes.items():
        if getattr(kind, "kind", "O") not in "fiub":
            raise input_error("a column does not hold numbers", f"{name}, column {column!r}", str(kind), "floats and integers",
                              "choose the columns of numbers first, e.g. with .select_dtypes('number')")
    columns = [str(column) for column in data.columns]
    twice = next((column for column in columns if columns.count(column) > 1), None) if len(set(columns)) < len(columns) else None
    if twice is not None:
        raise input_error("two columns have the same name", name, repr(twice), fix="rename one of them")
    labels, index = data.columns, data.index

    def wrap(values: np.ndarray, names: Any = columns) -> Any:
        if values.ndim != 2:
            return values
        import pandas

        return pandas.DataFrame(values, index=index, columns=labels if list(names) == columns else list(names))

    values = np.asarray(data.to_numpy())
    if values.dtype == object:  # nullable types, or columns of several types
        values = data.to_numpy(dtype=np.float64, na_value=np.nan)
    return Items(_native(values), columns, wrap)


def select_columns(items: Items, wanted: list[str], name: str) -> Items:
    """Puts the columns of a data frame into the order `wanted`; arrays without names are taken as they are."""
    if not wanted or not items.columns or items.columns == wanted:
        return items
    missing = [column for column in wanted if column not in items.columns]
    if missing:
        import difflib

        near = difflib.get_close_matches(missing[0], items.columns, 1)
        raise input_error(f"{len(missing)} of {len(wanted)} columns that the map takes are missing", name,
                          f"{missing[0]!r}", ", ".join(map(repr, wanted[:8])) + (", ..." if len(wanted) > 8 else ""),
                          f"the nearest name here is {near[0]!r}" if near else "rename the columns")
    order = [items.columns.index(column) for column in wanted]
    return Items(np.ascontiguousarray(items.values[:, order]), list(wanted), items.wrap)
