"""The exceptions of monge. Each has the parts of its message as attributes."""

from __future__ import annotations


class Error(Exception):
    """Base of all errors of monge.

    Attributes: ``what`` (the fault in one clause), ``where`` (file, key or array), ``value`` (as given), ``allowed``
    (legal values) and ``fix`` (what to do). Empty where they do not apply.
    """

    def __init__(self, message: str, what: str = "", where: str = "", value: str = "", allowed: str = "",
                 fix: str = "") -> None:
        super().__init__(message)
        self.what = what or message
        self.where = where
        self.value = value
        self.allowed = allowed
        self.fix = fix

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (str(self), self.what, self.where, self.value, self.allowed, self.fix)


class InputError(Error, ValueError):
    """The input cannot be used: a file, an array, an option, a value. It is also a ``ValueError``."""


class SystemError(Error, RuntimeError):  # noqa: A001 - the name of the library's class
    """The system failed: a full disk, a failed write."""


class DivergedError(Error, ArithmeticError):
    """A value of the training is not finite. The last good checkpoint remains."""


def input_error(what: str, where: str = "", value: str = "", allowed: str = "", fix: str = "") -> InputError:
    """An InputError whose message has the form of the library: ``what [where: value] (allowed: ...); fix``."""
    place = f"{where}: {value}" if where and value else where or value
    message = what + (f" [{place}]" if place else "") + (f" (allowed: {allowed})" if allowed else "")
    return InputError(message + (f"; {fix}" if fix else ""), what, where, value, allowed, fix)
