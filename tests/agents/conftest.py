"""A tiny model and a toy environment, so that the learners are tested without minutes of training."""

from typing import Any

import numpy as np
import pytest
import torch

from toolgym.agents.builtin import ModelOptions, new_model
from toolgym.agents.tokenizer import build_tokenizer

torch.set_num_threads(1)

TINY = ModelOptions(hidden_size=32, intermediate_size=48, layers=2, heads=2, kv_heads=1, max_tokens=1024)


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
