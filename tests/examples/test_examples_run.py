"""Every example runs by itself, says the same each time, and reaches what it promises."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PROMISES = {
    "episode.py": "outcome:     solved",
    "many_episodes.py": "episodes, mean return",
    "own_domain.py": "a refusal is solved",
    "own_reward.py": "a call more than needed: solved, reward 0.9",
    "own_server.py": "outcome:   solved",
    "tree_search.py": "outcome: solved",
}


GIVEN = {"api_model.py", "own_algorithm.py", "own_grpo_trainer.py", "two_seeds.py"}
"""Examples that are given something (an endpoint, a folder): see test_examples_given.py."""


def start(name: str, hash_seed: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", EXAMPLES / name],
        cwd=folder,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_every_example_has_a_promise():
    assert {path.name for path in EXAMPLES.glob("*.py")} == {*PROMISES, *GIVEN}


@pytest.mark.parametrize("name", sorted(PROMISES))
def test_example(name, tmp_path):
    running = [start(name, hash_seed, tmp_path) for hash_seed in ("1", "2")]
    (printed, complaint), (again, _) = [process.communicate(timeout=120) for process in running]
    assert [process.returncode for process in running] == [0, 0], complaint
    assert complaint == ""
    assert PROMISES[name] in printed
    assert again == printed
    assert list(tmp_path.iterdir()) == []
