"""Copies of a workspace's template: whole or not at all, with no way out of them.

A link in a template that leads to something in the template leads, in a copy, to the copy of it. A link that leads
elsewhere, and what is neither file, folder nor link, is refused: a server would write through it into what other
episodes, or other programs, see. Of a file with several names each copy has a file of its own.
"""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from toolgym.errors import ServerStartError
from toolgym.mcp.docker_owner import Owner
from toolgym.mcp.guard import remove

__all__ = ["copied", "outer", "remove"]

_PREFIX = "toolgym-"
_OWNER = "owner"
_KINDS = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def outer(workspace: Path) -> Path:
    """The temporary folder that a copy is in, which goes with it."""
    return workspace.parent


def copied(template: str) -> Path:
    """A copy of a template in a temporary folder of its own.

    Raises:
        ServerStartError: the template holds what cannot be copied, or copying failed; nothing is left behind.
    """
    _remove_left_behind()
    folder: Path | None = None
    try:
        entries = list(_entries(_Template(template)))
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX)).resolve()
        (folder / _OWNER).write_text(Owner.this_process().label(), encoding="ascii")
        copy = folder / "workspace"
        _fill(copy, Path(template).resolve(), entries)
        _check_links(copy, entries, template)
        return copy
    except BaseException as error:
        if folder is not None:
            remove(str(folder))
        if isinstance(error, OSError):
            raise ServerStartError(f"The workspace {template!r} could not be copied: {error}") from error
        raise


class _Template:
    """A template as it was named, and where it is."""

    def __init__(self, name: str):
        self.name, self.root = name, Path(name).resolve()
        self.roots = dict.fromkeys((self.root, Path(os.path.normpath(Path(name).absolute()))))
        """The ways to write its path."""

    def inside(self, place: Path) -> Path | None:
        """The path in the template of what has this path; None where that is not in it."""
        for root in self.roots:
            if place.is_relative_to(root):
                return place.relative_to(root)
        return None


_Entry = tuple[Path, Path | None]
"""A path in a template, and what the copy of a link in that place is to hold (None: it is no link)."""


def _entries(template: _Template, inside: Path = Path()) -> Iterator[_Entry]:
    """What is in a folder of a template, folders before their contents.

    Raises:
        ServerStartError: something in it cannot be copied.
    """
    for found in sorted((template.root / inside).iterdir()):
        path = inside / found.name
        if found.is_symlink():
            yield path, _link(template, path)
            continue
        kind = _KINDS.get(stat.S_IFMT(found.lstat().st_mode))
        if kind is not None:
            raise ServerStartError(
                f"The workspace {template.name!r} holds {kind}, {str(path)!r}: a template is files, folders and links. "
                "Take it out; the server can make its own."
            )
        yield path, None
        if found.is_dir():
            yield from _entries(template, path)


def _link(template: _Template, path: Path) -> Path:
    """What the copy of a link holds: a relative path, so that it leads to the copy of what it leads to."""
    place = template.root / path
    target = place.readlink()
    if not target.is_absolute() and Path(os.path.normpath(path.parent / target)).parts[:1] != ("..",):
        return target
    inside = template.inside(Path(os.path.normpath(place.parent / target)))  # where it says, whatever other links do
    if inside is None:
        inside = template.inside(Path(os.path.realpath(place)))
    if inside is None:
        raise _leads_out(template.name, path, target)
    return Path(os.path.relpath(inside, path.parent))


def _leads_out(template: str, path: Path, target: Path) -> ServerStartError:
    return ServerStartError(
        f"The workspace {template!r} holds a link that leads out of it, {str(path)!r} -> {str(target)!r}: episodes "
        "would write to what is there. Put what it leads to into the template, or tell the server its path in another "
        "way."
    )


def _fill(copy: Path, source: Path, entries: Sequence[_Entry]) -> None:
    copy.mkdir()
    folders = [Path()]
    for path, target in entries:
        if target is not None:
            (copy / path).symlink_to(target)
        elif (source / path).is_dir():
            (copy / path).mkdir()
            folders.append(path)
        else:
            shutil.copy2(source / path, copy / path, follow_symlinks=False)
    for path in reversed(folders):  # last, because a folder may be one that cannot be written to
        shutil.copystat(source / path, copy / path, follow_symlinks=False)


def _check_links(copy: Path, entries: Sequence[_Entry], template: str) -> None:
    """Follows each link of a copy to its end: several may lead out together where none does alone."""
    for path, target in entries:
        if target is not None and not Path(os.path.realpath(copy / path)).is_relative_to(copy):
            raise _leads_out(template, path, target)


@cache
def _remove_left_behind() -> None:
    """Removes, once a process, the copies of processes that died without doing so."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        try:
            if folder.is_symlink() or folder.lstat().st_uid != os.getuid():
                continue
            owner = Owner.from_label((folder / _OWNER).read_text(encoding="ascii"))
        except (OSError, ValueError, AttributeError):
            continue  # not one of these folders, or not on such a system
        if owner is not None and owner.is_dead():
            remove(str(folder))
