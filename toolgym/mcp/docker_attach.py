"""A container's standard streams and its exit code, by the engine's HTTP API, on asyncio.

The docker package gives a blocking socket whose type depends on the address; this dials the same address without
threads. Over ssh it runs `docker system dial-stdio` over there, as the docker command does.
"""

import asyncio
import re
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

from toolgym.errors import ServerStartError
from toolgym.mcp.docker_engine import Engine

__all__ = ["STDERR", "STDOUT", "Attached", "attached", "exit_code"]

STDOUT, STDERR = 1, 2
_HEADER = struct.Struct(">BxxxL")
_CHUNK = 65536
_STATUS_CODE = re.compile(rb'"StatusCode"\s*:\s*(\d+)')


class Attached:
    """The streams of one container."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self._reader, self._writer = reader, writer

    async def write(self, data: bytes) -> None:
        """Writes to the container's stdin.

        Raises:
            OSError: the container is gone.
        """
        self._writer.write(data)
        await self._writer.drain()

    async def chunks(self) -> AsyncIterator[tuple[int, bytes]]:
        """What the container writes, as (`STDOUT` or `STDERR`, bytes), until it ends."""
        try:
            while True:
                stream, left = _HEADER.unpack(await self._reader.readexactly(_HEADER.size))
                while left:
                    chunk = await self._reader.read(min(left, _CHUNK))
                    if not chunk:
                        return
                    left -= len(chunk)
                    yield stream, chunk
        except (asyncio.IncompleteReadError, ConnectionError):
            return


@asynccontextmanager
async def attached(engine: Engine, container_id: str) -> AsyncIterator[Attached]:
    """Attaches to a container, best before it is started: nothing that it writes is lost then.

    Raises:
        ServerStartError: the engine refuses.
    """
    streams = "stream=1&stdin=1&stdout=1&stderr=1"
    async with _dialled(engine) as (reader, writer):
        await _request(engine, writer, f"/containers/{container_id}/attach?{streams}", upgrade=True)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            raise ServerStartError(f"The Docker engine at {engine.url} gives no access to streams: {error}") from error
        status = head.split(b" ", 2)[1:2]
        if status not in ([b"101"], [b"200"]):
            reason = head.partition(b"\r\n")[0].decode(errors="replace")
            raise ServerStartError(f"The Docker engine at {engine.url} does not attach to a container: {reason}")
        yield Attached(reader, writer)


async def exit_code(engine: Engine, container_id: str) -> int | None:
    """Waits until a container that is not started yet has run and ended. None where the engine does not say."""
    try:
        async with _dialled(engine) as (reader, writer):
            await _request(engine, writer, f"/containers/{container_id}/wait?condition=next-exit", upgrade=False)
            match = _STATUS_CODE.search(await reader.read(-1))
            return None if match is None else int(match[1])
    except OSError:
        return None


async def _request(engine: Engine, writer: asyncio.StreamWriter, path: str, *, upgrade: bool) -> None:
    host = urlsplit(engine.url).hostname or "docker"
    connection = "Upgrade: tcp\r\nConnection: Upgrade" if upgrade else "Connection: close"
    version = engine.client.api.api_version
    writer.write(
        f"POST /v{version}{path} HTTP/1.1\r\nHost: {host}\r\n{connection}\r\nContent-Length: 0\r\n\r\n".encode()
    )
    await writer.drain()


@asynccontextmanager
async def _dialled(engine: Engine) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A byte stream to the engine."""
    url = urlsplit(engine.url)
    if url.scheme == "ssh":
        async with _dialled_by_ssh(url.hostname or "", url.username, url.port) as streams:
            yield streams
        return
    if url.scheme in ("unix", "http+unix"):
        reader, writer = await asyncio.open_unix_connection(url.path)
    else:
        secure = engine.tls is not None or url.scheme == "https"
        port = url.port or (2376 if secure else 2375)
        reader, writer = await asyncio.open_connection(url.hostname, port, ssl=engine.tls or (True if secure else None))
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


@asynccontextmanager
async def _dialled_by_ssh(
    host: str, user: str | None, port: int | None
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    where = [*(["-l", user] if user else []), *(["-p", str(port)] if port else []), "--", host]
    process = await asyncio.create_subprocess_exec(
        "ssh", *where, "docker system dial-stdio", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process.stdout, process.stdin
    finally:
        process.stdin.close()
        with suppress(ProcessLookupError):
            process.kill()  # a relay has nothing to save, and may not heed a gentler signal
        await process.wait()
