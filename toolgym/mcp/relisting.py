"""`Relisting`: tools that are listed anew when their server says that they changed.

The notification is MCP's `notifications/tools/list_changed`.
"""

import asyncio
from collections.abc import Awaitable, Callable

from toolgym.errors import InfraError

__all__ = ["Relisting"]

_PAUSE_S = 0.1
"""Seconds between two listings that nobody waits for: a server may say without end that its tools have changed."""


class Relisting:
    """When the tools of one connection are listed anew. All of it runs on the wire's event loop.

    What a server says during a call is listed before the call's result is given (`settled`), so that it does not depend
    on time what the next observation shows; what it says at other times is listed beside all else.

    Args:
        relist: lists the tools.
    """

    def __init__(self, relist: Callable[[], Awaitable[None]]):
        self._relist = relist
        self._told = self._seen = 0
        """How often the server has said it, and how much of that the last listing has seen."""
        self._one_at_a_time = asyncio.Lock()
        self._beside: asyncio.Task[None] | None = None

    def note(self) -> None:
        """The server has said that its tools have changed."""
        self._told += 1
        if self._beside is None:
            self._beside = asyncio.get_running_loop().create_task(self._follow())

    async def settled(self) -> None:
        """Waits until the tools are listed as the server had them when this was called, or later.

        Raises:
            InfraError: they cannot be listed.
        """
        await self._up_to(self._told)

    def end(self) -> None:
        """Lists no more."""
        if self._beside is not None:
            self._beside.cancel()

    async def _up_to(self, told: int) -> None:
        if self._seen >= told:
            return
        async with self._one_at_a_time:
            if self._seen < told:
                now = self._told
                await self._relist()
                self._seen = now

    async def _follow(self) -> None:
        try:
            while self._seen < self._told:
                await self._up_to(self._told)
                await asyncio.sleep(_PAUSE_S)
        except InfraError:
            pass  # whoever calls next tries it again, and is told
        finally:
            self._beside = None
