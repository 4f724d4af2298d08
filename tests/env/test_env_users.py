"""Users: nobody, a script, and a model behind an HTTP endpoint (a local one that answers like OpenAI's)."""

import asyncio
import re
from collections.abc import Callable
from typing import Any

import pytest

from toolgym.custom import CustomDomain
from toolgym.env import ToolEnv
from toolgym.errors import ConfigError, InfraError, UserModelError
from toolgym.rewards.base import Reward
from toolgym.tasks import Task, UserScript
from toolgym.users import NoUser, ScriptedUser, UserReply, make_user
from toolgym.users.llm import LLMUser, LLMUserOptions
from toolgym.vector import ToolVectorEnv

SCRIPT = UserScript(
    opening="I want to cancel my trip.",
    facts={"reservation id": "It is K7Q2MX.", "reason": "My plans changed."},
    keywords={"reason": ("reason", "why")},
)
TASK = Task(id="t", domain="d", kind=("cancel",), request="Cancel K7Q2MX, as my plans changed.", user=SCRIPT)
YES = UserReply("Yes, please go ahead.")
THANKS = UserReply("Thank you, that is all.", done=True)


def talk(*responses: str, task: Task = TASK) -> list[UserReply]:
    user = ScriptedUser()
    user.start(task)
    return [user.reply(response) for response in responses]


def test_nobody_answers() -> None:
    user = NoUser()
    assert user.start(TASK) == TASK.request
    assert user.reply("Hello?") == UserReply(None, done=True)


@pytest.mark.parametrize(
    ("response", "reply"),
    [
        ("What is your reservation ID?", UserReply("It is K7Q2MX.")),
        ("Please give me your reservation_id.", UserReply("It is K7Q2MX.")),
        ("Why do you want to cancel?", UserReply("My plans changed.")),
        ("May I have the reservation id, and the reason?", UserReply("It is K7Q2MX. My plans changed.")),
        ("Please confirm your reservation id.", UserReply("It is K7Q2MX.")),
        ("I found it. Shall I cancel reservation id K7Q2MX?", UserReply("It is K7Q2MX. Yes, please go ahead.")),
        ("The refund is $20. Would you like me to proceed (yes/no)?", YES),
        ("Please confirm.", YES),
        ("Your trip was cancelled.", THANKS),
        ("I’m sorry, I can’t do that.", THANKS),
        ("I am transferring you to a human agent.", THANKS),
        ("Is there anything else?", UserReply("No, that is all. Thank you.", done=True)),
        ("How can I help you today?", UserReply("I want to cancel my trip.")),
        ("Who was the first king of Rome?", UserReply("I do not have any other information.")),
        ("Let me look.", UserReply("Okay.")),
        ("", UserReply("Okay.")),
        ("The reservation id is a code of six letters.", UserReply("Okay.")),
    ],
)
def test_scripted_replies(response: str, reply: UserReply) -> None:
    assert talk(response) == [reply]


def test_a_script_that_declines() -> None:
    task = TASK.model_copy(update={"user": SCRIPT.model_copy(update={"confirms": False})})
    assert talk("Shall I go ahead?", task=task) == [UserReply("No, please do not do that.")]


def test_without_an_opening_the_request_is_said() -> None:
    assert ScriptedUser().start(TASK.model_copy(update={"user": UserScript()})) == TASK.request


def test_three_replies_that_bring_nothing_end_the_talk() -> None:
    assert [reply.done for reply in talk("Hm.", "Hm.", "Hm.")] == [False, False, True]
    assert [reply.done for reply in talk("Hm.", "Hm.", "Why?", "Hm.", "Hm.", "Hm.")] == [False] * 5 + [True]


def test_a_fork_remembers_and_is_apart() -> None:
    user = ScriptedUser()
    user.start(TASK)
    user.reply("Hm."), user.reply("Hm.")
    twin = user.fork()
    assert user.reply("Hm.").done
    assert not twin.reply("Why?").done
    assert [twin.reply("Hm.").done for _ in range(3)] == [False, False, True]


def test_a_conversation_in_the_environment(make_bank: Callable[..., ToolEnv]) -> None:
    env = make_bank(user="scripted", prompt="short")
    assert env.reset(options={"task": "bank-2"})[0] == "I want to pay something in."
    observation, _, terminated, _, info = env.step("<response>Into which account, and how much?</response>")
    assert (observation, terminated) == ("<user>My account is acc_2. The amount is 3.</user>", False)
    assert info["messages"] == [{"role": "user", "content": "My account is acc_2. The amount is 3."}]
    env.step('<tool_call>{"name": "pay_in", "arguments": {"account": "acc_2", "amount": 3}}</tool_call>')
    observation, _, terminated, _, info = env.step("<response>It is done.</response>")
    assert (observation, terminated, info["outcome"]) == ("<user>Thank you, that is all.</user>", True, "solved")
    assert [step.user for step in env.trajectory.steps] == [
        "My account is acc_2. The amount is 3.",
        None,
        "Thank you, that is all.",
    ]


MakeUser = Callable[..., LLMUser]


@pytest.fixture
def llm_user(chat_server: Any) -> MakeUser:
    """Users played by the endpoint."""
    chat_server.default = "Fine."

    def user(**changes: Any) -> LLMUser:
        return LLMUser(LLMUserOptions(**{"model": "m", "base_url": chat_server.url, "backoff_s": 0.001, **changes}))

    return user


def test_the_model_plays_the_user(chat_server: Any, llm_user: MakeUser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "key 1")
    chat_server.script = ["It is K7Q2MX.", "Thanks! [END]", "[END]"]
    user = llm_user(temperature=0.5, seed=3)
    assert user.start(TASK) == "I want to cancel my trip."
    assert chat_server.requests == []
    assert user.reply("Which trip?") == UserReply("It is K7Q2MX.")
    assert asyncio.run(user.reply_async("Cancelled.")) == UserReply("Thanks!", done=True)
    assert user.reply("Bye.") == UserReply(None, done=True)
    first, second, _ = chat_server.requests
    assert first["path"] == "/v1/chat/completions"
    assert (first["model"], first["temperature"], first["seed"]) == ("m", 0.5, 3)
    assert [message["role"] for message in second["messages"]] == ["system", "assistant", "user", "assistant", "user"]
    assert second["messages"][0]["content"].count("Cancel K7Q2MX, as my plans changed.") == 1
    assert "It is K7Q2MX." in second["messages"][0]["content"]
    assert second["messages"][3]["content"] == "It is K7Q2MX."
    assert chat_server.headers[0]["Authorization"] == "Bearer key 1"


def test_a_fork_of_the_model_goes_its_own_way(chat_server: Any, llm_user: MakeUser) -> None:
    user = llm_user()
    user.start(TASK)
    user.reply("Which trip?")
    twin = user.fork()
    user.reply("Really?")
    twin.reply("Why?")
    assert chat_server.requests[2]["messages"][:-1] == chat_server.requests[1]["messages"][:-1]
    assert chat_server.requests[2]["messages"][-1]["content"] == "Why?"


def test_passing_troubles_are_retried(chat_server: Any, llm_user: MakeUser) -> None:
    chat_server.script = [503, 429, "Yes."]
    user = llm_user(attempts=3)
    user.start(TASK)
    assert user.reply("Shall I?") == UserReply("Yes.")
    assert len(chat_server.requests) == 3


def test_what_the_users_model_thinks_is_not_said(chat_server: Any, llm_user: MakeUser) -> None:
    chat_server.script = [
        "<think>Am I done? Then [END].</think>It is K7Q2MX.",
        "Not yet, so no [END].</think>\nMy plans changed.",
        {"content": "Yes.", "reasoning_content": "I could say [END]."},
        {
            "content": [
                {"type": "thinking", "thinking": [{"type": "text", "text": "[END]"}]},
                {"type": "text", "text": "No."},
            ]
        },
        "[THINK]It is done.[/THINK]Thanks! [END]",
    ]
    user = llm_user()
    user.start(TASK)
    replies = [user.reply("Hm?") for _ in range(5)]
    assert [reply.text for reply in replies] == ["It is K7Q2MX.", "My plans changed.", "Yes.", "No.", "Thanks!"]
    assert [reply.done for reply in replies] == [False] * 4 + [True]
    assert "Am I done?" not in str(chat_server.requests[-1]["messages"])


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("", "says nothing"),
        (" \n", "says nothing"),
        ("<think>hm</think>", "says nothing"),
        ("<think>never closed [END]", "says nothing"),
        ({"content": None}, "says nothing"),
        ({"content": "My reservation is", "finish": "length"}, r"cut off before its end \(max_tokens=256\)"),
        ({"content": "[END]", "finish": "length"}, "cut off"),
    ],
)
def test_a_reply_without_words_is_asked_for_again_and_then_the_infrastructures(
    chat_server: Any, llm_user: MakeUser, bank: CustomDomain, bad: Any, message: str
) -> None:
    env = ToolEnv(bank, user=llm_user(attempts=2).options, prompt="short")
    env.reset(seed=0)
    chat_server.script = [bad, "Into acc_2."]
    assert env.step("<response>Into which account?</response>")[0] == "<user>Into acc_2.</user>"
    chat_server.script = [bad, bad]
    _, reward, terminated, _, info = env.step("<response>How much?</response>")
    assert (reward, terminated, info["outcome"]) == (0.0, True, "infra_error")
    assert re.search(f"failed 2 times; the last: the reply .*{message}", info["error"])
    assert len(chat_server.requests) == 4


@pytest.mark.parametrize(
    ("answers", "message", "asked"),
    [
        ([500, 500, 500], "failed 2 times; the last: status 500", 2),
        ([401, "x"], "answered 401", 1),
        ([(200, {}, '{"choices": []}')] * 2, "failed 2 times; the last: no chat completion", 2),
    ],
)
def test_lasting_troubles_are_infrastructure_errors(
    chat_server: Any, llm_user: MakeUser, answers: list[Any], message: str, asked: int
) -> None:
    chat_server.script = answers
    user = llm_user(attempts=2)
    user.start(TASK)
    with pytest.raises(UserModelError, match=message):
        user.reply("Hello?")
    assert len(chat_server.requests) == asked
    assert issubclass(UserModelError, InfraError)


def test_silence_and_nobody_there(chat_server: Any, llm_user: MakeUser) -> None:
    chat_server.delay_s = 0.5
    user = llm_user(attempts=1, timeout_s=0.05)
    user.start(TASK)
    with pytest.raises(UserModelError, match=r"no answer within 0.05 s"):
        user.reply("Hello?")
    nobody = LLMUser(LLMUserOptions(model="m", base_url="http://127.0.0.1:9", attempts=1))
    nobody.start(TASK)
    with pytest.raises(UserModelError, match="Connect"):
        nobody.reply("Hello?")


def test_a_user_that_fails_ends_the_episode_without_blame(
    chat_server: Any, llm_user: MakeUser, bank: CustomDomain
) -> None:
    chat_server.script = [401]
    env = ToolEnv(bank, user=llm_user().options)
    env.reset(seed=0)
    _, reward, terminated, _, info = env.step("<response>How much?</response>")
    assert (reward, terminated, info["outcome"]) == (0.0, True, "infra_error")


def test_many_conversations_wait_at_once(chat_server: Any, llm_user: MakeUser, bank: CustomDomain) -> None:
    chat_server.delay_s = 0.5
    own = ToolVectorEnv(8, bank, user=llm_user().options, prompt="short", reward=Reward({}, {}))
    own.reset(seed=0)
    observations, _, terminated, _, _ = own.step(["<response>How much?</response>"] * 8)
    own.close()
    assert observations == ("<user>Fine.</user>",) * 8
    assert not terminated.any()
    assert chat_server.most_busy > 4


def test_users_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TOOLGYM_USER_MODEL", raising=False)
    monkeypatch.setenv("TOOLGYM_USER_BASE_URL", "http://localhost:1/v1")
    assert isinstance(make_user("none"), NoUser)
    assert isinstance(make_user("scripted"), ScriptedUser)
    with pytest.raises(ConfigError, match=r"needs a model: .*scripted"):
        make_user("llm")
    named = make_user("llm:some-model")
    assert isinstance(named, LLMUser)
    assert (named.options.model, named.options.base_url) == ("some-model", "http://localhost:1/v1")
    monkeypatch.setenv("TOOLGYM_USER_MODEL", "other-model")
    by_default = make_user("llm")
    assert isinstance(by_default, LLMUser)
    assert by_default.options.model == "other-model"
    with pytest.raises(ConfigError, match="Did you mean 'scripted'"):
        make_user("script")
    with pytest.raises(ConfigError, match="not int"):
        make_user(3)  # type: ignore[arg-type]
