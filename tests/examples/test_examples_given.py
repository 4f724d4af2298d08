"""The examples that are given an endpoint or a folder run, and do what they are for."""

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.agents.programs import Program
from toolgym.agents.rollouts.episodes import EpisodeBatch
from toolgym.agents.rollouts.rollout import Rollout
from toolgym.cli import main
from toolgym.loading import load_named

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def run(folder: Path, name: str, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, EXAMPLES / name, *words],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_an_api_model_talks_to_a_user_that_a_model_plays(tmp_path, chat_server):
    chat_server.default = lambda body: "[END]" if body["model"] == "the-user" else "I cannot do that."
    done = run(tmp_path, "api_model.py", "the-agent", "the-user", "2", OPENAI_BASE_URL=chat_server.url)
    assert done.returncode == 0, done.stderr
    assert "the-agent: " in done.stdout
    assert "of 2 tasks" in done.stdout
    assert {request["model"] for request in chat_server.requests} == {"the-agent", "the-user"}


def test_an_estimator_against_the_batchs_mean_worked_out_by_hand():
    # Returns 3, 1 and one that is lost: the mean of the usable ones is 2, the advantages are 1 and -1, cut to 0.5.
    def played(reward: float, outcome) -> Rollout:
        tokens = {"completion_ids": [1, 2], "env_mask": [1, 0], "logprobs": [0.0, 0.0], "types": ["resp", "env"]}
        return Rollout([0], **tokens, spans=[(0, 1)], rewards=[reward], outcome=outcome)

    batch = EpisodeBatch.of([played(3, "solved"), played(1, "unsolved"), played(9, "infra_error")], 3)
    estimator = load_named(f"{EXAMPLES}/own_algorithm.py:above_the_batch")
    assert estimator(batch, 2.0).tolist() == [[1.0, 0.0], [-1.0, 0.0], [0.0, 0.0]]
    assert estimator(batch, 0.5).tolist() == [[0.5, 0.0], [-0.5, 0.0], [0.0, 0.0]]
    lost = EpisodeBatch.of([played(math.nan, "unsolved")], 1)
    assert torch.equal(estimator(lost, 1.0), torch.zeros(1, 2))


@pytest.mark.slow
def test_an_algorithm_of_ones_own_trains(tmp_path):
    words = [
        "--steps",
        "1",
        "--groups",
        "2",
        "--rollouts",
        "2",
        "--max-new-tokens",
        "40",
        "--threads",
        "1",
        "--no-progress",
    ]
    command = [EXAMPLES / "own_algorithm.py", "--output", "own", *words]
    with Program(command, tmp_path / "out", tmp_path / "err", cwd=tmp_path) as program:
        assert program.wait(300) == 0, program.said()
    assert program.out.read_text().strip() == "own/final"
    assert (tmp_path / "own" / "metrics.jsonl").is_file()


def test_an_option_of_ones_own_is_in_the_help_and_is_checked(capsys):
    algo = f"{EXAMPLES}/own_algorithm.py:main"
    with pytest.raises(SystemExit) as stop:
        main(["train", "--algo", algo, "--help"])
    assert stop.value.code == 0
    assert "the largest advantage, either way" in capsys.readouterr().out
    with pytest.raises(SystemExit) as stop:
        main(["train", "--algo", algo, "--clip", "0"])
    assert stop.value.code == 2
    assert "clip must be greater than 0" in capsys.readouterr().err


@pytest.mark.slow
def test_trls_own_trainer_learns_from_episodes(tmp_path):
    command = [EXAMPLES / "own_grpo_trainer.py", "trained", 1]
    with Program(command, tmp_path / "out", tmp_path / "err", cwd=tmp_path) as program:
        assert program.wait(300) == 0, program.said()
    assert "1 steps, mean return " in program.out.read_text()
    assert (tmp_path / "trained" / "model.safetensors").is_file()


@pytest.mark.slow
def test_two_seeds_are_trained_and_drawn_as_one(tmp_path):
    words = ["--steps", "1", "--groups", "2", "--rollouts", "2", "--max-new-tokens", "40", "--threads", "1"]
    done = run(tmp_path, "two_seeds.py", "sweep", *words, "--no-progress")
    assert done.returncode == 0, done.stderr
    assert "more seeds" in " ".join(done.stdout.split())
    assert (tmp_path / "sweep" / "curves.png").is_file()
