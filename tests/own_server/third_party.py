"""Reference servers of the MCP project as environments, unchanged: their `mcp.json` entries, a task each, what is seen.

`python third_party.py FOLDER` installs them there and prints, for each, what `toolgym inspect` finds and whether the
oracle solves its task. The versions are pinned, so that what is written down about them stays true.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import gymnasium

import toolgym  # noqa: F401 (registers the environments)
from toolgym.messages import Turn, render
from toolgym.tasks.linting import lint

PYTHON = ("mcp-server-time", "mcp-server-git")
NODE = tuple(f"@modelcontextprotocol/server-{name}" for name in ("filesystem", "memory", "everything"))
FIXED = "2026-01-01T00:00:00+0000"
GIT = {
    name: value
    for who in ("AUTHOR", "COMMITTER")
    for name, value in ((f"GIT_{who}_NAME", "a"), (f"GIT_{who}_EMAIL", "a@example.org"), (f"GIT_{who}_DATE", FIXED))
}
CONVERT = {"source_timezone": "UTC", "time": "12:00", "target_timezone": "Asia/Tokyo"}
ENTITY = {"name": "Ann", "entityType": "person", "observations": ["likes tea"]}
TASKS: dict[str, dict[str, Any]] = {
    "time": {
        "request": "It is noon in UTC. What time is it in Tokyo?",
        "calls": [{"convert_time": CONVERT}],
        "said": "21:00",
    },
    "git": {
        "request": "Commit notes.txt in /workspace with the message 'Add notes'.",
        "calls": [
            {"git_add": {"repo_path": "/workspace", "files": ["notes.txt"]}},
            {"git_commit": {"repo_path": "/workspace", "message": "Add notes"}},
        ],
    },
    "filesystem": {
        "request": "Write 'buy milk' into /workspace/todo.txt.",
        "calls": [{"write_file": {"path": "/workspace/todo.txt", "content": "buy milk"}}],
    },
    "memory": {"request": "Remember Ann, who likes tea.", "calls": [{"create_entities": {"entities": [ENTITY]}}]},
    "everything": {"request": "What is 2 + 40?", "calls": [{"get-sum": {"a": 2, "b": 40}}], "said": "42"},
}


def install(folder: Path) -> None:
    """Installs the servers from PyPI and npm, and makes the workspaces that episodes begin with.

    Raises:
        CalledProcessError: a registry cannot be reached.
    """
    subprocess.run([sys.executable, "-m", "venv", folder / "py"], check=True, capture_output=True)
    subprocess.run([folder / "py" / "bin" / "pip", "install", "-q", *PYTHON], check=True, capture_output=True)
    npm = ["npm", "install", "--prefix", str(folder / "js"), "--no-audit", "--no-fund", *NODE]
    subprocess.run(npm, check=True, capture_output=True)
    prepare(folder)


def prepare(folder: Path) -> None:
    """The folders that episodes begin with: a repository with one file that is not committed yet, and an empty one."""
    repository = folder / "repository"
    repository.mkdir(exist_ok=True)
    (repository / "notes.txt").write_text("first\n")
    run = {"cwd": repository, "check": True, "capture_output": True, "env": {**os.environ, **GIT}}
    subprocess.run(["git", "init", "-q", "-b", "main"], **run)
    subprocess.run(["git", "commit", "-q", "--allow-empty", "-m", "Begin"], **run)
    (folder / "empty").mkdir(exist_ok=True)
    (folder / "empty" / "readme.txt").write_text("A workspace.\n")


def config(folder: Path) -> dict[str, Any]:
    """Their `mcp.json`."""
    binaries, modules = folder / "py" / "bin", folder / "js" / "node_modules" / "@modelcontextprotocol"

    def node(name: str) -> str:
        return str(modules / f"server-{name}" / "dist" / "index.js")

    log = {"name": "git_log", "arguments": {"repo_path": "/workspace"}}
    return {
        "time": {"command": str(binaries / "mcp-server-time"), "args": ["--local-timezone", "UTC"]},
        "git": {
            "command": str(binaries / "mcp-server-git"),
            "args": ["--repository", "{workspace}"],
            "env": GIT,
            "toolgym": {"workspace": str(folder / "repository"), "state_tools": [log]},
        },
        "filesystem": {
            "command": "node",
            "args": [node("filesystem"), "{workspace}"],
            "toolgym": {"workspace": str(folder / "empty")},
        },
        "memory": {
            "command": "node",
            "args": [node("memory")],
            "env": {"MEMORY_FILE_PATH": "{workspace}/memory.jsonl"},
            "toolgym": {"workspace": str(folder / "empty"), "state_tools": ["read_graph"]},
        },
        "everything": {"command": "node", "args": [node("everything")]},
    }


def outcome(name: str, folder: Path) -> tuple[str, str, dict[str, Any], dict[str, int]]:
    """What the oracle and an agent that does nothing achieve, the gold diff, and how much the lint finds."""
    servers = {"mcpServers": {name: config(folder)[name]}}
    env = gymnasium.make("ToolGym/MCP-v0", servers=servers, tasks=[TASKS[name]], start_timeout_s=60, spares=0)
    try:
        env.reset(seed=0)
        info: dict[str, Any] = {}
        for action in env.task.gold:
            *_, info = env.step(render(Turn(calls=tuple(c.call() for c in action.calls), response=action.response)))
        solved = info["outcome"]
        env.reset(seed=0)
        *_, info = env.step("<response>Done.</response>")
        findings = [finding.severity for finding in lint(env.session.listed_tools)]
        counts = {severity: findings.count(severity) for severity in ("error", "warning", "hint")}
        return solved, info["outcome"], dict(env.task.gold_diff), {"tools": len(env.tools), **counts}
    finally:
        env.close()


def main() -> None:
    folder = Path(sys.argv[1]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "js").exists():
        install(folder)
    prepare(folder)
    for name in TASKS:
        print(name, *(json.dumps(part) for part in outcome(name, folder)))


if __name__ == "__main__":
    main()
