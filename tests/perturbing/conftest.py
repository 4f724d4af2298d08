"""What the tests of perturbations share: a domain that lends tools, and episodes that are played to their end."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from toolgym import registration
from toolgym.agents.policies.scripted import OraclePolicy
from toolgym.env import ToolEnv
from toolgym.loading import load_named
from toolgym.perturbing import distractors

LENDER = Path(__file__).with_name("lender.py")


@pytest.fixture
def lender(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The file of a domain that alone is registered beside the airline, and has six tools to lend to it."""
    monkeypatch.setattr(registration, "_DOMAINS", registration._DOMAINS)  # put back afterwards
    monkeypatch.setattr(registration, "_NUMBERS", {})
    distractors._tools_of.cache_clear()
    load_named(f"{LENDER}:register")()
    yield LENDER
    registration._build.cache_clear()
    distractors._tools_of.cache_clear()


@pytest.fixture
def airline(lender: Path) -> Callable[..., ToolEnv]:
    """Makes small airlines; keywords are options of the environment."""

    def make(**options: Any) -> ToolEnv:
        return ToolEnv("airline", size="small", **options)

    return make


@pytest.fixture
def follow() -> Callable[..., tuple[str, float]]:
    """Plays a task as the oracle does: its outcome and the sum of its rewards."""

    def play(env: ToolEnv, index: int, **reset: Any) -> tuple[str, float]:
        policy = OraclePolicy()
        observation, info = env.reset(options={"task": index, **reset})
        policy.start(0, observation, info, env)
        total = 0.0
        while True:
            observation, reward, terminated, truncated, info = env.step(policy.generate([0])[0].text)
            total += reward
            if terminated or truncated:
                return info["outcome"], total
            policy.observe(0, observation, info)

    return play


EACH: dict[str, dict[str, Any]] = {
    "distractors": {"distractors": 4},
    "rename": {"rename": True},
    "flaky": {"flaky": 0.4},
    "reorder": {"reorder": True},
    "all": {"distractors": 4, "rename": True, "flaky": 0.4, "reorder": True},
}
"""Each perturbation, and all of them."""


@pytest.fixture(params=EACH)
def options(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The options of each perturbation, then of all together."""
    return EACH[request.param]
