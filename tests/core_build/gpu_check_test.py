"""script/gpu-check on a processor, at tiny sizes, with the programs of the core build: python3 gpu_check_test.py SOURCE BUILD"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

source, build = map(pathlib.Path, sys.argv[1:])


def gpu_check(*words, **variables):
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "check.json"
        environment = {**os.environ, "OMP_WAIT_POLICY": "passive", **variables}
        line = [source / "script/gpu-check", "--device", "cpu", "--build", build, "--threads", "1", "--jobs", "2", "--out", out, *words]
        process = subprocess.run([str(word) for word in line], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        print(process.stdout)
        return process.returncode, json.loads(out.read_text())


def sections(result):
    return {entry["name"]: entry for entry in result["sections"]}


# No Python with PyTorch is asked for: its absence is a reason, not a failure.
code, result = gpu_check("--cases", "weak-64,noised-128", "--peers", "fp32_eager", PEER_PYTHON="/none")
assert code == 0 and result["ok"] is True, result
for key in ("date", "commit", "gpu", "driver", "cuda", "pytorch", "processor", "cores", "seconds", "checks", "benchmarks"):
    assert key in result, key
assert result["pytorch"].startswith("2."), result["pytorch"]
checks = {entry["check"]: entry for entry in result["checks"]}
assert len(checks) > 60
for entry in result["checks"]:
    assert set(entry) == {"check", "passed", "error", "tolerance", "ms", "plain_ms", "note"}, entry
    assert entry["passed"] is True or (entry["passed"] is None and entry["note"]), entry
assert checks["fused chain: relu"]["error"] < 1e-5
assert [entry["case"] for entry in result["benchmarks"]] == ["weak-64", "noised-128"]
for entry in result["benchmarks"]:
    assert entry["ours"]["flops"] > 0 and entry["ours"]["ms_per_outer"] > 0, entry
    assert entry["ratios"] == {} and entry["share_of_bf16_ceiling"] is None, entry
for name in ("peer weak-64 fp32_eager", "peer noised-128 fp32_eager"):
    assert sections(result)[name]["ok"] is None and sections(result)[name]["skipped"], name

# A section that fails is recorded, the others have their turn, and the exit code says it.
code, result = gpu_check("--sections", "build,ours", "--cases", "strong-128", "--set", "train.bach=3")
assert code == 1 and result["ok"] is False
assert sections(result)["build"]["ok"] is True
assert "train.batch" in sections(result)["ours strong-128"]["error"]

# So is time that runs out.
code, result = gpu_check("--sections", "checks,ours", "--cases", "strong-128", "--checks-budget", "0.5")
assert code == 1 and sections(result)["checks"]["ok"] is False
# The checks that were not run say so; where not even the first one began, the section's error does.
told = result["checks"][-1]["note"] if result["checks"] else sections(result)["checks"]["error"]
assert "after" in told, result
assert sections(result)["ours strong-128"]["ok"] is True
