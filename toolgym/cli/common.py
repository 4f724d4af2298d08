"""What the commands share: consoles, JSON output, common options and the reading of JSON Lines."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console

from toolgym import _json
from toolgym.errors import ConfigError

__all__ = [
    "EnvId",
    "JsonFlag",
    "Seed",
    "Settings",
    "Split",
    "out",
    "print_json",
    "progress_console",
    "read_jsonl",
]

EnvId = Annotated[str, typer.Option("--env", "-e", help="The environment's Gymnasium id.", show_default=True)]
Split = Annotated[str, typer.Option("--split", help="train, validation, test or test_unseen.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seeds every choice.")]
JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON for a script to read.")]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="An option of the environment, as in gymnasium.make; may be repeated. The value is JSON or plain text.",
    ),
]

out = Console()
"""Where results go."""

progress_console = Console(stderr=True)
"""Where progress and errors go, so that the output of `--json` stays clean."""


def print_json(value: Any) -> None:
    """Writes a value as indented JSON, with a newline, to stdout."""
    sys.stdout.write(_json.dumps(value, orjson.OPT_INDENT_2).decode() + "\n")
    sys.stdout.flush()


def read_jsonl(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line number, object) of a JSON Lines file; `-` is stdin; blank lines are left out.

    Raises:
        ConfigError: no such file, or a line that is no JSON object.
    """
    try:
        lines = sys.stdin.buffer.readlines() if str(path) == "-" else path.read_bytes().splitlines()
    except OSError as error:
        raise ConfigError(f"Cannot read {path}: {error.strerror or error}.") from error
    for number, line in enumerate(lines, start=1):
        line = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line  # some editors begin a file with a mark
        if not line.strip():
            continue
        try:
            value = _json.loads(line)
        except ValueError as error:
            raise ConfigError(f"{path}, line {number}: not JSON ({error}).") from error
        if not isinstance(value, dict):
            raise ConfigError(f"{path}, line {number}: expected a JSON object, got {type(value).__name__}.")
        yield number, value
