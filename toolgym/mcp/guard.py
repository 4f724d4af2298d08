"""Runs a server and ends all that came of it: `python guard.py LIFELINE PARENT FOLDER LOCALE COMMAND...` (Linux).

A program of its own, between ToolGym's process and the server that it starts. It is the nearest "subreaper" of the
server's descendants: one whose parent has ended becomes this process's child, whatever session it moved to. So its
children are, one generation after the other, all that the server ever started, and it kills nothing but its children.

What it is told comes through a pipe, LIFELINE: `t` (send SIGTERM to the server), `c` (the server is about to end: then
kill what it leaves behind, and go); the pipe's end, or the end of the process PARENT: kill everything now. Last it
removes FOLDER, where that is no empty string. LOCALE is empty where the server's environment has no LC_CTYPE, which
Python sets for itself. No more is imported than is needed: every server waits for this program to start.
"""

import os
import select
import sys
import time

try:  # the module `signal` is this one and its numbers as enums, which take as long as all else here
    import _signal as signal  # pyright: ignore[reportMissingImports]
except ImportError:
    import signal

__all__ = ["remove"]

_PDEATHSIG, _SET_CHILD_SUBREAPER = 1, 36  # of linux/prctl.h
_GIVE_UP_S = 10.0
"""Seconds after which what cannot be killed (it waits in the kernel, or belongs to another user) is left."""
_PAUSE_S = 0.002


def main() -> None:
    """Runs the command until it is told otherwise."""
    lifeline, parent, folder, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[5:]
    if not sys.argv[4]:
        os.environ.pop("LC_CTYPE", None)
    os.set_inheritable(lifeline, False)
    woken, wakes = os.pipe()
    os.set_blocking(woken, False)
    os.set_blocking(wakes, False)
    signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
        if number == signal.SIGCHLD or signal.getsignal(number) != signal.SIG_IGN:  # what is ignored stays so below
            signal.signal(number, lambda *_: None)  # not SIG_IGN, which the server would inherit
    prctl = _prctl()
    prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    prctl(_PDEATHSIG, signal.SIGTERM, 0, 0, 0)  # a process that the parent forked may hold the lifeline open
    server = _started(command, prctl)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):  # they are the server's alone: their end is its end
        os.dup2(nothing, stream)
    try:
        _watch(lifeline, parent, woken, server, keeps=bool(folder))
        _end_children()
    finally:
        if folder:
            remove(folder)


def _prctl():
    try:
        import ctypes

        return ctypes.CDLL(None).prctl
    except (ImportError, OSError, AttributeError):
        return lambda *_: -1  # then only what stays a child is found


def _started(command: list[str], prctl) -> int:
    """Starts the server in a session of its own, so that what it does to its process group ends here."""
    guard = os.getpid()
    server = os.fork()
    if server:
        return server
    try:
        signal.set_wakeup_fd(-1)
        os.setsid()
        prctl(_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() == guard:
            os.execvp(command[0], command)
    except OSError as error:
        os.write(2, f"{command[0]}: {error.strerror}\n".encode(errors="replace"))
    finally:
        os._exit(127)


def _watch(lifeline: int, parent: int, woken: int, server: int, keeps: bool) -> None:
    """Returns when everything is to end.

    Args:
        keeps: whether to stay after the server's end even where it has left nothing behind.
    """
    ended = closing = False
    while os.getppid() == parent:
        ended = server in _reaped() or ended
        if ended and (closing or not (keeps or _children())):
            return
        ready, _, _ = select.select([lifeline, woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
        if lifeline in ready:
            said = os.read(lifeline, 64)
            if not said:
                return
            closing = closing or b"c" in said
            if b"t" in said and not ended:
                _send(os.killpg, server, signal.SIGTERM)


def _reaped() -> set[int]:
    """The children that have ended since the last time."""
    found = set()
    try:
        while (pid := os.waitpid(-1, os.WNOHANG)[0]) != 0:
            found.add(pid)
    except ChildProcessError:
        pass
    return found


def _end_children() -> None:
    """Kills the children, then theirs, which become this process's own, until there are none."""
    give_up, before = time.monotonic() + _GIVE_UP_S, None
    while time.monotonic() < give_up:
        children = _children()
        if not children:
            return
        for child in children:  # not reaped yet, so no other process can have its number
            _send(os.kill, child, signal.SIGKILL)
        if children == before:
            time.sleep(_PAUSE_S)
        _reaped()
        before = children


def _send(how, target: int, number: int) -> None:
    try:
        how(target, number)
    except OSError:
        return  # it has ended, or is another user's


def _children() -> list[int]:
    """This process's children, those that have ended and were not reaped among them."""
    own = os.getpid()
    try:
        with open(f"/proc/{own}/task/{own}/children", encoding="ascii") as file:
            return [int(child) for child in file.read().split()]
    except OSError:  # a kernel without that file
        with os.scandir("/proc") as found:
            return [int(each.name) for each in found if each.name.isdigit() and _parent_of(each.name) == own]


def _parent_of(pid: str) -> int | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return None


def remove(folder: str) -> None:
    """Removes a folder and what is in it, whatever rights its folders have; follows no link."""
    import shutil
    from contextlib import suppress
    from pathlib import Path

    for path, folders, _ in os.walk(folder):
        for inner in (Path(path, name) for name in folders):
            with suppress(OSError):
                if not inner.is_symlink():
                    inner.chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
