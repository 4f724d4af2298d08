"""Our verdicts and tools against recorded ones of the official evaluator and tools."""

import os
from pathlib import Path

import pytest
from typer import Typer
from typer.testing import CliRunner

from benchmarks import recorded_api_bank

CHECKOUT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("TOOLGYM_SHARED", CHECKOUT.parent / "shared")) / "data" / "api_bank"
COPY = Path(os.environ.get("TOOLGYM_API_BANK", CHECKOUT.parent / "api-bank"))
"""A copy of API-Bank, with its databases."""

EXCEPTIONS: dict[str, list[str]] = {}
"""Reason -> the beginnings of the rows that may differ from the recordings. There are none."""

external = [pytest.mark.external, pytest.mark.skipif(not DATA.is_dir(), reason="the recorded data is not there")]
with_copy = [*external, pytest.mark.skipif(not COPY.is_dir(), reason="no copy of API-Bank (TOOLGYM_API_BANK)")]


def unexpected(agreement: recorded_api_bank.Agreement) -> list[str]:
    excepted = tuple(row for rows in EXCEPTIONS.values() for row in rows)
    return [item for item in agreement.differences if not (excepted and item.startswith(excepted))]


class TestWithoutDatabases:
    pytestmark = external

    def test_verdicts(self):
        agreement = recorded_api_bank.compare_calls(DATA)
        assert unexpected(agreement) == []
        # Counted in the file: 877 rows, of which 81 depend on a network or a model.
        assert sum(agreement.total.values()) >= 796
        assert {"CORRECT", "HAS_EXCEPTION", "INPUT_MISMATCH", "OUTPUT_MISMATCH"} <= set(agreement.total)

    def test_the_command_prints_the_agreement(self):
        app = Typer()
        app.command()(recorded_api_bank.main)
        result = CliRunner().invoke(app, ["--data", str(DATA.parent)])
        assert result.exit_code == 0, result.output
        assert "0 exceptions" in result.output
        assert "verdicts a second" in result.output


class TestWithDatabases:
    pytestmark = with_copy

    def test_verdicts(self):
        assert unexpected(recorded_api_bank.compare_calls(DATA, COPY)) == []

    @pytest.mark.parametrize("name", ["dialogue_replay", "fuzz"])
    def test_answers(self, name):
        agreement = recorded_api_bank.compare_answers(DATA, name, COPY)
        assert unexpected(agreement) == []
        assert agreement.total[name] >= 87


def test_a_difference_is_counted_and_named():
    agreement = recorded_api_bank.Agreement()
    agreement.count("CORRECT", "a", (True, None), (True, None))
    agreement.count("CORRECT", "b", (False, "HAS_EXCEPTION"), (True, None))
    agreement.count("HAS_EXCEPTION", "c", (False, "KEY_ERROR"), (False, "HAS_EXCEPTION"))
    assert (agreement.valid["CORRECT"], agreement.whole["CORRECT"]) == (1, 1)
    assert (agreement.valid["HAS_EXCEPTION"], agreement.whole["HAS_EXCEPTION"]) == (1, 0)
    assert [item[0] for item in agreement.differences] == ["b", "c"]
