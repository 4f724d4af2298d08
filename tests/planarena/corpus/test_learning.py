"""`toolgym train --data` on a corpus of generated scenarios: the command, with each algorithm, takes a step."""

import json
from pathlib import Path
from typing import Any

import pytest

from toolgym.agents.builtin.policy import ModelOptions, new_model, save_checkpoint
from toolgym.agents.builtin.tokenizer import build_tokenizer
from toolgym.agents.training import registry
from toolgym.envs.planarena.corpus.building import BuildOptions, build

ALGORITHMS: dict[str, tuple[str, ...]] = {
    "sft": ("--episodes", "3"),
    "rft": ("--episodes", "3", "--samples", "1", "--max-new-tokens", "4"),
    "eto": ("--episodes", "3"),
    "dupo": ("--groups", "2", "--rollouts", "3", "--max-new-tokens", "4", "--context-tokens", "1536"),
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pairs of train scenarios of different themes, as `toolgym planarena build` makes them, and of a test scenario."""
    folder = tmp_path_factory.mktemp("corpus") / "scenarios"
    build(BuildOptions(folder, ["planarena:0", "planarena:1", "planarena:12", "planarena:8"], 24, alternatives=2))
    return folder


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model with random weights."""
    folder = tmp_path_factory.mktemp("model")
    tokenizer = build_tokenizer()
    model = new_model(tokenizer, ModelOptions(hidden_size=32, intermediate_size=32, layers=1, heads=2, kv_heads=2))
    save_checkpoint(model, tokenizer, folder)
    return folder


def train(algo: str, corpus: Path, start: Path, output: Path, *words: str) -> dict[str, Any]:
    given = ["--env", "ToolGym/PlanArena-v0", "--size", "small", "--prompt", "short", "--threads", "1", "--steps", "1"]
    given += ["--data", str(corpus), "--model", str(start), "--output", str(output), "--no-progress"]
    registry.main(algo, [*given, *ALGORITHMS[algo], *words])
    return json.loads((output / "metrics.jsonl").read_text().splitlines()[-1])


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_a_step_of_each_algorithm(algo: str, corpus: Path, start: Path, tmp_path: Path) -> None:
    last = train(algo, corpus, start, tmp_path / "run")
    assert last["step"] == 1
    assert (tmp_path / "run" / "final" / "config.json").is_file()


def test_rows_of_a_test_scenario_are_learnt_from_where_that_is_asked_for(
    corpus: Path, start: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train("sft", corpus, start, tmp_path / "run", "--split", "test")
    said = capsys.readouterr()
    assert "3 episodes" in said.out + said.err
