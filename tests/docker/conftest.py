"""Fixtures: a real engine, or a skip that says why; images built here; a session on a hostile server."""

import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from toolgym.errors import ToolGymError
from toolgym.mcp.connect import ServerHandle, connect
from toolgym.mcp.connection import WireOptions
from toolgym.mcp.docker import ContainerOptions, DockerTarget, build_image
from toolgym.mcp.docker_engine import Engine
from toolgym.mcp.docker_owner import OWNER_LABEL, Owner

HERE = Path(__file__).parent
CHECKOUT = HERE.parents[1]
BASE_IMAGE = os.environ.get("TOOLGYM_TEST_IMAGE", "toolgym-test-base")
WIRE = WireOptions(timeout_s=30, start_timeout_s=90)

HOSTILE_DOCKERFILE = """\
ARG BASE
FROM $BASE
COPY hostile_server.py /app/
RUN cp "$(command -v id)" /opt/whoami && chmod 4755 /opt/whoami && chmod -R a+rX /app
CMD ["python", "/app/hostile_server.py"]
"""
NOTES_DOCKERFILE = """\
ARG BASE
FROM $BASE
WORKDIR /app
COPY . .
RUN chmod -R a+rX /app
CMD ["python", "tests/mcp/notes_server.py"]
"""


@pytest.fixture(scope="session")
def engine() -> Engine:
    """The engine that the tests use. In CI (`.ci/docker up`) there is one."""
    pytest.importorskip("docker", reason="the docker package is not installed: pip install 'toolgym[docker]'")
    from docker.errors import ImageNotFound

    try:
        engine = Engine.get()
        engine.client.images.get(BASE_IMAGE)
    except ImageNotFound:
        pytest.skip(f"the engine has no image {BASE_IMAGE!r} to build on: .ci/docker up")
    except ToolGymError as error:
        pytest.skip(f"no Docker engine: {error}")
    return engine


@pytest.fixture(scope="session")
def base_image(engine: Engine) -> str:
    return BASE_IMAGE


@pytest.fixture(scope="session")
def hostile_image(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The image of `hostile_server.py`, with a program in it that is set-uid root."""
    folder = tmp_path_factory.mktemp("hostile")
    shutil.copy(HERE / "hostile_server.py", folder)
    (folder / "Dockerfile").write_text(HOSTILE_DOCKERFILE)
    return build_image(folder, tag="toolgym-test-hostile", base=BASE_IMAGE, network=False)


@pytest.fixture(scope="session")
def notes_image(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The image of the notes server, with this checkout's library."""
    folder = tmp_path_factory.mktemp("notes")
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("toolgym", "envs", "mcp_servers"):
        shutil.copytree(CHECKOUT / name, folder / name, ignore=ignored)
    (folder / "tests/mcp").mkdir(parents=True)
    shutil.copy(CHECKOUT / "tests/mcp/notes_server.py", folder / "tests/mcp")
    shutil.copy(CHECKOUT / "pyproject.toml", folder)
    (folder / "Dockerfile").write_text(NOTES_DOCKERFILE)
    return build_image(folder, tag="toolgym-test-notes", base=BASE_IMAGE, network=False)


@pytest.fixture
def hostile(hostile_image: str) -> Iterator[Callable[..., ServerHandle]]:
    """Starts the hostile server, with options of its container."""
    handles: list[ServerHandle] = []

    def start(wire: WireOptions = WIRE, command: tuple[str, ...] = (), **options: Any) -> ServerHandle:
        target = DockerTarget(hostile_image, command, ContainerOptions(**options))
        handles.append(connect(target, options=wire))
        return handles[-1]

    yield start
    for handle in handles:
        handle.close()


@pytest.fixture
def running(engine: Engine) -> Callable[..., list[str]]:
    """The ids of an owner's containers (by default this process's), whatever their state."""

    def ids(owner: str | None = None) -> list[str]:
        label = f"{OWNER_LABEL}={owner or Owner.this_process().label()}"
        return sorted(entry["Id"] for entry in engine.client.api.containers(all=True, filters={"label": label}))

    return ids


@pytest.fixture(scope="session")
def notes() -> ModuleType:
    """The notes server's module, in this process."""
    spec = importlib.util.spec_from_file_location("toolgym_test_docker_notes", CHECKOUT / "tests/mcp/notes_server.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # pydantic looks annotations up there
    spec.loader.exec_module(module)
    return module
