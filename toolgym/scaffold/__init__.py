"""`toolgym new server`: a folder with a server, its world, tasks and tests that pass at once."""

import keyword
from importlib.resources import files
from pathlib import Path

from toolgym.errors import ConfigError

__all__ = ["new_server"]

_PLACES = {
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


def new_server(name: str, folder: Path) -> list[Path]:
    """Writes a server called `name` into a new folder; returns the files.

    Raises:
        ConfigError: the name is no Python identifier, or the folder is there already and not empty.
    """
    if not name.isidentifier() or keyword.iskeyword(name) or not name.isascii():
        raise ConfigError(f"A server's name is a Python identifier in ASCII, such as library; it was {name!r}.")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{folder} is there already; name a folder that is not.")
    written = []
    for template, place in _PLACES.items():
        text = files("toolgym.scaffold").joinpath("templates", f"{template}.txt").read_text(encoding="utf-8")
        path = folder / place.replace("@NAME@", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("@NAME@", name), encoding="utf-8")
        written.append(path)
    return written
