"""MCP servers in Docker containers: untrusted code that can hurt neither this machine nor the run.

    with connect("docker:my-server") as handle:          # or connect(DockerTarget("my-server", options=...))
        session = handle.session()

A `ToolServer` in a container serves all its episodes from one container. Any other server has a container a session.
By default a container has no network, a read-only root, no capabilities, no way to more privileges, an unprivileged
user, and limits on memory, CPU, processes, files and the length of its answers; each is relaxed only by name, in
`ContainerOptions`. Containers are removed when their connection closes, when this process ends, or, if it was killed,
by the next process that uses the engine.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from pydantic import TypeAdapter, ValidationError

from toolgym.errors import ConfigError, did_you_mean
from toolgym.mcp.docker_engine import Engine, require_docker
from toolgym.mcp.docker_image import build_image
from toolgym.mcp.docker_owner import OWNER_LABEL, Owner, reap

__all__ = [
    "ContainerOptions",
    "DockerTarget",
    "build_image",
    "container_config",
    "host_config",
    "make_target",
    "reap_containers",
    "require_docker",
]

_MB = 1024 * 1024
_CPU_PERIOD_US = 100_000


@dataclass(frozen=True, slots=True)
class ContainerOptions:
    """What a container may do. The defaults allow it to compute, in a bounded way, and to talk to its client."""

    memory_mb: int | None = 512
    """Memory, including /tmp and swap. None: unlimited."""
    cpus: float | None = 1.0
    """CPU time a second of wall-clock time. None: unlimited."""
    pids: int | None = 128
    """Processes and threads. None: unlimited."""
    open_files: int = 1024
    """Open files of each process."""
    tmp_mb: int = 64
    """Size of /tmp, the only folder on which it may write; programs there do not run."""
    shm_mb: int = 16
    """Size of /dev/shm, for memory that its processes share."""
    network: str = "none"
    """The Docker network: "bridge" lets the server reach the internet and, where it is routed, this machine."""
    writable: bool = False
    """Whether it may write to its own root file system, which is discarded with the container."""
    user: str = "65534:65534"
    """The user and group that it runs as."""
    capabilities: tuple[str, ...] = ()
    """Linux capabilities that it keeps, such as "NET_BIND_SERVICE"."""
    new_privileges: bool = False
    """Whether set-uid programs may raise its privileges."""
    read_only_mounts: Mapping[str, str] = field(default_factory=dict)
    """Folders of the engine's machine that it may read: path there -> path in the container."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Environment variables. Nothing of this process's environment is passed on."""
    runtime: str | None = None
    """The engine's OCI runtime, such as "runsc" for gVisor. None: the engine's default."""

    def __post_init__(self) -> None:
        for name in ("memory_mb", "cpus", "pids", "open_files", "tmp_mb", "shm_mb"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise ConfigError(f"{name} must be above 0, not {value!r}.")


@dataclass(frozen=True, slots=True)
class DockerTarget:
    """A server that is started in a container and speaks over stdio."""

    image: str
    command: tuple[str, ...] = ()
    """What to run instead of the image's own command."""
    options: ContainerOptions = ContainerOptions()

    def __post_init__(self) -> None:
        if not self.image:
            raise ConfigError("An image is named, as in 'docker:my-server:latest'.")


def reap_containers() -> list[str]:
    """Removes the containers of processes that died without doing so.

    Returns:
        The names of those that were removed since the last time this was asked.

    Raises:
        ConfigError: the docker package is missing.
        ServerStartError: no engine answers.
    """
    engine = Engine.get()
    removed, engine.reaped = engine.reaped + reap(engine.client), []
    return removed


def make_target(image: str, command: Sequence[str], env: Mapping[str, str], options: Mapping[str, Any]) -> DockerTarget:
    """The target that names and JSON values describe, as in an `mcp.json`.

    Raises:
        ConfigError: there is no such option, or its value is of another type.
    """
    known = {each.name for each in fields(ContainerOptions)} - {"env"}
    for name in options:
        if name not in known:
            raise ConfigError(did_you_mean(name, known, "container option"))
    try:
        made = TypeAdapter(ContainerOptions).validate_python({**options, "env": dict(env)})
    except ValidationError as error:
        problem = error.errors()[0]
        raise ConfigError(f"Container option {problem['loc'][0]!r}: {problem['msg']}") from error
    return DockerTarget(image, tuple(command), made)


def container_config(target: DockerTarget) -> dict[str, Any]:
    env = {"HOME": "/tmp", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1", "OPENBLAS_NUM_THREADS": "1"}
    return {
        "image": target.image,
        "command": list(target.command) or None,
        "environment": env | dict(target.options.env),
        "user": target.options.user,
        "stdin_open": True,
        "tty": False,
        "labels": {OWNER_LABEL: Owner.this_process().label()},
    }


def host_config(options: ContainerOptions, info: Mapping[str, Any]) -> dict[str, Any]:
    """The engine's form of the options.

    Raises:
        ConfigError: the engine cannot enforce one of the limits.
    """
    from docker.types import LogConfig, Ulimit

    for name, limit, capability in (
        ("memory_mb", options.memory_mb, "MemoryLimit"),
        ("cpus", options.cpus, "CpuCfsQuota"),
        ("pids", options.pids, "PidsLimit"),
    ):
        if limit is not None and not info.get(capability, True):
            raise ConfigError(
                f"This Docker engine cannot enforce {name}={limit} (rootless engines need cgroup v2 with delegation). "
                f"To run without that limit, say so: ContainerOptions({name}=None)."
            )
    config: dict[str, Any] = {
        "auto_remove": True,
        "network_mode": options.network,
        "read_only": not options.writable,
        "cap_drop": ["ALL"],
        "cap_add": list(options.capabilities),
        "security_opt": [] if options.new_privileges else ["no-new-privileges"],
        "privileged": False,
        "tmpfs": {"/tmp": f"rw,noexec,nosuid,nodev,mode=1777,size={options.tmp_mb}m"},
        "shm_size": options.shm_mb * _MB,
        "ipc_mode": "private",
        "ulimits": [
            Ulimit(name="nofile", soft=options.open_files, hard=options.open_files),
            Ulimit(name="core", soft=0, hard=0),
        ],
        "binds": {there: {"bind": here, "mode": "ro"} for there, here in sorted(options.read_only_mounts.items())},
        "log_config": LogConfig(type="none"),  # else the engine would keep everything that it writes
        "runtime": options.runtime,
    }
    if options.memory_mb is not None:
        config["mem_limit"] = options.memory_mb * _MB
        if info.get("SwapLimit", True):
            config["memswap_limit"] = options.memory_mb * _MB
    if options.cpus is not None:
        config |= {"cpu_period": _CPU_PERIOD_US, "cpu_quota": max(1000, int(options.cpus * _CPU_PERIOD_US))}
    if options.pids is not None:
        config["pids_limit"] = options.pids
    return config
