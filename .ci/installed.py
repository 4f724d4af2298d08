"""Run from anywhere by the Python of an environment that holds only the installed wheel: does it work on its own?"""

import asyncio
import importlib.util
import sys
from pathlib import Path

import gymnasium
from fastmcp import Client
from fastmcp.client.transports import StdioTransport

import toolgym


def step() -> None:
    """Makes an environment and takes a step."""
    env = gymnasium.make("ToolGym/Airline-v0", split="train", size="small")
    observation, info = env.reset(seed=0)
    assert "<user>" in observation, observation
    observation, reward, _, _, info = env.step('<tool_call>{"name": "list_all_airports", "arguments": {}}</tool_call>')
    assert observation.startswith("<tool_response>"), observation
    print(f"a step: {len(observation)} characters, reward {reward}, {info['rewards']}")
    env.close()


async def talk() -> None:
    """Starts the airline's server as a program and talks to it over stdio."""
    transport = StdioTransport(sys.executable, ["-m", "toolgym.mcp_servers.airline", "--size", "small"])
    async with Client(transport, timeout=60) as client:
        tools = [tool.name for tool in await client.list_tools()]
        result = await client.call_tool("calculate", {"expression": "2 * 3.14"})
    assert "get_reservation_details" in tools, tools
    assert "6.28" in str(result.content), result
    print(f"over stdio: {len(tools)} tools, 2 * 3.14 = {result.content[0].text}")


def main() -> None:
    package = Path(toolgym.__file__).resolve()
    assert Path(sys.prefix).resolve() in package.parents, f"{package} is not the installed package"
    for heavy in ("torch", "transformers", "docker"):
        assert importlib.util.find_spec(heavy) is None, f"{heavy} came with the core"
    step()
    asyncio.run(talk())


if __name__ == "__main__":
    main()
