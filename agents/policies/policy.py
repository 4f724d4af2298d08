"""`Policy`: whoever acts. Token ids in, token ids and log-probabilities out; nothing is tokenised twice.

A policy serves many episodes at once. Each lives in a *slot* (a small integer). `start` opens a slot with the reset
observation, `observe` appends what the environment said, `generate` samples one assistant turn for each slot named.
The policy returns the ids that it appended to the context for the environment's text, so that a rollout can record
every token of the episode with its owner.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from toolgym.env import ToolEnv

StopReason = Literal["end_of_turn", "length", "context", "error"]
"""`error`: the policy's infrastructure gave no turn, and the text says why; the episode is an `infra_error`."""


@dataclass(frozen=True, slots=True)
class Completion:
    """One sampled assistant turn.

    Policies that are not language models (oracle, noop, random) leave the token fields empty.
    """

    text: str
    token_ids: list[int] = field(default_factory=list)
    """Exactly the ids sampled, the end-of-turn id included."""
    logprobs: list[float] = field(default_factory=list)
    """Natural log-probability of each sampled id under the sampling policy, at temperature 1."""
    stop: StopReason = "end_of_turn"
    begins: str = ""
    """What of `text` the chat template wrote before the first sampled token: an opened `<think>`, or nothing."""
    entropies: list[float] = field(default_factory=list)
    """Nats of the distribution that each id was drawn from; empty where they are not known."""
    usage: tuple[int, int] | None = None
    """Tokens read and written, as an endpoint counts them; None where it says nothing, or the ids are here."""
    kept: Mapping[str, Any] | None = None
    """The turn as the message that stays in an endpoint's conversation; None: of others."""


class Policy(Protocol):
    """Acts in many episodes at once.

    Two methods are optional, and keep episodes from waiting for each other's turns. One who samples in this process:
    `generate_some(slots, pause)` gives (slot, turn) of those whose turn ends first, the others go on at the next call;
    it gives none where `pause()`, asked now and then, says that others would join. One who asks a server:
    `async turn(slot)` gives one slot's turn, on any event loop.
    """

    def start(self, slot: int, observation: str, info: dict[str, Any], env: "ToolEnv | None" = None) -> list[int]:
        """Opens a slot (dropping what it held); returns the context ids. Only the oracle looks at `env`."""
        ...

    def observe(self, slot: int, observation: str, info: dict[str, Any]) -> list[int]:
        """Appends what the environment said; returns the ids appended after the last sampled one."""
        ...

    def generate(self, slots: Sequence[int]) -> list[Completion]:
        """Samples one turn for each slot, in the order given."""
        ...

    def end(self, slot: int) -> None:
        """Frees the slot."""
        ...
