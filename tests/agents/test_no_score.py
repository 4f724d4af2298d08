"""A reward that is NaN says that there is no score: such an episode teaches nothing and changes no figure of others."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from toolgym.agents import grpo
from toolgym.agents.evaluation import EvalOptions, evaluate
from toolgym.agents.evaluation.report import report_table
from toolgym.agents.grpo import GRPOOptions
from toolgym.agents.policies.scripted import OraclePolicy
from toolgym.agents.rollouts.episodes import EpisodeBatch
from toolgym.agents.training.running import run
from toolgym.trajectory import read_trajectories


def test_a_run_goes_on_without_them_and_counts_them(
    fresh: Any, tokenizer: Any, tmp_path: Path, shape: dict[str, Any], metrics: Any
) -> None:
    reward = tmp_path / "judged.py"
    reward.write_text(
        "calls = 0\n"
        "def judged(trajectory, task):\n"
        "    global calls\n"
        "    calls += 1\n"
        "    return float('nan') if calls % 4 == 0 else float(calls % 3)\n"
    )
    changes = {"steps": 1, "size": "small", "prompt": "short", "context_tokens": 700, "reward": f"{reward}:judged"}
    config = GRPOOptions(output=tmp_path / "run", **{**shape, **changes}, set=("max_turns=1",))
    seen: list[EpisodeBatch] = []
    trainer = grpo.make_trainer(config, model=fresh(), tokenizer=tokenizer)
    plain = trainer.estimate
    trainer.estimate = lambda batch: (seen.append(batch), plain(batch))[1]  # type: ignore[method-assign]
    run(trainer, config)
    (line,) = metrics(config.output)
    assert line["unscored"] == 0.25  # two of eight
    assert line["infra_errors"] == 0.0
    scored = seen[0].returns_B[seen[0].usable_B]
    assert len(scored) == 6
    assert line["reward"] == pytest.approx(float(scored.mean()))


def test_a_report_says_how_many_have_no_score(tmp_path: Path) -> None:
    reward = tmp_path / "judged.py"
    reward.write_text(
        "def judged(trajectory, task):\n"
        "    return (float('nan') if len(task.gold) % 2 else 1.0) if trajectory.done else 0.0\n"
    )
    options = EvalOptions(
        episodes=12, env_options={"size": "small", "reward": f"{reward}:judged"}, output=tmp_path / "episodes.jsonl"
    )
    report = evaluate(OraclePolicy(), options)
    figures = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert 0 < figures["unscored"] < 12
    assert figures["mean_reward"] == 1.0  # of those with a score
    assert figures["pass@1"] == 1.0  # of all
    assert f"{figures['unscored']} without a score" in str(report_table(report).renderables[0].caption)  # type: ignore[attr-defined]
    read = read_trajectories(tmp_path / "episodes.jsonl")
    assert sum(math.isnan(trajectory.steps[-1].reward) for trajectory in read) == figures["unscored"]
    assert "NaN" not in (tmp_path / "episodes.jsonl").read_text()
