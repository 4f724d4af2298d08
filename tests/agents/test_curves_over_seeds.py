"""Runs that differ in the seed alone, drawn as one."""

import json
from pathlib import Path

import pytest
from matplotlib.axes import Axes

from toolgym.agents.training.curves import Curve, draw, over_seeds, read_runs
from toolgym.agents.training.grpo_options import GRPOOptions
from toolgym.agents.training.run_folder import begin, kept
from toolgym.agents.training.sizing import settled
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


def test_a_run_that_was_resumed_is_one_of_the_seeds(tmp_path):
    folders = [tmp_path / "a", tmp_path / "b"]
    for seed, folder in enumerate(folders):
        begin(settled(GRPOOptions(output=folder, seed=seed)))
        (folder / "metrics.jsonl").write_text('{"step": 1, "solved": 0.5}\n')
    (folders[1] / "checkpoint-1").mkdir()
    (folders[1] / "checkpoint-1" / "trainer_state.json").write_text("{}")
    # It goes on with other threads and elsewhere, as a run may.
    again = GRPOOptions(output=folders[1], seed=1, resume=True, threads=2, micro_batch=4, record=True, save_steps=10)
    begin(settled(kept(again)))
    assert [run.name for run in over_seeds(read_runs(folders), folders)] == ["a and 1 more seeds"]


@pytest.mark.parametrize("other", [{"steps": 9}, {"env_steps": 9}, {"eval_split": "test"}, {"learning_rate": 0.1}])
def test_what_a_run_learns_from_keeps_it_apart(tmp_path, other):
    folders = [write(tmp_path / "a", [0.1], seed=0), write(tmp_path / "b", [0.3], seed=1, **other)]
    assert [run.name for run in over_seeds(read_runs(folders), folders)] == ["a", "b"]


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
