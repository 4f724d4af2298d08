"""Runs the real `toolgym` command in this process."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from toolgym.cli import common, main


@dataclass
class Done:
    code: int
    out: str
    err: str


@pytest.fixture(name="toolgym")
def in_process(capsys, monkeypatch) -> Callable[..., Done]:
    """`toolgym("list", "--json")` -> exit code, stdout and stderr."""
    # Wide and plain, whatever terminal the tests run in.
    monkeypatch.setenv("COLUMNS", "160")
    for console in (common.out, common.progress_console):
        monkeypatch.setattr(console, "_width", 160)
        monkeypatch.setattr(console, "_color_system", None)

    def run(*arguments: object) -> Done:
        capsys.readouterr()
        code: object = 0
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as error:
            code = error.code or 0
        printed = capsys.readouterr()
        return Done(int(str(code)), printed.out, printed.err)

    return run
