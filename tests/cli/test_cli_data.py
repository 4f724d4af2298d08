"""`toolgym data`: what it says before it fetches, and where things are."""

import hashlib
from pathlib import Path

import pytest

from toolgym import data
from toolgym.data import DataFile, DataSet, Url


@pytest.fixture(autouse=True)
def sample(tmp_path, monkeypatch):
    """A data set whose file can only be given: its source is a port that nobody listens at."""
    monkeypatch.setenv("TOOLGYM_DATA", str(tmp_path / "root"))
    file = DataFile("rows.json", hashlib.sha256(b"[1]").hexdigest(), 3, Url("http://127.0.0.1:9/rows.json"))
    monkeypatch.setattr(data, "DATA", {"sample": DataSet("sample", "A sample", "MIT", (file,))})
    (tmp_path / "rows.json").write_text("[1]")


def test_source_licence_and_size_are_said_before(toolgym, tmp_path):
    failed = toolgym("data", "get", "sample")
    assert failed.code == 2
    for said in ("A sample", "licence: MIT", "size: 0.0 kB", "source: http://127.0.0.1:9/rows.json", "--from"):
        assert said in failed.err


def test_what_was_fetched_is_found(toolgym, tmp_path):
    missing = toolgym("data", "path", "sample")
    assert missing.code == 2
    assert "toolgym data get sample" in missing.err
    assert toolgym("data", "get", "sample", "--from", tmp_path).code == 0
    assert (Path(toolgym("data", "path", "sample").out.strip()) / "rows.json").read_text() == "[1]"
    assert '"fetched": false' in toolgym("data", "get", "sample", "--json").out
    assert "yes" in toolgym("data", "list").out
    assert '"bytes": 3' in toolgym("data", "list", "--json").out
