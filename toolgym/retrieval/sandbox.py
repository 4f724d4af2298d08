"""`Sandbox`: where code that an agent wrote runs, and nowhere else."""

import threading
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from toolgym import _json
from toolgym.errors import ConfigError, ServerStartError
from toolgym.mcp.connect import ServerHandle, connect
from toolgym.mcp.docker import ContainerOptions, DockerTarget, require_docker
from toolgym.mcp.docker_engine import Engine
from toolgym.mcp.session import ToolSession
from toolgym.messages import ToolCall

__all__ = ["DockerSandbox", "Ran", "Sandbox", "docker_sandbox"]

_PROGRAM = Path(__file__).with_name("_in_container.py")


@dataclass(frozen=True, slots=True)
class Ran:
    """What came of a run: a JSON value, or why there is none."""

    value: Any = None
    error: str | None = None


class Sandbox(Protocol):
    """Runs code that nobody trusts. A run knows nothing of those before it."""

    def run(self, code: str, function: str, arguments: dict[str, Any]) -> Ran:
        """Calls a function that the code defines.

        Raises:
            InfraError: the sandbox itself failed.
        """
        ...

    def close(self) -> None:
        """Frees what it holds; the next run takes it anew."""
        ...


class DockerSandbox:
    """A sandbox in a container with `ContainerOptions`' defaults: no network, a read-only root, limits on all else.

    Args:
        image: an image that has Python.

    Raises:
        ConfigError: the docker package is missing, or no engine answers.
    """

    def __init__(self, image: str):
        require_docker()
        try:
            Engine.get()
        except ServerStartError as error:
            raise ConfigError(
                f"Tools that agents make run in a Docker container alone, and there is no engine: {error}. Start one, "
                "or leave make_tools out"
            ) from error
        program = _PROGRAM.read_text(encoding="utf-8")
        self._target = DockerTarget(image, ("python", "-c", program), ContainerOptions())
        self._lock = threading.Lock()
        self._handle: ServerHandle | None = None
        self._session: ToolSession | None = None

    def run(self, code: str, function: str, arguments: dict[str, Any]) -> Ran:
        """Calls a function that the code defines; runs wait for each other."""
        with self._lock:
            if self._session is None:
                self._handle = connect(self._target)
                self._session = self._handle.session()
            call = ToolCall("run", {"code": code, "function": function, "arguments": arguments})
            try:
                result = self._session.call(call)
            except BaseException:
                self._close()
                raise
        if result.is_error:
            return Ran(error=result.text)
        try:
            told = _json.loads(result.text)
        except ValueError:
            return Ran(error="its answer is no JSON")
        return Ran(told.get("value"), told.get("error")) if isinstance(told, dict) else Ran(error="it gave no answer")

    def close(self) -> None:
        """Removes the container; the next run starts another."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        handle, self._handle, self._session = self._handle, None, None
        if handle is not None:
            handle.close()


@lru_cache(maxsize=8)
def docker_sandbox(image: str) -> DockerSandbox:
    """The sandbox of this process on an image.

    Raises:
        ConfigError: as `DockerSandbox`.
    """
    return DockerSandbox(image)
