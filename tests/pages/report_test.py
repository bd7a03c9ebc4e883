#!/usr/bin/env python3
"""Opens the pages of runs in Chromium: at two widths, light and dark, by keyboard, without scripts.

    report_test.py PROGRAM    PROGRAM is build/release/monge
"""
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from browser import SCHEMES, SIZES, Page, browser, require_browser  # noqa: E402

TINY = ["--threads", "1", "-q", "--set", "eval.every=2", "--set", "samples.every=2", "--set", "train.k_t=1", "--set", "train.batch=16"]


def train(program, folder, name, *arguments):
    subprocess.run([program, "train", *arguments, *TINY, "--out", name], cwd=folder, check=True, stderr=subprocess.PIPE)


def make_runs(program, folder):
    """A run of vectors for each of two methods, and one of images."""
    (folder / "v.toml").write_text('method = "weak"\n[source]\npath = "toy:gaussian"\n[target]\npath = "toy:moons"\n'
                                   '[map]\nwidth = 16\n[potential]\nwidth = 16\n[weak]\nz = 2\n')
    train(program, folder, "vectors", "v.toml", "--set", "train.iterations=60", "--set", "eval.samples=128")
    train(program, folder, "strong", "v.toml", "--set", "train.iterations=8", "--set", "method=strong")
    rows = b"".join(bytes((i * 7 + k * 13) % 256 for k in range(3 * 16 * 16)) for i in range(40))
    # A .npy file of images, uint8 [40, 3, 16, 16].
    header = "{'descr': '|u1', 'fortran_order': False, 'shape': (40, 3, 16, 16), }"
    header = header.ljust(117) + "\n"
    (folder / "x.npy").write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + rows)
    (folder / "p.toml").write_text('method = "weak"\n[source]\npath = "x.npy"\nsize = 16\n[target]\npath = "x.npy"\nsize = 16\n'
                                   '[map]\nwidth = 4\ndepth = 2\n[potential]\nwidth = 4\nwidth_max = 4\n[weak]\nz = 2\n')
    train(program, folder, "images", "p.toml", "--set", "train.iterations=6", "--set", "eval.holdout=0.3", "--set", "eval.samples=8")
    subprocess.run([program, "report", "vectors", "strong", "images", "--out", "comparison.html"], cwd=folder, check=True,
                   stdout=subprocess.PIPE)


def open_folded(page):
    """Opens all folded parts, whose charts are then drawn."""
    for summary in page.query_selector_all("details > summary"):
        summary.click()
    page.wait_for_timeout(200)


def every_page_is_sound(chromium, folder):
    for name in ("vectors/report.html", "images/report.html", "comparison.html"):
        for width in SIZES:
            for scheme in SCHEMES:
                page = Page(chromium, (folder / name).as_uri(), width, scheme)
                open_folded(page.page)
                page.expect_sound((name, width, scheme))
                charts = page.page.query_selector_all(".chart canvas")
                assert len(charts) > 4, (name, "charts", len(charts))
                page.close()


def the_slider_shows_earlier_steps(chromium, folder):
    page = Page(chromium, (folder / "vectors/report.html").as_uri())
    canvas, step = page.page.locator("#samples canvas"), page.page.locator("#samples .step")
    assert step.inner_text() == "60", step.inner_text()
    newest = canvas.evaluate("c => c.toDataURL()")
    slider = page.page.get_by_role("slider", name="iteration")
    slider.focus()
    page.page.keyboard.press("Home")
    assert step.inner_text() == "2", step.inner_text()
    first = canvas.evaluate("c => c.toDataURL()")
    assert first != newest, "the first step looks like the last"
    page.page.get_by_label("arrows").check()
    with_arrows = canvas.evaluate("c => c.toDataURL()")
    assert with_arrows != first, "arrows change nothing"
    page.page.get_by_label("outputs", exact=True).uncheck()
    assert canvas.evaluate("c => c.toDataURL()") != with_arrows, "the layer of outputs stays"
    assert "source, target, arrows" in canvas.get_attribute("aria-label")
    page.close()


def a_single_output_can_be_chosen(chromium, folder):
    page = Page(chromium, (folder / "images/report.html").as_uri())
    image = page.page.locator("#samples figure:not(.target) img")
    assert page.page.get_by_alt_text("Samples of the target").evaluate("i => i.naturalWidth") > 100
    assert image.evaluate("i => i.naturalWidth") > 300
    page.page.locator("#samples select").select_option(label="only 2")
    page.page.wait_for_timeout(200)
    canvas = page.page.locator("#samples canvas")
    assert canvas.is_visible() and not image.is_visible()
    assert canvas.evaluate("c => c.width") == 2 * 96 + 3 * 2
    page.page.get_by_role("slider", name="iteration").focus()
    page.page.keyboard.press("ArrowLeft")
    assert page.page.locator("#samples .step").inner_text() == "4"
    page.page.locator("#samples select").select_option(label="all")
    assert image.is_visible() and not canvas.is_visible()
    page.close()


def charts_are_read_by_keyboard(chromium, folder):
    page = Page(chromium, (folder / "vectors/report.html").as_uri())
    chart = page.page.locator(".chart").first
    legend = chart.locator(".legend")
    for _ in range(40):  # Tab leads there from the top of the page
        page.page.keyboard.press("Tab")
        if page.page.evaluate("document.activeElement.className") == "plot":
            break
    assert page.page.evaluate("document.activeElement.className") == "plot", "no chart is reached by Tab"
    page.page.keyboard.press("Home")
    assert "iteration 2:" in legend.inner_text(), legend.inner_text()
    page.page.keyboard.press("ArrowRight")
    assert "iteration 4:" in legend.inner_text(), legend.inner_text()
    ranges = "document.querySelector('.chart .dygraph-axis-label-x') && [...document.querySelectorAll('.chart:first-child .dygraph-axis-label-x')].map(e => e.textContent).join()"
    before = page.page.evaluate(ranges)
    page.page.keyboard.press("+")
    assert page.page.evaluate(ranges) != before, "plus does not zoom"
    page.page.keyboard.press("0")
    assert page.page.evaluate(ranges) == before, "0 does not reset the zoom"
    page.close()


def the_answer_is_there_without_scripts(chromium, folder):
    page = Page(chromium, (folder / "images/report.html").as_uri(), scripts=False)
    text = page.page.inner_text("main")
    for part in ("Did it work?", "The map ", "Inputs and outputs", "The curves are images in the folder curves"):
        assert part in text, part
    assert page.page.locator("#samples img").first.is_visible()
    page.close()


def main():
    require_browser()
    program = str(pathlib.Path(sys.argv[1]).resolve())
    with tempfile.TemporaryDirectory() as scratch, browser() as chromium:
        folder = pathlib.Path(scratch)
        make_runs(program, folder)
        for check in (every_page_is_sound, the_slider_shows_earlier_steps, a_single_output_can_be_chosen, charts_are_read_by_keyboard,
                      the_answer_is_there_without_scripts):
            check(chromium, folder)
            print(f"passed: {check.__name__}")


if __name__ == "__main__":
    main()
