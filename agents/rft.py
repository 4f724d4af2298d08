"""RFT: supervised fine-tuning on expert episodes and on the policy's own successful ones.

    toolgym train --algo rft --env ToolGym/Airline-v0 --episodes 1000 --samples 3 --output runs/rft
    python agents/rft.py --env ToolGym/Airline-v0 --episodes 1000 --output runs/rft

Yuan et al. 2023, "Scaling relationship on learning mathematical reasoning with LLMs", §3.3 (rejection sampling
fine-tuning), as StepTool §5.1.3-5.1.4 uses it: "augments expert data with self-generated successful trajectories",
three samples a task at temperature 0.7, then SFT.

1. The oracle plays `--episodes` train tasks; the policy plays each of them `--samples` times.
2. Own episodes that solved their task are kept, each distinct one once (Yuan et al. keep distinct reasoning paths),
   unless a turn in them was cut at its limit: nobody is to learn turns that never end.
3. SFT on both alike: the mean over the actor's tokens of a batch, whoever the actor was.

Deviation: what Yuan et al. tell apart by their equations, we tell apart by all sampled tokens.
"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from toolgym.agents.rollouts.branches import episodes, steps_of
from toolgym.agents.rollouts.demonstrations import Example, demonstrate
from toolgym.agents.rollouts.environments import perturbed
from toolgym.agents.rollouts.rollout import Rollout
from toolgym.agents.sft import expert_chain, fit, fitting
from toolgym.agents.training import rft_options
from toolgym.agents.training.budget import StepBudget
from toolgym.agents.training.explore import PLAYED, STEPS, Progress, explored, make_policy, once
from toolgym.agents.training.rft_options import RFTOptions
from toolgym.agents.training.run_folder import begin, one_writer
from toolgym.agents.training.running import episode_count, load, make_envs, task_order
from toolgym.agents.training.sizing import settled
from toolgym.errors import ConfigError

__all__ = ["RFTOptions", "distinct_successes", "main", "train", "training_examples"]


_KEPT = ("prompt_ids", "completion_ids", "env_mask", "outcome", "cut")


def distinct_successes(groups: Sequence[Sequence[Rollout]]) -> list[Rollout]:
    """The solved episodes whose turns all ended, those with the same tokens once, in the order played."""
    out, seen = [], set()
    for group in groups:
        for episode in group:
            key = tuple(episode.prompt_ids), tuple(episode.completion_ids)
            if episode.solved and not episode.cut and key not in seen:
                seen.add(key)
                out.append(episode)
    return out


def training_examples(
    config: RFTOptions,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    budget: StepBudget | None = None,
    progress: Progress | None = None,
) -> list[Example]:
    """Plays within the budget what was not played yet; returns the sequences to train on: the expert's, then its own.

    Raises:
        ConfigError: there is none.
    """
    budget, config = budget or StepBudget(config.env_steps), settled(config)
    max_tokens = cast(int, config.max_tokens)
    envs, chain, policy = (
        make_envs(config, cast(int, config.concurrency)),
        expert_chain(config),
        make_policy(config, model, tokenizer),
    )

    def play(done: int, part: Sequence[int]) -> list[dict[str, Any]]:
        policy.reseed(config.seed, done)
        tasks = [envs[0].tasks[index] for index in part]
        same = perturbed(envs[0], config.seed, done)
        shown = [[expert] for expert in demonstrate(envs[0], tokenizer, tasks, chain, same)] if config.experts else []
        own = episodes(policy, envs, part, config.samples, options=same, step_timeout_s=config.step_timeout)
        return [_record(expert, group) for expert, group in zip(shown or [[] for _ in part], own, strict=True)]

    try:
        order = task_order(len(envs[0].tasks), episode_count(config, len(envs[0].tasks)), config.seed)
        records = explored(config, order, budget, progress or Progress(), play)
    finally:
        policy.close()
        for env in envs:
            env.close()
    experts = [Rollout(**tokens) for record in records for tokens in record["experts"]]
    solved = [[Rollout(**tokens) for tokens in record["solved"]] for record in records]
    made, own = fitting(experts, max_tokens), fitting(distinct_successes(solved), max_tokens)
    count = sum(map(len, solved))
    print(f"{count} of {len(records) * config.samples} own episodes solved; {len(own)} distinct ones kept")
    if not made and not own:
        raise ConfigError(
            "no own episode solved its task, and no expert's is within max_tokens: start from a better model, or keep "
            "the expert's (--experts)"
        )
    return made + own


def _record(experts: Sequence[Rollout], group: Sequence[Rollout]) -> dict[str, Any]:
    """What is kept of a task: the steps played, the expert's episodes and the own ones that solved it."""

    def tokens(episode: Rollout) -> dict[str, Any]:
        return {name: getattr(episode, name) for name in _KEPT}

    return {
        "played": steps_of([*experts, *group]),
        "experts": [tokens(expert) for expert in experts],
        "solved": [tokens(episode) for episode in group if episode.solved],
    }


def train(config: RFTOptions) -> Path:
    """Explores, trains, and returns the folder of the final model."""
    path, played, budget = config.output / "examples.jsonl", config.output / PLAYED, StepBudget(config.env_steps)
    config, model, tokenizer = load(config)
    with one_writer(config.output, config.resume):
        checkpoint = begin(config, path, played, config.output / STEPS)

        def make() -> list[dict[str, Any]]:
            return [asdict(one) for one in training_examples(config, model, tokenizer, budget, Progress(played))]

        made = once(path, config.resume, make, budget)
        data = [Example(**example) for example in made]
        return fit(config, model, tokenizer, data, checkpoint, played=budget.played)


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    return rft_options.main(argv)


if __name__ == "__main__":
    raise SystemExit(main())
