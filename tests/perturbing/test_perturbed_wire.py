"""Perturbations stand on the agent's side: over stdio and HTTP they are those in process, byte for byte."""

import sys
from pathlib import Path
from typing import Any

import gymnasium
import pytest

import toolgym  # noqa: F401 (registers the environments)
from toolgym.env import ToolEnv
from toolgym.loading import load_named
from toolgym.mcp.serve import serving
from toolgym.messages import ToolCall, Turn, render
from toolgym.trajectory.files import trajectory_to_json

SHOP = Path(__file__).parents[1] / "own_server" / "shop_server.py"
LAMPS = {
    "id": "lamps",
    "request": "Two lamps, please.",
    "calls": [{"stock_of": {"item": "lamp"}}, {"order": {"item": "lamp", "count": 2}}],
    "response": "Ordered.",
}


def played(servers: Any, options: dict[str, Any]) -> list[Any]:
    """Everything that two episodes say: right calls, wrong ones, unknown ones, on the episode and on a fork."""
    env = gymnasium.make("ToolGym/MCP-v0", servers=servers, tasks=[LAMPS], start_timeout_s=60, **options).unwrapped
    assert isinstance(env, ToolEnv)
    out: list[Any] = []
    for seed in (1, 2):
        out.append(env.reset(seed=seed))
        gold = [call.call() for call in env.task.gold_calls]
        wrong = [ToolCall(call.name, {**call.arguments, "more": 1}) for call in gold]
        refused = [ToolCall(call.name, dict.fromkeys(call.arguments, "tin")) for call in gold]
        others = [ToolCall(tool.name, {}) for tool in env.tools]
        out += [env.step(render(Turn(calls=(call,)))) for call in (*wrong, *refused, *others, ToolCall("order", {}))]
        fork = env.fork()
        for each in (fork, env):
            out += [each.step(render(Turn(calls=(call,)))) for call in gold for _ in range(2)]
            out += [each.step("<response>Ordered.</response>")]
            out.append({**trajectory_to_json(each.trajectory), "diff": each.session.diff()})
        fork.close()
    env.close()
    return out


@pytest.mark.parametrize("way", ["stdio", "http"])
def test_the_same_on_the_wire(way, options):
    near = played(f"{SHOP}:server", options)
    if way == "stdio":
        assert played([sys.executable, str(SHOP)], options) == near
    else:
        with serving(load_named(f"{SHOP}:server")) as url:
            assert played(url, options) == near
    assert any("unavailable" in str(each) for each in near) == bool(options.get("flaky"))
