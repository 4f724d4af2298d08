"""Prints how many BFCL cases a second are judged and played without a model, beside the official evaluator's verdicts.

    python -m benchmarks.bfcl_speed --cases 100

It needs the data (`toolgym data get bfcl`). The official evaluator of conversations is run on the ground truth, in a
process of its own; that of single turns imports a client of every vendor, and is not run.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from toolgym.agents.policies import OraclePolicy
from toolgym.agents.rollouts import Start, rollouts
from toolgym.data import data_folder
from toolgym.envs.bfcl import check, check_multi_turn
from toolgym.envs.bfcl.cases import GROUPS, is_multi_turn, read_cases
from toolgym.envs.bfcl.gold import gold_calls
from toolgym.opening import open_env

_OFFICIAL = """
import json, sys, time
sys.path.insert(0, sys.argv[1])
from bfcl_eval.eval_checker.multi_turn_eval.multi_turn_checker import multi_turn_checker

cases = json.load(open(sys.argv[2]))
began = 0.0
for number, case in enumerate(cases):
    if number == 1:  # the first one imports the tools
        began = time.perf_counter()
    turns = [[turn] if turn else [] for turn in case["ground_truth"]]
    multi_turn_checker(turns, case["ground_truth"], case, case["category"], f"speed{number}")
print((len(cases) - 1) / (time.perf_counter() - began))
"""


def main(
    cases: Annotated[int, typer.Option(help="Of each category, at most.")] = 100,
    data: Annotated[Path | None, typer.Option(help="The folder of the benchmark's data.")] = None,
) -> None:
    """Prints cases a second: verdicts, the official evaluator's, whole episodes of the gold."""
    folder = data_folder("bfcl", data).resolve()
    table = Table("cases", "verdicts a second", "official", "episodes a second", title="BFCL without a model")
    for group, categories in GROUPS.items():
        chosen = [case for category in categories for case in read_cases(folder, category)[:cases]]
        official = "-"
        if is_multi_turn(categories[0]):
            judged = _rate(chosen, lambda case: check_multi_turn(case, _turns(case), data=folder))
            official = f"{_official(folder, chosen):.0f}"
        else:
            golds = {case["id"]: [{call.name: call.arguments} for call in gold_calls(case, str)] for case in chosen}
            judged = _rate(chosen, lambda case, golds=golds: check(case, golds[case["id"]]))
        table.add_row(f"{group} ({len(chosen)})", f"{judged:.0f}", official, f"{_played(folder, group, chosen):.0f}")
    Console().print(table)


def _turns(case: Mapping[str, Any]) -> list[list[Sequence[str]]]:
    return [[turn] if turn else [] for turn in case["ground_truth"]]


def _rate(cases: Sequence[Mapping[str, Any]], judge: Callable[[Mapping[str, Any]], Any]) -> float:
    judge(cases[0])  # starts what there is to start
    began = time.perf_counter()
    for case in cases:
        judge(case)
    return len(cases) / (time.perf_counter() - began)


def _official(folder: Path, cases: Sequence[Mapping[str, Any]]) -> float:
    with tempfile.TemporaryDirectory() as made:
        file = Path(made) / "cases.json"
        file.write_text(json.dumps(list(cases)))
        command = [sys.executable, "-W", "ignore", "-c", _OFFICIAL, str(folder), str(file)]
        return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def _played(folder: Path, group: str, cases: Sequence[Mapping[str, Any]]) -> float:
    env = open_env("ToolGym/BFCL-v0", category=group, data=str(folder), split="test")
    env.reset(options={"task": cases[0]["id"]})
    began = time.perf_counter()
    rollouts(OraclePolicy(), [env], [Start(options={"task": case["id"]}) for case in cases])
    seconds = time.perf_counter() - began
    env.close()
    return len(cases) / seconds


if __name__ == "__main__":
    typer.run(main)
