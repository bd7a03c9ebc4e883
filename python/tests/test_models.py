"""Pretrained models: cards, names, fetching."""

import io
import json
import os
import pathlib
import signal
import socket
import threading

import numpy as np
import pytest

import monge

CARD = {"title": "A cloud to another \"cloud\"", "licence": "CC0-1.0", "source": "random\nnumbers", "credit": "nobody: é"}


@pytest.fixture
def shelf(fitted, tmp_path, monkeypatch):
    """A folder with the model `clouds`, which is searched for names; the user's cache is empty."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    fitted.model_.save(folder / "clouds.safetensors", card=CARD, name="clouds")
    monkeypatch.setenv("MONGE_MODELS", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("MONGE_MODELS_URL", raising=False)
    return folder


def named(name):
    return [entry for entry in monge.models.list() if entry["name"] == name]


def test_a_card_travels_with_the_file(shelf, fitted):
    model = monge.load("clouds")
    card = model.card
    assert card["name"] == "clouds"
    assert card["title"] == CARD["title"] and card["source"] == {"data": CARD["source"], "licence": None}
    assert card["credit"] == CARD["credit"]
    assert card["method"] == "strong" and card["iterations"] == 30 and card["item_shape"] == [2]
    assert card["metrics"]["target_error"] == fitted.metrics_["target_error"]
    assert card["verdict"] == fitted.verdict_
    assert model.sample_image == b""


def test_from_pretrained_takes_names_and_paths(shelf, fitted, clouds):
    expected = fitted.model_.translate(clouds[0])
    for name in ("clouds", shelf / "clouds.safetensors", str(shelf / "clouds.safetensors")):
        np.testing.assert_array_equal(monge.Model.from_pretrained(name).translate(clouds[0]), expected)
    assert [entry["licence"] for entry in named("clouds")] == ["CC0-1.0"]
    assert named("clouds")[0]["path"] == str(shelf / "clouds.safetensors")


def test_unknown_names_say_which_are_known(shelf):
    with pytest.raises(monge.InputError, match='did you mean "clouds"'):
        monge.Model.from_pretrained("cloud")
    with pytest.raises(monge.InputError, match="MONGE_MODELS_URL"):
        monge.models.fetch("cloud")


def test_fetches_from_an_index(shelf, program, tmp_path, monkeypatch, clouds):
    program("models", "index", shelf)
    assert json.loads((shelf / "index.json").read_text())["models"][0]["name"] == "clouds"
    monkeypatch.setenv("MONGE_MODELS", str(tmp_path / "mine"))
    url = shelf.as_uri()
    with pytest.raises(monge.InputError, match='did you mean "clouds"'):
        monge.models.fetch("cloud", url=url)
    model = monge.Model.from_pretrained("clouds", url=url)
    assert model.origin == str(tmp_path / "mine/clouds.safetensors")
    assert monge.models.fetch(url + "/clouds.safetensors", folder=tmp_path / "other") == str(tmp_path / "other/clouds.safetensors")


def test_a_damaged_file_is_refused_and_replaces_none(shelf, program, tmp_path):
    program("models", "index", shelf)
    mine = tmp_path / "mine"
    path = pathlib.Path(monge.models.fetch("clouds", url=shelf.as_uri(), folder=mine))
    before = path.read_bytes()
    file = shelf / "clouds.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"\x55")
    with pytest.raises(monge.InputError, match="wrong SHA-256"):
        monge.models.fetch("clouds", url=shelf.as_uri(), folder=mine)
    assert path.read_bytes() == before


@pytest.mark.parametrize(("card", "message"), [
    ({"titel": "x"}, 'card.titel.*did you mean "card.title"'), ("x", "a card is a dict of texts"), ([], "a card is a dict"),
    ({"title": "\ud800"}, "not a text in UTF-8.*card.title"), ({"credit": "x" * 10_001}, "card.credit"),
])
def test_wrong_cards_are_refused(fitted, tmp_path, card, message):
    with pytest.raises(monge.InputError, match=message):
        fitted.model_.save(tmp_path / "map.safetensors", card=card)
    assert not list(tmp_path.iterdir())


def test_wrong_names_are_refused(fitted, tmp_path):
    with pytest.raises(monge.InputError, match="not the name of a model"):
        fitted.model_.save(tmp_path / "map.safetensors", name="../x")


def test_ctrl_c_ends_a_fetch_whose_server_says_nothing(tmp_path):
    server = socket.create_server(("127.0.0.1", 0))
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        monge.models.fetch("clouds", url=f"http://127.0.0.1:{server.getsockname()[1]}", folder=tmp_path)
    server.close()


def test_a_run_of_images_has_an_image(program, tmp_path):
    image = pytest.importorskip("PIL.Image")
    folder = tmp_path / "images"
    folder.mkdir()
    for k in range(6):
        image.new("RGB", (16, 16), (40 * k, 20, 200)).save(folder / f"{k}.png")
    recipe = monge.Recipe(method="strong", train__iterations=2, train__batch=4, map__width=2, potential__width=4,
                          potential__width_max=8, source__size=16, target__size=16, eval__samples=4)
    run = monge.train(recipe, folder, folder, out=tmp_path / "run")
    run.model.save(tmp_path / "map.safetensors")
    loaded = monge.load(tmp_path / "map.safetensors")
    assert image.open(io.BytesIO(loaded.sample_image)).width > 16
    assert loaded.sample_image == (tmp_path / "run/samples/step_000002.png").read_bytes()
