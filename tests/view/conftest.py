"""A viewer on files, and a real browser (Chromium, where there is one)."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from toolgym.view.library import Library
from toolgym.view.server import Viewer

CHROMIUM = os.environ.get("TOOLGYM_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def open_viewer(cache: Path) -> Iterator[Callable[..., Viewer]]:
    """Opens a viewer whose indexes are up to date."""
    viewers: list[Viewer] = []

    def made(*paths: Path, read: bool = True, **options: Any) -> Viewer:
        library = Library(list(paths), cache)
        if read:
            library.read_all()
        viewers.append(Viewer(library, **options))
        viewers[-1].start()
        return viewers[-1]

    yield made
    for viewer in viewers:
        viewer.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A headless Chromium."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield chromium
        chromium.close()


class Tab:
    """A page, and what went wrong in it."""

    def __init__(self, page: Any):
        self.page = page
        self.errors: list[str] = []
        self.requests: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._said)
        page.on("dialog", lambda dialog: (self.errors.append("a dialog"), dialog.dismiss()))
        page.on("request", lambda request: self.requests.append(request.url))

    def _said(self, said: Any) -> None:
        if said.type == "error" and "status of 404" not in said.text:  # what is not there is said in the page
            self.errors.append(said.text)

    def go(self, place: str) -> None:
        """Opens a part of the page."""
        self.page.evaluate("place => { location.hash = place }", place)

    def key(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def texts(self, selector: str) -> list[str]:
        return [each.strip() for each in self.page.locator(selector).all_inner_texts()]

    def wait(self, condition: str) -> None:
        """Waits until a JavaScript expression is true."""
        self.page.wait_for_function(
            f"() => {{ try {{ return {condition} }} catch {{ return false }} }}", timeout=60_000
        )


@pytest.fixture
def tab(browser: Any) -> Iterator[Callable[..., Tab]]:
    """Opens an address in a tab of its own; at the end nothing may have gone wrong in it."""
    opened: list[tuple[Any, Tab]] = []

    def made(address: str, *, width: int = 1280, height: int = 800, dark: bool = False) -> Tab:
        scheme = "dark" if dark else "light"
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        one = Tab(context.new_page())
        one.page.goto(address)
        opened.append((context, one))
        return one

    yield made
    errors = [error for _, one in opened for error in one.errors]
    for context, _ in opened:
        context.close()
    assert errors == []
