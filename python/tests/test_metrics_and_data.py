"""monge.metrics and monge.data."""

import os
import pickle
import struct
import zlib

import numpy as np
import pytest
from conftest import SHARED

import monge


def test_energy_distance_is_the_formula(clouds):
    x, y = (c[:50].astype(np.float64) for c in clouds)

    def mean(a, b):
        return np.linalg.norm(a[:, None] - b[None], axis=2).mean()

    assert monge.metrics.energy_distance(x, y) == pytest.approx(2 * mean(x, y) - mean(x, x) - mean(y, y), rel=1e-12)
    assert monge.metrics.energy_distance(x, x) == pytest.approx(0, abs=1e-12)
    with pytest.raises(monge.InputError, match="shape|entries"):
        monge.metrics.energy_distance(x, y[:, :1])


def test_distances_of_samples(clouds):
    x, y = clouds
    distances = monge.metrics.sample_distances(x, y)
    assert distances["w1"] == pytest.approx(np.sqrt(10), rel=0.05)
    assert distances["w2"] >= distances["w1"] > 10 * distances["floor"]["w1"]
    assert monge.metrics.sliced_wasserstein(x, x + 1) == pytest.approx(1, rel=0.1)
    assert monge.metrics.l2_uvp(x + 0.1, x, 2.0) == pytest.approx(100 * 0.02 / 2, rel=1e-4)
    value, error = monge.metrics.kernel_distance(x, y)
    assert value > 5 * error > 0


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared")
def test_lpips_and_fd_equal_the_program(program, tmp_path, monkeypatch):
    monkeypatch.setenv("MONGE_WEIGHTS", str(SHARED / "weights"))
    rng = np.random.default_rng(0)
    a = rng.integers(0, 255, (3, 3, 64, 64), dtype=np.uint8)
    b = np.clip(a.astype(int) + rng.integers(-20, 20, a.shape), 0, 255).astype(np.uint8)
    np.save(tmp_path / "a.npy", a)
    np.save(tmp_path / "b.npy", b)
    mine = monge.metrics.lpips(a, b, net="squeeze")
    out = program("lpips", tmp_path / "a.npy", tmp_path / "b.npy", "--net", "squeeze", "--quiet")
    rounding = 1e-5  # of float32, relative: the two processes may have another number of threads, which add in another order
    assert float(out) == pytest.approx(mine["lpips"], rel=rounding)
    net = SHARED / "weights" / "efficientnet_lite0_features.ts"
    images = SHARED / "data" / "anime64-test.tar"
    faces = SHARED / "data" / "faces64-test.tar"
    value = monge.metrics.fid(images, faces, features=str(net), samples=20)
    out = program("fid", images, faces, "--features", net, "--samples", "20", "--quiet")
    assert float(out) == pytest.approx(value, rel=rounding)


def test_missing_weights_name_the_command(tmp_path, monkeypatch):
    monkeypatch.setenv("MONGE_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    images = np.zeros((3, 3, 64, 64), np.uint8)
    with pytest.raises(monge.InputError, match="monge weights fetch"):
        monge.metrics.lpips(images, images, net="vgg")
    with pytest.raises(monge.InputError, match="images are needed"):
        monge.metrics.fid(np.zeros((3, 3)), images)


def write_images(folder, count=12):
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(count):
        colours = rng.integers(0, 255, (20, 24, 3), dtype=np.uint8)
        header = b"\x89PNG\r\n\x1a\n"
        def chunk(kind, data):
            return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

        rows = b"".join(b"\0" + row.tobytes() for row in colours)
        (folder / f"{i:02}.png").write_bytes(header + chunk(b"IHDR", struct.pack(">IIBBBBB", 24, 20, 8, 2, 0, 0, 0)) +
                                             chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
    return folder


def test_a_folder_is_a_data_set(tmp_path):
    images = monge.data.open(write_images(tmp_path / "images"), size=16)
    assert len(images) == 12 and images.item_shape == (3, 16, 16) and images.item_name(3) == "03.png"
    one = np.asarray(images[3])
    assert one.shape == (3, 16, 16) and -1 <= one.min() < one.max() <= 1
    np.testing.assert_array_equal(np.asarray(images[-9]), one)
    assert len(list(images)) == 12 and images.numpy().shape == (12, 3, 16, 16)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(images)).numpy(), images.numpy())
    with pytest.raises(IndexError, match="12 items"):
        images[12]
    with pytest.raises(monge.InputError, match="no-such"):
        monge.data.open(tmp_path / "no-such")


def test_a_data_set_feeds_a_loader(tmp_path):
    torch = pytest.importorskip("torch", exc_type=ImportError)
    images = monge.data.open(write_images(tmp_path / "images"), size=16)
    batches = list(torch.utils.data.DataLoader(images, batch_size=5))
    assert [tuple(batch.shape) for batch in batches] == [(5, 3, 16, 16), (5, 3, 16, 16), (2, 3, 16, 16)]
    parallel = list(torch.utils.data.DataLoader(images, batch_size=5, num_workers=2))
    assert all((a == b).all() for a, b in zip(batches, parallel))


def test_laws_are_drawn():
    moons = monge.data.open("toy:moons")
    np.testing.assert_array_equal(np.asarray(moons.draw(5, seed=1)), np.asarray(moons.draw(5, seed=1)))
    with pytest.raises(monge.InputError, match="no length"):
        len(moons)
    run = monge.train("quick/gaussian", moons, moons, progress=False, train__iterations=2, eval__every=0)
    assert run.complete


def test_check_and_pack_report(tmp_path):
    folder = write_images(tmp_path / "images")
    assert monge.data.check(folder)["passed"]
    (folder / "04.png").write_bytes((folder / "05.png").read_bytes()[:60])
    report = monge.data.check(folder)
    assert not report["passed"] and report["corrupt"] == 1 and "04.png" in report["corrupt_files"][0]
    packed = monge.data.pack(folder, tmp_path / "packed", size=(16, 8), on_error="skip", progress=False)
    assert packed[0]["images"] == 11 and monge.data.open(tmp_path / "packed", size="16x8").item_shape == (3, 8, 16)
    table = tmp_path / "t.csv"
    table.write_text("a,b\n1,2\n3,\n")
    report = monge.data.check(table)
    assert report["incomplete"] == 1 and not report["passed"]


def test_errors_are_value_errors_with_parts():
    with pytest.raises(ValueError) as caught:
        monge.data.open("toy:mons")
    error = caught.value
    assert isinstance(error, monge.InputError) and error.what in str(error) and pickle.loads(pickle.dumps(error)).what == error.what
    assert issubclass(monge.DivergedError, ArithmeticError)


def test_names_that_are_not_utf_8_are_kept(tmp_path):
    folder = write_images(tmp_path / "images")
    os.rename(folder / "03.png", os.fsencode(folder) + b"/\xff.png")
    (folder / "04.png").write_bytes(b"no image")
    images = monge.data.open(folder, on_error="skip")
    assert os.fsencode(images.item_name(len(images) - 1)) == b"\xff.png"
