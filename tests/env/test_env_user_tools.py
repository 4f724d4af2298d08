"""Users that act: told in plain words, on the agent's world, in the record and in forks, unseen by the agent."""

import asyncio
import json
from pathlib import Path
from typing import Any

import gymnasium
import pytest

from toolgym import registration
from toolgym.checker import check_tool_env
from toolgym.env import ToolEnv
from toolgym.errors import ConfigError, InfraError, TaskError
from toolgym.mcp.connect import connect
from toolgym.mcp.serve import serving
from toolgym.messages import ToolCall, Turn, render
from toolgym.registration import register_domain, register_env
from toolgym.rendering import trajectory_text
from toolgym.rewards.checklist import satisfied, satisfied_by_step
from toolgym.rewards.explaining import why_unsolved
from toolgym.tasks import Task
from toolgym.tasks.freezing import execute, execute_twice, freeze
from toolgym.trajectory import TrajectoryWriter, read_trajectories, trajectory_from_json, trajectory_to_json
from toolgym.users import User, UserReply, listening
from toolgym.vector import ToolVectorEnv

TELL = "Please turn off airplane mode. What does the status bar show then?"
DID = "Okay, I did that. Airplane mode is now off. It shows none signal; Wi-Fi is off."


def say(text: str) -> str:
    return render(Turn(response=text))


def switch(active: bool = True) -> str:
    return render(Turn(calls=(ToolCall("set_line", {"id": "l1", "active": active}),)))


def gold(task: Task) -> list[str]:
    return [render(Turn(calls=tuple(c.call() for c in a.calls), response=a.response)) for a in task.gold]


def test_a_task_of_both_sides_is_played(phone: Any) -> None:
    env = phone.phone_env()
    observation, info = env.reset(options={"task": 1})
    assert observation == "My phone has no signal."
    assert [tool["function"]["name"] for tool in info["tools"]] == ["get_line", "set_line"]
    outs = [env.step(action) for action in gold(env.task)]
    assert [out[0] for out in outs] == [
        "<user>My line is l1.</user>",
        "<tool_response>l1 is on</tool_response>",
        "<user>Okay, I did that. Airplane mode is now off. It shows full signal; Wi-Fi is off.</user>",
        "<user>Thank you, that is all.</user>",
    ]
    assert (outs[-1][2], outs[-1][4]["outcome"]) == (True, "solved")
    acts = [(act.actor, act.call.name) for act in env.trajectory.acts]
    own = [("user", name) for name in ("status_bar", "toggle_airplane_mode", "status_bar")]
    assert acts == [("agent", "set_line"), *own]
    assert [call.name for call, _ in env.trajectory.calls] == ["set_line"]


def test_the_agent_reads_nothing_of_it_but_the_words(phone: Any) -> None:
    hidden, open_ = phone.phone_env(), phone.phone_env(reveal_gold=True)
    for env in (hidden, open_):
        env.reset(options={"task": 0})
    first, second = hidden.step(say(TELL)), open_.step(say(TELL))
    assert first[0] == second[0] == f"<user>{DID}</user>"
    assert first[4]["messages"] == [{"role": "user", "content": DID}]
    assert "toggle" not in json.dumps(first[4])
    assert first[4]["calls"] == second[4]["calls"] == []
    assert [(call["name"], call["outcome"]) for call in second[4]["user_calls"]] == [
        ("status_bar", "ok"),
        ("toggle_airplane_mode", "ok"),
        ("status_bar", "ok"),
    ]
    quiet = open_.step(say("Let me look."))
    assert "user_calls" not in quiet[4]


def test_over_the_wire_it_is_the_same_episode(phone: Any) -> None:
    near = phone.phone_env()
    with serving(phone.load_server().make_server()) as url, connect(url) as http, connect(phone.SERVER_FILE) as stdio:
        for handle in (http, stdio):
            far = ToolEnv(phone.phone_domain(handle.session), user="scripted", prompt="short")
            assert (near.suspends, far.suspends) == (False, True)
            for index in range(2):
                assert near.reset(options={"task": index}) == far.reset(options={"task": index})
                for action in gold(near.task):
                    assert near.step(action) == far.step(action)
                assert near.trajectory == far.trajectory
            far.close()
        many = ToolVectorEnv(4, phone.phone_domain(http.session), user="scripted", prompt="short")
        many.reset(seed=0)
        assert list(many.step([say(TELL)] * 4)[0]) == [f"<user>{DID}</user>"] * 4
        many.close()


def test_asynchronously_it_is_the_same(phone: Any) -> None:
    with connect(phone.SERVER_FILE) as stdio:
        far = ToolEnv(phone.phone_domain(stdio.session), user="scripted", prompt="short")
        far.reset(options={"task": 0})
        assert asyncio.run(far.step_async(say(TELL)))[0] == f"<user>{DID}</user>"
        assert len(far.trajectory.steps[0].user_acts) == 3
        far.close()


@pytest.mark.parametrize("wire", [False, True])
def test_a_fork_takes_the_user_and_its_tools_along(phone: Any, wire: bool) -> None:
    with serving(phone.load_server().make_server()) as url, connect(url) as handle:
        env = ToolEnv(phone.phone_domain(handle.session if wire else None), user="scripted", prompt="short")
        env.reset(options={"task": 0})
        env.step(say(TELL))
        before, diff = trajectory_to_json(env.trajectory), env.session.diff()
        fork = env.fork()
        told = fork.step(say("Now reboot your phone, and turn on airplane mode again."))
        assert "started again" in told[0]
        assert (trajectory_to_json(env.trajectory), env.session.diff()) == (before, diff)
        assert (fork.session.diff() or {})["phones"]["p1"] == {**phone.PHONE, "airplane": True, "booted": 1}
        assert env.step(say("Now reboot your phone, and turn on airplane mode again.")) == told
        assert env.trajectory == fork.trajectory
        fork.close()
        env.close()


def test_a_fork_of_a_user_that_is_itself_has_tools_of_its_own(phone: Any) -> None:
    class Rebooter(User):
        def start(self, task: Task) -> str:
            return "Hi."

        def reply(self, response: str) -> UserReply:
            assert self.tools is not None
            return UserReply(self.tools.call("reboot").text)

        def fork(self) -> "Rebooter":
            return self

    first, second = phone.phone_env(user=Rebooter()), phone.phone_env(user=Rebooter())
    for env in (first, second):
        env.reset(options={"task": 0})
    twin = first.fork()
    for env, times in ((first, 1), (twin, 2), (second, 3)):
        for _ in range(times):
            env.step(say("Again."))
    assert [env.session.diff()["phones"]["p1"]["booted"] for env in (first, twin, second)] == [1, 2, 3]
    assert [len(env.trajectory.acts) for env in (first, twin, second)] == [1, 2, 3]


def test_what_a_user_does_before_its_request_is_recorded_with_the_first_step(phone: Any) -> None:
    class Early(User):
        def start(self, task: Task) -> str:
            assert self.tools is not None
            return self.tools.call("toggle_wifi").text

        def reply(self, response: str) -> UserReply:
            return UserReply("Fine.")

        def fork(self) -> "Early":
            return Early()

    env = phone.phone_env(user=Early())
    assert env.reset(options={"task": 0})[0] == "Wi-Fi is now on."
    fork = env.fork()
    for each, agent_changed in ((env, False), (fork, True)):
        each.step(switch() if agent_changed else switch(active=False).replace("set_line", "get_line"))
        step = each.trajectory.steps[0]
        assert [act.call.name for act in step.user_acts] == ["toggle_wifi"]
        assert step.agent_changed is agent_changed
        assert each.trajectory.diff["phones"]["p1"]["wifi"] is True


# Rewards ---------------------------------------------------------------------------------------------------------


def test_no_write_is_about_the_agents_writes(phone: Any) -> None:
    env = phone.phone_env()
    env.reset(options={"task": 0})
    env.step(say("Please reboot your phone."))
    assert satisfied(env.trajectory, env.task) == ("only",)
    # The agent's allowed write and, in the same step, the user's own.
    both = render(Turn(calls=(ToolCall("set_line", {"id": "l1", "active": True}),), response="Now turn on Wi-Fi."))
    env.step(both)
    assert env.trajectory.steps[-1].agent_changed
    assert satisfied(env.trajectory, env.task) == ("line", "only")
    strict = env.task.model_copy(
        update={"checklist": tuple(i.model_copy(update={"check": i.check.model_copy(update={"allow": ()})})
                                   for i in env.task.checklist[1:])}
    )  # fmt: skip
    assert satisfied_by_step(env.trajectory, strict) == [("only",), ()]
    found = [reason.found for reason in why_unsolved(env.trajectory, strict) if reason.where.startswith("only")]
    assert found == ["changed in step 2 (set_line)"]


def test_the_final_state_is_that_of_both_sides(phone: Any) -> None:
    for told, outcome in (("Please turn off airplane mode.", "solved"), ("Please reboot.", "unsolved")):
        env = phone.phone_env()
        env.reset(options={"task": 0})
        env.step(switch())
        env.step(say(told))
        assert env.step(say("Your line is switched on, and all is set."))[4]["outcome"] == outcome


def test_step_rewards_and_recall_count_the_agents_calls_only(phone: Any) -> None:
    plain, told = phone.phone_env(reward="steptool"), phone.phone_env(reward="steptool")
    for env in (plain, told):
        env.reset(options={"task": 0})
    told.step(say(TELL))
    plain.step(say("Let me look."))
    assert told.trajectory.steps[0].rewards == plain.trajectory.steps[0].rewards
    assert told.step(switch())[1] == plain.step(switch())[1]


# The record ------------------------------------------------------------------------------------------------------


def test_the_record_is_written_and_read_back(phone: Any, tmp_path: Path) -> None:
    env = phone.phone_env()
    env.reset(options={"task": 0})
    for action in gold(env.task):
        env.step(action)
    data = trajectory_to_json(env.trajectory)
    step = data["steps"][2]
    assert [act["actor"] for act in step["user_acts"]] == ["user"] * 3
    assert "user_acts" not in data["steps"][0]
    assert trajectory_from_json(json.loads(json.dumps(data))) == env.trajectory
    with TrajectoryWriter(tmp_path / "runs.jsonl") as writer:
        writer.write(env.trajectory)
    assert read_trajectories(tmp_path / "runs.jsonl") == [env.trajectory]
    for step in data["steps"]:
        step.pop("user_acts", None)
        step.pop("agent_changed", None)
    older = trajectory_from_json(data)
    assert [step.user_acts for step in older.steps] == [()] * 4


def test_a_damaged_act_is_said(phone: Any) -> None:
    env = phone.phone_env()
    env.reset(options={"task": 0})
    env.step(say(TELL))
    data = trajectory_to_json(env.trajectory)
    data["steps"][0]["user_acts"][1]["actor"] = "agent"
    with pytest.raises(Exception, match=r"user_acts\.1\.actor"):
        trajectory_from_json(data)


def test_show_prints_what_the_user_calls(phone: Any) -> None:
    env = phone.phone_env()
    env.reset(options={"task": 0})
    env.step(say("Please set the network mode to 5G."))
    text = trajectory_text(env.trajectory, 200)
    assert 'calls set_network_mode({"mode":"5g"})' in text
    assert "This phone has no 5G" in text


# Who can play such a task ----------------------------------------------------------------------------------------


def test_nobody_cannot_play_it(phone: Any) -> None:
    env = phone.phone_env(user="none")
    with pytest.raises(ConfigError, match='user="scripted"'):
        env.reset()
    plain = phone.task().model_copy(update={"user": phone.UserScript()})
    assert env.reset(options={"task": plain})[0] == plain.request


def test_a_script_names_only_tools_that_the_user_has(phone: Any) -> None:
    bad = phone.SCRIPT.model_copy(
        update={"actions": (phone.UserAction(words=("boot",), calls=(phone.UserCall(name="rebot"),)),)}
    )
    env = phone.phone_env()
    with pytest.raises(ConfigError, match="Did you mean 'reboot'"):
        env.reset(options={"task": phone.task().model_copy(update={"user": bad})})
    agents = phone.SCRIPT.model_copy(
        update={"actions": (phone.UserAction(words=("boot",), calls=(phone.UserCall(name="set_line"),)),)}
    )
    with pytest.raises(ConfigError, match=r"role=\"user\""):
        env.reset(options={"task": phone.task().model_copy(update={"user": agents})})


def test_an_id_may_have_a_user_by_default(phone: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registration, "_DOMAINS", registration._DOMAINS.copy())
    register_domain("phone-of-a-test", phone.phone_domain)
    register_env("Test/Phone-v0", "phone-of-a-test", user="scripted")
    try:
        env: Any = gymnasium.make("Test/Phone-v0").unwrapped
        assert env.options.user == "scripted"
        assert gymnasium.make("Test/Phone-v0", user="none").unwrapped.options.user == "none"  # type: ignore[attr-defined]
    finally:
        del gymnasium.registry["Test/Phone-v0"]


def test_a_server_that_dies_under_the_user_is_the_infrastructures_fault(phone: Any) -> None:
    class Breaks(User):
        def start(self, task: Task) -> str:
            return "Hi."

        def reply(self, response: str) -> UserReply:
            assert self.tools is not None
            self.tools.call("reboot")
            raise InfraError("gone")

        def fork(self) -> "Breaks":
            return Breaks()

    env = phone.phone_env(user=Breaks())
    env.reset(options={"task": 0})
    assert env.step(say("Reboot."))[4]["outcome"] == "infra_error"
    assert [act.call.name for act in env.trajectory.acts] == ["reboot"]


# Gold chains -----------------------------------------------------------------------------------------------------


def test_a_gold_chain_with_a_user_in_it_is_executed(phone: Any) -> None:
    task = phone.task()
    task = task.model_copy(update={"gold_diff": {}, "meta": {"world": 0, "frozen": None}})
    session = phone.load_server().make_server().session()
    frozen = freeze(task, session, listening)
    assert frozen.gold_diff == phone.task().gold_diff
    assert [call.writes for call in frozen.gold_calls] == [True]
    execution = execute_twice([task], session, listening)[0]
    assert not isinstance(execution, TaskError)
    assert execution.unsteady == ()
    with pytest.raises(TaskError, match="run without one"):
        execute(task, session)


@pytest.mark.slow
def test_such_an_environment_conforms(phone: Any) -> None:
    report = check_tool_env(phone.phone_env, episodes=4)
    details = {result.name: result.detail for result in report.results}
    assert details["user_tools_are_hidden"] == "5 tools, in the environment, memory, HTTP"
    assert "of two processes" in details["determinism"]


def test_the_suite_finds_a_users_tool_that_the_agent_can_call(phone: Any) -> None:
    def leaky() -> ToolEnv:
        env = phone.phone_env()
        session = env.session

        def call(call: ToolCall, ask: Any = session.call) -> Any:
            return session.call_as_user(call) if call.name == "reboot" else ask(call)

        session.call = call
        return env

    with pytest.raises(Exception, match="may call the user's 'reboot'"):
        check_tool_env(leaky, episodes=1, only=["user_tools_are_hidden"])
