"""Compares tau2's recorded calls, states and rewards with ours, by domain and kind, and times the replays.

    python -m benchmarks.recorded_tau2 --data ../shared/data/tau2

The folder holds the data as `toolgym.envs.tau2.data` says, and `gold.jsonl.xz`, `rewards.jsonl.xz` and `fuzz.jsonl.xz`:
calls with their results and the hashes of the final states, and calls with the reference's rewards.
"""

import lzma
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.table import Table

from benchmarks import recorded
from toolgym.envs.tau2 import replay
from toolgym.envs.tau2.data import DOMAINS, load
from toolgym.envs.tau2.states import database_hash, user_hash
from toolgym.mcp_servers.telecom.situations import check
from toolgym.world import World

_TIMED = 5
_PARTS = ("all_breakdown", "env_breakdown", "action_breakdown", "communicate_breakdown")


def rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """(name, row) of a recording's rows about the domains that there are."""
    for number, line in enumerate(lzma.decompress(path.read_bytes()).splitlines(), 1):
        row = orjson.loads(line)
        if row["domain"] in DOMAINS:
            yield f"{path.name}:{number}", row


def compare_reward(row: Mapping[str, Any], data: Path) -> list[str]:
    """How our rewards of a recorded list of calls differ: the names of what does."""
    ours = replay(row["domain"], row["task_id"], row["calls"], row["assistant_text"], data=data)
    told = row["rewards"]
    wanted = {
        "reward": told["all"] if "all" in told else told["env"],
        "breakdown": {name: value for part in _PARTS for name, value in (told.get(part) or {}).items()},
        "db_match": told["db_match"],
        "action_matches": told["action_matches"],
    }
    return [name for name, value in wanted.items() if ours[name] != value]


def compare_rewards(data: Path) -> recorded.Report:
    """The rewards of every recorded list of calls; the kind is the domain and how the list was made."""
    report = recorded.Report()
    for name, row in rows(data / "rewards.jsonl.xz"):
        apart = compare_reward(row, data)
        difference = (f"different {', '.join(apart)}", row["task_id"]) if apart else None
        report.count(f"{row['domain']} reward, {row['variant']}", difference, name)
    return report


def compare_calls(data: Path) -> recorded.Report:
    """Every recorded result, final state and assertion of the gold chains and of the others; kinds as above."""
    report = recorded.Report()
    for domain in DOMAINS:
        benchmark = load(domain, data)

        def begin(world: World, sequence: Mapping[str, Any], benchmark=benchmark) -> None:
            if "task_id" in sequence:
                task = World(benchmark.base(sequence["task_id"]))
                world.restore(_over(task.base.tables, world.base.tables))

        def judge(world: World, sequence: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
            if sequence.get("user_db_hash") is not None and "phones" in world.base.tables:
                yield "user's state", None if user_hash(world) == sequence["user_db_hash"] else "another hash"
            for name, arguments, _, expected, got in sequence.get("env_assertions") or ():
                ours = check(world, name, arguments)
                yield "assertion", None if (ours == expected) == (got == expected) else f"{name}: {ours}, not {got}"

        server = import_module(f"toolgym.mcp_servers.{domain}").build_server(base=benchmark.public, dialect="tau2")
        sequences = recorded.sequences_of(data, domain)
        found = recorded.replay(server, sequences, partial(database_hash, domain), begin, judge)
        for kind, total in found.total.items():
            report.total[f"{domain} {kind}"], report.agreed[f"{domain} {kind}"] = total, found.agreed[kind]
        report.disagreements += found.disagreements
    return report


def _over(tables: Mapping[str, Mapping[str, Any]], public: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The records that a task's world has otherwise than the public one."""
    return {
        name: {key: record for key, record in table.items() if public[name].get(key) != record}
        for name, table in tables.items()
    }


def speed(data: Path) -> dict[str, float]:
    """Replays a second of the recorded lists of calls, by domain: the best of some times, the gold chains played."""
    every = [row for _, row in rows(data / "rewards.jsonl.xz")]
    took: dict[str, float] = {}
    for domain in DOMAINS:
        of_domain, best = [row for row in every if row["domain"] == domain], 0.0
        for _ in range(_TIMED):
            began = time.perf_counter()
            for row in of_domain:
                replay(domain, row["task_id"], row["calls"], row["assistant_text"], data=data)
            best = max(best, len(of_domain) / (time.perf_counter() - began))
        took[domain] = best
    return took


def main(data: Annotated[Path, typer.Option(help="Folder with the data and the recordings.")]) -> None:
    """Prints the agreement by domain and kind, each exception, and the speed."""
    calls, rewards = compare_calls(data), compare_rewards(data)
    table = Table("domain and kind", "compared", "agree", "share", title="tau2, against the recordings")
    total, agreed = calls.total + rewards.total, calls.agreed + rewards.agreed
    for kind, count in sorted(total.items()):
        table.add_row(kind, str(count), str(agreed[kind]), f"{agreed[kind] / count:.2%}")
    table.add_row("all", str(total.total()), str(agreed.total()), f"{agreed.total() / total.total():.2%}")
    console = Console()
    console.print(table)
    exceptions = calls.disagreements + rewards.disagreements
    console.print(f"{len(exceptions)} exceptions")
    for reason, count in Counter(item.reason for item in exceptions).most_common():
        console.print(f"{count} {reason}", markup=False, highlight=False)
    for item in exceptions:
        console.print(f"- {item.reason}: {item.where}: {item.detail}", markup=False, highlight=False)
    for domain, count in speed(data).items():
        console.print(f"{domain}: {count:,.0f} replays a second")


if __name__ == "__main__":
    typer.run(main)
