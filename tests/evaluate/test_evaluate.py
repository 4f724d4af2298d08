"""Whole evaluations of policies whose figures are known."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from toolgym.agents.evaluation.evaluation import AgentOptions, EvalOptions, evaluate, make_policy
from toolgym.agents.evaluation.report import Report
from toolgym.agents.policies.policy import Completion
from toolgym.agents.policies.scripted import NoopPolicy, OraclePolicy, RandomPolicy
from toolgym.agents.search import parse_search
from toolgym.errors import ConfigError
from toolgym.trajectory import read_trajectories


def figures(report: Report) -> dict:
    return report.to_json()


def test_the_oracle_solves_everything(cloakroom, tmp_path):
    path = tmp_path / "episodes.jsonl"
    seen = []
    report = evaluate(
        OraclePolicy(),
        EvalOptions(cloakroom, episodes=20, k=2, output=path),
        agent="oracle",
        on_episode=lambda score, total: seen.append((score.task_id, total)),
    )
    found = figures(report)
    assert found["pass@1"] == found["pass@2"] == found["pass^2"] == found["pass@k"] == found["pass^k"] == 1.0
    assert found["tool_recall"] == found["call_recall"] == 1.0
    assert found["errors"] == {"tool_selection": 0, "hallucinated_tool": 0, "arguments": 0, "parse": 0}
    assert found["episodes"] == 40
    assert found["outcomes"] == {"solved": 40}
    # 10 tasks of one call, 8 of two, 2 of none: (10 + 16)/20 calls, one turn more.
    assert found["calls"] == pytest.approx(1.3)
    assert found["turns"] == pytest.approx(2.3)
    assert len(seen) == 40
    assert {total for _, total in seen} == {40}
    kept = list(read_trajectories(path))
    assert len(kept) == 40
    assert {trajectory.outcome for trajectory in kept} == {"solved"}


def test_noop_solves_what_is_forbidden(cloakroom):
    found = figures(evaluate(NoopPolicy(), EvalOptions(cloakroom, episodes=20)))
    assert found["pass@1"] == pytest.approx(2 / 20)
    assert found["by_kind"]["refuse"]["pass@1"] == 1.0
    assert found["by_kind"]["hand_out"]["pass@1"] == 0.0
    assert found["tool_recall"] == 0.0
    assert found["errors"]["tool_selection"] == pytest.approx(18 / 20)


def test_an_evaluation_that_cannot_begin_leaves_what_it_was_to_overwrite(cloakroom, tmp_path):
    path = tmp_path / "episodes.jsonl"
    evaluate(NoopPolicy(), EvalOptions(cloakroom, episodes=2, output=path))
    before = path.read_bytes()
    search = parse_search("astar:memory=missing.jsonl")
    with pytest.raises(ConfigError, match="no file"):
        evaluate(RandomPolicy(0), EvalOptions(cloakroom, episodes=2, output=path, overwrite=True, search=search))
    assert path.read_bytes() == before
    evaluate(NoopPolicy(), EvalOptions(cloakroom, episodes=3, output=path, overwrite=True))
    assert len(list(read_trajectories(path))) == 3


class Clumsy:
    """Misnames a tool, hands out the wrong coat, or writes broken JSON: one mistake, then a response."""

    def __init__(self, mistake: str):
        self.turns = iter(())
        self.script = [mistake, "<response>Done.</response>"]
        self.at: dict[int, int] = {}

    def start(self, slot, observation, info, env=None):
        self.at[slot] = 0
        return []

    def observe(self, slot, observation, info):
        self.at[slot] += 1
        return []

    def generate(self, slots):
        return [Completion(self.script[self.at[slot]]) for slot in slots]

    def end(self, slot):
        self.at.pop(slot)


@pytest.mark.parametrize(
    ("mistake", "error"),
    [
        ('<tool_call>{"name": "handout", "arguments": {"ticket": "T0"}}</tool_call>', "hallucinated_tool"),
        ('<tool_call>{"name": "hand_out", "arguments": {"ticket": "T19"}}</tool_call>', "arguments"),
        ('<tool_call>{"name": "hand_out", "arguments": {</tool_call>', "parse"),
    ],
)
def test_mistakes_show_under_their_name(cloakroom, mistake, error):
    found = figures(evaluate(Clumsy(mistake), EvalOptions(cloakroom, episodes=20)))
    assert found["errors"][error] >= 0.9
    others = set(found["errors"]) - {error, "tool_selection"}
    assert all(found["errors"][other] == 0 for other in others)


class Broken(NoopPolicy):
    """Its endpoint is down for every second request."""

    def __init__(self):
        super().__init__()
        self.requests = 0

    def generate(self, slots):
        out = []
        for slot in slots:
            self.requests += 1
            out += [Completion("down", stop="error")] if self.requests % 2 else super().generate([slot])
        return out


def test_a_dead_endpoint_is_no_failure_of_the_policy(cloakroom):
    found = figures(evaluate(Broken(), EvalOptions(cloakroom, episodes=20)))
    assert found["infra_errors"] == 10
    assert found["outcomes"]["infra_error"] == 10
    # Only the ten others count, whatever they were.
    assert found["pass@1"] == found["outcomes"].get("solved", 0) / 10


class Forgetful(RandomPolicy):
    """Its context is full after one turn."""

    def __init__(self):
        super().__init__(0, stop_probability=0.0)
        self.full: set[int] = set()

    def observe(self, slot, observation, info):
        self.full.add(slot)
        return super().observe(slot, observation, info)

    def generate(self, slots):
        turns = zip(slots, super().generate(slots), strict=True)
        return [Completion("", stop="context") if slot in self.full else turn for slot, turn in turns]

    def end(self, slot):
        self.full.discard(slot)
        super().end(slot)


def test_a_full_context_truncates(cloakroom):
    found = figures(evaluate(Forgetful(), EvalOptions(cloakroom, episodes=20)))
    assert found["outcomes"] == {"truncated": 20}
    assert found["infra_errors"] == 0


@pytest.mark.parametrize("concurrency", [1, 7, 64])
def test_random_does_not_depend_on_how_many_run_at_once(cloakroom, concurrency, tmp_path):
    options = EvalOptions(cloakroom, episodes=12, k=3, seed=5, agent=AgentOptions(concurrency=concurrency))
    alone = dataclasses.replace(options, agent=AgentOptions(concurrency=2))
    assert figures(evaluate(RandomPolicy(5), options)) == figures(evaluate(RandomPolicy(5), alone))


def test_the_seed_chooses_the_tasks(cloakroom):
    ids = []
    for seed in (0, 0, 1):
        found = []
        evaluate(
            NoopPolicy(),
            EvalOptions(cloakroom, episodes=8, seed=seed),
            on_episode=lambda score, total, found=found: found.append(score.task_id),
        )
        assert len(set(found)) == 8
        ids.append(sorted(found))
    assert ids[0] == ids[1] != ids[2]


def test_more_episodes_than_tasks_are_all_tasks(cloakroom):
    assert figures(evaluate(NoopPolicy(), EvalOptions(cloakroom, episodes=500)))["tasks"] == 20


def test_two_processes_print_the_same_json():
    code = (
        "import json, sys; sys.path.insert(0, 'tests/evaluate'); import conftest; "
        "from toolgym.registration import register_domain, register_env; "
        "register_domain('cloakroom', conftest.make_cloakroom); register_env('Test/Cloakroom-v0', 'cloakroom'); "
        "from toolgym.agents.evaluation.evaluation import *; "
        "from toolgym.agents.policies.scripted import RandomPolicy; "
        "o = EvalOptions('Test/Cloakroom-v0', episodes=10, k=2, seed=3); "
        "print(json.dumps(evaluate(RandomPolicy(3), o, agent='random').to_json()))"
    )
    printed = [
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=Path(__file__).resolve().parents[2],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    ]
    assert printed[0] == printed[1]
    assert json.loads(printed[0])["episodes"] == 20


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("oracel", "Did you mean 'oracle'"),
        ("oracle:x", "Unknown agent"),
        ("hf:", "Unknown agent"),
        ("", "Unknown agent"),
    ],
)
def test_unknown_agents_suggest_the_nearest(name, message):
    with pytest.raises(ConfigError, match=message):
        make_policy(name)


def test_unknown_environments_and_options_are_named(cloakroom):
    with pytest.raises(ConfigError, match="Airline"):
        evaluate(NoopPolicy(), EvalOptions("ToolGym/Airlin-v0"))
    with pytest.raises(ConfigError, match="max_turns"):
        evaluate(NoopPolicy(), EvalOptions(cloakroom, env_options={"max_turn": 3}))
    with pytest.raises(ConfigError, match="at least 1"):
        EvalOptions(cloakroom, episodes=0)


def test_evaluating_needs_no_torch(cloakroom):
    code = (
        "import sys, toolgym.agents.policies.api; "
        "import toolgym.agents.evaluation.evaluation, toolgym.agents.evaluation.report; "
        "print({'torch', 'transformers'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
