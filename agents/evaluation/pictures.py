"""A picture to draw into, of a kind that matplotlib can write. Needs matplotlib, no PyTorch and no display."""

from pathlib import Path
from typing import TYPE_CHECKING

from toolgym.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["new_picture", "save_picture"]


def new_picture(path: Path, width: float, height: float) -> "Figure":
    """An empty picture of so many inches, for a file whose suffix says of which kind.

    Raises:
        ConfigError: there is no such kind of picture.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    picture = Figure(figsize=(width, height), layout="constrained")
    kinds = FigureCanvasAgg(picture).get_supported_filetypes()
    if path.suffix.lstrip(".").lower() not in kinds:
        raise ConfigError(f"{path}: {did_you_mean(path.suffix.lstrip('.') or '(none)', kinds, 'kind of picture')}")
    return picture


def save_picture(picture: "Figure", path: Path) -> None:
    """Writes a picture, and makes its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.savefig(path, dpi=120)
