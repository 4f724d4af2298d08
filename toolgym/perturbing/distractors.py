"""`distractors`: tools of other domains stand beside the needed ones."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import count, islice

from toolgym.errors import ConfigError
from toolgym.mcp.session import ToolSpec
from toolgym.messages import ToolCall
from toolgym.perturbing.chance import Chance
from toolgym.perturbing.session import Layer, Tools
from toolgym.registration import domains, generated_domains, make_domain, plugin_domains
from toolgym.trajectory import ToolResult

__all__ = ["Distractors", "pool"]


def pool(domain: str, own: Sequence[ToolSpec], wanted: int, title: str = "") -> Tools:
    """The tools of all other registered domains, by domain and name, without those whose name `own` or another has.
    Plug-ins lend none: what is drawn must not depend on what else is installed.

    Where these are too few, generated domains lend theirs, in turn, until there are enough; those of the domain's own
    `title` lend none, because their tools would be right too.

    A domain that cannot be made without options (it needs files of the user's, say) lends none.

    Raises:
        ConfigError: they are fewer than `wanted`.
    """
    taken, found = {tool.name for tool in own}, []
    lent: dict[str, int] = {}
    brought = plugin_domains()
    for name in domains():
        if name != domain and name not in brought:
            tools = [tool for tool in _tools_of(name) if tool.name not in taken]
            taken.update(tool.name for tool in tools)
            lent[name] = len(tools)
            found += tools
    for place in count():
        if len(found) >= wanted or (made := _generated(place)) is None:
            break
        if made[0] != title:
            tools = [tool for tool in made[1] if tool.name not in taken]
            taken.update(tool.name for tool in tools)
            found += tools
    if len(found) < wanted:
        named = ", ".join(f"{count} of {name!r}" for name, count in lent.items()) or "there is no other domain"
        raise ConfigError(
            f"distractors={wanted}, but the other registered domains have {len(found)} tools to lend ({named}): take "
            f"distractors={len(found)} or fewer, or register another domain"
        )
    return tuple(found)


@lru_cache(maxsize=64)
def _tools_of(name: str) -> Tools:
    """A domain's tools, sorted by name."""
    try:
        session = make_domain(name).session()
    except (ConfigError, TypeError):
        return ()
    try:
        return tuple(sorted(session.tools, key=lambda tool: tool.name))
    finally:
        session.close()


_made: list[tuple[str, Tools]] = []
"""The titles and tools of generated domains that have been asked for. A thousand tools take about a second."""


def _generated(place: int) -> tuple[str, Tools] | None:
    """The title and tools of a generated domain; None where there are no more."""
    for name in islice(generated_domains(), len(_made), place + 1):
        domain = make_domain(name)
        session = domain.session()
        try:
            _made.append((getattr(domain, "title", ""), session.tools))
        finally:
            session.close()
    return _made[place] if place < len(_made) else None


class Distractors(Layer):
    """Tools that are listed among the others and do nothing: a call of one is refused, and changes no state.

    Which ones they are, and where each stands, has nothing to do with the task's gold chain: the choice is drawn from
    the whole pool, and the order of all tools is drawn anew.

    Args:
        chance: the episode's choices.
        lent: the pool (`pool`).
        count: how many of them.
    """

    __slots__ = ("_chance", "_names", "_tools")

    def __init__(self, chance: Chance, lent: Tools, count: int):
        by_name = {tool.name: tool for tool in lent}
        chosen = chance.shuffled(by_name, "distractor")[:count]
        self._chance = chance
        self._names = frozenset(chosen)
        self._tools = tuple(replace(by_name[name], writes=False) for name in chosen)

    def listed(self, tools: Tools) -> Tools:
        by_name = {tool.name: tool for tool in (*tools, *self._tools)}
        return tuple(by_name[name] for name in self._chance.shuffled(by_name, "place"))

    def sent(self, call: ToolCall) -> ToolCall | ToolResult:
        if call.name not in self._names:
            return call
        text = f"The tool '{call.name}' has no access to this customer's records and did nothing."
        return ToolResult(text, None, True, "tool_error")
