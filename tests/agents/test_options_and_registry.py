"""Options from dataclasses, and algorithms by name."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import pytest

from toolgym.agents.training import registry
from toolgym.agents.training.options import parse_options
from toolgym.errors import ConfigError


@dataclass(frozen=True)
class Options:
    """Each kind of option."""

    output: Annotated[Path, "where to"] = Path("runs")
    steps: Annotated[int, "how many (100% of them)"] = 3
    rate: Annotated[float | None, "how fast"] = None
    level: Annotated[Literal["low", "high"], "which"] = "low"
    depth: Annotated[tuple[int, ...] | None, "which depths"] = None
    bf16: Annotated[bool, "half"] = False


def test_every_kind_of_option_is_read() -> None:
    def read(*argv: str) -> Options:
        return parse_options(Options, argv, prog="x", description="y")

    assert read() == Options()
    given = read("--output", "a/b", "--steps", "5", "--rate", "0.5", "--level", "high", "--depth", "1", "2", "--bf16")
    assert given == Options(Path("a/b"), 5, 0.5, "high", (1, 2), True)
    assert read("--no-bf16").bf16 is False
    assert read("--depth", "1", "2", "--depth", "3").depth == (1, 2, 3)


def test_help_shows_lines_and_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_options(Options, ["--help"], prog="toolgym x", description="Does it.")
    shown = capsys.readouterr().out
    assert "how many (100% of them) (default: 3)" in " ".join(shown.split())


def test_unknown_options_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_options(Options, ["--level", "middle"], prog="x", description="y")
    assert "invalid choice" in capsys.readouterr().err


def test_algorithms_by_name() -> None:
    assert registry.algorithms() == sorted(registry.algorithms())
    assert {"grpo", "sft"} <= set(registry.algorithms())
    with pytest.raises(ConfigError, match="Did you mean 'sft'"):
        registry.main("sftt", [])


def test_an_algorithm_of_ones_own_by_its_main(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "own_algorithm_of_a_test.py"
    file.write_text("def main(argv):\n    print('training with', *argv)\n")
    assert registry.main(f"{file}:main", ["--steps", "3"]) == 0
    assert capsys.readouterr().out == "training with --steps 3\n"
    with pytest.raises(ConfigError, match=r"name in .*own_algorithm_of_a_test"):
        registry.main(f"{file}:mian", [])
