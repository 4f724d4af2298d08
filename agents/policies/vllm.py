"""Turns sampled by a vLLM server: token ids in, token ids out, by the weights that are being trained.

    VLLM_SERVER_DEV_MODE=1 vllm serve Qwen/Qwen3-0.6B --port 8000
    toolgym train --algo grpo --model Qwen/Qwen3-0.6B --vllm http://localhost:8000 --output runs/qwen

Several servers share the episodes of a run (`toolgym.agents.policies.vllm_servers`).

Weights go to the server as files: they are written to a folder that it sees under the same path, and it is told to read
them (`reload_weights`, which vLLM has in its development mode only). `toolgym.agents.policies.vllm_nccl` needs no file.
Nothing of vLLM is imported here.

A server computes in its own precision and with kernels of its own, so it does not sample exactly from the model that is
trained. Each token's advantage is weighed with `importance_weights` (truncated importance sampling, Yao et al. 2025:
"Your efficient RL framework secretly brings you off-policy RL training").

Shapes: B sequences, T tokens.
"""

import asyncio
import json
import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

import numpy as np
import torch
from transformers import PreTrainedModel
from transformers.core_model_loading import revert_weight_conversion
from transformers.modeling_utils import remove_tied_weights_from_state_dict

from toolgym.agents.policies.decoding import SamplingOptions, check_slots
from toolgym.agents.policies.policy import StopReason
from toolgym.errors import ChatError, ConfigError, DivergenceError
from toolgym.mcp import loop
from toolgym.openai_client import ChatClient, ChatOptions

__all__ = ["VLLMDecoder", "VLLMServer", "importance_weights", "weights_of", "write_weights"]

T = TypeVar("T")
_NEUTRAL = {
    "top_k": -1,
    "min_p": 0.0,
    "repetition_penalty": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "min_tokens": 0,
    "ignore_eos": True,
}
"""What a server would otherwise take from the served model's generation_config.json: with it turns would come from
another distribution than the log-probabilities say. Tokens that end a turn are named in each request instead.
"""
_DEV_MODE = (
    "start it with VLLM_SERVER_DEV_MODE=1 in its environment: vLLM takes new weights in that mode only, and whoever "
    "reaches the port may then change them"
)


def importance_weights(
    logps_BT: torch.Tensor, sampler_logps_BT: torch.Tensor, mask_BT: torch.Tensor, largest: float = 2.0
) -> torch.Tensor:
    """What each sampled token's advantage is multiplied by `(B, T)`: `min(p / p_sampler, largest)`, and 1 elsewhere.

    Args:
        logps_BT: log-probabilities under the model that is trained.
        sampler_logps_BT: those that the sampler said.
        mask_BT: which tokens were sampled.
        largest: what no weight exceeds; a token that the sampler wrongly thought rare must not decide the step.
    """
    ratios_BT = torch.exp((logps_BT - sampler_logps_BT).clamp(max=20.0)).clamp(max=largest)
    return torch.where(mask_BT.bool(), ratios_BT, torch.ones_like(ratios_BT))


def write_weights(model: Any, folder: Path) -> None:
    """Writes a model as a checkpoint: an adapter's weights added to its base's. The model stays as it is."""
    if hasattr(model, "peft_config"):
        base = cast(PreTrainedModel, model.get_base_model())
        base.save_pretrained(folder, state_dict=_merged_state(base))
    else:
        model.save_pretrained(folder)


def weights_of(model: Any) -> dict[str, torch.Tensor]:
    """A model's weights as `write_weights` writes them: by their names in a checkpoint, tied ones once."""
    adapter = hasattr(model, "peft_config")
    base = cast(Any, model.get_base_model() if adapter else model)
    state = _merged_state(base) if adapter else dict(base.state_dict())
    state = {name: weight for name, weight in state.items() if name not in (base._keys_to_ignore_on_save or ())}
    return revert_weight_conversion(base, remove_tied_weights_from_state_dict(state, base))


@torch.no_grad()
def _merged_state(base: PreTrainedModel) -> dict[str, torch.Tensor]:
    """The weights of a model with the adapters in its layers added, by their names without adapters."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    state = {
        name.replace(".base_layer.", "."): weight for name, weight in base.state_dict().items() if "lora_" not in name
    }
    for name, module in base.named_modules():
        if isinstance(module, BaseTunerLayer):
            for adapter in module.active_adapters:
                state[f"{name}.weight"] = state[f"{name}.weight"] + cast(Any, module).get_delta_weight(adapter)
    return state


class VLLMServer:
    """A running vLLM server.

    Args:
        url: where it listens: `http://localhost:8000`, with or without `/v1`.
        weights: the folder for weights; the server's machine must see it under the same path. None: it samples by what
            it serves.
        timeout_s: for one turn, or for reading weights.
        attempts: how often a request is made at most.
        greet: whether to ask now what it serves; otherwise `greet` does, before anything else.

    Raises:
        ChatError: there is no such server, or it serves no model.
    """

    def __init__(
        self, url: str, weights: Path | None, *, timeout_s: float = 600.0, attempts: int = 4, greet: bool = True
    ):
        base = url.rstrip("/").removesuffix("/v1") + "/v1"
        self.weights, self.timeout_s = None if weights is None else weights.resolve(), timeout_s
        self._client = ChatClient(
            ChatOptions("", base, api_key_env="VLLM_API_KEY", timeout_s=timeout_s, attempts=attempts),
            "The vLLM server",
        )
        self.url = self._client.base_url.removesuffix("/v1")
        self.model: str | None = None
        """The name of the model that it serves; None: it was not asked yet."""
        self.root: str | None = None
        """Where it has that model from, where it says so."""
        self.context = 0
        """The longest context that it takes."""
        if greet:
            loop.run(self.greet())

    async def greet(self) -> None:
        """Asks what it serves."""
        self.model, self.context, self.root = await self._ask("/v1/models", None, _served_model)

    async def check(self, within_s: float) -> None:
        """Raises where it does not say within a time that it lives.

        Raises:
            ChatError: it does not.
        """
        try:
            async with asyncio.timeout(within_s):
                await self._client.request_async(self.url + "/health", None, len)
        except TimeoutError:
            raise ChatError(f"The vLLM server at {self.url}/health gave no answer within {within_s} s") from None
        except ChatError as error:
            if error.status is None:  # else it answers
                raise

    async def _ask(self, path: str, body: dict[str, Any] | None, read: Callable[[bytes], T]) -> T:
        with self._told(path):
            return await self._client.request_async(self.url + path, body, read)

    @contextmanager
    def _told(self, path: str) -> Iterator[None]:
        """Around a request: says what a refusal means."""
        try:
            yield
        except ChatError as error:
            if error.status == 404:
                raise ConfigError(f"the vLLM server at {self.url} has no {path}: {_DEV_MODE}") from error
            if error.status is not None:
                raise ConfigError(f"the vLLM server at {self.url + path} refused: {error.text[:300]}") from error
            raise

    async def complete(
        self,
        ids: Sequence[int],
        longest: int,
        stop_ids: Sequence[int],
        options: SamplingOptions,
        seed: int,
        words: int,
    ) -> tuple[list[int], list[float]]:
        """Continues a context: token ids, the ending one included, and log-probabilities at temperature 1.

        Args:
            ids: the context.
            longest: the most tokens.
            stop_ids: tokens that end the turn.
            options: how to sample.
            seed: of the sampling.
            words: how many tokens the model knows: an answer with others is none.
        """
        body = {
            "model": self.model,
            "prompt": list(ids),
            "max_tokens": longest,
            "temperature": options.temperature,
            "top_p": options.top_p,
            "seed": seed,
            "stop_token_ids": list(stop_ids),
            "logprobs": 0,
            **_NEUTRAL,
            "return_token_ids": True,
            "skip_special_tokens": False,
            "add_special_tokens": False,
        }
        return await self._ask("/v1/completions", body, lambda content: _turn(content, longest, words))

    def load(self, model: PreTrainedModel) -> None:
        """Makes the server sample by the weights of a model.

        Raises:
            ConfigError: the server is not in development mode, or does not see the folder.
        """
        write_weights(model, self.folder())
        loop.run(self.reload())

    def folder(self) -> Path:
        """The folder for weights.

        Raises:
            ConfigError: it was given none.
        """
        if self.weights is None:
            raise ConfigError(
                f"the vLLM server at {self.url} samples by what it serves: it was given no folder for weights"
            )
        return self.weights

    async def reload(self) -> None:
        """Makes the server read the weights that are in the folder; raises as `load`."""
        call = {"method": "reload_weights", "kwargs": {"weights_path": str(self.weights)}}
        try:
            await self._ask("/collective_rpc", call, _json)
        except ChatError as error:
            raise ConfigError(
                f"the vLLM server at {self.url} did not read the weights in {str(self.weights)!r}: {error}. It must "
                "serve a model of the same shapes, and see this folder under the same path (--vllm-weights names "
                "another)"
            ) from error
        await self.forget()

    async def forget(self) -> None:
        """Makes the server drop its prefix cache, whose keys and values are of older weights."""
        await self._ask("/reset_prefix_cache", {}, _done)

    async def lacks(self) -> str | None:
        """What the server lacks for getting weights over NCCL; None: nothing."""
        try:
            backend = await self._client.request_async(self.url + "/server_info?config_format=json", None, _backend)
        except ChatError as error:
            return f"it has no /server_info: {_DEV_MODE}" if error.status == 404 else str(error)
        return None if backend == "nccl" else 'it was started without --weight-transfer-config \'{"backend": "nccl"}\''

    def close(self) -> None:
        """Closes the connections."""
        loop.run(self.close_async())

    async def close_async(self) -> None:
        """Like `close`, on the wire's event loop."""
        await self._client.close_async()
        self._client.close()


class Servers(Protocol):
    """What a `VLLMDecoder` needs of servers: `toolgym.agents.policies.vllm_servers.VLLMServers` has it."""

    @property
    def context(self) -> int: ...

    @property
    def in_use(self) -> list[str]: ...

    def seat(self) -> Any: ...

    def free(self, seat: Any) -> None: ...

    def url(self, seat: Any) -> str: ...

    def sample(self, seat: Any, *request: Any) -> "Future[tuple[list[int], list[float]]]": ...

    def load(self, model: PreTrainedModel) -> None: ...

    def use_only(self, urls: Sequence[str]) -> None: ...

    def close(self) -> None: ...


@dataclass(slots=True)
class _Context:
    """The tokens of an episode so far, and the turn that the server is sampling."""

    ids: list[int]
    limit: int
    rng: np.random.Generator
    seat: Any
    turn: "Future[tuple[list[int], list[float]]] | None" = field(default=None)
    longest: int = 0
    """Tokens that this turn may have."""
    stop: StopReason | None = None


class VLLMDecoder:
    """Contexts by slot, and the turns that vLLM servers continue them with: `Decoder`'s methods, elsewhere.

    A server keeps no episode: each turn sends the whole context, whose keys and values it finds in its prefix cache.

    Args:
        servers: the servers.
        stop_ids: tokens that end a turn.
        options: how to sample.
        words: how many tokens the model knows.
    """

    def __init__(self, servers: Servers, stop_ids: Sequence[int], options: SamplingOptions, words: int):
        self.servers, self.stop_ids, self.options, self.words = servers, frozenset(stop_ids), options, words
        self._open: dict[int, _Context] = {}

    @property
    def own_limit(self) -> int:
        """The longest context that the servers take."""
        return self.servers.context

    def use(self, model: PreTrainedModel) -> None:
        """Makes the servers sample by these weights; every context is dropped."""
        self.clear()
        self.servers.load(model)

    def limit(self, opening: int) -> int:
        """The longest context of an episode whose opening has so many tokens."""
        return self.options.context(opening, self.own_limit)

    def open(self, slot: int, ids: Sequence[int], rng: np.random.Generator, opening: int | None = None) -> None:
        """As `Decoder.open`; the slot's turns are seeded by `rng`."""
        self.close(slot)
        limit = self.limit(len(ids) if opening is None else opening)
        self._open[slot] = _Context(list(ids), limit, rng, self.servers.seat())

    def feed(self, slot: int, ids: Sequence[int]) -> None:
        """Appends to a slot's context."""
        self._open[slot].ids += ids

    def stopped(self, slot: int) -> StopReason | None:
        """Why the slot's latest turn ended."""
        return self._open[slot].stop

    def close(self, slot: int) -> None:
        """Frees the slot; unknown slots are ignored."""
        context = self._open.pop(slot, None)
        if context is None:
            return
        if context.turn is not None:
            context.turn.cancel()
        self.servers.free(context.seat)

    def clear(self) -> None:
        """Drops every context."""
        for slot in list(self._open):
            self.close(slot)

    def turns(self, slots: Sequence[int], enough: int) -> dict[int, tuple[list[int], list[float]]]:
        """Waits until `enough` of the slots have ended a turn: slot -> (ids, log-probabilities at temperature 1).

        The others' turns go on meanwhile, and are there at the next call. A slot whose context is full ends at once,
        without a token (`stopped` says `context`).

        Raises:
            ChatError: no server gives an answer any more.
            ConfigError: a server ends turns earlier than it was asked to.
        """
        check_slots(slots)
        ended: dict[int, tuple[list[int], list[float]]] = {}
        running: dict[Future[tuple[list[int], list[float]]], int] = {}
        for slot in slots:
            turn = self._begin(self._open[slot])
            if turn is None:
                ended[slot] = [], []
            else:
                running[turn] = slot
        while running and len(ended) < enough:
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                slot = running.pop(future)
                ended[slot] = self._end(self._open[slot], *future.result())
        return ended

    async def turn(self, slot: int) -> tuple[list[int], list[float]]:
        """A slot's turn as `turns` gives it, on any event loop; others go on meanwhile."""
        context = self._open[slot]
        turn = self._begin(context)
        return ([], []) if turn is None else self._end(context, *await asyncio.wrap_future(turn))

    def _begin(self, context: _Context) -> "Future[tuple[list[int], list[float]]] | None":
        """The turn that the server is sampling, which is asked for where there is none; None: the context is full."""
        if context.turn is None:
            context.longest = min(self.options.max_new_tokens, context.limit - len(context.ids))
            if context.longest < 1:
                context.stop = "context"
                return None
            seed = int(context.rng.integers(2**31))
            stop_ids, ids = sorted(self.stop_ids), list(context.ids)
            request = (ids, context.longest, stop_ids, self.options, seed, self.words)
            context.turn = self.servers.sample(context.seat, *request)
        return context.turn

    def _end(self, context: _Context, ids: list[int], logps: list[float]) -> tuple[list[int], list[float]]:
        context.turn = None
        context.ids += ids
        if ids[-1] in self.stop_ids:
            context.stop = "end_of_turn"
        elif len(ids) < context.longest:
            raise ConfigError(
                f"the vLLM server at {self.servers.url(context.seat)} ended a turn after {len(ids)} of "
                f"{context.longest} tokens, and not by a token that ends one: it limits turns by max_new_tokens in the "
                "served model's generation_config.json; start it with --generation-config vllm"
            )
        else:
            context.stop = "length" if context.longest == self.options.max_new_tokens else "context"
        return ids, logps


def _json(content: bytes) -> Any:
    """The value in an answer.

    Raises:
        ValueError: it is no JSON.
    """
    try:
        return json.loads(content)
    except RecursionError:
        raise ValueError("no JSON that can be read") from None


def _backend(content: bytes) -> str | None:
    """How a server can be given weights, in what it says of itself; None: as files only."""
    try:
        return str(_json(content)["vllm_config"]["weight_transfer_config"]["backend"])
    except (LookupError, TypeError):  # none is set, or a version that has none
        return None


def _served_model(content: bytes) -> tuple[str, int, str | None]:
    """Name, longest context and origin of the model in an answer about models.

    Raises:
        ValueError: there is none.
    """
    try:
        served = _json(content)["data"][0]
        root = served.get("root")
        return str(served["id"]), int(served["max_model_len"]), root if isinstance(root, str) else None
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError):
        raise ValueError("no model with a max_model_len; is it a vLLM server?") from None


def _turn(content: bytes, longest: int, words: int) -> tuple[list[int], list[float]]:
    """Token ids and log-probabilities in a completion of at most `longest` tokens of a model that knows `words`.

    Raises:
        ValueError: there are none.
        DivergenceError: the log-probabilities are NaN.
    """
    ids: list[int] = []
    logps: list[float] = []
    try:
        choice = _json(content)["choices"][0]
        ids, logps = choice["token_ids"], [float(logp) for logp in choice["logprobs"]["token_logprobs"]]
        whole = bool(ids) and len(ids) == len(logps) and all(type(token) is int for token in ids)
    except (ValueError, LookupError, TypeError, OverflowError):
        whole = False
    if not whole:
        raise ValueError("no token ids with their log-probabilities: vLLM gives them from version 0.11 on")
    if any(math.isnan(logp) for logp in logps):
        raise DivergenceError("the vLLM server's log-probabilities are NaN: the weights that it was given hold NaN")
    if len(ids) > longest or not all(0 <= token < words for token in ids):
        raise ValueError(
            f"a turn of {len(ids)} tokens up to {max(ids)}, where at most {longest} of a model with {words} were asked "
            "for: does it serve the same model?"
        )
    return ids, logps


def _done(content: bytes) -> None:
    """Raises where the server says that it did not do it.

    Raises:
        ValueError: so it says.
    """
    said = _json(content)
    if not isinstance(said, dict) or said.get("success") is not True:
        raise ValueError("the prefix cache was not dropped")
