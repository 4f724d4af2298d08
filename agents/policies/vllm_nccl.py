"""A run's weights to a vLLM server over NCCL: from this process's GPU to the server's, with no file between them.

    VLLM_SERVER_DEV_MODE=1 vllm serve Qwen/Qwen3-0.6B --weight-transfer-config '{"backend": "nccl"}'
    toolgym train --algo grpo --model Qwen/Qwen3-0.6B --vllm http://gpu1:8000 --weights nccl

TRL's client (`trl.generation.vllm_client`) speaks to the server and, with what vLLM has for trainers, to its workers:
they and this process are a group of their own, in which each tensor is broadcast. It needs vLLM in this Python. Each
server has a group of its own, so that one that fails takes no other with it.
"""

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar, cast

import torch

from toolgym.errors import ChatError, ConfigError

__all__ = ["NCCLSender", "in_thread", "lacking"]

T = TypeVar("T")


def lacking() -> str | None:
    """What this process lacks for sending weights over NCCL; None: nothing."""
    from trl.import_utils import is_requests_available, is_vllm_available

    if not torch.cuda.is_available():
        return "this process has no CUDA device"
    if not is_vllm_available():
        return "vLLM is not installed in this Python (pip install 'trl[vllm]')"
    return None if is_requests_available() else "requests is not installed in this Python (pip install requests)"


def device() -> torch.device:
    """The device of this thread, which weights are sent from."""
    return torch.device("cuda", torch.cuda.current_device())


class NCCLSender:
    """A group of this process and the workers of a server. Whatever it does waits, and may wait for ever: `in_thread`.

    Args:
        url: where the server listens, without `/v1`.
        from_: the device that weights are sent from.
        timeout_s: for each request.

    Raises:
        ChatError: the server gives no answer.
        ConfigError: there can be no such group.
    """

    def __init__(self, url: str, from_: torch.device, timeout_s: float):
        self.url, self._from = url, from_
        with _told(f"the vLLM server at {url} and this process are no group for weights"), self._current():
            self._client = _client(url, timeout_s)
            self._client.init_communicator(device=from_)

    def send(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Gives the server's workers weights, by their names in a checkpoint, one after another in this order.

        Raises:
            ChatError: the server gives no answer.
            ConfigError: it refuses, or sending fails.
        """
        told = [(name, str(weight.dtype).removeprefix("torch."), [*weight.shape]) for name, weight in weights.items()]
        tensors = ((name, _there(weight.detach(), self._from)) for name, weight in weights.items())
        with _told(f"the vLLM server at {self.url} did not take the weights over NCCL"), self._current():
            self._client.update_named_params(told, tensors)

    def close(self) -> None:
        """Leaves the group."""
        self._client.close_communicator()

    @contextmanager
    def _current(self) -> Iterator[None]:
        """Makes the device this thread's, once what was computed on it is there: sending has a stream of its own."""
        if self._from.index is None:
            yield
            return
        with torch.cuda.device(self._from):
            torch.cuda.synchronize()
            yield


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Around what TRL's client does: says in one of our errors what went wrong, whatever it raises."""
    import requests

    try:
        yield
    except (requests.ConnectionError, requests.Timeout) as error:
        raise ChatError(f"{what}: {_short(error)}") from error
    except Exception as error:
        raise ConfigError(f"{what}: {_short(error)}; --weights files needs no NCCL") from error


def _short(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


def _there(weight: torch.Tensor, to: torch.device) -> torch.Tensor:
    """A weight on the device that it is sent from."""
    return weight.to(to)


def _client(url: str, timeout_s: float) -> Any:
    """TRL's client of a server."""
    from requests.adapters import HTTPAdapter
    from trl.generation.vllm_client import VLLMClient

    class Once(HTTPAdapter):
        """A request is made once: weights that are announced again would be received again. It has a time, too."""

        def send(self, request: Any, *args: Any, timeout: Any = None, **more: Any) -> Any:
            return super().send(request, *args, timeout=timeout or timeout_s, **more)

    class Client(VLLMClient):
        def check_server(self, *_: Any, **__: Any) -> None:
            """The server was asked already. It is the first thing that is done with the session."""
            session = cast(Any, self).session
            session.mount("http://", Once())
            session.mount("https://", Once())
            if key := os.environ.get("VLLM_API_KEY"):
                session.headers["Authorization"] = f"Bearer {key}"

    with socket.socket() as free:
        free.bind(("", 0))
        port = free.getsockname()[1]
    return Client(base_url=url, group_port=port)


async def in_thread(work: Callable[[], T]) -> T:
    """What a function gives that may never end, in a thread that nobody waits for once this coroutine is cancelled."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def end(set_it: Callable[[Any], None], value: Any) -> None:
        if not future.done():
            set_it(value)

    def run() -> None:
        try:
            made = work()
        except BaseException as error:
            outcome = (future.set_exception, error)
        else:
            outcome = (future.set_result, made)
        if not loop.is_closed():
            loop.call_soon_threadsafe(end, *outcome)

    threading.Thread(target=run, name="toolgym-weights", daemon=True).start()
    return await future
