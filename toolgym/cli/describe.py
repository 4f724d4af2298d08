"""`toolgym describe`: a domain's page, and what was thrown away while its tasks were made."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, cast

import typer
from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import Markdown, TableElement
from rich.table import Table

from toolgym.cli.common import OUTPUT, JsonFlag, out, panel, print_json
from toolgym.domain import Size
from toolgym.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from toolgym.composing.declaration import Declaration

_counted, _output = panel("What is counted"), panel(OUTPUT)
_ARENA = "planarena"
"""The generated scenarios: of them all, thirty random tools are shown."""
_SPLITS = ("train", "validation", "test", "test_unseen")


def describe(
    name: Annotated[
        str | None, typer.Argument(help="A domain's name, its Gymnasium id, or FILE.py:NAME of a declaration.")
    ] = None,
    markdown: Annotated[bool, _output("--markdown", help="Print the page's Markdown.")] = False,
    output: Annotated[
        Path | None,
        _output("--output", "-o", help="Write the page here; without a name, a page a domain into this folder."),
    ] = None,
    thrown_away: Annotated[
        int | None,
        _counted(
            "--thrown-away", min=1, metavar="N", help="How many candidates the first N tasks cost, and why, instead."
        ),
    ] = None,
    split: Annotated[str | None, _counted("--split", help="Of one split, with --thrown-away.")] = None,
    size: Annotated[str, _counted("--size", help="small, standard or large.")] = "small",
    json: JsonFlag = False,
) -> None:
    """Describes a domain: its tools, records, rules, and a task of each depth. The page is made from its declaration.

    \b
    Examples:
      toolgym describe library
      toolgym describe library --markdown > library.md
      toolgym describe library --thrown-away 200
      toolgym describe rental.py:RENTAL
      toolgym describe planarena:17
      toolgym describe --output docs/domains
    """
    from toolgym.registration import own_domains

    if name is None and output is None:
        raise ConfigError(f"Name a domain: {', '.join(own_domains())}; or a folder for a page of each (--output)")
    if thrown_away is None and (split is not None or json):
        raise ConfigError("--split and --json go with --thrown-away")
    if thrown_away is not None and (name is None or output is not None or markdown):
        raise ConfigError("--thrown-away takes the name of a domain, and writes no page")
    if thrown_away is not None and name is not None:
        _show_thrown_away(_found(name, size)[0], thrown_away, split, json)
        return
    from toolgym.composing.pages import page_of

    for one in [name] if name is not None else own_domains():
        page = _page_of_tools() if one == _ARENA else page_of(*_found(one, size))
        if output is not None:
            place = output if name is not None else output / f"{one}.md"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(page, encoding="utf-8")
            out.print(f"Written: {place}", highlight=False, markup=False, soft_wrap=True)
        elif markdown:
            print(page, end="")
        else:
            out.print(_Page(page))


class _FoldedTable(TableElement):
    """A table whose long names go on in the next line: a tool's name that is cut off is of no use."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for table in super().__rich_console__(console, options):
            for column in cast(Table, table).columns:
                column.overflow = "fold"
            yield table


class _Page(Markdown):
    elements: ClassVar = {**Markdown.elements, "table_open": _FoldedTable}


def _page_of_tools() -> str:
    from toolgym.envs.planarena.page import tools_page

    return tools_page()


def _found(name: str, size: str) -> "tuple[Any, Declaration | None]":
    """The domain of a name or file, and its declaration.

    Raises:
        ConfigError: there is none, or its tasks are not composed.
    """
    import gymnasium

    from toolgym.loading import load_named, names_object
    from toolgym.registration import declaration_of, domains, is_declaration, make_domain

    known: Any = name
    if names_object(name) and not name.startswith(f"{_ARENA}:"):
        known = load_named(name)
        if not is_declaration(known):
            raise ConfigError(f"{name} is a {type(known).__name__}; what is described is a Declaration")
        declaration = known
    else:
        spec = gymnasium.registry.get(name)
        known = spec.kwargs.get("domain", name) if spec is not None else name
        if known not in domains() and not str(known).startswith(f"{_ARENA}:"):
            raise ConfigError(did_you_mean(str(known), domains(), "domain"))
        declaration = declaration_of(known)
    domain: Any = make_domain(known, size=cast(Size, size))
    declaration = declaration or getattr(domain, "declaration", None)
    if not hasattr(domain, "thrown_away"):
        raise ConfigError(
            f"The tasks of {name!r} are given, not composed: toolgym list {name} says what there is to say"
        )
    return domain, declaration


def _show_thrown_away(domain: Any, first: int, split: str | None, json: bool) -> None:
    from toolgym.composing.making import REASONS

    splits: Any = [split] if split is not None else [domain.split] if hasattr(domain, "split") else _SPLITS
    counts = {one: domain.thrown_away(one, first) for one in splits}
    if json:
        print_json({"domain": domain.name, "size": domain.size, "tasks": first, "thrown_away": counts})
        return
    table = Table(title=f"{domain.name}: candidates thrown away for the first {first} tasks", title_justify="left")
    table.add_column("why", no_wrap=True)
    for one in counts:
        table.add_column(one, justify="right", no_wrap=True)
    table.add_column("that is")
    for reason, told in REASONS.items():
        row = [found.get(reason, 0) for found in counts.values()]
        table.add_row(reason, *(f"{count:,}" for count in row), told)
    table.add_section()
    table.add_row("all", *(f"{sum(found.values()):,}" for found in counts.values()), "")
    out.print(table)
