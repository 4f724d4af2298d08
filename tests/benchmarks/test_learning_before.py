"""The learning benchmark as it was before the audit: the statistics and tables of its published runs, by hand."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.learning_before import PUBLISHED, START, main
from benchmarks.learning_parts import write_json
from benchmarks.learning_report import Run, interquartile_mean, interval, read_runs, summaries, summary
from benchmarks.learning_tables import draw, markdown_tables, report_table
from toolgym.messages import Turn, render
from toolgym.opening import open_env


def test_interquartile_mean_by_hand() -> None:
    # Eight values: two go at each end; 3, 4, 5, 6 are left. Five: one goes at each end. Three: none.
    assert interquartile_mean(np.array([100.0, 1, 2, 3, 4, 5, 6, -50])) == pytest.approx((2 + 3 + 4 + 5) / 4)
    assert interquartile_mean(np.array([0.9, 0.1, 0.5, 0.6, 0.7])) == pytest.approx(0.6)
    assert interquartile_mean(np.array([0.0, 0.5, 1.0])) == pytest.approx(0.5)


def test_the_interval_covers_runs_and_tasks() -> None:
    same_RN = np.full((5, 10), 0.25)
    assert interval(same_RN) == (0.25, 0.25)
    # Runs that agree, tasks that do not: 50 tasks of 0 or 1. More runs on the same tasks say no more of other tasks:
    # the standard error stays 0.5 / sqrt(50) = 0.07.
    tasks_RN = np.tile(np.arange(50) % 2, (5, 1)).astype(float)
    low, high = interval(tasks_RN)
    assert 0.34 < low < 0.39
    assert 0.61 < high < 0.66
    # Tasks that agree within a run, runs that do not.
    low, high = interval(np.repeat([[0.1], [0.2], [0.5], [0.8], [0.9]], 50, axis=1))
    assert low < 0.25
    assert high > 0.75
    assert interval(tasks_RN) == interval(tasks_RN)


def evaluation(solved: dict[str, list[bool]], recall: float) -> dict[str, Any]:
    report = {
        "agent": "/runs/learning/model",
        "by_kind": {"book": {"pass@1": recall}},
        "tool_recall": recall,
        "mean_reward": 0.5,
        "turns": 2.0,
        "by_depth": {"1": {"pass@1": recall}},
        "errors": dict.fromkeys(("tool_selection", "hallucinated_tool", "arguments", "parse"), 0.1),
    }
    return {"report": report, "solved": solved}


def test_a_summary_by_hand(tmp_path: Path) -> None:
    # Run one: task a 1 of 2, b 0 of 2: pass@1 (0.5 + 0) / 2 = 0.25, pass@2 (1 + 0) / 2. Run two: both always: 1 and 1.
    lines = [{"env_steps": 10.0, "solved": 0.5}, {"loss": 1.0}, {"env_steps": 14.0, "solved": 0.75}]
    runs = [
        Run(0, evaluation({"b": [False, False], "a": [True, False]}, 0.5), lines, {"cpu_seconds": 3.0}),
        Run(1, evaluation({"a": [True, True], "b": [True, True]}, 1.0), lines, {"cpu_seconds": None}),
    ]
    out = summary(runs, 2)
    assert out["pass@1"]["by_seed"] == [0.25, 1.0]
    assert out["pass@1"]["iqm"] == pytest.approx(0.625)
    assert out["pass@2"]["iqm"] == pytest.approx(0.75)
    assert out["tool_recall"] == out["by_depth"]["1"] == pytest.approx(0.75)
    assert out["env_steps"] == 24.0
    assert out["cpu_seconds"] == 3.0
    assert out["seconds"] is None
    # The start solves a always and b never: a gains -0.5 and 0, b 0 and 1, so that the runs gain -0.25 and 0.5.
    start = Run(0, evaluation({"a": [True, True], "b": [False, False]}, 0.5), [], {})
    gained = summary(runs, 2, start)["gain"]
    assert gained["iqm"] == pytest.approx(0.125)
    assert gained["interval"][0] == pytest.approx(-0.5)
    assert gained["interval"][1] == pytest.approx(1.0)
    # An episode lost to the infrastructure leaves one trial: that task says nothing of pass@2.
    lost = [Run(0, evaluation({"a": [True], "b": [False, True]}, 0.5), [], {})]
    assert summary(lost, 2)["pass@1"]["by_seed"] == [0.75]
    assert summary(lost, 2)["pass@2"]["by_seed"] == [1.0]
    table = report_table({"one": out, "other": summary(lost, 2, start)}, 2)
    assert table.row_count == 2
    for name, figures in {"alone": out, "paired": summary(runs, 2, start)}.items():
        draw({"one": figures}, {"one": runs}, tmp_path / "deep" / f"{name}.png")
        assert (tmp_path / "deep" / f"{name}.png").stat().st_size > 5000


def test_gains_are_told_apart_by_whether_something_must_be_told(tmp_path: Path) -> None:
    # The start solves a in 1 of 2 trials and b in none, the row a in 2 and b in 1: both gain a half; c gains nothing.
    before = {"a": [True, False], "b": [False, False], "c": [True]}
    after = {"a": [True, True], "b": [True, False], "c": [True]}
    unit = tmp_path / "grpo" / "seed-0"
    write_json(tmp_path / "start" / "evaluation.json", evaluation(before, 0.5))
    write_json(unit / "evaluation.json", evaluation(after, 0.5))
    (unit / "metrics.jsonl").write_text('{"env_steps": 10.0, "solved": 0.5}\n')
    runs, _ = read_runs(tmp_path, START)
    rows = summaries(tmp_path, runs, 1, START, told={"a"})
    assert rows["grpo"]["gain_told"] == {"iqm": 0.5, "interval": [0.5, 0.5]}
    assert rows["grpo"]["gain_rest"]["iqm"] == 0.25
    assert "| grpo | +50.0 [+50.0, +50.0] | +25.0 [+0.0, +50.0] |" in markdown_tables(rows, 1)
    assert "gain_told" not in summaries(tmp_path, runs, 1, START)["grpo"]


def test_a_variant_is_compared_with_its_algorithm_seed_by_seed(tmp_path: Path) -> None:
    # Of two tasks with two trials: the whole solves 1/4 with seed 0 and 3/4 with seed 1, the variant 3/4 with seed 1.
    few, many = {"a": [True, False], "b": [False, False]}, {"a": [True, True], "b": [False, True]}
    write_json(tmp_path / "options.json", {"k": 2})
    write_json(tmp_path / "start" / "evaluation.json", evaluation(few, 0.5))
    for name, seed, solved in (("awpo", 0, few), ("awpo", 1, many), ("no-gate", 1, many), ("other", 2, few)):
        unit = tmp_path / name / f"seed-{seed}"
        write_json(unit / "evaluation.json", evaluation(solved, 0.5))
        write_json(unit / "trained.json", {"algo": "awpo", "seconds": 3.0, "cpu_seconds": 2.0})
        (unit / "metrics.jsonl").write_text('{"env_steps": 10.0, "solved": 0.5, "completions/max_length": 7.0}\n' * 2)
    for rate, share in (("0.001", 0.5), ("3e-05", 0.75), ("0.0003", 0.25)):
        tried = evaluation(few, 0.5)
        tried["report"]["pass@1"] = share
        write_json(tmp_path / "awpo" / f"rate-{rate}" / "evaluation.json", tried)
    runs, _ = read_runs(tmp_path, START)
    rows = summaries(tmp_path, runs, 2, START)
    assert "of" not in rows["awpo"]
    assert list(rows["awpo"]["rates"].items()) == [("3e-05", 0.75), ("0.0003", 0.25), ("0.001", 0.5)]
    assert rows["no-gate"]["of"] == "awpo"
    assert rows["no-gate"]["difference"] == {"iqm": 0.0, "interval": [0.0, 0.0]}
    assert rows["other"]["difference"] is None
    main, _, tuning, variants = markdown_tables(rows, 2).split("\n\n")
    assert "| awpo | 3e-05 | 2 | 50.0 | +25.0 [+0.0, +50.0] | 75.0 | 50.0 | 50 | 2 |" in main
    assert "no-gate" not in main
    assert tuning.splitlines()[2:] == ["| awpo | 75.0 | 25.0 | 50.0 |"]
    assert variants.splitlines()[2:] == [
        "| no-gate | awpo | 1 | 75.0 | 50.0 | +0.0 [+0.0, +0.0] |",
        "| other | awpo | 1 | 25.0 | 50.0 |  |",
    ]
    draw(rows, runs, tmp_path / "learning.png")
    assert (tmp_path / "learning.png").stat().st_size > 5000


@pytest.mark.slow
def test_the_documented_table_is_that_of_the_published_runs(capsys: pytest.CaptureFixture[str]) -> None:
    runs, failed = read_runs(PUBLISHED, START)
    assert not failed
    shared = json.loads((PUBLISHED / "options.json").read_text())
    assert set(shared["telling"]) < set(runs[START][0].evaluation["solved"])
    assert 0 < len(shared["telling"]) < 64
    text = (PUBLISHED.parents[2] / "docs" / "learning.md").read_text()
    assert main() == 0
    for table in capsys.readouterr().out.strip().split("\n\n"):
        assert table in text, table


def test_the_reward_with_the_outcome_differs_from_toolrl_where_an_episode_is_solved() -> None:
    named = "benchmarks.learning_rewards:toolrl_and_solved"
    env = open_env("ToolGym/Airline-v0", split="train", size="small", reward=named)
    task = next(task for task in (env.tasks[index] for index in range(20)) if len(task.gold) > 1)
    for last, extra in ((task.gold[-1].response, 4.0), ("Well.", 0.0)):
        env.reset(options={"task": task})
        for action in task.gold[:-1]:
            env.step(render(Turn(action.plan, tuple(call.call() for call in action.calls), action.response)))
        _, reward, _, _, info = env.step(render(Turn(response=last)))
        assert reward == info["rewards"]["format"] + info["rewards"]["correctness"] + extra
    env.close()
