"""The front end that is shipped: built from what is there, small, with its licences, and asking nobody."""

import hashlib
import json
import re
from pathlib import Path

from toolgym.view.server import STATIC

WEB = STATIC.parent / "web"


def test_what_is_shipped_was_built_from_the_sources():
    """Otherwise: `npm ci && npm run build` in toolgym/view/web."""
    digest = hashlib.sha256()
    for folder in ("public", "src"):
        for file in sorted((WEB / folder).iterdir(), key=lambda path: path.name):
            digest.update(f"{folder}/{file.name}\n".encode() + file.read_bytes())
    assert (STATIC / "sources.sha256").read_text().strip() == digest.hexdigest()


def test_it_is_small():
    assert sum(file.stat().st_size for file in STATIC.iterdir()) < 2_000_000


def test_it_asks_nobody_and_makes_no_code_of_text():
    for name in ("app.js", "app.css", "index.html"):
        text = (STATIC / name).read_text(encoding="utf-8")
        addresses = set(re.findall(r"https?://[^\s\"'`)]+", text))
        # What names SVG and MathML, and what Preact says in an error.
        assert {address.split("/")[2] for address in addresses} <= {"www.w3.org", "preactjs.com"}, name
        assert not re.search(r"\beval\(|new Function|document\.write|@import", text)
    for file in (WEB / "src").iterdir():
        assert not re.search(r"innerHTML|outerHTML|InnerHTML|insertAdjacent|DOMParser", file.read_text()), file.name


def test_the_licences_of_what_is_bundled_are_there():
    dependencies = json.loads((WEB / "package.json").read_text())["dependencies"]
    notice = (STATIC / "NOTICE.txt").read_text()
    for name in dependencies:
        assert name in notice.lower()
    assert "Permission is hereby granted" in notice


def test_the_lock_file_names_no_registry():
    lock = json.loads((WEB / "package-lock.json").read_text())
    assert not any("resolved" in package for package in lock["packages"].values())
    assert all("integrity" in package for name, package in lock["packages"].items() if name)


def test_no_file_of_the_front_end_is_too_long():
    for file in (WEB / "src").iterdir():
        assert len(file.read_text().splitlines()) < 600, Path(file).name
