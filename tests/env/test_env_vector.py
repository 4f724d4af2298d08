"""`ToolVectorEnv` gives what Gymnasium's `SyncVectorEnv` gives, in every autoreset mode."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from toolgym.custom import CustomDomain
from toolgym.env import ToolEnv
from toolgym.errors import ConfigError
from toolgym.vector import ToolVectorEnv

NUM_ENVS = 5
ACTIONS = (
    '<tool_call>{"name": "get_account", "arguments": {"account": "acc_1"}}</tool_call>',
    '<tool_call>{"name": "pay_in", "arguments": {"account": "acc_2", "amount": 3}}</tool_call>',
    '<tool_call>{"name": "pay_in", "arguments": {"account": "acc_2", "amount": -3}}</tool_call>',
    "<response>Done.</response>",
    "<tool_call>{",
    "",
)


def same(a: Any, b: Any) -> bool:
    """Deep equality of what vector environments return, dtypes and array types included."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return bool(a == b)


def random_actions(rng: np.random.Generator) -> tuple[str, ...]:
    return tuple(ACTIONS[index] for index in rng.integers(len(ACTIONS), size=NUM_ENVS))


@pytest.mark.parametrize("mode", list(AutoresetMode))
@pytest.mark.parametrize("user", ["none", "scripted"])
def test_own_vectorisation_equals_gymnasiums(
    bank: CustomDomain, make_bank: Callable[..., ToolEnv], mode: AutoresetMode, user: str
) -> None:
    reward = make_bank().reward
    sync = SyncVectorEnv([lambda: make_bank(user=user, max_turns=4)] * NUM_ENVS, autoreset_mode=mode)
    own = ToolVectorEnv(NUM_ENVS, bank, autoreset_mode=mode, reward=reward, user=user, max_turns=4)
    assert same(sync.reset(seed=11), own.reset(seed=11))
    rng = np.random.default_rng(5)
    endings = 0
    for _ in range(60):
        actions = random_actions(rng)
        expected, got = sync.step(actions), own.step(actions)
        assert same(expected, got)
        over = expected[2] | expected[3]
        endings += int(over.sum())
        if mode is AutoresetMode.DISABLED and over.any():
            assert same(sync.reset(options={"reset_mask": over}), own.reset(options={"reset_mask": over.copy()}))
    assert endings > NUM_ENVS
    own.close()


def test_spaces_and_metadata_are_those_of_gymnasium(bank: CustomDomain, make_bank: Callable[..., ToolEnv]) -> None:
    sync = SyncVectorEnv([make_bank] * 2)
    own = ToolVectorEnv(2, bank, reward=make_bank().reward)
    assert own.action_space == sync.action_space
    assert own.observation_space == sync.observation_space
    assert own.metadata == sync.metadata
    observations, _ = own.reset(seed=0)
    assert observations in own.observation_space
    assert own.action_space.sample() in own.action_space


def test_each_episode_can_have_its_task(bank: CustomDomain, make_bank: Callable[..., ToolEnv]) -> None:
    own = ToolVectorEnv(3, bank, reward=make_bank().reward)
    _, infos = own.reset(options={"tasks": ["bank-4", 7, "bank-4"]})
    assert infos["task_id"].tolist() == ["bank-4", "bank-7", "bank-4"]
    _, infos = own.reset(options={"task": "bank-2", "reset_mask": np.array([False, True, False])})
    assert infos["task_id"].tolist() == [None, "bank-2", None]
    assert infos["_task_id"].tolist() == [False, True, False]
    assert [env.task.id for env in own.envs] == ["bank-4", "bank-2", "bank-4"]


def test_disabled_autoreset_asks_for_a_reset(bank: CustomDomain, make_bank: Callable[..., ToolEnv]) -> None:
    own = ToolVectorEnv(2, bank, autoreset_mode="Disabled", reward=make_bank().reward)
    own.reset(seed=0)
    own.step(["<response>Done.</response>", ""])
    with pytest.raises(ResetNeeded, match=r"\[0\]"):
        own.step(["", ""])


def test_wrong_options_say_what_would_be_right(bank: CustomDomain) -> None:
    with pytest.raises(ConfigError, match="Did you mean 'SameStep'"):
        ToolVectorEnv(2, bank, autoreset_mode="same_step")
    with pytest.raises(ConfigError, match="at least 1"):
        ToolVectorEnv(0, bank)
    own = ToolVectorEnv(2, bank, reward=lambda trajectory, task: 0.0)
    with pytest.raises(ConfigError, match="Did you mean 'tasks'"):
        own.reset(options={"taskss": [1, 2]})
    with pytest.raises(ConfigError, match="reset_mask"):
        own.reset(options={"reset_mask": np.zeros(2, dtype=np.bool_)})
    with pytest.raises(ConfigError, match="as many tasks"):
        own.reset(options={"tasks": [1]})
    for odd in (3, "ab", {1, 2}):
        with pytest.raises(ConfigError, match="tasks is a list of tasks"):
            own.reset(options={"tasks": odd})
    own.reset(options={"tasks": None})
    own.reset(seed=0)
    with pytest.raises(ValueError, match="as many actions"):
        own.step(["x"])
