"""BFCL's multi-turn cases, asked of the processes in which the benchmark's code runs: verdicts, replays, episodes.

One process answers questions (`toolgym.envs.bfcl.worker`) and one serves episodes (`toolgym.mcp_servers.bfcl`), for all
cases of this process; each is started when it is first needed.
"""

import atexit
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from toolgym.data import data_folder
from toolgym.envs.bfcl.replaying import Turns, gold_of
from toolgym.envs.bfcl.verdicts import Verdict
from toolgym.errors import CallTimeoutError, ConfigError, InfraError, ServerDiedError, TaskError
from toolgym.mcp.session import ToolSession

__all__ = ["ToolsProcess", "check_multi_turn", "replay", "tools_process"]

_TIMEOUT_S = 60.0
_LAST_WORDS = 500
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TEMP", "SYSTEMROOT", "PYTHONPATH", "VIRTUAL_ENV")
"""Of the environment: what a Python needs. Nothing else, and no key, is given to the benchmark's code."""

_PROCESSES: dict[tuple[int, Path], "ToolsProcess"] = {}
_LOCK = threading.Lock()


class ToolsProcess:
    """The processes of the benchmark's code.

    Args:
        folder: the benchmark's data.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._lock = threading.Lock()
        self._worker: _Worker | None = None
        self._handle: Any = None

    def session(self) -> ToolSession:
        """A new episode of the tools; `session.reset(world_key)` puts it into a case."""
        with self._lock:
            if self._handle is None:
                from toolgym.mcp.connect import connect  # takes its time, and verdicts do without

                arguments = ["-m", "toolgym.mcp_servers.bfcl", str(self.folder)]
                environment = {"PYTHONHASHSEED": "0"}  # some tools show sets
                command = {"command": sys.executable, "args": arguments, "env": environment}
                self._handle = connect({"mcpServers": {"bfcl": command}})
            return self._handle.session()

    def ask(self, what: str, **request: Any) -> Any:
        """The answer to a question about a case.

        Raises:
            ConfigError: the data, or a package that a tool needs, is not there.
            TaskError: the case is none.
            InfraError: the process failed, twice.
        """
        line = json.dumps({"ask": what, **request}).encode() + b"\n"
        with self._lock:
            try:
                reply = self._live().ask(line)
            except ServerDiedError:
                reply = self._live().ask(line)
        if "error" in reply:
            raise (ConfigError if reply["config"] else TaskError)(reply["error"])
        return reply["answer"]

    def _live(self) -> "_Worker":
        if self._worker is not None and self._worker.ended:
            self._worker.end()
            self._worker = None
        if self._worker is None:
            self._worker = _Worker(self.folder)
        return self._worker


class _Worker:
    """A process that answers one line with another. It ends with this one, at the latest when its input is closed."""

    def __init__(self, folder: Path):
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 (what it writes to stderr, for as long as it lives)
        self._owner = os.getpid()
        command = [sys.executable, "-m", "toolgym.envs.bfcl.worker", str(folder)]
        environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            env={**environment, "PYTHONHASHSEED": "0"},  # some tools show sets
        )
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, name="toolgym-bfcl", daemon=True)
        self._reader.start()
        atexit.register(self.end)

    @property
    def ended(self) -> bool:
        """Whether it is gone."""
        return self._process.poll() is not None

    def end(self) -> None:
        """Ends it at once; in a process that was forked since it is left alone."""
        atexit.unregister(self.end)
        if os.getpid() != self._owner:
            return
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for stream in (self._process.stdin, self._process.stdout, self._said):
            if stream is not None:
                with suppress(OSError):  # what was not sent to it
                    stream.close()

    def ask(self, line: bytes) -> dict[str, Any]:
        """The answer to a line.

        Raises:
            ServerDiedError: it ended.
            CallTimeoutError: it did not answer, and was ended.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line)
            self._process.stdin.flush()
            answer = self._lines.get(timeout=_TIMEOUT_S)
            if answer:
                return json.loads(answer)
        except OSError as error:
            raise self._died() from error
        except queue.Empty:
            self.end()
            raise CallTimeoutError(f"The process of BFCL's tools gave no answer within {_TIMEOUT_S:g} s.") from None
        except BaseException:  # an interrupt: an answer that comes later would be taken for another one's
            self.end()
            raise
        raise self._died()

    def _read(self) -> None:
        """Hands over what the process answers, and nothing at its end."""
        assert self._process.stdout is not None
        with suppress(ValueError, OSError):
            for line in self._process.stdout:
                self._lines.put(line)
        self._lines.put(b"")

    def _died(self) -> InfraError:
        self._process.wait()
        self._said.seek(0)
        words = " ".join(self._said.read().decode(errors="replace").split())[-_LAST_WORDS:]
        return ServerDiedError(f"The process of BFCL's tools ended: {words or self._process.returncode}")


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
