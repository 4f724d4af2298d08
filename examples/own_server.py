"""An environment of your own: a tool server, a task, and what success means.

    python examples/own_server.py

The tools are plain functions on a `World`, so episodes can be forked. For a server that exists already, hand
`toolgym.mcp.connect.connect(url, command or mcp.json).session` to `CustomDomain` instead of `server.session`.
"""

from toolgym.custom import CustomDomain
from toolgym.env import ToolEnv
from toolgym.mcp.server import ToolError, ToolServer
from toolgym.tasks import GoldAction, GoldCall, Task
from toolgym.world import Base, World

server = ToolServer("library", base=Base({"books": {"dune": {"title": "Dune", "lent_to": None}}}))


@server.tool(writes=False)
def find_book(world: World, book: str) -> dict:
    """Gets a book by its id."""
    if not world.has("books", book):
        raise ToolError(f"no book {book!r}")
    return world.get("books", book)


@server.tool(writes=True)
def lend(world: World, book: str, member: str) -> str:
    """Lends a book to a member."""
    if find_book(world, book)["lent_to"]:
        raise ToolError(f"{book!r} is lent already")
    world.edit("books", book)["lent_to"] = member
    return "lent"


task = Task(
    id="library/1",
    domain="library",
    kind=("lend",),
    request="I am ann. Please lend me the book 'dune'.",
    gold=(
        GoldAction(calls=(GoldCall(name="lend", arguments={"book": "dune", "member": "ann"}, writes=True),)),
        GoldAction(response="It is yours."),
    ),
    gold_diff={"books": {"dune": {"title": "Dune", "lent_to": "ann"}}},
)


def make_env(**options) -> ToolEnv:
    """The environment; options as for any ToolGym environment."""
    return ToolEnv(CustomDomain(server.session, [task], policy="Lend each book once.", name="library"), **options)


def main() -> None:
    env = make_env(prompt="short")
    request, _ = env.reset(seed=0)
    print("user:     ", request)
    said, reward, *_ = env.step(
        '<tool_call>{"name": "lend", "arguments": {"book": "dune", "member": "ann"}}</tool_call>'
    )
    print("tool:     ", said, f"(reward {reward:.2f})")
    _, reward, *_, info = env.step("<response>It is yours.</response>")
    print("outcome:  ", info["outcome"], f"(reward {reward:.2f})")
    env.close()


if __name__ == "__main__":
    main()
