"""Where training reports to, with the real packages of Trackio and Weights & Biases."""

from pathlib import Path

import pytest

from tests.adapters.peers import run_inside


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_beside_the_real_packages(tmp_path):
    run_inside(tmp_path / "venv", ["trackio", "wandb"], Path(__file__).with_name("inside_trackers.py"))
