"""The speed benchmark measures what it says; its figures are for the docs, not for tests on busy machines."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_benchmark_reports_every_figure() -> None:
    options = ["--size", "small", "--prompt", "short", "--n", "100", "--num-envs", "4", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.env_speed", *options],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    report = json.loads(done.stdout)
    timings = {entry["name"]: entry for entry in report["env"] + report["ways"]}
    assert {"reset", "step", "fork", "bare Python function", "in-process session"} <= timings.keys()
    assert all(0 < entry["p10_us"] <= entry["median_us"] <= entry["p90_us"] for entry in timings.values())
    assert timings["bare Python function"]["median_us"] < timings["step"]["median_us"]
    assert timings["step"]["median_us"] < timings["FastMCP client, in memory"]["median_us"]
    assert report["vector"]["num_envs"] == 4
