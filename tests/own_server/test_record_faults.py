"""Recording while the file cannot be written: the client gets every answer, and nothing is lost quietly."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport
from mcp_types import JSONRPCRequest, JSONRPCResponse

from toolgym._files import write_whole
from toolgym.errors import ConfigError, LockedError
from toolgym.tasks.files import read_tasks
from toolgym.tasks.recording import Recorder

ROOT = Path(__file__).parents[2]


def call(recorder: Recorder, arguments: dict[str, Any]) -> None:
    """What a recorder sees of a call that succeeds."""
    params = {"name": "order", "arguments": arguments}
    recorder.request(JSONRPCRequest.model_construct(jsonrpc="2.0", id=1, method="tools/call", params=params))
    recorder.answer(JSONRPCResponse(jsonrpc="2.0", id=1, result={"content": [{"type": "text", "text": "done"}]}))


LIMITED = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (900, -1))  # a write beyond it fails like one on a full disk
from toolgym.cli import main
main(sys.argv[1:])
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="limits of a process's files")
def test_a_full_disk_does_not_reach_the_client(tmp_path: Path, shop_file: Path) -> None:
    """A real client, the proxy and a real server, all over stdio; the file has room for some of the calls."""
    output, log = tmp_path / "tasks.yaml", tmp_path / "log"
    arguments = ["-B", "-c", LIMITED, "record", "--output", str(output), "--", sys.executable, "-B", str(shop_file)]
    with log.open("w") as stderr:
        transport = StdioTransport(
            sys.executable, arguments, env={"PYTHONPATH": str(ROOT)}, keep_alive=False, log_file=stderr
        )

        async def story() -> list[str]:
            async with Client(transport, timeout=60, init_timeout=60) as client:
                answers = [await client.call_tool("stock_of", {"item": "lamp"}) for _ in range(30)]
                return [answer.content[0].text for answer in answers]

        answers = asyncio.run(story())
    assert answers == [answers[0]] * 30
    (task,) = read_tasks(output)[0]
    assert 5 < len(task.gold_calls) < 30  # what was written is whole
    said = log.read_text()
    assert said.count("toolgym record: ") == 1  # once, not for every call
    assert f"{output} cannot be written now (File too large)" in said
    assert sorted(tmp_path.iterdir()) == [log, output]


def test_once_there_is_room_again_all_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "new" / "tasks.yaml"
    recorder = Recorder(output)
    call(recorder, {"n": 1})

    def full(path: Path, parts: str) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr("toolgym.tasks.recording.write_whole", full)
    for n in (2, 3):
        call(recorder, {"n": n})
    assert capsys.readouterr().err.count("No space left on device") == 1
    assert len(read_tasks(output)[0][0].gold_calls) == 1
    monkeypatch.setattr("toolgym.tasks.recording.write_whole", write_whole)
    recorder.close()
    assert [made.arguments for made in read_tasks(output)[0][0].gold_calls] == [{"n": 1}, {"n": 2}, {"n": 3}]
    assert list(output.parent.iterdir()) == [output]


def test_what_was_never_written_is_handed_over_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, parts: str) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr("toolgym.tasks.recording.write_whole", full)
    recorder = Recorder(tmp_path / "tasks.yaml")
    call(recorder, {"n": 7})
    with pytest.raises(ConfigError, match=r"No space left on device(.|\n)*order:\n +n: 7"):
        recorder.close()


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def test_a_call_that_a_tasks_file_cannot_hold_is_left_out_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "tasks.yaml"
    recorder = Recorder(output)
    for arguments in ({"n": 1}, {"n": nested(200)}, {"n": "\ud800"}, {"n": nested(5000)}, {"n": [1e300, "no", "1e3"]}):
        call(recorder, arguments)
    assert capsys.readouterr().err.count("cannot hold") == 3
    with pytest.raises(ConfigError, match="lacks 3 of the calls"):
        recorder.close()
    (task,) = read_tasks(output)[0]
    assert [made.arguments for made in task.gold_calls] == [{"n": 1}, {"n": [1e300, "no", "1e3"]}]


def test_two_recordings_of_one_file_are_noticed(tmp_path: Path) -> None:
    output = tmp_path / "tasks.yaml"
    first = Recorder(output)
    with pytest.raises(LockedError, match="this process"):
        Recorder(output)
    call(first, {"n": 1})
    first.close()
    second = Recorder(output)
    call(second, {"n": 2})
    second.close()
    assert [task.id for task in read_tasks(output)[0]] == ["recorded-1", "recorded-2"]


TASK = "- id: one\n  request: Two lamps.\n  calls:\n  - order: {n: 0}\n"
"""Its list at the beginning of the line, as YAML's own writers have it."""


def indented(by: int) -> str:
    return "".join(f"{' ' * by}{line}\n" for line in TASK.splitlines())


@pytest.mark.parametrize(
    "text",
    [
        f"tasks:\n{indented(2)}\n# What it does.\nfrozen:\n  one:\n    results: [done]\n",
        f"tasks:\n{indented(0)}policy: Be kind.\n",
        f"policy: |\n  - Be kind.\ntasks:\n{indented(4)}",
        f"# Of today.\n{TASK}",
    ],
    ids=["frozen", "policy", "indented", "list"],
)
def test_a_task_is_added_behind_the_last_one_however_the_file_is_written(tmp_path: Path, text: str) -> None:
    output = tmp_path / "tasks.yaml"
    output.write_text(text)
    (before,), policy = read_tasks(output)
    for n in (1, 2):
        recorder = Recorder(output)
        call(recorder, {"n": n})
        call(recorder, {"n": -n})
        recorder.close()
    (first, *recorded), now = read_tasks(output)
    assert (first, now) == (before, policy)
    assert [[made.arguments["n"] for made in task.gold_calls] for task in recorded] == [[1, -1], [2, -2]]
    left = output.read_text()
    assert [line for line in text.splitlines() if line not in left.splitlines()] == []


@pytest.mark.parametrize(
    "text", [f"tasks:\n{TASK}...\n", "tasks: []\n", "{tasks: [{id: one, request: Two lamps., calls: [order]}]}\n"]
)
def test_a_file_to_which_nothing_can_be_added_is_refused_and_stays(tmp_path: Path, text: str) -> None:
    output = tmp_path / "tasks.yaml"
    output.write_text(text)
    for _ in range(2):  # nothing is locked by it
        with pytest.raises(ConfigError, match="no task can be added behind its last one"):
            Recorder(output)
    assert output.read_text() == text
    assert sorted(tmp_path.iterdir()) == [output]


def test_a_recorded_task_has_an_id_of_its_own_where_an_earlier_one_was_struck(tmp_path: Path) -> None:
    output = tmp_path / "tasks.yaml"
    output.write_text(f"tasks:\n{TASK.replace('id: one', 'id: recorded-2')}")
    recorder = Recorder(output)
    call(recorder, {"n": 1})
    recorder.close()
    assert [task.id for task in read_tasks(output)[0]] == ["recorded-2", "recorded-3"]
