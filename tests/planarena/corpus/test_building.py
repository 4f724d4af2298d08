"""The same bytes whoever builds and however often it is stopped; and what bad places to write get."""

import errno
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolgym.envs.planarena.corpus import building, scenarios
from toolgym.envs.planarena.corpus.building import BuildOptions, build
from toolgym.envs.planarena.corpus.format import Manifest, read_manifest
from toolgym.envs.planarena.corpus.parts import Pairs, parts_of
from toolgym.errors import ConfigError, LockedError

Files = Callable[[Path], dict[str, bytes]]
Options = Callable[..., BuildOptions]


def manifest(trajectories: int, part_rows: int, scenarios: list[tuple[str, str]]) -> Manifest:
    return Manifest(1, trajectories, 0, "small", 4, part_rows, "parquet", tuple(scenarios))


def test_two_processes_write_the_same_bytes(tmp_path: Path, built: Path, files: Files, options: Options) -> None:
    build(options(tmp_path / "two", jobs=2))
    assert files(tmp_path / "two") == files(built)


def test_another_seed_writes_others(tmp_path: Path, built: Path, rows_of: Any, options: Options) -> None:
    build(options(tmp_path / "other", seed=1))
    mine, others = rows_of(built), rows_of(tmp_path / "other")
    assert [row["messages"] for row in mine] != [row["messages"] for row in others]


@settings(max_examples=12, deadline=None)
@given(kept=st.sets(st.integers(0, 3)), torn=st.integers(0, 3), at=st.integers(0, 2000), record=st.booleans())
def test_wherever_it_was_killed_it_goes_on_to_the_same_bytes(
    kept: set[int], torn: int, at: int, record: bool, built: Path, tmp_path_factory: Any, files: Files, options: Options
) -> None:
    """Some files are there; of one more the rows are written to any character, or whole and its record is not."""
    folder = tmp_path_factory.mktemp("killed")
    whole = files(built)
    for name in (
        "corpus.json",
        *(f"{room}/train-{n:05d}.{end}" for n in kept for room, end in (("data", "jsonl"), ("parts", "json"))),
    ):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(whole[name])
    (folder / "data").mkdir(exist_ok=True)
    data = folder / "data" / f"train-{torn:05d}.jsonl"
    if record:
        data.write_bytes(whole[f"data/{data.name}"])
        (folder / "parts" / f"{data.stem}.json").unlink(missing_ok=True)
    else:
        (folder / "data" / f"{data.name}.part").write_bytes(whole[f"data/{data.name}"][:at])
    build(options(folder))
    assert files(folder) == whole


@pytest.mark.parametrize("calls", [0, 1, 3])
def test_an_error_in_the_middle_loses_the_part_in_work_alone(
    calls: int, tmp_path: Path, built: Path, files: Files, options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, done = building.make_part, []

    def fails(*given: Any) -> Any:
        if len(done) == calls:
            raise KeyboardInterrupt
        done.append(1)
        return made(*given)

    monkeypatch.setattr(building, "make_part", fails)
    with pytest.raises(KeyboardInterrupt):
        build(options(tmp_path / "cut"))
    assert len(list((tmp_path / "cut" / "data").glob("*.jsonl"))) == calls
    monkeypatch.setattr(building, "make_part", made)
    counts: list[int] = []
    build(options(tmp_path / "cut"), lambda rows, total: counts.append(rows))
    assert counts[0] == 6 * calls
    assert files(tmp_path / "cut") == files(built)


def test_a_finished_corpus_is_left_alone(tmp_path: Path, built: Path, files: Files, options: Options) -> None:
    shutil.copytree(built, tmp_path / "copy")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "copy" / "data").iterdir()}
    build(options(tmp_path / "copy"))
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "copy" / "data").iterdir()} == before


def test_a_truncated_file_is_made_again(tmp_path: Path, built: Path, files: Files, options: Options) -> None:
    shutil.copytree(built, tmp_path / "copy")
    data = tmp_path / "copy" / "data" / "train-00002.jsonl"
    data.write_bytes(data.read_bytes()[:-10])
    build(options(tmp_path / "copy"))
    assert files(tmp_path / "copy") == files(built)


def test_a_full_disk_is_said_and_loses_the_last_part_alone(
    tmp_path: Path, built: Path, files: Files, options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        if path.name.startswith("train-00002"):
            write(path, data[:100])
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, data)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", full)
        with pytest.raises(OSError, match="No space left") as caught:
            build(options(tmp_path / "full"))
    assert caught.value.filename == str(tmp_path / "full" / "data" / "train-00002.jsonl")
    assert sorted(path.name for path in (tmp_path / "full" / "data").iterdir()) == [
        "train-00000.jsonl",
        "train-00001.jsonl",
    ]
    build(options(tmp_path / "full"))
    assert files(tmp_path / "full") == files(built)


def test_a_real_limit_on_the_size_of_files(tmp_path: Path) -> None:
    """The kernel refuses to write more in the command's own process: one line names the file, nothing torn stays."""

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    command = "from toolgym.cli import main; import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); main()"
    words = (
        "planarena",
        "build",
        "-n",
        "6",
        "--domains",
        "library",
        "--format",
        "jsonl",
        "-o",
        str(tmp_path / "small"),
    )
    done = subprocess.run(
        [sys.executable, "-c", command, *words], capture_output=True, text=True, preexec_fn=limited, check=False
    )
    assert done.returncode == 2, done.stderr
    assert f"{tmp_path / 'small' / 'data' / 'train-00000.jsonl'}: File too large" in done.stderr
    assert list((tmp_path / "small" / "data").iterdir()) == []


# What is refused ---------------------------------------------------------------------------------------------------


def test_another_corpus_is_not_built_over(tmp_path: Path, built: Path, options: Options) -> None:
    shutil.copytree(built, tmp_path / "copy")
    with pytest.raises(
        ConfigError, match=r"made of something else \(seed: 0, now 1\): give another --output, or --overwrite"
    ):
        build(options(tmp_path / "copy", seed=1))
    build(options(tmp_path / "copy", seed=1, overwrite=True))
    assert read_manifest(tmp_path / "copy").seed == 1


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path, options: Options) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(ConfigError, match="holds something else than a corpus"):
        build(options(tmp_path, overwrite=True))
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_file_is_no_folder(tmp_path: Path, options: Options) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FileExistsError):
        build(options(tmp_path / "file"))


def test_two_builders_do_not_write_one_folder(
    tmp_path: Path, options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    def again(*given: Any) -> Any:
        build(options(tmp_path / "one"))

    monkeypatch.setattr(building, "make_part", again)
    with pytest.raises(LockedError, match="is being written by this process"):
        build(options(tmp_path / "one"))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"trajectories": 0}, "trajectories must be at least 1, got 0"),
        ({"part_rows": 1}, "part_rows must be at least 2, got 1"),
        ({"jobs": 0}, "jobs must be at least 1"),
        ({"format": "parket"}, "Unknown format 'parket'. Did you mean 'parquet'?"),
        ({"size": "tiny"}, "Unknown world size 'tiny'"),
        ({"scenarios": []}, "at least one domain"),
        ({"scenarios": ["libary"]}, "Unknown domain 'libary'. Did you mean 'library'?"),
        ({"trajectories": 50_000}, "50000 trajectories of 1 scenarios need 25000 tasks"),
    ],
)
def test_options_that_cannot_be_used(tmp_path: Path, options: Options, changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build(options(tmp_path / "none", **changed))
    assert message in str(caught.value)
    assert not (tmp_path / "none").exists()


def test_without_generated_scenarios_a_domain_must_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenarios, "_NUMBERS", "toolgym.envs.planarena.nothing")
    with pytest.raises(ConfigError, match="--domains library,bank"):
        scenarios.default_scenarios()


def test_parquet_needs_pyarrow(tmp_path: Path, options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ConfigError, match=r"pip install 'toolgym\[train\]', or use --format jsonl"):
        build(options(tmp_path / "none", format="parquet"))


# The plan ----------------------------------------------------------------------------------------------------------


def test_parts_by_hand() -> None:
    """11 rows, 4 a file, two scenarios to train on and one to test on: 11 // 3 = 3 rows, an even 2, are the test's."""
    made = parts_of(manifest(11, 4, [("a", "train"), ("b", "train"), ("c", "test")]))
    assert [(part.name, part.first, part.last, part.number, part.rows) for part in made] == [
        ("test-00000", 0, 1, 0, 2),
        ("train-00000", 0, 2, 2, 4),
        ("train-00001", 2, 4, 6, 4),
        ("train-00002", 4, 5, 10, 1),
    ]


@given(
    trajectories=st.integers(1, 500), part_rows=st.integers(2, 60), train=st.integers(0, 20), test=st.integers(0, 20)
)
def test_every_row_is_in_one_file(trajectories: int, part_rows: int, train: int, test: int) -> None:
    names = [(f"a{n}", "train") for n in range(train)] + [(f"b{n}", "test") for n in range(test)]
    if not names:
        return
    made = [part for part in parts_of(manifest(trajectories, part_rows, names)) if part.rows]
    assert [part.number for part in made] == [sum(other.rows for other in made[:at]) for at in range(len(made))]
    assert sum(part.rows for part in made) == trajectories
    assert all(part.rows <= part_rows for part in made)


@given(count=st.integers(1, 300), names=st.integers(1, 40))
def test_pairs_are_dealt_out_evenly_and_none_twice(count: int, names: int) -> None:
    pairs = Pairs("train", tuple(map(str, range(names))), count)
    places = [pairs.place(pair) for pair in range(count)]
    assert len(set(places)) == count
    assert all(0 <= number < pairs.stride for _, number in places)
    assert places == sorted(places)


def test_a_task_that_no_chain_fails_is_replaced(
    tmp_path: Path, options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    from toolgym.envs.planarena.corpus import rows

    made, seen = rows.failing_chain, []

    def seldom(*given: Any) -> Any:
        seen.append(given)
        return None if len(seen) == 1 else made(*given)

    monkeypatch.setattr(rows, "failing_chain", seldom)
    figures = build(replace(options(tmp_path / "seldom"), trajectories=4))
    assert figures.labels == {"positive": 2, "negative": 2}
    assert figures.thrown_away["no_error"] == 1


def test_a_killed_command_goes_on(tmp_path: Path, built: Path, files: Files, options: Options) -> None:
    """SIGKILL as soon as the first file is there; the files that are there then are whole."""
    folder = tmp_path / "killed"
    code = (
        "import sys; from pathlib import Path; from toolgym.envs.planarena.corpus.building import BuildOptions, build; "
        "build(BuildOptions(Path(sys.argv[1]), ['library'], 24, part_rows=6, alternatives=2, format='jsonl'))"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(folder)]) as process:
        while not (folder / "data" / "train-00000.jsonl").exists() and process.poll() is None:
            time.sleep(0.01)
        process.kill()
    there = [path for path in (folder / "data").iterdir() if path.suffix == ".jsonl"]
    assert len(there) >= 1
    assert all(path.read_bytes() == (built / "data" / path.name).read_bytes() for path in there)
    build(options(folder))
    assert files(folder) == files(built)


@pytest.mark.slow
def test_ctrl_c_ends_what_is_in_work_and_says_nothing_more(
    tmp_path: Path, built: Path, files: Files, options: Options
) -> None:
    folder = tmp_path / "stopped"
    words = ("planarena", "build", "--domains", "library", "-n", "24", "--part-rows", "6", "--alternatives", "2")
    command = [sys.executable, "-m", "toolgym", *words, "--format", "jsonl", "--jobs", "2", "--output", str(folder)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        while not list(folder.glob("data/*.jsonl")) and process.poll() is None:
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=200)
    assert process.returncode in (0, 130)  # 0: all was done already
    assert "Traceback" not in err
    there = files(folder)
    assert not [name for name in there if name.endswith(".part")]
    assert len([name for name in there if name.startswith("data/")]) == len(
        [name for name in there if name.startswith("parts/")]
    )
    build(options(folder))
    assert files(folder) == files(built)
