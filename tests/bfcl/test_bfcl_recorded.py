"""Our verdicts against recorded ones of the official checker."""

import os
from pathlib import Path

import pytest
from typer import Typer
from typer.testing import CliRunner

from benchmarks import recorded_bfcl

CHECKOUT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("TOOLGYM_SHARED", CHECKOUT.parent / "shared")) / "data" / "bfcl"

EXCEPTIONS: dict[str, list[str]] = {}
"""Reason -> the rows that may differ from the recordings. There are none."""

external = [pytest.mark.external, pytest.mark.skipif(not DATA.is_dir(), reason="the recorded data is not there")]


class TestAgainstTheRecordings:
    pytestmark = external

    @pytest.mark.parametrize("strict", [True, False])
    def test_calls(self, strict):
        agreement = recorded_bfcl.compare_calls(DATA, strict)
        excepted = [row for rows in EXCEPTIONS.values() for row in rows]
        assert [item for item in agreement.differences if item.row not in excepted] == []
        # Counted in the files: 4,561 outputs for 13 categories.
        assert sum(agreement.total.values()) >= 4561
        assert len(agreement.total) >= 13

    def test_answers(self):
        agreement = recorded_bfcl.compare_answers(DATA)
        assert agreement.differences == []
        assert sum(agreement.total.values()) >= 306

    def test_the_command_prints_the_agreement(self):
        app = Typer()
        app.command()(recorded_bfcl.main)
        result = CliRunner().invoke(app, ["--data", str(DATA.parent)])
        assert result.exit_code == 0, result.output
        assert "agentic memory" in result.output
        assert "0 exceptions" in result.output


def test_a_difference_is_counted_and_named():
    agreement = recorded_bfcl.Agreement()
    pair = {"id": "a", "mutation": "gold", "valid": True, "error_type": None}
    agreement.count("simple", pair, (True, None))
    agreement.count("simple", pair, (False, "value_error:string"))
    agreement.count("simple", {**pair, "valid": False, "error_type": "type_error:simple"}, (False, "type_error:nested"))
    assert (agreement.total["simple"], agreement.valid["simple"], agreement.error_type["simple"]) == (3, 2, 1)
    assert [item.row for item in agreement.differences] == ["a", "a"]
