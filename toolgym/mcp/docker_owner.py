"""Who owns a container, and the removal of those whose owner has died.

A container carries its owner in a label: this machine, its boot, the pid namespace, the process and when it started.
Its owner is known to be dead if it was on this machine and the machine has booted since, or if there is no such
process any more. What another machine's processes made on a shared engine is left alone.
"""

import hashlib
import os
import socket
from dataclasses import astuple, dataclass
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["OWNER_LABEL", "Owner", "reap"]

OWNER_LABEL = "toolgym.owner"


@dataclass(frozen=True, slots=True)
class Owner:
    """A process, so named that no other one, before or after, has the same name."""

    machine: str
    """A digest of the machine's id and host name."""
    boot: str
    """The boot's id; empty where the system has none."""
    namespace: str
    """The namespace of the pid; empty where the system has none."""
    pid: int
    started: str
    """When the process started, in clock ticks since boot; empty where the system does not tell."""

    @classmethod
    def this_process(cls) -> "Owner":
        """The process that asks."""
        pid = os.getpid()
        return cls(_machine(), _boot(), _namespace(), pid, _started(pid) or "")

    @classmethod
    def from_label(cls, label: str) -> "Owner | None":
        """The owner of a label's text, or None where it is no such text."""
        parts = label.split("/")
        if len(parts) != 5 or not parts[3].isdigit():
            return None
        return cls(parts[0], parts[1], parts[2], int(parts[3]), parts[4])

    def label(self) -> str:
        """The owner as a label's text."""
        return "/".join(str(part) for part in astuple(self))

    def is_dead(self) -> bool:
        """Whether it certainly runs no more; False where this process cannot know."""
        if self.machine != _machine():
            return False
        if self.boot != _boot():
            return True
        if self.namespace != _namespace():
            return False
        return _started(self.pid) != (self.started or "")


@cache
def _machine() -> str:
    identity = _read("/etc/machine-id") or _read("/var/lib/dbus/machine-id")
    return hashlib.sha256(f"{identity}\n{socket.gethostname()}".encode()).hexdigest()[:16]


@cache
def _boot() -> str:
    return _read("/proc/sys/kernel/random/boot_id")


def _namespace() -> str:
    try:
        return Path("/proc/self/ns/pid").readlink().name
    except OSError:
        return ""


def _started(pid: int) -> str | None:
    """When a process started ("" where the system does not tell), or None where no such process runs."""
    stat = _read(f"/proc/{pid}/stat")
    if stat:
        fields = stat.rpartition(")")[2].split()  # the command's name before it may hold spaces
        return None if fields[0] in ("Z", "X") else fields[19]
    if Path("/proc/self/stat").exists():
        return None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except OSError:
        pass
    return ""


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def reap(client: Any) -> list[str]:
    """Removes the containers whose owners have died.

    Args:
        client: a `docker.DockerClient`.

    Returns:
        The names of those removed.
    """
    from docker.errors import APIError, NotFound

    removed = []
    for entry in client.api.containers(all=True, filters={"label": OWNER_LABEL}):
        owner = Owner.from_label((entry.get("Labels") or {}).get(OWNER_LABEL, ""))
        if owner is None or not owner.is_dead():
            continue
        try:
            client.api.remove_container(entry["Id"], v=True, force=True)
        except NotFound:
            continue
        except APIError as error:
            if error.status_code != 409:  # 409: its removal is under way
                raise
        removed.append((entry.get("Names") or [entry["Id"][:12]])[0].lstrip("/"))
    return removed
