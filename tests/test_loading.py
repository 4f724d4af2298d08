"""Objects by name: a reward and an algorithm of a user's own, from a file and from a module."""

import sys
from pathlib import Path

import pytest

from toolgym.errors import ConfigError
from toolgym.loading import load_named, names_object
from toolgym.opening import open_env
from toolgym.rewards import make_reward

REWARD = '''"""A reward of one's own."""


def brief(trajectory, task):
    """1 for a response of fewer than 40 characters."""
    return float(len(trajectory.steps[-1].turn.response or "") < 40)


both = [("brief", brief, 0.5), ("also", brief, 2.0)]
'''


@pytest.fixture
def reward_file(tmp_path: Path) -> Path:
    path = tmp_path / "own_reward_of_a_test.py"
    path.write_text(REWARD)
    return path


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("own.py:brief", True),
        ("package.module:NAME", True),
        ("toolrl", False),
        ("https://example.org:80", False),
        ("https://example.org/x:name", False),
        (":name", False),
        ("module:", False),
        ("module:not-a-name", False),
    ],
)
def test_which_texts_name_an_object(text: str, named: bool) -> None:
    assert names_object(text) is named


def test_a_file_is_loaded_once(reward_file: Path) -> None:
    assert load_named(f"{reward_file}:brief") is load_named(f"{reward_file}:brief")
    assert load_named("toolgym.rewards:make_reward") is make_reward


def test_a_file_takes_no_other_modules_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two files of one name are two modules, and one with a library's name does not stand in for the library."""
    monkeypatch.setattr(sys, "path", [*sys.path])  # where the folders of files are put
    files = []
    for folder, value in (("a", 1), ("b", 2)):
        (tmp_path / folder).mkdir()
        files.append(tmp_path / folder / "twice_named.py")
        files[-1].write_text(f"import random\nkept = [{value}, random.random()]\n")
    one, other = (load_named(f"{file}:kept") for file in files)
    assert (one[0], other[0]) == (1, 2)
    assert [load_named(f"{file}:kept") for file in files] == [one, other]  # neither was run again
    for name in ("random", "fractions"):
        (tmp_path / f"{name}.py").write_text("mine = True\n")
        assert load_named(f"{tmp_path / name}.py:mine") is True
    assert hasattr(sys.modules["random"], "Random")
    assert not hasattr(sys.modules.get("fractions"), "mine")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("/nowhere/own.py:brief", "there is no file"),
        ("toolgym.no_such_module:brief", "Cannot load 'toolgym.no_such_module'"),
        ("toolgym.rewards:make_rewrd", "make_reward"),
    ],
)
def test_what_is_not_there_is_said(text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        load_named(text)


def test_a_reward_of_ones_own_pays_the_steps_of_an_environment(reward_file: Path) -> None:
    # One short step: brief = 1, so 0.5 * 1 + 2 * 1.
    env = open_env("ToolGym/Airline-v0", size="small", reward=f"{reward_file}:both")
    env.reset(seed=0)
    _, reward, _, _, info = env.step("<response>No.</response>")
    assert reward == 2.5
    assert info["rewards"] == {"brief": 1.0, "also": 1.0}
    env.close()
    env = open_env("ToolGym/Airline-v0", size="small", reward=f"{reward_file}:brief")
    env.reset(seed=0)
    assert env.step("<response>" + "No. " * 20 + "</response>")[1] == 0.0
    env.close()


def test_options_go_with_a_presets_name_only(reward_file: Path) -> None:
    with pytest.raises(ConfigError, match="go with a preset's name"):
        make_reward(f"{reward_file}:brief", alpha=0.2)
