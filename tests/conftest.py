"""What tests of several parts share: one thread a process, cheap garbage collections, a chat endpoint over HTTP."""

import gc
import importlib.util
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

# Before anything imports torch, here and in what the tests start: there is a worker on each core already, and threads
# that wait for each other on busy cores take several times as long.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# What is imported while tests are collected stays: looking for garbage among it takes a fifth of that time.
gc.disable()

# The benchmarks are scripts of the checkout, not of the package: tests find them from its root.
sys.path.append(str(Path(__file__).resolve().parents[1]))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--thorough", action="store_true", help="run the tests marked thorough too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what is marked thorough, unless it is asked for."""
    if config.getoption("--thorough"):
        return
    left_out = [item for item in items if item.get_closest_marker("thorough")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not item.get_closest_marker("thorough")]


def pytest_collection_finish() -> None:
    """Takes what was imported out of every later garbage collection.

    A trainer asks for a whole one at each start; through the objects of torch and transformers it takes 0.3 s.
    """
    gc.enable()
    gc.collect()
    gc.freeze()


class ChatServer:
    """Speaks OpenAI's chat protocol. Each request gets the next of `script`, or else `default`.

    An answer is a text, a message (a dict, with `finish` where it did not end by itself), a status, a whole reply as
    (status, headers, text or pieces of bytes), a delay in seconds as a float, or a function of the request's body that
    gives one of these.
    """

    def __init__(self) -> None:
        self.script: list[Any] = []
        self.default: Any = "Done."
        self.delay_s = 0.0
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.busy = self.most_busy = 0
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"

    def close(self) -> None:
        self.stopping.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with outer.lock:
                    outer.requests.append({**body, "path": self.path})
                    outer.headers.append(dict(self.headers))
                    outer.busy += 1
                    outer.most_busy = max(outer.most_busy, outer.busy)
                    answer = outer.script.pop(0) if outer.script else outer.default
                outer.stopping.wait(answer if isinstance(answer, float) else outer.delay_s)
                with outer.lock:
                    outer.busy -= 1
                status, headers, text = _reply(answer(body) if callable(answer) else answer)
                try:
                    self._send(status, headers, text)
                except OSError:
                    self.close_connection = True  # the client gave up waiting

            def _send(self, status: int, headers: dict[str, str], text: Any) -> None:
                whole = isinstance(text, str)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if whole:
                    self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                for piece in [text.encode()] if whole else text:
                    self.wfile.write(piece)
                    if outer.stopping.is_set():
                        return

            def log_message(self, format: str, *args: Any) -> None:
                """Keeps the test's output clean."""

        return Handler


def _reply(answer: Any) -> tuple[int, dict[str, str], Any]:
    """An answer of the script as status, headers and text."""
    if isinstance(answer, tuple):
        return answer
    if isinstance(answer, int):
        return answer, {}, f"status {answer}"
    if isinstance(answer, float):
        answer = "late"
    message = {"content": answer} if isinstance(answer, str) else dict(answer)
    choice = {"index": 0, "finish_reason": message.pop("finish", "stop"), "message": {"role": "assistant", **message}}
    return 200, {}, json.dumps({"choices": [choice]})


@pytest.fixture
def chat_server() -> Iterator[ChatServer]:
    """A chat endpoint that says what the test tells it to."""
    server = ChatServer()
    yield server
    server.close()


@pytest.fixture
def slowly() -> Callable[[bytes, float], Iterator[bytes]]:
    """The same bytes again and again, one piece every so many seconds."""

    def pieces(piece: bytes, pause_s: float) -> Iterator[bytes]:
        while True:
            yield piece
            time.sleep(pause_s)

    return pieces


@pytest.fixture(scope="session")
def phone() -> ModuleType:
    """A domain in which the user has tools of its own: `env/phone_domain.py`."""
    name = "toolgym_test_phone_domain"
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / "env" / "phone_domain.py")
    assert spec is not None
    assert spec.loader is not None
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def made_up_bfcl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small benchmark in the form of BFCL's data: `bfcl/made_up.py`."""
    name = "toolgym_test_made_up_bfcl"
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / "bfcl" / "made_up.py")
    assert spec is not None
    assert spec.loader is not None
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.write_benchmark(tmp_path_factory.mktemp("bfcl"))


@dataclass
class Done:
    code: int
    out: str
    err: str


@pytest.fixture(name="toolgym")
def in_process(capsys, monkeypatch) -> Callable[..., Done]:
    """Runs the real `toolgym` command in this process: `toolgym("list", "--json")` -> exit code, stdout and stderr."""
    from toolgym.cli import common, main

    # Wide and plain, whatever terminal the tests run in.
    monkeypatch.setenv("COLUMNS", "160")
    for console in (common.out, common.progress_console):
        monkeypatch.setattr(console, "_width", 160)
        monkeypatch.setattr(console, "_color_system", None)

    def run(*arguments: object) -> Done:
        capsys.readouterr()
        code: object = 0
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as error:
            code = error.code or 0
        printed = capsys.readouterr()
        return Done(int(str(code)), printed.out, printed.err)

    return run
