"""`toolgym push`: episodes, corpora and models to the Hugging Face hub."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from toolgym.cli.common import OUTPUT, JsonFlag, out, panel, print_json, progress_console
from toolgym.data import size_text

__all__ = ["push"]

_where, _output = panel("Where to"), panel(OUTPUT)


def push(
    path: Annotated[Path, typer.Argument(help="A run's folder, a model's, a corpus, or episodes (.jsonl).")],
    repo: Annotated[str, typer.Argument(metavar="USER/NAME", help="The repository; made where it is not there.")],
    private: Annotated[bool, _where("--private", help="A new repository is seen by its owner alone.")] = False,
    branch: Annotated[str | None, _where(metavar="NAME", help="A branch, made where it is not there.")] = None,
    message: Annotated[str, _where("--message", "-m", metavar="TEXT", help="Of the commit.")] = "Pushed by toolgym",
    licence: Annotated[
        str | None, _where("--license", metavar="ID", help="What the card names, as the hub writes it (apache-2.0).")
    ] = None,
    dry_run: Annotated[bool, _output("--dry-run", help="Show what would go, and the card; send nothing.")] = False,
    json: JsonFlag = False,
) -> None:
    """Pushes episodes, a corpus or a model to the Hugging Face hub, in one commit, with a card that says what it is.

    Of a run goes the final model with its options and figures. A README.md that is there is the card. Who may write is
    told by `hf auth login` or HF_TOKEN; hf://datasets/USER/NAME/FILE is then read by every command that reads a file.

    \b
    Examples:
      toolgym push runs/eval/episodes.jsonl ann/airline-episodes --dry-run
      toolgym push planarena ann/planarena --license cc-by-4.0
      toolgym push runs/grpo ann/airline-grpo --private
      toolgym show hf://datasets/ann/airline-episodes/episodes.jsonl
    """
    from toolgym import pushing

    parcel = pushing.pack(path, repo, licence)
    sizes = {name: file.stat().st_size for name, file in parcel.files.items()}
    sizes |= {name: len(text.encode()) for name, text in parcel.texts.items()}
    told = {"repo": repo, "type": parcel.kind, "files": dict(sorted(sizes.items())), "bytes": parcel.size}
    if not json:
        table = Table("file", "size", title=f"{parcel.kind} {escape(repo)}", title_justify="left")
        table.columns[1].justify = "right"
        for name, size in sorted(sizes.items()):
            table.add_row(escape(name), size_text(size))
        (out if dry_run else progress_console).print(table)
    if dry_run:
        if json:
            print_json({**told, "card": parcel.texts.get(pushing.CARD), "pushed": False})
        elif pushing.CARD in parcel.texts:
            out.print(escape(parcel.texts[pushing.CARD]), highlight=False, soft_wrap=True)
        return
    with progress_console.status(f"Sending {size_text(parcel.size)} to {escape(repo)}"):
        address = pushing.push(parcel, repo, private=private, revision=branch, message=message)
    if json:
        print_json({**told, "address": address, "pushed": True})
        return
    out.print(f"It is at {escape(address)}", soft_wrap=True)
