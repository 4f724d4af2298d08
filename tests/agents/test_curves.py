"""Learning curves: what is read of runs, what is drawn of it, and what is said where there is nothing to draw."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from toolgym.agents.training.curves import choose, draw, read_run, read_runs, smooth, summary
from toolgym.cli import main as cli
from toolgym.errors import ConfigError


def write(path: Path, *lines: dict[str, Any], torn: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines) + torn)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A folder with two runs: one of reinforcement learning with evaluations, one of fine-tuning."""
    write(
        tmp_path / "grpo" / "seed-0" / "metrics.jsonl",
        {"step": 1, "solved": 0.2, "reward": 1, "entropy": 0.5, "loss": 0.0, "epoch": 0.1},
        {"step": 2, "solved": 0.6, "reward": None, "entropy": float("nan"), "loss": 0.0, "epoch": 0.2},
        {"step": 3, "solved": 0.4, "reward": 3, "entropy": 0.4, "loss": 0.0, "epoch": 0.3},
        torn='{"step": 4, "sol',
    )
    evaluation = {"split": "validation", "k": 1, "seed": 0, "tool_recall": None}
    write(
        tmp_path / "grpo" / "seed-0" / "evaluations.jsonl",
        {"step": 2, "pass@1": 0.5, "turns": 2.0, "intervals": {"pass@1": [0.3, 0.7], "turns": None}, **evaluation},
    )
    write(tmp_path / "sft" / "seed-0" / "metrics.jsonl", {"step": 1, "loss": 2.0}, {"step": 2, "loss": 1.0})
    return tmp_path


def test_a_run_is_read_as_far_as_it_is_written(runs: Path) -> None:
    run = read_run(runs / "grpo" / "seed-0")
    assert run.steps == 3
    assert sorted(run.curves) == ["entropy", "eval/pass@1", "eval/turns", "loss", "reward", "solved"]
    assert (run.curves["solved"].steps, run.curves["solved"].values) == ([1, 2, 3], [0.2, 0.6, 0.4])
    assert (run.curves["reward"].steps, run.curves["reward"].values) == ([1, 3], [1.0, 3.0])
    assert run.curves["entropy"].steps == [1, 3]
    assert (run.curves["eval/pass@1"].steps, run.curves["eval/pass@1"].intervals) == ([2], [(0.3, 0.7)])
    assert run.curves["eval/turns"].intervals == run.curves["solved"].intervals == []


def test_runs_are_named_by_where_they_differ(runs: Path) -> None:
    both = read_runs([runs / "grpo" / "seed-0", runs / "sft" / "seed-0", runs / "grpo" / "seed-0"])
    assert [run.name for run in both] == ["grpo/seed-0", "sft/seed-0"]
    (one,) = read_runs([runs / "sft" / "seed-0"])
    assert one.name == "seed-0"


def test_the_usual_figures_are_those_that_there_are(runs: Path) -> None:
    grpo, sft = read_run(runs / "grpo" / "seed-0"), read_run(runs / "sft" / "seed-0")
    assert choose([grpo, sft]) == ["eval/pass@1", "solved", "reward", "entropy"]
    assert choose([sft]) == ["loss"]
    assert choose([sft, grpo], ["eval/turns", "loss"]) == ["eval/turns", "loss"]
    with pytest.raises(ConfigError, match=r"Unknown figure 'solvd'\. Did you mean 'solved'"):
        choose([grpo], ["solvd"])


def test_a_run_without_the_usual_figures_shows_its_first(tmp_path: Path) -> None:
    write(tmp_path / "own" / "metrics.jsonl", {"step": 1, "e": 1.0, "d": 1.0, "c": 1.0, "b": 1.0, "a": 1.0})
    write(tmp_path / "own" / "evaluations.jsonl", {"step": 1, "turns": 2.0, "intervals": None})
    own = read_run(tmp_path / "own")
    assert choose([own]) == ["e", "d", "c", "b"]
    assert own.curves["eval/turns"].intervals == []
    write(tmp_path / "none" / "metrics.jsonl", {"step": 1, "said": "nothing"})
    with pytest.raises(ConfigError, match="none has logged a figure"):
        choose([read_run(tmp_path / "none")])


def test_smoothing_is_a_running_mean_with_falling_weights() -> None:
    # (1), (0.5 * 1 + 3) / 1.5, (0.25 * 1 + 0.5 * 3 + 4) / 1.75
    assert smooth([1.0, 3.0, 4.0], 0.5) == pytest.approx([1.0, 3.5 / 1.5, 5.75 / 1.75])
    assert smooth([1.0, 3.0, 4.0], 0.0) == [1.0, 3.0, 4.0]
    assert smooth([2.0] * 5, 0.9) == pytest.approx([2.0] * 5)
    with pytest.raises(ConfigError, match=r"smoothing must be at least 0 and below 1, got 1\.0"):
        smooth([1.0], 1.0)


def test_the_summary_says_last_and_best(runs: Path) -> None:
    said = summary(read_run(runs / "grpo" / "seed-0"), smoothing=0.5)
    assert said["steps"] == 3
    assert said["figures"]["solved"] == {
        "last": 0.4,
        "smoothed": pytest.approx((0.25 * 0.2 + 0.5 * 0.6 + 0.4) / 1.75),
        "highest": {"value": 0.6, "step": 2},
        "lowest": {"value": 0.2, "step": 1},
    }
    assert said["figures"]["eval/pass@1"]["highest"] == {"value": 0.5, "step": 2}


def test_what_is_drawn(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Any] = []
    monkeypatch.setattr(Figure, "savefig", lambda self, path, **_: drawn.append(self))
    both = read_runs([runs / "grpo" / "seed-0", runs / "sft" / "seed-0"])
    draw(both, ["solved", "loss", "eval/pass@1"], tmp_path / "new" / "curves.svg", smoothing=0.5)
    (picture,) = drawn
    solved, loss, evaluated = picture.axes
    assert [axes.get_title() for axes in picture.axes] == ["solved", "loss", "eval/pass@1"]
    raw, smoothed = (line for line in solved.lines if len(line.get_xdata()))
    assert list(raw.get_ydata()) == [0.2, 0.6, 0.4]
    assert list(smoothed.get_ydata()) == pytest.approx(smooth([0.2, 0.6, 0.4], 0.5))
    assert raw.get_alpha() == 0.2
    assert raw.get_color() == smoothed.get_color()
    assert len(loss.lines) == 4
    assert loss.lines[0].get_color() != loss.lines[2].get_color()
    (points,) = evaluated.lines
    assert (list(points.get_xdata()), list(points.get_ydata())) == ([2], [0.5])
    (interval,) = evaluated.collections
    assert interval.get_paths()[0].get_extents().get_points()[:, 1].tolist() == [0.3, 0.7]
    assert [text.get_text() for text in picture.legends[0].get_texts()] == ["grpo/seed-0", "sft/seed-0"]
    draw(both * 6, ["loss"], tmp_path / "many.png")
    colours = {str(handle.get_color()) for handle in drawn[1].legends[0].get_lines()}
    assert len(colours) == 12


def plot(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """The exit status, stdout and stderr of `toolgym plot`."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        cli(["plot", *words])
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


def test_the_command(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, other = str(runs / "grpo" / "seed-0"), str(runs / "sft" / "seed-0")
    code, said, _ = plot(capsys, one, other, "--figures", "solved,loss", "-f", "eval/pass@1")
    assert code == 0
    assert "Written: " in said
    picture = runs / "grpo" / "seed-0" / "curves.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    picture.unlink()
    code, said, _ = plot(capsys, one, other, "--json")
    assert [run["run"] for run in json.loads(said)] == ["grpo/seed-0", "sft/seed-0"]
    assert not picture.exists()
    code, said, _ = plot(capsys, one, "--json", "--output", str(tmp_path / "new" / "one.svg"))
    assert json.loads(said)[0]["figures"]["solved"]["last"] == 0.4
    assert "<svg" in (tmp_path / "new" / "one.svg").read_text()


def test_what_the_command_says_is_wrong(
    runs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = str(runs / "sft" / "seed-0")
    for words, what in (
        ([str(runs)], "holds no metrics.jsonl; give the --output folder of a `toolgym train`"),
        ([one, "--output", str(runs)], "is a folder; --output takes a file"),
        ([one, "--output", str(runs / "a.jpgg")], "Unknown kind of picture 'jpgg'. Did you mean 'jpg'"),
        ([one, "--figures", "los"], "Did you mean 'loss'"),
    ):
        code, said, error = plot(capsys, *words)
        assert (code, said) == (2, "")
        assert what in error
    write(runs / "new" / "metrics.jsonl")
    assert "has logged no step yet" in plot(capsys, str(runs / "new"))[2]
    write(runs / "new" / "metrics.jsonl", {"step": 1}, {"loss": 1.0})
    assert "metrics.jsonl, line 2: no line of figures with a step" in plot(capsys, str(runs / "new"))[2]
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.setitem(sys.modules, name, None)
    code, _, error = plot(capsys, one)
    assert code == 2
    assert "This needs matplotlib, which is not installed: pip install 'toolgym[train]'" in error
    assert plot(capsys, one, "--json")[0] == 0
