"""`toolgym demo`: from an expert episode to a trained policy in minutes."""

import time
from pathlib import Path
from typing import Annotated

from toolgym.cli.common import OUTPUT, JsonFlag, panel
from toolgym.errors import ConfigError

_QUICK = 1.8
_time, _machine, _output = panel("Time and training"), panel("Machine"), panel(OUTPUT)


def demo(
    minutes: Annotated[
        float, _time(metavar="X", min=0.5, help="About how long all of it may take, in wall time.")
    ] = 8.0,
    quick: Annotated[bool, _time("--quick", help="Two minutes at most: fewer test tasks, fewer steps.")] = False,
    steps: Annotated[
        int | None,
        _time(metavar="N", min=1, max=10_000, help="GRPO steps, however long (default: what fits, up to 60)."),
    ] = None,
    seed: Annotated[int, _time(metavar="N", min=0, help="Seeds every choice.")] = 0,
    threads: Annotated[
        int | None,
        _machine(metavar="N", min=1, help="Torch threads (default: 1, unless more are clearly faster now)."),
    ] = None,
    output: Annotated[
        Path, _output(metavar="FOLDER", help="For the curve, the trajectories and the checkpoint.")
    ] = Path("runs/demo"),
    json: JsonFlag = False,
) -> None:
    """Shows an expert episode, trains the built-in policy, and evaluates it before and after.

    It takes 8 minutes at most, on whatever machine: a slow one plays fewer test tasks and takes fewer steps.

    \b
    Examples:
      toolgym demo
      toolgym demo --quick
      toolgym demo --minutes 20 --seed 1 --threads 2 --output runs/long
    """
    began = time.monotonic()
    if quick and minutes != 8.0:
        raise ConfigError("--quick is --minutes 1.8: give one of the two")
    from toolgym.agents.builtin.demo import DemoOptions
    from toolgym.agents.builtin.demo import demo as run

    run(
        DemoOptions(output=output, seed=seed, minutes=_QUICK if quick else minutes, steps=steps, threads=threads),
        json=json,
        began=began,
    )
