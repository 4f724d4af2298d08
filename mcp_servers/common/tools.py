"""The tools that every domain has, which look nothing up and change nothing."""

from typing import Annotated

from pydantic import Field

from toolgym.mcp.server import ToolError
from toolgym.mcp_servers.common.calculator import evaluate
from toolgym.world import World


def calculate(
    world: World, expression: Annotated[str, Field(description="The expression, such as '2 * (119 + 30)'.")]
) -> str:
    """Works out an arithmetic expression of numbers, + - * / and parentheses."""
    try:
        return evaluate(expression)
    except ValueError as error:
        raise ToolError(str(error)) from None


def think(world: World, thought: Annotated[str, Field(description="The thought.")]) -> str:
    """Notes a thought, without looking anything up or changing anything."""
    return ""


def transfer_to_human_agents(
    world: World, summary: Annotated[str, Field(description="What the user wants and what was done so far.")]
) -> str:
    """Hands the user over to a human agent, for requests that the tools or the policy cannot serve."""
    return "Transfer successful"
