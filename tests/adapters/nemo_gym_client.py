"""What NeMo Gym's agents send, written from its interface: which requests, which bodies, which cookies."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPConnection
from http.cookies import SimpleCookie
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from toolgym.messages import Turn, render

Item = dict[str, Any]


@contextmanager
def served(app: ASGIApp) -> Iterator[str]:
    """Serves an application over HTTP; gives its address."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(10)


@dataclass(frozen=True)
class Answer:
    """What a server answered."""

    status: int
    headers: Message
    text: str

    def json(self) -> Any:
        return json.loads(self.text)


class Rollout:
    """A rollout's requests. As with its agents, a request carries the cookies of the latest answer and no others."""

    def __init__(self, url: str, prefix: str = ""):
        self._host, self._prefix = url.removeprefix("http://"), prefix
        self.cookies: dict[str, str] = {}

    def post(self, path: str, body: Any = None, content: bytes | None = None) -> Answer:
        headers = {"content-type": "application/json"}
        if self.cookies:
            headers["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        with closing(HTTPConnection(self._host, timeout=60)) as connection:
            data = json.dumps(body).encode() if content is None else content
            connection.request("POST", self._prefix + path, data, headers)
            answer = connection.getresponse()
            text = answer.read().decode()
        jar = SimpleCookie(answer.headers.get("set-cookie", ""))
        self.cookies = {name: morsel.value for name, morsel in jar.items()}
        return Answer(answer.status, answer.headers, text)

    def verify(self, row: Item, output: list[Item], **more: Any) -> Item:
        answer = self.post("/verify", {**row, "response": response(output, **more)})
        assert answer.status == 200, answer.text
        return answer.json()


def response(output: list[Item], **more: Any) -> Item:
    """A response of the Responses API, with the fields that it must have."""
    return {
        "id": "resp_1",
        "created_at": 0.0,
        "model": "scripted",
        "object": "response",
        "output": output,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        **more,
    }


def said(text: str) -> Item:
    """A message of the assistant's as an output item."""
    part = {"type": "output_text", "text": text, "annotations": []}
    return {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part]}


def called(turn: Turn) -> list[Item]:
    """A turn as output items: thoughts, calls, what is said."""
    items: list[Item] = []
    if turn.plan:
        items.append({"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": turn.plan}]})
    for number, call in enumerate(turn.calls):
        arguments = json.dumps(call.arguments, ensure_ascii=False)
        items.append({"type": "function_call", "call_id": f"call_{number}", "name": call.name, "arguments": arguments})
    return [*items, *([said(turn.response)] if turn.response is not None else [])]


def one_by_one(turn: Turn) -> list[str]:
    """The actions in process that equal a turn whose calls go to their endpoints one after the other."""
    parts = [Turn(calls=(call,)) for call in turn.calls]
    return [render(part) for part in [*parts, *([Turn(response=turn.response)] if turn.response is not None else [])]]
