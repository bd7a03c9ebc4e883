"""monge.onnx and Model.export_onnx."""

import pytest
from conftest import QUICK

import monge
from monge.onnx import main


def test_bad_files_are_refused(fitted, tmp_path):
    with pytest.raises(monge.InputError, match="extension .onnx"):
        fitted.model_.export_onnx(tmp_path / "map.safetensors")
    with pytest.raises(monge.InputError, match="opset|17"):
        fitted.model_.export_onnx(tmp_path / "map.onnx", opset=3)
    fitted.model_.export_onnx(tmp_path / "map.onnx")
    assert (tmp_path / "map.onnx").stat().st_size > 1000


def test_files_equal_their_maps(fitted, clouds, tmp_path, capsys):
    pytest.importorskip("onnxruntime")
    for name, model, options in (("map", fitted.model_, {}), ("exact", fitted.model_, {"float64": True}),
                                 ("inverse", fitted.model_.inverse(), {"opset": 21})):
        model.export_onnx(tmp_path / f"{name}.onnx", **options)
        result = monge.onnx.check(fitted.model_, tmp_path / f"{name}.onnx")
        assert result["passed"] and len(result["cases"]) == 2, result
    plan = monge.Map("light", train__iterations=20, eval__every=0).fit(*clouds).model_
    plan.export_onnx(tmp_path / "plan.onnx")
    assert monge.onnx.check(plan, tmp_path / "plan.onnx")["passed"]
    other = monge.Map(**{**QUICK, "train__iterations": 5}).fit(*clouds).model_
    assert not monge.onnx.check(other, tmp_path / "map.onnx")["passed"]
    other.save(tmp_path / "other.safetensors")
    assert main([str(tmp_path / "other.safetensors"), str(tmp_path / "map.onnx")]) == 1
    assert "NOT equal" in capsys.readouterr().out
    (tmp_path / "no.onnx").write_bytes(b"nothing")
    with pytest.raises(monge.InputError, match="cannot open"):
        monge.onnx.check(plan, tmp_path / "no.onnx")
    with pytest.raises(monge.InputError, match="other inputs"):
        monge.onnx.check(fitted.model_, tmp_path / "plan.onnx")
