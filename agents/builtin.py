"""The built-in policy: a small causal LM of our own that reads and writes tool calls, trained from nothing.

    python -m toolgym.agents.builtin --demonstrations clean --output CLEAN
    python -m toolgym.agents.builtin --demonstrations imperfect --start CLEAN --episodes 4000 --epochs 1.2 \\
        --output IMPERFECT

make checkpoints from generated data: `ToolGym/Airline-v0`, `size="small"`, `prompt="short"`, split `train`, whose names
and ids never occur in `test`. These two are shipped as package data, and go by name wherever a model is asked for:

- `builtin:clean`: trained on the oracle's episodes;
- `builtin:imperfect`: trained on from there on episodes of which about half hold one wrong decision, so that it knows
  how to do everything and does it unreliably: the start from which reinforcement learning has something to do.

The architecture is Qwen3's (transformers), with the character-level tokenizer of `toolgym.agents.tokenizer`.
"""

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

import numpy as np

from toolgym.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase, Qwen3ForCausalLM

    from toolgym.agents.demonstrations import Chain, Example
    from toolgym.agents.pretrain import PretrainOptions
    from toolgym.tasks import Task

__all__ = [
    "SHIPPED",
    "ModelOptions",
    "checkpoint_path",
    "generate_examples",
    "imperfect_chain",
    "new_model",
    "save_checkpoint",
    "with_tokenizer",
]

Demonstrations = Literal["clean", "imperfect"]
SHIPPED: tuple[Demonstrations, ...] = ("clean", "imperfect")
ENV_ID = "ToolGym/Airline-v0"
_PER_TOKEN = ("embed_tokens.weight", "lm_head.weight")
_FOLDER = Path(__file__).resolve().parent / "checkpoints"


@dataclass(frozen=True)
class ModelOptions:
    """The architecture: 3.6 million parameters as it stands."""

    hidden_size: int = 256
    intermediate_size: int = 768
    layers: int = 4
    heads: int = 4
    kv_heads: int = 2
    max_tokens: int = 4096


def checkpoint_path(name: str) -> str:
    """The folder of a shipped checkpoint for `builtin:NAME`; any other name unchanged.

    Raises:
        ConfigError: no such checkpoint is shipped.
    """
    if not name.startswith("builtin"):
        return name
    chosen = name.partition(":")[2] or "clean"
    if chosen not in SHIPPED:
        raise ConfigError(did_you_mean(chosen, SHIPPED, "built-in checkpoint"))
    path = _FOLDER / chosen
    if not (path / "config.json").is_file():
        raise ConfigError(
            f"this installation has no checkpoint {name!r}; make one with "
            f"`python -m toolgym.agents.builtin --demonstrations {chosen} --output DIR` and pass DIR as the model"
        )
    return str(path)


def new_model(
    tokenizer: "PreTrainedTokenizerBase", options: ModelOptions | None = None, *, seed: int = 0
) -> "Qwen3ForCausalLM":
    """A model with random weights for a tokenizer."""
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    options = options or ModelOptions()
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=options.hidden_size,
        intermediate_size=options.intermediate_size,
        num_hidden_layers=options.layers,
        num_attention_heads=options.heads,
        num_key_value_heads=options.kv_heads,
        head_dim=options.hidden_size // options.heads,
        max_position_embeddings=options.max_tokens,
        tie_word_embeddings=True,
        pad_token_id=cast(int, tokenizer.pad_token_id),
        eos_token_id=cast(int, tokenizer.eos_token_id),
        bos_token_id=None,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Qwen3ForCausalLM(config)
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    return model


def with_tokenizer(
    model: "PreTrainedModel", old: "PreTrainedTokenizerBase", new: "PreTrainedTokenizerBase"
) -> "PreTrainedModel":
    """The model with the vocabulary of `new`: tokens of both keep their embedding, others get their spelling's mean."""
    import torch

    if old.get_vocab() == new.get_vocab():
        return model
    config = type(model.config).from_dict({**model.config.to_dict(), "vocab_size": len(new)})
    out = type(model)(config)
    kept = {name: value for name, value in model.state_dict().items() if not name.endswith(_PER_TOKEN)}
    out.load_state_dict(kept, strict=False)
    known = old.get_vocab()
    with torch.no_grad():
        before = cast(torch.nn.Module, model.get_input_embeddings()).weight
        after = cast(torch.nn.Module, out.get_input_embeddings()).weight
        for token, index in new.get_vocab().items():
            spelt = [known[token]] if token in known else old.encode(token, add_special_tokens=False)
            after[index] = before[spelt].mean(dim=0)  # pyright: ignore[reportIndexIssue, reportCallIssue]
    out.generation_config = model.generation_config
    return out


def save_checkpoint(model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", output: Path) -> None:
    """Writes weights (float16 safetensors), configuration and tokenizer; `model` keeps its precision."""
    import copy

    import torch

    copy.deepcopy(model).to(torch.float16).save_pretrained(output)  # pyright: ignore[reportArgumentType]
    tokenizer.save_pretrained(output)


def _tasks(count: int, seed: int) -> Iterator["Task"]:
    """Tasks of the train split, `count` of them, in a random order."""
    import gymnasium

    import toolgym  # noqa: F401 (registers the environments)

    env = gymnasium.make(ENV_ID, split="train", size="small", prompt="short")
    tasks = env.unwrapped.tasks  # pyright: ignore[reportAttributeAccessIssue]
    env.close()
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(1,)))
    for index in rng.permutation(len(tasks))[:count].tolist():
        yield tasks[index]


def imperfect_chain(seed: int) -> "Chain":
    """Gold chains about half of which hold one wrong decision."""
    from toolgym.envs.airline.mistakes import imperfect_gold

    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(2,)))
    return lambda task: imperfect_gold(task, rng)


def generate_examples(
    demonstrations: Demonstrations, count: int, tokenizer: "PreTrainedTokenizerBase", *, seed: int = 0
) -> list["Example"]:
    """Plays `count` train tasks and returns the episodes as training sequences."""
    import gymnasium

    from toolgym.agents.demonstrations import demonstrate, examples, gold_chain

    env = gymnasium.make(ENV_ID, split="train", size="small", prompt="short").unwrapped
    chain = gold_chain if demonstrations == "clean" else imperfect_chain(seed)
    try:
        episodes = demonstrate(env, tokenizer, _tasks(count, seed), chain)  # pyright: ignore[reportArgumentType]
    finally:
        env.close()
    return examples(episodes)


def make(
    demonstrations: Demonstrations,
    output: Path,
    *,
    episodes: int,
    options: "PretrainOptions",
    model_options: ModelOptions | None = None,
    start: str | None = None,
    report_every: int = 100,
) -> dict[str, object]:
    """Generates data, trains a new model (or the one named by `start`) and saves it.

    Returns:
        What was done, as JSON values.
    """
    from toolgym.agents.lm import load_model
    from toolgym.agents.pretrain import pretrain
    from toolgym.agents.tokenizer import build_tokenizer

    tokenizer = build_tokenizer()
    model = with_tokenizer(*load_model(start), tokenizer) if start else None
    started = time.perf_counter()
    data = generate_examples(demonstrations, episodes, tokenizer, seed=options.seed)
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
        "start": start,
        "episodes": len(data),
        "tokens": tokens,
        "steps": steps,
        "loss": float(np.mean(losses[-report_every:])),
        "seconds": round(time.perf_counter() - started, 1),
        "options": asdict(options),
    }
    (output / "training.json").write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    return summary


def main(argv: Sequence[str] | None = None) -> int:
    """Makes a checkpoint of the built-in policy."""
    from toolgym.agents.lm import set_threads
    from toolgym.agents.pretrain import PretrainOptions

    parser = argparse.ArgumentParser(
        prog="python -m toolgym.agents.builtin", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--demonstrations", choices=SHIPPED, default="clean")
    parser.add_argument("--output", type=Path, required=True, help="folder for the checkpoint")
    parser.add_argument("--start", help="a checkpoint to go on from, instead of random weights")
    parser.add_argument("--rate", type=float, default=1.0, help="factor of the learning rates")
    parser.add_argument("--episodes", type=int, default=18_000, help="how many train tasks are played")
    parser.add_argument("--minutes", type=float, help="train for so long instead of for --epochs")
    parser.add_argument("--epochs", type=float, default=2.3, help="passes over the episodes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, help="torch threads (default: the usable cores, at most 8)")
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
    summary = make(given.demonstrations, given.output, episodes=given.episodes, options=options, start=given.start)
    print(json.dumps(summary))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
