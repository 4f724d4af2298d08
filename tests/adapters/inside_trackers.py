"""Run beside Trackio and Weights & Biases (see test_trackers.py), both on this machine alone."""

import json
import os
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
import wandb
from wandb.proto.wandb_internal_pb2 import Record

from toolgym.agents.training import registry


@pytest.fixture(autouse=True)
def on_this_machine(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith(("WANDB_", "TRACKIO_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    monkeypatch.chdir(tmp_path)


def train(output: Path, *more: str) -> None:
    words = ["--model", "builtin:imperfect", "--episodes", "2", "--batch", "2", "--save-steps", "1", "--threads", "1"]
    words += ["--no-progress", "--report-to", "tensorboard, trackio,wandb", "--output", str(output)]
    assert registry.main("sft", [*words, *more]) == 0


def losses(output: Path) -> list[tuple[int, float]]:
    """What the run itself wrote: (step, loss)."""
    lines = map(json.loads, (output / "metrics.jsonl").read_text().splitlines())
    return [(line["step"], line["loss"]) for line in lines]


def of_trackio(name: str) -> list[tuple[int, float]]:
    from trackio.sqlite_storage import SQLiteStorage

    logs = SQLiteStorage.get_logs("toolgym", name)
    return [(log["train/global_step"], log["train/loss"]) for log in logs if "train/loss" in log]


def records(file: Path) -> Iterator[Record]:
    """What stands in an offline run: a log of LevelDB's behind 7 bytes, in blocks of 32 KiB; a record may go over
    several pieces (1: whole, 2: the first, 3: between, 4: the last), each behind a checksum, its length and its kind.
    """
    data, at, parts = file.read_bytes(), 7, b""
    while at + 7 <= len(data):
        if 32768 - at % 32768 < 7:  # no room for a piece: the block ends
            at += 32768 - at % 32768
            continue
        length, kind = struct.unpack_from("<HB", data, at + 4)
        parts += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):
            yield Record.FromString(parts)
            parts = b""


def of_wandb(file: Path) -> tuple[str, str, list[tuple[int, float]]]:
    """An offline run's id, project and losses."""
    id, project, found = "", "", []
    for record in records(file):
        if record.HasField("run"):
            id, project = record.run.run_id, record.run.project
        if record.HasField("history"):
            row = {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
            if "train/loss" in row:
                found.append((row["train/global_step"], row["train/loss"]))
    return id, project, found


def test_a_run_that_is_resumed_is_one(tmp_path):
    output = tmp_path / "run"
    train(output, "--steps", "2")
    train(output, "--steps", "3", "--resume")
    name = (output / "run_name").read_text().strip()
    assert name.startswith("run-")
    expected = [(step, pytest.approx(loss)) for step, loss in losses(output)]
    assert [step for step, _ in expected] == [1, 2, 3]
    assert of_trackio(name) == expected
    files = sorted((output / "wandb").glob("offline-run-*/*.wandb"), key=lambda file: file.stat().st_mtime)
    parts = [of_wandb(file) for file in files]
    assert [(id, project) for id, project, _ in parts] == [(name, "toolgym")] * 2  # `wandb sync` makes one run of them
    assert [point for *_, points in parts for point in points] == expected
    assert list((output / "tensorboard").glob("events.*"))
    assert wandb.run is None
    assert not [variable for variable in os.environ if variable in ("WANDB_RUN_ID", "WANDB_DIR", "WANDB_PROJECT")]

    train(output, "--steps", "1", "--overwrite")
    assert (anew := (output / "run_name").read_text().strip()) != name
    assert [step for step, _ in of_trackio(anew)] == [1]
    assert len(of_trackio(name)) == 3
    assert len(list((output / "wandb").glob("offline-run-*"))) == 1


def test_what_the_user_set_stays(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_PROJECT", "mine")
    monkeypatch.setenv("WANDB_RUN_ID", "my-run")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    train(tmp_path / "run", "--steps", "1")
    (file,) = tmp_path.glob("wandb/offline-run-*/*.wandb")
    assert of_wandb(file)[:2] == ("my-run", "mine")
    assert os.environ["WANDB_RUN_ID"] == "my-run"
