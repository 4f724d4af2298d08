"""The page of random tools, pages of scenarios, and what the commands say of them."""

from pathlib import Path

from typer.testing import CliRunner

from toolgym.cli.app import app
from toolgym.envs.planarena.lexicon import themes_of
from toolgym.envs.planarena.numbers import split_of

WRITTEN = Path(__file__).parents[2] / "docs/planarena/tools.md"
NUMBER = next(number for number in range(100) if themes_of(split_of(number)) and split_of(number) != "train")


def said(*words: str) -> str:
    result = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_the_page_of_tools_is_up_to_date() -> None:
    page = said("describe", "planarena", "--markdown")
    assert page == WRITTEN.read_text(encoding="utf-8"), "toolgym describe planarena --output docs/planarena/tools.md"
    assert page.count("**`") == 30


def test_a_scenario_has_a_page() -> None:
    page = said("describe", f"planarena:{NUMBER}", "--markdown")
    assert f"200 `{split_of(NUMBER)}`" in page
    assert all(f"**Depth {depth}**" in page for depth in range(1, 8))
    assert "unsuited" in said("describe", f"planarena:{NUMBER}", "--thrown-away", "3")


def test_the_list_tells_of_scenarios() -> None:
    table = said("list")
    assert "ToolGym/PlanArena-v0" in table
    assert "1.12M" in table
    assert max(len(line) for line in table.splitlines()) <= 80
    assert f"200 {split_of(NUMBER)}" in said("list", "ToolGym/PlanArena-v0", "--set", f"scenario={NUMBER}")
