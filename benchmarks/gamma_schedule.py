"""Draws ToolUPT's schedule of gamma (Eq. 23): `python benchmarks/gamma_schedule.py`."""

import argparse
from pathlib import Path

from toolgym.agents.toolupt import ToolUPTOptions, cyclic_gamma

STEPS = 600  # ToolUPT, Table 7


def main() -> int:
    """Writes the picture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split(":")[0])
    parser.add_argument("--output", type=Path, default=Path("docs/img/toolupt_gamma.png"))
    output = parser.parse_args().output
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    usual = ToolUPTOptions()
    gammas = [
        cyclic_gamma(
            step, STEPS, low=usual.gamma_low, high=usual.gamma_high, cycles=usual.cycles, warm_up=usual.warm_up
        )
        for step in range(STEPS)
    ]
    figure, axes = plt.subplots(figsize=(6, 2.4), layout="constrained")
    axes.plot(range(STEPS), gammas)
    axes.set(xlabel="step", ylabel="gamma: weight of SPO", ylim=(0, 1), xlim=(0, STEPS))
    axes.grid(alpha=0.3)
    figure.savefig(output, dpi=120)
    print(output)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
