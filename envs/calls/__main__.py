"""Looks at rows before anything learns from them: `python -m toolgym.envs.calls rows.jsonl`.

Prints how many examples each split has, of which kind, and every row that cannot be read, with its file and line.
"""

from collections import Counter
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

from toolgym.envs.calls.sources import open_sources
from toolgym.envs.calls.store import KINDS, RowStore
from toolgym.errors import ToolGymError

_SPLITS = ("train", "validation", "test", "test_unseen")


def main(
    data: Annotated[str, typer.Argument(help="A file, a folder, or the name of a data set.")],
    until: Annotated[Literal["turn", "response"], typer.Option(help="When an episode ends.")] = "turn",
    test_share: Annotated[float, typer.Option(help="Share of the rows that is held out for tests.", min=0)] = 0.1,
) -> None:
    """Prints what is in the rows; exits with 1 where one is broken."""
    try:
        store = RowStore(open_sources(data), until, test_share, 0, skip_broken=True)
    except ToolGymError as error:
        raise typer.BadParameter(str(error)) from error
    console = Console()
    table = Table("split", "examples", *KINDS, title=f"{len(store):,} examples")
    for split in _SPLITS:
        places = store.where(split, None, None)
        kinds = Counter(store.kind(place) for place in places)
        table.add_row(split, f"{len(places):,}", *(f"{kinds[kind]:,}" for kind in KINDS))
    console.print(table)
    for line in store.broken:
        console.print(f"broken: {line}", markup=False, highlight=False, soft_wrap=True)
    if store.broken:
        console.print(f"{len(store.broken):,} broken rows: mend them, or leave them out with skip_broken=true")
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
