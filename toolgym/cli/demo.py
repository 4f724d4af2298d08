"""`toolgym demo`: from an expert episode to a trained policy in minutes."""

from pathlib import Path
from typing import Annotated

import typer

from toolgym.cli.common import JsonFlag, Seed


def demo(
    output: Annotated[Path, typer.Option(help="Folder for the curve, the trajectories and the checkpoint.")] = Path(
        "runs/demo"
    ),
    seed: Seed = 0,
    steps: Annotated[int | None, typer.Option(min=1, help="GRPO steps (default: what fits into 5.5 minutes).")] = None,
    json: JsonFlag = False,
) -> None:
    """Shows an expert episode, trains the built-in policy, and evaluates it before and after.

    \b
    Examples:
      toolgym demo
      toolgym demo --steps 10 --seed 1 --output runs/quick
    """
    from toolgym.agents.builtin.demo import run_demo

    run_demo(output=output, seed=seed, steps=steps, json=json)
