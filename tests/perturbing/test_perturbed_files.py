"""Perturbed episodes in files, evaluations, demonstrations and on the command line."""

import json
from typing import cast

import pytest

from toolgym.agents.evaluation.evaluation import AgentOptions, EvalOptions, evaluate
from toolgym.agents.policies.scripted import OraclePolicy
from toolgym.cli import main
from toolgym.env import ToolEnv
from toolgym.perturbing import as_played
from toolgym.rewards.rescoring import rescore
from toolgym.trajectory import Trajectory, read_trajectories

SETTINGS = [part for item in ("distractors=4", "rename=true", "flaky=0.3", "reorder=true") for part in ("--set", item)]


def run(capsys, *arguments: object) -> tuple[int, str]:
    capsys.readouterr()
    try:
        code: object = main([str(argument) for argument in arguments]) or 0
    except SystemExit as error:
        code = error.code or 0
    printed = capsys.readouterr()
    return int(str(code)), printed.out + printed.err


@pytest.mark.usefixtures("lender")
def test_recorded_episodes_are_scored_and_shown_without_the_options(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    path = tmp_path / "episodes.jsonl"
    for agent in ("oracle", "noop"):
        code, out = run(capsys, "eval", "-a", agent, "-n", 5, "-o", path, "--append", "--set", "size=small", *SETTINGS)
        assert code == 0, out
    recorded = read_trajectories(path)
    assert [episode.outcome for episode in recorded].count("solved") >= 5
    names = recorded[0].meta["perturbation"]["names"]["tools"]
    assert {call.name for call, _ in recorded[0].calls} <= set(names.values())
    code, out = run(capsys, "score", path, "--set", "size=small", "-r", "default", "-r", "steptool", "--json")
    assert code == 0, out
    returns = [episode["returns"]["default"] for episode in json.loads(out)["episodes"]]
    assert returns == [sum(step.reward for step in episode.steps) for episode in recorded]
    code, out = run(capsys, "show", path, "--episode", 0)
    assert code == 0
    assert next(iter({call.name for call, _ in recorded[0].calls})) in out


def test_an_evaluation_does_not_depend_on_how_many_run_at_once(airline):
    options = {"size": "small", "distractors": 4, "rename": True, "flaky": 0.3, "reorder": True}
    reports = [
        evaluate(
            OraclePolicy(),
            EvalOptions(episodes=8, k=2, env_options=options, agent=AgentOptions(concurrency=at_once)),
            on_episode=lambda score, _: scores.append((score.task_id, score.trial, score.turns, score.calls)),
        )
        for at_once in (1, 5)
        if (scores := []) is not None
    ]
    assert reports[0] == reports[1]


def test_trials_differ_and_seeds_give_them_again(airline, tmp_path):
    options = {"size": "small", "rename": True}
    made = []
    for seed, name in ((0, "a"), (0, "b"), (1, "c")):
        path = tmp_path / f"{name}.jsonl"
        evaluate(OraclePolicy(), EvalOptions(episodes=3, k=2, seed=seed, env_options=options, output=path))
        made.append([episode.meta["perturbation"]["number"] for episode in read_trajectories(path)])
    assert made[0] == made[1] != made[2]
    assert len(set(made[0])) == 2


def test_figures_of_an_oracle_are_those_without_perturbations(airline):
    scores = []
    options = EvalOptions(
        episodes=20, env_options={"size": "small", "distractors": 4, "rename": True, "flaky": 0.3, "reorder": True}
    )
    report = evaluate(OraclePolicy(), options, on_episode=lambda score, _: scores.append(score)).to_json()
    assert report["step_recall"] == report["step_precision"] == report["order"] == report["first_error"] == 1.0
    assert report["recovery"] is None
    assert all(score.solved and score.reward == pytest.approx(1.0) for score in scores)
    assert all(score.tool_recall in (1.0, None) and score.call_recall in (1.0, None) for score in scores)
    assert not any(sum(score.errors.values()) for score in scores)


def test_a_recorded_episode_is_scored_as_it_was_paid(airline, follow, options):
    for reward in ("default", "awpo", "steptool"):
        env = airline(reward=reward, **options)
        for index in range(0, 100, 25):
            follow(env, index)
            task = as_played(env.tasks[index], env.trajectory)
            assert rescore(env.trajectory, task, env.reward) == [step.reward for step in env.trajectory.steps]


def test_demonstrations_are_played_in_the_episodes_names(airline):
    pytest.importorskip("torch")
    from toolgym.agents.builtin.tokenizer import build_tokenizer
    from toolgym.agents.rollouts.branches import branches
    from toolgym.agents.rollouts.demonstrations import demonstrate, gold_chain, imperfect_chain

    env = airline(distractors=4, rename=True, flaky=0.3, reorder=True, prompt="short")
    tokenizer = build_tokenizer()
    tasks = [env.tasks[index] for index in range(12)]
    experts = demonstrate(env, tokenizer, tasks, gold_chain)
    assert [expert.outcome for expert in experts] == ["solved"] * 12

    def refused(env: ToolEnv) -> list[list[str]]:
        """Of each imperfect episode what the tools' names and parameters were refused for: the mistakes' own calls."""
        made = (cast(Trajectory, one.trajectory) for one in demonstrate(env, tokenizer, tasks, imperfect_chain(0)))
        wrong = ("unknown_tool", "invalid_arguments")
        return [[result.outcome for _, result in one.calls if result.outcome in wrong] for one in made]

    assert refused(env) == refused(airline(prompt="short"))
    assert not any("unknown_tool" in outcomes for outcomes in refused(env))
    expert = max(experts, key=lambda each: len(each.rewards))
    index = experts.index(expert)
    for branch, step in zip(branches(env, index, expert), cast(Trajectory, expert.trajectory).steps, strict=True):
        assert branch.env.step(step.turn.text)[0] == step.observation
        branch.env.close()
