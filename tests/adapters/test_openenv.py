"""OpenEnv, both ways, with its real package."""

import sys
from pathlib import Path

import gymnasium
import pytest

from tests.adapters.peers import run_inside
from toolgym.errors import ConfigError


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_beside_the_real_package(tmp_path):
    run_inside(tmp_path / "venv", ["openenv-core"], Path(__file__).with_name("inside_openenv.py"))


def test_a_url_is_needed():
    with pytest.raises(ConfigError, match="url="):
        gymnasium.make("ToolGym/OpenEnv-v0")


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "openenv.core.generic_client", None)
    with pytest.raises(ConfigError, match="pip install openenv-core"):
        gymnasium.make("ToolGym/OpenEnv-v0", url="http://127.0.0.1:9")
