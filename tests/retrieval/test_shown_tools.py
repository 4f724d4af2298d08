"""`tools=`: what an agent is shown, finds and may call; forks, other processes, the wire, and servers that change."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import gymnasium
import pytest

import toolgym  # noqa: F401 (registers the environments)
from toolgym.agents.evaluation import EvalOptions, evaluate
from toolgym.agents.policies import OraclePolicy
from toolgym.custom import CustomDomain
from toolgym.env import ToolEnv
from toolgym.errors import ConfigError
from toolgym.mcp.server import ToolServer
from toolgym.messages import ToolCall, Turn, render
from toolgym.retrieval import load_index
from toolgym.tasks import GoldAction, GoldCall, Task
from toolgym.world import Base, World

SHOP = Path(__file__).parents[1] / "own_server" / "shop_server.py"
AIRLINE = "ToolGym/Airline-v0"


def shelf(*more: str) -> ToolServer:
    """Tools about lamps, beds and doors, and others by name."""
    server = ToolServer("shelf", base=Base({"lamps": {"l1": {"lit": False}}}))

    @server.tool(writes=True)
    def light_lamp(world: World, lamp_id: str) -> str:
        """Lights a lamp."""
        world.edit("lamps", lamp_id)["lit"] = True
        return "lit"

    @server.tool(writes=False)
    def list_lamps(world: World) -> list[str]:
        """Lists the lamps."""
        return list(world.keys("lamps"))

    def nothing(world: World) -> str:
        return "done"

    for name in ("make_bed", "open_door", "close_door", "lock_door", *more):
        server.tool(writes=False, name=name)(nothing)
    return server


TASK = Task(
    id="t",
    domain="shelf",
    kind=("light",),
    request="Light my lamp, please.",
    gold=(GoldAction(calls=(GoldCall(name="light_lamp", arguments={"lamp_id": "l1"}),)), GoldAction(response="Lit.")),
)


def room(tools: str, server: ToolServer | None = None, **options: Any) -> ToolEnv:
    return ToolEnv(CustomDomain((server or shelf()).session, [TASK]), tools=tools, **options)


def shown(env: ToolEnv) -> list[str]:
    return [tool.name for tool in env.tools]


def call(env: ToolEnv, name: str, **arguments: Any) -> tuple[str, dict[str, Any]]:
    observation, *_, info = env.step(render(Turn(calls=(ToolCall(name, arguments),))))
    return observation, info


def test_what_is_found_is_shown_and_the_agent_finds_more():
    env = room("retrieve:k=2")
    observation, info = env.reset()
    assert shown(env) == ["find_tools", "light_lamp", "list_lamps"]
    assert [tool["function"]["name"] for tool in info["tools"]] == shown(env)
    assert '"light_lamp"' in observation
    assert "door" not in observation
    assert call(env, "open_door")[1]["calls"] == [{"name": "open_door", "outcome": "unknown_tool"}]
    observation, info = call(env, "find_tools", query="Doors that close")
    assert observation.startswith('<tool_response>{"found":2}</tool_response>\n# Tools')
    assert shown(env)[3:] == ["close_door", "lock_door"]
    assert ("close_door" in observation, "light_lamp" in observation) == (True, False)  # what is new is told
    assert len(info["tools"]) == 5
    assert call(env, "close_door")[0] == "<tool_response>done</tool_response>"
    observation, info = call(env, "find_tools", query="lamps")
    assert observation == '<tool_response>{"found":0}</tool_response>'
    assert "tools" not in info
    assert "Invalid arguments for find_tools" in call(env, "find_tools", query=3)[0]
    assert "Invalid arguments for find_tools" in call(env, "find_tools", query="a", k=9)[0]
    assert env.trajectory.diff == {}
    env.reset()
    assert shown(env) == ["find_tools", "light_lamp", "list_lamps"]  # an episode begins anew


def test_the_conversation_counts_beside_what_is_looked_for():
    # "lock" finds lock_door alone: what was said before ("lamp") finds nothing itself.
    env = room("retrieve:k=3,feeders=false")
    env.reset()
    twin = env.fork()
    call(env, "find_tools", query="lock")
    assert shown(env) == ["find_tools", "light_lamp", "list_lamps", "lock_door"]
    assert shown(twin) == ["find_tools", "light_lamp", "list_lamps"]
    call(twin, "find_tools", query="bed")
    assert (shown(twin)[3:], shown(env)[3:]) == (["make_bed"], ["lock_door"])
    # The user's words are heard as they come, by those who talk on.
    twin.session.user_spoke("Now open the door, too.")
    assert shown(twin)[3:] == ["make_bed", "open_door", "close_door", "lock_door"]


def test_oracle_shows_what_the_gold_chain_needs():
    env = gymnasium.make(AIRLINE, size="small", tools="oracle", distractors=3).unwrapped
    assert isinstance(env, ToolEnv)
    for index in range(20):
        env.reset(options={"task": index})
        assert set(shown(env)) == {call.name for call in env.task.gold_calls}


def test_a_solved_task_is_one_whose_tools_are_shown():
    rate = {}
    for tools in ("all", "oracle", "retrieve:k=12", "retrieve:k=1"):
        options = EvalOptions(AIRLINE, episodes=20, env_options={"size": "small", "tools": tools, "distractors": 20})
        rate[tools] = evaluate(OraclePolicy(), options).overall.estimates["pass@1"].value
    assert rate["all"] == rate["oracle"] == 1
    assert 0 < rate["retrieve:k=1"] < rate["retrieve:k=12"]


def played(servers: Any, **options: Any) -> list[Any]:
    """All that two episodes say, with searches, on the episode and on a fork."""
    tasks = [{"id": "a", "request": "Two lamps.", "calls": [{"stock_of": {"item": "lamp"}}], "response": "2"}]
    env = gymnasium.make("ToolGym/MCP-v0", servers=servers, tasks=tasks, start_timeout_s=60, **options).unwrapped
    assert isinstance(env, ToolEnv)
    out: list[Any] = []
    for seed in (1, 2):
        out.append(env.reset(seed=seed))
        out.append(call(env, "find_tools", query="order items"))
        fork = env.fork()
        for each in (fork, env):
            out += [call(each, "find_tools", query="stock"), call(each, "stock_of", item="lamp"), call(each, "order")]
            out += [shown(each), each.step("<response>2</response>")]
        fork.close()
    env.close()
    return out


def test_the_same_on_the_wire_and_in_other_processes():
    options = {"tools": "retrieve:k=2", "distractors": 9, "flaky": 0.3}
    near = played(f"{SHOP}:server", **options)
    assert played([sys.executable, str(SHOP)], **options) == near
    made = {"size": "small", "tools": "retrieve:k=4", "distractors": 20, "rename": True, "reorder": True}
    program = (
        "import gymnasium, toolgym, json, sys\nenv = gymnasium.make(sys.argv[1], **json.loads(sys.argv[2]))\n"
        "print(json.dumps([env.reset(seed=seed) for seed in range(3)]))"
    )
    said = subprocess.run(
        [sys.executable, "-c", program, AIRLINE, json.dumps(made)],
        env={**os.environ, "PYTHONHASHSEED": "77"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    env = gymnasium.make(AIRLINE, **made)
    assert json.loads(said) == json.loads(json.dumps([env.reset(seed=seed) for seed in range(3)]))
    assert len(env.unwrapped.tools) == 5


CHANGING = """
import json, sys
for line in sys.stdin:
    asked = json.loads(line)
    if "id" not in asked:
        continue
    names = open(sys.argv[1]).read().split()
    tools = [{"name": n, "description": "Does it.", "inputSchema": {"type": "object"}} for n in names]
    result = {"tools": tools}
    if asked["method"] == "initialize":
        version = asked["params"]["protocolVersion"]
        about = {"name": "c", "version": "1"}
        result = {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": about}
    elif asked["method"] == "tools/call":
        result = {"content": [{"type": "text", "text": asked["params"]["name"]}]}
    print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}), flush=True)
"""


def test_a_server_that_changes_its_tools_is_searched_as_it_is_now(tmp_path):
    names = tmp_path / "names"
    names.write_text("light_lamp dim_lamp open_door")
    tasks = [{"id": "a", "request": "My lamp, please.", "calls": [{"open_door": {}}], "response": "2"}]
    command, store = [sys.executable, "-c", CHANGING, str(names)], tmp_path / "index"
    env = gymnasium.make(
        "ToolGym/MCP-v0", servers=command, tasks=tasks, tools=f"retrieve:store={store}", spares=0, start_timeout_s=60
    ).unwrapped
    assert isinstance(env, ToolEnv)
    env.reset()
    assert shown(env) == ["find_tools", "dim_lamp", "light_lamp"]
    names.write_text("light_lamp wipe_lamp open_door")
    env.close()  # the next session has a new connection, which lists the tools anew
    env.reset()
    assert shown(env) == ["find_tools", "light_lamp", "wipe_lamp"]
    assert call(env, "wipe_lamp")[0] == "<tool_response>wipe_lamp</tool_response>"
    assert call(env, "dim_lamp")[1]["calls"][0]["outcome"] == "unknown_tool"
    assert sorted(load_index(store).tools) == ["light_lamp", "open_door", "wipe_lamp"]
    env.close()


def test_refusals():
    with pytest.raises(ConfigError, match="Did you mean 'retrieve'"):
        room("retreive")
    env = room("retrieve", shelf("find_tools"))
    with pytest.raises(ConfigError, match=r"has a tool 'find_tools' itself: .* leave tools out"):
        env.reset()
    with pytest.raises(ConfigError, match=r"Embeddings need sentence-transformers|cannot"):
        room("retrieve:by=meaning,model=/nowhere").reset()


def test_generated_domains_lend_where_the_others_have_too_few():
    env = gymnasium.make("ToolGym/PlanArena-v0", scenario=18, distractors=400, tools="retrieve:k=10").unwrapped
    assert isinstance(env, ToolEnv)
    env.reset(seed=1)
    session: Any = env.session
    offered = session._inputs[1]
    assert len(offered) == 400 + len(session.inner.tools)
    assert len({tool.name for tool in offered}) == len(offered)
    assert len(shown(env)) == 11
