"""Appends lines to bench/results/: a result with its machine, date and commit."""
import datetime
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def machine():
    """The name of the processor and the number of its cores."""
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return f"{line.split(':')[1].strip()}, {os.cpu_count()} cores"
    return f"{os.cpu_count()} cores"


def append(path, result):
    """Adds the result to a file of JSON lines. A commit with a + had changes that were not committed."""
    def git(*words):
        return subprocess.run(["git", *words], cwd=ROOT, stdout=subprocess.PIPE, text=True).stdout.strip()
    changed = "+" if git("status", "--porcelain", "--", "monge", "cmake", "CMakeLists.txt") else ""
    words, skip = [], False
    for word in sys.argv[1:]:  # the command less what says where its result goes
        if not skip and word not in ("--json", "--record"):
            words.append(pathlib.Path(word).name if os.path.isabs(word) else word)
        skip = word == "--record"
    line = {"date": datetime.date.today().isoformat(), "commit": git("rev-parse", "--short", "HEAD") + changed, "machine": machine(),
            "command": " ".join([os.path.relpath(sys.argv[0], ROOT)] + words), **result}
    with open(path, "a") as file:
        file.write(json.dumps(line) + "\n")
