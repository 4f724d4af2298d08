"""The exit status of `toolgym record`: 0 where the client left, another where the server did."""

import subprocess
import sys
from pathlib import Path

import pytest

RAW = Path(__file__).with_name("raw_server.py")


def record(folder: Path, *server: str, held: bool) -> tuple[int, str]:
    """Status and stderr; `held`: the client stays until the command has ended by itself."""
    words = [sys.executable, "-m", "toolgym", "record", "--output", str(folder / "tasks.yaml"), "--", *server]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        if not held:
            process.stdin.close()
        status = process.wait(120)
        return status, process.stderr.read()


@pytest.mark.parametrize("code", ["raise RuntimeError('no stock')", "pass", "import os; os._exit(3)"])
def test_a_server_that_leaves_first_is_a_failure(tmp_path: Path, code: str) -> None:
    status, said = record(tmp_path, sys.executable, "-c", code, held=True)
    assert status == 1
    assert "the server left" in said
    assert "Traceback" not in said
    assert ("no stock" in said) == ("no stock" in code)


def test_a_client_that_leaves_is_none(tmp_path: Path) -> None:
    assert record(tmp_path, sys.executable, str(RAW), held=False) == (0, "")


def test_a_server_that_cannot_be_started_is_told(tmp_path: Path) -> None:
    status, said = record(tmp_path, "no-such-program-anywhere", held=True)
    assert status == 2
    assert "no-such-program-anywhere" in said
