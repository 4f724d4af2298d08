"""Run beside verifiers' package (see test_verifiers.py): its own commands and loops, with a model that plays gold."""

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import verifiers.v1 as vf

from tests.adapters.experts import expert_turns, gold_messages
from tests.adapters.manual import command_of, file_of
from toolgym.adapters.verifiers import ToolGymConfig, ToolGymHarness, ToolGymTaskset
from toolgym.errors import ConfigError, InfraError
from toolgym.mcp.inprocess import InProcessSession
from toolgym.messages import render
from toolgym.opening import open_env

SMALL = {"size": "small"}
PLAYED = [
    ("ToolGym/Airline-v0", {"size": "small", "depth": 2}),
    ("ToolGym/Airline-v0", {"size": "small", "user": "scripted"}),
    ("ToolGym/Telecom-v0", SMALL),
    ("ToolGym/All-v0", SMALL),
]
Says = Callable[[list[dict[str, Any]]], dict[str, Any]]


@pytest.fixture(autouse=True)
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module that verifiers finds by its name."""
    (tmp_path / "airline_toolgym.py").write_text(file_of("airline_toolgym.py"))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("MODEL_KEY", "none")
    return tmp_path


@contextmanager
def endpoint(says: Says) -> Iterator[str]:
    """An OpenAI-compatible endpoint whose model says what the function makes of the conversation."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            message = says(asked["messages"])
            why = message.pop("finish_reason", "tool_calls" if message.get("tool_calls") else "stop")
            answer = {
                "id": "1",
                "object": "chat.completion",
                "created": 1,
                "model": asked["model"],
                "choices": [{"index": 0, "message": message, "finish_reason": why}],
                "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
            }
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def expert(env_id: str, options: dict[str, Any], count: int) -> Says:
    """A model that finds the gold chain of the task whose request it is shown."""
    env = open_env(env_id, **options)
    chains = {}
    for index in range(count):
        _, info = env.reset(options={"task": index})
        chains[info["messages"][-1]["content"]] = gold_messages(env.task)

    def says(messages: list[dict[str, Any]]) -> dict[str, Any]:
        asked = next(message["content"] for message in messages if message["role"] == "user")
        return dict(chains[asked][sum(message["role"] == "assistant" for message in messages)])

    return says


def played(url: str, env_id: str, options: dict[str, Any], count: int, **agent: Any) -> list[Any]:
    """The traces of verifiers' own run over the first tasks."""
    taskset = {"id": "airline_toolgym", "env": env_id, "options": options, "count": count}
    env = vf.load_environment(vf.resolve_env_config({"taskset": taskset, "agent": agent}))
    client = vf.EvalClientConfig(base_url=url, api_key_var="MODEL_KEY")

    async def run() -> list[Any]:
        context = vf.ModelContext(model="m", client=client, sampling=vf.SamplingConfig())
        async with env.serving():
            return [await env.run_slot(slot, context) for task in env.taskset for slot in env.slots(task)]

    return [trace for episode in asyncio.run(run()) for trace in episode.traces]


@pytest.mark.parametrize(("env_id", "options"), PLAYED)
def test_the_gold_chain_earns_what_the_episode_in_process_earns(env_id, options):
    with endpoint(expert(env_id, options, 2)) as url:
        traces = played(url, env_id, options, 2)
    env = open_env(env_id, **options)
    for trace in traces:
        assert trace.ok, trace.errors
        _, info = env.reset(options={"task": trace.task.data.id})
        said = [message["content"] for message in info["messages"] if message["role"] == "user"]
        for turn in expert_turns(env.task):
            if not env.trajectory.done:
                *_, info = env.step(render(turn, "openai"))
                said += [message["content"] for message in info["messages"]]
        assert trace.reward == pytest.approx(sum(step.reward for step in env.trajectory.steps))
        assert trace.metrics["solved"] == 1
        heard = [message.content for message in trace.messages if message.role in ("user", "tool")]
        assert heard == said[: len(heard)]
        assert len(heard) >= len(said) - 1  # what comes after the last message is shown to nobody


def command(name: str, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """The manual's command of verifiers' with other or further arguments, in a folder that holds the module."""
    program, *given = command_of(name)
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    where = Path(sys.executable).with_name(program)
    line = [str(where), *given[: given.index("-n")], "-n", "2", *given[given.index("-n") + 2 :], *arguments]
    return subprocess.run(line, cwd=folder, env=environment, capture_output=True, text=True)


def test_their_own_validation_passes(plugin):
    done = command("vf-validate", "--taskset.options.user", "scripted", folder=plugin)
    assert done.returncode == 0, done.stdout + done.stderr
    summary = json.loads(done.stdout[done.stdout.index("{") :])
    assert (summary["total"], summary["valid_rate"]) == (2, 1)
    assert {name: each["valid"] for name, each in summary["checks"].items()} == {"gold": 2, "noop": 2}


def test_their_command_evaluates_any_of_our_environments(plugin):
    with endpoint(expert("ToolGym/Library-v0", SMALL, 2)) as url:
        client = ["--client.base-url", url, "--client.api-key-var", "MODEL_KEY"]
        done = command("vf-eval", *client, "--run.name", "gold", folder=plugin)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = (plugin / "outputs" / "gold" / "traces.jsonl").read_text().splitlines()
    traces = [trace for line in lines for trace in json.loads(line).get("traces", [json.loads(line)])]
    assert [trace["metrics"]["solved"] for trace in traces] == [1, 1]


def said(*messages: dict[str, Any]) -> Says:
    """A model that says these messages one after another."""
    return lambda given: dict(messages[sum(message["role"] == "assistant" for message in given)])


def calling(*calls: tuple[str, str, str]) -> dict[str, Any]:
    listed = [
        {"id": id, "type": "function", "function": {"name": name, "arguments": given}} for id, name, given in calls
    ]
    return {"role": "assistant", "content": None, "tool_calls": listed}


SORRY = {"role": "assistant", "content": "I cannot do that."}


def test_every_call_gets_the_answer_that_is_its_own():
    calls = calling(("a", "calculate", '{"expression": "1 + 1"}'), ("b", "calculate", "{"), ("c", "nothing", "{}"))
    with endpoint(said(calls, SORRY)) as url:
        (trace,) = played(url, "ToolGym/Airline-v0", SMALL, 1)
    answers = {message.tool_call_id: message.content for message in trace.messages if message.role == "tool"}
    assert list(answers) == ["a", "b", "c"]
    assert answers["a"] == "2.0"
    assert "<problem>" in answers["b"]
    assert "nothing" in answers["c"]
    assert (trace.ok, trace.metrics["solved"]) == (True, 0)


def test_a_message_that_was_cut_off_is_no_answer():
    with endpoint(said({**SORRY, "finish_reason": "length"}, SORRY)) as url:
        (trace,) = played(url, "ToolGym/Airline-v0", SMALL, 1)
    assert [message.role for message in trace.messages] == ["system", "user", "assistant", "user", "assistant"]
    assert "cut off" in trace.messages[3].content


def test_a_limit_of_theirs_ends_the_episode_which_keeps_what_it_earned():
    env_id, options = "ToolGym/Airline-v0", {"size": "small", "depth": 2, "reward": "ac_planner"}
    with endpoint(expert(env_id, options, 1)) as url:
        (trace,) = played(url, env_id, options, 1, max_turns=1)
    env = open_env(env_id, **options)
    env.reset(options={"task": 0})
    _, first, *_ = env.step(render(expert_turns(env.task)[0], "openai"))
    assert (trace.ok, trace.stop_condition, trace.metrics["solved"]) == (True, "max_turns", 0)
    assert trace.reward == pytest.approx(first)


def test_what_the_infrastructure_broke_is_a_failed_rollout(monkeypatch):
    def fails(self: Any, call: Any) -> Any:
        raise InfraError("the server is gone")

    monkeypatch.setattr(InProcessSession, "call", fails)
    with endpoint(said(calling(("a", "calculate", "{}")))) as url:
        (trace,) = played(url, "ToolGym/Airline-v0", SMALL, 1)
    assert not trace.ok
    assert "the server is gone" in trace.last_error.message


def test_what_cannot_be_is_said():
    with pytest.raises(ConfigError, match="Did you mean"):
        list(ToolGymTaskset(ToolGymConfig(env="ToolGym/Airlin-v0")))
    with pytest.raises(ConfigError, match="count must be from 1 to"):
        list(ToolGymTaskset(ToolGymConfig(options=SMALL, count=0)))
    harness = ToolGymHarness(vf.HarnessConfig())
    with pytest.raises(ConfigError, match="plays the tasks of ToolGymTaskset"):
        asyncio.run(harness.launch(None, None, None, "", "", {}, vf.TaskData(prompt="Hello.")))


def test_importing_toolgym_does_not_import_the_package():
    code = "import sys, toolgym, toolgym.adapters, toolgym.adapters.verifiers; sys.exit('verifiers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
