"""verifiers, both ways, with its real package."""

import sys
from pathlib import Path

import gymnasium
import pytest

from tests.adapters.peers import run_inside
from toolgym.errors import ConfigError


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_beside_the_real_package(tmp_path):
    files = [Path(__file__).with_name(f"inside_verifiers{name}.py") for name in ("", "_playing")]
    run_inside(tmp_path / "venv", ["verifiers"], *files)


def test_a_taskset_is_needed():
    with pytest.raises(ConfigError, match="taskset="):
        gymnasium.make("ToolGym/Verifiers-v0")


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "verifiers.v1", None)
    monkeypatch.delitem(sys.modules, "toolgym.adapters.verifiers.serving", raising=False)
    with pytest.raises(ConfigError, match="pip install verifiers"):
        import toolgym.adapters.verifiers.serving  # noqa: F401
    monkeypatch.delitem(sys.modules, "toolgym.adapters.verifiers.engine", raising=False)
    with pytest.raises(ConfigError, match="pip install verifiers"):
        gymnasium.make("ToolGym/Verifiers-v0", taskset="gsm8k-v1")
