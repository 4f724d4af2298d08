"""`benchmarks/memory.py`: any environment's memory, and rows that go on where they stopped."""

import json
import sys

import pytest

from benchmarks import memory


def test_a_memory_of_another_environment(tmp_path, monkeypatch, capsys):
    def run(*rows: str) -> list[dict]:
        given = ["--agent", "random", "--env", "ToolGym/PlanArena-v0", "--set", "prompt=tools", "--set", "depth=1"]
        few = ["--gold", "4", "--own", "0", "--shown", "0", "--tasks", "2", "--output", str(tmp_path)]
        monkeypatch.setattr(sys, "argv", ["memory", *given, *few, "--only", " ".join(rows)])
        memory.main()
        return json.loads((tmp_path / "rows.json").read_text())

    (none,) = run("none")
    assert len(none["solved"]) == 2
    assert not (tmp_path / "own.jsonl").exists()
    cases = json.loads((tmp_path / "memory.json").read_text())["cases"]
    assert [case["env_id"] for case in cases] == ["ToolGym/PlanArena-v0"] * 4
    rows = run("none", "cases")
    assert rows[0] == none
    assert [row["memory"] for row in rows] == ["none", "cases"]
    assert list(rows[1]["solved"]) == list(none["solved"])
    assert "| `cases` |" in capsys.readouterr().out


def test_solved_and_lost_tasks_are_counted():
    base = {"solved": {"a": True, "b": False, "c": True}, "asked": 4, "own": 0, "written": 10, "read": 20}
    rows = [{"memory": "none", **base}, {"memory": "graph", **base, "solved": {"a": True, "b": True, "c": False}}]
    last = memory.table(rows).splitlines()[-1]
    assert "| 1, 1 | 4 (+0.0%) | 0 | 10 (+0.0%) | 20 (+0.0%) |" in last
    assert pytest.approx(66.7, abs=0.1) == float(last.split("|")[2].split("%")[0])
