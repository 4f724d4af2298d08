"""Evaluations under a budget: what is counted, and what the report says."""

import json

import pytest
from rich.console import Console

from toolgym.agents.evaluation.evaluation import EvalOptions, evaluate
from toolgym.agents.evaluation.report import report_table
from toolgym.agents.policies.scripted import OraclePolicy
from toolgym.trajectory import read_trajectories


def shown(report) -> str:
    console = Console(width=120)
    with console.capture() as caught:
        console.print(report_table(report))
    return caught.get()


def test_the_oracle_with_one_call(cloakroom, tmp_path):
    """Of 20 tasks 10 need one call, 8 two (a look first), 2 none: with one call the 8 fail, with their second call
    refused. All but 2 spend the budget."""
    path = tmp_path / "episodes.jsonl"
    options = EvalOptions(cloakroom, episodes=20, output=path, env_options={"budget": "calls=1"})
    report = evaluate(OraclePolicy(), options, agent="oracle")
    found = report.to_json()
    assert found["pass@1"] == pytest.approx(12 / 20)
    assert found["calls"] == pytest.approx(18 / 20)
    assert found["over_budget"] == pytest.approx(8 / 20)
    assert found["budget_spent"] == pytest.approx(18 / 20)
    assert found["first_errors"] == {"over_budget": pytest.approx(8 / 20)}
    lines = [line.split() for line in shown(report).splitlines() if "budget" in line]
    assert ["│", "budget", "spent", "│", "90.0%"] in [line[:5] for line in lines]
    assert ["│", "calls", "over", "budget", "│", "0.40"] in [line[:6] for line in lines]
    kept = read_trajectories(path)
    assert {trajectory.meta["budget"]["calls"] for trajectory in kept} == {1}
    assert sum(result.outcome == "over_budget" for each in kept for _, result in each.calls) == 8


def test_without_a_budget_nothing_is_said_of_one(cloakroom):
    report = evaluate(OraclePolicy(), EvalOptions(cloakroom, episodes=3))
    assert (report.to_json()["over_budget"], report.to_json()["budget_spent"]) == (None, None)
    assert "budget" not in shown(report)


def test_the_command_line_takes_one(cloakroom, toolgym):
    words = ("--episodes", "20", "--budget", "calls=1", "--budget", "turns=9", "--json")
    found = json.loads(toolgym("eval", cloakroom, *words).out)
    assert (found["pass@1"], found["env_options"]) == (0.6, {"budget": "calls=1,turns=9"})
    ended = toolgym("eval", cloakroom, "--budget", "call=1")
    assert (ended.code, "Did you mean 'calls'" in ended.err) == (2, True)
    ended = toolgym("eval", cloakroom, "--budget", "calls=1", "--set", "budget=calls=2")
    assert (ended.code, "--budget" in ended.err) == (2, True)
