"""The training-speed benchmark: both trainers sample the same tokens, and every second has a name."""

import json

import pytest

from benchmarks.train_speed import main


@pytest.mark.slow
def test_both_trainers_play_the_same_tokens(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--groups", "1", "--rollouts", "2", "--micro-batch", "2", "--steps", "1", "--threads", "1", "--json"]
    assert main([*words, "--cpu-time"]) == 0
    out = capsys.readouterr().out
    results = json.loads(out[out.index('{\n "options"') :])
    assert results["ours"]["tokens"] == results["trl"]["tokens"] > 100
    for side in ("ours", "trl"):
        parts = results[side]
        assert all(parts[name] > 0 for name in ("generation", "environment", "reward", "loss"))
        whole = sum(parts[name] for name in ("generation", "environment", "reward", "loss"))
        assert whole == pytest.approx(parts["step"])
    assert results["step_ratio"] == pytest.approx(results["trl"]["step"] / results["ours"]["step"])
