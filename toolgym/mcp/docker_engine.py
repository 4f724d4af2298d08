"""`Engine`: the Docker engine that this process uses: local, rootless or on another machine."""

import atexit
import importlib.util
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from toolgym.errors import ConfigError, ServerStartError
from toolgym.mcp.docker_owner import reap

__all__ = ["Engine", "require_docker"]

_HOW_TO = "Start one, or name it by DOCKER_HOST (unix:///run/user/1000/docker.sock, tcp://HOST:2376, ssh://USER@HOST)."
_NEEDS_SSH = "An engine over ssh needs more of the docker package: pip install 'docker[ssh]'."
_KNOCK_S = 10.0
_REMOVAL_S = 3.0
_SOCKETS = ("docker.sock", "podman/podman.sock")

_engine: "Engine | None" = None
_lock = threading.Lock()


def _forget_after_fork() -> None:
    global _engine, _lock
    _engine, _lock = None, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)


def require_docker() -> None:
    """Checks that the `docker` package is there, without importing it.

    Raises:
        ConfigError: it is not.
    """
    if importlib.util.find_spec("docker") is None:
        raise ConfigError("Containers need the docker package: pip install 'toolgym[docker]'.")


class Engine:
    """A connection to a Docker engine. Its methods block, and may be called from any thread."""

    def __init__(self, client: Any, url: str, tls: Any):
        self.client = client
        """The `docker.DockerClient`."""
        self.url = url
        self.tls: ssl.SSLContext | None = _tls_context(tls) if tls else None
        self.info: dict[str, Any] = client.info()
        self.reaped: list[str] = []
        """The containers of dead owners that were removed when this process began to use the engine."""
        self._running: dict[str, bool] = {}
        self._pid = os.getpid()

    @classmethod
    def get(cls) -> "Engine":
        """This process's engine. At its first use, containers of owners that have died are removed.

        Raises:
            ConfigError: the docker package is missing, or the engine's address cannot be used.
            ServerStartError: no engine answers.
        """
        global _engine
        with _lock:
            if _engine is None:
                engine = _open()
                with suppress(Exception):  # what cannot be removed now is removed by a later process
                    engine.reaped = reap(engine.client)
                atexit.register(engine.clean_up)
                _engine = engine
            return _engine

    def make(self, name: str, config: dict[str, Any], limits: dict[str, Any]) -> str:
        """Makes a container, which is not started yet, and keeps it in mind until it is removed.

        Args:
            name: its name.
            config: arguments of docker's `create_container`.
            limits: arguments of docker's `create_host_config`.

        Returns:
            Its id.

        Raises:
            ConfigError: the engine has no such image.
            ServerStartError: the engine refuses, or does not answer.
        """
        from docker.errors import ImageNotFound

        api = self.client.api
        self._running[name] = True
        try:
            with _refusals("refuses the container"):
                made = api.create_container(name=name, host_config=api.create_host_config(**limits), **config)
        except ServerStartError as error:
            if isinstance(error.__cause__, ImageNotFound):
                image = config["image"]
                raise ConfigError(
                    f"The Docker engine at {self.url} has no image {image!r}. Fetch it (docker pull {image}), or build "
                    "it from a folder: toolgym.mcp.docker.build_image(folder)."
                ) from error
            raise
        return made["Id"]

    def start(self, name: str) -> None:
        """Starts a container that `make` made.

        Raises:
            ServerStartError: the engine cannot, or does not answer.
        """
        with _refusals("cannot start the container"):
            self.client.api.start(name)

    def remove(self, name: str) -> None:
        """Kills and removes a container; one that is gone already is no error."""
        from docker.errors import APIError, NotFound

        try:
            self.client.api.remove_container(name, v=True, force=True)
        except NotFound:
            pass
        except APIError as error:
            if error.status_code != 409:
                raise
            self._wait_until_gone(name)  # its removal is under way
        self._running.pop(name, None)

    def _wait_until_gone(self, name: str) -> None:
        from docker.errors import NotFound

        deadline_s = time.monotonic() + _REMOVAL_S
        with suppress(NotFound):
            while time.monotonic() < deadline_s:
                self.client.api.inspect_container(name)
                time.sleep(0.02)

    def clean_up(self) -> None:
        """Removes what this process still runs, and what dead owners left; at the interpreter's exit."""
        if self._pid != os.getpid():
            return
        for name in list(self._running):
            with suppress(Exception):
                self.remove(name)
        with suppress(Exception):
            reap(self.client)
        with suppress(Exception):
            self.client.close()


@contextmanager
def _refusals(what: str) -> Iterator[None]:
    """Gives the engine's errors our type."""
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    try:
        yield
    except (DockerException, RequestException) as error:
        raise ServerStartError(f"The Docker engine {what}: {error}") from error


def _open() -> Engine:
    require_docker()
    from docker import DockerClient
    from docker.errors import DockerException

    try:
        url, tls = _address()
        _knock(url)
        client = DockerClient(base_url=url, tls=tls or False, use_ssh_client=True, timeout=120, max_pool_size=64)
        try:
            return Engine(client, url, tls)
        except BaseException:
            client.close()
            raise
    except (DockerException, OSError) as error:
        if "paramiko" in str(error):
            raise ConfigError(_NEEDS_SSH) from error
        raise ServerStartError(f"No Docker engine answers: {error}. {_HOW_TO}") from error
    except ModuleNotFoundError as error:
        raise ConfigError(_NEEDS_SSH) from error


def _knock(url: str) -> None:
    """Connects to a local engine once: where that fails, the docker package would leave its socket open.

    Raises:
        OSError: nobody listens.
    """
    parts = urlsplit(url)
    if parts.scheme in ("unix", "http+unix"):
        with socket.socket(socket.AF_UNIX) as knocking:
            knocking.settimeout(_KNOCK_S)
            try:
                knocking.connect(parts.path)
            except OSError as error:
                raise OSError(f"nothing listens at {url} ({error})") from error


def _address() -> tuple[str, Any]:
    """The engine's URL and its `TLSConfig`: DOCKER_HOST, the docker command's context, or the first socket there is."""
    from docker.utils import kwargs_from_env

    given = kwargs_from_env()
    if "base_url" not in given:
        given = _from_context() or given
    url, tls = given.get("base_url"), given.get("tls")
    default = "unix:///var/run/docker.sock"
    if url is None or (url == default and not Path("/var/run/docker.sock").exists()):
        url, tls = _local_socket() or default, None
    if url.startswith("npipe:"):
        raise ConfigError("Windows' named pipes are not supported: set DOCKER_HOST to a tcp:// address of the engine.")
    return url, tls


def _from_context() -> dict[str, Any]:
    from docker.context import ContextAPI

    read = getattr(ContextAPI, "kwargs_from_context", None)  # docker 7.2 and later
    return {} if read is None else read()


def _local_socket() -> str | None:
    """A rootless engine's socket, or Docker Desktop's, or podman's."""
    folders = [Path("/var/run")]
    if "XDG_RUNTIME_DIR" in os.environ:
        folders.append(Path(os.environ["XDG_RUNTIME_DIR"]))
    folders += [Path(f"/run/user/{os.getuid()}")] if hasattr(os, "getuid") else []
    folders.append(Path.home() / ".docker/run")
    found = (folder / name for name in _SOCKETS for folder in folders)
    return next((f"unix://{path}" for path in found if path.exists()), None)


def _tls_context(tls: Any) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=tls.ca_cert or None)
    if tls.cert:
        context.load_cert_chain(*tls.cert)
    if not tls.verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
