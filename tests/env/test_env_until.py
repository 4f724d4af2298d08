"""`until="turn"`: an episode is one message of the assistant's, in any environment."""

import pytest

from toolgym.errors import ConfigError
from toolgym.messages import ToolCall, Turn, render
from toolgym.opening import open_env
from toolgym.rewards.text import gold_turn

LIBRARY = "ToolGym/Library-v0"


@pytest.mark.parametrize("text", ["gold", "<response>Hello.</response>", "<tool_call>{", ""])
def test_an_episode_is_over_after_one_message(text):
    env = open_env(LIBRARY, size="small", until="turn")
    observation, _ = env.reset(seed=0)
    assert "You write one message, which ends the task" in observation
    action = render(gold_turn(env.task.gold[0])) if text == "gold" else text
    _, _, terminated, truncated, info = env.step(action)
    assert (terminated, truncated) == (True, False)
    assert info["outcome"] in ("solved", "unsolved", "policy_error", "tool_error")
    assert len(env.trajectory.steps) == 1


def test_a_limit_still_cuts_it():
    env = open_env(LIBRARY, size="small", until="turn", max_calls=1)
    env.reset(seed=0)
    call = ToolCall(env.tools[0].name, {})
    _, _, terminated, truncated, info = env.step(render(Turn(calls=(call, call))))
    assert (terminated, truncated, info["truncation"]) == (False, True, "calls")


def test_a_wrong_value_is_told():
    with pytest.raises(ConfigError, match="until 'turns'"):
        open_env(LIBRARY, until="turns")
