"""Files on the Hugging Face hub, wherever a file is read: `hf://datasets/USER/NAME/FILE`, fetched into the hub's cache.

    toolgym show hf://datasets/ann/airline-episodes/test.jsonl
    toolgym train --algo sft --data hf://datasets/ann/planarena@v1.0

`hf://USER/NAME` is a model's repository, `@` names a branch, tag or commit. A folder, or a whole repository, is fetched
with all that is in it. What is in the cache is asked for again only where the hub has something newer.
"""

import re
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard

from toolgym.errors import ConfigError

__all__ = ["SCHEME", "Address", "fetched", "is_kept_file", "on_hub", "parse_address"]

SCHEME = "hf://"
_KINDS = {"datasets": "dataset", "spaces": "space", "models": "model"}
_PART = re.compile(r"[\w.-]+")


class Address(NamedTuple):
    """A place on the hub."""

    kind: str
    """`model`, `dataset` or `space`."""
    repo: str
    revision: str | None
    path: str
    """Of a file or folder in the repository; empty: the whole of it."""

    def __str__(self) -> str:
        kind = {"model": "", "dataset": "datasets/", "space": "spaces/"}[self.kind]
        at = f"@{self.revision}" if self.revision else ""
        return f"{SCHEME}{kind}{self.repo}{at}" + (f"/{self.path}" if self.path else "")


def on_hub(path: Any) -> TypeGuard[str]:
    """Whether a path names a place on the hub."""
    return isinstance(path, str) and path.startswith(SCHEME)


def parse_address(text: str) -> Address:
    """Reads `hf://[datasets/]USER/NAME[@REVISION][/PATH]`.

    Raises:
        ConfigError: it is written otherwise.
    """
    parts = text.removeprefix(SCHEME).strip("/").split("/")
    kind = _KINDS.get(parts[0], "model")
    if parts[0] in _KINDS:
        parts = parts[1:]
    name, at, revision = parts[1].partition("@") if len(parts) > 1 else ("", "", "")
    names = (parts[0], name, *parts[2:])
    if not name or (at and not revision) or any(part in ("", ".", "..") for part in names):
        raise ConfigError(
            f"{text!r} is no place on the hub: hf://datasets/USER/NAME/FILE, or hf://USER/NAME of a model"
        )
    if not (_PART.fullmatch(parts[0]) and _PART.fullmatch(name)):
        raise ConfigError(f"{text!r} is no place on the hub: {parts[0]!r} and {name!r} must be a user and a name")
    return Address(kind, f"{parts[0]}/{name}", revision or None, "/".join(parts[2:]))


def fetched(path: str) -> Path:
    """The file or folder of a place on the hub, here.

    Raises:
        ConfigError: it is no such place, there is nothing, it may not be read, or the hub cannot be reached.
    """
    address = parse_address(path)
    try:
        from huggingface_hub import hf_hub_download, snapshot_download
        from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, LocalEntryNotFoundError
    except ImportError as error:
        raise ConfigError(f"{path} needs the hub's library: pip install huggingface_hub ({error})") from error
    where: dict[str, Any] = {"repo_type": address.kind, "revision": address.revision}
    try:
        if address.path:
            try:
                return Path(hf_hub_download(address.repo, address.path, **where))
            except LocalEntryNotFoundError:  # an error of the network, whatever it is called
                raise
            except EntryNotFoundError:  # a folder, then, or nothing
                where["allow_patterns"] = f"{address.path}/*"
        folder = Path(snapshot_download(address.repo, **where)) / address.path
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError) as error:
        raise ConfigError(f"cannot fetch {path}: {_said(error)}") from error
    if not folder.is_dir() or not any(folder.iterdir()):
        raise ConfigError(f"cannot fetch {path}: {address.repo} has no file or folder {address.path!r}")
    return folder


def is_kept_file(path: Path) -> bool:
    """Whether a link is how the hub's cache keeps a file: it leads to the blobs beside the repository's snapshots."""
    if not path.is_symlink():
        return False
    blobs = path.resolve().parent
    return blobs.name == "blobs" and blobs.with_name("snapshots") in (path.parent.resolve() / path.name).parents


def _said(error: Exception) -> str:
    """The first sentence of what the library says; its advice is about its own functions."""
    return " ".join(str(error).split("\n\n")[-1].split())[:300] or type(error).__name__
