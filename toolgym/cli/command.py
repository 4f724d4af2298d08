"""`Command`: how a command of the command line says what it takes."""

import inspect
from typing import Any

from typer.core import TyperCommand

__all__ = ["Command"]


class Command(TyperCommand):
    """A command whose help is as wide as the terminal: Typer itself keeps the line breaks of the source."""

    def __init__(self, *given: Any, help: str | None = None, **named: Any):
        super().__init__(*given, help=_flowing(help or ""), **named)

    def get_help_option(self, ctx: Any) -> Any:
        """`--help`, in the last of the command's panels instead of one of its own before them."""
        option: Any = super().get_help_option(ctx)
        panels = [getattr(each, "rich_help_panel", None) for each in self.params]
        if option is not None and any(panels):
            option.rich_help_panel = [panel for panel in panels if panel][-1]
        return option


def _flowing(text: str) -> str:
    """The paragraphs, each in one line but for those that begin with `\\b`: examples stay as they are."""
    paragraphs = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(each if each.startswith("\b") else each.replace("\n", " ") for each in paragraphs)
