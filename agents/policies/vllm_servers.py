"""Several vLLM servers as one: episodes spread over them, turns of a dead one sampled elsewhere, weights for all.

    VLLMServers(["http://gpu1:8000", "http://gpu2:8000"], Path("/shared/weights"))

An episode stays with the server that holds its prefix. A server that gives no answer is left out until it has read the
next weights; its turns are asked for again elsewhere by the same request (tokens, limits and seed: what is random in an
episode belongs to the episode). As many of them answer with the same tokens as the two servers compute alike.

Each server gets the weights as a file that it reads, or over NCCL, where this process and it can (`nccl`, `files`, or
`auto`: the one where it can be, else the other).
"""

import asyncio
import sys
import threading
from collections.abc import Coroutine, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

import torch
from transformers import PreTrainedModel

from toolgym.agents.policies import vllm_nccl
from toolgym.agents.policies.vllm import VLLMServer, weights_of, write_weights
from toolgym.errors import ChatError, ConfigError
from toolgym.mcp import loop

__all__ = ["Seat", "VLLMServers"]

T = TypeVar("T")
_AT_ONCE = 256
"""Requests that a server has under way, at most."""


@dataclass(eq=False, slots=True)
class _Member:
    """A server, and what it is doing. Beside `held` it is touched on the wire's event loop only."""

    server: VLLMServer
    room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE))
    held: int = 0
    """Episodes whose prefixes it holds."""
    error: ChatError | ConfigError | None = None
    """Why it is left out; None: it is not."""
    tasks: "set[asyncio.Task[Any]]" = field(default_factory=set)
    watch: "asyncio.Task[None] | None" = None
    way: 'Literal["files", "nccl"] | None' = None
    """How it gets weights; None: that is to be found out."""
    sender: vllm_nccl.NCCLSender | None = None
    """What sends them over NCCL, where it gets them so."""
    ready: bool = False
    """Whether it lives and `way` is known, of the weights that are being given out."""


@dataclass(eq=False, slots=True)
class Seat:
    """An episode's place at a server; it gets one with its first turn."""

    member: _Member | None = None
    closed: bool = False


class VLLMServers:
    """The vLLM servers of a run.

    Args:
        urls: where they listen.
        weights: the folder for weights; the machines of all must see it under the same path. None: they sample by what
            they serve.
        way: how they get the weights: `files`, `nccl`, or `auto`: over NCCL where that can be, else as files.
        timeout_s: for one turn, or for getting weights; a server that takes longer is left out.
        check_s: between two questions whether a server that owes answers still lives, and for the answer to that.

    Raises:
        ConfigError: a URL is none, or names a server twice; or NCCL is asked for, and this process cannot.
        ChatError: there is no server at any of the URLs.
    """

    def __init__(
        self,
        urls: Sequence[str],
        weights: Path | None,
        *,
        way: Literal["auto", "files", "nccl"] = "files",
        timeout_s: float = 600.0,
        check_s: float = 30.0,
    ):
        if way == "nccl" and (lacks := vllm_nccl.lacking()) is not None:
            raise ConfigError(f"weights=nccl cannot be: {lacks}. Take weights=files, or auto")
        # Alone a server is asked more often: there is nobody else to ask.
        attempts = 4 if len(urls) == 1 else 2
        made = [VLLMServer(url, weights, timeout_s=timeout_s, attempts=attempts, greet=False) for url in urls]
        names = [server.url for server in made]
        if not names or len(set(names)) < len(names):
            raise ConfigError(f"vllm must name each server once, and at least one, got {' '.join(names) or 'none'}")
        self._set_up(made, timeout_s, check_s, way)
        try:
            loop.run(self._all(self._greet))
        except BaseException:
            self.close()
            raise

    @classmethod
    def of(cls, server: VLLMServer) -> "VLLMServers":
        """One server alone."""
        alone = cls.__new__(cls)
        alone._set_up([server], server.timeout_s, 30.0, "files")
        return alone

    def _set_up(self, servers: Sequence[VLLMServer], timeout_s: float, check_s: float, way: str) -> None:
        self._members = [_Member(server) for server in servers]
        self.timeout_s, self.check_s, self._way = timeout_s, check_s, way
        self._told: set[str] = set()
        """What was said of how weights go."""
        self.device: torch.device | None = None
        """Which weights are sent from over NCCL; None: the one of the thread that gives them."""
        self._lock = threading.Lock()
        """Around `held`, and which server a seat is at."""

    @property
    def context(self) -> int:
        """The longest context that all of them take."""
        return min(member.server.context for member in self._members if member.server.model is not None)

    @property
    def in_use(self) -> list[str]:
        """The URLs of those that are not left out."""
        return [member.server.url for member in self._members if member.error is None]

    @property
    def served(self) -> dict[str, tuple[str, ...]]:
        """URL -> what the server calls its model, and where it has it from; of those that answer."""
        return {
            member.server.url: tuple(name for name in (member.server.model, member.server.root) if name is not None)
            for member in self._members
            if member.server.model is not None
        }

    def url(self, seat: Seat) -> str:
        """Where the server of an episode listens."""
        return seat.member.server.url if seat.member is not None else ""

    def close(self) -> None:
        """Closes the connections."""
        loop.run(self._close())

    async def _close(self) -> None:
        for member in self._members:
            for task in [*member.tasks, *([member.watch] if member.watch is not None else [])]:
                task.cancel()
            if member.sender is not None:
                member.sender.close()
            await member.server.close_async()

    # Turns ---------------------------------------------------------------------------------------------------------

    def sample(self, seat: Seat, *request: Any) -> "Future[tuple[list[int], list[float]]]":
        """Begins to continue an episode's context: the request and the answer are those of `VLLMServer.complete`.

        It raises, in the future, a ChatError or ConfigError where no server is left.
        """
        return loop.submit(self._sample(seat, *request))

    async def _sample(self, seat: Seat, *request: Any) -> tuple[list[int], list[float]]:
        while True:
            member = self._at(seat)
            async with member.room:
                if member.error is not None:  # since it waited for room
                    continue
                try:
                    return await self._watched(member, member.server.complete(*request))
                except (ChatError, ConfigError) as error:
                    self._leave_out(member, error)

    def _at(self, seat: Seat) -> _Member:
        """The server of an episode: the one that it is at, or else the one that holds the fewest."""
        with self._lock:
            if seat.closed:
                raise asyncio.CancelledError
            if seat.member is None or seat.member.error is not None:
                free = [member for member in self._members if member.error is None]
                if not free:
                    raise self._none_left()
                self._move(seat, min(free, key=lambda member: member.held))
            return seat.member  # pyright: ignore[reportReturnType]

    def seat(self) -> Seat:
        """A place for an episode that begins."""
        return Seat()

    def free(self, seat: Seat) -> None:
        """The episode is over."""
        with self._lock:
            seat.closed = True
            self._move(seat, None)

    def _move(self, seat: Seat, member: _Member | None) -> None:
        if seat.member is not None:
            seat.member.held -= 1
        seat.member = None if seat.closed else member
        if seat.member is not None:
            seat.member.held += 1

    # Weights -------------------------------------------------------------------------------------------------------

    def load(self, model: PreTrainedModel) -> None:
        """Makes all sample by the weights of a model: a file is written once. One that does not get them is left out;
        one that was left out and does is taken in again.

        Raises:
            ChatError: none is left.
            ConfigError: none is left, each for a mistake in how it was started.
        """
        if self._way != "files" and self.device is None and vllm_nccl.lacking() is None:
            self.device = vllm_nccl.device()
        loop.run(self._each(self._prepare))
        ready = [member for member in self._members if member.ready]
        if any(member.way == "files" for member in ready):
            write_weights(model, ready[0].server.folder())
        sent = weights_of(model) if any(member.way == "nccl" for member in ready) else {}
        loop.run(self._all(lambda member: self._give(member, sent)))

    def use_only(self, urls: Sequence[str]) -> None:
        """Takes another process's word for which servers have the run's weights."""
        for member in self._members:
            if member.server.url in urls:
                member.error = None
            elif member.error is None:
                member.error = ChatError("it did not read the run's weights")
        loop.run(self._all(self._greet))

    async def _each(self, work: Any) -> None:
        await asyncio.gather(*(work(member) for member in self._members))

    async def _all(self, work: Any) -> None:
        await self._each(work)
        if all(member.error is not None for member in self._members):
            raise self._none_left()

    async def _greet(self, member: _Member) -> None:
        if member.server.model is None and member.error is None:
            try:
                await self._limited(member, member.server.greet(), self.check_s)
            except (ChatError, ConfigError) as error:
                self._leave_out(member, error)

    async def _prepare(self, member: _Member) -> None:
        """Asks a server that was left out whether it is there again, and how it gets weights."""
        member.ready = False
        try:
            if member.error is not None:
                await member.server.check(self.check_s)
                await self._limited(member, member.server.greet(), self.check_s)
            if member.way is None:
                member.way = await self._watched(member, self._way_of(member))
            member.ready = True
        except (ChatError, ConfigError) as error:
            self._leave_out(member, error)

    async def _way_of(self, member: _Member) -> Literal["files", "nccl"]:
        """How a server gets weights; where it is over NCCL, its workers and this process are a group then.

        Raises:
            ConfigError: it cannot get them in the only way that is allowed.
            ChatError: it gives no answer any more.
        """
        if self._way == "files":
            return "files"
        url, where = member.server.url, f"the vLLM server at {member.server.url}"
        why = vllm_nccl.lacking()
        if why is None:
            why = await member.server.lacks()
        else:
            where = "the vLLM servers"
        if why is None:
            try:
                made, device = vllm_nccl.NCCLSender, cast(torch.device, self.device)
                member.sender = await vllm_nccl.in_thread(lambda: made(url, device, self.timeout_s))
                self._tell(f"weights go to {where} over NCCL")
                return "nccl"
            except ConfigError as error:
                why = str(error)
        if self._way == "nccl":
            raise ConfigError(f"{where} cannot get weights over NCCL: {why}")
        self._tell(f"weights go to {where} as files: {why}")
        return "files"

    async def _give(self, member: _Member, sent: Mapping[str, torch.Tensor]) -> None:
        """Gives a server the weights: the file is there, or `sent` are they."""
        if not member.ready:
            return
        out, sender = member.error is not None, member.sender
        try:
            if sender is None:
                await self._watched(member, member.server.reload())
            else:
                await self._watched(member, vllm_nccl.in_thread(lambda: sender.send(sent)))
                await self._watched(member, member.server.forget())
        except (ChatError, ConfigError) as error:
            self._leave_out(member, error)
        else:
            member.error = None
            if out:
                _say(f"the vLLM server at {member.server.url} has the run's weights and is used again")

    def _tell(self, text: str) -> None:
        """Says once how weights go."""
        if text not in self._told:
            self._told.add(text)
            print(text[0].upper() + text[1:], file=sys.stderr, flush=True)

    # Servers that give no answer -------------------------------------------------------------------------------------

    async def _watched(self, member: _Member, work: Coroutine[Any, Any, T]) -> T:
        """What a server answers, while it is asked every now and then whether it lives."""
        if member.watch is None:
            member.watch = asyncio.ensure_future(self._watch(member))
        return await self._limited(member, work, self.timeout_s)

    async def _limited(self, member: _Member, work: Coroutine[Any, Any, T], limit_s: float) -> T:
        """What a server answers within a time.

        Raises:
            ChatError: it does not, or it was left out meanwhile.
        """
        task = asyncio.ensure_future(work)
        member.tasks.add(task)
        try:
            done, _ = await asyncio.wait({task}, timeout=limit_s)
            if not done or (task.cancelled() and member.error is None):
                raise ChatError(f"The vLLM server at {member.server.url} gave no answer within {limit_s} s")
            if task.cancelled():
                raise member.error  # pyright: ignore[reportGeneralTypeIssues]
            return task.result()
        finally:
            member.tasks.discard(task)
            task.cancel()
            if not member.tasks and member.watch is not None:
                member.watch.cancel()
                member.watch = None

    async def _watch(self, member: _Member) -> None:
        """Asks a server whether it lives, as long as it owes answers; it is left out where it does not say so twice."""
        failed = 0
        while True:
            await asyncio.sleep(self.check_s)
            try:
                await member.server.check(self.check_s)
                failed = 0
            except ChatError as error:
                failed += 1
                if failed > 1:
                    self._leave_out(member, error)

    def _leave_out(self, member: _Member, error: ChatError | ConfigError) -> None:
        """Asks a server for nothing until it has read weights; what it owes is asked for elsewhere."""
        if member.error is None and len(self._members) > 1:
            left = len(self.in_use) - 1
            until = "" if member.server.weights is None else " until it reads the next weights"
            go_on = f"{left} of {len(self._members)} go on"
            _say(f"the vLLM server at {member.server.url} is left out{until}; {go_on}: {error}")
        member.error = error
        if member.sender is not None:
            member.sender.close()
        member.way = member.sender = None  # it may be started again in another way
        for task in member.tasks:
            task.cancel()

    def _none_left(self) -> ChatError | ConfigError:
        """What is raised where no server is left."""
        errors = [member.error for member in self._members if member.error is not None]
        if len(self._members) == 1:
            return errors[0]
        kind = ConfigError if all(isinstance(error, ConfigError) for error in errors) else ChatError
        reasons = "; ".join(f"{member.server.url}: {member.error}" for member in self._members)
        on = "" if self._members[0].server.weights is None else " and go on with --resume"
        return kind(f"none of the {len(self._members)} vLLM servers is left; start one again{on}. {reasons}")


def _say(text: str) -> None:
    print(f"Warning: {text}", file=sys.stderr, flush=True)
