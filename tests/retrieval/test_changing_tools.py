"""Servers that change their tools during an episode, over each transport: sessions, what is shown, and the index."""

import asyncio
import importlib.util
import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from toolgym.custom import CustomDomain
from toolgym.env import ToolEnv
from toolgym.errors import InfraError
from toolgym.mcp.connect import ServerHandle, connect
from toolgym.mcp.connection import WireOptions
from toolgym.mcp.relisting import Relisting
from toolgym.mcp.serve import serving
from toolgym.mcp.session import ToolSession
from toolgym.messages import ToolCall, Turn, render
from toolgym.tasks import GoldAction, Task

FILE = Path(__file__).with_name("changing_server.py")


def workshop() -> Any:
    """A fresh server."""
    spec = importlib.util.spec_from_file_location("toolgym_test_changing_server", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.make()


@pytest.fixture(params=["process", "stdio", "http", "stdio-legacy", "http-legacy"])
def handle(request: pytest.FixtureRequest) -> Iterator[ServerHandle]:
    """The workshop on each transport; over stdio and HTTP in both revisions of the protocol."""
    kind, _, mode = request.param.partition("-")
    options = WireOptions(mode="legacy" if mode else "auto")
    with ExitStack() as opened:
        target = workshop if kind == "process" else FILE
        if kind == "http":
            target = opened.enter_context(serving(workshop()))
        yield opened.enter_context(connect(target, options=options))


@pytest.fixture
def session(handle: ServerHandle) -> Iterator[ToolSession]:
    session = handle.session()
    yield session
    session.close()


def names(session: ToolSession) -> list[str]:
    return [tool.name for tool in session.tools]


OWN = ["list_lamps", "open_door", "learn", "unlearn"]


def test_a_session_follows_what_its_server_adds_changes_and_removes(session: ToolSession):
    assert names(session) == OWN
    assert session.call(ToolCall("light_lamp", {})).outcome == "unknown_tool"
    before = session.tools
    assert session.call(ToolCall("list_lamps", {})).outcome == "ok"
    assert session.tools is before
    assert session.call(ToolCall("learn", {"name": "light_lamp", "what": "Lights a lamp"})).text == "learnt"
    assert names(session) == [*OWN, "light_lamp"]
    assert session.call(ToolCall("light_lamp", {})).text == "Lights a lamp"
    session.call(ToolCall("learn", {"name": "light_lamp", "what": "Dims a lamp"}))
    assert session.tools[-1].description == "Dims a lamp."
    assert session.call(ToolCall("light_lamp", {})).text == "Dims a lamp"
    session.call(ToolCall("unlearn", {"name": "light_lamp"}))
    assert names(session) == OWN
    assert session.call(ToolCall("light_lamp", {})).outcome == "unknown_tool"


TASK = Task(
    id="t",
    domain="workshop",
    kind=("light",),
    request="Light my lamp, please.",
    gold=(GoldAction(response="Lit."),),
)


def shown(env: ToolEnv) -> list[str]:
    return [tool.name for tool in env.tools]


def call(env: ToolEnv, name: str, /, **arguments: Any) -> tuple[str, dict[str, Any]]:
    observation, *_, info = env.step(render(Turn(calls=(ToolCall(name, arguments),))))
    return observation, info


@pytest.mark.parametrize("handle", ["process", "stdio", "http"], indirect=True)
def test_the_index_and_what_is_shown_follow(handle: ServerHandle):
    # "lamp" finds list_lamps alone. What is learnt and has to do with the request is shown at once, all else is found.
    env = ToolEnv(CustomDomain(handle.session, [TASK]), tools="retrieve:k=2,feeders=false")
    env.reset()
    assert shown(env) == ["find_tools", "list_lamps"]
    assert call(env, "find_tools", query="learn, or forget how")[0].startswith('<tool_response>{"found":2}')
    observation, info = call(env, "learn", name="make_bed", what="Makes a bed")
    assert (observation, "tools" in info) == ("<tool_response>learnt</tool_response>", False)
    observation, info = call(env, "find_tools", query="make the bed")
    assert '"name":"make_bed","description":"Makes a bed."' in observation
    assert call(env, "make_bed")[0] == "<tool_response>Makes a bed</tool_response>"
    observation, info = call(env, "learn", name="light_lamp", what="Lights a lamp")
    assert '"name":"light_lamp","description":"Lights a lamp."' in observation
    observation, info = call(env, "learn", name="make_bed", what="Builds a bunk")
    assert '"description":"Builds a bunk."' in observation
    assert "light_lamp" not in observation
    observation, info = call(env, "unlearn", name="light_lamp")
    assert (observation, "light_lamp" in shown(env)) == ("<tool_response>unlearnt</tool_response>", False)
    assert [tool["function"]["name"] for tool in info["tools"]] == shown(env)
    assert call(env, "light_lamp")[1]["calls"] == [{"name": "light_lamp", "outcome": "unknown_tool"}]
    assert call(env, "find_tools", query="light a lamp")[0] == '<tool_response>{"found":0}</tool_response>'
    env.close()


@pytest.mark.parametrize("handle", ["process", "stdio"], indirect=True)
def test_forks_and_resets_have_the_tools_that_were_there(handle: ServerHandle):
    env = ToolEnv(CustomDomain(handle.session, [TASK]))
    observation, _ = env.reset()
    observation, _ = call(env, "learn", name="light_lamp", what="Lights a lamp")
    assert observation.splitlines()[0] == "<tool_response>learnt</tool_response>"
    assert '"name":"light_lamp"' in observation  # all tools are shown: so are new ones
    twin = env.fork()
    call(env, "unlearn", name="light_lamp")
    assert (shown(env), shown(twin)) == (OWN, [*OWN, "light_lamp"])
    assert call(twin, "light_lamp")[0] == "<tool_response>Lights a lamp</tool_response>"
    call(env, "learn", name="light_lamp", what="Lights a lamp")
    prompt, _ = env.reset()
    assert shown(env) == OWN  # a server that is started anew
    assert "light_lamp" not in prompt
    for each in (env, twin):
        each.close()


def test_a_server_that_is_there_but_once_is_told_as_it_is_now():
    with serving(workshop()) as url, connect(url) as handle, connect(url) as others:
        env = ToolEnv(CustomDomain(handle.session, [TASK]))
        env.reset()
        session = others.session()
        session.call(ToolCall("learn", {"name": "light_lamp", "what": "Lights a lamp"}))
        session.close()
        assert shown(env) == OWN  # it has heard nothing of it: the other connection was told
        call(env, "list_lamps")
        env.close()
        prompt, _ = env.reset()
        assert shown(env) == [*OWN, "light_lamp"]
        assert '"name":"light_lamp"' in prompt
        env.close()


def test_servers_in_one_list_follow_and_only_what_changed_is_embedded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    embedded: list[str] = []

    def encoder(texts: Sequence[str]) -> np.ndarray:
        embedded.extend(texts)
        return np.array([[float("bed" in text), 1.0] for text in texts]) / np.sqrt(2)

    monkeypatch.setattr("toolgym.rewards.semantic.sentence_encoder", lambda model: encoder)
    config = tmp_path / "mcp.json"
    command = {"command": sys.executable, "args": [str(FILE)]}
    config.write_text(json.dumps({"mcpServers": {"a": command, "b": command}}))
    with connect(config) as handle:
        env = ToolEnv(CustomDomain(handle.session, [TASK]), tools="retrieve:k=9,by=both", rename=True)
        env.reset()
        assert len(embedded) == 9  # eight tools and the request
        names = env.trajectory.meta["perturbation"]["names"]["tools"]
        arguments = {env.trajectory.meta["perturbation"]["names"]["parameters"].get("name", "name"): "make_bed"}
        arguments |= {env.trajectory.meta["perturbation"]["names"]["parameters"].get("what", "what"): "Makes a bed"}
        observation, _ = call(env, names["b_learn"], **arguments)
        assert embedded[9:] == ["b make bed: Makes a bed.", "Light my lamp, please."]
        assert '"name":"b_make_bed"' in observation  # a new tool has its own name
        assert call(env, "b_make_bed")[0] == "<tool_response>Makes a bed</tool_response>"
        assert call(env, "b_learn")[1]["calls"] == [{"name": "b_learn", "outcome": "unknown_tool"}]
        env.close()


def test_a_server_that_says_it_without_end_is_listed_now_and_then():
    listed: list[float] = []

    async def run() -> None:
        async def relist() -> None:
            listed.append(time.monotonic())

        relisting = Relisting(relist)
        for _ in range(1000):
            relisting.note()
            await asyncio.sleep(0.0005)
        before = len(listed)
        relisting.note()
        await relisting.settled()
        assert len(listed) == before + 1  # who waits does not wait for the pause
        relisting.end()

    asyncio.run(run())
    assert 2 <= len(listed) <= 1 + 10 * (listed[-1] - listed[0]) + 2


def test_a_server_that_cannot_list_is_an_infrastructure_failure():
    async def run() -> None:
        async def relist() -> None:
            raise InfraError("gone")

        relisting = Relisting(relist)
        relisting.note()
        await asyncio.sleep(0.01)  # what was tried beside fails quietly
        with pytest.raises(InfraError, match="gone"):
            await relisting.settled()

    asyncio.run(run())
