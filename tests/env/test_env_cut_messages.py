"""A message that was cut is no answer and no call, whichever way it reaches the environment."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import pytest
from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv

from toolgym.custom import CustomDomain
from toolgym.env import ToolEnv
from toolgym.messages import CutMessage
from toolgym.rewards.rescoring import rescore
from toolgym.trajectory import read_trajectories
from toolgym.vector import ToolVectorEnv
from toolgym.wrappers import RecordTrajectories

PAY = '<tool_call>{"name": "pay_in", "arguments": {"account": "acc_2", "amount": 3}}</tool_call>'
TOLD = "<problem>Your message was cut off before its end"


@pytest.mark.parametrize(
    "text", ["It is paid in: GOLD", "<response>It is paid in.</response>", PAY, PAY + "<respon", ""]
)
@pytest.mark.parametrize("format", ["auto", "toolgym", "hermes", "openai"])
def test_nothing_of_it_is_carried_out_or_said(make_bank: Callable[..., ToolEnv], text: str, format: str) -> None:
    env = make_bank(format=format)
    env.reset(options={"task": "bank-2"})
    observation, _, terminated, truncated, info = env.step(CutMessage(text))
    assert observation.startswith(TOLD)
    assert (terminated, truncated, info["calls"]) == (False, False, [])
    assert env.session.diff() == {}


def test_an_answer_that_is_cut_solves_nothing_and_a_whole_one_does(make_bank: Callable[..., ToolEnv]) -> None:
    env = make_bank()
    env.reset(options={"task": "bank-2"})
    env.step(PAY)
    twin = env.fork()
    assert not env.step(CutMessage("It is paid"))[2]
    assert "outcome" not in twin.step(CutMessage("It is paid"))[4]  # in a fork too
    assert env.step("It is paid in.")[4]["outcome"] == "solved"


def test_the_user_does_not_hear_it(make_bank: Callable[..., ToolEnv]) -> None:
    env = make_bank(user="scripted")
    env.reset(options={"task": "bank-2"})
    assert "<user>" not in env.step(CutMessage("<response>Which account is it that"))[0]
    assert "acc_2" in env.step("<response>Which account is it?</response>")[0]


def test_wrappers_and_files_keep_it(make_bank: Callable[..., ToolEnv], tmp_path: Path) -> None:
    path = tmp_path / "episodes.jsonl"
    recorded = RecordTrajectories(make_bank(), path)
    env = gymnasium.wrappers.PassiveEnvChecker(gymnasium.wrappers.RecordEpisodeStatistics(recorded))
    env.reset(options={"task": "bank-2"})
    said = [PAY, CutMessage("It is paid"), CutMessage(PAY), "It is paid in."]
    outs = [env.step(text) for text in said]
    assert [out[0].startswith(TOLD) for out in outs] == [False, True, True, False]
    env.close()
    (kept,) = read_trajectories(path)
    played = recorded.unwrapped.trajectory  # type: ignore[attr-defined]
    assert kept == played
    rewards = [out[1] for out in outs]
    assert rescore(kept, recorded.unwrapped.task, recorded.unwrapped.reward) == pytest.approx(rewards)  # type: ignore[attr-defined]
    again = make_bank()
    again.reset(options={"task": "bank-2"})
    assert [again.step(step.turn.text)[0] for step in kept.steps] == [out[0] for out in outs]


def test_vector_environments_pass_it_on(bank: CustomDomain, fresh_bank: Callable[[], ToolEnv]) -> None:
    actions = (CutMessage("It is paid"), "It is paid.", CutMessage(PAY))
    own = ToolVectorEnv(3, bank)
    vectors: list[Any] = [own, SyncVectorEnv([fresh_bank] * 3), AsyncVectorEnv([fresh_bank] * 3, shared_memory=False)]
    for vector in vectors:
        vector.reset(seed=0)
        observations, _, terminated, _, _ = vector.step(actions)
        vector.close()
        assert [text.startswith(TOLD) for text in observations] == [True, False, True]
        assert terminated.tolist() == [False, True, False]
