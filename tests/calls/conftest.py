"""Rows of ours in each form that is read."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tells the weather.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
            "required": ["city"],
        },
    },
}
ADD = {
    "name": "add",
    "description": "Adds two numbers.",
    "parameters": {
        "a": {"type": "int", "description": "the first"},
        "b": {"type": "int, optional", "description": "the second"},
        "of": {"type": "List[float]", "description": "more", "default": []},
    },
}


def bonn(**more: Any) -> dict[str, Any]:
    """A row of a single call."""
    return {
        "messages": [{"role": "user", "content": "How will the weather be in Bonn?"}],
        "tools": [WEATHER],
        "gold": [{"name": "weather", "arguments": {"city": "Bonn", "days": 2}}],
        **more,
    }


def xlam(answers: list[dict[str, Any]]) -> dict[str, Any]:
    """A row of xLAM's form, as Hammer's are."""
    return {"id": 7, "query": "Add 2 and 3.", "tools": json.dumps([ADD]), "answers": json.dumps(answers)}


def toolace() -> dict[str, Any]:
    """A conversation of ToolACE's form: two calls, their results, an answer, thanks, and another answer."""
    tool = {
        "name": "Market Trends API",
        "description": "Tells how a market goes.",
        "parameters": {
            "type": "dict",
            "properties": {"country": {"type": "string"}, "deep": {"type": "bool"}},
            "required": ["country"],
        },
    }
    return {
        "system": f"You compose functions. These there are:\n{json.dumps([tool])}.\nWrite [func(name=value)].",
        "conversations": [
            {"from": "user", "value": "How do the markets of Peru and Chad go?"},
            {
                "from": "assistant",
                "value": '[Market Trends API(country="Peru", deep=True), Market Trends API(country="Chad")]',
            },
            {
                "from": "tool",
                "value": json.dumps([{"name": "Market Trends API", "results": {"up": up}} for up in (True, False)]),
            },
            {"from": "assistant", "value": "Peru's goes up, Chad's goes down."},
            {"from": "user", "value": "Thanks!"},
            {"from": "assistant", "value": "You are welcome."},
        ],
    }


@pytest.fixture
def given() -> SimpleNamespace:
    """What makes rows, and two tools."""
    return SimpleNamespace(bonn=bonn, xlam=xlam, toolace=toolace, weather=WEATHER, add=ADD)


@pytest.fixture
def rows_file(tmp_path: Path) -> Callable[..., str]:
    """Writes rows to a file of JSON Lines, and gives its path."""

    def write(*rows: Any, name: str = "rows.jsonl") -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows))
        return str(path)

    return write
