"""Compares our verdicts with the recorded ones of the Berkeley Function Calling Leaderboard (BFCL).

    python -m benchmarks.recorded_bfcl --data ../shared/data
    python -m benchmarks.recorded_bfcl --data ../shared/data --no-strict

The folder, or its `bfcl/`, holds `ast_cases.jsonl.xz` (rows of the benchmark), `ast_pairs.jsonl.xz` (an output for a
row, with the official `valid` and `error_type`), `agentic_pairs.jsonl.xz` (an answer, with `valid`), and of the
multi-turn cases `mt_gold.jsonl.xz` (rows, with what each ground-truth call showed) and `mt_pairs.jsonl.xz` (calls
for a row, with the verdict and what each showed). These need the tools, which `toolgym data get bfcl` brings.
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

from toolgym.data import is_there
from toolgym.envs.bfcl import check, check_agentic, check_multi_turn, replay


@dataclass(frozen=True)
class Difference:
    """A pair that we judge otherwise: `ours` and `theirs` are (valid, error type)."""

    row: str
    mutation: str
    ours: tuple[bool, str | None]
    theirs: tuple[bool, str | None]


@dataclass
class Agreement:
    """By category: how many pairs were compared, how many have the same `valid`, how many the same error type too."""

    total: Counter[str] = field(default_factory=Counter)
    valid: Counter[str] = field(default_factory=Counter)
    error_type: Counter[str] = field(default_factory=Counter)
    differences: list[Difference] = field(default_factory=list)
    seconds: float = 0.0
    """What our verdicts took."""

    def count(self, category: str, pair: dict[str, Any], ours: tuple[bool, str | None]) -> None:
        """Adds one pair; where the recording has no error type, only `valid` is compared."""
        theirs = (pair["valid"], pair.get("error_type", ours[1]))
        self.total[category] += 1
        self.valid[category] += ours[0] is theirs[0]
        self.error_type[category] += ours == theirs
        if ours != theirs:
            self.differences.append(Difference(pair["id"], pair["mutation"], ours, theirs))


def compare_calls(folder: Path, strict: bool = True) -> Agreement:
    """Our verdicts on the outputs of `ast_pairs` against the recorded ones."""
    cases = {case["id"]: case for case in _rows(folder / "ast_cases.jsonl.xz")}
    agreement = Agreement()
    for pair in _rows(folder / "ast_pairs.jsonl.xz"):
        verdict = check(cases[pair["id"]], pair["model_output"], pair["underscore_to_dot"], strict=strict)
        agreement.count(pair["category"], pair, (verdict.valid, verdict.error_type))
    return agreement


def compare_answers(folder: Path) -> Agreement:
    """Our verdicts on the answers of `agentic_pairs` against the recorded ones."""
    agreement = Agreement()
    for pair in _rows(folder / "agentic_pairs.jsonl.xz"):
        verdict = check_agentic(pair["response"], pair["possible_answers"])
        agreement.count(f"agentic {pair['group']}", pair, (verdict.valid, verdict.error_type))
    return agreement


def compare_conversations(folder: Path, strict: bool = True) -> Agreement:
    """Our verdicts on the calls of `mt_pairs` against the recorded ones."""
    cases = {case["id"]: case for case in _rows(folder / "mt_gold.jsonl.xz")}
    agreement = Agreement()
    for pair in _rows(folder / "mt_pairs.jsonl.xz"):
        began = time.perf_counter()
        verdict = check_multi_turn(cases[pair["id"]], pair["model_output"], strict=strict)
        agreement.seconds += time.perf_counter() - began
        agreement.count(pair["id"].rpartition("_")[0], pair, (verdict.valid, verdict.error_type))
    return agreement


def compare_observations(folder: Path) -> list[str]:
    """The rows whose calls, the ground truth's or a pair's, show something else than was recorded."""
    cases = {case["id"]: case for case in _rows(folder / "mt_gold.jsonl.xz")}
    differing = []
    for case in cases.values():
        shown, _ = replay(case, [[turn] for turn in case["calls"]])
        if [turn[0] for turn in shown] != case["observations"]:
            differing.append(f"{case['id']} (gold)")
    for pair in _rows(folder / "mt_pairs.jsonl.xz"):
        if "observations" not in pair or pair["observation_depends_on_hash_seed"]:
            continue
        if replay(cases[pair["id"]], pair["model_output"])[0] != pair["observations"]:
            differing.append(f"{pair['id']} ({pair['mutation']})")
    return differing


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with lzma.open(path, "rt") as file:
        yield from map(json.loads, file)


def main(
    data: Annotated[Path, typer.Option(help="Folder with the recordings, or with bfcl/ that holds them.")],
    strict: Annotated[bool, typer.Option(help="Our default; otherwise the official verdicts' faults too.")] = True,
) -> None:
    """Prints the agreement by category, and each exception."""
    folder = data / "bfcl" if (data / "bfcl").is_dir() else data
    if not (folder / "ast_cases.jsonl.xz").is_file():
        raise typer.BadParameter(f"{folder} holds no ast_cases.jsonl.xz", param_hint="--data")
    table = Table("category", "compared", "same valid", "same error type", title="BFCL, against the recorded verdicts")
    console = Console()
    differences = []
    agreements = [compare_calls(folder, strict), compare_answers(folder)]
    if is_there("bfcl"):
        agreements.append(compare_conversations(folder, strict))
    else:
        console.print("The multi-turn verdicts need the tools: toolgym data get bfcl")
    for agreement in agreements:
        for category, total in sorted(agreement.total.items()):
            shares = (f"{counter[category] / total:.2%}" for counter in (agreement.valid, agreement.error_type))
            table.add_row(category, str(total), *shares)
        differences += agreement.differences
    console.print(table)
    if is_there("bfcl"):
        number, seconds = sum(agreements[-1].total.values()), agreements[-1].seconds
        console.print(f"{number / seconds:.0f} multi-turn verdicts a second")
        for row in compare_observations(folder):
            console.print(f"- {row}: shows something else than was recorded", markup=False, highlight=False)
    console.print(f"{len(differences)} exceptions")
    for item in differences:
        text = f"- {item.row} ({item.mutation}): ours {item.ours}, recorded {item.theirs}"
        console.print(text, markup=False, highlight=False)


if __name__ == "__main__":
    typer.run(main)
