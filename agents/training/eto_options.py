"""ETO and step-wise DPO: preference pairs of success and failure from the policy's own exploration, through TRL's DPO.

Its options and its command line; the algorithm is in `toolgym.agents.eto`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from toolgym.agents.training.options import check_idle, check_ranges, learner_main
from toolgym.agents.training.sizing import BySize, Rates
from toolgym.agents.training.tuning import ExploreOptions
from toolgym.errors import ConfigError

__all__ = ["PRESETS", "ETOOptions", "main"]


@dataclass(frozen=True)
class ETOOptions(ExploreOptions):
    """Options of an ETO run."""

    output: Annotated[Path, "folder for checkpoints, metrics.jsonl and TensorBoard's files"] = Path("runs/eto")
    pairs: Annotated[
        Literal["episode", "step", "ranked"] | None,
        "whole episodes (ETO), steps at the same state (TP-LLaMA), or own episodes by their reward (Tool-Star) "
        "(default: episode; with data: step)",
    ] = None
    reward: Annotated[
        str | None, "with pairs=ranked: preset, or FILE.py:NAME, that ranks them (default: the environment's)"
    ] = None
    expert: Annotated[bool, "what is preferred is the expert's; off: the policy's own success where it has one"] = True
    beta: Annotated[float, "DPO's: how far the policy may move from the one it starts from"] = 0.1
    learning_rate: Annotated[
        float | None,
        "AdamW's (default: 5e-5; from 50M parameters on 1e-6, for an adapter 1e-5; to 300M 1e-5 and 2e-5)",
    ] = None
    BY_SIZE: ClassVar[BySize] = replace(
        ExploreOptions.BY_SIZE, rates=Rates(5e-5, compact=(1e-5, 2e-5), usual=(1e-6, 1e-5))
    )

    def __post_init__(self) -> None:
        if self.pairs is None:
            object.__setattr__(self, "pairs", "episode" if self.data is None else "step")
        super().__post_init__()
        check_ranges(self, above_0=("beta",))
        if self.pairs == "ranked":
            check_idle(self, ["expert"], "with pairs='ranked': the policy's own episodes are compared")
            if self.data is not None:
                raise ConfigError("pairs='ranked' compares the policy's own episodes, and with data it plays none")
        else:
            check_idle(self, ["reward"], "without pairs='ranked': success is the verified outcome")
        if self.data is not None:
            check_idle(self, ["expert"], "with data: what is preferred is the corpus's")
        if self.demonstrations != "clean":
            raise ConfigError(
                f"demonstrations={self.demonstrations!r} has no effect here: what is preferred must be right"
            )


PRESETS: dict[str, dict[str, Any]] = {"eto": {}, "tool_star_dpo": {"pairs": "ranked", "reward": "tool_star"}}
"""Name -> what differs from `ETOOptions`' own defaults."""

_ABOUT = {"tool_star_dpo": "Tool-Star's self-critic stage after RL: DPO on own episodes, ranked by its reward (2025)."}


def main(argv: Sequence[str] | None = None, preset: str = "eto") -> int:
    """The command line of one of the `PRESETS`: what trains is imported once it was read."""
    defaults, about = PRESETS[preset], _ABOUT.get(preset)
    return learner_main(preset, ETOOptions, "toolgym.agents.eto:train", argv, defaults=defaults, about=about)
