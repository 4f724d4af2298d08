"""What a user with tools understands, and how a model plays one through the chat API."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolgym.messages import Turn, render
from toolgym.tasks import Task, UserAction, UserCall
from toolgym.trajectory import ToolResult
from toolgym.users.acting import filled, instructions
from toolgym.users.llm import LLMUserOptions


def action(name: str, *words: str, **more: Any) -> UserAction:
    return UserAction(words=words, calls=(UserCall(name=name),), **more)


ACTIONS = (
    action("air_off", "turn|switch off airplane|flight mode", "disable airplane mode"),
    action("air_on", "turn|switch on airplane mode"),
    action("wifi_off", "turn off wi-fi", "disable wifi"),
    action("wifi_on", "turn on wi-fi"),
    action("data_off", "turn off mobile data"),
    action("data_on", "turn on mobile data"),
    action("bar", "status bar"),
    action("sim", "check sim"),
    action("reboot", "reboot", "restart phone|device"),
    action("mode", "set|change network mode", values={"mode": {"4g": "4g", "4g only": "4g_only", "5g|lte": "5g"}}),
)


def heard(text: str) -> list[str]:
    return [each.action.calls[0].name for each in instructions(text, ACTIONS)]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Please turn off airplane mode.", ["air_off"]),
        ("Could you switch your Flight Mode off?", ["air_off"]),
        ("Turn your airplane mode off and then tell me what the status bar says.", ["air_off", "bar"]),
        ("Turn off Wi-Fi and mobile data.", ["wifi_off", "data_off"]),
        ("Turn off wifi, then turn it on again.", ["wifi_off", "wifi_on"]),
        ("If airplane mode is on, turn it off.", ["air_off"]),
        ("Turn off airplane mode and check that it is off.", ["air_off"]),
        ("What does the status bar say?", ["bar"]),
        ("Why don't you try rebooting your device?", ["reboot"]),
        ("Don't forget to reboot.", ["reboot"]),
        ("I'd suggest rebooting the phone. After that, check your SIM.", ["reboot", "sim"]),
        (
            "1. Turn off Wi-Fi\n2. Restart your phone\n3. Let me know what the status bar shows.",
            ["wifi_off", "reboot", "bar"],
        ),
        ("Turn off Wi-Fi. To turn off Wi-Fi, open the settings.", ["wifi_off"]),
        ("Reboot. Then reboot again.", ["reboot", "reboot"]),
        ("Do not turn off airplane mode.", []),
        ("I will turn off airplane mode for you.", []),
        ("Shall I turn off wifi?", []),
        ("Would you like me to reboot your line?", []),
        ("Have you turned off airplane mode?", []),
        ("Airplane mode is off now, and your status bar works.", []),
        ("Flush the DNS cache, please.", []),
        ("", []),
    ],
)
def test_what_is_told_is_understood_in_order(text: str, names: list[str]) -> None:
    assert heard(text) == names


def test_a_value_is_taken_from_the_clause_or_asked_for() -> None:
    (found,) = instructions("Set the network mode to 4G only, please.", ACTIONS)
    assert found.arguments == {"mode": "4g_only"}
    (found,) = instructions("Change the network mode.", ACTIONS)
    assert found.missing == "mode"


def test_a_message_of_ten_thousand_orders_is_followed_for_a_while() -> None:
    assert len(heard("Reboot. Check the SIM. " * 10_000)) == 20


def test_reports_are_filled() -> None:
    result = ToolResult("all", {"a": {"b": [1, "two"]}, "on": True})
    assert filled("{text} {a.b.0} {a.b.1} {on} {on:yes|no} {x} {a.b.9} {a} {", result) == (
        'all 1 two true yes unknown unknown {"b":[1,"two"]} {'
    )


pieces = st.sampled_from(
    [
        "turn off",
        "airplane mode",
        "it",
        "and",
        "then",
        ". ",
        ", ",
        "?",
        "reboot",
        "set network mode to 5g",
        "please",
        "if",
        "not",
        "i will",
        "status bar",
        "wi-fi",
        "what is the problem",
        "line",
        "confirm",
        "cancelled",
        "{text}",
    ]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(pieces | st.text(max_size=6), max_size=12), st.lists(st.text(max_size=8), max_size=2))
def test_any_words_are_answered_alike_in_a_fork(phone: Any, words: list[str], more: list[str]) -> None:
    env = phone.phone_env()
    env.reset(options={"task": 0})
    env.step(render(Turn(response=" ".join(more))))
    if env.trajectory.done:
        return
    fork, again, text = env.fork(), phone.phone_env(), " ".join(words)
    told = env.step(render(Turn(response=text)))
    assert fork.step(render(Turn(response=text))) == told
    assert fork.session.diff() == env.session.diff()
    again.reset(options={"task": 0})
    again.step(render(Turn(response=" ".join(more))))
    assert again.step(render(Turn(response=text))) == told
    assert again.trajectory.acts == env.trajectory.acts


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_template_and_any_phrase_do(template: str, phrase: str) -> None:
    assert isinstance(filled(template, ToolResult("x", {"a": [1]})), str)
    assert isinstance(instructions(phrase, (action("x", phrase or "x"),)), list)


def test_tasks_with_actions_are_data(phone: Any) -> None:
    task = phone.task()
    assert Task.model_validate_json(task.model_dump_json()) == task


def test_the_user_tells_symptoms_and_says_what_it_does_not_understand(phone: Any) -> None:
    env = phone.phone_env()
    env.reset(options={"task": 0})
    replies = [
        env.step(render(Turn(response=text)))[0]
        for text in (
            "What seems to be the problem?",
            "Please flush the DNS cache.",
            "Please set the network mode.",
            "Set the network mode to 5G.",
            "Turn off airplane mode.",
            "Turn off airplane mode.",
        )
    ]
    assert [reply.removeprefix("<user>").removesuffix("</user>") for reply in replies] == [
        "My phone has no signal.",
        "I am sorry, I do not understand what I should do.",
        "Which mode do you mean?",
        "It says: This phone has no 5G.",
        "Okay, I did that. Airplane mode is now off.",
        "Airplane mode is off already.",
    ]


# A model as the user -----------------------------------------------------------------------------------------------


def calls(*made: tuple[str, str]) -> dict[str, Any]:
    items = [{"id": "same", "type": "function", "function": {"name": n, "arguments": a}} for n, a in made]
    return {"content": None, "tool_calls": items, "finish": "tool_calls"}


def llm_env(phone: Any, server: Any, **options: Any) -> Any:
    env = phone.phone_env(user=LLMUserOptions(model="m", base_url=server.url, backoff_s=0.001, **options))
    env.reset(options={"task": 0})
    return env


def test_a_model_calls_its_tools_until_it_speaks(phone: Any, chat_server: Any) -> None:
    chat_server.script = [
        calls(("toggle_airplane_mode", "{}"), ("set_line", '{"id": "l1"}'), ("reboot", "{bad")),
        calls(("status_bar", "{}")),
        "It is off.",
    ]
    env = llm_env(phone, chat_server)
    observation, _, _, _, info = env.step(render(Turn(response="Turn off airplane mode.")))
    assert (observation, "toggle" in json.dumps(info)) == ("<user>It is off.</user>", False)
    acts = [(act.call.name, act.result.outcome) for act in env.trajectory.acts]
    assert acts == [("toggle_airplane_mode", "ok"), ("set_line", "unknown_tool"), ("status_bar", "ok")]
    first, last = chat_server.requests[0], chat_server.requests[-1]
    names = [tool["function"]["name"] for tool in first["tools"]]
    assert "toggle_airplane_mode" in names
    assert "set_line" not in names
    assert "My phone has no signal." in first["messages"][0]["content"]
    results = [message for message in last["messages"] if message["role"] == "tool"]
    asked = [call["id"] for message in last["messages"] for call in message.get("tool_calls", ())]
    assert [message["tool_call_id"] for message in results] == asked
    assert len(set(asked)) == 4
    fork = env.fork()
    chat_server.script = [calls(("reboot", "{}")), "Done."]
    fork.step(render(Turn(response="Reboot.")))
    assert len(env.trajectory.acts) == 3
    assert env.session.diff()["phones"]["p1"]["booted"] == 0
    assert fork.session.diff()["phones"]["p1"]["booted"] == 1


def test_a_model_that_never_speaks_is_bounded(phone: Any, chat_server: Any) -> None:
    chat_server.default = calls(("reboot", "{}"))
    env = llm_env(phone, chat_server, max_rounds=3, attempts=2)
    info = env.step(render(Turn(response="Reboot.")))[4]
    assert info["outcome"] == "infra_error"
    assert len(env.trajectory.acts) == 3
    assert len(chat_server.requests) == 5
    assert chat_server.requests[-1]["tool_choice"] == "none"


def test_two_processes_hear_the_same(phone: Any) -> None:
    script = (
        "import importlib.util as u, json; s = u.spec_from_file_location('p', PATH); m = u.module_from_spec(s); "
        "s.loader.exec_module(m); e = m.phone_env(); e.reset(options={'task': 0}); "
        "print(e.step('<response>Turn off airplane mode, reboot, and what does the status bar show?</response>')); "
        "print(e.trajectory.acts)"
    ).replace("PATH", repr(phone.__file__))
    outs = [
        subprocess.run(
            [sys.executable, "-c", script], capture_output=True, check=True, env={**os.environ, "PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "4242")
    ]
    assert outs[0] == outs[1]
    assert outs[0].count(b"Act(") == 4
