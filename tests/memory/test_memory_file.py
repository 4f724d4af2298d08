"""The memory file: whole or as it was, versioned, and never of what is evaluated."""

import json
import subprocess
import sys

import pytest

from toolgym._files import WriteLock
from toolgym.agents.memory import Memory, learn, read_memory, write_memory
from toolgym.errors import ConfigError, LockedError


@pytest.fixture
def memory(episode) -> Memory:
    show = [("show_order", {"order": "o1", "note": "ä\n"}, '{"item": "hat"}')]
    return learn(
        [
            episode("t1", "<user>Show o1.</user>", show),
            episode("t1", "<user>Show o1.</user>", show),  # the same once more: one case
            episode("t2", "Cancel o2.", [("cancel_order", {"order": "o2"}, "Error: gone")], outcome="tool_error"),
            episode("t3", "Lost.", outcome="infra_error"),
            episode("t4", "Running.", outcome=None),
        ]
    )


def test_a_memory_says_what_it_was_learnt_from_and_reads_as_it_was_written(memory, tmp_path):
    assert memory.learnt_from == {("Test/Desk-v0", "train"): ["t1", "t2"]}
    assert [case.request for case in memory.cases] == ["Show o1.", "Cancel o2."]
    assert memory.cases[1].turns[0].calls[0].failed
    file = tmp_path / "new" / "memory.json"
    write_memory(file, memory)
    assert read_memory(file) == memory
    assert json.loads(file.read_text(encoding="utf-8"))["version"] == 1
    assert list(file.parent.iterdir()) == [file]


def test_what_was_learnt_from_is_not_evaluated(memory):
    memory.check_unseen("Test/Desk-v0", "test", ["t9"])
    memory.check_unseen("Test/Other-v0", "train", ["t9"])
    with pytest.raises(ConfigError, match=r"learnt from 2 tasks of Test/Desk-v0's split 'train'.*evaluate another"):
        memory.check_unseen("Test/Desk-v0", "train", ["t9"])
    # The same task under another split or environment: tasks without a split are in every split.
    with pytest.raises(ConfigError, match=r"1 of the tasks that are being evaluated \('t2' is one\)"):
        memory.check_unseen("Test/Other-v0", "test", ["t2", "t9"])


def test_an_episode_that_does_not_say_its_split_teaches_nothing(episode):
    with pytest.raises(ConfigError, match="task 't1' does not say of which split"):
        learn([episode("t1", "Hello.", split=None)])
    with pytest.raises(ConfigError, match="nothing to learn from"):
        learn([episode("t1", "Hello.", outcome="infra_error")])


def _without_cases(value):
    del value["cases"]


def _with(**fields):
    return lambda value: value.update(fields)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_with(version=2), "of version 2, and this ToolGym reads version 1"),
        (_with(version=True), "of version True"),
        (_with(format="other"), "is no memory file"),
        (_without_cases, "is damaged at cases: Field required"),
        (_with(extra=1), "is damaged at extra"),
        (lambda value: value["cases"][0].update(outcome="won"), r"is damaged at cases\.0\.outcome"),
        (lambda value: value["cases"][0]["turns"][0]["calls"][0].pop("name"), r"cases\.0\.turns\.0\.calls\.0\.name"),
        (_with(ranker={"weights": [1.0], "pairs": 3}), r"damaged at ranker\.weights"),
    ],
)
def test_a_file_that_is_none_says_what_is_wrong(memory, tmp_path, change, message):
    value = memory.model_dump(mode="json")
    change(value)
    file = tmp_path / "memory.json"
    file.write_text(json.dumps(value))
    with pytest.raises(ConfigError, match=message):
        read_memory(file)


def test_a_torn_missing_or_foreign_file_says_so(memory, tmp_path):
    file = tmp_path / "memory.json"
    with pytest.raises(ConfigError, match=r"Cannot read the memory file.*toolgym memory build"):
        read_memory(file)
    write_memory(file, memory)
    whole = file.read_bytes()
    for text in (b"", whole[: len(whole) // 2], b"\xff\xfe", b'{"type": "header"}\n{"type": "episode"}\n', b"[" * 900):
        file.write_bytes(text)
        with pytest.raises(ConfigError, match="no memory file, or is damaged"):
            read_memory(file)
    file.write_bytes(b'[{"format": "toolgym memory"}]')
    with pytest.raises(ConfigError, match="has no format"):
        read_memory(file)


_KILLED = """
import os, signal, sys
from pathlib import Path
from toolgym import _files
from toolgym.agents.memory import read_memory, write_memory
memory = read_memory(Path(sys.argv[1]))

def torn(path, text):  # the process dies with half of the new file written
    with path.with_name(path.name + ".part").open("w") as file:
        file.write(text[: len(text) // 2])
        file.flush()
        os.kill(os.getpid(), signal.SIGKILL)

Path.replace = lambda part, path: torn(path, part.read_text())
write_memory(Path(sys.argv[1]), memory.model_copy(update={"cases": memory.cases[:1]}))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_killed_in_the_middle_of_a_write_the_old_file_stands(memory, tmp_path):
    file = tmp_path / "memory.json"
    write_memory(file, memory)
    before = file.read_bytes()
    done = subprocess.run([sys.executable, "-c", _KILLED, str(file)], check=False)
    assert done.returncode == -9
    assert file.read_bytes() == before
    assert (tmp_path / "memory.json.part").exists()
    write_memory(file, memory)  # what the dead writer left is in nobody's way
    assert read_memory(file) == memory
    with WriteLock(file), pytest.raises(LockedError, match="is being written by this process"):
        write_memory(file, memory)
