"""Files made or checked by several processes at once."""

import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from types import ModuleType
from typing import Any, TypeVar

from toolgym.errors import InfraError

__all__ = ["each"]

R = TypeVar("R")


def each(function: Callable[..., R], calls: Sequence[tuple[Any, ...]], jobs: int) -> Iterator[R]:
    """What a function of a module returns for each of the calls' arguments, as they are done.

    Raises:
        InfraError: a process was killed.
    """
    if jobs == 1 or len(calls) < 2:
        for arguments in calls:
            yield function(*arguments)
        return
    # Ctrl-C is for this process; those at work end what they are at, so that nothing is lost.
    quiet = {"initializer": signal.signal, "initargs": (signal.SIGINT, signal.SIG_IGN)}
    with ProcessPoolExecutor(min(jobs, len(calls)), mp_context=get_context("spawn"), **quiet) as pool:
        with _without_main():
            waiting = [pool.submit(function, *arguments) for arguments in calls]
        try:
            for future in as_completed(waiting):
                yield future.result()
        except BrokenProcessPool as error:
            raise InfraError(
                "A process at work has gone (killed, or out of memory). What was written stays: run the same command "
                "again, with fewer --jobs"
            ) from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _without_main() -> Iterator[None]:
    """New processes do not run the program's file again: one that calls this at its top level would never end."""
    main, sys.modules["__main__"] = sys.modules["__main__"], ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
