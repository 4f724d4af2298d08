"""Files that are written: whole or not at all, line by line, and by one writer at a time.

A lock is a file beside what is written (`NAME.lock`; `.lock` in a folder) that the system holds locked for as long as
the writer lives, and that says who it is. One that a dead process left is not locked, and so is none. Readers take no
notice of locks.
"""

import contextlib
import errno
import json
import os
import shutil
import socket
import sys
import time
import warnings
import weakref
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from io import RawIOBase
from pathlib import Path
from types import TracebackType
from typing import Any

from toolgym.errors import LockedError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

__all__ = ["LockWarning", "WriteLock", "append_line", "cut_torn_line", "is_whole", "put", "write_whole"]

_LOCKED_BYTE = 2**30
"""Which byte Windows locks: what it locks cannot be read, so it is none of those that say who holds the lock."""


_NO_LOCKS = {
    getattr(errno, name)
    for name in (
        *("EACCES", "EPERM", "ENOSPC", "EDQUOT", "ENAMETOOLONG"),
        *("ENOLCK", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EINVAL"),
    )
    if hasattr(errno, name)
}
"""Why a lock cannot be had where a file may well be written."""


class LockWarning(UserWarning):
    """Here nothing can be locked, so another writer would not be noticed."""


class WriteLock:
    """The right to write a file or a folder, from its making until `release` or until this process ends.

    Args:
        path: what is to be written. A folder must be there. What is neither file nor folder (a pipe, a device) is left
            alone.

    Raises:
        LockedError: somebody else is writing there; the message says who.
        OSError: there is no such folder.

    Warns:
        LockWarning: the file system keeps no locks, or none can be made there.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self.path = Path(path)
        self._release: Any = None
        place = self.path.resolve()
        if place.exists() and not (place.is_file() or place.is_dir()):
            return
        file = place / ".lock" if place.is_dir() else place.with_name(f"{place.name}.lock")
        try:
            handle = _locked(file, self.path)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise OSError(error.errno, error.strerror, str(self.path)) from error
            message = f"{self.path} cannot be locked ({error.strerror or error}): another writer would not be noticed"
            warnings.warn(message, LockWarning, stacklevel=3)
            return
        with suppress(OSError):  # a full disk: locked all the same
            os.ftruncate(handle, 0)
            os.pwrite(handle, _me(), 0) if hasattr(os, "pwrite") else os.write(handle, _me())
        self._release = weakref.finalize(self, _unlock, handle, file, os.getpid())
        _held.add(self)

    def release(self) -> None:
        """Gives the right back. Doing so twice is harmless."""
        if self._release is not None:
            self._release()
            _held.discard(self)

    def __enter__(self) -> "WriteLock":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


_held: "weakref.WeakSet[WriteLock]" = weakref.WeakSet()


def _locked(file: Path, path: Path) -> int:
    """A descriptor of the lock's file, locked."""
    while True:
        handle = os.open(file, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
        try:
            if not _try(handle):
                raise LockedError(
                    f"{path} is being written by {_holder(file)}. Wait for its end, stop it, or write elsewhere"
                )
            with suppress(FileNotFoundError):
                # Who had it before may have removed it since it was opened: then this one locks nobody out.
                if os.path.samestat(os.fstat(handle), file.stat()):
                    return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def _try(handle: int) -> bool:
    """Whether the descriptor's file could be locked.

    Raises:
        OSError: files cannot be locked there.
    """
    if sys.platform == "win32":
        os.lseek(handle, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        os.lseek(handle, 0, os.SEEK_SET)
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _unlock(handle: int, file: Path, owner: int) -> None:
    if os.getpid() == owner:  # not in a child that was forked since
        with suppress(OSError):  # Windows keeps what is open
            file.unlink()
    with suppress(OSError):
        os.close(handle)


def _forget() -> None:
    """In a forked child: the lock is its parent's alone, and ends with it."""
    for lock in list(_held):
        lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def _me() -> bytes:
    since = datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
    return json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": since}).encode() + b"\n"


def _holder(file: Path) -> str:
    """Who holds a lock, in words."""
    for _ in range(10):  # it may be about to say so
        with suppress(OSError, ValueError, TypeError, KeyError):
            said = json.loads(file.read_bytes())
            here = said["host"] == socket.gethostname() and said["pid"] == os.getpid()
            return f"{'this process' if here else 'process'} ({said['pid']} on {said['host']}, since {said['since']})"
        time.sleep(0.02)
    return "another process"


def put(file: RawIOBase, data: bytes, path: Path) -> None:
    """Appends data to an unbuffered file: all of it, or none where there is no room for it.

    Raises:
        OSError: it cannot be written; it names the file.
    """
    end = os.fstat(file.fileno()).st_size
    left = memoryview(data)
    try:
        while left:
            left = left[file.write(left) or 0 :]
    except OSError as error:
        with suppress(OSError):  # what was there stays whole
            os.ftruncate(file.fileno(), end)
        raise OSError(error.errno, error.strerror, str(path)) from error


def append_line(path: Path, line: str) -> None:
    """Appends a line, whole or not at all, and makes the file where there is none.

    Raises:
        OSError: it cannot be written; it names the file.
    """
    with path.open("ab", buffering=0) as file:
        put(file, line.encode() + b"\n", path)


def cut_torn_line(path: Path) -> None:
    """Shortens a file to its last whole line, so that what is appended begins a line.

    A last line that lacks nothing but its end, as editors leave it, is kept.
    """
    if not path.exists():
        return
    with path.open("rb+") as file:
        end = file.seek(0, os.SEEK_END)
        keep = end
        while keep > 0:
            start = max(0, keep - 65536)
            file.seek(start)
            newline = file.read(keep - start).rfind(b"\n")
            if newline >= 0:
                keep = start + newline + 1
                break
            keep = start
        if keep < end:
            file.seek(keep)
            if is_whole(file.read()):
                file.write(b"\n")
            else:
                file.truncate(keep)


def is_whole(line: bytes) -> bool:
    """Whether a last line without its newline is a JSON object or array all the same: no part of one is one."""
    if not line.rstrip().endswith((b"}", b"]")):
        return False
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def write_whole(path: Path, parts: str | Iterable[str]) -> None:
    """Makes or replaces a file in one step: at any moment it is as it was, or as it is to be.

    Raises:
        OSError: it cannot be written, and is as it was; it names the file.
    """
    place = path.resolve()
    with _naming(path):
        if place.exists() and not place.is_file():  # a pipe, a terminal
            with place.open("w", encoding="utf-8", newline="") as file:
                file.writelines([parts] if isinstance(parts, str) else parts)
            return
        part = place.with_name(f"{place.name}.part")
        try:
            with part.open("w", encoding="utf-8", newline="") as file:
                file.writelines([parts] if isinstance(parts, str) else parts)
            if place.exists():
                shutil.copymode(place, part)
            part.replace(place)
        except BaseException:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise


@contextlib.contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Lets an `OSError` say which file it is about."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error
