"""The learning benchmark with a larger model on a GPU, in parts of a few minutes that go on from one another.

    python -m benchmarks.learning_gpu                                  # 10 minutes at most; again until it is done
    python -m benchmarks.learning_gpu --families toolupt --seeds 0     # a part of it
    python -m benchmarks.learning_gpu --model DIR_OR_HUB_ID --learning-rate 5e-6
    python -m benchmarks.learning_gpu --report-only

The families, claims and tables are those of `benchmarks.learning`; what differs is the model (SmolLM2-135M-Instruct,
which `toolgym data get smollm2` makes), its precision and the size of batches, for one GPU of 80 GB. It calls no
tool untrained: its warm start is SFT on expert episodes of one and two calls, made once, first (`--warm-steps`).

Keep the output folder between parts: it holds the checkpoints that the next one goes on from. A training stops behind
the batch in which its time is up, so `--margin` must be longer than a batch takes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from benchmarks.learning import LearningOptions, lock, run
from benchmarks.learning_parts import Clock, TimeIsUpError, train_in_parts
from toolgym.agents.training.options import parse_options

__all__ = ["GPUOptions", "main", "warm_words"]

_SHAPE: dict[str, Any] = {
    "model": "data:smollm2",
    "prompt": "short",
    "learning_rate": 1e-5,
    "sft_rate": 5e-4,
    "groups": 16,
    "rollouts": 8,
    "micro_batch": 16,
    "max_new_tokens": 256,
    "context_tokens": 2048,
    "env_steps": 8000,
    "save_batches": 2,
    "minutes": 10.0,
    "margin": 120.0,
    "bf16": True,
    "output": Path("runs/learning-gpu"),
}
"""What differs from `LearningOptions`' defaults."""


@dataclass(frozen=True)
class GPUOptions(LearningOptions):
    """As `LearningOptions`, with a warm start of its own."""

    warm_steps: Annotated[int, "optimizer steps of SFT before anything else; 0: the model is the warm start"] = 600
    tool_role: Annotated[str, "role of tools' results for the model: template, tool or user"] = "user"


def warm_words(options: GPUOptions, folder: Path) -> list[str]:
    """The command line of the SFT that makes the warm start: experts of one and two calls."""
    given: dict[str, Any] = {
        "env": options.env,
        "model": options.model,
        "size": options.size,
        "prompt": options.prompt,
        "depth": "1 2",
        "steps": options.warm_steps,
        "episodes": 16 * options.warm_steps,
        "learning-rate": options.sft_rate,
        "tool-role": options.tool_role,
        "micro-batch": options.micro_batch,
        "max-tokens": options.context_tokens,
        "save-steps": 50,
        "seed": 0,
        "output": folder,
    }
    if options.threads:
        given["threads"] = options.threads
    words = [word for name, value in given.items() for word in (f"--{name}", *str(value).split(" "))]
    return [*words, "--no-progress", *(["--bf16"] if options.bf16 else [])]


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; 1 where a unit failed."""
    about = (__doc__ or "").split("\n")[0]
    options = parse_options(
        GPUOptions, argv, prog="python -m benchmarks.learning_gpu", description=about, defaults=_SHAPE
    )
    clock = Clock(options.minutes, options.margin)
    if options.warm_steps and not options.report_only:
        folder = options.output / "warm"
        try:
            with lock(folder / "unit.lock"):
                train_in_parts("sft", warm_words(options, folder), folder, clock)
        except TimeIsUpError:
            print("The time is up in the warm start: the same command goes on from here.")
            return 0
        options = replace(options, model=str(folder / "final"))
    return run(options, clock)


if __name__ == "__main__":
    raise SystemExit(main())
