"""What waits while others go on: coroutines on one event loop, and blocking calls in threads.

Whoever hands something off does not wait for it: what came of it arrives in a queue, in the order in which things end.
"""

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Literal

from toolgym.mcp.loop import serve

__all__ = ["Arrival", "Waiting", "in_thread", "suspends"]

_EXIT_S = 0.1
"""What is cancelled has so long to end. What does not is left behind, in threads that end with the process."""
_THREADS = 256
"""For what coroutines wait for in threads (`asyncio.to_thread`)."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """What came of something that was handed off."""

    key: Any
    how: Literal["answer", "error", "late", "freed"]
    """`late`: its time was up, and it was told to stop. `freed`: it has stopped, some time after that."""
    value: Any = None
    """The answer, or the error."""


class Waiting:
    """Runs what is handed off, on an event loop in a thread of its own (so that it works inside a running loop too).

    A context manager: at the end what still runs is cancelled.
    """

    def __init__(self) -> None:
        self.under_way = 0
        """How many have not arrived yet, neither in time nor late."""
        self._arrived: SimpleQueue[Arrival] = SimpleQueue()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._threads: ThreadPoolExecutor | None = None

    def __enter__(self) -> "Waiting":
        return self

    def __exit__(self, *_: object) -> None:
        if self._loop is None or self._thread is None or self._threads is None:
            return
        # What hangs is left where it is; asyncio would say so of each when the process ends.
        self._loop.set_exception_handler(lambda *_: None)
        with suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(self._cancel_all(), self._loop).result(_EXIT_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_EXIT_S)
        if not self._thread.is_alive():
            self._loop.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def hand_off(self, key: Hashable, work: Callable[[], Awaitable[Any]], limit_s: float | None = None) -> None:
        """Starts a coroutine; what comes of it arrives under `key`.

        Args:
            work: makes the coroutine (`in_thread` makes one of a blocking call).
            limit_s: when it is late: it is cancelled then.
        """
        self.under_way += 1
        self._running().call_soon_threadsafe(self._start, key, work, limit_s)

    def arrived(self) -> bool:
        """Whether there is an arrival to take."""
        return not self._arrived.empty()

    def take(self, wait_s: float | None = 0.0) -> Arrival | None:
        """The next arrival; None where there is none within `wait_s` (None: waits for one)."""
        try:
            arrival = self._arrived.get(wait_s != 0, wait_s)
        except Empty:
            return None
        self.under_way -= arrival.how != "freed"
        return arrival

    def _running(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._threads = ThreadPoolExecutor(_THREADS, "toolgym-rollout")
            self._loop.set_default_executor(self._threads)
            self._thread = threading.Thread(target=serve, args=(self._loop,), name="toolgym-rollout-loop", daemon=True)
            self._thread.start()
        return self._loop

    # On the loop -----------------------------------------------------------------------------------------------------

    def _start(self, key: Hashable, work: Callable[[], Awaitable[Any]], limit_s: float | None) -> None:
        try:
            made = work()
            if not inspect.isawaitable(made):
                raise TypeError(f"nothing to wait for, but {type(made).__name__}: the method must be `async def`")
            task = asyncio.ensure_future(made)
        except Exception as error:  # here it would end nothing, and nobody would be told
            self._arrived.put(Arrival(key, "error", error))
            return
        self._tasks.add(task)  # a loop alone would let go of it  # pyright: ignore[reportArgumentType]
        late: list[bool] = []

        def expire() -> None:
            late.append(True)
            self._arrived.put(Arrival(key, "late"))
            task.cancel()

        def ended(task: Any) -> None:
            self._tasks.discard(task)
            if timer is not None:
                timer.cancel()
            error = asyncio.CancelledError() if task.cancelled() else task.exception()
            if late:
                self._arrived.put(Arrival(key, "freed"))
            elif error is not None:
                self._arrived.put(Arrival(key, "error", error))
            else:
                self._arrived.put(Arrival(key, "answer", task.result()))

        timer = None if limit_s is None else task.get_loop().call_later(limit_s, expire)
        task.add_done_callback(ended)

    async def _cancel_all(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)


async def in_thread(call: Callable[[], Any]) -> Any:
    """The result of a blocking call, in a thread that nobody has to wait for: one that hangs holds up nothing else.

    Cancelled, it ends when the call does: what the call uses is in use until then.
    """
    loop = asyncio.get_running_loop()
    done = loop.create_future()

    def tell(set_it: Callable[[Any], None], value: Any) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody is there to be told
            loop.call_soon_threadsafe(set_it, value)

    def work() -> None:
        try:
            result = call()
        except BaseException as error:
            tell(done.set_exception, RuntimeError(f"{error!r}") if isinstance(error, StopIteration) else error)
        else:
            tell(done.set_result, result)

    threading.Thread(target=work, name="toolgym-rollout-call", daemon=True).start()
    while True:
        try:
            return await asyncio.shield(done)
        except asyncio.CancelledError:
            if done.done():
                raise


def suspends(env: Any) -> bool:
    """Whether an environment may have to wait. A Gymnasium wrapper does not say so: the environment in it does."""
    says = getattr(env, "suspends", None)
    return bool(getattr(getattr(env, "unwrapped", env), "suspends", False) if says is None else says)
