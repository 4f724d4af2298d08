"""Compares our verdicts and tools with the recorded ones of API-Bank.

    python -m benchmarks.recorded_api_bank --data ../shared/data
    python -m benchmarks.recorded_api_bank --data ../shared/data --databases api-bank

The folder, or its `api_bank/`, holds `pairs.jsonl.xz` (a call as text, the gold call, the official verdict),
`dialogue_replay.jsonl.xz` and `fuzz.jsonl.xz` (calls on one world, and what the official tools answered). The latter
two need the databases that the calls were made on: a copy of API-Bank. Rows that depend on a network or a model are
left out, and so is what was drawn at random.
"""

import json
import lzma
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from toolgym.envs.api_bank import check
from toolgym.errors import TaskError
from toolgym.mcp_servers.api_bank import TOOLS
from toolgym.mcp_servers.api_bank.calling import run
from toolgym.mcp_servers.api_bank.public_world import load_base
from toolgym.world import World


@dataclass
class Agreement:
    """How many were compared, by group; how many agree in the first and in both respects; and those that do not."""

    total: Counter[str] = field(default_factory=Counter)
    valid: Counter[str] = field(default_factory=Counter)
    whole: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def count(self, group: str, about: str, ours: tuple[Any, Any], theirs: tuple[Any, Any]) -> None:
        """Adds one comparison."""
        self.total[group] += 1
        self.valid[group] += ours[0] == theirs[0]
        self.whole[group] += ours == theirs
        if ours != theirs:
            self.differences.append(f"{about}: ours {ours}, recorded {theirs}")


def compare_calls(folder: Path, databases: Path | None = None) -> Agreement:
    """Our verdicts on the calls of `pairs` against the recorded ones."""
    agreement = Agreement()
    pairs = [row for row in _rows(folder / "pairs.jsonl.xz") if not row["env_dependent"] and row["valid"] is not None]
    start = time.perf_counter()
    verdicts = [check(pair["text"], pair["gold"], data=databases) for pair in pairs]
    agreement.seconds = time.perf_counter() - start
    for pair, verdict in zip(pairs, verdicts, strict=True):
        theirs = pair["valid"], None if pair["valid"] else pair["category"]
        about = f"{pair['file']} {pair['sample_id']} ({pair['mutation']}) {pair['text'][:200]}"
        agreement.count(pair["category"], about, (verdict.valid, verdict.error_type), theirs)
    return agreement


def compare_answers(folder: Path, name: str, databases: Path) -> Agreement:
    """Our tools' answers to the calls of `dialogue_replay` or `fuzz` against the recorded ones."""
    agreement, base = Agreement(), load_base(databases)
    start = time.perf_counter()
    for row in _rows(folder / f"{name}.jsonl.xz"):
        world = World(base)
        for step in row["steps"]:
            ours = _answer(world, step)
            if not step.get("env_dependent"):
                agreement.count(name, f"{step['api']} {step['params']}", ours, _recorded(step))
    agreement.seconds = time.perf_counter() - start
    return agreement


def _answer(world: World, step: dict[str, Any]) -> tuple[Any, Any]:
    """(the output, the exception's text); a call that is refused before it is run has neither."""
    try:
        response = run(step["api"], TOOLS[step["api"]], world, step["params"])
    except TaskError:
        return None, "refused"
    output = json.loads(json.dumps(response.output))
    return "drawn" if step["random_output"] and output is not None else output, response.exception


def _recorded(step: dict[str, Any]) -> tuple[Any, Any]:
    response = step["response"]
    if response is None:
        return None, "refused"
    drawn = step["random_output"] and response["output"] is not None
    return "drawn" if drawn else response["output"], response["exception"]


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with lzma.open(path, "rt") as file:
        yield from map(json.loads, file)


def main(
    data: Annotated[Path, typer.Option(help="Folder with the recordings, or with api_bank/ that holds them.")],
    databases: Annotated[Path | None, typer.Option(help="A copy of API-Bank, for its databases.")] = None,
) -> None:
    """Prints the agreement by verdict, each exception, and the speed."""
    folder = data / "api_bank" if (data / "api_bank").is_dir() else data
    if not (folder / "pairs.jsonl.xz").is_file():
        raise typer.BadParameter(f"{folder} holds no pairs.jsonl.xz", param_hint="--data")
    console = Console()
    table = Table("compared", "of", "same valid", "same in full", title="API-Bank, against the recordings")
    found = [compare_calls(folder, databases)]
    if databases is not None:
        found += [compare_answers(folder, name, databases) for name in ("dialogue_replay", "fuzz")]
    for agreement in found:
        for group, total in sorted(agreement.total.items()):
            shares = (f"{counter[group] / total:.2%}" for counter in (agreement.valid, agreement.whole))
            table.add_row(group, str(total), *shares)
    console.print(table)
    differences = [item for agreement in found for item in agreement.differences]
    console.print(f"{len(differences)} exceptions")
    for item in differences:
        console.print(f"- {item}", markup=False, highlight=False)
    calls = found[0]
    console.print(f"{sum(calls.total.values()) / calls.seconds:,.0f} verdicts a second")


if __name__ == "__main__":
    typer.run(main)
