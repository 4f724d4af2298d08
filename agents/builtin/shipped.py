"""The checkpoints of the built-in policy that are shipped, by name."""

from pathlib import Path
from typing import Literal, get_args

from toolgym.errors import ConfigError, did_you_mean

__all__ = ["DEMONSTRATIONS", "Demonstrations", "checkpoint_path"]

Demonstrations = Literal["clean", "imperfect", "habits"]
"""What a policy is shown, and the name of the shipped one: the oracle's chains; half of them with a mistake;
with the same ones again and again."""
DEMONSTRATIONS: tuple[Demonstrations, ...] = get_args(Demonstrations)

_FOLDER = Path(__file__).resolve().parent / "checkpoints"


def checkpoint_path(name: str) -> str:
    """The folder of a shipped checkpoint for `builtin:NAME`; any other name unchanged.

    Raises:
        ConfigError: no such checkpoint is shipped.
    """
    if not name.startswith("builtin"):
        return name
    chosen = name.partition(":")[2] or "clean"
    if chosen not in DEMONSTRATIONS:
        raise ConfigError(did_you_mean(chosen, DEMONSTRATIONS, "built-in checkpoint"))
    path = _FOLDER / chosen
    if not (path / "config.json").is_file():
        raise ConfigError(
            f"this installation has no checkpoint {name!r}; make one with "
            f"`python -m toolgym.agents.builtin --demonstrations {chosen} --output DIR` and pass DIR as the model"
        )
    return str(path)
