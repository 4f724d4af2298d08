"""Tools that cannot be run, played by a language model: a server made from schemas alone (as in CM2 and DeepAgent).

    {"mcpServers": {"crm": {"simulated": {
        "tools": "tools.json", "model": "my-model", "base_url": "http://127.0.0.1:8000/v1", "cache": "crm.sqlite"}}}}

The model sees the tool, the call and what was called before it in the episode, and writes the result as JSON. Answers
are kept: the same call after the same writing calls gives the same answer, in any episode, run and process that shares
the cache. So what the simulated world says does not contradict itself, and a rerun costs nothing.
"""

import asyncio
import hashlib
import sqlite3
import threading
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from toolgym import _json
from toolgym.errors import ConfigError, InfraError, did_you_mean
from toolgym.mcp.arguments import refuse, unknown_tool
from toolgym.mcp.results import classify
from toolgym.mcp.session import ForkKind, ToolSession, ToolSpec
from toolgym.messages import ToolCall
from toolgym.openai_client import ChatClient, ChatOptions
from toolgym.trajectory import ToolResult
from toolgym.world import canonical

__all__ = ["SimulatedServer", "SimulatedSession", "SimulationOptions", "read_specs"]

_INSTRUCTIONS = """\
You play the software behind a tool. Answer a call as the real tool would: with plausible data, consistent with the \
calls before it, and with nothing else. Answer with one JSON object: {"result": ...} with what the tool returns, or \
{"error": "..."} with the message of a tool that refuses."""


@dataclass(frozen=True)
class SimulationOptions(ChatOptions):
    """The model that answers, and where its answers are kept."""

    temperature: float = 0.0
    max_tokens: int = 1024
    seed: int = 0
    cache: str = ":memory:"
    """An SQLite file. Without one, answers are kept as long as the server object lives."""


class SimulatedServer:
    """Tools without a server.

    Args:
        tools: the tools.
        options: the model.
    """

    def __init__(self, tools: Sequence[ToolSpec], options: SimulationOptions):
        self.tools, self.options = tuple(tools), options
        self._chat = ChatClient(options, "The model that plays the tools")
        self._lock = threading.Lock()
        self._cache = sqlite3.connect(options.cache, check_same_thread=False, timeout=30.0)
        with self._lock, self._cache:
            self._cache.execute("CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, answer TEXT NOT NULL)")

    @classmethod
    def from_config(cls, config: Mapping[str, Any], folder: Path, hidden: Sequence[str] = ()) -> "SimulatedServer":
        """The server of an `mcp.json` entry: `tools` (a file, or the list itself) and fields of `SimulationOptions`.

        The tools that are `hidden` are left out.

        Raises:
            ConfigError: a field is missing or unknown, or the file is no list of tools.
        """
        known = [field.name for field in fields(SimulationOptions)]
        for name in config:
            if name not in (*known, "tools"):
                raise ConfigError(did_you_mean(name, (*known, "tools"), "option of simulated tools"))
        if "tools" not in config or "model" not in config:
            raise ConfigError("Simulated tools need 'tools' (a file or a list) and 'model'.")
        options = {name: value for name, value in config.items() if name != "tools"}
        if "cache" in options:
            options["cache"] = str(folder / options["cache"])
        specs = read_specs(config["tools"], folder)
        for name in hidden:
            if all(name != spec.name for spec in specs):
                raise ConfigError(did_you_mean(name, [spec.name for spec in specs], "hidden tool"))
        return cls([spec for spec in specs if spec.name not in hidden], SimulationOptions(**options))

    def session(self, world_key: Any = None) -> "SimulatedSession":
        """A new episode; a world key tells apart worlds that contradict each other."""
        return SimulatedSession(self, world_key)

    def answer(self, call: ToolCall, before: Sequence[tuple[ToolCall, ToolResult]], world_key: Any) -> ToolResult:
        """The kept answer, or the model's.

        Args:
            call: valid for its tool.
            before: the calls that may have changed something, in order.

        Raises:
            InfraError: the endpoint failed, or gave no answer of the form that was asked for.
        """
        history = [[past.name, past.arguments] for past, _ in before]
        asked = [self.options.model, self.options.seed, world_key, history, call.name, call.arguments]
        key = hashlib.sha256(canonical(asked)).hexdigest()
        with self._lock, closing(self._cache.execute("SELECT answer FROM answers WHERE key = ?", (key,))) as found:
            row = found.fetchone()
        text = row[0] if row is not None else self._asked(call, before)
        result = _result(text)
        if row is None:
            with self._lock, self._cache:  # whoever was first is right
                self._cache.execute("INSERT OR IGNORE INTO answers VALUES (?, ?)", (key, text))
        return result

    def _asked(self, call: ToolCall, before: Sequence[tuple[ToolCall, ToolResult]]) -> str:
        spec = next(tool for tool in self.tools if tool.name == call.name)
        tool = {
            "name": spec.name,
            "description": spec.description,
            "parameters": spec.input_schema,
            "returns": spec.output_schema,
        }
        past = [{"name": c.name, "arguments": c.arguments, "answer": r.text} for c, r in before]
        asked = {"tool": tool, "calls before": past, "call": {"name": call.name, "arguments": call.arguments}}
        messages = [
            {"role": "system", "content": _INSTRUCTIONS},
            {"role": "user", "content": _json.dumps(asked).decode()},
        ]
        return self._chat.ask(messages, _checked_text)

    def close(self) -> None:
        """Closes the connections and the cache."""
        self._chat.close()
        self._cache.close()


class SimulatedSession(ToolSession):
    """One episode with simulated tools; made by `SimulatedServer.session`. Its state is the calls that were made."""

    fork_kind: ForkKind = "copy"

    def __init__(self, server: SimulatedServer, world_key: Any = None):
        self._server, self._world_key = server, world_key
        self._writes = {tool.name: tool.writes is not False for tool in server.tools}
        self._before: list[tuple[ToolCall, ToolResult]] = []
        self._version = 0

    @property
    def tools(self) -> tuple[ToolSpec, ...]:
        return self._server.tools

    def call(self, call: ToolCall) -> ToolResult:
        refused = refuse(call)
        if refused is not None:
            return refused
        if call.name not in self._writes:
            return unknown_tool(call.name)
        if classify(self._server.tools, call) == "invalid_arguments":
            return ToolResult(f"Invalid arguments for {call.name}.", None, True, "invalid_arguments")
        before = self._before  # of this episode: a caller that is cancelled leaves its thread behind
        result = self._server.answer(call, before, self._world_key)
        if self._writes[call.name] and not result.is_error:
            before.append((call, result))
            self._version += 1
        return result

    async def call_async(self, call: ToolCall) -> ToolResult:
        return await asyncio.to_thread(self.call, call)

    def reset(self, world_key: Any = None) -> None:
        self._world_key, self._before = world_key, []
        self._version += 1

    def fork(self) -> "SimulatedSession":
        twin = SimulatedSession(self._server, self._world_key)
        twin._before, twin._version = list(self._before), self._version
        return twin

    def sees(self) -> tuple[str, ...]:
        return ()

    def diff(self) -> None:
        """None: a simulated tool keeps no world that could be compared."""

    def state_version(self) -> int:
        return self._version

    def close(self) -> None:
        """Does nothing: an episode holds no more than its calls."""


def read_specs(tools: Any, folder: Path = Path()) -> list[ToolSpec]:
    """Tools from a JSON file or a list, in MCP's form (`inputSchema`) or OpenAI's (`function.parameters`).

    Raises:
        ConfigError: no such file, or not of either form.
    """
    if isinstance(tools, str):
        try:
            tools = _json.loads((folder / tools).read_bytes().removeprefix(b"\xef\xbb\xbf"))
        except (OSError, ValueError) as error:
            raise ConfigError(f"Cannot read the tools of {folder / tools}: {error}") from error
    if isinstance(tools, Mapping):
        tools = tools.get("tools")
    if not isinstance(tools, list) or not tools:
        raise ConfigError("Simulated tools are a list of tools in MCP's or OpenAI's form.")
    return [_spec(tool) for tool in tools]


def _spec(tool: Any) -> ToolSpec:
    form = tool.get("function", tool) if isinstance(tool, Mapping) else {}
    schema = form.get("inputSchema") or form.get("input_schema") or form.get("parameters") or {"type": "object"}
    if not isinstance(form.get("name"), str) or not isinstance(schema, dict):
        raise ConfigError(f"A simulated tool has a name and a schema; got {tool!r:.200}")
    hint = (form.get("annotations") or {}).get("readOnlyHint")
    writes = form.get("writes", None if hint is None else not hint)
    return ToolSpec(form["name"], form.get("description") or "", schema, form.get("outputSchema"), writes)


def _checked_text(choice: dict[str, Any]) -> str:
    """The answer, checked to be of the form that was asked for.

    Raises:
        ValueError: it is not.
    """
    text = choice["message"].get("content")
    try:
        _result(text)
    except InfraError as error:
        raise ValueError("no tool result") from error
    return text


def _result(text: Any) -> ToolResult:
    """The tool result that a model's answer stands for.

    Raises:
        InfraError: it is not of the form that was asked for.
    """
    start, end = (text.find("{"), text.rfind("}")) if isinstance(text, str) else (-1, -1)
    try:
        value = _json.loads(text[start : end + 1])
    except (ValueError, TypeError) as error:
        raise InfraError(f"The model gave no tool result: {text!r:.200}") from error
    if "error" in value and "result" not in value:
        return ToolResult(str(value["error"]), None, True, "tool_error")
    if "result" not in value:
        raise InfraError(f"The model gave neither a result nor an error: {text!r:.200}")
    result = value["result"]
    said = result if isinstance(result, str) else _json.dumps(result).decode()
    return ToolResult(said, result if isinstance(result, dict) else {"result": result})
