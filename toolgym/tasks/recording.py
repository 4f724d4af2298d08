"""`Recorder`: an MCP server that hands every call on to another one, and writes what was called as a task."""

import sys
from pathlib import Path
from typing import Any

import yaml
from fastmcp import FastMCP
from fastmcp.tools.base import Tool
from fastmcp.tools.base import ToolResult as WireResult
from mcp_types import TextContent, ToolAnnotations
from pydantic import PrivateAttr

from toolgym._files import WriteLock, write_whole
from toolgym.errors import ConfigError, InfraError, TaskError
from toolgym.mcp.session import ToolSession, ToolSpec
from toolgym.messages import ToolCall
from toolgym.tasks._located import read_yaml
from toolgym.tasks.files import read_tasks
from toolgym.trajectory import ToolResult

__all__ = ["Recorder"]

_REQUEST = "(Write here what the user asked for.)"
_HEADER = "# Recorded. Say what the user asked for, strike calls that were detours, then: toolgym tasks check\n"


class Recorder:
    """One recorded session: one task. The file is locked until `close`.

    What the client gets does not depend on the recording: where the file cannot be written (a full disk, say) that is
    said on stderr, once, and tried again at every later call and at the end.

    Args:
        session: the server that does the work.
        output: the tasks file. What is in it stays; the task is added at its end, and kept up to date.
        request: what the user asks for.

    Raises:
        ConfigError: the file is no YAML.
        TaskError: it holds something other than tasks.
        LockedError: somebody else is writing it.
        OSError: it cannot be read, or its folder not be made.
    """

    def __init__(self, session: ToolSession, output: Path, request: str = ""):
        if output.suffix not in (".yaml", ".yml"):
            raise ConfigError(f"Recorded tasks are written as .yaml; the file was {str(output)!r}.")
        output.parent.mkdir(parents=True, exist_ok=True)
        self._session, self._output, self._unwritten, self._lost = session, output, "", 0
        self._lock = WriteLock(output)
        try:
            self._before = output.read_text(encoding="utf-8") if output.exists() else f"{_HEADER}tasks:\n"
            number = len(read_tasks(output)[0]) + 1 if output.exists() else 1
        except BaseException:
            self._lock.release()
            raise
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
            if _can_be_written(call):
                self._task["calls"].append({call.name: call.arguments})
                self._write()
            else:
                self._lost += 1
                _say(f"a call of {call.name} has arguments that a tasks file cannot hold; it was left out")
        return result

    def close(self) -> None:
        """Ends the recording, and lets others write the file.

        Raises:
            ConfigError: the file does not hold all that was called.
        """
        if self._unwritten:
            self._write()
        self._lock.release()
        if self._unwritten:
            raise ConfigError(f"{self._unwritten}. What it holds is from before; not recorded:\n{self._entry()}")
        if self._lost:
            raise ConfigError(f"{self._output} lacks {self._lost} of the calls that were made (see above)")

    def _entry(self) -> str:
        entry = yaml.safe_dump([self._task], sort_keys=False, allow_unicode=True, width=110)
        return "".join(f"  {line}\n" for line in entry.split("\n")[:-1])

    def _write(self) -> None:
        try:
            write_whole(self._output, self._before + self._entry())
        except OSError as error:
            if not self._unwritten:
                _say(
                    f"{self._output} cannot be written now ({error.strerror}); the calls go on, and are kept for later"
                )
            self._unwritten = f"Cannot write {self._output}: {error.strerror}"
        else:
            self._unwritten = ""


def _say(what: str) -> None:
    print(f"toolgym record: {what}", file=sys.stderr, flush=True)


def _can_be_written(call: ToolCall) -> bool:
    """Whether a tasks file gives the call back as it was: not where it is nested without end, or holds no text."""
    written = [{call.name: call.arguments}]
    try:
        text = yaml.safe_dump(written, sort_keys=False, allow_unicode=True)
        text.encode()
        return read_yaml(text).value == written
    except (TaskError, yaml.YAMLError, ValueError, RecursionError):
        return False


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
