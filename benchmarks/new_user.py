"""How long a newcomer takes, from an empty folder to a conformance run of a server of their own that passes.

    python -m benchmarks.new_user                      # installs this checkout into a fresh virtual environment
    python -m benchmarks.new_user --package toolgym    # or what the package index has
    python -m benchmarks.new_user --json

Each command is run as a person would type it; the first that fails ends the run, with what it said.
"""

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

CHECKOUT = Path(__file__).resolve().parents[1]


def commands(package: str) -> list[str]:
    """What is typed, in the order in which it is typed."""
    constraints = f"-c {shlex.quote(str(CHECKOUT / 'constraints.txt'))} " if package == str(CHECKOUT) else ""
    return [
        f"{shlex.quote(sys.executable)} -m venv .venv",
        f".venv/bin/pip install --quiet {constraints}{shlex.quote(package)}",
        ".venv/bin/toolgym new server shop",
        ".venv/bin/toolgym check --env ToolGym/MCP-v0 --set servers=shop/server.py:server --set tasks=shop/tasks.yaml",
    ]


def walk(package: str) -> list[dict[str, str | float]]:
    """Runs the commands in an empty folder; each with its seconds.

    Raises:
        SystemExit: a command failed.
    """
    rows: list[dict[str, str | float]] = []
    said = ""
    with tempfile.TemporaryDirectory() as folder:
        for command in commands(package):
            began = time.perf_counter()
            done = subprocess.run(
                command, shell=True, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
            rows.append({"command": command, "seconds": time.perf_counter() - began})
            if done.returncode != 0:
                raise SystemExit(f"$ {command}\n{done.stdout}")
            said = done.stdout
    print(said, file=sys.stderr)  # the conformance report
    return rows


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--package", default=str(CHECKOUT), help="what pip installs (default: this checkout)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    chosen = parser.parse_args()
    rows = walk(chosen.package)
    if chosen.json:
        print(json.dumps(rows, indent=2))
        return
    table = Table(
        title=f"{len(rows)} commands, {sum(float(row['seconds']) for row in rows):.0f} s", title_justify="left"
    )
    table.add_column("command")
    table.add_column("seconds", justify="right")
    for row in rows:
        table.add_row(str(row["command"]), f"{row['seconds']:.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
