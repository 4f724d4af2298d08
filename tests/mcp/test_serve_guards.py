"""What a client cannot do to an HTTP server: open the control channel, hold it up, fill its memory."""

import asyncio
import gc
import json
import logging
import socket
import time
import urllib.error
import urllib.request
from contextlib import suppress

import pytest
from fastmcp import Client
from fastmcp.client.auth import BearerAuth
from hypothesis import given, settings
from hypothesis import strategies as st
from mcp.shared.exceptions import MCPError

from toolgym.errors import ConfigError, ServerStartError
from toolgym.mcp.connect import connect
from toolgym.mcp.connection import Connection, UrlTarget, WireOptions
from toolgym.mcp.endpoint import ControlParams
from toolgym.mcp.episodes import EpisodeLimits
from toolgym.mcp.serve import ServeLimits, http_app, serving
from toolgym.mcp.server import ToolServer
from toolgym.messages import ToolCall
from toolgym.world import Base, World

LIST = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}).encode()
HEADERS = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}


def status(url: str, headers: dict[str, str] | None = None, body: bytes = LIST) -> int:
    request = urllib.request.Request(url, data=body, headers={**HEADERS, **(headers or {})})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def refused(url: str, token: str) -> bool:
    return status(url, {"Authorization": f"Bearer {token}"}) == 401


def test_an_agent_s_token_opens_its_endpoint_and_nothing_else(notes):
    with serving(notes.make_server(), token="run", agent_token="act") as url:
        endpoint = url.replace("/mcp", "/episodes/e1/mcp")
        assert refused(url, "act")
        assert refused(endpoint, "run")  # so that it is not what an agent is given
        assert not refused(url, "run")
        assert not refused(endpoint, "act")
        for path in ("/elsewhere", "/episodes/e1/mcp/..", "/episodes/e1%2Fmcp", "//mcp", "/mcp?x=/episodes/e1/mcp"):
            assert refused(url.replace("/mcp", path), "act"), path

        async def agent() -> str:
            async with Client(endpoint, auth=BearerAuth("act")) as client:
                return (await client.call_tool("count", {})).content[0].text

        assert asyncio.run(agent()) == "1"
        with connect(url, token="act") as handle, pytest.raises(ServerStartError, match="401"):
            handle.session()
        with connect(url, token="run") as handle:
            assert handle.session().diff() == {}


@pytest.mark.parametrize("tokens", [{}, {"token": "run", "agent_token": "act"}])
@pytest.mark.parametrize("op", ["reset", "fork", "snapshot", "restore", "diff", "close"])
def test_an_episode_s_endpoint_has_no_control_channel(notes, tokens, op):
    async def story(url: str) -> str:
        connection = await Connection.open(UrlTarget(url, tokens.get("agent_token")), WireOptions())
        try:
            await connection.control(ControlParams(op=op, episode="e1", to="e2", state={}))
        except (MCPError, ConfigError) as error:
            return str(error)
        finally:
            await connection.close()
        return "done"

    with serving(notes.make_server(), **tokens) as url:
        assert "Method not found" in asyncio.run(story(url.replace("/mcp", "/episodes/e1/mcp")))


def test_without_a_token_for_agents_their_endpoints_are_closed(notes):
    with serving(notes.make_server(), token="run") as url:
        for token in ("run", "", "None"):
            assert refused(url.replace("/mcp", "/episodes/e1/mcp"), token)
        assert status(url.replace("/mcp", "/episodes/e1/mcp")) == 401


@pytest.mark.parametrize(
    "tokens",
    [
        {"token": ""},
        {"token": "a", "agent_token": ""},
        {"agent_token": "a"},
        {"token": "a", "agent_token": "a"},
    ],
)
def test_tokens_that_protect_nothing_are_refused(server, tokens):
    with pytest.raises(ConfigError, match="token"):
        http_app(server, **tokens)


def test_the_scheme_s_case_means_nothing_and_the_token_s_does(notes):
    with serving(notes.make_server(), token="S3cret é") as url:
        for given, expected in [
            ("Bearer S3cret é", True),
            ("bearer S3cret é", True),
            ("BEARER  S3cret é ", True),
            ("Bearer s3cret é", False),
            ("Bearer S3cret", False),
            ("Bearer", False),
            ("Basic S3cret é", False),
            ("S3cret é", False),
            ("Bearer S3cret é, Bearer S3cret é", False),
        ]:
            raw = given.encode().decode("latin-1")
            assert (status(url, {"Authorization": raw}) != 401) is expected, given


def test_two_tokens_in_one_request_are_none(notes):
    with serving(notes.make_server(), token="a") as url:
        head = f"POST /mcp HTTP/1.1\r\nHost: {host_of(url)}\r\nContent-Length: 2\r\n"
        answer = exchanged(url, f"{head}Authorization: Bearer b\r\nAuthorization: Bearer a\r\n\r\n{{}}".encode())
        assert answer.startswith(b"HTTP/1.1 401")


def test_no_token_is_logged_or_taken_from_an_address(notes, caplog, capfd):
    with (
        caplog.at_level(logging.DEBUG),
        serving(notes.make_server(), token="topsecret", agent_token="actsecret") as url,
    ):
        assert status(f"{url}?token=topsecret&access_token=topsecret") == 401
        assert status(url, {"Authorization": "Bearer topsecreT"}) == 401
        with connect(url, token="topsecret") as handle:
            handle.session().call(ToolCall("count"))
    said = capfd.readouterr()
    ours = [record for record in caplog.records if record.name.startswith(("toolgym", "uvicorn"))]
    assert "secret" not in said.out + said.err
    assert not [record for record in ours if "secret" in record.getMessage()]


# Held up ---------------------------------------------------------------------------------------------------------

QUICK = ServeLimits(header_s=0.5, body_s=0.5, body_bytes=100_000, connections=20)


def host_of(url: str) -> str:
    return url.split("/")[2]


def dialled(url: str) -> socket.socket:
    host, _, port = host_of(url).partition(":")
    return socket.create_connection((host, int(port)), timeout=20)


def exchanged(url: str, data: bytes) -> bytes:
    """What comes back until the server closes the connection or has been silent for a while."""
    with dialled(url) as connection:
        connection.sendall(data)
        return until_closed(connection)


def until_closed(connection: socket.socket) -> bytes:
    received = b""
    try:
        while chunk := connection.recv(65536):
            received += chunk
    except ConnectionError:
        pass
    return received


@pytest.fixture
def quick(notes):
    with serving(notes.make_server(), limits=QUICK) as url:
        yield url


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (b"", b""),
        (b"P", b""),
        (b"POST /mcp HTTP/1.1\r\nHost: x\r\n", b""),
        (b"POST /mcp HTTP/1.1\r\nHost: %b\r\nContent-Length: 10\r\n\r\n{", b"HTTP/1.1 408"),
        (b"POST /mcp HTTP/1.1\r\nHost: %b\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{", b"HTTP/1.1 408"),
    ],
)
def test_half_a_request_is_closed(quick, sent, answer):
    """The server ends the connection by itself: `recv` would wait for 20 s, and then raise."""
    assert exchanged(quick, sent.replace(b"%b", host_of(quick).encode())).startswith(answer)


def test_a_request_that_drips_is_closed(quick):
    """A byte now and then does not keep it open."""
    with dialled(quick) as connection:
        connection.sendall(b"POST /mcp HTTP/1.1\r\nX: ")
        closed = False
        for _ in range(200):
            try:
                connection.sendall(b"x")
            except ConnectionError:
                closed = True
                break
            time.sleep(0.1)
        assert closed


def test_a_second_request_that_stops_in_the_middle_is_closed(quick):
    host = host_of(quick).encode()
    first = b"GET /elsewhere HTTP/1.1\r\nHost: " + host + b"\r\n\r\n"
    answer = exchanged(quick, first + b"POST /mcp HTTP/1.1\r\nHo")
    assert answer.count(b"HTTP/1.1 ") == 1


def test_a_call_that_takes_longer_than_a_request_may_is_answered(quick):
    """The limits are for what a client sends; the slow tool has its second."""
    with connect(quick) as handle:
        session = handle.session()
        assert session.call(ToolCall("slow", {"seconds": 1.2})).text == "slow 1"
        time.sleep(0.7)
        assert session.call(ToolCall("count")).text == "2"


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_long_is_refused(quick, chunked):
    host, size = host_of(quick), QUICK.body_bytes + 1
    head = f"POST /mcp HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
    if chunked:
        head, body = f"{head}Transfer-Encoding: chunked\r\n\r\n", b"%x\r\n" % size + b"x" * size
    else:
        head, body = f"{head}Content-Length: {size * 10}\r\n\r\n", b"x" * size
    assert exchanged(quick, head.encode() + body).startswith(b"HTTP/1.1 413")
    with connect(quick) as handle:
        long = "y" * (QUICK.body_bytes - 5_000)
        assert handle.session().call(ToolCall("echo", {"value": long})).text == long


def test_connections_are_bounded_and_come_free(quick):
    held = [dialled(quick) for _ in range(60)]
    time.sleep(0.1)
    for connection in held[QUICK.connections :]:
        assert until_closed(connection) == b""
    for connection in held:
        until_closed(connection)
        connection.close()
    with connect(quick) as handle:
        assert handle.session().call(ToolCall("count")).text == "1"


@settings(max_examples=40, deadline=None)
@given(data=st.binary(max_size=200), cut=st.integers(0, 200))
def test_whatever_is_sent_the_server_goes_on(data, cut):
    url = _running()
    host = host_of(url).encode()
    request = b"POST /mcp HTTP/1.1\r\nHost: " + host + b"\r\nContent-Length: 5\r\n\r\n" + data
    with dialled(url) as connection, suppress(OSError):  # it may have been closed already
        connection.sendall(request[: len(request) - cut] if cut < len(request) else data)
        connection.shutdown(socket.SHUT_WR)
    assert status(url) == 400  # the server's answer: a listing needs a handshake first


_served = []


def _running() -> str:
    if not _served:
        context = serving(ToolServer("empty", base=Base({"t": {}})), limits=QUICK)
        _served.append((context, context.__enter__()))
    return _served[0][1]


@pytest.fixture(scope="module", autouse=True)
def _stopped():
    yield
    while _served:
        _served.pop()[0].__exit__(None, None, None)


# Memory ----------------------------------------------------------------------------------------------------------


def worlds_server(built: list[int], kept: int) -> ToolServer:
    def build(seed: int) -> Base:
        built.append(seed)
        return Base({"t": {"own": {"seed": seed, "n": 0}}}, {"marked": True})

    server = ToolServer("worlds", build, default_world_key=0, kept_worlds=kept, limits=EpisodeLimits(episodes=1000))

    @server.tool(writes=True)
    def add(world: World) -> str:
        """Counts up in this world."""
        record = world.edit("t", "own")
        record["n"] += 1
        return f"{record['seed']}: {record['n']}"

    @server.tool(writes=False, blocking=True)
    def look(world: World) -> str:
        """Looks."""
        return str(world.get("t", "own"))

    return server


def living() -> int:
    gc.collect()
    return sum(1 for each in gc.get_objects() if type(each) is Base and each.meta.get("marked"))


def test_many_episodes_in_worlds_of_their_own_hold_few_of_them():
    """300 episodes in as many worlds, with 8 kept: each goes on where it was, in a world that is built again."""
    built: list[int] = []
    server = worlds_server(built, kept=8)

    async def story() -> list[str]:
        async with Client(server.fastmcp) as client:

            async def call(tool: str, seed: int) -> str:
                meta = {"toolgym/episode": f"e{seed}", "toolgym/world": seed}
                return (await client.call_tool(tool, {}, meta=meta)).content[0].text

            first = [await call("add", seed) for seed in range(300)]
            assert first == [f"{seed}: 1" for seed in range(300)]
            assert living() <= 8 + 1
            again = [await call("add", seed) for seed in range(0, 300, 7)]
            assert living() <= 8 + 1
            looked = await asyncio.gather(*(call("look", seed) for seed in range(0, 300, 5)))
            await call("look", 0)  # what is let go is so with the next call
            assert living() <= 8 + 1
            assert looked == [str({"seed": seed, "n": 2 if seed % 7 == 0 else 1}) for seed in range(0, 300, 5)]
            return again

    assert asyncio.run(story()) == [f"{seed}: 2" for seed in range(0, 300, 7)]
    assert len(server.episodes) == 300
    assert built[:300] == list(range(300))


def test_a_resting_episode_forks_diffs_and_keeps_its_version():
    server = worlds_server([], kept=1)
    with serving(server) as url, connect(url) as handle:
        sessions = [handle.session(seed) for seed in range(4)]
        for session in sessions:
            session.call(ToolCall("add"))
        versions = [session.state_version() for session in sessions]
        for seed, session in enumerate(sessions):
            expected = {"t": {"own": {"seed": seed, "n": 1}}}
            assert session.diff() == expected
            twin = session.fork()
            assert twin.call(ToolCall("add")).text == f"{seed}: 2"
            assert session.diff() == expected
        assert [session.state_version() for session in sessions] == versions
        sessions[0].reset(3)
        assert sessions[0].diff() == {}
        assert living() <= 2
