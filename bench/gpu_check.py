"""The implementation of script/gpu-check. Needs Python 3.9 and its standard library, cmake, ninja, a compiler and PyTorch's wheel.

Sections, each within a budget of seconds, in this order: environment, build (the core alone, for this GPU's own architecture),
checks (the program gpu_check), ours (bench_step on the three cases), peers (PyTorch as people use it, ../shared/peer or
MONGE_PEERS). The JSON is written anew after each section and each benchmark, so it is complete up to there when time runs out.
A section or check that fails is recorded and makes the exit code 1; one that cannot run here is recorded as skipped.

    script/gpu-check                         on a GPU, within 9 minutes; bench/results/DATE-gpu.json, or $OUT/gpu-check.json
    script/gpu-check --sections build,checks
    script/gpu-check --cases strong-128 --set train.graph=off
    script/gpu-check --device cpu            the same at tiny sizes on a processor, to try this script
"""
import argparse
import datetime
import json
import os
import pathlib
import platform
import re
import shutil
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
SECTIONS = ("build", "checks", "ours", "peers")
# The reference nets; a peer's name is the key of its record.
FULL = {"strong-128": dict(mode="strong", size=128, batch=128, z=1, k_t=10, base=48, nf=64, nf_max=512),
        "weak-64": dict(mode="weak", size=64, batch=64, z=4, k_t=10, base=48, nf=64, nf_max=512),
        "noised-128": dict(mode="noised", size=128, batch=128, z=1, k_t=10, base=48, nf=64, nf_max=512)}
TINY = {name: dict(case, size=32, batch=2, z=min(case["z"], 2), k_t=2, base=8, nf=8, nf_max=16) for name, case in FULL.items()}
# Iterations are few where one takes seconds. The compiled one comes first, as it is the hardest to beat.
# Their batches lie on the device, as ours do.
PEERS = {"bf16_compile": dict(flags=["--dtype", "bf16", "--channels-last", "--compile", "--pool", "device"], warm=3, iterations=5),
         "fp16_amp": dict(flags=["--dtype", "fp16", "--pool", "device"], warm=2, iterations=3),
         "fp32_eager": dict(flags=["--dtype", "fp32", "--peer-cache", "1", "--pool", "device"], warm=1, iterations=2)}


class Failure(Exception):
    """A failure of a section, for the JSON."""


class Skip(Exception):
    """The reason why a section cannot run here."""


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--sections", default=",".join(SECTIONS), help="of " + ", ".join(SECTIONS))
    parser.add_argument("--cases", default=",".join(FULL), help="of " + ", ".join(FULL))
    parser.add_argument("--peers", default=",".join(PEERS), help="of " + ", ".join(PEERS))
    parser.add_argument("--budget", type=float, default=530, help="seconds for everything")
    parser.add_argument("--build-budget", type=float, default=260)
    parser.add_argument("--checks-budget", type=float, default=120)
    parser.add_argument("--bench-budget", type=float, default=60, help="seconds for one benchmark of ours")
    parser.add_argument("--peer-budget", type=float, default=120, help="seconds for one of a peer")
    parser.add_argument("--build", type=pathlib.Path, help="build folder; one that is configured stays as it is")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--threads", type=int, default=0, help="of LibTorch on the processor; 0: its own choice")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="changes our recipes (repeatable)")
    parser.add_argument("--without-kernels", action="store_true", help="times ours also with LibTorch's operators alone")
    parser.add_argument("--commit", help="for the record, where there is no git")
    parser.add_argument("--out", type=pathlib.Path, help="the JSON")
    a = parser.parse_args()
    for name, known in (("sections", SECTIONS), ("cases", FULL), ("peers", PEERS)):
        chosen = [word for word in getattr(a, name).split(",") if word]
        unknown = [word for word in chosen if word not in known]
        if unknown:
            parser.error(f"--{name}: unknown {unknown[0]}; allowed are {', '.join(known)}")
        setattr(a, name, chosen)
    a.build = a.build or ROOT / "build" / ("gpu-check" if a.device == "cuda" else "gpu-check-cpu")
    today = datetime.date.today().isoformat()
    beside = pathlib.Path(os.environ["OUT"]) / "gpu-check.json" if os.environ.get("OUT") else None
    a.out = a.out or beside or ROOT / "bench" / "results" / (f"{today}-gpu.json" if a.device == "cuda" else "gpu-check-cpu.json")
    a.cases = {name: (FULL if a.device == "cuda" else TINY)[name] for name in a.cases}
    return a


def say(*words):
    print(*words, file=sys.stderr, flush=True)


def execute(line, seconds, on_line=None, **options):
    """Runs a command for so many seconds at most, with all it starts; gives its output. on_line sees each line as it comes."""
    if seconds <= 0:
        raise Failure("no time was left")
    line = [str(word) for word in line]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True, text=True,
                               errors="replace", **options)
    previous = signal.signal(signal.SIGALRM, lambda *_: os.killpg(process.pid, signal.SIGKILL))
    signal.setitimer(signal.ITIMER_REAL, seconds)
    began, output = time.monotonic(), []
    try:
        for text in process.stdout:
            output.append(text)
            if on_line:
                on_line(text)
        code = process.wait()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    output = "".join(output)
    if code:
        late = time.monotonic() - began >= seconds
        why = f"was stopped after {seconds:.0f} s" if late else f"ended by signal {-code}" if code < 0 else f"exit code {code}"
        raise Failure(f"{' '.join(line)[:300]}: {why}\n{output[-3000:]}")
    return output


def asked(*line, seconds=30):
    """The first line of a command's output, or None."""
    try:
        out = subprocess.run(line, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=seconds, cwd=ROOT).stdout
        return out.splitlines()[0].strip() if out.strip() else None
    except (OSError, subprocess.TimeoutExpired):
        return None


def json_lines(output):
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]


class Run:
    def __init__(self, a):
        self.a = a
        self.began = time.monotonic()
        self.peer_torch = None
        self.environment = dict(os.environ)
        nvcc = shutil.which("nvcc") or ("/usr/local/cuda/bin/nvcc" if os.path.exists("/usr/local/cuda/bin/nvcc") else None)
        if a.device == "cuda" and nvcc:
            self.environment.setdefault("CUDACXX", nvcc)
        gpu = asked("nvidia-smi", "--query-gpu=name,driver_version,memory.total,compute_cap", "--format=csv,noheader")
        gpu = [part.strip() for part in (gpu or "").split(",")] if a.device == "cuda" else []
        self.capability = gpu[3] if len(gpu) == 4 else None
        release = re.search(r"release ([\d.]+)", asked("sh", "-c", f"{nvcc} --version | grep release") or "") if nvcc else None
        self.result = {
            "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            "commit": a.commit or asked("git", "rev-parse", "HEAD"), "changed": bool(asked("git", "status", "--porcelain", "-uno")),
            "command": sys.argv[1:], "device": a.device, "gpu": gpu[0] if gpu else None,
            "driver": gpu[1] if len(gpu) == 4 else None, "gpu_memory": gpu[2] if len(gpu) == 4 else None,
            "cuda": release.group(1) if release and a.device == "cuda" else None, "pytorch": None,
            "processor": processor(), "cores": os.cpu_count(), "ok": None, "seconds": 0, "sections": [], "checks": [],
            "benchmarks": [dict(case=name, **case, ours=None, peers={}, ratios={}, share_of_bf16_ceiling=None)
                           for name, case in a.cases.items()]}

    def left(self):
        return self.a.budget - (time.monotonic() - self.began)

    def write(self):
        self.result["seconds"] = round(time.monotonic() - self.began, 1)
        self.a.out.parent.mkdir(parents=True, exist_ok=True)
        new = self.a.out.with_name(self.a.out.name + ".new")
        new.write_text(json.dumps(self.result, indent=1) + "\n")
        os.replace(new, self.a.out)

    def section(self, name, work):
        began = time.monotonic()
        entry = {"name": name, "ok": True, "seconds": None, "error": None, "skipped": None}
        try:
            work()
        except Skip as reason:
            entry.update(ok=None, skipped=str(reason))
        except Exception as error:  # whatever it was: the other sections still have their turn
            entry.update(ok=False, error=str(error) or repr(error))
        entry["seconds"] = round(time.monotonic() - began, 1)
        self.result["sections"].append(entry)
        self.write()
        state = "ok" if entry["ok"] else "skipped: " + entry["skipped"] if entry["ok"] is None else "FAILED: " + entry["error"][-800:]
        say(f"[{time.monotonic() - self.began:5.0f} s] {name}: {state}")
        return entry["ok"]

    # ---- sections

    def build(self):
        a = self.a
        began = time.monotonic()
        remaining = lambda: min(a.build_budget - (time.monotonic() - began), self.left())
        if not (a.build / "build.ninja").exists():
            line = ["cmake", "-S", ROOT, "-B", a.build, "-G", "Ninja", "-DMONGE_CORE=ON", "-DCMAKE_BUILD_TYPE=Release"]
            if a.device == "cuda":
                if not self.capability:
                    raise Failure("nvidia-smi names no GPU here")
                line += ["-DMONGE_CUDA=ON", "-DCMAKE_CUDA_ARCHITECTURES=" + self.capability.replace(".", "")]
            execute(line, remaining(), env=self.environment)
        execute(["cmake", "--build", a.build, "-j", a.jobs, "--target", "bench_step", "gpu_check"], remaining(), env=self.environment)
        self.find_torch()

    def find_torch(self):
        """The version of LibTorch: by the build's cache, or by LD_LIBRARY_PATH where the programs were built elsewhere."""
        cache = self.a.build / "CMakeCache.txt"
        library = re.search(r"^LibTorch_CPU_LIBRARY:\w+=(.*)$", cache.read_text(), re.M) if cache.exists() else None
        folders = [pathlib.Path(library.group(1)).parent] if library else \
            [pathlib.Path(f) for f in os.environ.get("LD_LIBRARY_PATH", "").split(":") if f and (pathlib.Path(f) / "libtorch_cpu.so").exists()]
        version = folders[0].parent / "version.py" if folders else None
        found = re.search(r"__version__ = ['\"](.*)['\"]", version.read_text()) if version and version.exists() else None
        self.result["pytorch"] = found.group(1) if found else None

    def program(self, name):
        path = self.a.build / "bench" / name
        if not path.exists():
            raise Failure(f"{path} was not built")
        return path

    def checks(self):
        """Restarts the program behind a check that took it down."""
        a, deadline = self.a, time.monotonic() + min(self.a.checks_budget, self.left())
        line = [self.program("gpu_check"), "--device", a.device] + (["--threads", a.threads] if a.threads else [])
        finished, under_way = [], [None]

        def see(text):
            if not text.startswith("{"):
                return
            entry = json.loads(text)
            if "begin" in entry:
                under_way[0] = entry["begin"]
            elif "end" in entry:
                finished.append(entry["end"])
                under_way[0] = None
            else:
                self.result["checks"].append(entry)
                self.write()

        while True:
            under_way[0] = None
            try:
                execute(line + [word for name in finished for word in ("--skip", name)], deadline - time.monotonic(), see, env=self.environment)
                break
            except Failure as failure:
                if under_way[0] is None:  # it went through to its end, or did not begin
                    if not finished or "exit code 1" not in str(failure):
                        raise
                    break
                self.result["checks"].append({"check": under_way[0], "passed": False, "error": None, "tolerance": None, "ms": None, "plain_ms": None,
                                              "note": str(failure)})
                finished.append(under_way[0])
                if time.monotonic() >= deadline:
                    raise Failure("time ran out in the check " + under_way[0])
        failed = [entry["check"] for entry in self.result["checks"] if entry["passed"] is False]
        if failed:
            raise Failure("failed: " + "; ".join(failed))

    def ours(self, entry):
        a = self.a
        recipe = [f"method={entry['mode']}", f"train.batch={entry['batch']}", f"train.k_t={entry['k_t']}", "train.lr_map=1e-4",
                  "train.lr_potential=1e-4", "train.betas=[0.9,0.999]", "train.weight_decay=1e-10", "train.ema=0",
                  "train.precision=bf16", f"map.width={entry['base']}", f"potential.width={entry['nf']}",
                  f"potential.width_max={entry['nf_max']}", f"weak.z={entry['z']}", "weak.gamma0=0.33", "weak.gamma1=0.33",
                  "noised.p_mean=0", "noised.p_std=1", "noised.normalise=false", "noised.clip=0", "noised.scale_input=false"] + a.set
        if entry["mode"] != "weak":
            recipe = [assignment for assignment in recipe if not assignment.startswith("weak.z=")]
        line = [self.program("bench_step"), "--device", a.device, "--shape", 3, entry["size"], entry["size"]]
        line += ["--warm", 5, "--iterations", 10] if a.device == "cuda" else ["--warm", 1, "--iterations", 2]
        line += ["--threads", a.threads] if a.threads else []
        names = ["ours"]
        if a.without_kernels:
            recipe += ["--and", "train.gpu_kernels=false"]
            names.append("ours_without_kernels")
        lines = []
        try:
            execute(line + recipe, min(len(names) * a.bench_budget, self.left()), lines.append, env=self.environment)
        except Failure as failure:
            if not json_lines("".join(lines)):
                raise
            entry[names[-1]] = {"error": str(failure)[-1000:]}
        entry.update(zip(names, json_lines("".join(lines))))
        bf16 = entry["ours"]["ceiling_bf16_flops_per_second"]
        entry["share_of_bf16_ceiling"] = entry["ours"]["flops_per_second"] / bf16 if bf16 else None

    def peer(self, entry, name):
        a, peer = self.a, PEERS[name]
        folder = next((f for f in (pathlib.Path(os.environ.get("MONGE_PEERS", ROOT.parent / "shared" / "peer")), ROOT / "shared" / "peer")
                       if (f / "peer_step.py").exists()), None)
        if not folder:
            raise Skip("there is no peer_step.py in MONGE_PEERS, ../shared/peer or shared/peer")
        python = os.environ.get("PEER_PYTHON", sys.executable)
        if self.peer_torch is None:  # asked once: the first import reads gigabytes
            self.peer_torch = asked(python, "-c", "import torch; print(torch.__version__)", seconds=120) or False
        if not self.peer_torch:
            raise Skip("the Python that PEER_PYTHON names, or else this one, has no PyTorch")
        if self.left() < 20:
            raise Skip("no time was left for it; ask for it alone with --sections build,ours,peers --cases NAME")
        warm, iterations = (peer["warm"], peer["iterations"]) if a.device == "cuda" else (1, 2)
        line = [python, "peer_step.py", "--device", a.device, "--mode", entry["mode"], "--size", entry["size"], "--batch", entry["batch"],
                "--z", entry["z"], "--kt", entry["k_t"], "--base", entry["base"], "--nf", entry["nf"], "--nf-max", entry["nf_max"],
                "--threads", a.threads or os.cpu_count(), "--warm", warm, "--iters", iterations]
        output = execute(line + peer["flags"], min(a.peer_budget, self.left()), cwd=folder, env=self.environment)
        entry["peers"][name] = json_lines(output)[-1]
        if entry["ours"]:
            ratio = 1e3 * entry["peers"][name]["s_per_outer_median"] / entry["ours"]["ms_per_outer"]
            entry["ratios"][name] = round(ratio, 3)

    def everything(self):
        a = self.a
        self.write()
        if a.device == "cuda" and not self.capability:
            say("nvidia-smi names no GPU here; script/gpu-check --device cpu tries the script on a processor")
        built = self.section("build", self.build) if "build" in a.sections else (a.build / "bench" / "bench_step").exists()
        if built and "build" not in a.sections:
            self.find_torch()
        if "checks" in a.sections:
            self.section("checks", self.checks)
        for entry in self.result["benchmarks"] if "ours" in a.sections else []:
            self.section(f"ours {entry['case']}", lambda: self.ours(entry))
        for entry in self.result["benchmarks"] if "peers" in a.sections else []:
            for name in a.peers:
                self.section(f"peer {entry['case']} {name}", lambda: self.peer(entry, name))
        self.result["ok"] = all(section["ok"] is not False for section in self.result["sections"])
        self.write()
        return self.result["ok"]

    def table(self):
        """The end of the output, for whoever sees nothing else."""
        checks = self.result["checks"]
        count = lambda state: sum(entry["passed"] is state for entry in checks)
        say(f"checks: {count(True)} passed, {count(False)} failed, {count(None)} left out")
        for entry in self.result["benchmarks"]:
            if entry["ours"]:
                share = entry["share_of_bf16_ceiling"]
                say(f"{entry['case']}: {entry['ours']['ms_per_outer']:.1f} ms, {'-' if share is None else f'{100 * share:.0f} %'} of the bf16 ceiling, "
                    + ", ".join(f"{name} {ratio:.2f} x" for name, ratio in entry["ratios"].items()))
        say(f"{self.result['seconds']:.0f} s; {self.a.out}")


def processor():
    try:
        names = re.findall(r"^model name\s*: (.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    except OSError:
        names = []
    return names[0] if names else platform.machine()


def main():
    run = Run(arguments())
    ok = run.everything()
    run.table()
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
