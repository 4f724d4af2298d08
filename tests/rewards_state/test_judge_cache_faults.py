"""A judge's cache that cannot be used: the judge is asked, and nothing is raised out of a step."""

import sqlite3
import subprocess
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

import pytest

from toolgym.errors import ConfigError
from toolgym.rewards.judge_backends import Cached, CacheWarning


class Counting:
    """Says the same each time, and counts."""

    identity = "counting"

    def __init__(self) -> None:
        self.asked = 0

    def complete(self, messages: Sequence[dict[str, str]], choices: Sequence[str] = ()) -> str:
        self.asked += 1
        return '{"score": 0.5}'


def ask(backend: Cached, content: str = "x") -> str:
    return backend.complete([{"role": "user", "content": content}])


FULL = """
import resource, signal, sys, warnings
from toolgym.rewards.judge_backends import Cached, CacheWarning

class Backend:
    identity = "b"
    def complete(self, messages, choices=()):
        return "y" * 100_000

cached = Cached(Backend(), sys.argv[1])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, -1))
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    answers = [cached.complete([{"role": "user", "content": str(n)}]) for n in range(3)]
print([len(answer) for answer in answers], [str(one.message) for one in caught if one.category is CacheWarning])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits of a process's files")
def test_a_full_disk_costs_the_keeping_and_not_the_answer(tmp_path: Path) -> None:
    path = tmp_path / "judge.sqlite"
    done = subprocess.run([sys.executable, "-B", "-c", FULL, str(path)], capture_output=True, text=True, check=True)
    sizes, _, said = done.stdout.partition("] ")
    assert sizes == "[100000, 100000, 100000"
    assert said.count("are not kept in") == 1  # once, not at every step
    backend = Counting()
    assert ask(Cached(backend, path)) == '{"score": 0.5}'  # the file is whole, and is used again
    assert ask(Cached(backend, path)) == '{"score": 0.5}'
    assert backend.asked == 1


@pytest.mark.parametrize("damage", ["overwritten", "removed", "other table"])
def test_a_file_that_is_damaged_meanwhile_is_done_without(tmp_path: Path, damage: str) -> None:
    path, backend = tmp_path / "deep" / "judge.sqlite", Counting()
    cached = Cached(backend, path)
    assert ask(cached) == ask(cached)
    assert backend.asked == 1
    if damage == "overwritten":
        path.write_bytes(b"x" * 5000)
    else:
        path.unlink()
        if damage == "removed":
            path.parent.rmdir()
        else:
            with sqlite3.connect(path) as db:
                db.execute("CREATE TABLE answers (other TEXT)")
            db.close()
    with pytest.warns(CacheWarning, match="asked again each time") as said:
        assert ask(cached) == '{"score": 0.5}'
    assert len(said) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert ask(cached) == '{"score": 0.5}'
    assert backend.asked == 3


def test_a_cache_that_cannot_be_begun_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("This is a text and no database. " * 200)
    for path in (tmp_path / "text", tmp_path, tmp_path / "text" / "judge.sqlite"):
        with pytest.raises(ConfigError, match="cannot be kept in"):
            Cached(Counting(), path)


def test_half_characters_are_kept_apart_too(tmp_path: Path) -> None:
    """A policy may write half a surrogate pair; it is no UTF-8."""
    backend = Counting()
    cached = Cached(backend, tmp_path / "judge.sqlite")
    assert [ask(cached, text) for text in ("\ud800", "\ud800", "\udfff", "x")] == ['{"score": 0.5}'] * 4
    assert backend.asked == 3
