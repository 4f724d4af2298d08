"""Episodes on the wire: isolation, the control channel, expiry, endpoints, older clients."""

import asyncio
import random

import pytest
from fastmcp import Client

from toolgym.errors import ConfigError, EpisodeExpiredError, InfraError
from toolgym.mcp import loop
from toolgym.mcp.connect import connect
from toolgym.mcp.connection import WireOptions
from toolgym.mcp.endpoint import ControlParams
from toolgym.mcp.episodes import Episode, EpisodeLimits, EpisodeStore
from toolgym.mcp.serve import serving
from toolgym.messages import ToolCall


def counted(session) -> int:
    return session.call(ToolCall("count")).structured["result"]


def test_sessions_do_what_sessions_do(handle):
    """One story on each transport."""
    session = handle.session(3)
    assert session.fork_kind == "copy"
    assert session.call(ToolCall("world_name")).text == "world 3"
    assert [counted(session) for _ in range(3)] == [1, 2, 3]
    version = session.state_version()
    session.call(ToolCall("get_note", {"id": "n0"}))
    assert session.state_version() == version
    twin = session.fork()
    assert counted(twin) == 4
    assert counted(session) == 4
    session.call(ToolCall("put_note", {"id": "n1", "text": "mine"}))
    assert twin.diff() == {"counters": {"all": {"n": 4}}}
    assert session.diff()["notes"] == {"n1": {"text": "mine", "tags": None, "extra": None}}
    session.reset(9)
    assert session.diff() == {}
    assert session.call(ToolCall("world_name")).text == "world 9"
    assert session.state_version() != version
    assert counted(twin) == 5
    with pytest.raises(ConfigError, match="unlucky"):
        session.reset(13)
    assert session.call(ToolCall("world_name")).text == "world 9"
    for each in (session, twin, session):
        each.close()


def test_versions_do_not_come_again_after_a_reset(handle):
    session = handle.session(1)
    versions = []
    for _ in range(3):
        counted(session)
        versions.append(session.state_version())
        session.reset(1)
        versions.append(session.state_version())
    assert len(set(versions)) == 6


def test_fork_and_diff_before_any_call(handle):
    session = handle.session(6)
    twin = session.fork()
    assert twin.call(ToolCall("world_name")).text == "world 6"
    assert session.diff() == {}
    fresh = handle.session(7)
    assert fresh.diff() == {}
    assert fresh.call(ToolCall("world_name")).text == "world 7"


@pytest.mark.parametrize("transport", ["stdio", "http"])
def test_two_hundred_interleaved_episodes_are_isolated(transport, request):
    """Each episode does its own number of counts, all mixed and many at once; no count lands elsewhere."""
    handle = request.getfixturevalue(f"{transport}_handle")
    sessions = [handle.session(index % 5) for index in range(200)]
    order = [index for index in range(200) for _ in range(index % 4)]
    random.Random(0).shuffle(order)

    async def everything() -> None:
        for start in range(0, len(order), 50):
            await asyncio.gather(*(sessions[i].call_async(ToolCall("count")) for i in order[start : start + 50]))
        names = await asyncio.gather(*(session.call_async(ToolCall("world_name")) for session in sessions))
        assert [name.text for name in names] == [f"world {index % 5}" for index in range(200)]

    asyncio.run(everything())
    for index in range(0, 200, 17):
        expected = {"counters": {"all": {"n": index % 4}}} if index % 4 else {}
        assert sessions[index].diff() == expected


def test_calls_of_one_episode_wait_for_each_other_and_others_do_not(http_handle):
    """Three slow calls of one episode take their turns; another episode's call does not wait for them."""
    busy, other = http_handle.session(), http_handle.session()

    async def story() -> tuple[list[str], bool]:
        slow = [asyncio.ensure_future(busy.call_async(ToolCall("slow", {"seconds": 0.15}))) for _ in range(3)]
        await asyncio.sleep(0.05)
        await other.call_async(ToolCall("count"))
        others_were_first = not slow[0].done()
        behind = await busy.call_async(ToolCall("count"))
        return [task.result().text for task in slow] + [behind.text], others_were_first

    texts, others_were_first = asyncio.run(story())
    assert others_were_first
    assert sorted(texts) == ["4", "slow 1", "slow 2", "slow 3"]


@pytest.mark.parametrize("transport", ["stdio", "http"])
def test_the_control_channel_is_no_tool(transport, request, notes_file, http_url):
    handle = request.getfixturevalue(f"{transport}_handle")
    session = handle.session()
    assert not [tool.name for tool in handle.tools if "control" in tool.name or tool.name in {"reset", "fork", "diff"}]
    for name in ["toolgym/control", "toolgym_control", "control", "reset", "fork", "close"]:
        result = session.call(ToolCall(name, {"op": "reset", "episode": session.episode_id}))
        assert (result.text, result.outcome) == (f"Unknown tool: {name!r}", "unknown_tool")

    async def listed() -> list[str]:
        async with Client(notes_file if transport == "stdio" else http_url) as client:
            return [tool.name for tool in await client.list_tools()]

    assert asyncio.run(listed()) == [tool.name for tool in session.tools]


def test_an_endpoint_is_one_episode_for_any_client(http_url, http_handle):
    """A client that sets no `_meta` acts in the episode of its URL, and has no control there."""
    session = http_handle.session(4)
    counted(session)
    endpoint = http_url.replace("/mcp", f"/episodes/{session.episode_id}/mcp")

    async def outsider(mode: str) -> str:
        async with Client(endpoint, mode=mode) as client:
            # naming another episode does not help
            answer = await client.call_tool_mcp("count", {}, meta={"toolgym/episode": "elsewhere"})
            return answer.content[0].text

    assert asyncio.run(outsider("auto")) == "2"
    assert asyncio.run(outsider("legacy")) == "3"
    assert session.diff() == {"counters": {"all": {"n": 3}}}
    with connect(endpoint) as bound:
        inside = bound.session()
        assert inside.call(ToolCall("world_name")).text == "world 4"
        with pytest.raises(ConfigError, match="Method not found"):
            inside.reset(1)


def test_odd_ids_in_endpoints(http_url):
    """Ids are percent-encoded in the path; a slash inside one does not lead elsewhere."""

    async def count(path: str) -> str:
        async with Client(http_url.replace("/mcp", path)) as client:
            return (await client.call_tool_mcp("count", {})).content[0].text

    assert asyncio.run(count("/episodes/a%2Fb%20%C3%A9/mcp")) == "1"
    assert asyncio.run(count("/episodes/a%2Fb%20%C3%A9/mcp/")) == "2"
    assert asyncio.run(count("/episodes/a%2Fb/mcp")) == "1"


def test_older_clients_have_an_episode_a_session(http_url):
    async def story() -> list[str]:
        async with Client(http_url, mode="legacy") as first, Client(http_url, mode="legacy") as second:
            texts = []
            for client in (first, first, second, first):
                texts.append((await client.call_tool_mcp("count", {})).content[0].text)
            named = await first.call_tool_mcp("count", {}, meta={"toolgym/episode": "legacy-named"})
            return [*texts, named.content[0].text]

    assert asyncio.run(story()) == ["1", "2", "1", "3", "1"]


@pytest.mark.parametrize("transport", ["stdio", "http"])
def test_the_older_protocol_has_episodes_too(transport, notes_file, http_url):
    options = WireOptions(mode="legacy")
    with connect(notes_file if transport == "stdio" else http_url, options=options) as handle:
        session = handle.session(6)
        assert session.fork_kind == "copy"
        counted(session)
        twin = session.fork()
        assert counted(twin) == 2
        assert session.diff() == {"counters": {"all": {"n": 1}}}
        assert handle.session(7).call(ToolCall("world_name")).text == "world 7"


def test_without_a_name_it_is_the_process_default_episode(notes_file, server):
    async def story(target) -> list[str]:
        async with Client(target) as client:
            return [(await client.call_tool_mcp("count", {})).content[0].text for _ in range(2)]

    assert asyncio.run(story(notes_file)) == ["1", "2"]
    assert asyncio.run(story(server.fastmcp)) == ["1", "2"]
    assert asyncio.run(story(server.fastmcp)) == ["3", "4"]


def test_a_request_may_name_the_world_of_a_fresh_episode(server):
    async def story() -> list[str]:
        texts = []
        async with Client(server.fastmcp) as client:
            for world in (8, 8, None, 9):
                meta = {"toolgym/episode": "w", "toolgym/world": world}
                texts.append((await client.call_tool_mcp("world_name", {}, meta=meta)).content[0].text)
            for bad in ("", "x" * 201, 5):
                answer = await client.call_tool_mcp("world_name", {}, meta={"toolgym/episode": bad})
                assert answer.is_error
                texts.append(answer.content[0].text[:35])
        return texts

    assert asyncio.run(story()) == [
        *["world 8", "world 8", "world 8", "Episode 'w' is in world 8, not 9; reset it first."],
        *["An episode id must be a string of 1"] * 3,
    ]


def test_a_closed_episode_is_gone(http_handle):
    session = http_handle.session()
    counted(session)
    twin = session.fork()
    session.close()
    for act in (lambda: session.call(ToolCall("count")), session.fork, session.reset):
        with pytest.raises(InfraError, match="This session is closed"):
            act()
    session._closed = False  # what the server itself says
    with pytest.raises(EpisodeExpiredError, match="does not hold it"):
        session.call(ToolCall("count"))
    assert counted(twin) == 2


def test_expired_episodes_say_so(notes):
    """Two episodes fit; the third pushes out the one that was used least recently."""
    server = notes.make_server(EpisodeLimits(episodes=2))
    with serving(server) as url, connect(url) as handle:
        first, second, third = (handle.session() for _ in range(3))
        counted(first), counted(second), counted(first), counted(third)
        with pytest.raises(EpisodeExpiredError, match="more than 2 episodes were open"):
            counted(second)
        with pytest.raises(EpisodeExpiredError, match="more than 2 episodes"):
            second.fork()
        assert counted(first) == 3
        second.reset(1)
        assert counted(second) == 1
        assert len(server.episodes) == 2


def test_an_episode_that_changes_too_much_ends(notes):
    server = notes.make_server(EpisodeLimits(changed_records=2))
    with serving(server) as url, connect(url) as handle:
        session = handle.session()
        for index in range(3):
            assert session.call(ToolCall("put_note", {"id": f"x{index}", "text": "t"})).outcome == "ok"
        with pytest.raises(EpisodeExpiredError, match="changed more than 2 records"):
            counted(session)


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_idle_episodes_expire(server):
    clock = Clock()
    store = EpisodeStore(lambda key: Episode({}, server.base, key), EpisodeLimits(idle_s=10, remembered=2), clock)
    keys = [("id", name) for name in "abcd"]
    for key in keys:
        store.get(key)
    clock.now_s = 6
    kept = store.get(keys[3])
    clock.now_s = 11
    assert store.get(keys[3]) is kept
    assert len(store) == 1
    with pytest.raises(EpisodeExpiredError, match="idle for more than 10 seconds"):
        store.get(keys[2])
    # only two expired ids are remembered (b and c); a is not, but its owner may insist that it existed
    with pytest.raises(EpisodeExpiredError, match="does not hold it"):
        store.get(keys[0], must_exist=True)
    store.get(keys[0])
    assert store.discard(keys[0])
    assert not store.discard(keys[0])


def test_snapshots_move_between_servers(http_handle, stdio_handle):
    session, other = http_handle.session(5), stdio_handle.session()
    session.call(ToolCall("put_note", {"id": "n1", "text": "moved", "extra": {"a": None}}))
    other.restore(session.snapshot())
    assert other.diff() == session.diff()
    assert other.call(ToolCall("world_name")).text == "world 5"


def test_control_requests_are_checked(http_handle):
    session = http_handle.session()
    connection = session._connection
    for params in [ControlParams(op="reset", episode=""), ControlParams(op="fork", episode=session.episode_id)]:
        with pytest.raises((ConfigError, EpisodeExpiredError)):
            loop.run(connection.control(params))
