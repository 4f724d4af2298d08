"""ArCHer: a hierarchical actor and critic (Zhou et al. 2024, "ArCHer: training language model agents").

    toolgym train --algo archer --env ToolGym/Airline-v0 --steps 50 --output runs/archer
    python agents/archer.py --env ToolGym/Airline-v0 --steps 50 --output runs/archer

Turns are the actions of the upper level, tokens those of the lower one:

    Q(s, a) learns  r + gamma V'(s')              turns of a replay buffer, whoever sampled them
    V(s)    learns  Q'(s, a), a drawn by the present policy in the stored state s
    A(s, a) = min(Q1, Q2)(s, a) - min(V1, V2)(s)
    actor:  the policy gradient of the turn's tokens, all with the advantage of the turn

There are two Q and two V, each with a target ' that follows it by Polyak averages. The critic learns `critic_steps`
times a batch, then the actor once (StepTool §5.1.4 has 20), and alone in the first `warm_up` batches.

Deviations: the paper is not in the reading list; these are its published formulas as they are known to us, without
their numbers. Its critic is a language model of its own (RoBERTa). Ours is four small networks on the features of the
starting model's trunk, frozen: s is its last hidden state before the turn, (s, a) the one after it; so what is stored
stays valid, and one more copy of the trunk is kept. Of the stored states `resample` have their drawn action renewed
each batch, the others keep theirs. An episode that was cut off ends in value 0. The loss is TRL's: with one update a
batch every ratio is 1, and it is REINFORCE's.

Shapes: B sequences, T tokens, S steps, N turns, D features.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainerCallback
from trl.trainer.grpo_config import GRPOConfig

from toolgym.agents.grpo import grpo_advantages
from toolgym.agents.policies.lm import LMPolicy
from toolgym.agents.rollouts.episodes import EpisodeBatch, rewards_to_go
from toolgym.agents.rollouts.rollout import Rollout
from toolgym.agents.training import archer_options
from toolgym.agents.training.archer_options import ArCHerOptions
from toolgym.agents.training.critic import explained_variance
from toolgym.agents.training.running import prepare, run
from toolgym.agents.training.trainer import ToolTrainer
from toolgym.agents.training.utterance_critic import Encoder, TurnCritic, TurnTransition
from toolgym.errors import ConfigError

__all__ = [
    "ArCHerOptions",
    "ArCHerTrainer",
    "main",
    "make_trainer",
    "train",
    "transitions",
]

_FILE = "archer_critic.pt"
_PICK, _ACTION = 15, 16
"""First numbers of the streams that states to be resampled, and their actions, are drawn from."""
_AT_ONCE = 32


# The algorithm -------------------------------------------------------------------------------------------------------


def transitions(rollout: Rollout, features_ND: torch.Tensor) -> list[TurnTransition]:
    """The turns of an episode. `features_ND`: of each turn the state before it and the conversation after it."""
    out, steps = [], min(len(rollout.spans), len(rollout.rewards))
    for step in range(steps):
        last = step + 1 == steps
        context = rollout.prompt_ids + rollout.completion_ids[: rollout.spans[step][0]]
        state_D, turn_D = features_ND[2 * step], features_ND[2 * step + 1]
        next_D = torch.zeros_like(state_D) if last else features_ND[2 * step + 2]
        out.append(TurnTransition(context, state_D, turn_D, float(rollout.rewards[step]), next_D, last, turn_D))
    return out


# The trainer ---------------------------------------------------------------------------------------------------------


class ArCHerTrainer(ToolTrainer):
    """The shared trainer with a critic of turns. The estimator is not asked. Checkpoints hold critic and buffer."""

    shardable = False  # the trunk is copied, and the policy draws while advantages are made

    def __init__(self, model: Any, tokenizer: Any, args: GRPOConfig, *, options: ArCHerOptions, **kwargs: Any):
        self.encoder = Encoder(model)
        super().__init__(model, tokenizer, args, **kwargs)
        self.options = options
        self.encoder.trunk.to(self.accelerator.device)
        self.critic = TurnCritic(
            model.config.get_text_config().hidden_size,
            gamma=options.gamma,
            polyak=options.polyak,
            rate=options.critic_rate,
            size=options.buffer,
            seed=args.seed,
        )

    def estimate(self, batch: EpisodeBatch) -> dict[str, torch.Tensor]:
        """The critic's advantage of each turn, on its tokens, once it has learnt from the batch."""
        number = self.state.global_step // (self.options.iterations * self.options.minibatches)
        rows = [row for row, rollout in enumerate(self.latest) if self.learnt(rollout) and rollout.spans]
        turns = dict(zip(rows, self._turns([self.latest[row] for row in rows]), strict=True))
        played = [turn for own in turns.values() for turn in own]
        advantages_BS = torch.zeros(batch.rewards_BS.shape)
        if not played:
            return {"advantages": advantages_BS.gather(1, batch.step_BT.clamp(min=0)) * batch.sampled_BT}
        states_ND, turns_ND = (torch.stack([getattr(t, name) for t in played]) for name in ("state_D", "turn_D"))
        rewards = [torch.tensor([[turn.reward for turn in own]]) for own in turns.values()]
        returns_N = torch.cat([rewards_to_go(own_1S, self.options.gamma)[0] for own_1S in rewards])
        explained = explained_variance(self.critic.values(states_ND), returns_N)  # of turns that it has not learnt from
        self.critic.buffer.extend(played)
        resampled = self._resample(number)
        loss = self.critic.learn(self.options.critic_steps, self.options.critic_batch, number)
        advantages_N = self.critic.advantages(states_ND, turns_ND)
        if explained is not None:
            self._record("archer/explained_variance", explained)
        self._record("archer/critic_loss", loss)
        self._record("archer/critics_apart", self.critic.gap(turns_ND))
        self._record("archer/value", float(self.critic.values(states_ND).mean()))
        self._record("archer/advantage", float(advantages_N.abs().mean()))
        self._record("archer/buffer", len(self.critic.buffer))
        self._record("archer/resampled", resampled)
        if number >= self.options.warm_up:
            parts = iter(advantages_N.split([len(own) for own in turns.values()]))
            for row, own in turns.items():
                advantages_BS[row, : len(own)] = next(parts)
        return {"advantages": advantages_BS.gather(1, batch.step_BT.clamp(min=0)) * batch.sampled_BT}

    def _turns(self, rollouts: Sequence[Rollout]) -> list[list[TurnTransition]]:
        """The turns of each episode."""
        whole = [rollout.prompt_ids + rollout.completion_ids for rollout in rollouts]
        places = [
            [len(rollout.prompt_ids) + place - 1 for span in rollout.spans for place in span] for rollout in rollouts
        ]
        features = self.encoder(whole, places)
        return [transitions(*pair) for pair in zip(rollouts, features, strict=True)]

    def _resample(self, number: int) -> int:
        """Draws a new action in some of the stored states, by the policy as it is now; in how many."""
        options, policy = self.options, cast(LMPolicy, self._policy)
        rng = np.random.default_rng(np.random.SeedSequence(self.args.seed, spawn_key=(_PICK, number)))
        picked = [self.critic.buffer[at] for at in rng.permutation(len(self.critic.buffer))[: options.resample]]
        policy.reseed(self.args.seed, _ACTION, number)
        drawn: list[tuple[TurnTransition, list[int]]] = []
        for first in range(0, len(picked), _AT_ONCE):
            slots = range(first, min(first + _AT_ONCE, len(picked)))
            for slot in slots:
                policy.start(slot, "", {"context_ids": picked[slot].context_ids})
            for slot, completion in zip(slots, policy.generate(slots), strict=True):
                if completion.token_ids:
                    drawn.append((picked[slot], picked[slot].context_ids + completion.token_ids))
                policy.end(slot)
        policy.release()
        features = self.encoder([ids for _, ids in drawn], [[len(ids) - 1] for _, ids in drawn])
        for (turn, _), feature_1D in zip(drawn, features, strict=True):
            turn.drawn_D = feature_1D[0]
        return len(drawn)

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        super()._save_optimizer_and_scheduler(output_dir)
        if self.args.should_save:
            torch.save(self.critic.state(), Path(output_dir) / _FILE)

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        super()._load_optimizer_and_scheduler(checkpoint)
        if checkpoint is None:
            return
        path = Path(checkpoint) / _FILE
        if not path.is_file():
            raise ConfigError(f"{checkpoint!r} lacks {_FILE}: it is no checkpoint of an ArCHer run")
        try:
            self.critic.load(torch.load(path, weights_only=True))
        except Exception as error:  # whatever a damaged file makes torch raise
            raise ConfigError(f"{path} is damaged: {error!r:.100}") from error


def make_trainer(
    config: ArCHerOptions,
    model: PreTrainedModel | None = None,
    tokenizer: PreTrainedTokenizerBase | None = None,
    callbacks: list[TrainerCallback] | None = None,
) -> ToolTrainer:
    """The trainer of a run, ready to train (see `toolgym.agents.training.running.prepare`)."""
    kind = partial(ArCHerTrainer, options=config)
    return prepare(config, grpo_advantages, trainer=kind, model=model, tokenizer=tokenizer, callbacks=callbacks)


def train(config: ArCHerOptions) -> Path:
    """Runs ArCHer and returns the folder of the final model."""
    return run(make_trainer(config), config)


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    return archer_options.main(argv)


if __name__ == "__main__":
    raise SystemExit(main())
