"""The demo from end to end, on a model that knows nothing."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.text import Text

from toolgym.agents.builtin.demo import DemoOptions, demo, expert_episode
from toolgym.agents.builtin.policy import save_checkpoint
from toolgym.trajectory import read_trajectories


@pytest.mark.parametrize("width", [70, 110])
def test_the_expert_episode_fits_its_frame(width: int) -> None:
    out = io.StringIO()
    Console(file=out, force_terminal=True, color_system="standard", width=width).print(expert_episode(0, width))
    lines = [Text.from_ansi(line) for line in out.getvalue().splitlines()]
    assert {line.cell_len for line in lines} == {width}
    inside = "".join(line.plain.strip("│ ") for line in lines)
    assert "\x1b" not in inside
    assert "[0" not in inside  # a colour code that was cut in two
    assert sum(line.plain.startswith("│ step ") for line in lines) == 3


@pytest.mark.slow
def test_the_demo_writes_what_it_promises(
    tokenizer: Any, tiny_model: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_checkpoint(tiny_model, tokenizer, tmp_path / "model")
    options = DemoOptions(
        output=tmp_path / "out", steps=2, episodes=4, model=str(tmp_path / "model"), groups=1, rollouts=2, threads=1
    )
    results = demo(options, json=True)
    shown = capsys.readouterr()
    assert json.loads(shown.out) == results
    assert json.loads((options.output / "results.json").read_text()) == results
    assert "expert episode" in shown.err
    assert "Try next" in shown.err
    assert [stage["name"] for stage in results["stages"]] == ["warm start", "after GRPO"]
    assert results["episodes"] == 4
    assert [file.name for file in sorted(options.output.glob("metrics*"))] == [
        "metrics.jsonl"
    ]  # `toolgym plot` reads it
    for way in ("sampled", "greedy"):
        assert results["gain"][way]["low"] <= results["gain"][way]["mean"] <= results["gain"][way]["high"]
    for stage in results["stages"]:
        low, high = stage["sampled"]["interval"]
        assert 0 <= low <= stage["sampled"]["pass@1"] <= high <= 1
    assert [point["step"] for point in results["train_solved"]] == [1, 2]
    assert (options.output / "learning_curve.png").read_bytes().startswith(b"\x89PNG")
    assert (Path(results["checkpoint"]) / "model.safetensors").is_file()
    for file in sorted(options.output.glob("test_*.jsonl")):
        assert len(list(read_trajectories(file))) == 4
    assert len(list(options.output.glob("test_*.jsonl"))) == 4
