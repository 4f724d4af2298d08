"""Environments on a server over HTTP: the same episodes as in process, one by one and many at once."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from toolgym.custom import CustomDomain
from toolgym.env import ToolEnv
from toolgym.mcp.connect import connect
from toolgym.mcp.serve import serving
from toolgym.messages import ToolCall, Turn, render
from toolgym.vector import ToolVectorEnv


def pay(account: str, amount: Any) -> str:
    return render(Turn(calls=(ToolCall("pay_in", {"account": account, "amount": amount}),)))


ACTIONS = (
    pay("acc_1", 2),
    pay("acc_1", -2),
    pay("acc_1", "lots"),
    pay("acc_99", 1),
    render(Turn(calls=(ToolCall("get_account", {"account": "acc_1"}), ToolCall("no_such_tool", {})))),
    "<tool_call>{",
    "<response>Done.</response>",
)


@pytest.fixture(scope="module")
def http_bank(bank: CustomDomain, fresh_bank: Callable[[], ToolEnv]) -> Iterator[CustomDomain]:
    """The bank behind HTTP."""
    server = fresh_bank().domain.session.__self__  # type: ignore[attr-defined]
    with serving(server) as url, connect(url) as handle:
        yield CustomDomain(handle.session, list(bank.tasks("train")), policy=bank.policy(), name="bank")


def test_an_episode_over_http_is_the_one_in_process(bank: CustomDomain, http_bank: CustomDomain) -> None:
    near, far = ToolEnv(bank), ToolEnv(http_bank)
    assert (near.suspends, far.suspends) == (False, True)
    for index in (0, 1):
        assert near.reset(options={"task": index}) == far.reset(options={"task": index})
        for action in (*ACTIONS[:-1], pay(f"acc_{index}", index + 1), ACTIONS[-1]):
            assert near.step(action) == far.step(action)
        assert near.trajectory == far.trajectory
    far.close()


def test_a_fork_over_http_is_apart(http_bank: CustomDomain) -> None:
    env = ToolEnv(http_bank)
    env.reset(options={"task": 2})
    fork = env.fork()
    fork.step(pay("acc_2", 100))
    env.step(pay("acc_2", 3))
    assert env.step(ACTIONS[-1])[4]["outcome"] == "solved"
    assert fork.step(ACTIONS[-1])[4]["outcome"] == "unsolved"
    env.close()
    fork.close()


def test_inside_a_running_event_loop(bank: CustomDomain, http_bank: CustomDomain) -> None:
    async def notebook() -> list[Any]:
        outs = []
        for domain in (bank, http_bank):
            vector = ToolVectorEnv(2, domain)
            vector.reset(seed=1)
            outs.append(vector.step([ACTIONS[0], ACTIONS[1]]))
            vector.close()
        return outs

    near, far = asyncio.run(notebook())
    np.testing.assert_equal(far, near)


@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
def test_many_episodes_over_http_are_those_in_process(bank: CustomDomain, http_bank: CustomDomain, mode: str) -> None:
    near, far = ToolVectorEnv(6, bank, autoreset_mode=mode), ToolVectorEnv(6, http_bank, autoreset_mode=mode)
    rng = np.random.default_rng(0)
    outs = [near.reset(seed=1), far.reset(seed=1)]
    np.testing.assert_equal(outs[1], outs[0])
    for _ in range(8):
        actions = [ACTIONS[index] for index in rng.integers(len(ACTIONS), size=6)]
        outs = [near.step(actions), far.step(actions)]
        np.testing.assert_equal(outs[1], outs[0])
    far.close()
    far.close()
