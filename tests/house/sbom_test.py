#!/usr/bin/env python3
"""The bill of materials names everything that the program is linked to: sbom_test.py PROGRAM

Checks it by the validator of spdx-tools too, where the Python that MONGE_SBOM_PYTHON names has it.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]


def written(program, folder, **environment):
    out = folder / "monge.spdx.json"
    subprocess.run([sys.executable, ROOT / "script/sbom", program, "--version", "1.2.3", "--strict", "--out", out], check=True,
                   env={**os.environ, **environment})
    return out


def main():
    program = sys.argv[1]
    with tempfile.TemporaryDirectory() as scratch:
        file = written(program, pathlib.Path(scratch), SOURCE_DATE_EPOCH="86400")
        text = file.read_text()
        bill = json.loads(text)
        assert bill["creationInfo"]["created"] == "1970-01-02T00:00:00Z", bill["creationInfo"]
        packages = {package["name"]: package for package in bill["packages"]}
        for name in ("monge", "PyTorch (LibTorch)", "libmicrohttpd", "HDF5", "CLI11", "dygraphs"):
            assert packages[name]["licenseDeclared"] != "NOASSERTION", name
        assert packages["PyTorch (LibTorch)"]["versionInfo"][0].isdigit(), "the version of LibTorch is not found"
        ids = {package["SPDXID"] for package in bill["packages"]}
        assert len(ids) == len(bill["packages"]), "two packages have one SPDXID"
        assert {r["relatedSpdxElement"] for r in bill["relationships"]} == ids, "a package has no relation"
        assert str(ROOT) not in text and scratch not in text, "the bill holds a path of this machine"
        assert written(program, pathlib.Path(scratch), SOURCE_DATE_EPOCH="86400").read_text() == text, "two bills of one program differ"
        # A program that is linked to something unknown is refused.
        foreign = subprocess.run([sys.executable, ROOT / "script/sbom", "/bin/bash", "--strict"], capture_output=True, text=True)
        assert foreign.returncode != 0 and "libtinfo" in foreign.stderr, foreign.stderr
        if python := os.environ.get("MONGE_SBOM_PYTHON"):
            code = "import sys; from spdx_tools.spdx.clitools.pyspdxtools import main; main()"
            subprocess.run([python, "-c", code, "--infile", file], check=True)
            print("valid SPDX 2.3 by spdx-tools")
        else:
            print("not validated by spdx-tools: MONGE_SBOM_PYTHON is not set")
    print(f"{len(packages)} packages")


if __name__ == "__main__":
    main()
