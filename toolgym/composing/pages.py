"""A domain's page, made from its declaration and its tasks: what `toolgym describe` shows and `docs/domains/` holds."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from toolgym.composing.declaration import Act, Declaration, Look
from toolgym.composing.fields import Field
from toolgym.composing.making import TASKS_OF
from toolgym.composing.tables import Table
from toolgym.mcp.session import ToolSpec

__all__ = ["page_of"]

_LOOKED_AT: Final = 400
"""Tasks among which there is one of each depth."""


def page_of(domain: Any, declaration: Declaration | None = None) -> str:
    """The page (Markdown).

    Args:
        domain: a `ComposedDomain`, or one of a split (`split`); its examples are tasks of that, or of `train`.
        declaration: what it is declared by; None for a domain that is none.
    """
    title = declaration.title if declaration is not None else str(getattr(domain, "title", domain.name))
    parts = [f"# {title}"]
    if declaration is not None:
        parts.append(declaration.role)
    parts.append(_facts(domain))
    parts += ["## Tools", _table(("tool", "", "what it does", "takes"), map(_tool, domain.session().tools))]
    if declaration is not None:
        parts += ["## Records", _table(("records", "how many", "what they have"), map(_records, declaration.tables))]
        parts += ["## What is looked up", _table(("kind", "tool", "shows", "by"), map(_look, declaration.looks))]
        acts = (_act(declaration, act) for act in declaration.acts)
        parts += ["## What is done", _table(("kind", "tool", "asked for by", "forbidden by"), acts)]
        if declaration.rules:
            rules = ((f"`{rule.name}`", rule.text) for rule in declaration.rules)
            parts += ["## What is not allowed", _table(("rule", "sentence of the policy"), rules)]
    parts += ["## Tasks", _tasks(domain)]
    return "\n\n".join(parts) + "\n"


def _facts(domain: Any) -> str:
    tools, kinds = len(domain.session().tools), len(domain.kinds)
    counts = {domain.split: len(domain.tasks(domain.split))} if hasattr(domain, "split") else TASKS_OF
    tasks = ", ".join(f"{count:,} `{split}`" for split, count in counts.items())
    return f"{tools} tools, {kinds} atomic tasks. Composed tasks: {tasks}."


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def _tool(tool: ToolSpec) -> tuple[str, ...]:
    required = tool.input_schema.get("required", ())
    names = [f"`{name}`" if name in required else f"[`{name}`]" for name in tool.input_schema.get("properties", {})]
    does = " ".join(tool.description.split()).partition(". ")[0].rstrip(".")
    return f"`{tool.name}`", "writes" if tool.writes else "", f"{does}.", ", ".join(names)


def _records(table: Table) -> tuple[str, ...]:
    if isinstance(table.rows, Mapping):
        rows = ", ".join(f"{count:,} ({size})" for size, count in table.rows.items())
    elif callable(table.rows):
        rows = "as others have it"
    elif table.rows:
        low, high = min(table.rows), max(table.rows)
        rows = f"{low} to {high} of each of the {table.per}" if low < high else f"{low} of each of the {table.per}"
    else:
        rows = "inside others"
    fields = ", ".join(_field(name, made, name == table.key) for name, made in table.fields.items())
    return f"`{table.name}`", rows, fields


def _field(name: str, made: Field, key: bool) -> str:
    refers = getattr(made, "table", None)
    to = f" (of `{refers}`)" if isinstance(refers, str) else ""
    return f"**`{name}`**" if key else f"`{name}`{to}"


def _look(look: Look) -> tuple[str, ...]:
    what = f"{'several' if look.many else 'one'} of `{look.gives}`"
    shown = f"{what}: {', '.join(f'`{name}`' for name in look.shows)}" if look.shows else what
    return f"`{look.kind}`", f"`{look.tool}`", shown, ", ".join(f"`{name}`" for name in look.by.values())


def _act(declaration: Declaration, act: Act) -> tuple[str, ...]:
    rules = ", ".join(f"`{rule.name}`" for rule in declaration.rules_of(act))
    return f"`{act.kind}`", f"`{act.tool}`", act.words[0], rules


def _tasks(domain: Any) -> str:
    """One example of each depth, the shallowest first."""
    found: dict[int, Any] = {}
    depths = set(getattr(domain, "depths", range(1, 8)))
    tasks = domain.tasks(getattr(domain, "split", "train"))
    for index in range(min(_LOOKED_AT, len(tasks))):
        task = tasks[index]
        found.setdefault(task.depth, task)
        if found.keys() >= depths:
            break
    return "\n\n".join(_example(found[depth]) for depth in sorted(found))


def _example(task: Any) -> str:
    request = " ".join(task.request.split())
    return f"**Depth {task.depth}**, `{task.composition}`\n\n> {request}"
