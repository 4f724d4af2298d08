"""The page of random tools: what `toolgym describe planarena` shows and `docs/planarena/tools.md` holds."""

import random
from typing import Any, Final

from toolgym.envs.planarena.lexicon import themes_of
from toolgym.envs.planarena.numbers import SCENARIOS, split_of
from toolgym.envs.planarena.scenario import make_scenario
from toolgym.mcp.tool import BoundTool

__all__ = ["tools_page"]

_TOOLS: Final = 30


def tools_page(seed: int = 0) -> str:
    """The page (Markdown): thirty tools, each of another scenario.

    Args:
        seed: chooses them.
    """
    rng = random.Random(seed)
    parts = [
        "# Thirty random tools",
        f"Of {SCENARIOS:,} scenarios, drawn by chance. `toolgym describe planarena` makes this page.",
    ]
    while len(parts) < _TOOLS + 2:
        number = rng.randrange(SCENARIOS)
        if themes_of(split_of(number)):
            parts.append(_tool(number, rng))
    return "\n\n".join(parts) + "\n"


def _tool(number: int, rng: random.Random) -> str:
    scenario = make_scenario(number)
    tool = rng.choice(scenario.tools)
    spec = BoundTool(tool.call, tool.writes).spec
    does = "writes" if tool.writes else "reads"
    head = f"**`{spec.name}`** {spec.description} *({scenario.shape.theme.title}, scenario {number}; {does})*"
    required = spec.input_schema.get("required", ())
    lines = [
        f"- `{name}`{'' if name in required else ' (optional)'}: {_kind(schema)}"
        for name, schema in spec.input_schema["properties"].items()
    ]
    return "\n".join([head, "", *lines])


def _kind(schema: dict[str, Any]) -> str:
    """A parameter's type, bounds and description."""
    told = schema.get("description", "")
    kind = schema.get("type", "")
    if "enum" in schema:
        kind = "one of " + ", ".join(f"`{value}`" for value in schema["enum"])
    elif "minimum" in schema:
        kind = f"integer from {schema['minimum']} to {schema['maximum']}"
    return f"{kind}. {told}".rstrip(" .") + "."
