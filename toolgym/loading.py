"""Objects by name: `module:NAME` and `FILE.py:NAME`, for what a user brings to a command line or an options file."""

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Any

from toolgym.errors import ConfigError, did_you_mean

__all__ = ["load_named", "names_object"]


def names_object(text: str) -> bool:
    """Whether a text has the form `module:NAME` or `FILE.py:NAME`."""
    place, colon, name = text.rpartition(":")
    return bool(colon and place) and "://" not in text and name.isidentifier()


def load_named(text: str) -> Any:
    """The object called NAME in a module that can be imported, or in a Python file.

    Args:
        text: `module:NAME` or `FILE.py:NAME`.

    Raises:
        ConfigError: there is no such file, module or name.
    """
    place, _, name = text.rpartition(":")
    try:
        module = _module_of(Path(place)) if place.endswith(".py") else importlib.import_module(place)
    except (ImportError, OSError) as error:
        raise ConfigError(f"Cannot load {place!r}: {error}") from error
    if not hasattr(module, name):
        known = [key for key in vars(module) if not key.startswith("_")]
        raise ConfigError(did_you_mean(name, known, f"name in {place}"))
    return getattr(module, name)


def _module_of(path: Path) -> Any:
    """The module of a file, loaded once; its folder can be imported from, as for a script."""
    path = path.resolve()
    folder = str(path.parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    loaded = sys.modules.get(path.stem)
    if loaded is not None and getattr(loaded, "__file__", None) == str(path):
        return loaded
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ImportError(f"there is no file {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module
