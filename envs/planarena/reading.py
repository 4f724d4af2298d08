"""The tools of a scenario that read, and the looks that tell the kit what they show."""

from typing import Any, Final

from toolgym.composing.declaration import Look
from toolgym.composing.fields import Number
from toolgym.envs.planarena.parameters import Parameters, checks_of
from toolgym.envs.planarena.shapes import Part, Shape
from toolgym.envs.planarena.sorts import Sort, Sorts
from toolgym.envs.planarena.style import a_noun, slug
from toolgym.envs.planarena.tools import MadeTool, make_tool
from toolgym.mcp_servers.planarena import bodies

__all__ = ["make_look"]

_RECORD: Final = dict[str, Any]
_RECORDS: Final = list[dict[str, Any]]


def make_look(shape: Shape, sorts: Sorts, parameters: Parameters, part: Part) -> tuple[MadeTool, Look]:
    """The tool of a part that reads, and its look."""
    return _MAKERS[part.family](shape, sorts, parameters, part)


def _made(name: str, doc: str, takes: dict[str, Any], body: Any, returns: Any, family: str, *data: Any) -> MadeTool:
    return make_tool(name, doc, takes, body, returns, writes=False, effect=(family, *data))


def _show(shape: Shape, sorts: Sorts, parameters: Parameters, part: Part) -> tuple[MadeTool, Look]:
    style, sort = shape.style, sorts.of(part.noun)
    key = sort.kind.key
    rest = f"{a_noun(sort.noun)} by id" if style.mood == "noun" else a_noun(sort.noun)
    made = _made(
        style.tool(style.read, sort.word, sort.nouns),
        style.does(style.read, rest),
        {key: parameters.id(sort)},
        bodies.show(sort.kind),
        _RECORD,
        "show",
        sort.noun,
        sort.fields,
    )
    return made, Look(f"get_{slug(sort.noun)}", made.name, sort.table.name, {key: key})


def _list(shape: Shape, sorts: Sorts, parameters: Parameters, part: Part) -> tuple[MadeTool, Look]:
    style, sort, person = shape.style, sorts.of(part.noun), sorts.person
    owner, shows = person.kind.key, _shown(sort, part)
    after = f"of {person.word}" if style.mood == "noun" and style.order != "dotted" else ""
    made = _made(
        style.tool(style.list, sort.nouns, sort.nouns, after),
        style.does(style.list, f"the {sort.nouns} of {a_noun(person.noun)}"),
        {owner: parameters.id(person)},
        bodies.list_of(sort.kind, person.kind, owner, shows),
        _RECORDS,
        "list",
        sort.noun,
        shows or sort.fields,
    )
    look = Look(f"list_{sort.table.name}", made.name, sort.table.name, {owner: owner}, many=True, shows=shows)
    return made, look


def _search(shape: Shape, sorts: Sorts, parameters: Parameters, part: Part) -> tuple[MadeTool, Look]:
    style, sort = shape.style, sorts.of(part.noun)
    by = {sort.names[name]: sort.field(name) for name in part.fields}
    shows = _shown(sort, part)
    labels = " and ".join(made.label for made in by.values())
    after = f"by {' and '.join(name.replace('_', ' ') for name in part.fields)}" if style.mood == "noun" else ""
    checks = [checks_of(name, made) for name, made in by.items()]
    made = _made(
        style.tool(style.search, sort.nouns, sort.nouns, after),
        style.does(style.search, f"{sort.nouns} by {labels}"),
        {name: parameters.value(one) for name, one in by.items()},
        bodies.search(sort.kind, checks, shows),
        _RECORDS,
        "search",
        sort.noun,
        [[check.name, check.choices] for check in checks],
        shows or sort.fields,
    )
    look = Look(
        f"search_{sort.table.name}", made.name, sort.table.name, {name: name for name in by}, many=True, shows=shows
    )
    return made, look


def _name(shape: Shape, sorts: Sorts, parameters: Parameters, part: Part) -> tuple[MadeTool, Look]:
    style, sort = shape.style, sorts.of(part.noun)
    name = sort.names["name"]
    made = _made(
        style.tool(style.find, sort.word, sort.nouns, "by name"),
        style.does(style.find, f"{a_noun(sort.noun)} by name"),
        {name: parameters.text(f"The {sort.noun}'s name.")},
        bodies.named(sort.kind, name),
        _RECORD,
        "name",
        sort.noun,
        sort.fields,
    )
    return made, Look(f"find_{slug(sort.noun)}_by_name", made.name, sort.table.name, {name: name})


def _find(shape: Shape, sorts: Sorts, parameters: Parameters, part: Part) -> tuple[MadeTool, Look]:
    style, person = shape.style, sorts.person
    name = person.names[shape.address]
    label = person.table.fields[name].label
    made = _made(
        style.tool(style.find, person.word, person.nouns, f"by {shape.address}"),
        style.does(style.find, f"the id of {a_noun(person.noun)} by {label}"),
        {name: parameters.text(f"The {person.noun}'s {label}.")},
        bodies.find(person.kind, name, label),
        str,
        "find",
        person.noun,
        shape.address,
    )
    look = Look(f"find_{slug(person.noun)}", made.name, person.table.name, {name: name}, shows=(person.kind.key,))
    return made, look


def _summary(shape: Shape, sorts: Sorts, parameters: Parameters, part: Part) -> tuple[MadeTool, Look]:
    style, person, case = shape.style, sorts.person, sorts.cases[part.noun]
    sort, owner = sorts.summaries[part.noun], sorts.person.kind.key
    totals = {sort.names[name]: case.names[name] for name in part.fields}
    sums = "".join(f" and adds up the {_total(case, name)}" for name in part.fields)
    made = _made(
        style.tool(style.sum, case.nouns, case.nouns),
        f"Counts the {case.nouns} of {a_noun(person.noun)}{sums}.",
        {owner: parameters.id(person)},
        bodies.summarise(case.kind, person.kind, owner, (sort.kind.key, owner), sort.names["count"], totals),
        _RECORD,
        "summary",
        case.noun,
        list(part.fields),
    )
    return made, Look(f"total_{case.table.name}", made.name, sort.table.name, {owner: owner})


def _total(case: Sort, name: str) -> str:
    made = case.field(name)
    return f"{made.total} in {made.unit}" if isinstance(made, Number) and made.unit else made.total


def _shown(sort: Sort, part: Part) -> tuple[str, ...]:
    """The fields that a list shows here; nothing where it shows all."""
    if not part.shows:
        return ()
    names = [sort.names[name] for name in (*part.fields, *part.shows)]
    extra = [sort.names["name"]] if "name" in sort.names else []
    chosen = {sort.kind.key, *extra, *names}
    return tuple(name for name in sort.fields if name in chosen)


_MAKERS: Final = {
    "show": _show,
    "list": _list,
    "search": _search,
    "name": _name,
    "find": _find,
    "summary": _summary,
}
