"""How long a newcomer takes: README's own commands, from a fresh clone to the demo, the commands and the examples.

    python -m benchmarks.new_user                       # on whatever the machine does; it should be quiet
    python -m benchmarks.new_user --busy                # beside a process on each core that never rests
    python -m benchmarks.new_user --busy --cores 1      # the same on one core
    python -m benchmarks.new_user --quick-only --json   # without the demo of 8 minutes

Each command is run as a person would type it, in a clone of this checkout's last commit with a virtual environment of
its own; the first that fails ends the walk, with what it said. `--cores` pins all of it, as `taskset` does (Linux). The
table also goes, as JSON, to a file in benchmarks/results/new_user. The exit status is 1 where a limit was not met.
"""

import argparse
import json
import os
import platform
import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

__all__ = ["Row", "Step", "Walk", "heading", "install_command", "judged", "pinned", "steps", "table_of", "walk"]

CHECKOUT = Path(__file__).resolve().parents[1]
LIMITS_S = {"idle": {"install to table": 600, "quick": 120}, "busy": {"install to table": 1200, "quick": 300}}
"""What a newcomer should not have to wait longer for."""
_LONGEST_S = 3600.0
_QUIET = 0.5
"""Processes that were running on average in the last minute: more is no quiet machine."""


@dataclass(frozen=True)
class Step:
    """What is typed at one point of the way."""

    name: str
    command: str


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    step: str
    command: str
    seconds: float
    limit_s: float | None = None
    """None: there is no limit to this step."""

    @property
    def met(self) -> bool:
        """Whether it was fast enough."""
        return self.limit_s is None or self.seconds <= self.limit_s


@dataclass(frozen=True)
class Walk:
    """A walk, and on what it was walked."""

    mode: str
    """`idle` or `busy`."""
    cores: int
    load: float
    """Processes that ran on average in the minute before, spinning ones not counted."""
    machine: str
    python: str
    rows: list[Row]


def install_command(readme: str) -> str:
    """What README types before the demo.

    Raises:
        ValueError: it does not say exactly one such line.
    """
    lines = re.findall(r"^(pip install [^&\n]*\S) && toolgym demo\b", readme, re.MULTILINE)
    if len(lines) != 1:
        raise ValueError(f"README should have one line `pip install ... && toolgym demo`; it has {len(lines)}")
    return lines[0]


def steps(install: str, *, quick_only: bool = False) -> list[Step]:
    """The way from an empty folder, in the order in which it is walked."""
    shop = "--env ToolGym/MCP-v0 --set servers=shop/server.py:server --set tasks=shop/tasks.yaml"
    tiny = "--steps 1 --groups 2 --rollouts 2"
    demos = [Step("quick", "toolgym demo --quick --output runs/quick")]
    if not quick_only:
        demos.append(Step("demo", "toolgym demo"))
    return [
        Step("clone", f"git clone --quiet {shlex.quote(str(CHECKOUT))} ."),
        Step("venv", f"{shlex.quote(sys.executable)} -m venv .venv"),
        Step("install", install),
        *demos,
        Step("list", "toolgym list"),
        Step("eval", "toolgym eval --agent oracle --episodes 5 --set size=small --output runs/oracle.jsonl"),
        Step("show", "toolgym show runs/oracle.jsonl --episode 0"),
        Step("plot", "toolgym plot runs/quick --output runs/curves.png"),
        Step("new server", "toolgym new server shop"),
        Step("check", f"toolgym check {shop}"),
        *(
            Step(name, f"python examples/{name}.py")
            for name in ("episode", "own_reward", "own_server", "own_domain", "tree_search")
        ),
        Step("own_algorithm", f"python examples/own_algorithm.py --output runs/own {tiny}"),
        Step("own_grpo_trainer", "python examples/own_grpo_trainer.py runs/trl 1"),
        Step("two_seeds", f"python examples/two_seeds.py runs/sweep {tiny}"),
    ]


def walk(way: Sequence[Step], folder: Path, say: Callable[[str], None]) -> list[Row]:
    """Runs the commands in a folder, with its virtual environment active; each with its seconds.

    Raises:
        SystemExit: a command failed, or took an hour.
    """
    environment = {
        **{name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "OMP_NUM_THREADS")},
        "PATH": f"{folder / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "VIRTUAL_ENV": str(folder / ".venv"),
    }
    rows = []
    for step in way:
        began = time.perf_counter()
        done = subprocess.run(
            # Through `env`, which finds a command in the new PATH; this process has another one.
            ["/usr/bin/env", *shlex.split(step.command)],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_LONGEST_S,
        )
        rows.append(Row(step.name, step.command, time.perf_counter() - began))
        if done.returncode != 0:
            said = done.stdout.decode(errors="replace")
            raise SystemExit(f"$ {step.command}\n{said}\n{step.name} ended with exit status {done.returncode}")
        say(f"{rows[-1].seconds:7.1f} s  $ {step.command}")
    return rows


def judged(rows: Sequence[Row], mode: str) -> list[Row]:
    """The rows with their limits, and behind them the way from `pip install` to the demo's table, where it was run."""
    limits = LIMITS_S[mode]
    out = [Row(row.step, row.command, row.seconds, limits.get(row.step)) for row in rows]
    seconds = {row.step: row.seconds for row in rows}
    if "install" in seconds and "demo" in seconds:
        whole = seconds["install"] + seconds["demo"]
        out.append(Row("install to table", "pip install, toolgym demo", whole, limits["install to table"]))
    return out


def heading(done: Walk) -> str:
    """On what it was walked, and how long all of it took."""
    total = sum(row.seconds for row in done.rows if row.step != "install to table")
    cores = f"{done.cores} core{'' if done.cores == 1 else 's'}"
    return f"A new user's path: {total:.0f} s ({done.mode}, {cores}, load {done.load:.1f} before)"


def table_of(done: Walk) -> Table:
    """How long each step took, and whether that was short enough."""
    table = Table()
    table.add_column("step", no_wrap=True)
    for column in ("seconds", "limit", "met"):
        table.add_column(column, justify="right", no_wrap=True)
    for row in done.rows:
        if row.step == "install to table":
            table.add_section()
        limit, met = ("", "") if row.limit_s is None else (f"{row.limit_s:.0f}", "yes" if row.met else "NO")
        table.add_row(row.step, f"{row.seconds:.1f}", limit, met)
    return table


@contextmanager
def pinned(cores: int | None, *, busy: bool) -> Iterator[int]:
    """Keeps this process and those that it starts to so many cores; with `busy`, beside one that spins on each.

    Gives the number of cores. None: all that there are.

    Raises:
        SystemExit: there are fewer, or processes cannot be pinned here.
    """
    if not hasattr(os, "sched_setaffinity"):
        if busy or cores is not None:
            raise SystemExit("--busy and --cores pin processes to cores, which this system cannot do: use Linux")
        yield os.cpu_count() or 1
        return
    whole = os.sched_getaffinity(0)
    count = len(whole) if cores is None else cores
    if not 1 <= count <= len(whole):
        raise SystemExit(f"--cores {count}: there are 1 to {len(whole)}")
    chosen = sorted(whole)[:count]
    spinning = []
    try:
        for core in chosen if busy else ():
            spin = f"import os\nos.sched_setaffinity(0, {{{core}}})\nwhile os.getppid() == {os.getpid()}: pass"
            spinning.append(subprocess.Popen([sys.executable, "-c", spin]))
        os.sched_setaffinity(0, chosen)
        yield count
    finally:
        os.sched_setaffinity(0, whole)
        for process in spinning:
            process.kill()
            process.wait()


def main(argv: Sequence[str] | None = None) -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--busy", action="store_true", help="beside a spinning process on each core")
    parser.add_argument("--cores", type=int, help="how many cores it may use (default: all)")
    parser.add_argument("--quick-only", action="store_true", help="without the demo of 8 minutes")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--output", type=Path, default=CHECKOUT / "benchmarks" / "results" / "new_user")
    chosen = parser.parse_args(argv)
    mode, load = "busy" if chosen.busy else "idle", os.getloadavg()[0]
    progress = Console(stderr=True, highlight=False)
    if load > _QUIET:
        progress.print(f"The machine is not quiet (load {load:.1f}): what is measured now is not this path alone.")
    way = steps(install_command((CHECKOUT / "README.md").read_text(encoding="utf-8")), quick_only=chosen.quick_only)
    with tempfile.TemporaryDirectory() as folder, pinned(chosen.cores, busy=chosen.busy) as cores:
        walked = walk(way, Path(folder), lambda line: progress.print(line, markup=False, soft_wrap=True))
    rows = judged(walked, mode)
    done = Walk(mode, cores, round(load, 2), platform.machine(), platform.python_version(), rows)
    figures = {**asdict(done), "rows": [{**asdict(row), "met": row.met} for row in rows]}
    _write(figures, chosen.output / f"{mode}-{cores}{'-quick' if chosen.quick_only else ''}.json")
    if chosen.json:
        print(json.dumps(figures, indent=1))
    else:
        Console().print(heading(done), table_of(done), sep="\n", highlight=False, soft_wrap=True)
    return 0 if all(row.met for row in rows) else 1


def _write(figures: dict[str, object], path: Path) -> None:
    text = json.dumps(figures, indent=1).replace(str(CHECKOUT), "CHECKOUT").replace(sys.executable, "python")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
