"""What is counted of rows, by hand; that counts of files add up; the card, the tables, the picture and the commands."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from toolgym.envs.planarena.corpus.building import build, figures_of
from toolgym.envs.planarena.corpus.figures import Figures, composition_of
from toolgym.envs.planarena.corpus.format import read_manifest
from toolgym.errors import ConfigError


def step(role: str, relevance: float, kind: str = "call") -> dict[str, Any]:
    return {"kind": kind, "role": role, "relevance": relevance}


def row(label: str, steps: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    tools = json.dumps([{"function": {"name": name}} for name in more.pop("names", ("a", "b"))])
    given = {"scenario": "one", "split": "train", "depth": 2, "composition": "look;act", "forbidden": False}
    return {"label": label, "tools": tools, "decisions": [], "steps": steps, "error": None, **given, **more}


def error(kind: str, place: float, lost: int, turn: int, recovers: bool = False, then: str = "") -> dict[str, Any]:
    return {"kind": kind, "place": place, "lost": lost, "turn": turn, "recovers": recovers, "then": then}


TRIED = [{"kind": "right", "solvable": True}, {"kind": "wrong_tool", "solvable": False}]
ROWS = [
    row("positive", [step("needed", 1.0), step("needed", 1.0), step("needed", 1.0, "response")]),
    row(
        "negative",
        [step("refused", 0.5), step("needed", 1.0), step("wrong", 0.9, "response")],
        error=error("missing_argument", 0.0, 2, 0, True, "wrong_answer"),
        decisions=[{"alternatives": TRIED}],
    ),
    row(
        "negative",
        [step("wrong", 0.3, "response")],
        error=error("premature_answer", 0.5, 1, 1),
        depth=3,
        composition="look||look",
    ),
    row(
        "negative",
        [step("wrong", 0.5)],
        error=error("wrong_tool", 0.3333, 1, 1),
        scenario="two",
        names=("b", "c"),
        split="test",
    ),
]


def test_figures_by_hand() -> None:
    made = Figures.of(ROWS, {"solves": 4})
    assert made.labels == {"positive": 1, "negative": 3}
    assert made.splits == {"train": 3, "test": 1}
    assert made.depths == {"2": 3, "3": 1}
    assert made.lengths == {"positive": {"2": 1}, "negative": {"2": 1, "0": 1, "1": 1}}
    assert made.compositions == {"series": 3, "parallel": 1}
    assert made.error_tenths == {"0": 1, "5": 1, "3": 1}
    assert made.first_half == 2  # 0 and 1/3; a half is in the second
    assert made.lost_later == 1  # the refused call lost nothing
    assert made.recovering == {"missing_argument": 1}
    assert made.roles["negative"] == {"refused": 1, "needed": 1, "wrong": 3}
    assert made.relevance["wrong"] == pytest.approx(0.9 + 0.3 + 0.5)
    assert made.alternatives == {"right": {"solvable": 1}, "wrong_tool": {"lost": 1}}
    assert (made.tools_of, len(made.tools)) == ({"one": 2, "two": 2}, 3)  # a, b and c
    shares = made.shares()
    assert shares["positive"] == 0.25
    assert shares["first_half"] == pytest.approx(2 / 3)
    assert shares["recovering"] == pytest.approx(1 / 3)
    assert (shares["series"], shares["parallel"]) == (0.75, 0.25)
    assert shares["alternatives_solvable"] == 0.5


def test_counts_of_parts_add_up_to_those_of_the_whole() -> None:
    whole = Figures.of(ROWS, {"solves": 4})
    for cut in range(len(ROWS) + 1):
        first, second = Figures.of(ROWS[:cut], {"solves": 1}), Figures.of(ROWS[cut:], {"solves": 3})
        written = Figures.from_json(json.loads(json.dumps(first.to_json())))
        written.merge(Figures.from_json(second.to_json()))
        assert written.to_json() == whole.to_json()


def test_figures_of_nothing() -> None:
    assert set(Figures().shares().values()) == {0.0}


@pytest.mark.parametrize(
    ("text", "kind"),
    [("job", "atomic"), ("job;stop", "series"), ("job||job", "parallel"), ("(a;b)||c", "both"), ("", "atomic")],
)
def test_compositions(text: str, kind: str) -> None:
    assert composition_of(text) == kind


def test_what_is_kept_of_files_is_what_their_rows_are(built: Path, rows_of: Any) -> None:
    kept, counted = figures_of(built, read_manifest(built)), Figures.of(rows_of(built), {})
    counted.thrown_away = kept.thrown_away
    assert counted.to_json() == kept.to_json()
    assert kept.thrown_away["unsuited"] > 0  # candidates for tasks count too


def test_the_card_is_one_for_the_hub(built: Path) -> None:
    card = (built / "README.md").read_text()
    _, header, body = card.split("---\n", 2)
    about = yaml.safe_load(header)
    assert about["configs"] == [
        {"config_name": "default", "data_files": [{"split": "train", "path": "data/train-*.jsonl"}]}
    ]
    assert "| trajectories | 24 (12 positive, 12 negative) |" in body


def test_datasets_loads_the_parquet_and_the_card(tmp_path: Path, built: Path, options: Any, rows_of: Any) -> None:
    from datasets import load_dataset

    build(options(tmp_path / "corpus", format="parquet"))
    cache = str(tmp_path / "cache")
    files = str(tmp_path / "corpus" / "data" / "*.parquet")
    loaded: Any = load_dataset("parquet", data_files=files, split="train", cache_dir=cache)
    assert loaded.to_list() == rows_of(built)
    by_card: Any = load_dataset(str(tmp_path / "corpus"), cache_dir=cache)
    assert by_card["train"].to_list() == loaded.to_list()


def test_the_commands(tmp_path: Path, toolgym: Any) -> None:
    folder = tmp_path / "corpus"
    words = ("planarena", "build", "--domains", "library,bank", "-n", 8, "--part-rows", 4, "--format", "jsonl")
    done = toolgym(*words, "--output", folder, "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert (told["trajectories"], told["scenarios"], told["tools"]) == (8, 2, 42)
    assert json.loads(toolgym("planarena", "stats", folder, "--json").out) == told
    picture = tmp_path / "corpus.svg"
    done = toolgym("planarena", "stats", folder, "--plot", picture)
    assert "positive to negative" in done.out
    assert "thrown away" in done.out
    assert picture.read_text().startswith("<?xml")
    done = toolgym("planarena", "stats", folder, "--plot", tmp_path / "corpus.pgn")
    assert (done.code, "Did you mean 'png'" in done.err) == (2, True)


@pytest.mark.parametrize("figures", [{"labels": 3}, {"wrong": {}}, {"lengths": []}])
def test_a_damaged_record_is_named(tmp_path: Path, built: Path, figures: Any) -> None:
    folder = Path(shutil.copytree(built, tmp_path / "copy"))
    about = folder / "parts" / "train-00001.json"
    about.write_text(json.dumps({**json.loads(about.read_text()), "figures": figures}))
    with pytest.raises(ConfigError, match=r"train-00001\.json is damaged"):
        figures_of(folder, read_manifest(folder))


def test_stats_of_no_corpus(tmp_path: Path, toolgym: Any) -> None:
    done = toolgym("planarena", "stats", tmp_path)
    assert done.code == 2
    assert "holds no corpus" in done.err
