"""`Command`: how a command of the command line says what it takes."""

import inspect
import re
from collections.abc import Iterator
from typing import Any

from typer.core import TyperCommand

__all__ = ["Command"]

_ADDRESS = re.compile(r"\w+://|[\w.-]+:\d+(/|$)")
"""How a URL begins, or what lacks nothing but its scheme to be one."""


class Command(TyperCommand):
    """A command whose help is as wide as the terminal: Typer itself keeps the line breaks of the source."""

    def __init__(self, *given: Any, help: str | None = None, **named: Any):
        super().__init__(*given, help=_flowing(help or ""), **named)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Reads the arguments; an option that only the environment has says how it is set.

        The value of `--otel` may be left out.
        """
        try:
            return super().parse_args(ctx, list(_with_endpoint(args)))
        except Exception as error:
            given = getattr(error, "option_name", None)  # Typer's error for it has no public name
            if given is not None and any("--set" in each.opts for each in self.params):
                name = _env_option(given)
                if name is not None:
                    error.message = f"No such option: {given}. It is the environment's: --set {name}=VALUE"  # type: ignore[attr-defined]
                    error.possibilities = None  # type: ignore[attr-defined]
            raise

    def get_help_option(self, ctx: Any) -> Any:
        """`--help`, in the last of the command's panels instead of one of its own before them."""
        option: Any = super().get_help_option(ctx)
        panels = [getattr(each, "rich_help_panel", None) for each in self.params]
        if option is not None and any(panels):
            option.rich_help_panel = [panel for panel in panels if panel][-1]
        return option


def _with_endpoint(args: list[str]) -> Iterator[str]:
    """The arguments, with an empty value behind `--otel` where no address follows."""
    for at, each in enumerate(args):
        yield each
        if each == "--":
            yield from args[at + 1 :]
            return
        if each == "--otel" and not (at + 1 < len(args) and _ADDRESS.match(args[at + 1])):
            yield ""


def _env_option(given: str) -> str | None:
    """The option of an environment that an option of the command line is named like."""
    from toolgym.options import env_options

    name = given.lstrip("-").replace("-", "_")
    return name if name in env_options() else None


def _flowing(text: str) -> str:
    """The paragraphs, each in one line but for those that begin with `\\b`: examples stay as they are."""
    paragraphs = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(each if each.startswith("\b") else each.replace("\n", " ") for each in paragraphs)
