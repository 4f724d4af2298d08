"""What a reward function may return: a finite number, or NaN where it has no score; anything else is told by name."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from toolgym.cli.app import main
from toolgym.errors import ConfigError
from toolgym.opening import open_env
from toolgym.rewards import Reward, score
from toolgym.tasks import Task
from toolgym.trajectory import Trajectory

WRONG = [None, math.inf, -math.inf, "1.0", "x", [], {}, 10**400, 1j, np.array([1.0, 2.0]), np.inf]
RIGHT = [(1, 1.0), (True, 1.0), (np.float32(0.5), 0.5), (np.int64(3), 3.0), (np.array(2.0), 2.0), (-0.0, 0.0)]


def of(value: Any) -> Reward:
    return Reward({"fine": lambda trajectory, task: 1.0, "brief": lambda trajectory, task: value}, {})


@pytest.mark.parametrize("value", WRONG, ids=repr)
def test_a_reward_that_is_no_number_is_named(value: Any) -> None:
    with pytest.raises(ConfigError, match=r"the reward 'brief' returned .* a finite number, or NaN"):
        of(value).score(Trajectory("e", "t"), Task(id="t", domain="d", kind=("k",), request="r"))


@pytest.mark.parametrize(("value", "number"), RIGHT, ids=repr)
def test_numbers_of_any_kind_are_rewards(value: Any, number: float) -> None:
    total, parts = of(value).score(Trajectory("e", "t"), Task(id="t", domain="d", kind=("k",), request="r"))
    assert (total, parts["brief"]) == (1.0 + number, number)
    assert type(total) is type(parts["brief"]) is float


def test_no_score_is_no_zero() -> None:
    task = Task(id="t", domain="d", kind=("k",), request="r")
    total, parts = of(math.nan).score(Trajectory("e", "t"), task)
    assert math.isnan(total)
    assert parts == {"fine": 1.0}
    unweighted = Reward(of(math.nan).terms, {"brief": 0.0})
    assert unweighted.score(Trajectory("e", "t"), task) == (1.0, {"fine": 1.0})


def test_the_environment_names_what_has_no_score() -> None:
    with open_env("ToolGym/Airline-v0", size="small", reward=of(math.nan)) as env:
        env.reset(seed=0)
        _, reward, _, _, info = env.step("<response>hm</response>")
        assert math.isnan(reward)
        assert info["unscored"] == ["brief"]
        assert info["rewards"] == {"fine": 1.0}
    with open_env("ToolGym/Airline-v0", size="small") as env:
        env.reset(seed=0)
        assert "unscored" not in env.step("<response>hm</response>")[4]


@pytest.fixture
def none(tmp_path: Path) -> str:
    (tmp_path / "mine.py").write_text("def brief(trajectory, task):\n    return None\n")
    return f"{tmp_path / 'mine.py'}:brief"


def test_commands_end_with_one_line(none: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    episodes = str(tmp_path / "episodes.jsonl")
    where = ["--set", "size=small"]
    with pytest.raises(SystemExit) as ended:
        main(["eval", "--agent", "oracle", "--episodes", "1", *where, "--output", episodes])
    assert not ended.value.code
    train = ["train", "--algo", "grpo", "--steps", "1", "--groups", "1", "--rollouts", "2", "--max-new-tokens", "4"]
    for words in (
        ["eval", "--agent", "oracle", "--episodes", "1", *where, "--set", f"reward={none}"],
        ["score", episodes, *where, "--reward", none],
        [*train, "--threads", "1", "--reward", none, "--output", str(tmp_path / "run"), "--no-progress"],
    ):
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code == 2
        lines = [line for line in capsys.readouterr().err.splitlines() if "Error" in line]
        assert len(lines) == 1
        assert "the reward 'brief' returned None" in lines[0]


def test_scores_of_files_leave_out_what_has_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.py").write_text(
        "def brief(trajectory, task):\n    return float('nan') if len(task.gold) % 2 else 1.0 * trajectory.done\n"
    )
    episodes, where = str(tmp_path / "episodes.jsonl"), ["--set", "size=small"]
    with pytest.raises(SystemExit):
        main(["eval", "--agent", "oracle", "--episodes", "8", *where, "--output", episodes])
    capsys.readouterr()
    with pytest.raises(SystemExit):
        main(["score", episodes, *where, "--reward", f"{tmp_path / 'mine.py'}:brief", "--json"])
    made = json.loads(capsys.readouterr().out)
    (figures,) = made["rewards"].values()
    returns = [value for entry in made["episodes"] for value in entry["returns"].values()]
    assert figures["unscored"] == returns.count(None) > 0
    assert figures["mean"] == 1.0


def test_texts_without_a_judgement_have_no_score() -> None:
    gold = [{"name": "b", "arguments": {}}]
    said = '<tool_call>{"name": "b", "arguments": {}}</tool_call>'
    assert math.isnan(score("awpo", said, gold, judge=lambda trajectory, task: None)["total"])
