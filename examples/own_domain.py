"""A domain of your own: a world for every seed, tasks made from it, splits, and a name for `gymnasium.make`.

    python examples/own_domain.py
    toolgym eval --env examples/own_domain.py:make_env --agent oracle --episodes 20
    toolgym check --env examples/own_domain.py:make_env

own_server.py has one world and one task. Here each task has a world of its own, a book is asked for by its title, and
who asks for one that is lent must be refused. Training and test tasks share no world, no title and no member.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import gymnasium
import numpy as np

from toolgym.custom import TaskList
from toolgym.domain import Split
from toolgym.env import ToolEnv
from toolgym.mcp.server import ToolError, ToolServer
from toolgym.mcp.session import ToolSession
from toolgym.registration import register_domain, register_env
from toolgym.tasks import GoldAction, GoldCall, Task
from toolgym.tasks.freezing import freeze
from toolgym.world import Base, World

SEEDS: dict[Split, range] = {"train": range(200), "validation": range(200, 240), "test": range(240, 280)}
"""The worlds of each split; one task is in each."""
FIRST = {"train": ["Red", "Blue", "Old", "New"], "validation": ["Grey", "Late"], "test": ["White", "Lost", "Tall"]}
SECOND = {"train": ["River", "Forest", "House"], "validation": ["Key"], "test": ["Garden", "Island"]}
MEMBERS = {"train": ["ann", "bob", "eve"], "validation": ["kim"], "test": ["lea", "max"]}


def split_of(seed: int) -> Split:
    return next(split for split, seeds in SEEDS.items() if seed in seeds)


def build_world(seed: int) -> Base:
    """The same books for the same seed, in any process: every second one is lent."""
    rng, split = np.random.default_rng(np.random.SeedSequence(seed)), split_of(seed)
    titles = [f"{first} {second}" for first in FIRST[split] for second in SECOND[split]]
    ids = rng.permutation(900)[: len(titles)] + 100
    lent = rng.permutation(len(titles)) % 2 == 1
    books = {
        f"b{ids[place]}": {"title": titles[place], "lent_to": "library" if lent[place] else None}
        for place in range(len(titles))
    }
    return Base({"books": books})


server = ToolServer("lending", build_world, default_world_key=0)


@server.tool(writes=False)
def find_book(world: World, title: str) -> list[dict[str, Any]]:
    """Finds books by their title."""
    return [{"id": id, **book} for id, book in world.items("books") if book["title"] == title]


@server.tool(writes=True)
def lend(world: World, book: str, member: str) -> str:
    """Lends a book to a member."""
    if not world.has("books", book):
        raise ToolError(f"no book {book!r}")
    world.edit("books", book)["lent_to"] = member
    return "lent"


@cache
def make_task(seed: int) -> Task:
    """The task of a world, with the final state of its gold chain, which is executed here."""
    rng, split = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(1,))), split_of(seed)
    books = build_world(seed).tables["books"]
    id = sorted(books)[rng.integers(len(books))]
    member, book = MEMBERS[split][rng.integers(len(MEMBERS[split]))], books[id]
    look = GoldAction(calls=(GoldCall(name="find_book", arguments={"title": book["title"]}),))
    give = GoldAction(calls=(GoldCall(name="lend", arguments={"book": id, "member": member}, writes=True),))
    refused = book["lent_to"] is not None
    end = f"Sorry, I cannot lend {book['title']}: it is lent." if refused else f"{book['title']} is yours."
    task = Task(
        id=f"lending-{split}-{seed}",
        domain="lending",
        kind=("refuse" if refused else "lend",),
        split=split,
        world_seed=seed,
        meta={"world": seed},
        request=f"I am {member}. Please lend me '{book['title']}'.",
        forbidden=refused,
        gold=(look, GoldAction(response=end)) if refused else (look, give, GoldAction(response=end)),
    )
    return freeze(task, server.session())


class Lending:
    """The domain: what `toolgym.domain.Domain` asks for."""

    name = "lending"

    def policy(self) -> str:
        return "Find a book by its title before you lend it. A book that is lent cannot be lent again: say so."

    def session(self) -> ToolSession:
        return server.session()

    def tasks(
        self, split: Split, *, depth: int | Sequence[int] | None = None, kinds: Sequence[str] | None = None
    ) -> TaskList:
        made = [make_task(seed) for seed in SEEDS.get(split, ())]
        depths = None if depth is None else {depth} if isinstance(depth, int) else set(depth)
        fits = (task for task in made if depths is None or task.depth in depths)
        return TaskList([task for task in fits if kinds is None or set(task.kind) <= set(kinds)])


def make_env(**options: Any) -> ToolEnv:
    """The environment; options as for any ToolGym environment."""
    return ToolEnv(Lending(), **options)


def main() -> None:
    register_domain("lending", Lending)
    register_env("Lending-v0", "lending")
    env = gymnasium.make("Lending-v0", split="test", prompt="short")
    for seed in range(3):
        request, _ = env.reset(seed=seed)
        print("user:", request)
        title = request.split("'")[1]
        found, *_ = env.step(f'<tool_call>{{"name": "find_book", "arguments": {{"title": "{title}"}}}}</tool_call>')
        print("tool:", found)
        *_, info = env.step(f"<response>Sorry, I cannot lend {title}: it is lent.</response>")
        print("a refusal is", info["outcome"])
    env.close()


if __name__ == "__main__":
    main()
