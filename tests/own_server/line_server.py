"""The protocol's lines for test servers in plain Python, which start in a moment: `serve({name: Tool(...)})`."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Tool:
    run: Callable[..., Any]
    arguments: dict[str, str] = field(default_factory=dict)
    """Name -> JSON type."""
    reads: bool = False

    def listed(self, name: str) -> dict[str, Any]:
        properties = {argument: {"type": kind} for argument, kind in self.arguments.items()}
        schema = {"type": "object", "properties": properties, "required": list(properties)}
        hint = {"readOnlyHint": self.reads}
        return {"name": name, "description": self.run.__doc__ or "", "inputSchema": schema, "annotations": hint}


def serve(tools: dict[str, Tool]) -> None:
    """Answers until stdin ends. What a tool raises is an error of its call."""
    for line in sys.stdin:
        message = json.loads(line)
        if "id" not in message or "method" not in message:
            continue
        answer = {"jsonrpc": "2.0", "id": message["id"], **_answer(tools, message)}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _answer(tools: dict[str, Tool], message: dict[str, Any]) -> dict[str, Any]:
    params = message.get("params") or {}
    if message["method"] == "initialize":
        info = {"name": "lines", "version": "1"}
        version = params["protocolVersion"]
        return {"result": {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info}}
    if message["method"] == "tools/list":
        return {"result": {"tools": [tool.listed(name) for name, tool in tools.items()]}}
    if message["method"] != "tools/call":
        return {"error": {"code": -32601, "message": "Method not found"}}
    try:
        found = tools[params["name"]].run(**params.get("arguments", {}))
    except Exception as error:
        return {"result": {"content": [{"type": "text", "text": str(error)}], "isError": True}}
    text = found if isinstance(found, str) else json.dumps(found)
    return {"result": {"content": [{"type": "text", "text": text}], "isError": False}}
