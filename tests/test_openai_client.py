"""The client of chat endpoints, against a server on this machine: retries, limits, refusals, and where the key goes."""

import logging
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from toolgym.errors import ChatError, ConfigError, InfraError
from toolgym.openai_client import ChatClient, ChatOptions

MESSAGES = [{"role": "user", "content": "Hello!"}]
KEY = "sk-very-secret-0123"


@pytest.fixture
def connect(chat_server: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., ChatClient]]:
    """Clients of the server, quick to try again."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    made: list[ChatClient] = []

    def client(key: str | None = None, **options: Any) -> ChatClient:
        given = {"base_url": chat_server.url, "attempts": 3, "backoff_s": 0.001, "timeout_s": 20.0, **options}
        made.append(ChatClient(ChatOptions("test-model", **given), "The judge", key))
        return made[-1]

    yield client
    for client_made in made:
        client_made.close()


def text(choice: dict[str, Any]) -> str:
    return choice["message"]["content"]


def test_what_is_sent(chat_server: Any, connect: Any) -> None:
    assert connect(temperature=0.5, seed=3).ask(MESSAGES, text, {"tools": [], "seed": 4}) == "Done."
    sent = {name: value for name, value in chat_server.requests[0].items() if name != "path"}
    assert sent == {"model": "test-model", "messages": MESSAGES, "tools": [], "temperature": 0.5, "seed": 3}
    assert chat_server.requests[0]["path"] == "/v1/chat/completions"
    assert "Authorization" not in chat_server.headers[0]


def test_text_that_is_no_unicode_can_be_sent(chat_server: Any, connect: Any) -> None:
    connect().ask([{"role": "user", "content": "half \ud83d"}], text)
    assert chat_server.requests[0]["messages"][0]["content"] == "half \ud83d"


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504, 529])
def test_a_passing_status_is_tried_again(chat_server: Any, connect: Any, status: int) -> None:
    chat_server.script = [status, "At last."]
    assert connect().ask(MESSAGES, text) == "At last."
    assert len(chat_server.requests) == 2


@pytest.mark.parametrize(
    "content",
    ["", "not json", "{}", '{"choices": []}', '{"choices": ["a"]}', '{"choices": [{"message": null}]}', "[" * 100_000],
)
def test_what_is_no_completion_is_tried_again(chat_server: Any, connect: Any, content: str) -> None:
    chat_server.script = [(200, {}, content), "Better."]
    assert connect().ask(MESSAGES, text) == "Better."
    chat_server.script = [(200, {}, content)] * 3
    with pytest.raises(ChatError, match="failed 3 times; the last: no chat completion"):
        connect().ask(MESSAGES, text)


def test_an_answer_of_no_use_to_its_reader_is_tried_again(chat_server: Any, connect: Any) -> None:
    chat_server.script = ["seven", "7"]
    assert connect().ask(MESSAGES, lambda choice: int(text(choice))) == 7
    chat_server.script = ["seven"] * 3
    with pytest.raises(ChatError, match=r"failed 3 times.*invalid literal"):
        connect().ask(MESSAGES, lambda choice: int(text(choice)))


def test_retry_after_in_seconds_is_kept_to(chat_server: Any, connect: Any) -> None:
    chat_server.script = [(429, {"Retry-After": "0.3"}, ""), "Thanks."]
    begin = time.monotonic()
    assert connect().ask(MESSAGES, text) == "Thanks."
    assert time.monotonic() - begin >= 0.3


def test_retry_after_as_a_date_is_kept_to(chat_server: Any, connect: Any) -> None:
    then = datetime.now(UTC) + timedelta(seconds=3)  # dates have whole seconds: at least two of them are left
    chat_server.script = [(503, {"Retry-After": format_datetime(then, usegmt=True)}, ""), "Thanks."]
    begin = time.monotonic()
    assert connect().ask(MESSAGES, text) == "Thanks."
    assert time.monotonic() - begin >= 1


@pytest.mark.parametrize("said", ["86400", "Wed, 21 Oct 2999 07:28:00 GMT", "inf"])
def test_retry_after_has_a_limit(chat_server: Any, connect: Any, said: str) -> None:
    chat_server.script = [(429, {"Retry-After": said}, ""), "Thanks."]
    assert connect(longest_wait_s=0.01).ask(MESSAGES, text) == "Thanks."


@pytest.mark.parametrize("said", ["soon", "", "-3", "nan"])
def test_a_retry_after_without_sense_is_let_be(chat_server: Any, connect: Any, said: str) -> None:
    chat_server.script = [(429, {"Retry-After": said}, ""), "Thanks."]
    assert connect().ask(MESSAGES, text) == "Thanks."


def test_pauses_double(chat_server: Any, connect: Any) -> None:
    chat_server.default = 500
    begin = time.monotonic()
    with pytest.raises(ChatError):
        connect(attempts=4, backoff_s=0.05).ask(MESSAGES, text)
    assert time.monotonic() - begin >= 0.05 + 0.1 + 0.2
    assert len(chat_server.requests) == 4


def test_lasting_failures_are_the_infrastructures_and_say_what_to_do(chat_server: Any, connect: Any) -> None:
    chat_server.default = (500, {}, "out of memory")
    with pytest.raises(
        ChatError, match=r"^The judge at .* failed 3 times.*status 500: out of memory.*Is the server"
    ) as e:
        connect().ask(MESSAGES, text)
    assert isinstance(e.value, InfraError)
    assert e.value.status is None
    assert len(chat_server.requests) == 3


@pytest.mark.parametrize("status", [301, 400, 401, 404, 422])
def test_refusals_are_final_and_say_what_to_check(chat_server: Any, connect: Any, status: int) -> None:
    chat_server.script = [(status, {}, "no such model")]
    with pytest.raises(
        ChatError, match=rf"answered {status}: no such model.*'test-model'.*OPENAI_API_KEY, which is not"
    ) as e:
        connect().ask(MESSAGES, text)
    assert (e.value.status, e.value.text) == (status, "no such model")
    assert len(chat_server.requests) == 1


def test_silence_ends(chat_server: Any, connect: Any) -> None:
    chat_server.default = 30.0
    begin = time.monotonic()
    with pytest.raises(ChatError, match=r"no answer within 0\.2 s \(ReadTimeout\)"):
        connect(timeout_s=0.2, attempts=2).ask(MESSAGES, text)
    assert time.monotonic() - begin < 20
    assert len(chat_server.requests) == 2


def test_an_answer_that_trickles_ends_too(chat_server: Any, connect: Any, slowly: Any) -> None:
    chat_server.script = [(200, {}, slowly(b" ", 0.05))]
    with pytest.raises(ChatError, match=r"no whole answer within 0\.5 s"):
        connect(timeout_s=0.5, attempts=1).ask(MESSAGES, text)


def test_an_answer_without_end_is_cut(chat_server: Any, connect: Any, slowly: Any) -> None:
    chat_server.script = [(200, {}, slowly(b" " * 2**20, 0.0))]
    with pytest.raises(ChatError, match="a reply of more than 16777216 bytes"):
        connect(attempts=1, timeout_s=60.0).ask(MESSAGES, text)


def test_half_an_answer_is_tried_again(chat_server: Any, connect: Any) -> None:
    chat_server.script = [(200, {"Content-Length": "500"}, [b'{"choices": ']), "Whole."]
    assert connect().ask(MESSAGES, text) == "Whole."


def test_nobody_there(connect: Any) -> None:
    with pytest.raises(ChatError, match=r"ConnectError"):
        connect(base_url="http://127.0.0.1:9/v1").ask(MESSAGES, text)


def test_the_endpoint_and_the_key_come_from_the_environment(
    chat_server: Any, connect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", chat_server.url + "/")
    monkeypatch.setenv("OTHER_KEY", f"{KEY}\n")
    connect(base_url=None, api_key_env="OTHER_KEY").ask(MESSAGES, text)
    connect(key="sk-given", api_key_env="OTHER_KEY").ask(MESSAGES, text)
    assert [headers["Authorization"] for headers in chat_server.headers] == [f"Bearer {KEY}", "Bearer sk-given"]
    monkeypatch.delenv("OPENAI_BASE_URL")
    assert ChatOptions("m").endpoint == "https://api.openai.com/v1"


def test_the_key_is_in_no_message_and_no_log(chat_server: Any, connect: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    client = connect(key=KEY)
    chat_server.script = [(401, {}, f"Incorrect API key provided: {KEY}.")]
    with pytest.raises(ChatError, match=r"provided: \*\*\*\.") as refused:
        client.ask(MESSAGES, text)
    chat_server.default = (503, {}, f"{KEY} has too many requests under way")
    with pytest.raises(ChatError, match=r"\*\*\* has too many") as failed:
        client.ask(MESSAGES, text)
    chat_server.default = (200, {}, f"<p>{KEY}")
    with pytest.raises(ChatError, match="no chat completion") as malformed:
        client.ask(MESSAGES, text)
    assert chat_server.headers[0]["Authorization"] == f"Bearer {KEY}"
    said = [f"{e.value} {e.value.text} {e.value.__cause__}" for e in (refused, failed, malformed)]
    assert not [line for line in [*said, caplog.text, repr(client), repr(client.options)] if KEY in line]
    assert "HTTP Request" in caplog.text


def test_a_login_in_the_url_is_used_and_not_shown(
    chat_server: Any, connect: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    chat_server.script = [403]
    with pytest.raises(ChatError) as refused:
        connect(base_url=chat_server.url.replace("//", "//ann:pass-word@")).ask(MESSAGES, text)
    assert chat_server.headers[0]["Authorization"].startswith("Basic ")
    assert "pass-word" not in f"{refused.value} {caplog.text}"


@pytest.mark.parametrize("key", ["sk-a\nb", "sk-ä", "sk-\x00"])
def test_a_key_that_is_none(connect: Any, key: str) -> None:
    with pytest.raises(ConfigError, match="OPENAI_API_KEY") as error:
        connect(key=key)
    assert key not in str(error.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"base_url": "localhost:8000/v1"}, "must begin with http"),
        ({"base_url": "http://"}, "must begin with http"),
        ({"base_url": "http://[::1"}, "no URL"),
        ({"attempts": 0}, "attempts=0"),
        ({"timeout_s": 0.0}, r"timeout_s=0\.0"),
    ],
)
def test_options_that_cannot_be_used(connect: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        connect(**options)
