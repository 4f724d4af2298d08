"""An environment that is looked at after each step, by whoever keeps something of it."""

from functools import partial
from typing import Any

from toolgym.agents.rollouts.rollout import Answer
from toolgym.agents.rollouts.waiting import in_thread, suspends

__all__ = ["Watched"]


class Watched:
    """Passes everything on to an environment; `_seen` takes each step's answer, and gives what the agent gets.

    Args:
        env: the environment.
    """

    def __init__(self, env: Any):
        self.env = env

    @property
    def trajectory(self) -> Any:
        """The environment's record of the episode."""
        return self.env.trajectory

    @property
    def unwrapped(self) -> Any:
        """The environment without wrappers."""
        return self.env.unwrapped

    @property
    def suspends(self) -> bool:
        """Whether a step may have to wait for a server."""
        return suspends(self.env)

    def step(self, action: str) -> Answer:
        """Takes a step, and looks at what came of it."""
        return self._seen(self.env.step(action))

    @property
    def step_async(self) -> Any:
        """Like `step`, where the environment's can be told to stop."""
        return self._step_async if getattr(self.env, "step_async", None) is not None else None

    async def _step_async(self, action: str) -> Answer:
        answer = await self.env.step_async(action)
        return await in_thread(partial(self._seen, answer))

    def _seen(self, answer: Answer) -> Answer:
        return answer
