"""Rewards, calls, states and assertions against those of the public reference."""

import os
from pathlib import Path

import gymnasium
import pytest

from benchmarks import recorded_tau2
from toolgym.agents.policies.scripted import gold_turns
from toolgym.env import ToolEnv
from toolgym.envs.tau2.data import load
from toolgym.messages import render
from toolgym.world import World

CHECKOUT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("TOOLGYM_SHARED", CHECKOUT.parent / "shared")) / "data" / "tau2"

pytestmark = [pytest.mark.external, pytest.mark.skipif(not DATA.is_dir(), reason="the recorded data is not there")]

EXCEPTIONS: dict[str, str] = {}
"""Where our rewards, results or states may differ -> why. There are none."""


def test_every_reward_is_the_references():
    report = recorded_tau2.compare_rewards(DATA)
    assert {item.where: item.reason for item in report.disagreements}.keys() == EXCEPTIONS.keys(), report.disagreements
    # Counted in the file: 52 lists of calls of the airline, 138 of retail, 23 of telecom.
    for domain, least in (("airline", 52), ("retail", 138), ("telecom", 23)):
        assert sum(count for kind, count in report.total.items() if kind.startswith(domain)) >= least
    assert report.agreed.total() >= 0.999 * report.total.total()


def test_every_call_state_and_assertion_is_the_references():
    report = recorded_tau2.compare_calls(DATA)
    assert {item.where: item.reason for item in report.disagreements}.keys() == EXCEPTIONS.keys(), report.disagreements
    # Counted in the files: 608 calls; 102 + 201 + 27 final states; 27 states of the user's; 8 assertions.
    assert report.total.total() >= 973
    assert report.agreed.total() >= 0.999 * report.total.total()


def test_another_gold_world_is_noticed(monkeypatch):
    # The comparison must be able to fail: where gold actions change nothing, states match that must not.
    for domain in ("airline", "retail", "telecom"):
        benchmark = load(domain, DATA)
        monkeypatch.setattr(type(benchmark), "gold", lambda self, task_id: World(self.base(task_id)))
    report = recorded_tau2.compare_rewards(DATA)
    assert {item.reason for item in report.disagreements} >= {"different db_match"}
    assert len(report.disagreements) > 50


@pytest.mark.parametrize(
    ("domain", "options", "count"),
    [
        ("Airline", {"user": "none"}, 50),
        ("Retail", {"user": "none"}, 114),
        ("Telecom", {"user": "scripted"}, 20),
        ("Telecom", {"solo": True}, 20),
    ],
)
def test_the_gold_of_every_public_task_earns_its_reward(domain, options, count):
    env = gymnasium.make(f"ToolGym/Tau2{domain}-v0", data=DATA, split="custom", **options).unwrapped
    assert isinstance(env, ToolEnv)
    assert len(env.tasks) >= count
    for index in range(len(env.tasks)):
        env.reset(options={"task": index})
        total = sum(env.step(render(turn, "toolgym"))[1] for turn in gold_turns(env.task))
        assert total == 1.0, env.task.id
