"""`toolgym score`: rewards of texts, without an environment."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from toolgym.cli.common import JsonFlag, out, print_json, read_jsonl
from toolgym.errors import ConfigError
from toolgym.options import parse_settings


def score(
    file: Annotated[Path, typer.Argument(help="JSON Lines: a completion and its gold a line. - reads stdin.")],
    reward: Annotated[str, typer.Option("--reward", "-r", help="The preset: toolrl, toolupt, awpo, ...")] = "toolrl",
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="An option of the preset; may be repeated.")
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Scores completions against gold, line by line.

    Each line is {"completion": text, "gold": text or calls}.

    \b
    Examples:
      toolgym score answers.jsonl --reward toolrl
      toolgym score answers.jsonl --reward awpo --json > scores.json
    """
    from toolgym.rewards import score as score_text

    options = parse_settings(settings)
    scores: list[dict[str, Any]] = []
    for number, line in read_jsonl(file):
        missing = [name for name in ("completion", "gold") if name not in line]
        if missing:
            raise ConfigError(f"{file}, line {number}: no {' and no '.join(map(repr, missing))}; each line needs both.")
        scores.append(score_text(reward, line["completion"], line["gold"], **options))
    if json:
        print_json(scores)
        return
    names = list(dict.fromkeys(name for entry in scores for name in entry))
    table = Table(title=f"{reward}: {len(scores)} completions", title_justify="left")
    for column in ("component", "mean", "lowest", "highest"):
        table.add_column(column, justify="left" if column == "component" else "right")
    for name in names:
        values = [entry[name] for entry in scores if name in entry]
        table.add_row(name, *(f"{value:.4f}" for value in (sum(values) / len(values), min(values), max(values))))
    out.print(table)
