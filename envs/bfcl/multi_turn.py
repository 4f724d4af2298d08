"""Asks the process in which BFCL's multi-turn tools live (`toolgym.mcp_servers.bfcl`): verdicts, replays, episodes.

One process serves all cases of this one, and is started when it is first needed.
"""

import json
import os
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from toolgym.data import data_folder
from toolgym.envs.bfcl.replaying import Turns, gold_of
from toolgym.envs.bfcl.verdicts import Verdict
from toolgym.errors import InfraError, TaskError
from toolgym.mcp.connect import ServerHandle, connect
from toolgym.mcp.connection import WireOptions
from toolgym.mcp.session import ToolSession
from toolgym.messages import ToolCall
from toolgym.trajectory import ToolResult

__all__ = ["ToolsProcess", "check_multi_turn", "replay", "tools_process"]

_TIMEOUT_S = 60.0
_LONGEST_ANSWER = 64 * 2**20
"""Bytes: of what long-context cases show."""

_LONGEST_REQUEST = 400_000
"""Characters that go as an argument; of more a file is made."""

_PROCESSES: dict[tuple[int, Path], "ToolsProcess"] = {}
_LOCK = threading.Lock()


class ToolsProcess:
    """The process of the tools.

    Args:
        folder: the benchmark's data.
    """

    def __init__(self, folder: Path):
        command = {
            "command": sys.executable,
            "args": ["-m", "toolgym.mcp_servers.bfcl", str(folder)],
            "env": {"PYTHONHASHSEED": "0"},  # some tools show sets
        }
        options = WireOptions(timeout_s=_TIMEOUT_S, max_answer_bytes=_LONGEST_ANSWER)
        self._handle: ServerHandle = connect({"mcpServers": {"bfcl": command}}, options=options)
        self._asking: ToolSession | None = None
        self._lock = threading.Lock()

    def session(self) -> ToolSession:
        """A new episode of the tools; `session.reset(world_key)` puts it into a case."""
        return self._handle.session()

    def ask(self, what: str, **request: Any) -> Any:
        """The answer to a question about a case.

        Raises:
            TaskError: the case is none.
            InfraError: the process failed, twice.
        """
        text = json.dumps({"ask": what, **request})
        if len(text) <= _LONGEST_REQUEST:
            result = self._asked({"request": text})
        else:
            with tempfile.TemporaryDirectory(prefix="toolgym-bfcl-") as folder:
                file = Path(folder) / "request.json"
                file.write_text(text, encoding="utf-8")
                result = self._asked({"request": "", "file": str(file)})
        if result.is_error:
            raise TaskError(result.text)
        return json.loads(result.text)

    def _asked(self, arguments: dict[str, Any]) -> ToolResult:
        call = ToolCall("asked", arguments)
        try:
            return self._session().call_as_user(call)
        except InfraError:
            with self._lock:
                self._asking = None
            return self._session().call_as_user(call)

    def _session(self) -> ToolSession:
        with self._lock:
            if self._asking is None:
                self._asking = self._handle.session()
            return self._asking


def tools_process(data: str | os.PathLike[str] | None = None) -> ToolsProcess:
    """The one process of the tools, for the data in a folder (by default where `toolgym data get bfcl` puts it).

    Raises:
        ConfigError: the data is not there.
    """
    folder = data_folder("bfcl", data).resolve()
    with _LOCK:
        key = (os.getpid(), folder)
        if key not in _PROCESSES:
            _PROCESSES[key] = ToolsProcess(folder)
        return _PROCESSES[key]


def check_multi_turn(
    case: Mapping[str, Any],
    decoded_turns: Turns,
    *,
    strict: bool = True,
    data: str | os.PathLike[str] | None = None,
) -> Verdict:
    """The verdict on a model's calls in a conversation.

    The calls are played on fresh tools, turn by turn beside the ground truth's: after each turn that calls for
    something, what is public of the tools must be equal, and all that the ground truth's calls showed in this turn must
    have been shown so far.

    Args:
        case: a row of the benchmark with its `id`, `involved_classes`, `initial_config` and `ground_truth` (or
            `calls`): turn -> the texts of its calls.
        decoded_turns: turn -> step -> the text of each call. Steps without a call are left out.
        strict: False gives the official verdict also where it is not what is right.
        data: the folder with the benchmark's data; by default where `toolgym data get bfcl` puts it.

    Raises:
        ConfigError: the data is not there.
        TaskError: the case is not such a row.
        InfraError: the process of the tools failed.
    """
    if isinstance(decoded_turns, list | tuple) and len(decoded_turns) != len(gold_of(case)):
        return Verdict(False, "multi_turn:force_terminated")
    error = tools_process(data).ask("verdict", case=_needed(case), turns=decoded_turns, strict=strict)
    return Verdict(error is None, error)


def replay(
    case: Mapping[str, Any], decoded_turns: Turns, *, data: str | os.PathLike[str] | None = None
) -> tuple[list[list[list[str]]], dict[str, dict[str, Any]]]:
    """What each call shows (turn -> step -> call), and what is public of the tools in the end: class -> attribute.

    Raises:
        ConfigError, TaskError, InfraError: as for `check_multi_turn`.
    """
    shown, state = tools_process(data).ask("replay", case=_needed(case), turns=decoded_turns)
    return shown, state


def _needed(case: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a case that its tools and its verdict depend on."""
    names = ("id", "involved_classes", "initial_config", "long_context", "ground_truth", "calls")
    return {name: case[name] for name in names if name in case}
