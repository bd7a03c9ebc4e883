#!/usr/bin/env python3
"""Opens the page of `monge serve` in Chromium: translates dropped images and tables, follows a run that trains, logs in,
loses the server and finds it again.

    serve_test.py PROGRAM    PROGRAM is build/release/monge
"""
import base64
import json
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from browser import SCHEMES, SIZES, Page, browser, require_browser  # noqa: E402
from report_test import TINY, make_runs  # noqa: E402

# A red PNG image of 16 x 16 pixels.
RED = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAABAAAAAQCAIAAACQkWg2AAAAF0lEQVR4nGP4z8BAEiJN9aiGUQ1DSgMAkPn/Afnh+ngAAAAASUVORK5CYII=")


class Server:
    """The program, serving a folder on a free port."""

    def __init__(self, program, folder, port=0, options=()):
        command = [program, "serve", ".", "--port", str(port), "--threads", "1", "--json", *options]
        self.process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.address = json.loads(self.process.stdout.readline())["url"]

    def stop(self):
        self.process.terminate()
        assert self.process.wait(60) == 0, "the server does not end well"


def open_model(chromium, server, name, **options):
    page = Page(chromium, f"{server.address}/#translate={name}", **options)
    page.page.locator("#controls").wait_for()
    return page


def drop(page, name, kind, content):
    """Drops a file on the page, as a user does with the mouse."""
    data = page.page.evaluate_handle(
        """([name, kind, text]) => {
             const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0)), data = new DataTransfer();
             data.items.add(new File([bytes], name, {type: kind}));
             return data;
           }""", [name, kind, base64.b64encode(content).decode()])
    page.page.dispatch_event("#drop", "drop", {"dataTransfer": data})


def a_dropped_image_comes_back_translated(chromium, server):
    page = open_model(chromium, server, "images")
    drop(page, "red.png", "image/png", RED)
    images = page.page.locator("#results figure img")
    images.nth(1).wait_for()
    assert images.count() == 2 and images.nth(1).evaluate("i => i.naturalWidth") == 16
    page.page.get_by_label("Draws").fill("3")
    images.nth(3).wait_for()
    first = images.nth(1).get_attribute("src")
    assert first != images.nth(2).get_attribute("src"), "two draws are equal"
    page.page.get_by_label("Seed").fill("5")
    page.page.wait_for_function("before => document.querySelectorAll('#results figure img')[1]?.src !== before", arg=first)
    noise = page.page.get_by_role("slider", name="Noise level")
    before = images.nth(1).get_attribute("src")
    noise.focus()
    page.page.keyboard.press("End")
    page.page.wait_for_function("before => document.querySelectorAll('#results figure img')[1]?.src !== before", arg=before)
    assert "2 times" in page.page.locator("#noise-value").inner_text()
    page.page.keyboard.press("Home")  # without noise: one output
    page.page.wait_for_function("() => document.querySelectorAll('#results figure img').length === 2")
    noise.fill("1")
    page.page.wait_for_function("before => document.querySelectorAll('#results figure img')[1]?.src === before", arg=before)
    assert "as trained" in page.page.locator("#noise-value").inner_text()
    page.page.get_by_role("slider", name="t").last.focus()
    page.page.keyboard.press("Home")  # t = 0: the outputs are the input
    page.page.wait_for_function("""() => { const all = [...document.querySelectorAll('#results figure img')].map((i) => i.src);
                                           return all.length === 4 && new Set(all).size === 1; }""")
    with page.page.expect_download() as download:
        page.page.get_by_role("link", name="Download").first.click()
    assert download.value.suggested_filename == "red-5-0.png", download.value.suggested_filename
    page.expect_sound("translated image")
    page.close()


def a_broken_image_is_explained(chromium, server):
    page = open_model(chromium, server, "images")
    drop(page, "broken.png", "image/png", RED[:50])
    alert = page.page.locator("#results [role=alert]")
    alert.wait_for()
    assert "/" not in alert.inner_text().split("(")[0] or "image" in alert.inner_text(), alert.inner_text()
    drop(page, "red.png", "image/png", RED)  # the page still works
    page.page.locator("#results figure img").nth(1).wait_for()
    page.close()


def a_table_is_pasted_together_by_keyboard(chromium, server):
    """Without a mouse: choose the model, use held-out rows or a file, read the rows."""
    page = open_model(chromium, server, "vectors")
    page.page.get_by_label("Files").set_input_files({"name": "points.csv", "mimeType": "text/csv", "buffer": b"x,y\n0,0\n1,0.5\n-1,2\n"})
    page.page.get_by_text("3 rows, 1 output each").wait_for()
    chosen = page.page.locator("#models [aria-checked=true]")
    chosen.focus()
    before = chosen.inner_text()
    page.page.keyboard.press("ArrowRight")
    page.page.wait_for_function("before => document.querySelector('#models [aria-checked=true]').innerText !== before", arg=before)
    for _ in range(60):
        page.page.keyboard.press("Tab")
        if page.page.evaluate("document.activeElement.id") == "seed":
            break
    assert page.page.evaluate("document.activeElement.id") == "seed", "the seed is not reached by Tab"
    page.close()


def a_training_is_followed(chromium, server, program, folder):
    """The page shows iterations as they come; closing it does not touch the training."""
    training = subprocess.Popen([program, "train", "v.toml", *TINY, "--set", "train.iterations=400", "--set", "eval.samples=64", "--out", "live"],
                                cwd=folder, stderr=subprocess.DEVNULL)
    page = Page(chromium, f"{server.address}/#runs")
    row = page.page.locator("#runs-table tr", has_text="live")
    row.wait_for(timeout=60_000)
    row.get_by_role("button").click()
    state = page.page.locator("#run-state")
    page.page.wait_for_function("() => /iteration [1-9]/.test(document.querySelector('#run-state').textContent)", timeout=60_000)
    first = state.inner_text()
    page.page.wait_for_function("before => document.querySelector('#run-state').textContent !== before", arg=first, timeout=60_000)
    page.page.locator("#charts canvas").first.wait_for(timeout=60_000)
    page.page.locator("#run-sample img").wait_for(timeout=60_000)
    page.expect_sound("a run that trains")
    page.close()
    assert training.wait(300) == 0, "the training ended with the page"


def every_part_is_sound(chromium, server):
    for width in SIZES:
        for scheme in SCHEMES:
            page = open_model(chromium, server, "images", width=width, scheme=scheme)
            page.expect_sound(("translate", width, scheme))
            page.page.goto(f"{server.address}/#runs=vectors")
            page.page.locator("#charts canvas").first.wait_for()
            page.expect_sound(("runs", width, scheme))
            page.close()


def a_report_is_shown_in_a_sandbox(chromium, server):
    page = Page(chromium, f"{server.address}/v1/runs/vectors/report")
    page.page.locator(".chart canvas").first.wait_for()
    assert page.page.evaluate("self.origin") == "null", "the report has the origin of the server"
    assert not page.complaints, page.complaints
    page.close()


def the_token_opens_the_page(chromium, program, folder):
    """Without the token the page asks for it, refuses a wrong one, and works with the right one, live views included."""
    token = "a-token-of-the-test-0123456789"
    (folder / "token").write_text(token + "\n")
    server = Server(program, folder, options=["--token-file", "token"])
    try:
        page = Page(chromium, f"{server.address}/#translate=images")
        field = page.page.locator("#token")
        field.wait_for()
        assert page.page.locator("#controls").is_hidden(), "models are shown without the token"
        page.complaints.clear()  # the browser reports the refusals
        page.expect_sound("login")
        field.fill("wrong-token-0123456789")
        field.press("Enter")
        page.page.locator("#problem", has_text="token").wait_for()
        assert field.is_visible(), "a wrong token closes the form"
        field.fill(token)
        field.press("Enter")
        page.page.locator("#controls").wait_for()
        assert field.is_hidden() and page.page.locator("#problem").is_hidden()
        page.complaints.clear()
        drop(page, "red.png", "image/png", RED)
        page.page.locator("#results figure img").nth(1).wait_for()
        page.page.goto(f"{server.address}/#runs=vectors")
        page.page.locator("#charts canvas").first.wait_for()
        page.expect_sound("after login")
        page.page.reload()  # the browser remembers the token
        page.page.locator("#charts canvas").first.wait_for()
        assert field.is_hidden() and token not in page.page.evaluate("document.cookie"), "scripts can read the token"
        page.close()
    finally:
        server.stop()


def the_page_finds_the_server_again(chromium, program, folder):
    """When the server has gone and comes back, the live view says so, goes on, and shows every iteration once."""
    server = Server(program, folder)
    try:
        page = Page(chromium, f"{server.address}/#runs=vectors")
        state = page.page.locator("#run-state")
        lines = lambda: page.page.evaluate("runs.lines.map((line) => line.iteration)")
        page.page.locator("#charts canvas").first.wait_for()
        before = lines()
        server.stop()
        page.page.wait_for_function("document.querySelector('#run-state').textContent.startsWith('The connection is lost')")
        with open(folder / "vectors/metrics.jsonl", "a") as metrics:
            metrics.write(json.dumps({"iteration": before[-1] + 1, "map_loss": 1.0}) + "\n")
        server = Server(program, folder, port=server.address.rsplit(":", 1)[1])
        page.page.wait_for_function("last => runs.lines.at(-1)?.iteration === last", arg=before[-1] + 1, timeout=60_000)
        assert lines() == [*before, before[-1] + 1], (before, lines())
        page.page.wait_for_function("!document.querySelector('#run-state').textContent.startsWith('The connection')")
        assert "iteration" in state.inner_text(), state.inner_text()
        page.close()
    finally:
        server.process.poll() is None and server.stop()


def main():
    require_browser()
    program = str(pathlib.Path(sys.argv[1]).resolve())
    with tempfile.TemporaryDirectory() as scratch, browser() as chromium:
        folder = pathlib.Path(scratch)
        make_runs(program, folder)
        server = Server(program, folder)
        try:
            for check in (a_dropped_image_comes_back_translated, a_broken_image_is_explained, a_table_is_pasted_together_by_keyboard,
                          every_part_is_sound, a_report_is_shown_in_a_sandbox):
                check(chromium, server)
                print(f"passed: {check.__name__}")
            a_training_is_followed(chromium, server, program, folder)
            print("passed: a_training_is_followed")
            server.stop()
            for check in (the_token_opens_the_page, the_page_finds_the_server_again):
                check(chromium, program, folder)
                print(f"passed: {check.__name__}")
        finally:
            server.process.poll() is None and server.stop()


if __name__ == "__main__":
    main()
