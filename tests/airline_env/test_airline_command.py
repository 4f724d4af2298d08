"""`python -m toolgym.envs.airline` shows tasks and counts."""

import json
import subprocess
import sys

from typer import Typer
from typer.testing import CliRunner

from toolgym.envs.airline import AirlineDomain, policy_text
from toolgym.envs.airline.__main__ import main
from toolgym.envs.airline.rules import (
    CANCELLED_FLIGHT_USD,
    DELAYED_FLIGHT_USD,
    EXTRA_BAG_USD,
    FREE_BAGS,
    GOODWILL_MAX_USD,
    INSURANCE_USD,
    NOW,
)

APP = Typer()
APP.command()(main)


def run(*arguments: str) -> str:
    result = CliRunner().invoke(APP, arguments)
    assert result.exit_code == 0, result.output
    return result.output


def test_tasks_as_json_lines() -> None:
    lines = run("--split", "test", "--count", "3", "--start", "2", "--json").splitlines()
    tasks = AirlineDomain(size="small").tasks("test")
    assert [json.loads(line)["id"] for line in lines] == [tasks[place].id for place in (2, 3, 4)]


def test_tasks_as_panels() -> None:
    shown = run("--split", "validation", "--count", "1", "--depth", "2")
    task = AirlineDomain(size="small").tasks("validation", depth=2)[0]
    assert task.id in shown
    assert task.gold_calls[0].name in shown


def test_statistics() -> None:
    figures = json.loads(run("--count", "50", "--statistics", "--json"))
    assert figures["looked_at"] == figures["distinct_requests"] == sum(figures["depths"].values()) == 50
    assert "distinct requests" in run("--count", "5", "--statistics")


def test_a_wrong_kind_is_explained() -> None:
    result = CliRunner().invoke(APP, ["--kinds", "reservation,cancell"])
    assert result.exit_code == 2
    assert "cancel" in result.output


def test_the_module_runs_as_a_command() -> None:
    command = [sys.executable, "-m", "toolgym.envs.airline", "--count", "1", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["domain"] == "airline"


def test_the_policy_states_the_numbers_that_the_tasks_use() -> None:
    policy = policy_text()
    for membership, free in FREE_BAGS.items():
        assert f"| {membership} | {free['basic_economy']} | {free['economy']} | {free['business']} |" in policy
    assert NOW.strftime("%Y-%m-%d, %H:%M") in policy
    assert f"costs ${EXTRA_BAG_USD}" in policy
    assert f"${INSURANCE_USD} a passenger" in policy
    assert f"${CANCELLED_FLIGHT_USD} a passenger for a cancelled flight" in policy
    assert f"${DELAYED_FLIGHT_USD} a passenger for a delayed one" in policy
    assert f"at most ${GOODWILL_MAX_USD}" in policy
    assert AirlineDomain().policy() == policy
