"""The program ``monge``, which the package brings."""

from __future__ import annotations

import os
import pathlib
import ssl
import sys


def path() -> pathlib.Path:
    """The file of the program. Raises FileNotFoundError in an incomplete installation."""
    package = pathlib.Path(__file__).parent
    for candidate in (package / "bin" / "monge", package.parents[1] / "monge"):  # of a wheel, of a build folder
        if candidate.is_file():
            return candidate
    raise FileNotFoundError("the program monge is not in this package; build it with script/build")


def main() -> None:
    """Replaces this process by the program."""
    if sys.argv[1:2] == ["check-export"]:  # needs onnxruntime, which is there for Python only
        from .onnx import main as check

        sys.exit(check(sys.argv[2:]))
    # The program of a wheel has an OpenSSL of its own, whose certificates may lie elsewhere than this system's.
    certificates = ssl.get_default_verify_paths().cafile
    if certificates and "SSL_CERT_FILE" not in os.environ:
        os.environ["SSL_CERT_FILE"] = certificates
    os.execv(path(), ["monge", *sys.argv[1:]])
