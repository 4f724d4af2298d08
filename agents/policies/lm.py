"""A causal language model as a `Policy`: any model that transformers loads, token ids in, token ids out.

What was sampled stays in the context as sampled: nothing is decoded and tokenised again. The key-value cache is kept
across turns; a turn costs the environment's new tokens and the sampled ones (see `toolgym.agents.policies.decoding`).
"""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from accelerate import PartialState
from accelerate.utils import broadcast_object_list
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from toolgym.agents.policies.chat import ChatFormat
from toolgym.agents.policies.decoding import Decoder, SamplingOptions, roomy_context
from toolgym.agents.policies.models import (
    adapter_base,
    check_vocabulary,
    config_errors,
    load_model,
    load_tokenizer,
    model_path,
    without_bars,
)
from toolgym.agents.policies.policy import Completion
from toolgym.agents.policies.probe import check_sampling
from toolgym.agents.policies.sizes import outline
from toolgym.agents.policies.vllm import VLLMDecoder, VLLMServer
from toolgym.agents.policies.vllm_servers import VLLMServers
from toolgym.errors import ChatError, OpeningError, ToolGymError

if TYPE_CHECKING:
    from toolgym.env import ToolEnv

__all__ = ["LMPolicy", "SamplingOptions", "check_opening"]


def check_opening(tokens: int, context: int, own_limit: int) -> None:
    """Raises where an episode's opening does not fit into its context.

    Raises:
        ConfigError: it says how many tokens the opening has, and what to set.
    """
    if tokens < context:
        return
    shorter = 'shorten the observation (--prompt short, prompt="short" in Python)'
    room = roomy_context(tokens, 1)
    advice = f"raise context_tokens (--context-tokens {min(room, own_limit)}, say) or {shorter}"
    if tokens >= own_limit:
        advice = f"the model itself takes {own_limit}: take a model with a longer context or {shorter}"
    raise OpeningError(f"an episode's opening has {tokens} tokens, but the context has {context}; {advice}")


class LMPolicy:
    """A causal LM that acts in many episodes at once.

    Args:
        model: the model, on its device; full attention (sliding windows no shorter than `context_tokens`). That it
            samples as a full forward pass scores is tried on two short turns.
        tokenizer: its tokenizer; it needs a chat template.
        options: how to sample.
        seed: of the sampling; every episode of every slot has a stream of its own.
        server: a vLLM server that samples in the model's place, or several; they have its weights after `use`.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        options: SamplingOptions | None = None,
        *,
        seed: int = 0,
        server: VLLMServer | VLLMServers | None = None,
    ):
        self.tokenizer = tokenizer
        self.chat = ChatFormat(tokenizer)
        self.stop_ids = self.chat.stop_ids(model)
        options = options or SamplingOptions()
        if server is None:
            self.decoder = Decoder(model, cast(int, tokenizer.pad_token_id), self.stop_ids, options)
            check_sampling(model, self.decoder.pad_id)
        else:
            servers = VLLMServers.of(server) if isinstance(server, VLLMServer) else server
            words = cast(Any, model.get_input_embeddings()).weight.shape[0]
            self.decoder = VLLMDecoder(servers, self.stop_ids, options, words)
        self._begins: dict[int, str] = {}
        """What of each slot's turn the template has written."""
        self._last: dict[int, int] = {}
        """The last token that was sampled, by slot."""
        self.exact = server is None
        """Whether it samples from the very model that it was given."""
        self.reseed(seed)

    @classmethod
    def load(
        cls,
        name: str | Path,
        options: SamplingOptions | None = None,
        *,
        seed: int = 0,
        device: str | None = None,
        dtype: torch.dtype = torch.float32,
        thinking: bool | None = None,
        tool_role: str | None = None,
    ) -> "LMPolicy":
        """The policy of a model by name (see `load_model`)."""
        model, tokenizer = load_model(name, device=device, dtype=dtype, thinking=thinking, tool_role=tool_role)
        return cls(model, tokenizer, options, seed=seed)

    @classmethod
    def served(
        cls,
        name: str | Path,
        servers: VLLMServers,
        options: SamplingOptions | None = None,
        *,
        seed: int = 0,
        thinking: bool | None = None,
        tool_role: str | None = None,
    ) -> "LMPolicy":
        """The policy of a model by name that servers serve: they sample by what they have, nothing is loaded here."""
        tokenizer, model = load_tokenizer(name, thinking=thinking, tool_role=tool_role), outline(name)
        if len(tokenizer) > cast(Any, model.get_input_embeddings()).num_embeddings and adapter_base(
            model_path(str(name))
        ):
            model.resize_token_embeddings(len(tokenizer), mean_resizing=False)  # the adapter brings tokens of its own
        with config_errors(name):
            check_vocabulary(model, tokenizer)
        return cls(model, tokenizer, options, seed=seed, server=servers)

    def use(self, model: PreTrainedModel, *, together: bool = False) -> None:
        """Samples by this model's weights from now on, as a trainer asks for between batches; drops open episodes.

        With `together` all processes of a run call it: where they share servers, the first one gives them the weights,
        and tells the others which servers have them.
        """
        if isinstance(self.decoder, Decoder) and model is not self.decoder.model:
            check_sampling(model, self.decoder.pad_id)
        if isinstance(self.decoder, VLLMDecoder) and together and PartialState().num_processes > 1:
            self._use_together(self.decoder, model)
            return
        with without_bars():
            self.decoder.use(model)

    def _use_together(self, decoder: VLLMDecoder, model: PreTrainedModel) -> None:
        """`use` of several processes, where servers sample."""
        first, error = PartialState().is_main_process, None
        said: list[Any] = [None]
        decoder.clear()
        if first:
            try:
                with without_bars():
                    decoder.use(model)
                said = [decoder.servers.in_use]
            except ToolGymError as failed:
                error, said = failed, [str(failed)]
        broadcast_object_list(said)
        if isinstance(said[0], str):
            raise error or ChatError(said[0])
        if not first:
            decoder.servers.use_only(said[0])

    def close(self) -> None:
        """Drops every open episode, and the connections to a server."""
        self.release()
        if isinstance(self.decoder, VLLMDecoder):
            self.decoder.servers.close()

    @property
    def options(self) -> SamplingOptions:
        """How turns are sampled."""
        return self.decoder.options

    def reseed(self, *key: int, first_slot: int = 0) -> None:
        """Restarts the sampling streams: the n-th episode of a slot draws from `SeedSequence(key[0], (…, slot, n))`.

        In `rollouts` a slot is the number of an episode's start: nothing depends on which others run at the same time.

        `first_slot` is added to the slots' numbers: for a process that plays the later part of a batch.
        """
        self._seed, self._key, self._first_slot = key[0], key[1:], first_slot
        self._episodes: dict[int, int] = {}

    def release(self) -> None:
        """Drops every open episode and the cache: for a trainer, whose next step makes the cached keys old."""
        self.decoder.clear()

    def start(self, slot: int, observation: str, info: dict[str, Any], env: "ToolEnv | None" = None) -> list[int]:
        """Opens a slot with the conversation in `info` (or the observation as one user message).

        `info["context_ids"]`, where given, is the conversation as tokens already: that of a fork. Its longest context
        is as long as that of an episode whose opening has `info["opening_tokens"]` (default: all of these).

        Raises:
            ConfigError: the opening leaves no room for a turn.
        """
        nth = self._episodes.get(slot, 0)
        self._episodes[slot] = nth + 1
        seed = np.random.SeedSequence(self._seed, spawn_key=(*self._key, self._first_slot + slot, nth))
        ids = list(info["context_ids"]) if "context_ids" in info else self.chat.opening(observation, info)
        if "context_ids" not in info:
            check_opening(len(ids), self.decoder.limit(len(ids)), self.decoder.own_limit)
        self._last.pop(slot, None)
        self.decoder.open(slot, ids, np.random.default_rng(seed), info.get("opening_tokens"))
        self._begins[slot] = self.chat.begins(ids)
        return ids

    def observe(self, slot: int, observation: str, info: dict[str, Any]) -> list[int]:
        """Appends what the environment said, framed as the chat format has it."""
        closed = self.decoder.stopped(slot) == "end_of_turn"
        ids = self.chat.reply(observation, info, closed=closed, by=self._last.get(slot))
        self.decoder.feed(slot, ids)
        self._begins[slot] = self.chat.begins(ids)
        return ids

    def end(self, slot: int) -> None:
        """Frees the slot; unknown slots are ignored."""
        self.decoder.close(slot)

    def generate(self, slots: Sequence[int]) -> list[Completion]:
        """Samples one turn for each slot. A slot whose context is full gets an empty turn with `stop="context"`."""
        made = dict(self._completions(slots, self.decoder.turns(slots, len(slots))))
        return [made[slot] for slot in slots]

    def generate_some(
        self, slots: Sequence[int], pause: Callable[[], bool] | None = None
    ) -> list[tuple[int, Completion]]:
        """Samples until an eighth of the slots have ended their turn: (slot, turn) of those, in the order given.

        The others' turns are half done and go on at the next call: nobody waits for the longest turn of the batch. With
        `pause` the first turn that ends is given at once, and none where `pause()`, asked between two tokens, says so:
        others may then join at the next call.
        """
        enough = 1 if pause is not None else -(-len(slots) // 8)
        if isinstance(self.decoder, Decoder):
            return self._completions(slots, self.decoder.turns(slots, enough, pause))
        return self._completions(slots, self.decoder.turns(slots, enough))

    @property
    def turn(self) -> Callable[[int], Coroutine[Any, Any, Completion]] | None:
        """Where a server samples: a coroutine function that gives a slot's next turn. None: turns are sampled here."""
        return None if isinstance(self.decoder, Decoder) else self._turn_elsewhere

    async def _turn_elsewhere(self, slot: int) -> Completion:
        return self._completion(slot, *await cast(VLLMDecoder, self.decoder).turn(slot))

    def _completions(
        self, slots: Sequence[int], ended: Mapping[int, tuple[list[int], list[float]]]
    ) -> list[tuple[int, Completion]]:
        return [(slot, self._completion(slot, *ended[slot])) for slot in slots if slot in ended]

    def _completion(self, slot: int, ids: list[int], logps: list[float]) -> Completion:
        if ids:
            self._last[slot] = ids[-1]
        content = ids[:-1] if ids and ids[-1] in self.stop_ids else ids
        text = cast(str, self.tokenizer.decode(content, skip_special_tokens=False)) if ids else ""
        begins = self._begins[slot] if ids else ""
        entropies = self.decoder.entropies(slot) if ids and isinstance(self.decoder, Decoder) else []
        stop = self.decoder.stopped(slot) or "length"
        return Completion(begins + text, ids, logps, stop, entropies=entropies, begins=begins)
