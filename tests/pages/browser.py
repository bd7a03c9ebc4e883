"""A headless Chromium for tests of pages: what it complains of, whether a page fits, what axe-core finds."""
import contextlib
import os
import shutil
import sys

SKIP = 77
SIZES = (400, 1400)
SCHEMES = ("light", "dark")


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(SKIP)


def require_browser():
    """Continues in the Python that MONGE_PAGES_PYTHON names. Skips without Chromium, Playwright or axe-core."""
    named = os.environ.get("MONGE_PAGES_PYTHON")
    if named and not os.environ.get("MONGE_PAGES_INSIDE"):
        os.environ["MONGE_PAGES_INSIDE"] = "1"
        os.execv(named, [named, *sys.argv])
    if not program():
        skip("Chromium is not here (apt-get install chromium)")
    try:
        import axe_playwright_python.sync_playwright  # noqa: F401
        import playwright.sync_api  # noqa: F401
    except ImportError as error:
        skip(f"{error.name} is not here; MONGE_PAGES_PYTHON names a Python with playwright and axe-playwright-python")


def program():
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@contextlib.contextmanager
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program(), args=["--no-sandbox"], timeout=120_000)
        yield chromium
        chromium.close()


class Page:
    """An open page, whose complaints are kept."""

    def __init__(self, chromium, address, width=1400, scheme="light", scripts=True):
        self.context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme,
                                            java_script_enabled=scripts, accept_downloads=True)
        self.page = self.context.new_page()
        self.complaints = []
        self.page.on("console", lambda m: self.complaints.append(m.text) if m.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda e: self.complaints.append(str(e)))
        self.page.on("requestfailed", lambda r: self.complaints.append(f"{r.url}: {r.failure}"))
        self.page.goto(address)

    def expect_sound(self, what):
        """No complaints, nothing wider than the window, no serious finding of axe-core."""
        from axe_playwright_python.sync_playwright import Axe

        assert not self.complaints, (what, self.complaints)
        wide, window = self.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert wide <= window, (what, f"the page is {wide} pixels wide, the window {window}")
        found = [f"{v['id']}: {v['help']}: {[n['html'][:150] for n in v['nodes'][:3]]}"
                 for v in Axe().run(self.page).response["violations"] if v["impact"] in ("serious", "critical")]
        assert not found, (what, found)

    def close(self):
        self.context.close()
