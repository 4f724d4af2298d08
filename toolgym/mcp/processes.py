"""Server processes that end with all that they started: when their connection closes, and when this process is killed.

On Linux each server runs under `toolgym.mcp.guard`, which ends its whole tree. Elsewhere a server's process group ends
with its connection; what moved to another group stays, and a kill -9 of this process leaves a server to the end of its
input.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

__all__ = ["ServerProcess"]

_EXIT_S = 2.0
"""Seconds that a server has to end after its stdin was closed, and again after SIGTERM."""
_POLL_S = 0.01
_GUARD = Path(__file__).with_name("guard.py")
_GUARDED = sys.platform == "linux" and Path(sys.executable or "").name.startswith("python")


class ServerProcess:
    """A server and all that it starts. Made by `ServerProcess.start`."""

    def __init__(self, process: asyncio.subprocess.Process, lifeline: int | None):
        self.process = process
        """The server, or the guard that it runs under; its standard streams are the server's."""
        self._lifeline = lifeline

    @classmethod
    async def start(
        cls, command: tuple[str, ...], env: Mapping[str, str], cwd: str | None, folder: str = ""
    ) -> "ServerProcess":
        """Starts a command with pipes as its standard streams.

        Args:
            command: the program and its arguments.
            env: its whole environment.
            cwd: the folder that it runs in.
            folder: a folder that is removed when this process is killed.
        """
        held, lifeline = os.pipe() if _GUARDED else (None, None)
        told = (str(held), str(os.getpid()), folder, "LC_CTYPE" if "LC_CTYPE" in env else "")
        guard = (sys.executable, "-I", "-S", str(_GUARD), *told) if _GUARDED else ()
        try:
            process = await asyncio.create_subprocess_exec(
                *guard,
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=env,
                cwd=cwd,
                start_new_session=sys.platform != "win32",
                pass_fds=() if held is None else (held,),
            )
        except BaseException:
            if lifeline is not None:
                os.close(lifeline)
            raise
        finally:
            if held is not None:
                os.close(held)
        return cls(process, lifeline)

    async def end(self) -> None:
        """Waits for the server to end, makes it end, and ends whatever it left behind. Its stdin is closed already."""
        self._tell(b"c")
        if not await self._exited():
            self._tell(b"t")
            if not await self._exited():
                self.kill()
                await self._exited()
        self.kill()
        if self._lifeline is None and _GUARDED and not await self._exited():
            with suppress(ProcessLookupError):
                self.process.kill()

    def kill(self) -> None:
        """Ends everything at once, without waiting for that."""
        if not _GUARDED:
            self._signal(signal.SIGKILL if sys.platform != "win32" else signal.SIGTERM)
        elif self._lifeline is not None:
            lifeline, self._lifeline = self._lifeline, None
            os.close(lifeline)

    def _tell(self, word: bytes) -> None:
        if self._lifeline is not None:
            with suppress(OSError):  # the guard has ended
                os.write(self._lifeline, word)
        elif not _GUARDED and word == b"t":
            self._signal(signal.SIGTERM)

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError, PermissionError):
            if sys.platform == "win32":
                self.process.kill()
            else:
                os.killpg(self.process.pid, number)

    async def _exited(self) -> bool:
        """Whether the process ends within a time; not by `wait`, which waits for whoever inherited its pipes too."""
        deadline = asyncio.get_running_loop().time() + _EXIT_S
        while self.process.returncode is None:
            if asyncio.get_running_loop().time() >= deadline:
                return False
            await asyncio.sleep(_POLL_S)
        return True
