"""The MCP project's reference servers work unchanged. Installed from PyPI and npm; without a registry, skipped.

`TOOLGYM_THIRD_PARTY` names a folder in which they are installed already, or are to stay.
"""

import importlib.util
import os
import shutil
import subprocess
from pathlib import Path

import pytest

_SPEC = importlib.util.spec_from_file_location("own_server_third_party", Path(__file__).with_name("third_party.py"))
assert _SPEC is not None
assert _SPEC.loader is not None
third_party = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(third_party)

pytestmark = [pytest.mark.slow, pytest.mark.external, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    for program in ("npm", "node", "git"):
        if shutil.which(program) is None:
            pytest.skip(f"needs {program}")
    given = os.environ.get("TOOLGYM_THIRD_PARTY")
    folder = Path(given) if given else tmp_path_factory.mktemp("third-party")
    if not (folder / "js").exists():
        try:
            third_party.install(folder)
        except subprocess.CalledProcessError as error:
            pytest.skip(f"no registry could be reached: {error}")
    third_party.prepare(folder)
    return folder


@pytest.mark.parametrize("name", sorted(third_party.TASKS))
def test_a_reference_server_as_an_environment(installed, name):
    """The oracle solves its task, doing nothing does not."""
    oracle, noop, diff, found = third_party.outcome(name, installed)
    assert (oracle, noop) == ("solved", "unsolved")
    assert found["tools"] > 0
    seen = {"filesystem": {"files": {"todo.txt": "buy milk"}}, "time": {}, "everything": {}}
    if name in seen:
        assert diff == seen[name]
    else:
        assert diff
