"""How much of the returns' variance PPO's critic explains, batch by batch: short runs of the built-in policy.

    python -m benchmarks.critic_fit
    python -m benchmarks.critic_fit --steps 12 --seeds 0 1 2 --no-fit-value

`value/explained_variance` is 0 for a constant, and below it for a critic that does harm.
"""

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

from toolgym.agents.training import registry
from toolgym.errors import ConfigError

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Trains, and prints a line a seed; options that it does not know are the algorithm's."""
    shape = ("--groups", "4", "--rollouts", "4", "--micro-batch", "8", "--learning-rate", "1e-3", "--bf16")
    parser = argparse.ArgumentParser(prog="python -m benchmarks.critic_fit", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--algo", default="ppo", help="ppo, rlhf or steptool")
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    chosen, more = parser.parse_known_args(argv)
    for seed in chosen.seeds:
        with tempfile.TemporaryDirectory() as folder:
            words = [
                *shape,
                "--threads",
                "1",
                "--no-progress",
                "--steps",
                str(chosen.steps),
                "--seed",
                str(seed),
                "--output",
                f"{folder}/run",
                *more,
            ]
            try:
                registry.main(chosen.algo, words)
            except ConfigError as error:
                parser.error(str(error))
            lines = (Path(folder) / "run" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
        explained = [json.loads(line).get("value/explained_variance", float("nan")) for line in lines]
        print(f"seed {seed}:", " ".join(f"{value:6.2f}" for value in explained), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
