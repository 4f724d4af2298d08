"""What memories do to the built-in policy: the pass rate, and the turns and tokens that they cost or save.

    python -m benchmarks.memory --output runs/memory                     # about 7 minutes on a free core
    python -m benchmarks.memory --output runs/memory --only "none graph"   # goes on where it stopped
    python -m benchmarks.memory --output runs/memory --tools               # of mem_tool: gold calls outside the context
    python -m benchmarks.memory --output runs/pretrained --agent hf:runs/my/final --env ToolGym/PlanArena-v0 \
        --set prompt=tools --own 0 --shown 0 --only "none graph cases"

The memory is learnt from the environment's train split: the gold chains of `--gold` tasks and the policy's own episodes
on `--own` tasks; the ranker of `cases:similarity=learnt` from its episodes with cases on `--shown` validation tasks.
Every row plays the same test tasks greedily, and is compared with `none` task by task.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from toolgym.agents.evaluation import AgentOptions, EvalOptions, evaluate, make_policy
from toolgym.agents.evaluation.metrics import bootstrap, wilson
from toolgym.agents.memory import learn, read_memory, wear, write_memory
from toolgym.agents.memory.worn import Worn
from toolgym.agents.policies.policy import Policy
from toolgym.options import parse_settings
from toolgym.trajectory import Trajectory, read_trajectories

ENV, PLANARENA = "ToolGym/Airline-v0", "ToolGym/PlanArena-v0"
SETTINGS = {"size": "small", "prompt": "short"}
"""The world of the built-in policies."""
ROWS = (
    "none",
    "graph",
    "graph:writes=true",
    "graph:threshold=0.5,writes=true",
    "graph:similar=0",
    "cases",
    "cases:similarity=learnt",
)


@dataclass(frozen=True)
class World:
    """Where everything is played."""

    env_id: str
    settings: dict[str, Any]


def play(world: World, policy: Policy, split: str, tasks: int, output: Path | None = None) -> dict[str, bool]:
    """Task -> whether it was solved; the episodes are written to `output`."""
    solved: dict[str, bool] = {}
    options = EvalOptions(world.env_id, split, tasks, env_options=world.settings, output=output, overwrite=True)
    evaluate(policy, options, on_episode=lambda score, _: solved.__setitem__(score.task_id, score.solved))
    return solved


def played(world: World, policy: Policy, split: str, tasks: int, file: Path) -> list[Trajectory]:
    """The episodes of a file, which is made where it is not there; none where there are to be no tasks."""
    if not tasks:
        return []
    if not file.exists():
        part = file.with_suffix(".part")
        play(world, policy, split, tasks, part)
        part.rename(file)
    return read_trajectories(file)


def remember(world: World, agent: Policy, folder: Path, gold: int, own: int, shown: int) -> Path:
    """The memory file, made where it is not there."""
    file, first = folder / "memory.json", folder / "first.json"
    if not file.exists():
        episodes = played(world, make_policy("oracle"), "train", gold, folder / "gold.jsonl")
        episodes += played(world, agent, "train", own, folder / "own.jsonl")
        write_memory(first, learn(episodes))
        episodes += played(world, wear(agent, "cases", first), "validation", shown, folder / "shown.jsonl")
        write_memory(file, learn(episodes))
    return file


def row(world: World, name: str, agent: Policy, file: Path, tasks: int) -> dict[str, Any]:
    """One row's figures."""
    worn = Worn(agent, read_memory(file)) if name == "none" else wear(agent, name, file)
    solved = play(world, worn, "test", tasks)
    return {"memory": name, "solved": solved, **asdict(worn.tally)}


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The rows in Markdown."""
    base = rows[0]
    lines = [
        "| memory | pass@1 | against none | won, lost | the policy's turns | the memory's turns | tokens written "
        "| tokens read |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for each in rows:
        passed = np.array([each["solved"][task] for task in base["solved"]], dtype=float)
        before = np.array(list(base["solved"].values()), dtype=float)
        low, high = wilson(float(passed.mean()), len(passed))
        change = passed - before
        ends = bootstrap(list(change))
        against = f"{change.mean():+.1%} ({ends[0]:+.1%} to {ends[1]:+.1%})" if each is not base else ""
        won = f"{int((change > 0).sum())}, {int((change < 0).sum())}" if each is not base else ""
        lines.append(
            f"| `{each['memory']}` | {passed.mean():.1%} ({low:.1%} to {high:.1%}) | {against} | {won} "
            f"| {_of(each, base, 'asked')} | {each['own']} | {_of(each, base, 'written')} | {_of(each, base, 'read')} |"
        )
    return "\n".join(lines)


def tools_table(folder: Path, tasks: int = 40) -> str:
    """How many of the gold chains' calls are of tools that `mem_tool` does not keep, in Markdown."""
    lines = ["| environment | tools | kept | gold calls | of tools that are not kept |", "|---|---|---|---|---|"]
    for env_id, settings in (("ToolGym/Airline-v0", {"size": "small"}), ("ToolGym/All-v0", {}), (PLANARENA, {})):
        for k in (4, 8):
            output = folder / "tools.jsonl"
            options = EvalOptions(env_id, "test", tasks, env_options=settings, output=output, overwrite=True)
            evaluate(wear(make_policy("oracle"), f"mem_tool:mode=workflow,k={k}"), options)
            episodes = read_trajectories(output)
            notes = [each.meta["memory"] for each in episodes]
            calls, outside = sum(len(each.calls) for each in episodes), sum(each["outside"] for each in notes)
            there, kept = np.mean([(each["tools"], each["kept"][0]) for each in notes], axis=0)
            lines.append(f"| {env_id} | {there:.1f} | {kept:.1f} | {calls} | {outside / calls:.1%} |")
    return "\n".join(lines)


def _of(each: dict[str, Any], base: dict[str, Any], what: str) -> str:
    change = "" if each is base or not base[what] else f" ({each[what] / base[what] - 1:+.1%})"
    return f"{each[what]:,}{change}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agent", default="builtin:imperfect", help="who acts")
    parser.add_argument("--env", default=ENV)
    parser.add_argument("--set", action="append", default=None, help=f"NAME=VALUE of it (default: {SETTINGS})")
    parser.add_argument("--max-new-tokens", type=int, default=None, help="of a turn (default: the agent's own)")
    parser.add_argument("--tasks", type=int, default=80, help="test tasks")
    parser.add_argument("--gold", type=int, default=400, help="train tasks whose gold chains are learnt from")
    parser.add_argument("--own", type=int, default=60, help="train tasks that the policy plays to be learnt from")
    parser.add_argument("--shown", type=int, default=20, help="validation tasks that the policy plays with cases")
    parser.add_argument("--only", default="", help="rows, separated by spaces")
    parser.add_argument("--tools", action="store_true", help="the table of mem_tool instead")
    parser.add_argument("--output", type=Path, required=True, help="folder of the memory and the figures")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    if options.tools:
        print(tools_table(options.output))
        return
    world = World(options.env, dict(parse_settings(options.set)) if options.set else SETTINGS)
    chosen = AgentOptions(temperature=0.0, max_new_tokens=options.max_new_tokens, threads=1)
    agent = make_policy(options.agent, chosen)
    file = remember(world, agent, options.output, options.gold, options.own, options.shown)
    found = options.output / "rows.json"
    rows = json.loads(found.read_text()) if found.exists() else []
    for name in options.only.split() or ROWS:
        if name not in [each["memory"] for each in rows]:
            rows.append(row(world, name, agent, file, options.tasks))
            found.write_text(json.dumps(rows))
            print(table(rows), flush=True)


if __name__ == "__main__":
    main()
