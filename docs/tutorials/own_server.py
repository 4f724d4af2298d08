# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---
# %% [markdown]
# # A server of your own
#
# Typed functions on a world of records become an MCP server; a task says what success is; `ToolEnv` does the rest.
# Here it is a small library, with books to find and to lend.
#
# ## The world and its tools
#
# A `Base` holds tables of records and never changes. Each episode has a `World` on it that keeps only what the
# episode writes.

# %%
from toolgym.mcp.server import ToolError, ToolServer
from toolgym.world import Base, World

books = {
    "dune": {"title": "Dune", "lent_to": None},
    "emma": {"title": "Emma", "lent_to": "bob"},
}
server = ToolServer("library", base=Base({"books": books}))


@server.tool(writes=False)
def find_book(world: World, title: str) -> dict:
    """Finds a book by its title."""
    for key in ("dune", "emma"):
        if world.get("books", key)["title"].lower() == title.lower():
            return {"book_id": key, **world.get("books", key)}
    raise ToolError(f"no book is called {title!r}")


@server.tool(writes=True)
def lend(world: World, book_id: str, member: str) -> str:
    """Lends a book to a member."""
    if world.get("books", book_id)["lent_to"]:
        raise ToolError(f"{book_id} is lent already")
    world.edit("books", book_id)["lent_to"] = member
    return "lent"


# %% [markdown]
# A tool's docstring and types are what an agent sees of it. `writes` says whether it may change the world. A
# `ToolError` is the tool's answer "no", which the agent reads; anything else that a tool raises would be a fault of
# the server.
#
# ## A task
#
# A task has a request, the gold chain that solves it, and the state that the world should then have.

# %%
from toolgym.tasks import GoldAction, GoldCall, Task

task = Task(
    id="library/1",
    domain="library",
    kind=("find", "lend"),
    request="I am ann. May I take Dune home?",
    gold=(
        GoldAction(calls=(GoldCall(name="find_book", arguments={"title": "Dune"}),)),
        GoldAction(calls=(GoldCall(name="lend", arguments={"book_id": "dune", "member": "ann"}, writes=True),)),
        GoldAction(response="Dune is yours."),
    ),
    gold_diff={"books": {"dune": {"title": "Dune", "lent_to": "ann"}}},
)

# %% [markdown]
# ## The environment

# %%
from toolgym.custom import CustomDomain
from toolgym.env import ToolEnv


def make_env() -> ToolEnv:
    domain = CustomDomain(server.session, [task], policy="Lend each book to one member at a time.", name="library")
    return ToolEnv(domain, prompt="short")


env = make_env()
print(env.reset(seed=0)[0])
print(env.step('<tool_call>{"name": "find_book", "arguments": {"title": "dune"}}</tool_call>')[0])
print(env.step('<tool_call>{"name": "lend", "arguments": {"book_id": "dune", "member": "ann"}}</tool_call>')[0])
print(env.step("<response>Dune is yours.</response>")[4]["outcome"])

# %% [markdown]
# The agent wrote `dune` where the gold chain has `Dune`, and that is as good: success is the final state, not the
# words that led to it. What the tool refuses is read, and is no crash:

# %%
env.reset(seed=0)
print(env.step('<tool_call>{"name": "lend", "arguments": {"book_id": "emma", "member": "ann"}}</tool_call>')[0])
print(env.step("<response>Emma is yours.</response>")[4]["outcome"])

# %% [markdown]
# ## Does it keep the promises?
#
# The conformance suite plays the environment from all sides. These are three of its checks; `toolgym check` runs all.

# %%
from toolgym.checker import check_tool_env

report = check_tool_env(make_env, episodes=1, only=["oracle", "gold_is_hidden", "fork"])
print(report.passed, [result.name for result in report.results])

# %% [markdown]
# The same server answers any MCP client over stdio and HTTP (`server.fastmcp`), byte for byte alike. A server that
# you have already, in any language, takes this one's place: [Your own server](../own-server.md). Tasks may stand in a
# YAML file ([tasks files](../own-server.md#tasks)), and `toolgym new server NAME` writes server and tasks to start
# from.
