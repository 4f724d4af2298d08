"""Replays recorded calls of public domains and says how far a dialect agrees with the public reference.

`benchmarks/recorded_airline.py`, `recorded_retail.py` and `recorded_telecom.py` are its commands. Their folder holds
the domain's public world (`airline/`) and `recorded_airline*.jsonl` and `gold_airline*.jsonl`. A line there is a
sequence of calls from the fresh world, with each call's observation and kind, and the final state as edits. Where it
holds `fuzz.jsonl.xz`, `gold.jsonl.xz` and `rewards.jsonl.xz` instead, as tau2's does, a line names its domain, a call
says whether it failed (or is only made) and whose it is, and the final state is a hash.
"""

import lzma
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.table import Table

from toolgym.mcp.inprocess import InProcessSession
from toolgym.mcp.server import ToolServer
from toolgym.mcp_servers.common.domain_tools import DomainTools
from toolgym.messages import ToolCall
from toolgym.trajectory import ToolResult
from toolgym.world import Base, Diff, World, copy_json


@dataclass(frozen=True)
class Disagreement:
    """One difference from the recording: `where` names the sequence and call."""

    reason: str
    where: str
    detail: str


@dataclass
class Report:
    """Agreement over sequences: counts by kind (`ok`, the kinds of failure, `final state`), and what disagreed."""

    total: Counter[str] = field(default_factory=Counter)
    agreed: Counter[str] = field(default_factory=Counter)
    disagreements: list[Disagreement] = field(default_factory=list)

    def count(self, kind: str, difference: tuple[str, str] | None, where: str) -> None:
        """Adds one comparison; `difference` is (reason, detail), or None where the two agree."""
        self.total[kind] += 1
        if difference is None:
            self.agreed[kind] += 1
        else:
            self.disagreements.append(Disagreement(difference[0], where, difference[1]))


def equal(ours: Any, theirs: Any) -> bool:
    """Whether two JSON values are equal, numbers to 1e-6."""
    if isinstance(ours, bool) or isinstance(theirs, bool):
        return ours is theirs
    if isinstance(ours, int | float) and isinstance(theirs, int | float):
        return math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-6)
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        return ours.keys() == theirs.keys() and all(equal(value, theirs[key]) for key, value in ours.items())
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(equal, ours, theirs))
    return ours == theirs


def _read(text: str | None) -> Any:
    """An observation's value: JSON where it is, else the text; a tool that returned nothing said nothing."""
    try:
        return orjson.loads(text or "")
    except orjson.JSONDecodeError:
        return text or ""


def _steps(path: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]


def _apply(tables: dict[str, Any], edit: Sequence[Any]) -> None:
    """Applies one edit: ["set", pointer, old, new], ["add", pointer, new] or ["del", pointer, old]."""
    operation, (*parents, last) = edit[0], _steps(edit[1])
    target: Any = tables
    for step in parents:
        target = target[int(step)] if isinstance(target, list) else target[step]
    key: Any = int(last) if isinstance(target, list) else last
    if operation == "del":
        del target[key]
    elif operation == "add" and isinstance(target, list):
        target.insert(key, edit[-1])
    else:
        target[key] = edit[-1]


def expected_diff(base: Base, edits: Sequence[Sequence[Any]]) -> Diff:
    """The recorded final state, as the records that differ from the fresh world's."""
    touched = sorted({tuple(_steps(edit[1])[:2]) for edit in edits})
    tables: dict[str, Any] = {}
    for table, key in touched:
        records = tables.setdefault(table, {})
        if key in base.tables[table]:
            records[key] = copy_json(base.tables[table][key])
    # Later items of a list go first, so that earlier deletions do not move them.
    deletions = [edit for edit in edits if edit[0] == "del"]
    for edit in [edit for edit in edits if edit[0] != "del"] + deletions[::-1]:
        _apply(tables, edit)
    return {table: {key: records.get(key) for t, key in touched if t == table} for table, records in tables.items()}


def _apart(base: Base, diff: Diff) -> Diff:
    """The records of a diff that are not `equal` to the base's: a balance set from 68 to 68.0 is no difference."""
    apart = {
        table: {key: record for key, record in records.items() if not equal(base.tables[table].get(key), record)}
        for table, records in diff.items()
    }
    return {table: records for table, records in apart.items() if records}


def _compare(session: InProcessSession, recorded: Mapping[str, Any]) -> tuple[str, str] | None:
    """Makes one call and compares: None where it agrees, else (reason, detail)."""
    call, before = ToolCall(recorded["name"], recorded["kwargs"]), session.world.hash()
    result = _made(session, recorded)
    told = f"{call.name}({orjson.dumps(call.arguments).decode()}): {result.text[:300]}"
    if recorded["kind"] == "ok":
        if result.is_error:
            return f"refused ({recorded.get('tag', 'gold')})", told
        agrees = equal(_read(result.text), _read(recorded["observation"]))
        return None if agrees else ("different result", f"{told} instead of {recorded['observation'][:300]}")
    if not result.is_error:
        return f"accepted ({recorded.get('tag', 'gold')})", told
    changed = session.world.hash() != before
    return None if changed == recorded.get("db_changed", False) else (f"failed, state changed: {changed}", told)


def _made(session: InProcessSession, recorded: Mapping[str, Any]) -> ToolResult:
    """Makes one call, as the side that made it."""
    call = ToolCall(recorded["name"], recorded["kwargs"])
    return session.call_as_user(call) if recorded.get("requestor") == "user" else session.call(call)


def replay(
    server: ToolServer,
    sequences: Iterator[tuple[str, Mapping[str, Any]]],
    final_hash: Callable[[World], str] | None = None,
    set_up: Callable[[World, Mapping[str, Any]], None] | None = None,
    judge: Callable[[World, Mapping[str, Any]], Iterable[tuple[str, str | None]]] | None = None,
) -> Report:
    """Replays (name, sequence) pairs, each from the fresh world, and compares every call and final state.

    Args:
        server: whose tools are compared.
        sequences: see `sequences_of`.
        final_hash: the reference's hash of a world, for sequences that record one.
        set_up: makes the fresh world that of a sequence.
        judge: what else is compared at a sequence's end: kinds, each with how the two differ (None: not at all).
    """
    report = Report()
    for name, sequence in sequences:
        session = server.session()
        if set_up is not None:
            set_up(session.world, sequence)
        for position, recorded in enumerate(_calls(sequence)):
            if "kind" in recorded:
                difference = _compare(session, recorded)
                report.count(recorded["kind"], difference, f"{name} call {position}")
            else:
                _made(session, recorded)
        if "db_diff" in sequence:
            base = session.base
            ours, theirs = _apart(base, session.diff()), _apart(base, expected_diff(base, sequence["db_diff"]))
            difference = ("different final state", f"{ours} instead of {theirs}"[:2000])
            report.count("final state", None if equal(ours, theirs) else difference, name)
        elif final_hash is not None and sequence.get("db_hash"):
            same = final_hash(session.world) == sequence["db_hash"]
            report.count("final state", None if same else ("different final state", "another hash"), name)
        for kind, detail in () if judge is None else judge(session.world, sequence):
            report.count(kind, None if detail is None else (f"different {kind}", detail), name)
    return report


def sequences_of(folder: Path, domain: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(name, sequence) pairs of a domain's recordings in a folder."""
    for path in sorted([*folder.glob(f"recorded_{domain}*.jsonl"), *folder.glob(f"gold_{domain}*.jsonl")]):
        for number, line in enumerate(path.read_bytes().splitlines(), 1):
            yield f"{path.name}:{number}", orjson.loads(line)
    for path in sorted(folder.glob("*.jsonl.xz")):
        for number, line in enumerate(lzma.decompress(path.read_bytes()).splitlines(), 1):
            sequence = orjson.loads(line)
            if sequence["domain"] == domain:
                calls = [_tau2_call(call) for call in _calls(sequence)]
                yield f"{path.name}:{number}", {**sequence, "calls": calls}


def _calls(sequence: Mapping[str, Any]) -> list[Any]:
    return sequence["calls"] if "calls" in sequence else sequence["steps"]


def _tau2_call(call: Any) -> dict[str, Any]:
    """A call of tau2's recordings: with a result, or the bare [name, arguments, requestor] of its rewards."""
    if isinstance(call, list):
        return {"name": call[0], "kwargs": call[1], "requestor": call[2]}
    return {**call, "kind": "tool_error" if call["error"] else "ok"}


def run(
    tools: DomainTools,
    final_hash: Callable[[World], str] | None = None,
    first_dialect: str = "tau_bench",
    tasks: Callable[[Path], "tuple[Any, Any]"] = lambda folder: (None, None),
) -> None:
    """Runs the command of a domain, which prints the agreement figures, and each exception with its reason.

    Args:
        tools: the domain's.
        final_hash: see `replay`.
        first_dialect: what is compared unless another is asked for.
        tasks: `set_up` and `judge` of `replay`, from the domain's folder.
    """

    def main(
        data: Annotated[Path, typer.Option(help=f"Folder with {tools.name}/ and the recordings.")],
        dialect: Annotated[str, typer.Option(help="The dialect that is compared.")] = first_dialect,
    ) -> None:
        server = tools.server(data=data / tools.name, dialect=dialect)
        set_up, judge = tasks(data / tools.name)
        report = replay(server, sequences_of(data, tools.name), final_hash, set_up, judge)
        _show(report, f"{tools.name}, dialect {dialect}, against the recordings")

    typer.run(main)


def _show(report: Report, title: str) -> None:
    table = Table("kind", "compared", "agree", "share", title=title)
    for kind, total in sorted(report.total.items()):
        table.add_row(kind, str(total), str(report.agreed[kind]), f"{report.agreed[kind] / total:.2%}")
    console = Console()
    console.print(table)
    console.print(f"{len(report.disagreements)} exceptions")
    for reason, count in Counter(item.reason for item in report.disagreements).most_common():
        console.print(f"{count} {reason}", markup=False, highlight=False)
    for item in report.disagreements:
        console.print(f"- {item.reason}: {item.where}: {item.detail}", markup=False, highlight=False)
