"""`ToolGym/All-v0` is trained on from the command line: each episode has another domain's tools and policy."""

import json
from pathlib import Path

import pytest

from toolgym.agents.grpo import main as grpo
from toolgym.agents.sft import main as sft

ALL = ["--env", "ToolGym/All-v0", "--size", "small", "--threads", "1", "--no-progress"]

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("demonstrations", ["clean", "imperfect"])
def test_sft_on_several_domains(start: str, tmp_path: Path, demonstrations: str) -> None:
    shape = ["--episodes", "12", "--batch", "4", "--micro-batch", "2", "--epochs", "2", "--learning-rate", "1e-2"]
    output = tmp_path / "run"
    made = ["--demonstrations", demonstrations, "--output", str(output)]
    assert sft([*ALL, "--prompt", "short", "--model", start, *shape, *made]) == 0
    lines = [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]
    assert lines[-1]["loss"] < lines[0]["loss"]
    assert (output / "final" / "model.safetensors").is_file()


def test_grpo_on_domains_that_the_command_line_names(start: str, tmp_path: Path) -> None:
    shape = ["--groups", "3", "--rollouts", "2", "--micro-batch", "2", "--max-new-tokens", "4", "--steps", "2"]
    output = tmp_path / "run"
    made = [
        "--output",
        str(output),
        "--set",
        "domains=home, library,telecom",
        "--set",
        "held_out=home",
        "--set",
        "user=scripted",
    ]
    assert grpo([*ALL, "--prompt", "short", "--model", start, *shape, *made]) == 0
    assert len((output / "metrics.jsonl").read_text().splitlines()) == 2
    assert (output / "final" / "model.safetensors").is_file()
