"""Objects by name: `module:NAME` and `FILE.py:NAME`, for what a user brings to a command line or an options file."""

import importlib
import importlib.util
import sys
import traceback
from pathlib import Path
from typing import Any

from toolgym.errors import ConfigError, did_you_mean

__all__ = ["load_named", "names_object", "raised"]

_files: dict[Path, Any] = {}
"""The modules of the files that were loaded."""


def names_object(text: str) -> bool:
    """Whether a text has the form `module:NAME` or `FILE.py:NAME`."""
    place, colon, name = text.rpartition(":")
    return bool(colon and place) and "://" not in text and name.isidentifier()


def load_named(text: str) -> Any:
    """The object called NAME in a module that can be imported, or in a Python file.

    Args:
        text: `module:NAME` or `FILE.py:NAME`.

    Raises:
        ConfigError: there is no such file, module or name, or it raises when it is loaded.
    """
    place, _, name = text.rpartition(":")
    try:
        module = _module_of(Path(place)) if place.endswith(".py") else importlib.import_module(place)
    except (ImportError, OSError) as error:
        raise ConfigError(f"Cannot load {place!r}: {error}") from error
    except (Exception, SystemExit) as error:  # whatever a user's file does
        raise ConfigError(f"Cannot load {place!r}: {raised(error, place)}") from error
    if not hasattr(module, name):
        known = [key for key in vars(module) if not key.startswith("_")]
        raise ConfigError(did_you_mean(name, known, f"name in {place}"))
    return getattr(module, name)


def _module_of(path: Path) -> Any:
    """The module of a file, loaded once; its folder can be imported from, as for a script.

    It goes by the file's name, and by its path where a module has that name: a user's `random.py` must not become the
    `random` of every library, nor one `reward.py` that of another folder.
    """
    path = path.resolve()
    if path in _files:
        return _files[path]
    if not path.is_file():
        raise ImportError(f"there is no file {path}")
    folder = str(path.parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    taken = sys.modules.get(path.stem)
    if taken is not None and getattr(taken, "__file__", None) == str(path):
        return taken  # imported by its name
    is_free = taken is None and path.stem not in sys.stdlib_module_names
    name = path.stem if is_free else str(path)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"there is no file {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]  # or half of it would be there the next time
        raise
    _files[path] = module
    return module


def raised(error: BaseException, place: str) -> str:
    """What a user's file raised, in one line: the error, and the last line of the file that it came through."""
    file = Path(place).resolve()
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename) == file]
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return what.partition("\n")[0] + (f" ({place}, line {lines[-1]})" if lines else "")
