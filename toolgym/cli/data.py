"""`toolgym data`: the data of public benchmarks, fetched into a cache folder."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from toolgym.cli.command import Command
from toolgym.cli.common import OUTPUT, JsonFlag, out, panel, print_json, progress_console

__all__ = ["app"]

_source, _output = panel("Where from"), panel(OUTPUT)

app = typer.Typer(no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The data set, as `toolgym data list` names it.")]


@app.callback()
def _data() -> None:
    """Data of public benchmarks, on this machine: in $TOOLGYM_DATA, or where the system keeps caches.

    \b
    Examples:
      toolgym data list
      toolgym data get bfcl
      toolgym data path bfcl
    """


@app.command("get", cls=Command)
def get(
    name: Name,
    given: Annotated[
        Path | None,
        _source("--from", metavar="PATH", help="A file or folder that was fetched elsewhere, for want of a network."),
    ] = None,
    anew: Annotated[bool, _source("--anew", help="Fetch it although it is there.")] = False,
    json: JsonFlag = False,
) -> None:
    """Fetches a data set, checks it and unpacks it. Source, licence and size are said before.

    \b
    Examples:
      toolgym data get bfcl
      toolgym data get bfcl --from ~/Downloads --json
    """
    from toolgym import data

    wanted = data.data_set(name)
    there = data.is_there(name) and not anew
    if not there:
        progress_console.print(
            f"{escape(wanted.title)}\nlicence: {wanted.licence}, size: {data.size_text(wanted.size)}", highlight=False
        )
        for file in wanted.files:
            source = str(file.source) if given is None else str(given)
            progress_console.print(f"source: {escape(source)}", highlight=False, soft_wrap=True)
    folder = data.get(name, given=given, anew=anew)
    if json:
        print_json({"name": name, "folder": str(folder), "fetched": not there})
        return
    out.print(f"{'It is there already' if there else 'It is in'}: {escape(str(folder))}", soft_wrap=True)


@app.command("list", cls=Command)
def list_data(json: JsonFlag = False) -> None:
    """Lists the data sets: what they are, their licences and sizes, and which of them are here.

    \b
    Examples:
      toolgym data list
      toolgym data list --json
    """
    from toolgym import data

    rows = [
        {
            "name": each.name,
            "title": each.title,
            "licence": each.licence,
            "bytes": each.size,
            "sources": sorted({str(file.source) for file in each.files}),
            "folder": str(data.data_root() / each.name) if data.is_there(each.name) else None,
        }
        for each in data.DATA.values()
    ]
    if json:
        print_json(rows)
        return
    table = Table("name", "what", "licence", "size", "here", title=escape(str(data.data_root())), title_justify="left")
    for row in rows:
        size, here = data.size_text(row["bytes"]), "yes" if row["folder"] else "no"
        table.add_row(row["name"], escape(row["title"]), row["licence"], size, here)
    out.print(table)


@app.command("path", cls=Command)
def path(name: Name) -> None:
    """Prints the folder of a data set that was fetched; exits with 2 where it was not.

    \b
    Examples:
      ls $(toolgym data path bfcl)
    """
    from toolgym import data

    print(data.data_folder(name))
