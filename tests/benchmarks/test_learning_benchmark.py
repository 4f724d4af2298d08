"""The learning benchmark: its statistics by hand, its commands, and one tiny run that is not made twice."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.learning import LearningOptions, command, entries, main
from benchmarks.learning_report import Run, draw, interquartile_mean, interval, report_table, summary
from toolgym.agents.builtin import ModelOptions, new_model, save_checkpoint
from toolgym.agents.eto import ETOOptions
from toolgym.agents.grpo import PRESETS, GRPOOptions, preset
from toolgym.agents.options import parse_options
from toolgym.agents.rft import RFTOptions
from toolgym.agents.sft import SFTOptions
from toolgym.agents.tokenizer import build_tokenizer
from toolgym.errors import ConfigError


def test_interquartile_mean_by_hand() -> None:
    # Eight values: two go at each end; 3, 4, 5, 6 are left. Five: one goes at each end. Three: none.
    assert interquartile_mean(np.array([100.0, 1, 2, 3, 4, 5, 6, -50])) == pytest.approx((2 + 3 + 4 + 5) / 4)
    assert interquartile_mean(np.array([0.9, 0.1, 0.5, 0.6, 0.7])) == pytest.approx(0.6)
    assert interquartile_mean(np.array([0.0, 0.5, 1.0])) == pytest.approx(0.5)


def test_the_interval_covers_runs_and_tasks() -> None:
    same_RN = np.full((5, 10), 0.25)
    assert interval(same_RN) == (0.25, 0.25)
    # Runs that agree, tasks that do not: 50 tasks of 0 or 1. The standard error is 0.5 / sqrt(50) a run, and less for
    # the middle three of five.
    tasks_RN = np.tile(np.arange(50) % 2, (5, 1)).astype(float)
    low, high = interval(tasks_RN)
    assert 0.40 < low < 0.47
    assert 0.53 < high < 0.60
    # Tasks that agree within a run, runs that do not.
    low, high = interval(np.repeat([[0.1], [0.2], [0.5], [0.8], [0.9]], 50, axis=1))
    assert low < 0.25
    assert high > 0.75
    assert interval(tasks_RN) == interval(tasks_RN)


def evaluation(solved: dict[str, list[bool]], recall: float) -> dict[str, Any]:
    report = {
        "tool_recall": recall,
        "mean_reward": 0.5,
        "turns": 2.0,
        "by_depth": {"1": {"pass@1": recall}},
        "errors": dict.fromkeys(("tool_selection", "hallucinated_tool", "arguments", "parse"), 0.1),
    }
    return {"report": report, "solved": solved, "seconds": 3.0}


def test_a_summary_by_hand(tmp_path: Path) -> None:
    # Run one: task a 1 of 2, b 0 of 2: pass@1 (0.5 + 0) / 2 = 0.25, pass@2 (1 + 0) / 2. Run two: both always: 1 and 1.
    lines = [{"env_steps": 10.0, "solved": 0.5}, {"loss": 1.0}, {"env_steps": 14.0, "solved": 0.75}]
    runs = [
        Run(0, evaluation({"b": [False, False], "a": [True, False]}, 0.5), lines),
        Run(1, evaluation({"a": [True, True], "b": [True, True]}, 1.0), lines),
    ]
    out = summary(runs, 2)
    assert out["pass@1"]["by_seed"] == [0.25, 1.0]
    assert out["pass@1"]["iqm"] == pytest.approx(0.625)
    assert out["pass@2"]["iqm"] == pytest.approx(0.75)
    assert out["tool_recall"] == out["by_depth"]["1"] == pytest.approx(0.75)
    assert out["env_steps"] == 24.0
    # An episode lost to the infrastructure leaves one trial: that task says nothing of pass@2.
    lost = [Run(0, evaluation({"a": [True], "b": [False, True]}, 0.5), [])]
    assert summary(lost, 2)["pass@1"]["by_seed"] == [0.75]
    assert summary(lost, 2)["pass@2"]["by_seed"] == [1.0]
    table = report_table({"one": out, "other": summary(lost, 2)}, 2)
    assert table.row_count == 2
    draw({"one": out}, {"one": runs}, tmp_path / "deep" / "learning.png")
    assert (tmp_path / "deep" / "learning.png").stat().st_size > 5000


def test_rows_are_algorithms_and_variants() -> None:
    options = LearningOptions(algos=("grpo",), variants=("dapo-plain=dapo --no-overlong --attempts 2",))
    assert entries(options) == [("grpo", "grpo", []), ("dapo-plain", "dapo", ["--no-overlong", "--attempts", "2"])]
    with pytest.raises(ConfigError, match="Did you mean 'grpo'"):
        LearningOptions(algos=("grop",))
    with pytest.raises(ConfigError, match="NAME=ALGO"):
        LearningOptions(variants=("dapo --no-overlong",))
    assert "rft" in [name for name, _, _ in entries(LearningOptions())]


@pytest.mark.parametrize(
    ("algo", "kind", "defaults"),
    [
        *((name, GRPOOptions, preset(name)) for name in sorted(PRESETS)),
        ("sft", SFTOptions, {}),
        ("rft", RFTOptions, {}),
        ("eto", ETOOptions, {}),
    ],
)
def test_every_algorithm_gets_the_same_number_of_environment_steps(
    algo: str, kind: type[Any], defaults: dict[str, Any], tmp_path: Path
) -> None:
    words = command(LearningOptions(steps=10), (algo, algo, []), 3, 2.5, tmp_path)
    given = parse_options(kind, words[words.index("--algo") + 2 :], prog="x", description="", defaults=defaults)
    assert given.seed == 3
    assert given.model == "builtin:imperfect"
    # 10 batches of 64 episodes of 2.5 steps; those that play first: 640 episodes, the expert's and three own a task.
    if isinstance(given, GRPOOptions):
        assert given.env_steps == 1600
    else:
        assert given.episodes == (640 if algo == "sft" else 160)


@pytest.mark.slow
def test_a_tiny_benchmark_runs_and_is_not_run_twice(tmp_path: Path) -> None:
    tokenizer = build_tokenizer()
    tiny = ModelOptions(hidden_size=16, intermediate_size=16, layers=1, heads=2, kv_heads=1, max_tokens=1024)
    save_checkpoint(new_model(tokenizer, tiny), tokenizer, tmp_path / "model")
    output = tmp_path / "out"
    words = ["--algos", "grpo", "--seeds", "0", "--steps", "1", "--groups", "1", "--rollouts", "2"]
    words += ["--micro-batch", "2", "--episodes", "2", "--k", "2", "--max-new-tokens", "5", "--threads", "1"]
    words += ["--model", str(tmp_path / "model"), "--output", str(output)]
    assert main(words) == 0
    results = json.loads((output / "results.json").read_text())
    assert list(results["algorithms"]) == ["warm start", "grpo"]
    assert results["algorithms"]["grpo"]["env_steps"] > 0
    assert (output / "learning.png").is_file()
    log = (output / "grpo" / "seed-0" / "train.log").read_bytes()
    assert main(words) == 0
    assert (output / "grpo" / "seed-0" / "train.log").read_bytes() == log
    assert json.loads((output / "results.json").read_text()) == results
    # A run that fails is named, and the rest is still reported.
    assert main([*words, "--variants", "broken=grpo --epsilon nonsense"]) == 1
    failed = json.loads((output / "results.json").read_text())["failed"]
    assert len(failed) == 1
    assert "nonsense" in failed[0]
