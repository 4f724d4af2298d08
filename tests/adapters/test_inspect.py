"""Our tasks as Inspect's, with its real package."""

import sys
from pathlib import Path

import pytest

from tests.adapters.peers import run_inside
from toolgym.errors import ConfigError


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_beside_the_real_package(tmp_path):
    run_inside(tmp_path / "venv", ["inspect-ai"], Path(__file__).with_name("inside_inspect.py"))


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "inspect_ai", None)
    monkeypatch.delitem(sys.modules, "toolgym.adapters.inspect", raising=False)
    with pytest.raises(ConfigError, match="pip install inspect-ai"):
        import toolgym.adapters.inspect  # noqa: F401
