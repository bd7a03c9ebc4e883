"""The examples print what they promise: each runs with --quick, and its metrics are checked. The notebooks hold their outputs.

Examples whose further packages are not installed (Pillow, PyTorch) are skipped. POT is optional in the others.
"""

import importlib.util
import json
import pathlib

import numpy as np
import pytest

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "examples" / "python"


def run(name, *arguments):
    """The metrics of an example."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main(["--quick", *map(str, arguments)])


def test_colour_transfer_gives_the_colours_of_the_style(tmp_path, capsys):
    image = pytest.importorskip("PIL.Image")
    results = run("colour_transfer", "--out", tmp_path / "out.png")
    assert results["after"] < 0.02 * results["before"], results
    assert results["floor"] < 0.01 * results["before"]
    assert results["cost"] == pytest.approx(1.04, rel=0.08)  # the exact plan's
    if not np.isnan(results["exact cost"]):
        assert results["cost"] == pytest.approx(results["exact cost"], rel=0.08)
    assert image.open(tmp_path / "out.png").size == (640, 427)
    assert "energy distance of colours" in capsys.readouterr().out


def test_colour_transfer_takes_other_images(tmp_path):
    image = pytest.importorskip("PIL.Image")
    rng = np.random.default_rng(0)
    for name, centre in (("photo.png", 60), ("style.png", 180)):
        image.fromarray(rng.normal(centre, 20, (40, 50, 3)).clip(0, 255).astype(np.uint8)).save(tmp_path / name)
    results = run("colour_transfer", tmp_path / "photo.png", tmp_path / "style.png")
    assert results["after"] < 0.02 * results["before"]


def test_digits_are_adapted():
    results = run("digits")
    for k in (0, 1):  # 1-nearest neighbour, logistic regression
        assert results["monge strong"][k] > results["no adaptation"][k] + 0.15, results
        assert results["monge light"][k] > results["no adaptation"][k] + 0.2, results
        if "POT SinkhornTransport" in results:
            assert results["monge light"][k] > results["POT SinkhornTransport"][k] - 0.05, results
    if "POT EMDTransport" in results:
        assert results["monge light"][0] > results["POT EMDTransport"][0] + 0.1


def test_stimulated_cells_are_predicted():
    results = run("cells")
    predicted, shift = results["monge"], results["mean shift"]
    assert predicted["r2"] > 0.98 and predicted["r2"] > results["no change"]["r2"]
    assert predicted["r2 of changes"] > 0.9 > 0.85 > shift["r2 of changes"]  # a shift cannot tell the two types
    assert predicted["energy"] < 0.2 * shift["energy"] and predicted["mmd"] < 0.2 * shift["mmd"]
    assert abs(results["floor"]["energy"]) < 0.1 * shift["energy"]  # unbiased distances scatter around 0
    assert predicted["minimum"] >= 0


def test_drawings_are_coloured(tmp_path):
    image = pytest.importorskip("PIL.Image")
    results = run("images", "--threads", 1, "--out", tmp_path / "out")
    assert results["images"] == 200 == len(list((tmp_path / "out" / "outputs").iterdir()))
    assert results["right colour"] > 0.95
    assert results["after"] < 0.3 * results["before"] and results["floor"] < results["after"]
    assert image.open(tmp_path / "out" / "grid.png").size[0] > 32


def test_a_map_is_a_layer_of_pytorch():
    pytest.importorskip("torch", exc_type=ImportError)
    results = run("torch_layer")
    assert results["outputs"] == [1000, 1]
    assert results["difference"] < 1e-5
    assert not results["gradient of the layer"] and results["gradient of the module"]
    np.testing.assert_allclose(results["jacobian"], [[1.2, 0.4], [0.4, 0.6]], atol=0.1)


@pytest.mark.parametrize("path", sorted(FOLDER.parent.glob("notebooks/*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_holds_its_outputs(path):
    text = path.read_text()
    assert len(text) < 400_000
    cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert {output["output_type"] for output in outputs} <= {"stream", "display_data", "execute_result"}  # and no error
    assert all(output["name"] == "stdout" for output in outputs if output["output_type"] == "stream")
    assert not any(folder in json.dumps(outputs) for folder in ("/tmp/", "/home/", "/work/", "site-packages"))
