"""A sweep of two seeds, and its picture: the mean of the runs, in the range between them.

    python examples/two_seeds.py runs/sweep --steps 30
    python examples/two_seeds.py runs/sweep --steps 1 --groups 2 --rollouts 2

What follows the folder is `toolgym train`'s. The picture is what `toolgym plot FOLDER... --over-seeds` draws.
"""

import subprocess
import sys
from pathlib import Path


def main(output: Path, options: list[str]) -> None:
    folders = [output / f"seed-{seed}" for seed in (0, 1)]
    for seed, folder in enumerate(folders):
        words = ["train", "--algo", "grpo", "--seed", str(seed), "--output", str(folder), *options]
        subprocess.run([sys.executable, "-m", "toolgym", *words], check=True)
    picture = ["--over-seeds", "--output", str(output / "curves.png")]
    subprocess.run([sys.executable, "-m", "toolgym", "plot", *map(str, folders), *picture], check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
