"""`ToolEnv`: the order of a step, limits, outcomes, forks, determinism, and errors that are values."""

import time
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from hypothesis import given, settings
from hypothesis import strategies as st

from toolgym.custom import CustomDomain
from toolgym.env import ToolEnv
from toolgym.errors import CallTimeoutError, ConfigError, ServerDiedError, TaskError, ToolGymError
from toolgym.mcp.session import ToolSession, ToolSpec
from toolgym.messages import ToolCall, Turn, render
from toolgym.opening import open_env
from toolgym.options import EnvOptions
from toolgym.rewards.base import Reward
from toolgym.tasks import Task
from toolgym.trajectory import Step, ToolResult, Trajectory
from toolgym.world import Diff

DONE = "<response>Done.</response>"


def call(name: str, **arguments: Any) -> str:
    return render(Turn(calls=(ToolCall(name, arguments),)))


def test_a_solved_episode_step_by_step(make_bank: Callable[..., ToolEnv]) -> None:
    env = make_bank()
    prompt, info = env.reset(options={"task": "bank-3"})
    assert prompt == env.trajectory.prompt
    assert prompt.endswith("<user>Please pay 4 into acc_3.</user>")
    assert "Pay in what is asked for, no more." in prompt
    assert '"name":"get_account"' in prompt
    assert [message["role"] for message in info["messages"]] == ["system", "user"]
    assert info["messages"][1]["content"] == "Please pay 4 into acc_3."
    assert [tool["function"]["name"] for tool in info["tools"]] == ["get_account", "pay_in", "think"]
    assert (info["task_id"], info["split"]) == ("bank-3", "train")

    observation, reward, terminated, truncated, info = env.step(call("get_account", account="acc_3"))
    text = '{"owner":"owner 3","balance":30,"log":[]}'
    assert observation == f"<tool_response>{text}</tool_response>"
    assert info["messages"] == [{"role": "tool", "name": "get_account", "content": text}]
    assert info["calls"] == [{"name": "get_account", "outcome": "ok"}]
    assert (reward, terminated, truncated, info["rewards"]) == (0.0, False, False, {"outcome": 0.0})
    assert env.trajectory.steps[-1].diff is None

    env.step(call("pay_in", account="acc_3", amount=4))
    changed = {"accounts": {"acc_3": {"owner": "owner 3", "balance": 34, "log": [4]}}}
    assert env.trajectory.steps[-1].diff == changed
    observation, reward, terminated, truncated, info = env.step(DONE)
    assert (observation, reward, terminated, truncated) == ("", 1.0, True, False)
    assert info["outcome"] == env.trajectory.outcome == "solved"
    assert "truncation" not in info


def test_parallel_calls_run_in_order_and_problems_are_told(make_bank: Callable[..., ToolEnv]) -> None:
    env = make_bank()
    env.reset(options={"task": "bank-0"})
    calls = [ToolCall("pay_in", {"account": "acc_1", "amount": n}) for n in (1, -1, 2)]
    observation, *_, info = env.step(render(Turn(calls=tuple(calls))) + "<tool_call>{")
    lines = observation.split("\n")
    assert lines[0] == '<tool_response>{"balance":11}</tool_response>'
    assert lines[1].startswith("<tool_error>")
    assert "The amount must be positive" in lines[1]
    assert lines[2] == '<tool_response>{"balance":13}</tool_response>'
    assert lines[3].startswith("<problem>")
    assert [entry["outcome"] for entry in info["calls"]] == ["ok", "tool_error", "ok"]
    assert [message["role"] for message in info["messages"]] == ["tool", "tool", "tool", "user"]


@pytest.mark.parametrize(
    ("actions", "outcome"),
    [
        ([DONE], "unsolved"),
        ([call("get_account", account="acc_1"), DONE], "unsolved"),
        ([call("pay_in", account="acc_1", amount=-1), DONE], "tool_error"),
        ([call("pay_in", account="acc_1", amount=-1), call("get_account", account="acc_1"), DONE], "unsolved"),
        ([call("no_such_tool"), DONE], "policy_error"),
        ([call("pay_in", account="acc_1", amount="lots"), DONE], "policy_error"),
        ([call("get_account", account="acc_1"), "<tool_call>{", DONE], "policy_error"),
    ],
)
def test_an_unsolved_episode_says_whose_fault_it_was(
    make_bank: Callable[..., ToolEnv], actions: list[str], outcome: str
) -> None:
    env = make_bank()
    env.reset(options={"task": "bank-0"})
    for action in actions:
        *_, terminated, truncated, info = env.step(action)
    assert (terminated, truncated, info["outcome"]) == (True, False, outcome)


def test_turn_limit(make_bank: Callable[..., ToolEnv]) -> None:
    env = make_bank(max_turns=2)
    env.reset(seed=0)
    assert env.step("")[2:4] == (False, False)
    observation, _, terminated, truncated, info = env.step("")
    assert (terminated, truncated, info["truncation"], info["outcome"]) == (False, True, "turns", "truncated")
    assert observation.endswith("<notice>The limit on turns is reached; the task is over.</notice>")
    env.reset(seed=0)
    env.step("")
    *_, terminated, truncated, info = env.step(DONE)  # a response at the last turn ends the episode as any other
    assert (terminated, truncated, info["outcome"]) == (True, False, "policy_error")


def test_call_limit_runs_no_call_beyond_it(make_bank: Callable[..., ToolEnv]) -> None:
    env = make_bank(max_calls=2)
    env.reset(options={"task": "bank-0"})
    three = tuple(ToolCall("pay_in", {"account": "acc_1", "amount": 1}) for _ in range(3))
    *_, truncated, info = env.step(render(Turn(calls=three)))
    assert (truncated, info["truncation"], len(info["calls"])) == (True, "calls", 2)
    assert env.trajectory.diff["accounts"]["acc_1"]["log"] == [1, 1]  # type: ignore[index]


def test_token_limit_counts_what_both_sides_wrote(make_bank: Callable[..., ToolEnv]) -> None:
    # prompt "short": 23 characters; each step: the action "xx" (2) and its observation.
    env = make_bank(prompt="short", max_tokens=10_000, count_tokens=len)
    prompt, _ = env.reset(options={"task": "bank-0"})
    observation, *_ = env.step("<tool_call>")
    used = len(prompt) + len("<tool_call>") + len(observation)
    for limit, expected in ((used, True), (used + 1, False)):
        env = make_bank(prompt="short", max_tokens=limit, count_tokens=len)
        env.reset(options={"task": "bank-0"})
        *_, truncated, info = env.step("<tool_call>")
        assert truncated is expected
        assert info.get("truncation") == ("tokens" if expected else None)
    by_default = make_bank(prompt="short", max_tokens=2)  # 23 characters are 6 tokens of four
    by_default.reset(options={"task": "bank-0"})
    assert by_default.step("")[3]


def test_time_limit(make_bank: Callable[..., ToolEnv]) -> None:
    env = make_bank(max_seconds=0.01)
    env.reset(seed=0)
    time.sleep(0.02)
    *_, truncated, info = env.step("")
    assert (truncated, info["truncation"]) == (True, "time")


def test_a_message_that_is_too_long_is_not_read(make_bank: Callable[..., ToolEnv]) -> None:
    env = make_bank(max_message_chars=10)
    env.reset(seed=0)
    observation, *_ = env.step(DONE)
    assert "Your message has 26 characters and was not read; the limit is 10." in observation
    assert env.trajectory.steps[0].turn.problems[0].kind == "too_long"


def test_stepping_without_an_episode_asks_for_a_reset(make_bank: Callable[..., ToolEnv]) -> None:
    env = make_bank()
    for look in (lambda: env.step(""), lambda: env.task, lambda: env.trajectory):
        with pytest.raises(ResetNeeded, match="reset"):
            look()
    env.reset(seed=0)
    env.step(DONE)
    with pytest.raises(ResetNeeded, match="is over"):
        env.step(DONE)
    env.reset()
    with pytest.raises(TypeError, match="not bytes"):
        env.step(b"")  # type: ignore[arg-type]
    assert env.step("")[0]


@settings(max_examples=60, deadline=None)
@given(text=st.text(st.characters(), max_size=40), tag=st.sampled_from(["", "<tool_call>", "<response>", '{"', "[{"]))
def test_any_string_may_be_stepped(bank: CustomDomain, text: str, tag: str) -> None:
    env = ToolEnv(bank)
    env.reset(seed=0)
    observation, reward, terminated, truncated, info = env.step(tag + text)
    assert observation in env.observation_space
    assert np.isfinite(reward)
    assert not truncated
    assert terminated == ("outcome" in info)
    assert env.trajectory.steps[-1].turn.text == tag + text


ACTIONS = st.sampled_from(
    [
        call("get_account", account="acc_1"),
        call("pay_in", account="acc_1", amount=2),
        call("pay_in", account="acc_2", amount=-2),
        call("pay_in", account="acc_0", amount=1),
        "<tool_call>{",
        DONE,
    ]
)


@settings(max_examples=60, deadline=None)
@given(st.lists(ACTIONS, max_size=4), st.lists(ACTIONS, max_size=4), st.lists(ACTIONS, max_size=4))
def test_parent_and_fork_do_not_touch_each_other(
    bank: CustomDomain, before: list[str], forks: list[str], after: list[str]
) -> None:
    def run(env: ToolEnv, actions: list[str]) -> list[Any]:
        return [env.step(action) for action in actions if not env.trajectory.done]

    def fresh() -> ToolEnv:
        env = ToolEnv(bank, user="scripted")
        env.reset(seed=3, options={"task": 0})
        return env

    env, alone, other = fresh(), fresh(), fresh()
    run(env, before)
    fork = env.fork()
    mixed = [run(fork, forks), run(env, after)]
    assert run(alone, before + after)[-len(mixed[1]) :] == mixed[1] or not mixed[1]
    assert run(other, before + forks)[-len(mixed[0]) :] == mixed[0] or not mixed[0]
    assert env.session.diff() == alone.session.diff()
    assert fork.session.diff() == other.session.diff()
    assert env.trajectory == alone.trajectory
    assert fork.trajectory == other.trajectory
    assert [fork.reset()[1]["task_id"] for _ in range(3)] == [env.reset()[1]["task_id"] for _ in range(3)]


def test_a_fork_of_a_trajectory_has_every_field() -> None:
    whole = Trajectory("E-v0", "task", 3, "go", [Step(Turn(text="x"))], "truncated", "turns", {"split": "test"})
    defaults = Trajectory("", "")
    named = [field.name for field in fields(Trajectory) if field.compare]
    assert all(getattr(whole, name) != getattr(defaults, name) for name in named)  # a new field belongs here, too
    fork = whole.fork()
    assert fork == whole
    fork.steps.append(Step(Turn(text="y")))
    fork.meta["split"] = "train"
    assert (len(whole.steps), whole.meta) == (1, {"split": "test"})


def test_a_fork_shares_no_generator(make_bank: Callable[..., ToolEnv]) -> None:
    env = make_bank()
    env.reset(seed=5)
    env.action_space.seed(1)
    fork = env.fork()
    assert [fork.action_space.sample() for _ in range(3)] == [env.action_space.sample() for _ in range(3)]
    fork.reset(), fork.reset()
    grandchild = fork.fork().fork()
    assert grandchild.reset()[1]["task_id"] == fork.reset()[1]["task_id"]
    assert fork.np_random_seed == env.np_random_seed == 5


def test_a_fork_before_the_first_reset(make_bank: Callable[..., ToolEnv]) -> None:
    env = make_bank()
    fork = env.fork()
    assert fork.reset(seed=2)[1]["task_id"] == env.reset(seed=2)[1]["task_id"]
    assert fork.session is not env.session


def test_tasks_follow_the_seed(make_bank: Callable[..., ToolEnv]) -> None:
    def ids(seed: int) -> list[str]:
        env = make_bank()
        return [env.reset(seed=seed if number == 0 else None)[1]["task_id"] for number in range(6)]

    assert ids(1) == ids(1)
    assert ids(1) != ids(2)
    assert len(set(ids(1))) > 2


def test_tasks_can_be_chosen(bank: CustomDomain, make_bank: Callable[..., ToolEnv]) -> None:
    assert make_bank(task=4).reset()[1]["task_id"] == "bank-4"
    assert make_bank(task="bank-5").reset()[1]["task_id"] == "bank-5"
    env = make_bank(depth=2)
    assert {env.reset()[1]["task_id"] for _ in range(50)} == {f"bank-{n}" for n in (1, 3, 5, 7, 9, 11)}
    mine = bank.tasks("train")[1].model_copy(update={"id": "mine"})
    assert env.reset(options={"task": mine})[1]["task_id"] == "mine"
    for wrong, message in (
        ({"task": 99}, "tasks 0 to 5"),
        *(({"task": odd}, "its index or a Task; got") for odd in ([0], {"id": "bank-1"}, 0.5, True)),
        ({"task": "bank-99"}, "Did you mean 'bank-9'"),
        ({"tsk": 1}, "Did you mean 'task'"),
    ):
        with pytest.raises(ConfigError, match=message):
            env.reset(options=wrong)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"splitt": "test"}, "Did you mean 'split'"),
        ({"split": "tset"}, "Did you mean 'test'"),
        ({"prompt": "fulll"}, "Did you mean 'full'"),
        ({"format": "hermess"}, "Did you mean 'hermes'"),
        ({"user": "script"}, "Did you mean 'scripted'"),
        ({"reward": "defualt"}, "Did you mean 'default'"),
        ({"reward_weights": {"outcom": 1.0}}, "Did you mean 'outcome'"),
        ({"render_mode": "rgb_array"}, "render mode"),
        ({"max_turns": 0}, "max_turns must be greater than 0, not 0"),
        ({"max_seconds": -1.0}, "max_seconds"),
        ({"depth": 7}, "No task of 'bank' fits"),
        ({"kinds": ["other"]}, "No task of 'bank' fits"),
        ({"size": "small"}, "size cannot be set"),
    ],
)
def test_wrong_options_say_what_would_be_right(
    make_bank: Callable[..., ToolEnv], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        make_bank(**options)


def test_two_tasks_of_one_id_are_refused(bank: CustomDomain) -> None:
    with pytest.raises(TaskError, match="'bank-0'"):
        ToolEnv(CustomDomain(bank.session, [bank.tasks("train")[0]] * 2))


def test_gold_is_in_info_only_when_asked_for(make_bank: Callable[..., ToolEnv]) -> None:
    assert "task" not in make_bank().reset(seed=0)[1]
    env = make_bank(reveal_gold=True)
    assert env.reset(seed=0)[1]["task"] is env.task


def test_the_short_prompt_is_the_request(make_bank: Callable[..., ToolEnv]) -> None:
    observation, info = make_bank(prompt="short").reset(options={"task": "bank-0"})
    assert observation == "Please pay 1 into acc_0."
    assert info["messages"] == [{"role": "user", "content": observation}]
    assert len(info["tools"]) == 3


def test_the_prompt_of_tools_lists_names_and_parameters(make_bank: Callable[..., ToolEnv]) -> None:
    observation, info = make_bank(prompt="tools").reset(options={"task": "bank-0"})
    listed = (
        "# Tools\n\nEach line is one tool with its parameters.\n"
        "get_account(account)\npay_in(account, amount: integer)\nthink(thought)"
    )
    assert observation == f"{listed}\n\n<user>Please pay 1 into acc_0.</user>"
    assert [message["content"] for message in info["messages"]] == [listed, "Please pay 1 into acc_0."]
    with pytest.raises(ConfigError, match="Did you mean 'tools'"):
        make_bank(prompt="tool")


@pytest.mark.parametrize("format", ["toolgym", "hermes", "toolupt", "openai", "auto"])
def test_each_format_is_taught_and_read(make_bank: Callable[..., ToolEnv], format: str) -> None:
    env = make_bank(format=format)
    prompt, _ = env.reset(options={"task": "bank-0"})
    assert {"toolupt": '"params"', "openai": '"tool_calls"'}.get(format, '"arguments"') in prompt
    as_written = "toolgym" if format == "auto" else format
    pay = Turn(calls=(ToolCall("pay_in", {"account": "acc_0", "amount": 1}),))
    assert env.step(render(pay, as_written))[0] == '<tool_response>{"balance":1}</tool_response>'
    *_, info = env.step(render(Turn(response="Done."), as_written))
    assert info["outcome"] == "solved"


def test_rewards_are_weighted_and_can_be_any_callable(make_bank: Callable[..., ToolEnv]) -> None:
    def turns(trajectory: Any, task: Any) -> float:
        return float(len(trajectory.steps))

    env = make_bank(reward=turns)
    env.reset(seed=0)
    env.step("")
    assert env.step("")[1] == 2.0
    both = Reward({"turns": turns, "one": lambda trajectory, task: 1.0}, {"turns": 0.5})
    env = make_bank(reward=both, reward_weights={"one": 0.25})
    env.reset(seed=0)
    _, reward, *_, info = env.step("")
    assert (reward, info["rewards"]) == (0.75, {"turns": 1.0, "one": 1.0})
    default = make_bank(reward="default", reward_options={"format": 0.5}, reward_weights={"state": 2.0})
    assert default.reward.weights == {**make_bank(reward="default").reward.weights, "format": 0.5, "state": 2.0}


def test_what_callers_do_with_infos_does_not_reach_the_episode(make_bank: Callable[..., ToolEnv]) -> None:
    env = make_bank()
    _, info = env.reset(seed=0)
    info["tools"][0]["function"]["parameters"].clear()
    *_, step_info = env.step("")
    step_info["rewards"].clear()
    assert env.trajectory.steps[-1].rewards == {"outcome": 0.0}
    assert env.reset(seed=0)[1]["tools"][0]["function"]["parameters"]["required"] == ["account"]


class FailingSession(ToolSession):
    """Works, until its server is gone; `dead` counts the servers that went."""

    dead = 0
    opened = 0
    failing_resets = 0

    def __init__(self) -> None:
        type(self).opened += 1

    @property
    def tools(self) -> tuple[ToolSpec, ...]:
        return (ToolSpec("look", "Looks."),)

    def call(self, call: ToolCall) -> ToolResult:
        if call.arguments.get("die"):
            raise ServerDiedError("The server is gone")
        return ToolResult("seen")

    async def call_async(self, call: ToolCall) -> ToolResult:
        return self.call(call)

    def reset(self, world_key: Any = None) -> None:
        if type(self).failing_resets > 0:
            type(self).failing_resets -= 1
            raise CallTimeoutError("No answer")

    def fork(self) -> "FailingSession":
        return FailingSession()

    def diff(self) -> Diff | None:
        return None

    def close(self) -> None:
        raise ServerDiedError("The server is gone")


@pytest.fixture
def failing() -> type[FailingSession]:
    class Session(FailingSession):
        pass

    return Session


def test_infrastructure_that_fails_ends_the_episode_without_blame(
    bank: CustomDomain, failing: type[FailingSession]
) -> None:
    env = ToolEnv(CustomDomain(failing, list(bank.tasks("train"))), reward=lambda trajectory, task: 1.0)
    env.reset(seed=0)
    assert env.step(call("look"))[1] == 1.0
    two = Turn(calls=(ToolCall("look", {}), ToolCall("look", {"die": True}), ToolCall("look", {})))
    observation, reward, terminated, truncated, info = env.step(render(two))
    assert (reward, terminated, truncated, info["outcome"]) == (0.0, True, False, "infra_error")
    assert info["error"] == "ServerDiedError: The server is gone"
    assert len(env.trajectory.steps[-1].results) == 1
    assert "through no fault of yours" in observation
    assert "server is gone" not in observation
    with pytest.raises(ResetNeeded, match="infra_error"):
        env.step("")
    env.reset()
    assert failing.opened == 2
    assert env.step(call("look"))[0] == "<tool_response>seen</tool_response>"


def test_a_reset_tries_a_second_server(bank: CustomDomain, failing: type[FailingSession]) -> None:
    env = ToolEnv(CustomDomain(failing, list(bank.tasks("train"))))
    failing.failing_resets = 1
    env.reset(seed=0)
    assert failing.opened == 2
    failing.failing_resets = 2
    with pytest.raises(CallTimeoutError):
        env.reset()


def test_closing_twice_is_harmless_and_keeps_the_trajectory(make_bank: Callable[..., ToolEnv]) -> None:
    env = make_bank()
    env.reset(seed=0)
    env.step(DONE)
    env.close()
    env.close()
    assert env.trajectory.outcome == "unsolved"
    assert env.reset(seed=0)[0]


def test_rendering(make_bank: Callable[..., ToolEnv], capsys: pytest.CaptureFixture[str]) -> None:
    env = make_bank(render_mode="ansi")
    env.reset(options={"task": "bank-0"})
    env.step("<plan>Pay [bold]now[/bold] \ud800</plan>" + call("pay_in", account="acc_0", amount=1) + "<tool_call>{")
    env.step(DONE)
    text = env.render()
    assert text is not None
    for part in ("bank-0", "Pay [bold]now[/bold] \\ud800", "pay_in", '{"balance":1}', "not closed", "solved", "reward"):
        assert part in text
    assert capsys.readouterr().out == ""
    human = make_bank(render_mode="human")
    human.reset(options={"task": "bank-0"})
    human.step(call("pay_in", account="acc_0", amount=1))
    assert human.render() is None
    printed = capsys.readouterr().out
    assert "Please pay 1 into acc_0." in printed
    assert '{"balance":1}' in printed


def test_options_can_be_given_as_one(bank: CustomDomain) -> None:
    options = EnvOptions(prompt="short", max_turns=3)
    env = ToolEnv(bank, options, max_turns=5)
    assert env.options == replace(options, max_turns=5)


def test_gymnasium_wrappers_work(make_bank: Callable[..., ToolEnv]) -> None:
    env = gymnasium.wrappers.RecordEpisodeStatistics(gymnasium.wrappers.TimeLimit(make_bank(), 3))
    env.reset(seed=0)
    for _ in range(3):
        *_, truncated, info = env.step("")
    assert truncated
    assert info["episode"]["l"] == 3


def test_every_error_is_in_the_tree(bank: CustomDomain) -> None:
    with pytest.raises(ToolGymError):
        ToolEnv(bank, splitt="x")
    with pytest.raises(ValueError, match="Did you mean 'airline'"):
        ToolEnv("airlin")


def test_task_model_is_not_needed_to_make_a_domain_of_one_task(bank: CustomDomain) -> None:
    task = Task(id="only", domain="x", kind=("talk",), request="Say hello.")
    env = ToolEnv(CustomDomain(bank.session, [task]))
    _, info = env.reset(seed=0)
    assert info["task_id"] == "only"
    assert env.step(DONE)[4]["outcome"] == "unsolved"


def test_one_kind_may_be_a_text() -> None:
    assert EnvOptions(kinds="cancel").kinds == ("cancel",)
    assert EnvOptions(kinds=["cancel", "book"]).kinds == ["cancel", "book"]


def test_limits_are_numbers() -> None:
    with pytest.raises(ConfigError, match="max_turns must be greater than 0, not 'abc'"):
        EnvOptions(max_turns="abc")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        *(({name: None}, f"{name} must be") for name in ("max_turns", "max_calls", "max_message_chars")),
        ({"max_turns": True}, "max_turns must be greater than 0, not True"),
        ({"max_tokens": 50, "count_tokens": "gpt2"}, "count_tokens is a function of a text, not 'gpt2'"),
        *(({"reveal_gold": wrong}, f"reveal_gold is true or false, not {wrong!r}") for wrong in ("False", "no", 0)),
    ],
)
def test_options_of_another_kind_are_refused(options: dict[str, Any], message: str) -> None:
    """A text such as False is true to Python: the gold would be revealed to whoever wrote that it is not to be."""
    with pytest.raises(ConfigError, match=message):
        EnvOptions(**options)


def test_what_needs_no_limit_has_none() -> None:
    assert EnvOptions(max_tokens=None, max_seconds=None, count_tokens=len).max_tokens is None


def test_a_module_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match="nosuchmodule"):
        open_env("nosuchmodule:My/Shop-v0")
