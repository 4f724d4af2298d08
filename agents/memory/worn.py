"""`Worn`: a policy around a policy, the ground that every memory stands on.

The protocol is the policy's own (`toolgym.agents.policies.policy`), its optional methods included where the policy has
them, so a rollout does not see that a memory is there. Two more are asked for by an evaluation: `admit` once before
anything is played, and `notes` for what an episode's record says of the memory.
"""

import json
from collections.abc import Callable, Collection, Coroutine, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from toolgym.agents.memory.records import Memory
from toolgym.agents.policies.policy import Completion, Policy
from toolgym.errors import ConfigError
from toolgym.messages import ToolCall

if TYPE_CHECKING:
    from toolgym.env import ToolEnv

__all__ = ["Tally", "Worn", "said_turn"]


@dataclass
class Tally:
    """What a run cost, or an episode. Where a policy tells no tokens those are 0."""

    asked: int = 0
    """Turns that the policy was asked for."""
    own: int = 0
    """Turns that the memory took without asking it."""
    read: int = 0
    """Tokens in the context of the turns that the policy was asked for, each counted whole."""
    written: int = 0
    """Tokens that the policy sampled."""

    def add(self, other: "Tally") -> None:
        """Adds what another one counted."""
        for name, count in asdict(other).items():
            setattr(self, name, getattr(self, name) + count)


@dataclass
class Episode:
    """What is known of an episode that runs."""

    tally: Tally = field(default_factory=Tally)
    context: int = 0
    """Tokens of the policy's context."""
    notes: dict[str, Any] = field(default_factory=dict)


class Worn:
    """A policy with a memory around it; itself the one without a memory, which counts what a run costs.

    Args:
        inner: the policy.
        memory: what was learnt; episodes of it are refused. None: nothing was.
    """

    name = "none"

    def __init__(self, inner: Policy, memory: Memory | None = None):
        self.inner, self.memory = inner, memory
        self.tokenizer = getattr(inner, "tokenizer", None)
        self.tally = Tally()
        """Of all episodes that have ended."""
        self._learnt = {case.task_id for case in memory.cases} if memory else set()
        self._episodes: dict[int, Episode] = {}
        self._ended: dict[int, dict[str, Any]] = {}

    def admit(self, env: "ToolEnv", task_ids: Collection[str]) -> None:
        """Looks at an evaluation's environment, and the tasks that it will play, before anything is played.

        Raises:
            ConfigError: the memory was learnt from what would be evaluated.
        """
        if self.memory is not None:
            env_id = env.spec.id if env.spec else env.domain.name
            self.memory.check_unseen(env_id, env.options.split, task_ids)

    def notes(self, slot: int) -> dict[str, Any]:
        """What the record of a slot's latest episode says of the memory, once after its end: to be put in its meta."""
        return self._ended.pop(slot, {})

    def summary(self) -> str:
        """What the run cost, in a sentence."""
        tally = self.tally
        turns = f"Of {tally.asked + tally.own} turns the memory took {tally.own}, the agent was asked for {tally.asked}"
        tokens = f" and wrote {tally.written} tokens, with {tally.read} read" if tally.read else ""
        return f"{turns}{tokens}. What that did to the figures is told by the same run without --memory."

    # The protocol --------------------------------------------------------------------------------------------------

    def start(self, slot: int, observation: str, info: dict[str, Any], env: "ToolEnv | None" = None) -> list[int]:
        """Opens a slot of the policy's, with what the memory adds to the opening.

        Raises:
            ConfigError: the memory was learnt from this task.
        """
        if info.get("task_id") in self._learnt:
            raise ConfigError(
                f"this memory was learnt from task {info['task_id']!r}: play another one, or build a memory without it"
            )
        self._episodes[slot] = Episode()
        ids = self._open(slot, observation, info, env)
        self._episodes[slot].context = len(ids)
        return ids

    def observe(self, slot: int, observation: str, info: dict[str, Any]) -> list[int]:
        """Tells the policy what the environment said."""
        return self._tell(slot, observation, info)

    def generate(self, slots: Sequence[int]) -> list[Completion]:
        """The next turn of each slot: the memory's, or the policy's."""
        made = {slot: own for slot in slots if (own := self._own_turn(slot)) is not None}
        while asked := [slot for slot in slots if slot not in made]:
            for slot, completion in zip(asked, self.inner.generate(asked), strict=True):
                if (turn := self._asked(slot, completion)) is not None:
                    made[slot] = turn
        return [made[slot] for slot in slots]

    @property
    def generate_some(self) -> Callable[..., list[tuple[int, Completion]]] | None:
        """The optional method of the protocol, where the policy has it."""
        return None if getattr(self.inner, "generate_some", None) is None else self._generate_some

    def _generate_some(
        self, slots: Sequence[int], pause: Callable[[], bool] | None = None
    ) -> list[tuple[int, Completion]]:
        own = [(slot, turn) for slot in slots if (turn := self._own_turn(slot)) is not None]
        if own:
            return own
        some = self.inner.generate_some(slots, pause)  # pyright: ignore[reportAttributeAccessIssue]
        made = [(slot, self._asked(slot, completion)) for slot, completion in some]
        return [(slot, turn) for slot, turn in made if turn is not None]

    @property
    def turn(self) -> Callable[[int], Coroutine[Any, Any, Completion]] | None:
        """The optional method of the protocol, where the policy has it."""
        return None if getattr(self.inner, "turn", None) is None else self._turn

    async def _turn(self, slot: int) -> Completion:
        if (own := self._own_turn(slot)) is not None:
            return own
        while True:
            completion = await self.inner.turn(slot)  # pyright: ignore[reportAttributeAccessIssue]
            if (turn := self._asked(slot, completion)) is not None:
                return turn

    def end(self, slot: int) -> None:
        """Frees the slot; what is noted of its episode waits for `notes`."""
        self.inner.end(slot)
        episode = self._episodes.pop(slot, None)
        if episode is not None:
            self.tally.add(episode.tally)
            self._ended[slot] = {"memory": {"name": self.name, **asdict(episode.tally), **episode.notes}}

    def close(self) -> None:
        """Closes the policy, where it has something to close."""
        close = getattr(self.inner, "close", None)
        if close is not None:
            close()

    # What a memory changes -----------------------------------------------------------------------------------------

    def _open(self, slot: int, observation: str, info: dict[str, Any], env: "ToolEnv | None") -> list[int]:
        """Starts the policy's slot; the ids of its context."""
        return self.inner.start(slot, observation, info, env)

    def _own_turn(self, slot: int) -> Completion | None:
        """The memory's own turn, for which the policy is not asked."""
        return None

    def _heard(self, slot: int, completion: Completion) -> Completion | None:
        """What becomes of the policy's turn; None: the memory has answered it, and the policy is asked again."""
        return completion

    def _tell(self, slot: int, observation: str, info: dict[str, Any]) -> list[int]:
        """Gives the policy an observation, and counts it; the ids that it appended."""
        ids = self.inner.observe(slot, observation, info)
        self._episodes[slot].context += len(ids)
        return ids

    def _asked(self, slot: int, completion: Completion) -> Completion | None:
        """Counts a turn of the policy's, then `_heard`."""
        episode = self._episodes[slot]
        if completion.token_ids:
            read, written = episode.context, len(completion.token_ids)
            episode.context += written
        else:
            read, written = completion.usage or (0, 0)
        episode.tally.add(Tally(1, 0, read, written))
        return self._heard(slot, completion)


def said_turn(text: str, calls: Sequence[ToolCall], number: int) -> dict[str, Any]:
    """An assistant's turn as a message of a conversation: its text, and its calls for endpoints that take calls apart.

    Args:
        text: the turn.
        calls: its calls.
        number: of the turn, so that its calls have ids of their own.
    """
    if not calls:
        return {"role": "assistant", "content": text}
    told = [
        {
            "id": f"turn_{number}_{place}",
            "type": "function",
            "function": {"name": call.name, "arguments": json.dumps(call.arguments, ensure_ascii=False)},
        }
        for place, call in enumerate(calls)
    ]
    return {"role": "assistant", "content": text, "tool_calls": told}
