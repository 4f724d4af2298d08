"""The commands that measure the viewer and take its pictures still run."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.view_load import HEADER, lines_of, measure, write
from toolgym.agents.evaluation import EvalOptions, evaluate
from toolgym.agents.policies import OraclePolicy


def test_the_load_is_measured():
    found = measure(30, policy=100)
    assert found["episodes"] == 30
    assert all(value >= 0 for value in found.values())


@pytest.mark.slow
@pytest.mark.skipif(not (os.environ.get("TOOLGYM_CHROMIUM") or shutil.which("chromium")), reason="there is no Chromium")
def test_the_pictures_are_taken(tmp_path):
    pytest.importorskip("playwright")
    runs, images = tmp_path / "runs", tmp_path / "img"
    options = {"env_options": {"size": "small"}, "output": runs / "a.jsonl"}
    evaluate(OraclePolicy(), EvalOptions("ToolGym/Library-v0", "test", 2, **options))
    shutil.copy(runs / "a.jsonl", runs / "b.jsonl")
    write(runs / "run" / "metrics.jsonl", [{"step": 1, "loss": 1.0}, {"step": 2, "loss": 0.5}])
    write(runs / "run" / "episodes.jsonl", [HEADER, *lines_of(0, meta={"step": 1})])
    command = [sys.executable, "-m", "benchmarks.view_pictures", str(runs), "--output", str(images)]
    subprocess.run(command, cwd=Path(__file__).resolve().parents[2], check=True)
    names = {path.stem for path in images.iterdir()}
    assert {"view-runs", "view-episodes", "view-episode", "view-tree", "view-pairs", "view-curves"} <= names
    assert all(path.stat().st_size < 200_000 for path in images.iterdir())
