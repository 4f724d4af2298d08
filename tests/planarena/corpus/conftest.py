"""A small corpus of the library, and the beginnings of its tasks."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from toolgym.env import ToolEnv
from toolgym.envs.planarena.corpus.building import BuildOptions, build
from toolgym.envs.planarena.corpus.format import part_files, read_manifest, read_rows
from toolgym.envs.planarena.corpus.playing import State, new_env, start
from toolgym.registration import make_domain
from toolgym.tasks import Task


def _options(folder: Path, **changed: Any) -> BuildOptions:
    given = {"scenarios": ["library"], "trajectories": 24, "part_rows": 6, "alternatives": 2, "format": "jsonl"}
    return BuildOptions(folder, **{**given, **changed})


@pytest.fixture(scope="session")
def options() -> Callable[..., BuildOptions]:
    """Options of a corpus of 24 rows in four files, which is built in about a second."""
    return _options


@pytest.fixture(scope="session")
def files() -> Callable[[Path], dict[str, bytes]]:
    """Everything in a folder but its lock."""

    def read(folder: Path) -> dict[str, bytes]:
        found = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != ".lock")
        return {str(path.relative_to(folder)): path.read_bytes() for path in found}

    return read


@pytest.fixture(scope="session")
def rows_of() -> Callable[[Path], list[dict[str, Any]]]:
    """The rows of a corpus."""
    return lambda folder: [row for path in part_files(folder, read_manifest(folder)) for row in read_rows(path)]


@pytest.fixture(scope="session")
def library() -> Any:
    return make_domain("library", size="small")


@pytest.fixture
def task_of(library: Any) -> Callable[[int], Task]:
    return lambda index: library.tasks("train")[index]


@pytest.fixture
def env(library: Any) -> ToolEnv:
    return new_env(library)


@pytest.fixture
def state_of(env: ToolEnv, task_of: Callable[[int], Task]) -> Callable[[int], State]:
    return lambda index: start(env, task_of(index))


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The corpus of `options`, never written to."""
    folder = tmp_path_factory.mktemp("corpora") / "built"
    build(_options(folder))
    return folder
