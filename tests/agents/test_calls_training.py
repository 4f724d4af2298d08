"""Training on rows of calls, as papers do, with the real trainers."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from toolgym.agents.training import registry

ROWS = Path(__file__).parents[1] / "calls" / "rows.jsonl"


@pytest.mark.parametrize(
    ("algo", "options"),
    [
        ("grpo", ["--reward", "toolrl"]),
        ("grpo", ["--reward", "default", "--set", "until=response", "--set", "max_turns=2"]),
        ("awpo", []),
        ("toolupt", []),
        ("steptool", ["--reward", "steptool"]),
    ],
)
def test_rows_are_trained_on(algo: str, options: list[str], start: str, tmp_path: Path, metrics: Any) -> None:
    words = ["--model", start, "--env", "ToolGym/Calls-v0", "--set", f"data={ROWS}", "--set", "test_share=0.2"]
    words += [
        "--prompt",
        "short",
        "--threads",
        "1",
        "--no-progress",
        "--steps",
        "2",
        "--groups",
        "2",
        "--rollouts",
        "2",
    ]
    words += ["--max-new-tokens", "8", "--eval-steps", "1", "--eval-episodes", "1"]
    output = tmp_path / "run"
    assert registry.main(algo, [*words, *options, "--output", str(output)]) == 0
    lines = [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]
    rewards = [value for line in lines for name, value in line.items() if name == "reward"]
    assert len(lines) >= 2
    assert all(map(math.isfinite, rewards))


def test_the_gold_of_rows_is_imitated(start: str, tmp_path: Path) -> None:
    words = ["--model", start, "--env", "ToolGym/Calls-v0", "--set", f"data={ROWS}", "--prompt", "short"]
    words += ["--threads", "1", "--no-progress", "--steps", "2", "--episodes", "4", "--batch", "2"]
    assert registry.main("sft", [*words, "--output", str(tmp_path / "run")]) == 0
    assert (tmp_path / "run" / "metrics.jsonl").read_text().count("\n") >= 1
