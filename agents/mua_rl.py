"""MUA-RL: reinforcement learning with users in the rollouts (Zhao et al. 2025, "MUA-RL").

    toolgym train --algo mua_rl --env ToolGym/Airline-v0 --steps 50 --output runs/mua
    toolgym train --algo mua_rl --user llm:MODEL --env ToolGym/Airline-v0 --steps 50 --output runs/mua-llm
    python agents/mua_rl.py --env ToolGym/Airline-v0 --steps 50 --output runs/mua

What the paper changes in a training episode: a response does not end it, for a simulated user reads it and answers,
until the user is served or leaves. The return is 1 where the final state and what had to be told are right, else 0,
with nothing for form or for single steps. The loss is GRPO's; tokens of users and of tools carry none.

Deviations: the abstract of the reading list gives no formulas. The advantage is GRPO's group-normalised return
(`toolgym.agents.grpo`, DeepSeekMath §4.1.2). The user is by default our script of the task's facts and wishes, which
makes runs repeat exactly; `user="llm"` is the paper's, and repeats as far as its endpoint does. The paper's first
stage, supervised learning on episodes with users, is `--algo sft` (or any model given as `--model`).

Shapes: B sequences, T tokens.
"""

from collections.abc import Sequence
from pathlib import Path

from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainerCallback

from toolgym.agents.grpo import grpo_advantages
from toolgym.agents.rollouts.episodes import EpisodeBatch
from toolgym.agents.rollouts.rollout import Rollout
from toolgym.agents.training import mua_rl_options
from toolgym.agents.training.mua_rl_options import MUARLOptions
from toolgym.agents.training.running import prepare, run
from toolgym.agents.training.trainer import ToolTrainer

__all__ = ["MUARLOptions", "UserTrainer", "main", "make_trainer", "train", "user_tokens"]


def user_tokens(rollout: Rollout) -> list[int]:
    """How many tokens each of the user's replies put into the episode; the last one, read by nobody, puts none."""
    steps = [] if rollout.trajectory is None else rollout.trajectory.steps
    starts = [start for start, _ in rollout.spans[1:]] + [rollout.spans[-1][1]] if rollout.spans else []
    return [
        start - end
        for step, (_, end), start in zip(steps, rollout.spans, starts, strict=False)
        if step.user is not None
    ]


class UserTrainer(ToolTrainer):
    """The shared trainer; logs how much users said."""

    def _log_episodes(self, batch: EpisodeBatch) -> None:
        super()._log_episodes(batch)
        played = [rollout for rollout in self.latest if rollout.usable]
        replies = [user_tokens(rollout) for rollout in played]
        tokens = max(sum(len(rollout.env_mask) for rollout in played), 1)
        self._record("mua/replies", sum(map(len, replies)) / max(len(played), 1))
        self._record("mua/heard", sum(len(own) > 0 for own in replies) / max(len(played), 1))
        self._record("mua/user_tokens", sum(map(sum, replies)) / tokens)


def make_trainer(
    config: MUARLOptions,
    model: PreTrainedModel | None = None,
    tokenizer: PreTrainedTokenizerBase | None = None,
    callbacks: list[TrainerCallback] | None = None,
) -> UserTrainer:
    """The trainer of a run, ready to train (see `toolgym.agents.training.running.prepare`)."""
    made = prepare(config, grpo_advantages, trainer=UserTrainer, model=model, tokenizer=tokenizer, callbacks=callbacks)
    assert isinstance(made, UserTrainer)
    return made


def train(config: MUARLOptions) -> Path:
    """Runs MUA-RL and returns the folder of the final model."""
    return run(make_trainer(config), config)


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    return mua_rl_options.main(argv)


if __name__ == "__main__":
    raise SystemExit(main())
