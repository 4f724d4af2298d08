"""What simple agents get in every domain: the oracle all of it, those that know nothing next to nothing.

    python -m benchmarks.domains                        # 1,000 test tasks of each domain
    python -m benchmarks.domains --tasks 100 --only bank --only hotel
    python -m benchmarks.domains --perturbed            # the same with each perturbation, and with all together
    python -m benchmarks.domains --distinct             # how many different requests all tasks of train and test make
    python -m benchmarks.domains --json

The oracle plays each task's gold chain, as it is and with all perturbations on (renamed tools and parameters, tools of
other domains, transient errors, another order). `noop` says that it has nothing to do, `refuse` that it is not
allowed, `random` makes valid calls by the schemas. Refusing is right where all that is asked for is forbidden: the
share of those tasks is shown, and `refuse` is counted on the others.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from toolgym.agents.policies.scripted import NoopPolicy, OraclePolicy, RandomPolicy
from toolgym.agents.rollouts.rollout import Start, rollouts
from toolgym.env import ToolEnv
from toolgym.messages import Turn, render
from toolgym.registration import make_domain, needs_user, own_domains

__all__ = ["AGENTS", "COLUMNS", "PERTURBATIONS", "main", "measure", "measure_perturbed"]

T = TypeVar("T")
PERTURBED: dict[str, Any] = {"rename": True, "distractors": 5, "flaky": 0.1, "reorder": True}
PERTURBATIONS: dict[str, dict[str, Any]] = {
    **{name: {name: value} for name, value in PERTURBED.items()},
    "all": PERTURBED,
}
COLUMNS = ("oracle", "perturbed", "noop", "refuse", "random")
AGENTS = ("oracle", "noop", "refuse", "random")
REFUSAL = render(Turn(response="Sorry, I cannot do that: it is not allowed."))
CLOSING = render(Turn(response="Is there anything else?"))


Shares = dict[str, float]


def _outcomes(env: ToolEnv, policy: Any, tasks: Sequence[int]) -> Iterator[str | None]:
    for index in tasks:
        (episode,) = rollouts(policy, [env], [Start(options={"task": index})])
        yield episode.trajectory.outcome


def _refused(env: ToolEnv, tasks: Sequence[int]) -> Iterator[bool]:
    """Whether refusing solves, task by task, of those in which it is wrong."""
    for index in tasks:
        env.reset(options={"task": index})
        if env.task.forbidden:
            continue
        for action in (REFUSAL, *[CLOSING] * 4):
            *_, terminated, truncated, info = env.step(action)
            if terminated or truncated:
                break
        yield info["outcome"] == "solved"


def measure(name: str, tasks: int, split: str = "test", size: str = "small") -> Shares:
    """Shares in [0, 1] of a domain's tasks that each agent solves, and of those in which all is to be refused.

    Args:
        name: the domain.
        tasks: how many, from the first on.
        split: of which split.
        size: of which worlds.
    """
    options = _options(name, split, size)
    out = _shares(name, options, tasks)
    env = ToolEnv(name, **options, **PERTURBED)
    out["perturbed"] = _solved(env, OraclePolicy(), tasks)
    env.close()
    return out


def measure_perturbed(name: str, perturbation: str, tasks: int, split: str = "test", size: str = "small") -> Shares:
    """The same shares (but `perturbed`) with one of the `PERTURBATIONS`."""
    return _shares(name, _options(name, split, size) | PERTURBATIONS[perturbation], tasks)


def _options(name: str, split: str, size: str) -> dict[str, Any]:
    return {"size": size, "split": split, "user": "scripted" if needs_user(name) else "none"}


def _solved(env: ToolEnv, policy: Any, tasks: int) -> float:
    return Counter(_outcomes(env, policy, range(tasks)))["solved"] / tasks


def _shares(name: str, options: dict[str, Any], tasks: int) -> Shares:
    env = ToolEnv(name, **options)
    agents = {"oracle": OraclePolicy(), "noop": NoopPolicy(), "random": RandomPolicy()}
    out = {agent: _solved(env, policy, tasks) for agent, policy in agents.items()}
    refused = list(_refused(env, range(tasks)))
    env.close()
    out["refuse"] = sum(refused) / max(1, len(refused))
    out["forbidden"] = 1 - len(refused) / tasks
    return out


def distinct(name: str, size: str = "small") -> dict[str, int]:
    """How many different requests the tasks of a domain's splits make, and how many tasks there are."""
    domain = make_domain(name, size=size)  # pyright: ignore[reportArgumentType]
    out = {}
    for split in ("train", "test"):
        tasks = domain.tasks(split)
        out[f"{split} tasks"] = len(tasks)
        out[f"{split} requests"] = len({task.request for task in tasks})
    return out


def main(
    tasks: Annotated[int, typer.Option(help="How many tasks of each domain.")] = 1000,
    only: Annotated[list[str] | None, typer.Option(help="A domain; may be given several times.")] = None,
    split: Annotated[str, typer.Option(help="train, validation, test or test_unseen.")] = "test",
    size: Annotated[str, typer.Option(help="small, standard or large.")] = "small",
    count: Annotated[bool, typer.Option("--distinct", help="Count different requests instead; takes minutes.")] = False,
    perturbed: Annotated[bool, typer.Option("--perturbed", help="With each perturbation, a row each.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Prints, domain by domain, the share of tasks that simple agents solve."""
    names = only or own_domains()
    for name in names:
        make_domain(name)  # a mistyped one is told before anything is played
    if count:
        counts = {name: distinct(name, size) for name in _shown(names)}
        print(json.dumps(counts, indent=1)) if as_json else Console().print(_counted(counts))
        return
    columns = AGENTS if perturbed else COLUMNS
    if perturbed:
        each = [(name, perturbation) for name in names for perturbation in PERTURBATIONS]
        rows = {f"{name}, {one}": measure_perturbed(name, one, tasks, split, size) for name, one in _shown(each)}
    else:
        rows = {name: measure(name, tasks, split, size) for name in _shown(names)}
    if as_json:
        print(json.dumps(rows, indent=1))
        return
    table = Table("domain", *columns, "to be refused", title=f"solved, of {tasks:,} {split} tasks in {size} worlds")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, row in rows.items():
        table.add_row(name, *(f"{row[column]:.1%}" for column in (*columns, "forbidden")))
    Console().print(table)


def _shown(items: Sequence[T]) -> Iterable[T]:
    return track(items, "domains", console=Console(stderr=True), disable=not sys.stderr.isatty())


def _counted(counts: dict[str, dict[str, int]]) -> Table:
    columns = tuple(next(iter(counts.values())))
    table = Table("domain", *columns, title="different requests")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, row in counts.items():
        table.add_row(name, *(f"{row[column]:,}" for column in columns))
    return table


if __name__ == "__main__":
    typer.run(main)
