"""A tiny model, a toy environment and runs of seconds, so that the learners are tested without minutes of training."""

import importlib.util
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from transformers import TrainerCallback

from toolgym.agents.builtin.policy import ModelOptions, new_model, save_checkpoint
from toolgym.agents.builtin.tokenizer import build_tokenizer
from toolgym.errors import InfraError

torch.set_num_threads(1)

TINY = ModelOptions(hidden_size=32, intermediate_size=48, layers=2, heads=2, kv_heads=1, max_tokens=2048)


class ToyEnv:
    """Turns until the agent has written `limit` messages; the reward is the share of the letter a in a message.

    The opening and each answer depend on the task's number and on what was said, so contexts differ in length.
    """

    def __init__(self, limit: int = 3, fails_at: int | None = None):
        self.limit, self.fails_at = limit, fails_at
        self.said: list[str] = []
        self.trajectory = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        self.task = int((options or {}).get("task", seed or 0))
        self.said = []
        text = "please " * (self.task % 5 + 1) + str(self.task)
        return text, {"messages": [{"role": "user", "content": text}], "tools": []}

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        self.said.append(action)
        over = len(self.said) >= self.limit - self.task % 2
        text = f"turn {len(self.said)}: " + "z" * (len(action) % 7)
        info: dict[str, Any] = {"messages": [{"role": "tool", "content": text}], "rewards": {"a": 0.0}}
        if self.fails_at is not None and len(self.said) >= self.fails_at:
            return "", 0.0, True, False, {**info, "outcome": "infra_error"}
        if over:
            info["outcome"] = "solved" if "a" in action else "unsolved"
        return text, action.count("a") / max(len(action), 1), over, False, info


@pytest.fixture(scope="session")
def tokenizer() -> Any:
    return build_tokenizer()


@pytest.fixture
def tiny_model(tokenizer: Any) -> Any:
    """Random weights, scaled up so that the next token's distribution is not flat."""
    model = new_model(tokenizer, TINY, seed=1)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter.mul_(4.0)
    return model.eval()


@pytest.fixture
def toy_envs() -> Any:
    """Makes `count` toy environments."""

    def make(count: int, **options: Any) -> list[ToyEnv]:
        return [ToyEnv(**options) for _ in range(count)]

    return make


@pytest.fixture
def toy_tasks() -> Any:
    """A task set whose tasks are their own numbers."""
    return list(range(40))


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


# Runs ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def fresh(tiny_model: Any) -> Any:
    """Makes copies of the tiny model."""
    state = {name: value.clone() for name, value in tiny_model.state_dict().items()}

    def make() -> Any:
        model = type(tiny_model)(tiny_model.config)
        model.load_state_dict(state)
        return model

    return make


@pytest.fixture
def start(tiny_model: Any, tokenizer: Any, tmp_path: Path) -> str:
    """The folder of a checkpoint of the tiny model."""
    save_checkpoint(tiny_model, tokenizer, tmp_path / "start")
    return str(tmp_path / "start")


@pytest.fixture
def shape() -> dict[str, Any]:
    """Options of a run that takes seconds."""
    return {
        "steps": 4,
        "groups": 2,
        "rollouts": 4,
        "micro_batch": 4,
        "learning_rate": 1e-3,
        "max_new_tokens": 8,
        "context_tokens": 256,
        "save_steps": 2,
        "threads": 1,
        "progress": False,
    }


@pytest.fixture
def airline_arguments(start: str) -> list[str]:
    """A command line for one step of one pair of episodes on the small airline."""
    where = ["--model", start, "--size", "small", "--prompt", "short", "--threads", "1", "--no-progress"]
    return [*where, "--steps", "1", "--groups", "1", "--rollouts", "2", "--micro-batch", "2", "--max-new-tokens", "6"]


def read_metrics(output: Path) -> list[dict[str, Any]]:
    """A run's lines of figures, without the times."""
    lines = [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]
    times = ("seconds/rollout", "seconds/wait", "stale/overlap", "step_time", "epoch")
    return [{name: value for name, value in line.items() if name not in times} for line in lines]


@pytest.fixture
def metrics() -> Callable[[Path], list[dict[str, Any]]]:
    """Reads a run's lines of figures, without the times."""
    return read_metrics


class StopAfter(TrainerCallback):
    """Ends a run after a step, as a kill would."""

    def __init__(self, step: int):
        self.step = step

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step == self.step:
            control.should_training_stop = True


@pytest.fixture
def resumes(tmp_path: Path) -> Any:
    """Runs a configuration whole, and again with a stop and a resumption: the figures must be the same.

    It takes the configuration, what makes its trainer (of a configuration and callbacks), and the step after which the
    second run stops; it gives the figures, and the resumed trainer.
    """

    from toolgym.agents.training.running import run  # TRL: not every test needs it

    def check(
        config: Any, make: Callable[[Any, Sequence[TrainerCallback]], Any], *, stop: int
    ) -> tuple[list[dict[str, Any]], Any]:
        whole, half = replace(config, output=tmp_path / "whole"), replace(config, output=tmp_path / "half")
        run(make(whole, []), whole)
        run(make(half, [StopAfter(stop)]), half)
        assert [line["step"] for line in read_metrics(half.output)] == list(range(1, stop + 1))
        resumed = make(half, [])
        run(resumed, replace(half, resume=True))
        one, other = read_metrics(whole.output), read_metrics(half.output)
        assert [line["step"] for line in one] == list(range(1, config.steps + 1))
        for left, right in zip(one, other, strict=True):
            assert left == pytest.approx(right, abs=1e-6)
        assert any(line["grad_norm"] > 0 for line in one)
        return one, resumed

    return check


@pytest.fixture
def forked_players(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has the players of this process (`--stale`) forked, where the library starts an interpreter for each."""
    from tests.agents.programs import FORKS
    from toolgym.agents.training import overlap

    monkeypatch.setattr(overlap, "multiprocessing", SimpleNamespace(get_context=lambda kind: FORKS))


class DeadEnv:
    """An environment whose server is gone."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        raise InfraError("no server")

    def step(self, action: str) -> Any:
        raise InfraError("no server")


@pytest.fixture
def dead_env() -> DeadEnv:
    """An environment whose server is gone."""
    return DeadEnv()


@pytest.fixture(scope="session")
def standin_kind() -> Any:
    """The class of stand-ins for vLLM servers: `vllm_standin.py`."""
    spec = importlib.util.spec_from_file_location("toolgym_test_vllm", Path(__file__).with_name("vllm_standin.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.StandIn


@pytest.fixture
def standins(standin_kind: Any, start: str) -> Iterator[Callable[[int], list[Any]]]:
    """Makes servers that have the tiny model's weights."""
    made: list[Any] = []

    def make(count: int) -> list[Any]:
        new = [standin_kind(start) for _ in range(count)]
        made.extend(new)
        return new

    yield make
    for server in made:
        server.close()
