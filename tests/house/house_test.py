#!/usr/bin/env python3
"""Checks the house as docs/architecture.md draws it, from the sources alone.

    tests/house/house_test.py floors            includes go downwards, and never to another room of the same floor
    tests/house/house_test.py layout            every source file is laid out as clang-format (pinned) does
    tests/house/house_test.py names             words that the project has given up do not come back
    tests/house/house_test.py writes            files are changed through core/file_system.h alone, so that tests can attack it
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
FLOORS = [("core",), ("io", "nn", "ot", "dist"), ("data", "fetch"), ("solve",), ("train",), ("model",), ("eval", "run"),
          ("report",), ("session",), ("serve",),
          ("cli",)]
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS, 1) for room in rooms}
CLANG_FORMAT = "18.1.8"
FOLDERS = ("monge", "tests", "bench", "examples", "python", "fuzz")


def sources(*folders):
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".h", ".cpp", ".cu"):
                yield path


def floors():
    faults = []
    for path in sources("monge"):
        parts = path.relative_to(ROOT / "monge").parts
        if len(parts) == 1:
            continue  # the umbrella, which includes session and what it needs
        room = parts[0]
        if room not in FLOOR_OF:
            faults.append(f"{path.relative_to(ROOT)}: the room {room} stands on no floor")
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            found = re.match(r'#include "monge/(\w+)/', line)
            if not found or found[1] == room:
                continue
            if FLOOR_OF.get(found[1], 99) >= FLOOR_OF[room]:
                faults.append(f"{path.relative_to(ROOT)}:{number}: {room} (floor {FLOOR_OF[room]}) includes "
                              f"{found[1]} (floor {FLOOR_OF.get(found[1], '?')})")
    return faults


def clang_format():
    """The pinned program, or None."""
    candidates = [ROOT / ".deps/clang-format/clang_format/data/bin/clang-format", "clang-format"]
    for candidate in candidates:
        try:
            version = subprocess.run([str(candidate), "--version"], capture_output=True, text=True).stdout
        except OSError:
            continue
        if CLANG_FORMAT in version:
            return str(candidate)
    return None


def layout():
    program = clang_format()
    if program is None:
        print(f"skipped: clang-format {CLANG_FORMAT} is not here; script/bootstrap installs it")
        sys.exit(77)
    files = [str(path) for path in sources(*FOLDERS)]
    done = subprocess.run([program, "--dry-run", "--ferror-limit=1", *files], capture_output=True, text=True)
    faults = [line for line in done.stderr.splitlines() if "clang-format-violations" in line]
    long_lines = [f"{path.relative_to(ROOT)}:{number}: {len(line)} characters"
                  for path in sources(*FOLDERS)
                  for number, line in enumerate(path.read_text().splitlines(), 1) if len(line) > 120]
    return faults + long_lines + (["run script/format"] if faults else [])


def writes():
    calls = re.compile(r"(?:(?<![\w:])::|\bstd::|\bfs::|std::filesystem::)"
                       r"(write|pwritev?|writev|fsync|fdatasync|rename|renameat2?|link|linkat|unlink|unlinkat|mkdir|mkdirat|rmdir|"
                       r"truncate|ftruncate|resize_file|posix_fallocate|symlink|symlinkat|flock|chmod|mkdtemp|mkstemp|copy_file|"
                       r"permissions|remove|remove_all|create_\w+|statvfs|fstatvfs|space|fopen|freopen|o?fstream)\b"
                       r"|\b(mkdtemp|mkstemp|mkostemp|tmpfile)\(|(?<!\w)::(open|openat|creat)\((?!.*(O_RDONLY|kFolder))")
    allowed = {
        "core/file_system.cpp": "is the seam",
        "core/file_changes.cpp": "opens what is there, to synchronise it",
        "core/files.cpp": "opens by flags that the seam gets",
        "core/part_guard.cpp": "::unlink in a handler of signals, which may not allocate",
        "cli/command.cpp": "::write of an answer to a signal, to stderr",
        "io/child_process.cpp": "/dev/null",
        "io/anndata_writer.cpp": "copies the input for HDF5, which writes by itself",
        "model/model_index.cpp": "a scratch folder",
    }
    faults = []
    for path in sources("monge"):
        name = path.relative_to(ROOT / "monge").as_posix()
        for number, line in enumerate(path.read_text().splitlines(), 1):
            found = calls.search(line.split("//")[0])
            if found and name not in allowed:
                faults.append(f"monge/{name}:{number}: {found[0]} changes files beside core/file_system.h")
    return faults


def names():
    given_up = [(r"[Pp]icture", ("monge packed pictures", '"pictures"', '\\"pictures\\"', "picture z\"", "truth picture ",
                                "WebPPicture")),
                (r"\bWorld\b", ()), (r"\bway_on\b", ()), (r"\btake_part\b", ()), (r"\bWatchHub\b|\bWatchSpoke\b", ()),
                (r"catch \(const SystemError&\) \{\s*throw;", ())]
    faults = []
    for path in sources("monge", "bench"):
        text = path.read_text()
        for pattern, allowed in given_up:
            for found in re.finditer(pattern, text):
                around = text[max(0, found.start() - 30):found.end() + 30]
                if not any(word in around for word in allowed):
                    line = text.count("\n", 0, found.start()) + 1
                    faults.append(f"{path.relative_to(ROOT)}:{line}: {found[0]}")
    return faults


def main():
    checks = {"floors": floors, "layout": layout, "names": names, "writes": writes}
    if len(sys.argv) != 2 or sys.argv[1] not in checks:
        sys.exit(__doc__)
    faults = checks[sys.argv[1]]()
    print("\n".join(faults[:100]))
    print(f"{len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
