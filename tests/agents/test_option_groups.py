"""The help of `toolgym train --algo NAME`: options in groups, within 80 columns."""

import re
from dataclasses import dataclass
from typing import Annotated, ClassVar

import pytest

from toolgym.agents.training import registry
from toolgym.agents.training.common_options import CommonOptions
from toolgym.agents.training.options import Groups, parse_options

GROUPS = [*CommonOptions.GROUPS]


@pytest.mark.parametrize("algorithm", ["grpo", "sft", "eto", "awpo", "vine"])
def test_every_option_stands_in_one_group_with_an_example(
    algorithm: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as ended:
        registry.main(algorithm, ["--help"])
    assert not ended.value.code
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    titles = re.findall(r"^(\S.*):$", shown, flags=re.MULTILINE)
    assert titles == ["options", *(title for title in GROUPS if title in titles)]
    assert "What most people set" in titles
    assert "Machine and memory" in titles
    assert shown.count("e.g. --") == len(titles) - 1
    # The usage line does not name them all once more, and "(default: ...)" stands whole.
    assert "[OPTION ...]" in shown.splitlines()[0]
    assert len(re.findall(r"^  --model ", shown, flags=re.MULTILINE)) == 1
    assert "True" not in shown
    assert "False" not in shown


@pytest.mark.parametrize("algorithm", ["grpo", "sft"])
def test_each_example_is_read(algorithm: str) -> None:
    """Words that the parser does not know would end it."""
    module = registry._MODULES[algorithm]
    config = __import__(module, fromlist=["main"])
    options = next(value for name, value in vars(config).items() if name == f"{algorithm.upper()}Options")
    for names, example in options.GROUPS.values():
        words = example.split()
        there = {f"--{name.replace('_', '-')}" for name in names if hasattr(options, name)}
        if {word for word in words if word.startswith("--")} <= there:
            parse_options(options, words, prog="x", description="y")


def test_the_groups_name_options_that_there_are() -> None:
    """A name that was changed would silently land among the algorithm's own."""
    known: set[str] = set()
    for name in registry.algorithms():
        module = __import__(registry._MODULES[name].partition(":")[0], fromlist=["main"])
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, CommonOptions):
                known |= set(value.__dataclass_fields__)
    assert {name for names, _ in CommonOptions.GROUPS.values() for name in names} <= known


@dataclass(frozen=True)
class Own:
    """Options of somebody's own, in groups."""

    many: Annotated[int, "how many"] = 3
    quick: Annotated[bool, "at once"] = True
    rates: Annotated[tuple[float, ...], "how fast"] = (0.5, 1.0)
    GROUPS: ClassVar[Groups] = {"Much": (("many",), "--many 4"), "Rest": ((), "")}


def test_groups_of_ones_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert parse_options(Own, ["--many", "5", "--no-quick"], prog="x", description="y") == Own(5, False)
    with pytest.raises(SystemExit):
        parse_options(Own, ["--help"], prog="x", description="y")
    shown = capsys.readouterr().out
    much, rest = shown.partition("Much:")[2].split("Rest:")
    assert "e.g. --many 4" in much
    assert "how many (default: 3)" in much
    assert "e.g. --no-quick" in rest
    assert "at once (default: on)" in rest
    assert "how fast (default: 0.5 1.0)" in rest
