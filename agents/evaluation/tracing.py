"""An evaluation's episodes as traces (`toolgym.otel`)."""

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import uuid4

from toolgym.agents.evaluation.evaluation import AgentOptions
from toolgym.agents.rollouts.rollout import Rollout
from toolgym.openai_client import ChatOptions
from toolgym.otel.spans import META, Actor, Played
from toolgym.tasks import Task
from toolgym.trajectory import Trajectory

if TYPE_CHECKING:
    from toolgym.otel.sending import Sender

__all__ = ["Traces", "actor_of"]


class Traces:
    """Sends an evaluation's episodes.

    Args:
        sender: where to.
        actor: who acts.
    """

    def __init__(self, sender: "Sender", actor: Actor):
        self.sender, self.actor = sender, actor

    def marked(self, trajectory: Trajectory, rollout: Rollout) -> Trajectory:
        """The record with what its trace has beside it, so that a file of it gives the same trace."""
        played = Played(
            id=f"{uuid4().hex[:31]}1",
            actor=self.actor,
            times_ns=rollout.times_ns,
            usage=rollout.usage,
            cut=rollout.cut,
        )
        error = {"error": rollout.error} if rollout.error else {}
        return replace(trajectory, meta={**error, **trajectory.meta, META: played.model_dump(mode="json")})

    def send(self, trajectory: Trajectory, task: Task) -> None:
        """Hands over an episode that `marked` marked; nobody waits."""
        self.sender.send(trajectory, Played.model_validate(trajectory.meta[META]), task)


def actor_of(agent: str, options: AgentOptions) -> Actor:
    """Who acts, where `toolgym.agents.evaluation.make_policy` made it of a name."""
    family, _, rest = agent.partition(":")
    sampling = {"temperature": options.temperature, "max_tokens": options.max_new_tokens}
    if family == "api":
        address = urlsplit(ChatOptions(rest, options.base_url).endpoint)
        port = address.port or (443 if address.scheme == "https" else 80)
        return Actor(
            name=agent, provider="openai", model=rest, address=address.hostname or "unknown", port=port, **sampling
        )
    if family in ("hf", "data", "builtin"):
        sampling["temperature"] = options.temperature or 0.0
        provider = "toolgym" if family == "builtin" else "transformers"
        return Actor(name=agent, provider=provider, model=rest if family == "hf" else agent, **sampling)
    return Actor(name=agent, model=agent)
