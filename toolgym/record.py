"""`Recorder`: an MCP server that hands every call on to another one, and writes what was called as a task."""

from pathlib import Path
from typing import Any

from fastmcp import FastMCP
from fastmcp.tools.base import Tool
from fastmcp.tools.base import ToolResult as WireResult
from mcp_types import TextContent, ToolAnnotations
from pydantic import PrivateAttr

from toolgym._located import dump_yaml, lines_of
from toolgym.errors import ConfigError, InfraError
from toolgym.mcp.session import ToolSession, ToolSpec
from toolgym.messages import ToolCall
from toolgym.tasks_file import read_tasks
from toolgym.trajectory import ToolResult

__all__ = ["Recorder"]

_REQUEST = "(Write here what the user asked for.)"
_HEADER = "# Recorded. Say what the user asked for, strike calls that were detours, then: toolgym tasks check\n"


class Recorder:
    """One recorded session: one task.

    Args:
        session: the server that does the work.
        output: the tasks file. What is in it stays; the task is added at its end, and kept up to date.
        request: what the user asks for.

    Raises:
        ConfigError: the file is no YAML.
        TaskError: it holds something other than tasks.
    """

    def __init__(self, session: ToolSession, output: Path, request: str = ""):
        if output.suffix not in (".yaml", ".yml"):
            raise ConfigError(f"Recorded tasks are written as .yaml; the file was {str(output)!r}.")
        self._session, self._output = session, output
        self._before = output.read_bytes().decode() if output.exists() else f"{_HEADER}tasks:\n"
        number = len(read_tasks(output)[0]) + 1 if output.exists() else 1
        if not self._before.endswith("\n"):
            self._before += "\n"
        self._task: dict[str, Any] = {"id": f"recorded-{number}", "request": request or _REQUEST, "calls": []}
        self.server = FastMCP("toolgym-record")
        """The server that the client speaks to."""
        for spec in session.tools:
            self.server.add_tool(_RecordedTool.of(spec, self))

    def run(self) -> None:
        """Serves over stdio until the client leaves."""
        self.server.run("stdio", show_banner=False, log_level="WARNING")

    async def call(self, call: ToolCall) -> ToolResult:
        """Hands a call on. One that succeeds is written down at once."""
        result = await self._session.call_async(call)
        if not result.is_error:
            self._task["calls"].append({call.name: call.arguments})
            self._write()
        return result

    def _write(self) -> None:
        indented = "".join(f"  {line}" for line in lines_of(dump_yaml([self._task])))
        # Written beside and moved into place: the file is whole at any time.
        beside = self._output.with_name(self._output.name + ".part")
        beside.write_bytes((self._before + indented).encode())
        beside.replace(self._output)


class _RecordedTool(Tool):
    """A tool of the other server."""

    _recorder: Recorder = PrivateAttr()

    @classmethod
    def of(cls, spec: ToolSpec, recorder: Recorder) -> "_RecordedTool":
        hint = None if spec.writes is None else ToolAnnotations(read_only_hint=not spec.writes)
        tool = cls(
            name=spec.name,
            description=spec.description,
            parameters=spec.input_schema,
            output_schema=spec.output_schema,
            annotations=hint,
        )
        tool._recorder = recorder
        return tool

    async def run(self, arguments: dict[str, Any]) -> WireResult:
        try:
            result = await self._recorder.call(ToolCall(self.name, arguments))
        except InfraError as error:
            result = ToolResult(str(error), None, True, "infra_error")
        content = [TextContent(type="text", text=result.text)]
        return WireResult(content=content, structured_content=result.structured, is_error=result.is_error)
