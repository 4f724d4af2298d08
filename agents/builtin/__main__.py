"""The built-in policy: a small causal LM of our own that reads and writes tool calls, trained from nothing.

    python -m toolgym.agents.builtin --demonstrations clean --output CLEAN
    python -m toolgym.agents.builtin --demonstrations imperfect --start CLEAN --episodes 3000 --epochs 1 \\
        --output IMPERFECT
    python -m toolgym.agents.builtin --demonstrations habits --start CLEAN --episodes 3000 --minutes 9 \\
        --rate 0.8 --depth 1 2 3 4 5 --unknown-words 0.2 --output HABITS

make checkpoints from generated data: `ToolGym/Airline-v0`, `size="small"`, `prompt="short"`, split `train`, whose names
and ids never occur in `test`. Three are shipped as package data, and go by name wherever a model is asked for:

- `builtin:clean`: trained on the oracle's episodes;
- `builtin:imperfect`: trained on from there on episodes of which about half hold one wrong decision, so that it knows
  how to do everything and does it unreliably;
- `builtin:habits`: from `builtin:clean` on episodes in which half of the tools are used wrongly more often than not,
  always in the same way: the start from which reinforcement learning has most to unlearn.

The architecture is Qwen3's (transformers), with the character-level tokenizer of `toolgym.agents.builtin.tokenizer`.
"""

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from toolgym.agents.builtin.policy import ModelOptions, new_model, save_checkpoint, with_tokenizer
from toolgym.agents.builtin.shipped import DEMONSTRATIONS, Demonstrations

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from toolgym.agents.builtin.pretrain import PretrainOptions
    from toolgym.agents.rollouts.demonstrations import Example
    from toolgym.domain import TaskSet
    from toolgym.env import ToolEnv
    from toolgym.tasks import Task

__all__ = ["generate_examples", "main", "make", "tokenizer_for"]

AIRLINE = "ToolGym/Airline-v0"


def _tasks(tasks: "TaskSet", count: int, seed: int) -> Iterator["Task"]:
    """`count` of the tasks, in a random order."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(1,)))
    for index in rng.permutation(len(tasks))[:count].tolist():
        yield tasks[index]


def generate_examples(
    demonstrations: Demonstrations,
    count: int,
    tokenizer: "PreTrainedTokenizerBase",
    *,
    seed: int = 0,
    env_id: str = AIRLINE,
    depth: Sequence[int] | None = None,
) -> list["Example"]:
    """Plays `count` train tasks, of these depths or of all, and returns the episodes as training sequences."""
    import gymnasium

    import toolgym  # noqa: F401 (registers the environments)
    from toolgym.agents.rollouts.demonstrations import chain_of, demonstrate, examples

    deep: Any = {"depth": tuple(depth)} if depth else {}
    env = cast("ToolEnv", gymnasium.make(env_id, split="train", size="small", prompt="short", **deep).unwrapped)
    try:
        episodes = demonstrate(env, tokenizer, _tasks(env.tasks, count, seed), chain_of(demonstrations, seed))
    finally:
        env.close()
    return examples(episodes)


def tokenizer_for(env_id: str) -> "PreTrainedTokenizerBase":
    """The built-in tokenizer; for another environment than the airline's with the words of 400 of its gold episodes."""
    from toolgym.agents.builtin.tokenizer import build_tokenizer
    from toolgym.agents.builtin.words import domain_words

    plain = build_tokenizer()
    if env_id == AIRLINE:
        return plain
    texts = [cast(str, plain.decode(one.ids)) for one in generate_examples("clean", 400, plain, env_id=env_id)]
    return build_tokenizer(domain_words(texts, plain))


def make(
    demonstrations: Demonstrations,
    output: Path,
    *,
    episodes: int,
    options: "PretrainOptions",
    model_options: ModelOptions | None = None,
    start: str | None = None,
    env_id: str = AIRLINE,
    depth: Sequence[int] | None = None,
    unknown: float = 0.4,
    report_every: int = 100,
) -> dict[str, object]:
    """Generates data, trains a new model (or the one named by `start`) and saves it.

    Args:
        env_id: the environment that the episodes are of. Its words are the tokens beside the fixed ones; those that the
            start has of another environment are spelt again.
        depth: of the tasks; None: all.
        unknown: the share of the episodes whose request has unknown words (`toolgym.agents.builtin.unknown`).

    Returns:
        What was done, as JSON values.
    """
    from toolgym.agents.builtin.pretrain import pretrain
    from toolgym.agents.builtin.unknown import with_unknown_words
    from toolgym.agents.policies.models import load_model

    tokenizer = tokenizer_for(env_id)
    model = with_tokenizer(*load_model(start), tokenizer) if start else None
    started = time.perf_counter()
    data = generate_examples(demonstrations, episodes, tokenizer, seed=options.seed, env_id=env_id, depth=depth)
    data = with_unknown_words(data, tokenizer, seed=options.seed, share=unknown)
    tokens = sum(len(example.ids) for example in data)
    made = time.perf_counter() - started
    print(f"{len(data)} episodes, {tokens} tokens, {made:.0f} s", flush=True)
    model = model or new_model(tokenizer, model_options, seed=options.seed)
    losses: list[float] = []

    def report(step: int, done: float, loss: float) -> None:
        losses.append(loss)
        if step % report_every == 0:
            recent = float(np.mean(losses[-report_every:]))
            print(f"step {step}  {done:5.1%}  loss {recent:.4f}  {time.perf_counter() - started:.0f} s", flush=True)

    steps = pretrain(model, data, options, on_step=report)
    save_checkpoint(model, tokenizer, output)
    summary: dict[str, object] = {
        "demonstrations": demonstrations,
        "env": env_id,
        "depth": list(depth) if depth else None,
        "start": start,
        "episodes": len(data),
        "tokens": tokens,
        "steps": steps,
        "loss": float(np.mean(losses[-report_every:])),
        "seconds": round(time.perf_counter() - started, 1),
        "unknown_words": unknown,
        "options": asdict(options),
    }
    (output / "training.json").write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    return summary


def main(argv: Sequence[str] | None = None) -> int:
    """Makes a checkpoint of the built-in policy."""
    from toolgym.agents.builtin.pretrain import PretrainOptions
    from toolgym.agents.policies.machine import set_threads

    parser = argparse.ArgumentParser(
        prog="python -m toolgym.agents.builtin", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--demonstrations", choices=DEMONSTRATIONS, default="clean")
    parser.add_argument(
        "--env", default=AIRLINE, metavar="ID", help=f"whose train tasks are played (default: {AIRLINE})"
    )
    parser.add_argument("--depth", type=int, nargs="+", help="only tasks of so many atomic tasks")
    parser.add_argument("--output", type=Path, required=True, help="folder for the checkpoint")
    parser.add_argument("--start", help="a checkpoint to go on from, instead of random weights")
    parser.add_argument("--rate", type=float, default=1.0, help="factor of the learning rates")
    parser.add_argument("--episodes", type=int, default=18_000, help="how many train tasks are played")
    parser.add_argument("--minutes", type=float, help="train for so long instead of for --epochs")
    parser.add_argument("--epochs", type=float, default=2.3, help="passes over the episodes")
    parser.add_argument(
        "--unknown-words", type=float, default=0.4, help="share of the episodes whose request has words of no meaning"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, help="torch threads (default: 1, unless more are clearly faster)")
    given = parser.parse_args(argv)
    set_threads(given.threads)
    seconds = given.minutes * 60 if given.minutes else None
    usual = PretrainOptions()
    options = PretrainOptions(
        seconds=seconds,
        epochs=given.epochs,
        muon_lr=usual.muon_lr * given.rate,
        adamw_lr=usual.adamw_lr * given.rate,
        seed=given.seed,
    )
    summary = make(
        given.demonstrations,
        given.output,
        episodes=given.episodes,
        options=options,
        start=given.start,
        env_id=given.env,
        depth=given.depth,
        unknown=given.unknown_words,
    )
    print(json.dumps(summary))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
