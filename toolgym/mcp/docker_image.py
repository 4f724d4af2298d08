"""`build_image`: a container image from a folder that holds a server."""

import hashlib
import re
import tempfile
from pathlib import Path

from toolgym.errors import ConfigError
from toolgym.mcp.docker_engine import Engine

__all__ = ["build_image"]

_DEFAULT = """\
ARG BASE=python:3.11-slim
FROM $BASE
WORKDIR /app
{requirements}COPY . .
RUN chmod -R a+rX /app
CMD ["python", "server.py"]
"""
_REQUIREMENTS = """\
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
"""
_LOG_LINES = 20


def build_image(folder: str | Path, *, tag: str | None = None, base: str | None = None, network: bool = True) -> str:
    """Builds an image of a server's folder; quickly where nothing has changed, because the engine keeps its layers.

    Args:
        folder: holds a `Dockerfile`; or a `server.py`, and a `requirements.txt` if it needs packages, which are put on
            `python:3.11-slim`. A `.dockerignore` is heeded.
        tag: the image's name; by default made of the folder's name and path.
        base: what the Dockerfile's `ARG BASE` is to be.
        network: whether the build's commands have a network.

    Returns:
        The tag: `connect(f"docker:{tag}")`.

    Raises:
        ConfigError: there is nothing to build, or building fails; the message ends with the build's last output.
        ServerStartError: no engine answers.
    """
    source = Path(folder).resolve()
    dockerfile = source / "Dockerfile"
    if not dockerfile.is_file() and not (source / "server.py").is_file():
        raise ConfigError(f"{str(source)!r} holds neither a Dockerfile nor a server.py.")
    tag = tag or _tag(source)
    buildargs = {} if base is None else {"BASE": base}
    if dockerfile.is_file():
        return _build(source, dockerfile, tag, buildargs, network)
    requirements = _REQUIREMENTS if (source / "requirements.txt").is_file() else ""
    with tempfile.TemporaryDirectory() as outside:
        dockerfile = Path(outside) / "Dockerfile"
        dockerfile.write_text(_DEFAULT.format(requirements=requirements), encoding="utf-8")
        return _build(source, dockerfile, tag, buildargs, network)


def _build(source: Path, dockerfile: Path, tag: str, buildargs: dict[str, str], network: bool) -> str:
    engine = Engine.get()
    from docker.errors import APIError, BuildError

    try:
        engine.client.images.build(
            path=str(source),
            dockerfile=str(dockerfile),
            tag=tag,
            buildargs=buildargs,
            labels={"toolgym.image": "1"},
            rm=True,
            forcerm=True,
            network_mode=None if network else "none",
        )
    except BuildError as error:
        lines = "".join(entry.get("stream") or entry.get("error") or "" for entry in error.build_log).splitlines()
        tail = "\n".join(lines[-_LOG_LINES:])
        raise ConfigError(f"Building {str(source)!r} failed: {error.msg}\n{tail}") from error
    except APIError as error:
        raise ConfigError(f"The Docker engine cannot build {str(source)!r}: {error}") from error
    return tag


def _tag(source: Path) -> str:
    name = re.sub(r"[^a-z0-9]+", "-", source.name.lower()).strip("-") or "server"
    return f"toolgym-{name}:{hashlib.sha256(str(source).encode()).hexdigest()[:12]}"
