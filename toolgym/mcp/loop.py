"""The event loop of the wire: one daemon thread a process, started at the first use.

Synchronous callers hand it coroutines; a process made by fork starts its own.
"""

import asyncio
import atexit
import os
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

__all__ = ["at_exit", "run", "serve", "submit"]

T = TypeVar("T")

_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None
_thread: threading.Thread | None = None
_pid = 0
_closers: dict[int, Callable[[], Awaitable[None]]] = {}

_EXIT_S = 10.0


def _reset_after_fork() -> None:
    global _lock, _loop, _thread
    _lock, _loop, _thread = threading.Lock(), None, None
    _closers.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_after_fork)


def serve(loop: asyncio.AbstractEventLoop) -> None:
    """Runs a loop in this thread until it is stopped.

    A tool may end its own task by SystemExit or KeyboardInterrupt (`sys.exit`), which leave a loop too: whoever waits
    for the task gets it, and all others go on.
    """
    asyncio.set_event_loop(loop)
    while True:
        try:
            return loop.run_forever()
        except (KeyboardInterrupt, SystemExit):
            continue


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    try:
        serve(loop)
    finally:
        loop.close()


def _running() -> asyncio.AbstractEventLoop:
    global _loop, _thread, _pid
    with _lock:
        if _loop is None:
            _loop = asyncio.new_event_loop()
            _thread = threading.Thread(target=_serve, args=(_loop,), name="toolgym-wire", daemon=True)
            _thread.start()
            if _pid != os.getpid():
                _pid = os.getpid()
                atexit.register(_stop, _pid)
        return _loop


def submit(work: Coroutine[Any, Any, T]) -> "Future[T]":
    """Starts a coroutine on the wire's loop."""
    return asyncio.run_coroutine_threadsafe(work, _running())


def run(work: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine on the wire's loop and waits for it; an interrupt of the caller cancels it.

    Raises:
        RuntimeError: called from the loop itself, which would wait for ever.
    """
    if threading.current_thread() is _thread:
        work.close()
        raise RuntimeError("A synchronous call from the wire's own event loop would wait for itself.")
    future = submit(work)
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise


def at_exit(key: int, close: Callable[[], Awaitable[None]] | None) -> None:
    """Registers what must be closed before the process ends, or (None) forgets it."""
    if close is None:
        _closers.pop(key, None)
    else:
        _closers[key] = close


async def _close_all() -> None:
    await asyncio.gather(*(close() for close in list(_closers.values())), return_exceptions=True)


def _stop(pid: int) -> None:
    """Closes what is open and ends the thread; runs when the interpreter exits."""
    global _loop, _thread
    if pid != os.getpid() or _loop is None or _thread is None:
        return
    loop, thread = _loop, _thread
    try:
        asyncio.run_coroutine_threadsafe(_close_all(), loop).result(_EXIT_S)
    except TimeoutError:
        return
    loop.call_soon_threadsafe(loop.stop)
    thread.join(_EXIT_S)
    _loop = _thread = None
