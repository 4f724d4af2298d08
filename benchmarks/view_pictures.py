"""The pictures of docs/view.md, of real episodes in a headless Chromium.

    toolgym eval --agent oracle --episodes 40 --set size=small --set prompt=short --output runs/oracle.jsonl
    toolgym eval --agent builtin:imperfect --k 2 --episodes 40 --set size=small --set prompt=short \\
        --output runs/warm.jsonl
    toolgym train --algo grpo --model builtin:imperfect --size small --prompt short --steps 4 --record --eval-steps 2 \\
        --output runs/grpo
    python -m benchmarks.view_pictures runs        # docs/img/view-*.png
"""

import argparse
import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image

from toolgym.view import queries
from toolgym.view.library import Library
from toolgym.view.server import Viewer
from toolgym.view.sources import Source

__all__ = ["pictures"]

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "img"


def pictures(runs: Path, folder: Path) -> list[Path]:
    """Takes the pictures for which the runs have something to show; returns their files."""
    with TemporaryDirectory() as cache:
        library = Library([runs], Path(cache))
        library.read_all()
        places = _places(library)
        viewer = Viewer(library)
        viewer.start()
        try:
            return _taken(viewer.address, places, folder)
        finally:
            viewer.close()


def _places(library: Library) -> dict[str, tuple[str, str]]:
    """Picture -> the place in the page, and what must be there."""
    sources = list(library.sources.values())
    found: dict[str, tuple[str, str]] = {"runs": ("#/", ".runs tbody tr")}
    files = [source for source in sources if source.kind == "episodes"]
    if files:
        source, n = _telling(library, files)
        found["episodes"] = (f"#/run/{source.id}", ".episodes tbody tr")
        found["episode"] = (f"#/run/{source.id}/{n}?at=0", ".step")
        found["check"] = (f"#/run/{source.id}/{n}?tab=check", ".checklist, .failure")
        found["tree"] = (f"#/run/{source.id}/{n}?tab=tree", ".tree")
    if len(files) > 1:
        found["pairs"] = (f"#/compare?runs={files[1].id},{files[0].id}", "#paired")
    for source in sources:
        if source.kind == "training":
            found["curves"] = (f"#/compare?runs={source.id}", ".chart")
            with library.index(source) as index:
                if queries.facets(index)["outcome"] and queries.facets(index)["tokens"]:
                    found["tokens"] = (f"#/run/{source.id}/0?tab=tokens", ".tokens .token")
    return found


def _telling(library: Library, files: list[Source]) -> tuple[Source, int]:
    """An episode that is not solved and in which much was called."""
    rows: list[tuple[int, Source, int]] = []
    for source in files:
        with library.index(source) as index:
            for row in queries.page(index, {"outcome": "unsolved"}, sort="calls", down=True, count=1)["rows"]:
                rows.append((row["calls"], source, row["n"]))
    return max(rows, key=lambda each: each[0])[1:] if rows else (files[0], 0)


def _taken(address: str, places: dict[str, tuple[str, str]], folder: Path) -> list[Path]:
    from playwright.sync_api import sync_playwright

    folder.mkdir(parents=True, exist_ok=True)
    chromium = os.environ.get("TOOLGYM_CHROMIUM") or shutil.which("chromium")
    files = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1200, "height": 720})
        page.goto(address)
        for name, place in places.items():
            files.append(_picture(page, place, folder / f"view-{name}.png"))
        phone = browser.new_context(viewport={"width": 375, "height": 720}, color_scheme="dark").new_page()
        phone.goto(address)
        if "episode" in places:
            files.append(_picture(phone, places["episode"], folder / "view-phone.png"))
    return files


def _picture(page: Any, place: tuple[str, str], path: Path) -> Path:
    where, there = place
    page.evaluate("where => { location.hash = where }", where)
    page.wait_for_selector(there, timeout=60_000)
    page.wait_for_timeout(500)
    if ".checklist" in there:
        page.evaluate("document.querySelector('#checklist')?.scrollIntoView()")
    page.screenshot(path=path)
    with Image.open(path) as picture:  # 128 colours are all that there are, and a quarter of the bytes
        picture.convert("RGB").quantize(128).save(path, optimize=True)
    return path


def main() -> None:
    """Takes the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, help="a folder of episodes and runs")
    parser.add_argument("--output", type=Path, default=IMAGES, help="the folder (default: docs/img)")
    chosen = parser.parse_args()
    for path in pictures(chosen.runs, chosen.output):
        print(path)


if __name__ == "__main__":
    main()
