"""`toolgym new`: folders to start from, with a server or a domain and tests that pass at once."""

import keyword
import sys
from collections.abc import Mapping
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from toolgym.errors import ConfigError

__all__ = ["new_domain", "new_server"]

_SERVER = {
    "server.py": "server.py",
    "world.py": "world.py",
    "environment.py": "environment.py",
    "tasks.yaml": "tasks.yaml",
    "policy.md": "policy.md",
    "mcp.json": "mcp.json",
    "test_server.py": "tests/test_@NAME@.py",
    "conftest.py": "conftest.py",
    "Dockerfile": "Dockerfile",
    "README.md": "README.md",
}
"""Template -> where its text goes; `@NAME@` is the server's name, there and in the text."""
_DOMAIN = {"domain.py": "@NAME@.py", "test_domain.py": "test_@NAME@.py"}


def new_server(name: str, folder: Path) -> list[Path]:
    """Writes a server called `name` into a new folder; returns the files.

    Raises:
        ConfigError: the name is no Python identifier, or the folder is there already and not empty.
    """
    if not name.isidentifier() or keyword.iskeyword(name) or not name.isascii():
        raise ConfigError(f"A server's name is a Python identifier in ASCII, such as library; it was {name!r}.")
    return _write(_SERVER, name, folder)


def new_domain(name: str, folder: Path) -> list[Path]:
    """Writes a declared domain called `name` and its test into a new folder; returns the files.

    Raises:
        ConfigError: the name is no word in small letters, or that of a module that there is already; or the folder is
            there already and not empty.
    """
    if not name.isidentifier() or keyword.iskeyword(name) or not name.isascii() or name != name.lower():
        raise ConfigError(f"A domain's name is a word in small ASCII letters, such as rental; it was {name!r}.")
    if not name[0].isalpha():
        raise ConfigError(f"A domain's name begins with a letter; it was {name!r}.")
    if name in sys.stdlib_module_names or find_spec(name) is not None:
        raise ConfigError(f"There is a Python module {name!r} already, which {name}.py would hide: take another name.")
    if f"\n{name.upper()} = (" in _template("domain.py") or f"\n{name.upper()} = Table(" in _template("domain.py"):
        raise ConfigError(f"{name.upper()} is a part of the domain that is written: take another name than {name!r}.")
    return _write(_DOMAIN, name, folder)


def _template(name: str) -> str:
    return files("toolgym.scaffold").joinpath("templates", f"{name}.txt").read_text(encoding="utf-8")


def _write(places: Mapping[str, str], name: str, folder: Path) -> list[Path]:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{folder} is there already; name a folder that is not.")
    written = []
    for template, place in places.items():
        text = _template(template)
        path = folder / place.replace("@NAME@", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("@NAME@", name).replace("@CAPS@", name.upper()), encoding="utf-8")
        written.append(path)
    return written
