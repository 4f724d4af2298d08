"""Runs that differ in the seed alone, drawn as one."""

import json
from pathlib import Path

import pytest
from matplotlib.axes import Axes

from toolgym.agents.training.curves import Curve, draw, over_seeds, read_runs
from toolgym.cli import main
from toolgym.errors import ConfigError


def write(folder: Path, values: list[float], **options) -> Path:
    folder.mkdir()
    lines = [{"step": step, "solved": value} for step, value in enumerate(values, 1)]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "config.json").write_text(json.dumps({"output": str(folder), "seed": 0, "groups": 8, **options}))
    return folder


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    return [
        write(tmp_path / "a", [0.1, 0.3, 0.5], seed=0),
        write(tmp_path / "b", [0.3, 0.9], seed=1),
        write(tmp_path / "c", [0.0, 0.0], seed=1, groups=4),
    ]


def test_the_mean_and_the_range_of_equal_options(folders):
    one, other = over_seeds(read_runs(folders), folders)
    # Steps 1 and 2, which both have: (0.1 + 0.3) / 2 = 0.2 and (0.3 + 0.9) / 2 = 0.6.
    assert one.name == "a and 1 more seeds"
    assert one.steps == 2
    curve: Curve = one.curves["solved"]
    assert curve.steps == [1, 2]
    assert curve.values == pytest.approx([0.2, 0.6])
    assert curve.intervals == [(0.1, 0.3), (0.3, 0.9)]
    assert (other.name, other.curves["solved"].values) == ("c", [0.0, 0.0])


def test_the_range_is_drawn_as_a_band(folders, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(Axes, "fill_between", lambda _, steps, low, high, **__: drawn.append((steps, [*low], [*high])))
    draw(over_seeds(read_runs(folders), folders), ["solved"], tmp_path / "x.png", smoothing=0)
    assert drawn == [([1, 2], [0.1, 0.3], [0.3, 0.9])]


def test_the_command_draws_them_as_one(folders, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["plot", *map(str, folders), "--over-seeds", "--json"])
    assert stop.value.code == 0
    assert [run["run"] for run in json.loads(capsys.readouterr().out)] == ["a and 1 more seeds", "c"]


def test_a_folder_that_does_not_say_its_options_is_an_error(folders):
    (folders[0] / "config.json").unlink()
    with pytest.raises(ConfigError, match=r"config\.json"):
        over_seeds(read_runs(folders), folders)
