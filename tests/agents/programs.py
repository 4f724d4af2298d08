"""Programs in processes of their own that need not import torch, TRL and transformers, which takes a core 8 s.

Each is forked from a process that has imported them (`preloaded.py`) and has done nothing else; there is one for all
tests of a worker. What a test of the whole start needs, an interpreter of its own, `subprocess` starts.
"""

import atexit
import multiprocessing
import os
import runpy
import signal
import sys
from collections.abc import Mapping, Sequence
from multiprocessing import forkserver
from pathlib import Path
from types import ModuleType, SimpleNamespace, TracebackType
from typing import Any

__all__ = ["FORKS", "Program", "fork_players"]

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.agents.preloaded"])


class Program:
    """A running `python WORDS`, where the words begin with `-c CODE`, `-m MODULE` or a file.

    Args:
        words: the arguments of the interpreter.
        out: the file that its standard output goes to.
        err: that of its errors; without one they go to the output.
        env: its environment; without one, that of the tests.
        cwd: its working directory; without one, that of the tests.
    """

    def __init__(
        self,
        words: Sequence[object],
        out: Path,
        err: Path | None = None,
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ):
        self.out, self.err = out, err or out
        given = (
            [str(word) for word in words],
            dict(env or os.environ),
            str(cwd or Path.cwd()),
            str(out),
            str(self.err),
        )
        self._process: Any = FORKS.Process(target=_run, args=given)
        self._process.start()
        self.pid: int = self._process.pid

    def poll(self) -> int | None:
        """The exit status, if it has ended: that of a signal is negative."""
        return self._process.exitcode

    def wait(self, timeout_s: float) -> int:
        """The exit status, when it has ended.

        Raises:
            TimeoutError: it has not.
        """
        self._process.join(timeout_s)
        if self._process.exitcode is None:
            raise TimeoutError(f"still running after {timeout_s:g} s; it said: {self.said()[-2000:]}")
        return self._process.exitcode

    def said(self) -> str:
        """What it has written to its standard error so far, or to both."""
        return self.err.read_text() if self.err.exists() else ""

    def interrupt(self) -> None:
        """What Ctrl-C sends."""
        os.kill(self.pid, signal.SIGINT)

    def kill(self) -> None:
        self._process.kill()

    def __enter__(self) -> "Program":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Ends it, whatever it does."""
        self._process.kill()
        self._process.join()


def fork_players() -> None:
    """Has the players of this program (`--stale`) forked as it was, not started in interpreters of their own."""
    from toolgym.agents.training import overlap

    # The server of the whole tree is running: CPython would start another for the children of what it forked.
    forkserver._forkserver.ensure_running = lambda: None
    overlap.multiprocessing = SimpleNamespace(get_context=lambda kind: FORKS)


def _run(words: list[str], env: dict[str, str], cwd: str, out: str, err: str) -> None:
    """What the interpreter does with its arguments; `atexit` included, which multiprocessing leaves out."""
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    for path, streams in ((out, (1, 2) if out == err else (1,)), (err, () if out == err else (2,))):
        for number in streams:
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            os.dup2(file, number)
            os.close(file)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Whoever starts a player blocks Ctrl-C meanwhile, and that may be when this process's parent was started.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    try:
        if words[0] == "-c":
            sys.argv = ["-c", *words[2:]]
            sys.modules["__main__"] = main = ModuleType("__main__")
            exec(compile(words[1], "<string>", "exec"), vars(main))
        elif words[0] == "-m":
            sys.argv = words[1:]
            runpy.run_module(words[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv = words
            runpy.run_path(words[0], run_name="__main__")
    finally:
        atexit._run_exitfuncs()
